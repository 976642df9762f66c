"""The controls of `make chaos`: its comparison finds nothing where all is well, and each kind of harm that is done."""

import pytest
from django.core import mail
from django.db import connection

from bookings import services
from bookings.models import Booking, OutboxMail, WebhookDelivery
from experts.models import Slot
from tests.cast import book, join_line, make_expert, make_organization, make_slot, make_webhook
from tests.chaos import verdict
from tests.chaos.ledger import Ledger, Promise
from tests.chaos.pages import Page
from tests.mail import send_mails

pytestmark = pytest.mark.django_db


class Kept:
    """What people were told, what came, and what pages show, of a small life that went well."""

    def __init__(self):
        organization = make_organization(requires_approval=True)
        make_webhook(organization)
        expert = make_expert(organization=organization, timezone="UTC")
        self.slot, other = make_slot(expert, capacity=2), make_slot(expert, at="12:00")
        self.stays, moved, ended = book(self.slot), book(self.slot), book(other)
        services.approve(booking_id=self.stays.pk)
        self.came = self._send()
        services.approve(booking_id=moved.pk)  # its first mail is out of date before it is sent
        services.cancel(booking_id=ended.pk, by_customer=True)
        services.reschedule(booking_id=moved.pk, slot_id=other.pk, by_customer=False)
        self.waits = join_line(other)
        self.came += self._send()
        self.ledger = Ledger(waiting={(self.waits.email, other.pk)})
        for booking in Booking.objects.all():
            self.ledger.acknowledge(booking.reference, Promise(booking.status, booking.slot_id, booking.email))
        WebhookDelivery.objects.update(status="delivered", next_attempt_at=None)
        self.accepted = list(WebhookDelivery.objects.values_list("event_id", flat=True))
        slots = Slot.objects.with_expert().filter(expert=expert)
        tiles = {slot.pk: (str(slot.state), slot.version) for slot in slots}
        self.page = Page(expert.slug, self.slot.date.isoformat(), tiles)

    @staticmethod
    def _send() -> list[tuple[str, float]]:
        before = len(mail.outbox)
        send_mails()
        return [(sent.extra_headers["Message-ID"], _now()) for sent in mail.outbox[before:]]

    def wrong(self) -> list[str]:
        return [
            *verdict.wrong_bookings(self.ledger),
            *verdict.wrong_counters(),
            *verdict.wrong_lines(self.ledger),
            *verdict.wrong_mails(self.came),
            *verdict.wrong_webhooks(self.accepted),
            *verdict.wrong_pages([self.page]),
        ]

    def found(self) -> str:
        """The one thing that is wrong."""
        [line] = self.wrong()
        return line


def _now() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float")
        return cursor.fetchone()[0]


@pytest.fixture
def kept():
    return Kept()


def test_where_all_is_well_nothing_is_found(kept):
    assert kept.wrong() == []
    assert len(kept.came) == 5
    assert not OutboxMail.objects.exists()


def test_a_booking_too_many_in_the_ledger_is_lost(kept):
    kept.ledger.acknowledge("EB-2222-2222", Promise("CONFIRMED", kept.slot.pk, "x@example.com"))
    assert kept.found() == "lost: EB-2222-2222"


def test_a_booking_that_nobody_was_told_of_is_found_unless_its_answer_was_lost(kept):
    del kept.ledger.promises[kept.stays.reference]
    assert kept.found() == f"nobody was told of {kept.stays.reference}"
    kept.ledger.unanswered.add(kept.stays.email)
    assert kept.wrong() == []


def test_a_booking_that_stands_otherwise_than_it_was_told_is_found(kept):
    kept.ledger.promises[kept.stays.reference].status = "PENDING"
    assert "told: PENDING" in kept.found()


def test_a_second_booking_of_one_request_is_found(kept):
    Booking.objects.filter(slot=kept.slot).update(email="twice@example.com")
    Booking.objects.update(email="twice@example.com")
    assert "3 bookings of twice@example.com" in kept.wrong()


def test_a_counter_that_was_changed_by_hand_is_found(kept):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE experts_slot SET seats_booked = 0 WHERE id = %s", [kept.slot.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert f"the counters of slot {kept.slot.pk} are wrong" in kept.wrong()


def test_a_place_in_line_that_is_gone_is_found(kept):
    services.leave_waitlist(entry_id=kept.waits.pk)
    assert kept.found() == f"{kept.waits.email} is 0 times in line"


def test_a_mail_that_was_swallowed_is_found(kept):
    lost = next(mail for mail in kept.came if f"{kept.stays.reference}.confirmed".lower() in mail[0].lower())
    kept.came.remove(lost)
    assert kept.found() == f"a mail is missing: confirmed 0 of {kept.stays.reference}"


def test_a_mail_that_came_after_it_was_true_or_of_which_nothing_is_known_is_found(kept):
    late = next(mail for mail in kept.came if ".pending." in mail[0])
    kept.came.append((late[0], _now() + 10))
    assert "s after it was true" in kept.found()
    kept.came[-1] = ("<eb-2222-2222.confirmed.0.abc@expertbook>", _now())
    assert kept.found() == "nothing has caused <eb-2222-2222.confirmed.0.abc@expertbook>"


def test_a_webhook_that_did_not_arrive_or_was_never_queued_is_found(kept):
    gone = kept.accepted.pop()
    assert kept.found() == f"webhook {gone} (delivered) did not arrive"
    kept.accepted.append(gone)
    WebhookDelivery.objects.filter(type="booking.cancelled").delete()
    assert [line for line in kept.wrong() if "booking.cancelled" in line] == [
        f"booking.cancelled of {Booking.objects.get(status='CANCELLED').reference}: 1 times, told 0 times"
    ]


def test_a_page_that_shows_what_was_is_found(kept):
    kept.page.tiles[kept.slot.pk] = ("open", 1)
    assert "shows slot" in kept.found()
