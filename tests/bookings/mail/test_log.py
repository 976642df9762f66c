"""The log of e-mails: one row for each mail and recipient, true whatever becomes of the mail server or the worker."""

import smtplib
from datetime import timedelta

import pytest
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from django.utils import timezone

from bookings import services, tasks
from bookings.mail import building, outbox
from bookings.mail.log import MailNotSentError
from bookings.models import Booking, LookupRequest, Notification, OutboxMail, Status
from tests.cast import book, make_booking, make_expert, make_organization, make_slot
from tests.mail import send_mail, send_mails, waiting

pytestmark = pytest.mark.django_db


class BrokenServer(EmailBackend):
    """Raises what ``error`` holds, with the address in its words as mail servers do, as long as there is something."""

    error: Exception | None = None

    def send_messages(self, messages):
        if self.error:
            raise self.error
        return super().send_messages(messages)


@pytest.fixture
def server(settings):
    settings.EMAIL_BACKEND = "tests.bookings.mail.test_log.BrokenServer"
    yield BrokenServer
    BrokenServer.error = None


def send(booking, kind="confirmed"):
    send_mail(booking, kind)


def is_tried_again() -> bool:
    """Whether the mail that was just sent waits for another attempt."""
    return OutboxMail.objects.exists()


def log():
    return list(Notification.objects.order_by("pk").values_list("kind", "to", "status", "attempts", "last_error"))


def refused(code):
    return smtplib.SMTPRecipientsRefused({"lena@example.com": (code, b"<lena@example.com> no")})


def test_a_mail_that_was_sent_is_logged_without_its_words(mailoutbox):
    booking = book(make_slot(), email="lena@example.com", name="Lena Fischer")
    send(booking)
    [row] = Notification.objects.all()
    assert row.booking == booking
    assert row.message_id == mailoutbox[0].extra_headers["Message-ID"]
    assert (row.audience, row.status, row.attempts, row.to) == ("customer", "sent", 1, "lena@example.com")
    assert row.created_at <= row.last_attempt_at <= row.sent_at <= timezone.now()
    assert "Fischer" not in str(Notification.objects.values())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError("lena@example.com"), "ConnectionRefusedError"),
        (smtplib.SMTPDataError(451, b"<lena@example.com> try later"), "SMTPDataError 451"),
        (refused(450), "SMTPRecipientsRefused 450"),
    ],
    ids=["refused connection", "451", "450"],
)
def test_each_attempt_that_failed_is_logged_without_the_address(server, mailoutbox, error, words):
    booking = book(make_slot(), email="lena@example.com")
    server.error = error
    for attempt in (1, 2):
        send(booking)
        assert is_tried_again()
        assert log() == [("confirmed", "lena@example.com", "failed", attempt, words)]
    server.error = None
    send(booking)
    assert not is_tried_again()
    assert log() == [("confirmed", "lena@example.com", "sent", 3, "")]
    assert len(mailoutbox) == 1


def test_an_address_that_does_not_exist_is_not_tried_again(server):
    booking = book(make_slot())
    server.error = refused(550)
    send(booking)
    assert not is_tried_again()
    assert [(status, words) for _, _, status, _, words in log()] == [("failed", "SMTPRecipientsRefused 550")]


def test_nor_by_a_job(server):
    request = LookupRequest.objects.create(visitor="v" * 32, email=book(make_slot()).email)
    server.error = refused(550)
    with pytest.raises(MailNotSentError) as raised:
        tasks.send_lookup_link(request_id=request.pk)

    class FirstAttempt:
        attempts = 0

    assert tasks.BackOff().get_retry_decision(exception=raised.value, job=FirstAttempt) is None


def test_a_mistake_of_ours_is_logged_too(monkeypatch, caplog):
    booking = book(make_slot(), email="lena@example.com")

    def broken(*args):
        raise KeyError(booking.email)

    monkeypatch.setattr(building, "times_of", broken)
    send(booking)
    assert is_tried_again()
    assert log() == [("confirmed", "lena@example.com", "failed", 1, "KeyError")]
    assert "KeyError" in caplog.text
    assert "in broken" in caplog.text, "where it happened"
    assert "lena@example.com" not in caplog.text


def test_a_mail_that_is_queued_twice_is_sent_once(mailoutbox):
    booking = book(make_slot())
    send(booking)
    send(booking)
    assert len(mailoutbox) == 1
    assert Notification.objects.get().attempts == 1


