"""Reminders: queued with the change that causes them, sent only while they are true and wanted."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services, tasks
from bookings.mail.rules import MailKind
from bookings.models import Booking, Notification, Status
from tests.cast import book, day_ahead, make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db
DAY, HOUR = MailKind.REMINDER_DAY, MailKind.REMINDER_HOUR
BEFORE = {DAY: timedelta(hours=24), HOUR: timedelta(hours=1)}


def queued(booking, sequence=0) -> dict:
    """When each reminder of a booking is due."""
    jobs = ProcrastinateJob.objects.filter(
        args__booking_id=booking.pk, args__sequence=sequence, args__kind__startswith="reminder"
    )
    return {MailKind(job.args["kind"]): job.scheduled_at for job in jobs}


def both(slot) -> dict:
    return {kind: slot.starts_at - before for kind, before in BEFORE.items()}


def remind(booking, kind, sequence=0):
    tasks.send_booking_mail(booking_id=booking.pk, kind=kind.value, sequence=sequence)


def test_a_confirmed_booking_has_both():
    slot = make_slot(day=day_ahead(5))
    assert queued(book(slot)) == both(slot)


def test_a_request_has_them_once_it_is_approved():
    slot = make_slot(make_expert(requires_approval=True), day=day_ahead(5))
    booking = book(slot)
    assert queued(booking) == {}
    services.approve(booking_id=booking.pk)
    assert queued(booking) == both(slot)


def test_a_move_makes_new_ones_and_the_old_say_nothing(mailoutbox):
    expert = make_expert()
    booking = book(make_slot(expert, day=day_ahead(5)))
    new = make_slot(expert, day=day_ahead(6))
    services.reschedule(booking_id=booking.pk, slot_id=new.pk, by_customer=True)
    assert queued(booking, sequence=1) == both(new)
    remind(booking, DAY, sequence=0)
    assert mailoutbox == []
    remind(booking, DAY, sequence=1)
    assert len(mailoutbox) == 1


@pytest.mark.parametrize(
    ("ahead", "kinds"),
    [
        (timedelta(hours=26, minutes=1), {DAY, HOUR}),
        (timedelta(hours=25, minutes=59), {HOUR}),
        (timedelta(hours=3, minutes=1), {HOUR}),
        (timedelta(hours=2, minutes=59), set()),
    ],
    ids=["26:01", "25:59", "3:01", "2:59"],
)
def test_nobody_is_reminded_of_what_they_have_just_booked(ahead, kinds):
    slot = make_slot(make_expert(min_notice=timedelta(0)), starts_at=timezone.now() + ahead)
    assert set(queued(book(slot))) == kinds


def test_none_is_queued_when_the_booking_is_undone():
    with pytest.raises(RuntimeError), transaction.atomic():
        book(make_slot(day=day_ahead(5)))
        raise RuntimeError
    assert not ProcrastinateJob.objects.exists()


@pytest.mark.parametrize(("kind", "subject"), [(DAY, "Reminder: "), (HOUR, "Starting soon: ")])
def test_it_says_when_and_where_and_brings_the_calendar_file(mailoutbox, kind, subject):
    expert = make_expert(name="Priya Raman", venue_note="Lift B", timezone="Europe/London")
    booking = book(make_slot(expert, at="14:30"), timezone="Europe/Berlin", email="lena@example.com")
    remind(booking, kind)
    remind(booking, kind)
    [mail] = mailoutbox
    assert mail.to == ["lena@example.com"]
    assert mail.subject.startswith(f"{subject}Priya Raman, ")
    for body in (mail.body, mail.alternatives[0][0]):
        assert "this is a reminder of your session with Priya Raman." in body
        assert "15:30 – 16:00" in body
        assert "Berlin time" in body
        assert "Lift B" in body
    assert "booking.ics" in [attachment[0] for attachment in mail.attachments]


@pytest.mark.parametrize("kind", [DAY, HOUR])
@pytest.mark.parametrize("status", sorted(set(Status) - {Status.CONFIRMED}))
def test_nobody_is_reminded_of_what_does_not_take_place(mailoutbox, kind, status):
    remind(make_booking(make_slot(), status=status, expires_at=timezone.now() + timedelta(hours=1)), kind)
    assert mailoutbox == []


@pytest.mark.parametrize("kind", [DAY, HOUR])
def test_nobody_is_reminded_of_what_has_begun(mailoutbox, kind):
    booking = make_booking(make_slot(starts_at=timezone.now() - timedelta(minutes=1)))
    remind(booking, kind)
    assert mailoutbox == []
    assert Notification.objects.get().status == "skipped"


@pytest.mark.parametrize(("switch", "kind"), [("reminds_day_before", DAY), ("reminds_hour_before", HOUR)])
def test_the_organisations_switch_holds_for_what_is_booked_already(mailoutbox, switch, kind):
    booking = book(make_slot())
    organization = booking.slot.expert.organization
    setattr(organization, switch, False)
    organization.save()
    for each in (DAY, HOUR):
        remind(booking, each)
    [mail] = mailoutbox
    assert mail.subject.startswith("Starting soon" if kind == DAY else "Reminder")


def test_the_address_of_that_day_is_reminded(mailoutbox):
    booking = book(make_slot())
    Booking.objects.update(email="new@example.com")
    remind(booking, DAY)
    assert mailoutbox[0].to == ["new@example.com"]
