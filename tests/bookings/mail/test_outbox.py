"""The outbox: what waits there is sent in batches, each in a handful of statements and over one connection."""

import io
import logging
from datetime import timedelta
from importlib import import_module

import pytest
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services, tasks
from bookings.mail import outbox
from bookings.models import MailKind, Notification, OutboxMail, ReminderMark, Status
from bookings.queue import BackOff, defer
from bookings.services.effects import queue_mails
from bookingsite.logs import TokenlessFormatter
from experts.models import Role
from tests.cast import day_ahead, make_booking, make_expert, make_organization, make_slot
from tests.mail import send_mails, waiting
from tests.smtp import MailServer
from tests.staff import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings):
    server = MailServer()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    yield server
    server.stop()


def log() -> list:
    return list(Notification.objects.order_by("pk").values_list("status", "attempts", "last_error"))


def make_batch(count: int) -> list:
    """Bookings of different experts in different organisations, each with a mail that waits."""
    bookings = [make_booking(make_slot()) for _ in range(count)]
    queue_mails((booking, MailKind.CONFIRMED) for booking in bookings)
    return bookings


def test_any_number_of_mails_is_queued_by_one_statement(django_assert_num_queries):
    bookings = [make_booking(make_slot()) for _ in range(3)]
    with django_assert_num_queries(1):
        queue_mails((booking, kind) for booking in bookings for kind in (MailKind.CONFIRMED, MailKind.RESCHEDULED))
    assert waiting() == [(booking.pk, kind, 0) for booking in bookings for kind in ("confirmed", "rescheduled")]
    with django_assert_num_queries(0):
        queue_mails([])


@pytest.mark.parametrize("count", [1, 20])
def test_a_batch_takes_eight_statements_whatever_its_size(django_assert_num_queries, mailoutbox, settings, count):
    settings.RATE_LIMITS = True
    make_batch(count)
    # claim, read, log that it begins, who is proven or spared, count, read words, log that it was sent, delete
    with django_assert_num_queries(8):
        assert outbox.send_due() == count
    assert len(mailoutbox) == count
    with django_assert_num_queries(1):
        assert outbox.send_due() == 0


@pytest.mark.parametrize("count", [1, 5])
def test_staff_and_old_times_are_read_for_all_at_once(django_assert_num_queries, mailoutbox, count):
    for number in range(count):
        organization = make_organization()
        make_member(organization, Role.OWNER, email=f"owner{number}@example.com")
        expert = make_expert(organization=organization)
        request = make_booking(make_slot(expert, at="09:00"), status=Status.PENDING)
        services.reschedule(booking_id=request.pk, slot_id=make_slot(expert, at="15:00").pk, by_customer=True)
    with django_assert_num_queries(
        11
    ):  # as above, uncounted; who answers; history and slots of before; what was approved once
        outbox.send_due()
    assert len(mailoutbox) == 2 * count
    assert sum("Before:" in mail.body for mail in mailoutbox) == 2 * count


def test_a_batch_takes_one_connection(server):
    bookings = make_batch(3)
    send_mails()
    assert [mail["To"] for mail in server.taken] == [booking.email for booking in bookings]
    assert server.connections == 1


def test_a_server_that_wants_a_new_connection_gets_one(server):
    """Many take so many mails of one connection and no more."""
    server.most_in_one = 2
    make_batch(5)
    send_mails()
    assert len(server.taken) == 5
    assert server.connections == 3
    assert log() == [("sent", 1, "")] * 5


def test_a_server_that_is_away_is_asked_once_for_a_batch_and_named_in_the_log(server, caplog):
    server.mode = "refuses"
    make_batch(3)
    assert outbox.send_due() == 3
    assert server.connections == 1
    [record] = caplog.records
    assert record.getMessage() == "The mail server cannot be reached, it is tried again: SMTPConnectError 421."
    assert record.seldom  # once a minute
    assert log() == [("failed", 1, "SMTPConnectError 421")] * 3
    for mail in OutboxMail.objects.all():
        assert timedelta(0) < mail.due_at - timezone.now() < timedelta(seconds=3)


def test_each_failure_waits_longer(server):
    server.mode = "refuses"
    make_batch(1)
    for attempts in range(5):
        OutboxMail.objects.update(due_at=timezone.now())
        outbox.send_due()
        wait = timedelta(seconds=BackOff().wait_after(attempts))
        assert wait - timedelta(seconds=1) < OutboxMail.objects.get().due_at - timezone.now() <= wait


def test_after_more_than_a_day_it_is_given_up(server, caplog):
    server.mode = "refuses"
    [booking] = make_batch(1)
    OutboxMail.objects.update(attempts=BackOff.MOST_ATTEMPTS, request_name="r-1")
    lines = io.StringIO()
    written = logging.StreamHandler(lines)
    written.setFormatter(TokenlessFormatter("%(message)s"))
    logging.getLogger("bookings").addHandler(written)
    try:
        outbox.send_due()
    finally:
        logging.getLogger("bookings").removeHandler(written)
    assert waiting() == []
    # By the request that caused it.
    assert f"about booking {booking.pk} was given up: SMTPConnectError 421 [r-1]\n" in lines.getvalue()
    assert f"about booking {booking.pk} was given up: SMTPConnectError 421" in caplog.text
    assert "example.com" not in caplog.text
    assert [status for status, _attempts, _words in log()] == ["failed"]


