"""What is kept about a person with a booking: the booking, its history, mails, webhooks, answers and other times.

A booking is not deleted: its seats, status and slot count for the calendar and for statistics. Whose it was is taken
out of it.
"""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Lower, Now
from pghistory.models import Context

from bookings.models import Answer, Booking, Idempotency, Notification, Rescue, WebhookDelivery
from bookings.models.booking_queryset import BookingQuerySet
from bookings.privacy.registry import MOST_EXPORTED, Rows, Subject
from bookings.privacy.rows import delete_some, instant_text, with_address
from bookings.selectors.place import whole_place
from bookings.services.effects import publish_to_visitor

_NOBODY: dict[str, Any] = {
    "name": "",
    "email": "",
    "phone": "",
    "reason": "",
    "timezone": "",
}  # the history has no more
_HistoryRow = Booking.pgh_event_model


# Bookings


def bookings_of(subject: Subject) -> BookingQuerySet:
    """What was booked with the address, holds and requests too, unless it got this address later than ``subject.at``.

    The history knows when: a hold from before may have become a booking after.
    """
    rows: Any = with_address(Booking.objects.not_erased(), subject, organization="slot__expert__organization_id")
    named = _HistoryRow.objects.filter(pgh_obj=OuterRef("pk")).annotate(address=Lower("email"))
    named = named.filter(address=Lower(Value(subject.address)))
    by_then = Exists(named.filter(pgh_created_at__lte=subject.at))
    # Without a history, which may be too old to be there, the time at which it was made must do.
    later = Exists(named.filter(pgh_created_at__gt=subject.at))
    found: BookingQuerySet = rows.filter(created_at__lte=subject.at).filter(by_then | ~later)
    return found


def export_bookings(subject: Subject) -> Rows:
    rows = bookings_of(subject).select_related("slot__expert__organization", "second_expert")
    rows = rows.order_by("slot__starts_at", "pk")
    return [
        {
            "reference": row.reference,
            "status": row.status,
            "organization": row.slot.expert.organization.name,
            "expert": row.with_whom,
            "starts_at": instant_text(row.slot.starts_at),
            "ends_at": instant_text(row.ends_at),
            "date": row.slot.date.isoformat(),
            "time": row.slot.time.isoformat("minutes"),
            "time_zone_of_expert": row.slot.expert.timezone,
            "session": row.title,
            "price": row.price,
            "place": whole_place(row).note if row.terms else "",
            "seats": row.seats,
            "name": row.name,
            "email": row.email,
            "phone": row.phone,
            "notes": row.notes,
            "message_to_you": row.reason,
            "your_reason": row.get_cancel_reason_display() if row.cancel_reason else "",
            "language": row.language,
            "time_zone": row.timezone,
            "network": row.network or "",
            "source": row.source,
            "link_asked_because": row.get_proof_reason_display() if row.proof_reason else "",
            "created_at": instant_text(row.created_at),
        }
        for row in rows[:MOST_EXPORTED]
    ]


def erase_rows_of_bookings(keys: Collection[int]) -> int:
    """Take the person out of bookings. Their pages look again."""
    rows = Booking.objects.not_erased().filter(pk__in=keys)
    browsers = set(rows.order_by().values_list("holder", flat=True).distinct())
    count = rows.update(**_NOBODY, notes="", holder="", network=None, erased_at=Now())
    for browser in browsers:
        publish_to_visitor(browser)
    return count


# The history of bookings


def history_of(subject: Subject) -> QuerySet[Any]:
    # The index leaves out holds, which nobody has named.
    named = _HistoryRow.objects.exclude(email="")
    rows = with_address(named, subject, organization="slot__expert__organization_id")
    return rows.filter(pgh_created_at__lte=subject.at)


def export_history(subject: Subject) -> Rows:
    rows = history_of(subject).select_related("slot").order_by("pgh_id")
    return [
        {
            "reference": row.reference,
            "at": instant_text(row.pgh_created_at),
            "status": row.status,
            "starts_at": instant_text(row.slot.starts_at) if row.slot else "",
            "seats": row.seats,
            "name": row.name,
            "email": row.email,
            "phone": row.phone,
            "message_to_you": row.reason,
        }
        for row in rows[:MOST_EXPORTED]
    ]


def erase_history(subject: Subject, most: int) -> int:
    """The address that a booking had before it was corrected. The rest of the history goes with its booking."""
    mine = Booking.objects.filter(pk=OuterRef("pgh_obj_id")).annotate(address=Lower("email"))
    mine = mine.filter(address=Lower(Value(subject.address)))
    found = history_of(subject).filter(~Exists(mine))
    keys = list(found.order_by("pgh_id").values_list("pgh_id", flat=True)[:most])
    rows = _HistoryRow.objects.filter(pgh_id__in=keys)
    _forget_in_contexts(rows)
    count: int = rows.update(**_NOBODY)
    return count


def erase_history_of_bookings(keys: Collection[int]) -> int:
    events = _HistoryRow.objects.filter(pgh_obj_id__in=keys)
    _forget_in_contexts(events)
    count: int = events.exclude(**_NOBODY).update(**_NOBODY)
    return count


def _forget_in_contexts(events: QuerySet[Any]) -> None:
    """Take addresses out of the notes of who did it and from where. None is meant to be in there."""
    addresses = {email.lower() for email in events.order_by().values_list("email", flat=True).distinct() if email}
    contexts = Context.objects.filter(pk__in=events.exclude(pgh_context=None).order_by().values("pgh_context_id"))
    for context in contexts:
        kept = {name: value for name, value in context.metadata.items() if not _holds_any(value, addresses)}
        if kept != context.metadata:
            context.metadata = kept
            context.save(update_fields=["metadata"])


