"""What the page of a booking says of its mail: sent at 10:02, on its way, or that the address is wrong."""

import re

import pytest
from django.utils import timezone

from bookings.access.proofs import prove_booking
from bookings.access.proven import mark_proven
from bookings.models import MailAllowance, Notification
from experts.formatting import clock
from tests.cast import book, details, make_booking, make_slot
from tests.mail import send_mails

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


def words(response) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def state(client, booking, query="?after=1") -> str:
    return words(client.get(f"/bookings/{booking.reference}/mail/{query}", headers=PARTIAL))


@pytest.fixture
def booking(visitor):
    return book(make_slot(), visitor=visitor, email="lena@example.com")


def test_a_mail_that_was_sent(client, visitor, booking):
    mark_proven(visitor=visitor, email="lena@example.com")
    send_mails()
    sent = Notification.objects.get().sent_at
    assert state(client, booking) == f"Sent at {clock(sent, booking.slot.expert.zone)} London time to lena@example.com."
    assert "Sent at" in words(client.get(f"/bookings/{booking.reference}/"))


def test_the_page_of_the_done_step_looks_until_it_knows_and_ever_more_seldom(client):
    slot = make_slot()
    done = client.post(f"/slots/{slot.pk}/book/", details(step="confirm"), headers=PARTIAL).content.decode()
    assert "An email to lena@example.com is on its way." in done
    path = re.search(r'hx-get="(/bookings/EB-[^"]+/mail/[?]after=1)" hx-trigger="load delay:1s"', done)[1]
    again = client.get(path, headers=PARTIAL).content.decode()
    assert "load delay:2s" in again
    assert "hx-get" not in client.get(path.replace("=1", "=16"), headers=PARTIAL).content.decode()
    send_mails()
    assert "hx-get" not in client.get(path, headers=PARTIAL).content.decode()


def test_a_stranger_sees_no_difference_between_sent_and_held_back(client, visitor, booking, settings):
    """Else typing an address would tell whether others write to it, or have been told to stop."""
    settings.RATE_LIMITS = True
    send_mails()
    said = state(client, booking)
    assert "unless an earlier email of ours waits there" in said
    Notification.objects.update(status="held", sent_at=None, last_error="spared", last_attempt_at=timezone.now())
    assert state(client, booking) == said
    assert MailAllowance.objects.exists()


def fresh_booking(booking):
    return type(booking).objects.get(pk=booking.pk)


def test_an_address_that_is_wrong_is_corrected_by_who_booked(client, visitor, booking, mailoutbox):
    send_mails()
    Notification.objects.update(status="bounced")
    page = client.get(f"/bookings/{booking.reference}/").content.decode()
    assert "could not be delivered to lena@example.com" in page
    path = f"/bookings/{booking.reference}/address/"
    assert f'href="{path}"' in page
    assert client.post(path, {"email": "lena@"}).status_code == 422
    asked = client.post(path, {"email": "lena@gmial.com"})
    assert (asked.status_code, "Did you mean lena@gmail.com?" in asked.content.decode()) == (200, True)
    assert fresh_booking(booking).email == "lena@example.com"
    assert client.post(path, {"email": "lena.fischer@example.com"}).status_code == 303
    send_mails()
    assert mailoutbox[-1].to == ["lena.fischer@example.com"]
    assert "Sent at" in state(client, booking)


def test_others_correct_nothing(client, visitor):
    """Who was sent the booking's link sees it, and cannot have its mails sent elsewhere."""
    booking = make_booking(make_slot(), holder="x" * 32)
    path = f"/bookings/{booking.reference}/"
    assert client.get(path + "mail/").status_code == client.get(path + "address/").status_code == 404
    prove_booking(visitor=visitor, booking=booking)
    assert client.get(path + "mail/").status_code == 200
    assert client.post(path + "address/", {"email": "mine@example.com"}).status_code == 404
    booking.refresh_from_db()
    assert booking.email != "mine@example.com"