def test_killed_before_its_note_a_worker_sends_it_again_with_the_same_message_id(mailoutbox, monkeypatch):
    book(make_slot())

    def die(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(outbox.log, "sent", die)
    with pytest.raises(KeyboardInterrupt):
        send_mails()
    assert Notification.objects.get().status == "sending"
    monkeypatch.undo()
    send_mails()
    assert len(mailoutbox) == 1, "it is still the other worker's"
    OutboxMail.objects.update(due_at=timezone.now())  # two minutes later
    send_mails()
    assert not is_tried_again()
    assert len({mail.extra_headers["Message-ID"] for mail in mailoutbox}) == 1
    assert len(mailoutbox) == 2
    assert [(status, attempts) for _, _, status, attempts, _ in log()] == [("sent", 2)]


def test_what_is_no_longer_true_is_logged_as_such(server, mailoutbox):
    booking = book(make_slot(), email="lena@example.com")
    server.error = ConnectionRefusedError()
    send(booking)
    server.error = None
    services.cancel(booking_id=booking.pk, by_customer=True)
    send(booking)
    assert log() == [("confirmed", "lena@example.com", "skipped", 1, "ConnectionRefusedError")]
    assert mailoutbox == []


def test_what_was_sent_stays_sent():
    booking = book(make_slot())
    send(booking)
    services.cancel(booking_id=booking.pk, by_customer=True)
    send(booking)
    assert Notification.objects.get().status == "sent"


def _staff(*addresses):
    return lambda experts: {expert: list(addresses) for expert in experts}


def test_each_recipient_has_a_mail_of_their_own(server, mailoutbox, monkeypatch):
    monkeypatch.setattr("bookings.mail.recipients.staff_recipients", _staff("one@example.com", "two@example.com"))
    booking = book(make_slot(make_expert(requires_approval=True)), email="lena@example.com")
    send(booking, "pending")
    send(booking, "staff_request")
    assert [mail.recipients() for mail in mailoutbox] == [
        ["lena@example.com"],
        ["one@example.com"],
        ["two@example.com"],
    ]
    assert len({mail.extra_headers["Message-ID"] for mail in mailoutbox}) == 3


def test_one_bad_address_keeps_the_mail_from_none_of_the_others(server, mailoutbox, monkeypatch):
    monkeypatch.setattr("bookings.mail.recipients.staff_recipients", _staff("bad@example.com", "two@example.com"))
    booking = book(make_slot(make_expert(requires_approval=True)))

    def picky(self, messages):
        if messages[0].to == ["bad@example.com"]:
            raise refused(450)
        return EmailBackend.send_messages(self, messages)

    monkeypatch.setattr(server, "send_messages", picky)
    for _ in range(2):
        send(booking, "staff_request")
        assert is_tried_again()
    assert [mail.to for mail in mailoutbox] == [["two@example.com"]]
    assert [(to, status, attempts) for _, to, status, attempts, _ in log()] == [
        ("bad@example.com", "failed", 2),
        ("two@example.com", "sent", 1),
    ]


def test_a_look_up_link_is_logged_without_a_booking(mailoutbox):
    booking = make_booking(make_slot(), email="lena@example.com")
    request = LookupRequest.objects.create(visitor="v" * 32, email=booking.email)
    for _ in range(2):
        tasks.send_lookup_link(request_id=request.pk)
    assert log() == [("lookup", "lena@example.com", "sent", 1, "")]
    assert Notification.objects.get().booking is None
    assert len(mailoutbox) == 1


def test_without_an_address_there_is_nothing_to_log():
    send(make_booking(make_slot(), email="", source="staff"))
    send(make_booking(make_slot(make_expert(organization=make_organization())), status=Status.PENDING), "staff_request")
    assert log() == []


def test_the_log_goes_with_its_booking():
    booking = book(make_slot())
    send(booking)
    Booking.objects.filter(pk=booking.pk).delete()
    assert log() == []


def test_nothing_is_queued_when_the_change_is_undone():
    organization = make_organization(contact_email="desk@example.com", requires_approval=True)
    booking = book(make_slot(make_expert(organization=organization)))
    before = waiting()
    with pytest.raises(RuntimeError), transaction.atomic():
        services.approve(booking_id=booking.pk)
        assert waiting() == [*before, (booking.pk, "confirmed", 0)]
        raise RuntimeError
    assert waiting() == before


def test_attempts_go_on_for_a_day_and_come_at_least_every_half_hour():
    waits = [tasks.BackOff().wait_after(attempts) for attempts in range(tasks.BackOff.MOST_ATTEMPTS)]
    assert waits[:4] == [2, 4, 8, 16]
    assert max(waits) == timedelta(minutes=30).total_seconds()
    assert timedelta(hours=24) < timedelta(seconds=sum(waits)) < timedelta(hours=36)


def test_jobs_of_dead_workers_are_looked_for_every_minute():
    """That they are done is shown with real workers in tests/concurrency/test_worker.py."""
    periodic = {task.task.name: task.cron for task in tasks.app.periodic_registry.periodic_tasks.values()}
    assert periodic[tasks.recover.name] == "* * * * *"