def _holds_any(value: Any, addresses: set[str]) -> bool:
    text = str(value).lower()
    return any(address in text for address in addresses)


# E-mails


def mails_of(subject: Subject) -> QuerySet[Notification]:
    rows: QuerySet[Notification] = with_address(
        Notification.objects.filter(audience=Notification.Audience.CUSTOMER),
        subject,
        field="to",
        organization="booking__slot__expert__organization_id",
    )
    return rows


def export_mails(subject: Subject) -> Rows:
    rows = mails_of(subject).select_related("booking").order_by("pk")
    return [
        {
            "reference": row.booking.reference if row.booking else "",
            "about": row.get_kind_display(),
            "to": row.to,
            "status": row.get_status_display(),
            "attempts": row.attempts,
            "sent_at": instant_text(row.sent_at),
            "created_at": instant_text(row.created_at),
        }
        for row in rows[:MOST_EXPORTED]
    ]


def erase_mails(subject: Subject, most: int) -> int:
    """All but those about a booking that still has the address."""
    rows = mails_of(subject).exclude(pk__in=mails_of(subject).filter(booking__email__iexact=subject.address))
    return delete_some(rows, most)


def erase_mails_of_bookings(keys: Collection[int]) -> int:
    return Notification.objects.filter(booking__in=keys, audience=Notification.Audience.CUSTOMER).delete()[0]


# Webhooks


def export_webhooks(subject: Subject) -> Rows:
    references = list(bookings_of(subject).values_list("reference", flat=True)[:MOST_EXPORTED])
    rows = deliveries_of(references).select_related("endpoint").order_by("pk")
    return [
        {
            "reference": row.payload["data"]["reference"],
            "event": row.type,
            "receiver": str(row.endpoint).partition("/")[0],
            "status": row.get_status_display(),
            "name_and_contact_were_sent": "contact" in row.payload["data"],
            "answers_were_sent": "answers" in row.payload["data"],
            "created_at": instant_text(row.created_at),
        }
        for row in rows[:MOST_EXPORTED]
    ]


def erase_webhooks_of_bookings(keys: Collection[int]) -> int:
    """What was, or will be, sent names the booking and nobody in it; a receiver's answer may repeat what it got."""
    return _forget_contacts(
        deliveries_of(list(Booking.objects.filter(pk__in=keys).values_list("reference", flat=True)))
    )


def erase_webhooks(subject: Subject, most: int) -> int:
    """What was sent of a booking before its address was corrected."""
    history = history_of(subject).values("pgh_obj_id")
    corrected = Booking.objects.exclude(email__iexact=subject.address).filter(pk__in=history)
    rows = deliveries_of(list(corrected.values_list("reference", flat=True)[:MOST_EXPORTED]))
    rows = rows.alias(contact=Lower(KT("payload__data__contact__email"))).filter(contact=subject.address)
    return _forget_contacts(rows.filter(pk__in=list(rows.order_by("pk").values_list("pk", flat=True)[:most])))


def _forget_contacts(rows: QuerySet[WebhookDelivery]) -> int:
    changed = []
    with transaction.atomic():
        for row in rows.order_by("pk").select_for_update(no_key=True, of=["self"]):
            personal = [row.payload["data"].pop(name, None) for name in ("contact", "answers")]
            if any(part is not None for part in personal) or row.response:
                row.response = ""
                changed.append(row)
        return WebhookDelivery.objects.bulk_update(changed, ["payload", "response"], batch_size=500)


def deliveries_of(references: list[str]) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.alias(reference=KT("payload__data__reference")).filter(reference__in=references)


# What was answered to an organisation's questions


def export_questions(subject: Subject) -> Rows:
    bookings = bookings_of(subject).order_by().values("pk")
    rows = (
        Answer.objects.filter(booking__in=bookings).select_related("booking").order_by("booking_id", "position", "pk")
    )
    return [
        {
            "reference": row.booking.reference,
            "question": row.label,
            "wording": row.wording,
            "answer": row.text,
            "answered_at": instant_text(row.answered_at),
        }
        for row in rows.select_related("booking")[:MOST_EXPORTED]
    ]


def erase_questions_of_bookings(keys: Collection[int]) -> int:
    return Answer.objects.filter(booking__in=keys).delete()[0]


# What staff have done where a session could not take place


def export_rescues(subject: Subject) -> Rows:
    rows = Rescue.objects.filter(booking__in=bookings_of(subject).order_by().values("pk"))
    return [
        {
            "reference": row.booking.reference,
            "what": row.get_state_display(),
            "starts_at": instant_text(row.was_at),
            "message_to_you": row.message,
            "reached_at": instant_text(row.reached_at),
            "created_at": instant_text(row.created_at),
        }
        for row in rows.select_related("booking").order_by("pk")[:MOST_EXPORTED]
    ]


def erase_rescues_of_bookings(keys: Collection[int]) -> int:
    return Rescue.objects.filter(booking__in=keys).exclude(message="").update(message="")


# Answers that are kept for whoever repeats a request


def erase_answers_of_bookings(keys: Collection[int]) -> int:
    return Idempotency.objects.filter(booking__in=keys).delete()[0]
