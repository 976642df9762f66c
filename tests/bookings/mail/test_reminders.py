"""Reminders: found when they are due, once, and sent only while they are true and wanted."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings import services
from bookings.mail.rules import MailKind
from bookings.models import Booking, Notification, OutboxMail, ReminderMark, Status
from bookings.services.reminders import queue_reminders
from tests.cast import book, day_ahead, make_booking, make_expert, make_slot
from tests.mail import send_mail, waiting

pytestmark = pytest.mark.django_db
DAY, HOUR = MailKind.REMINDER_DAY, MailKind.REMINDER_HOUR
BEFORE = {DAY: timedelta(hours=24), HOUR: timedelta(hours=1)}


@pytest.fixture(autouse=True)
def _looked():
    """A worker has looked for reminders before, as it does every minute."""
    queue_reminders()


def found(now) -> list:
    """Look at that time, and again; what is found: booking, kind and sequence of each reminder, day before hour."""
    OutboxMail.objects.all().delete()
    queue_reminders(now)
    queue_reminders(now)
    return waiting()


def remind(booking, kind, sequence=0):
    send_mail(booking, kind.value, sequence)


def walk(*slots) -> dict:
    """Look every six hours until all sessions are over, and every ten minutes about the times when one is due.

    Returns the reminders, with their time before the first session.
    """
    first, last, at = slots[0].starts_at, max(slot.ends_at for slot in slots), timezone.now()
    due = [slot.starts_at - before for slot in slots for before in BEFORE.values()]
    near = [(time - timedelta(minutes=20), time + timedelta(minutes=20)) for time in due]
    seen = {}
    while at < last:
        for reminder in found(at):
            assert reminder not in seen, "once"
            seen[reminder] = first - at
        if any(begin <= at < end for begin, end in near):
            at += timedelta(minutes=10)
        else:
            at = min([at + timedelta(hours=6), *(begin for begin, _end in near if begin > at)])
    return seen


def test_a_confirmed_booking_has_both_when_they_are_due():
    slot = make_slot(day=day_ahead(5))
    booking = book(slot)
    seen = walk(slot)
    assert list(seen) == [(booking.pk, DAY, 0), (booking.pk, HOUR, 0)]
    for kind, before in BEFORE.items():
        assert timedelta(0) <= before - seen[booking.pk, kind, 0] < timedelta(minutes=10)


def test_a_request_has_them_once_it_is_approved():
    slot = make_slot(make_expert(requires_approval=True), day=day_ahead(5))
    booking = book(slot)
    assert found(slot.starts_at - BEFORE[DAY]) == []
    services.approve(booking_id=booking.pk)
    assert found(slot.starts_at - BEFORE[HOUR]) == [(booking.pk, HOUR, 0)]


def test_after_a_move_it_is_reminded_of_the_new_time_only():
    expert = make_expert()
    old, new = make_slot(expert, day=day_ahead(5)), make_slot(expert, day=day_ahead(6))
    booking = book(old)
    services.reschedule(booking_id=booking.pk, slot_id=new.pk, by_customer=True)
    assert list(walk(new, old)) == [(booking.pk, DAY, 1), (booking.pk, HOUR, 1)]


def test_one_that_was_found_before_a_move_says_nothing(mailoutbox):
    expert = make_expert()
    booking = book(make_slot(expert, day=day_ahead(5)))
    services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, day=day_ahead(6)).pk, by_customer=True)
    remind(booking, DAY, sequence=0)
    assert mailoutbox == []
    remind(booking, DAY, sequence=1)
    assert len(mailoutbox) == 1


@pytest.mark.parametrize(
    ("ahead", "kinds"),
    [
        (timedelta(hours=26, minutes=1), [DAY, HOUR]),
        (timedelta(hours=25, minutes=59), [HOUR]),
        (timedelta(hours=3, minutes=1), [HOUR]),
        (timedelta(hours=2, minutes=59), []),
    ],
    ids=["26:01", "25:59", "3:01", "2:59"],
)
@pytest.mark.parametrize("change", ["book", "hold", "approve", "move"])
def test_nobody_is_reminded_of_what_they_have_just_done(ahead, kinds, change):
    """A booking, its approval and its move each bring a mail that says the same."""
    expert = make_expert(min_notice=timedelta(0), requires_approval=change == "approve")
    slot = make_slot(expert, starts_at=timezone.now() + ahead)
    if change == "move":
        booking = book(make_slot(expert, day=day_ahead(9)))
        services.reschedule(booking_id=booking.pk, slot_id=slot.pk, by_customer=True)
    elif change == "hold":
        services.hold_slot(slot_id=slot.pk, visitor="v" * 32)
        booking = book(slot, visitor="v" * 32)
        # The row is as old as the hold, which may be that of a waitlist's offer.
        Booking.objects.filter(pk=booking.pk).update(created_at=timezone.now() - timedelta(hours=1))
    else:
        booking = book(slot)
    if change == "approve":
        Booking.objects.filter(pk=booking.pk).update(created_at=timezone.now() - timedelta(hours=10))
        services.approve(booking_id=booking.pk)
    assert [kind for _booking, kind, _sequence in walk(slot)] == kinds


def test_a_correction_of_the_name_keeps_them():
    slot = make_slot(day=day_ahead(5))
    booking = book(slot)
    at = slot.starts_at - BEFORE[HOUR]
    services.change_details(booking_id=booking.pk, name="Lena Fischer")
    # The history says that the booking was last written one minute before.
    booking.events.filter(pgh_label="update").update(pgh_created_at=at - timedelta(minutes=1))
    assert (booking.pk, HOUR, 0) in found(at)


def test_late_is_better_than_never_before_the_start():
    """All workers were away."""
    slot = make_slot(day=day_ahead(5))
    booking = book(slot)
    assert found(slot.starts_at - timedelta(hours=5)) == [(booking.pk, DAY, 0)]
    assert found(slot.starts_at - timedelta(minutes=1)) == [(booking.pk, HOUR, 0)]


def test_after_the_start_nobody_is_reminded():
    slot = make_slot(day=day_ahead(5))
    book(slot)
    assert found(slot.starts_at) == []


def test_a_look_at_an_earlier_time_finds_nothing_twice():
    """Clocks of machines differ."""
    slot = make_slot(day=day_ahead(5))
    book(slot)
    at = slot.starts_at - BEFORE[DAY]
    assert len(found(at)) == 1
    assert found(at - timedelta(seconds=3)) == found(at + timedelta(seconds=3)) == []


def test_the_first_look_of_all_reminds_nobody():
    """What was due before is another version's business, or so old that nobody waits for it."""
    ReminderMark.objects.all().delete()
    slot = make_slot(starts_at=timezone.now() + timedelta(hours=5))
    booking = make_booking(slot)
    Booking.objects.filter(pk=booking.pk).update(created_at=timezone.now() - timedelta(days=9))
    booking.events.all().delete()
    assert found(timezone.now()) == []
    assert found(slot.starts_at - BEFORE[HOUR]) == [(booking.pk, HOUR, 0)]


