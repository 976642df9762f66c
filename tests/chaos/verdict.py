"""Compare what people were told, what arrived and what pages show with the database. Each returns what is wrong."""

from collections import Counter
from collections.abc import Iterable, Sequence

from django.db import connection
from django.utils import timezone

from bookings.mail.log import booking_message_id, offer_message_id
from bookings.mail.rules import still_true
from bookings.models import Booking, MailKind, Notification, Status, WaitlistEntry, WebhookDelivery
from experts.models import Slot
from tests.bookings.life import news_of
from tests.chaos.ledger import Ledger
from tests.chaos.pages import Page

# A mail is read, built and handed over; what becomes untrue within that time cannot be known.
ON_ITS_WAY = 5.0  # seconds
COUNTERS = """
    SELECT slot.id FROM experts_slot AS slot LEFT JOIN (
        SELECT taken, sum(seats) FILTER (WHERE status = 'HELD') AS held,
               sum(seats) FILTER (WHERE status <> 'HELD') AS booked
        FROM bookings_booking, unnest(array_append(more_slots, slot_id)) AS taken
        WHERE status IN ('HELD', 'PENDING', 'CONFIRMED', 'COMPLETED', 'NO_SHOW') GROUP BY taken
    ) AS rows ON rows.taken = slot.id
    WHERE (seats_held, seats_booked) <> (coalesce(held, 0), coalesce(booked, 0)) OR seats_held + seats_booked > capacity
"""


def wrong_bookings(ledger: Ledger) -> list[str]:
    """What was acknowledged is there, as it was told and once; nothing else is there but what nobody was answered."""
    rows = {row.reference: row for row in Booking.objects.filter(reference__in=ledger.promises)}
    wrong = [f"lost: {reference}" for reference in ledger.promises.keys() - rows.keys()]
    for reference, row in rows.items():
        promise = ledger.promises[reference]
        if (row.status, row.slot_id) != (promise.status, promise.slot_id):
            wrong.append(f"{reference} is {row.status} in {row.slot_id}, told: {promise.status} in {promise.slot_id}")
    shown = Booking.objects.exclude(status=Status.HELD).exclude(status=Status.EXPIRED, sequence=0)
    for reference, email in shown.exclude(reference__in=ledger.promises).values_list("reference", "email"):
        if email not in ledger.unanswered:
            wrong.append(f"nobody was told of {reference}")
    by_person = Counter(shown.exclude(email="").values_list("email", flat=True))
    return wrong + [f"{count} bookings of {email}" for email, count in by_person.items() if count > 1]