def test_what_there_is_no_time_for_is_left_to_others_and_was_no_attempt(monkeypatch, mailoutbox):
    """Or the claim could end while a slow server still takes the mail, and another worker would send it, too."""
    make_batch(2)
    monkeypatch.setattr(outbox, "LAST_BEGIN", -1.0)
    outbox.send_due()
    assert mailoutbox == []
    assert log() == [("sending", 0, "")] * 2
    assert [mail.attempts for mail in OutboxMail.objects.all()] == [0, 0]
    monkeypatch.undo()
    send_mails()
    assert log() == [("sent", 1, "")] * 2


def test_what_stops_being_true_behind_a_slow_mail_of_its_batch_is_not_sent(monkeypatch, mailoutbox):
    first, second, third = make_batch(3)
    send = EmailBackend.send_messages

    def send_and_let_time_pass(backend, mails):
        services.cancel(booking_id=second.pk, by_customer=True)
        OutboxMail.objects.filter(kind=MailKind.CANCELLED).delete()
        monkeypatch.setattr(EmailBackend, "send_messages", send)
        return send(backend, mails)

    monkeypatch.setattr(EmailBackend, "send_messages", send_and_let_time_pass)
    monkeypatch.setattr(outbox, "LOOK_AGAIN", -1.0)
    send_mails()
    assert [mail.to for mail in mailoutbox] == [[first.email], [third.email]]
    assert log() == [("sent", 1, ""), ("skipped", 0, ""), ("sent", 1, "")]
    assert waiting() == []


def test_a_hanging_server_cannot_outlast_a_claim(settings):
    """The last mail begins a minute before the claim ends."""
    left = outbox.LEASE.total_seconds() - outbox.LAST_BEGIN
    assert left >= 3 * settings.EMAIL_TIMEOUT


def test_one_that_cannot_be_made_keeps_none_of_the_others(mailoutbox, monkeypatch):
    bad, good = make_batch(2)
    build = outbox.booking_mail

    def broken(booking, *args, **options):
        if booking.pk == bad.pk:
            raise KeyError(booking.email)
        return build(booking, *args, **options)

    monkeypatch.setattr(outbox, "booking_mail", broken)
    outbox.send_due()
    assert [mail.to for mail in mailoutbox] == [[good.email]]
    assert log() == [("failed", 1, "KeyError"), ("sent", 1, "")]
    assert waiting() == [(bad.pk, "confirmed", 0)]


def test_a_mail_that_is_asked_for_twice_at_once_is_one(mailoutbox):
    [booking] = make_batch(1)
    queue_mails([(booking, MailKind.CONFIRMED)])
    outbox.send_due()
    assert len(mailoutbox) == 1
    assert waiting() == []


def test_of_a_booking_that_is_gone_nothing_is_said(mailoutbox):
    [booking] = make_batch(1)
    booking.delete()
    outbox.send_due()
    assert mailoutbox == []
    assert waiting() == []


def test_what_is_claimed_is_nobody_elses():
    make_batch(3)
    lease = timedelta(minutes=1)
    assert [len(OutboxMail.objects.claim(2, lease)) for _ in range(3)] == [2, 1, 0]


def job(kind: str, **values) -> ProcrastinateJob:
    defer("bookings.tasks.expire_booking", booking_id=1)
    job = ProcrastinateJob.objects.latest("pk")
    columns = {"task_name": "bookings.tasks.send_booking_mail", "queue_name": "mail"} | values
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE procrastinate_jobs SET args = jsonb_build_object('booking_id', 7, 'kind', %s, 'sequence', 2),"
            f" {', '.join(f'{name} = %s' for name in columns)} WHERE id = %s",
            [kind, *columns.values(), job.pk],
        )
    return job


def test_what_versions_of_before_have_queued_moves_into_the_outbox():
    now = timezone.now()
    past, ahead = now - timedelta(hours=1), now + timedelta(hours=3)
    job("confirmed")
    job("cancelled", attempts=5, scheduled_at=ahead)
    job("reminder_day", scheduled_at=past)  # late
    job("reminder_hour", scheduled_at=ahead, attempts=2)  # has failed before
    job("reminder_hour", scheduled_at=ahead)  # found when it is due
    doing = job("confirmed", status="doing")
    other = job("", task_name="bookings.tasks.send_lookup_link")
    ReminderMark.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(import_module("bookings.migrations.0004_outbox").FROM_THE_QUEUE)
    moved = OutboxMail.objects.order_by("pk").values_list("booking_id", "kind", "sequence", "priority", "attempts")
    assert sorted(moved) == [
        (7, "cancelled", 2, 0, 5),
        (7, "confirmed", 2, 0, 0),
        (7, "reminder_day", 2, 1, 0),
        (7, "reminder_hour", 2, 1, 2),
    ]
    assert OutboxMail.objects.get(kind="cancelled").due_at == ahead
    assert set(ProcrastinateJob.objects.values_list("pk", flat=True)) == {doing.pk, other.pk}
    assert {mark.kind: mark.until - now > timedelta(minutes=59) for mark in ReminderMark.objects.all()} == {
        "reminder_day": True,
        "reminder_hour": True,
    }


def test_what_they_still_queue_while_they_are_replaced_is_sent(mailoutbox):
    booking = make_booking(make_slot(day=day_ahead(5)))
    tasks.send_booking_mail(booking_id=booking.pk, kind="confirmed", sequence=0)
    send_mails()
    assert [mail.to for mail in mailoutbox] == [[booking.email]]


def test_the_backend_of_a_site_is_asked_for_one_connection_as_well(settings, mailoutbox):
    settings.EMAIL_BACKEND = f"{__name__}.Counting"
    Counting.opened = 0
    make_batch(3)
    send_mails()
    assert (len(mailoutbox), Counting.opened) == (3, 1)


class Counting(EmailBackend):
    opened = 0

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        Counting.opened += 1
