"""Approval means approval: who was approved for one time cannot move to another unseen."""

import pytest

from bookings import services
from bookings.access.proven import mark_proven
from bookings.models import Notification, Status
from tests.cast import book, day_ahead, fresh, make_expert, make_organization, make_slot
from tests.mail import send_mails, waiting

pytestmark = pytest.mark.django_db
LENA = "a" * 32


def approved(visitor="", **policy):
    """An approved booking at 10:00, with free slots later that day and on the next."""
    organization = make_organization(requires_approval=True, contact_email="desk@example.com")
    expert = make_expert(name="Dr Weiss", organization=organization, **policy)
    booking = book(make_slot(expert, at="10:00"), visitor=visitor)
    services.approve(booking_id=booking.pk)
    later, next_day = make_slot(expert, at="15:00"), make_slot(expert, day=day_ahead(3))
    return booking, later, next_day


def move(booking, slot, *, by_customer=True):
    return services.reschedule(booking_id=booking.pk, slot_id=slot.pk, by_customer=by_customer)


def test_a_move_by_the_customer_asks_again():
    """Seen: a request for a harmless time was approved, and moved to one that staff would never have given."""
    booking, later, _next_day = approved()
    moved = move(booking, later)
    assert (moved.status, moved.slot_id) == (Status.PENDING, later.pk)
    assert moved.runs_out_at == min(moved.slot.starts_at, moved.runs_out_at)
    assert fresh(later).seats_booked == 1, "the seat is kept while staff decide"
    assert fresh(booking.slot).seats_booked == 0
    services.approve(booking_id=booking.pk)
    # The control: what staff move is approved by that, and where nothing needs approval nothing is asked.
    assert move(booking, booking.slot, by_customer=False).status == Status.CONFIRMED
    free = book(make_slot(make_expert(), at="10:00"))
    assert move(free, make_slot(free.slot.expert, at="15:00")).status == Status.CONFIRMED


def test_within_the_same_day_if_the_organisation_says_so():
    booking, later, next_day = approved(move_approval="same_day")
    assert move(booking, later).status == Status.CONFIRMED
    assert move(booking, next_day).status == Status.PENDING


def test_a_declined_move_ends_the_booking():
    booking, later, _next_day = approved()
    move(booking, later)
    services.reject(booking_id=booking.pk)
    assert (fresh(later).seats_booked, fresh(booking.slot).seats_booked) == (0, 0)


def test_staff_are_told_of_every_move(mailoutbox):
    booking, later, next_day = approved(move_approval="same_day")
    send_mails()
    mailoutbox.clear()
    for slot, subject, text in [
        (later, "Moved: Dr Weiss", "has moved. This is the new time."),
        (next_day, "New request: Dr Weiss", "would like to see Dr Weiss at another time."),
    ]:
        move(booking, slot)
        send_mails()
        [mail] = [mail for mail in mailoutbox if mail.to == ["desk@example.com"]]
        assert mail.subject.startswith(subject)
        assert text in mail.body and "Before: " in mail.body
        assert booking.email not in mail.body
        mailoutbox.clear()


def test_calendars_follow_a_move_that_waits(mailoutbox):
    """The entry of the approved time would stay in the customer's calendar otherwise, also after a refusal."""
    booking, later, _next_day = approved(visitor=LENA)
    mark_proven(visitor=LENA, email=booking.email)
    send_mails()
    mailoutbox.clear()
    move(booking, later)
    send_mails()
    services.reject(booking_id=booking.pk)
    send_mails()
    entries = [mail.attachments[0][1] for mail in mailoutbox if mail.to == [booking.email]]
    assert [[line in entry for line in ("STATUS:TENTATIVE", "METHOD:CANCEL")] for entry in entries] == [
        [True, False],
        [False, True],
    ]
    assert Notification.objects.filter(kind="rejected").exists()


def test_the_page_says_it_before(client):
    client.get("/bookings/link/x/")
    booking, _later, _next_day = approved()
    type(booking).objects.update(holder=client.cookies["visitor"].value.split(":")[0])
    url = f"/bookings/{booking.reference}/reschedule/"
    note = "Dr Weiss will confirm the new time"
    assert note in client.get(url).content.decode()
    booking.slot.expert.organization.requires_approval = False
    booking.slot.expert.organization.save()
    assert note not in client.get(url).content.decode()
    assert not [kind for _pk, kind, _n in waiting() if kind == "staff_moved"]