def wrong_counters() -> list[str]:
    """No slot is above its capacity, and its counters are what its bookings say."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTERS)
        return [f"the counters of slot {slot_id} are wrong" for (slot_id,) in cursor.fetchall()]


def wrong_lines(ledger: Ledger) -> list[str]:
    """Who was told to be in line is in it, once, or has an offer."""
    entries = WaitlistEntry.objects.exclude(status__in=[WaitlistEntry.Status.UNPROVEN, WaitlistEntry.Status.LEFT])
    there = Counter(entries.values_list("email", "slot_id"))
    return [
        f"{email} is {there[email, slot]} times in line" for email, slot in ledger.waiting if there[email, slot] != 1
    ]


def wrong_mails(came: Sequence[tuple[str, float]]) -> list[str]:
    """Each mail that is due came, none came that nothing has caused, and none after it had stopped being true.

    ``came``: Message-ID, in any case, and the time (seconds since 1970) of each mail.
    """
    times: dict[str, list[float]] = {}
    for message_id, at in came:
        times.setdefault(message_id.lower(), []).append(at)
    logged = dict(Notification.objects.values_list("message_id", "status"))
    wrong, expected, now = [], set(), timezone.now()
    bookings = (
        Booking.objects.exclude(email="").exclude(status=Status.HELD).select_related("slot__expert__organization")
    )
    for booking in bookings:
        as_it_is = booking.status, booking.sequence
        for kind, sequence, _at in news_of(booking):
            message_id = booking_message_id(booking.reference, MailKind(kind), sequence, booking.email)
            expected.add(message_id)
            booking.status, booking.sequence = as_it_is
            arrived = times.get(message_id, [])
            if still_true(MailKind(kind), booking, sequence, now):
                if not arrived:
                    wrong.append(f"a mail is missing: {kind} {sequence} of {booking.reference}")
                continue
            if not arrived and logged.get(message_id) != Notification.Status.SKIPPED:
                wrong.append(
                    f"a mail is neither sent nor noted as out of date: {kind} {sequence} of {booking.reference}"
                )
            end = _end_of(booking, MailKind(kind), sequence)
            wrong += [
                f"{kind} {sequence} of {booking.reference} came {at - end:.1f} s after it was true"
                for at in arrived
                if at > end + ON_ITS_WAY
            ]
    customers = {f".{kind}." for kind in ("pending", "confirmed", "rejected", "cancelled", "rescheduled", "expired")}
    for message_id in times.keys() - expected:
        if any(part in message_id for part in customers) and not message_id.startswith("<waitlist"):
            wrong.append(f"nothing has caused {message_id}")
    return wrong


def _end_of(booking: Booking, kind: MailKind, sequence: int) -> float:
    """When a mail that was true once stopped being so, in seconds since 1970."""
    was_true = False
    for status, then, at in booking.events.order_by("pgh_id").values_list("status", "sequence", "pgh_created_at"):
        booking.status, booking.sequence = status, then
        is_true = still_true(kind, booking, sequence, at)
        if was_true and not is_true:
            return at.timestamp()
        was_true = was_true or is_true
    raise AssertionError(f"{kind} {sequence} of {booking.reference} was never true")


def missing_offers(came: Sequence[tuple[str, float]]) -> list[str]:
    """Who is offered a seat is told so."""
    times = {message_id.lower() for message_id, _at in came}
    offered = WaitlistEntry.objects.offered().select_related("hold")
    return [f"an offer is missing: {entry.email}" for entry in offered if offer_message_id(entry).lower() not in times]


def wrong_webhooks(accepted: Iterable[str]) -> list[str]:
    """Each event is told at least once, and nothing that did not happen. ``accepted``: ids of what a receiver took."""
    taken = set(accepted)
    rows = dict(WebhookDelivery.objects.values_list("event_id", "status"))
    wrong = [
        f"webhook {event_id} ({status}) did not arrive" for event_id, status in rows.items() if event_id not in taken
    ]
    wrong += [f"webhook {event_id} is of nothing" for event_id in taken - rows.keys()]
    told = Counter(
        (kind, payload["data"]["reference"])
        for kind, payload in WebhookDelivery.objects.filter(type__startswith="booking.").values_list("type", "payload")
    )
    happened = Counter(
        (kind, booking.reference)
        for booking in Booking.objects.exclude(status=Status.HELD)
        for kind in _events_of(booking)
    )
    for kind, reference in told.keys() | happened.keys():
        if told[kind, reference] != happened[kind, reference]:
            wrong.append(
                f"{kind} of {reference}: {happened[kind, reference]} times, told {told[kind, reference]} times"
            )
    return wrong


def _events_of(booking: Booking) -> list[str]:
    """What webhooks have to tell of a booking, by its mails: the same things happened."""
    found = []
    for kind, _sequence, _at in news_of(booking):
        if not found and kind in ("pending", "confirmed"):
            found.append("booking.created")
        if kind != "pending":
            found.append(f"booking.{kind}")
    return found


def wrong_pages(pages: Iterable[Page]) -> list[str]:
    """Each open page shows its day as the database has it."""
    now, wrong = timezone.now(), []
    for page in pages:
        slots = Slot.objects.with_expert().filter(expert__slug=page.slug, date=page.day)
        for slot in slots:
            shown, there = page.tiles.get(slot.pk), (str(slot.state_at(now)), slot.version)
            if shown != there:
                wrong.append(f"the page of {page.slug} on {page.day} shows slot {slot.pk} as {shown}, it is {there}")
    return wrong