def test_what_no_reminder_could_be_sent_of_is_not_found():
    expert = make_expert()
    organization = expert.organization
    slots = [make_slot(expert, day=day_ahead(5), at=at) for at in ("09:00", "10:00", "11:00")]
    make_booking(slots[0], email="", source="staff")
    services.cancel(booking_id=book(slots[1]).pk, by_customer=True)
    booking = book(slots[2])
    organization.reminds_day_before = False
    organization.save()
    assert list(walk(*slots)) == [(booking.pk, HOUR, 0)]


def test_reminders_come_after_what_is_urgent(mailoutbox):
    slot = make_slot(day=day_ahead(5))
    booking = book(slot)
    queue_reminders(slot.starts_at - BEFORE[DAY])
    OutboxMail.objects.filter(kind=DAY).update(due_at=timezone.now() - timedelta(minutes=5))
    [first] = OutboxMail.objects.claim(1, timedelta(minutes=1))
    assert (first.booking_id, first.kind) == (booking.pk, "confirmed")


def test_to_look_takes_as_many_statements_for_ten_as_for_one(django_assert_num_queries):
    slots = [make_slot(day=day_ahead(5), capacity=10), make_slot(day=day_ahead(6), capacity=10)]
    book(slots[0])
    for _ in range(10):
        book(slots[1])
    for slot, count in zip(slots, (1, 10), strict=True):
        with django_assert_num_queries(13):  # mark, begin, lock, find, write, move the mark, end; 6 for the other
            assert queue_reminders(slot.starts_at - BEFORE[DAY]) == count


@pytest.mark.parametrize(("kind", "subject"), [(DAY, "Reminder: "), (HOUR, "Starting soon: ")])
def test_it_says_when_and_where_and_brings_the_calendar_file(mailoutbox, kind, subject):
    expert = make_expert(name="Priya Raman", venue="phone", venue_note="Lift B", timezone="Europe/London")
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
