"""Each change of a booking has its mail, queued with it and sent only while it is true."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services
from bookings.mail.rules import MailKind
from bookings.models import Booking, Notification, OutboxMail, Status
from tests.cast import book, make_booking, make_expert, make_organization, make_slot
from tests.mail import send_mail, send_mails

pytestmark = pytest.mark.django_db


@pytest.fixture
def expert():
    organization = make_organization(name="Hale & Partners", contact_email="desk@example.com")
    return make_expert(name="Priya <Raman>", organization=organization)


@pytest.fixture
def work(mailoutbox):
    """Send what waits; the new mails, to customers unless told otherwise."""

    def work_off(audience="customer") -> list:
        before = len(mailoutbox)
        send_mails()
        ids = set(Notification.objects.filter(audience=audience).values_list("message_id", flat=True))
        return [mail for mail in mailoutbox[before:] if mail.extra_headers["Message-ID"] in ids]

    return work_off


def subjects(mails):
    return [mail.subject.partition(":")[0] for mail in mails]


def bodies(mail):
    return mail.body, mail.alternatives[0][0].replace("&amp;", "&")


class TestEachChangeHasItsMail:
    def test_confirmed(self, expert, work):
        book(make_slot(expert))
        [mail] = work()
        assert mail.subject.startswith("You're booked: Priya <Raman>, ")
        for body in bodies(mail):
            assert "Free to move or cancel until" in body

    def test_pending_then_approved(self, expert, work):
        expert.requires_approval = True
        expert.save()
        booking = book(make_slot(expert))
        assert subjects(work()) == ["Request sent"]
        services.approve(booking_id=booking.pk)
        assert subjects(work()) == ["You're booked"]

    def test_rejected_with_the_reason_of_staff(self, expert, work):
        booking = make_booking(make_slot(expert), status=Status.PENDING)
        services.reject(booking_id=booking.pk, reason="No <new> clients\nat the moment")
        [mail] = work()
        assert mail.subject.startswith("Declined: ")
        assert "Hale & Partners writes:\nNo <new> clients\nat the moment" in mail.body
        text, html = bodies(mail)
        assert "No &lt;new&gt; clients<br>at the moment" in html
        assert "Free to move" not in text + html

    @pytest.mark.parametrize("by_customer", [True, False])
    def test_cancelled(self, expert, work, by_customer):
        booking = book(make_slot(expert))
        work()
        services.cancel(booking_id=booking.pk, by_customer=by_customer, reason="" if by_customer else "Ill")
        [mail] = work()
        assert mail.subject.startswith("Cancelled: ")
        assert ("writes:" in mail.body) != by_customer

    def test_rescheduled_names_both_times(self, expert, work):
        booking = book(make_slot(expert, at="09:00"))
        work()
        services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at="15:00").pk, by_customer=True)
        [mail] = work()
        assert mail.subject.startswith("Moved: ")
        for body in bodies(mail):
            assert re.search(r"15:00 – 15:30.*Before: .* 09:00 – 09:30", body, re.DOTALL)

    def test_rescheduled_with_the_reason_of_staff(self, expert, work):
        booking = make_booking(make_slot(expert, at="09:00"), status=Status.PENDING)
        slot = make_slot(expert, at="15:00")
        services.reschedule(booking_id=booking.pk, slot_id=slot.pk, by_customer=False, reason="Our lift is <broken>")
        [mail] = work()
        assert "Hale & Partners writes:\nOur lift is <broken>" in mail.body
        assert "Our lift is &lt;broken&gt;" in bodies(mail)[1]
        Booking.objects.update(expires_at=timezone.now())
        assert services.expire(booking_id=booking.pk)
        [mail] = work()
        assert "lift" not in mail.body, "that was the reason of the move"

    def test_a_request_that_expired(self, expert, work):
        booking = make_booking(make_slot(expert), status=Status.PENDING, expires_at=timezone.now())
        assert services.expire(booking_id=booking.pk)
        [mail] = work()
        assert mail.subject.startswith("Expired: ")
        assert "did not answer your request" in mail.body

    def test_a_hold_that_ran_out_is_no_news(self, expert, work):
        held = services.hold_slot(slot_id=make_slot(expert).pk, visitor="v" * 32)
        Booking.objects.update(expires_at=timezone.now())
        assert services.expire(booking_id=held.pk)
        assert work() == []

    def test_a_corrected_address_gets_the_mail(self, expert, work):
        booking = book(make_slot(expert))
        work()
        services.change_details(booking_id=booking.pk, name="Lena", email="new@example.com", phone="", notes="")
        [mail] = work()
        assert mail.to == ["new@example.com"]

    def test_what_is_over_is_not_written_about(self, expert, work):
        booking = make_booking(make_slot(expert, starts_at=timezone.now() - timedelta(hours=2)))
        services.complete(booking_id=booking.pk)
        services.mark_no_show(booking_id=booking.pk)
        assert work() == []


class TestOnlyWhatIsTrue:
    def test_cancelled_before_the_confirmation_left(self, expert, work):
        booking = book(make_slot(expert))
        services.cancel(booking_id=booking.pk, by_customer=True)
        assert subjects(work()) == ["Cancelled"]

    def test_moved_twice_in_a_moment_is_one_mail(self, expert, work):
        booking = book(make_slot(expert, at="09:00"))
        for at in ("11:00", "15:00"):
            services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at=at).pk, by_customer=True)
        assert subjects(work()) == ["Moved"]

    @pytest.mark.parametrize("kind", list(MailKind))
    @pytest.mark.parametrize("status", list(Status))
    def test_no_mail_says_what_is_not_so(self, expert, mailoutbox, kind, status):
        booking = make_booking(make_slot(expert), status=status, expires_at=timezone.now() + timedelta(hours=1))
        send_mail(booking, kind.value, 0)
        true = {
            Status.PENDING: {MailKind.PENDING, MailKind.RESCHEDULED, MailKind.STAFF_REQUEST},
            Status.CONFIRMED: {
                MailKind.CONFIRMED,
                MailKind.RESCHEDULED,
                MailKind.REMINDER_DAY,
                MailKind.REMINDER_HOUR,
                MailKind.STAFF_MOVED,
            },
            Status.REJECTED: {MailKind.REJECTED},
            Status.CANCELLED: {MailKind.CANCELLED},
            Status.EXPIRED: {MailKind.EXPIRED, MailKind.STAFF_EXPIRED},
        }
        assert len(mailoutbox) == (kind in true.get(status, ()))

    @pytest.mark.parametrize("kind", [MailKind.CONFIRMED, MailKind.RESCHEDULED])
    def test_nothing_is_announced_that_is_over(self, expert, mailoutbox, kind):
        booking = make_booking(make_slot(expert, starts_at=timezone.now() - timedelta(hours=2)))
        send_mail(booking, kind.value, 0)
        assert mailoutbox == []


def test_message_ids_are_stable_and_differ_by_kind_and_state(expert, work, mailoutbox):
    booking = book(make_slot(expert, at="09:00"))
    work()
    for at in ("11:00", "15:00"):
        services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at=at).pk, by_customer=True)
        work()
    services.cancel(booking_id=booking.pk, by_customer=True)
    work()
    ids = [mail.extra_headers["Message-ID"] for mail in mailoutbox if mail.to == [booking.email]]
    assert len(set(ids)) == len(ids) == 4
    Notification.objects.filter(message_id=ids[-1]).update(status="failed")
    before = len(mailoutbox)
    send_mail(booking, "cancelled", 3)
    assert len(mailoutbox) == before + 1
    assert mailoutbox[-1].extra_headers["Message-ID"] == ids[-1]


def test_neither_jobs_nor_the_outbox_hold_an_address(expert):
    expert.requires_approval = True
    expert.save()
    booking = book(make_slot(expert), name="Lena Secret", email="secret@example.com")
    services.cancel(booking_id=booking.pk, by_customer=True)
    assert OutboxMail.objects.count() == 3
    assert "ecret" not in str(OutboxMail.objects.values())
    assert not ProcrastinateJob.objects.exists()


def test_the_reason_is_on_the_booking_page(client, expert):
    client.get("/bookings/link/x/")
    visitor = client.cookies["visitor"].value.split(":")[0]
    booking = make_booking(make_slot(expert), holder=visitor, status=Status.PENDING)
    services.reject(booking_id=booking.pk, reason="No <new> clients")
    assert "No &lt;new&gt; clients" in client.get(f"/bookings/{booking.reference}/").content.decode()
