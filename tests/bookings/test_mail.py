from datetime import UTC, datetime

import pytest

from bookings.models import Booking, Status
from bookings.tasks import send_booking_mail
from tests.cast import make_booking, make_expert, make_organization, make_slot

pytestmark = pytest.mark.django_db


def test_confirmation_names_the_time_in_the_bookers_zone(mailoutbox):
    organization = make_organization(name="Hale & Partners", contact_email="desk@example.com")
    expert = make_expert(name="Priya <Raman>", organization=organization, timezone="Europe/London")
    slot = make_slot(expert, starts_at=datetime(2027, 7, 1, 12, 30, tzinfo=UTC))
    booking = make_booking(slot, email="lena@example.com", timezone="Europe/Berlin")
    send_booking_mail(booking_id=booking.pk)
    [mail] = mailoutbox
    assert mail.to == ["lena@example.com"]
    assert mail.reply_to == ["desk@example.com"]
    assert mail.subject == "You're booked: Priya <Raman>, Thu 1 Jul, 14:30"
    assert "Thursday 1 July 2027, 14:30 – 15:00, Berlin time (GMT+2)" in mail.body
    assert booking.reference in mail.body
    assert "Hale & Partners" in mail.body


def test_a_second_attempt_has_the_same_message_id(mailoutbox):
    booking = make_booking(make_slot())
    send_booking_mail(booking_id=booking.pk)
    send_booking_mail(booking_id=booking.pk)
    assert len({mail.extra_headers["Message-ID"] for mail in mailoutbox}) == 1


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.CONFIRMED, Status.PENDING}))
def test_nothing_is_sent_that_is_no_longer_true(status, mailoutbox):
    booking = make_booking(make_slot())
    Booking.objects.update(status=status, expires_at=booking.created_at)
    send_booking_mail(booking_id=booking.pk)
    send_booking_mail(booking_id=booking.pk + 1)
    assert mailoutbox == []


def test_a_name_cannot_add_headers(mailoutbox):
    booking = make_booking(make_slot(make_expert(name="Line\nBcc: x@example.com")))
    send_booking_mail(booking_id=booking.pk)
    assert "\n" not in mailoutbox[0].subject
