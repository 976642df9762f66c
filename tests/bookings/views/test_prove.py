"""Pages of somebody unknown who has to open the link of a mail: what they see, can do, and who else sees it."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from bookings.models import Booking, Status
from experts.models.organization import ProofPolicy
from tests.bookings.views.test_book import PARTIAL, send, url
from tests.cast import make_expert, make_organization, make_slot
from tests.mail import send_mails

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("steps_compared")]


@pytest.fixture
def slot():
    return make_slot(make_expert(organization=make_organization(proof=ProofPolicy.ALWAYS, name="Northgate Clinic")))


def asked(client, slot, **values):
    """The page that waits for the link."""
    return client.get(send(client, slot, "confirm", **values)["Location"])


def link_in(sent):
    return re.search(r"http://localhost:8000(/bookings/link/\S+/)", sent.body)[1]


def run_out():
    Booking.objects.update(
        expires_at=timezone.now() - timedelta(seconds=1), created_at=timezone.now() - timedelta(hours=1)
    )


def test_the_job(client, slot):
    page = asked(client, slot)
    html = page.content.decode()
    assert "Open the link in your email to keep 10:00" in html
    assert "lena@example.com" in html
    assert "no-store" in page["Cache-Control"]
    send_mails()
    [sent] = mail.outbox
    assert sent.to == ["lena@example.com"]
    assert sent.attachments == []
    phone = Client()
    assert "Book my time" in phone.get(link_in(sent)).content.decode()
    booking = Booking.objects.get()
    assert booking.status == Status.HELD, "a program that scans mails books nothing"
    opened = phone.post(link_in(sent))
    assert opened["Location"] == f"/bookings/{booking.reference}/"
    assert phone.get(opened["Location"]).status_code == 200
    assert phone.post(link_in(sent)).status_code == 303
    # The page on the computer looks again when it hears of it.
    assert "You’re booked" in client.get(page.context["waiting_url"], headers=PARTIAL).content.decode()
    # And neither is asked again.
    for browser in (client, phone):
        other = make_slot(slot.expert, at=f"{11 + (browser is phone)}:00")
        send(browser, other, "confirm")
        assert Booking.objects.get(slot=other).status == Status.CONFIRMED


def test_looking_again_without_news_answers_nothing(client, slot):
    page = asked(client, slot)
    assert client.get(page.context["waiting_url"], headers=PARTIAL).status_code == 204
    run_out()
    Booking.objects.update(status=Status.EXPIRED)
    again = client.get(page.context["waiting_url"], headers=PARTIAL)
    assert "10:00 is not kept any more" in again.content.decode()


def test_in_the_dialog(client, slot):
    answer = send(client, slot, "confirm", headers=PARTIAL)
    assert answer["HX-Trigger"] == "slots-changed"
    assert "Close, keep my time" in answer.content.decode()
    assert "Open the link" in client.post(f"/slots/{slot.pk}/hold/", headers=PARTIAL).content.decode()
    assert "Open the link" in client.get(url(slot)).content.decode()


def test_send_it_again(client, slot):
    page = asked(client, slot)
    send_mails()
    again = client.post(url(slot), {"step": "send_again", "booking": page.context["booking"].reference})
    assert "Sent again" in again.content.decode()
    send_mails()
    assert [sent.to for sent in mail.outbox] == [["lena@example.com"]] * 2
    assert link_in(mail.outbox[0]) == link_in(mail.outbox[1])


def test_correct_the_address(client, slot):
    page = asked(client, slot, email="lean@example.com")
    send_mails()
    form = client.get(page.context["correct_url"]).context["form"]
    assert form["email"].value() == "lean@example.com"
    assert "lena@example.com" in asked(client, slot, key=form["key"].value()).content.decode()
    send_mails()
    assert [sent.to for sent in mail.outbox] == [["lean@example.com"], ["lena@example.com"]]
    stranger = Client()
    assert stranger.post(link_in(mail.outbox[0])).status_code == 404, "the wrong address's link opens nothing"
    assert stranger.post(link_in(mail.outbox[1])).status_code == 303


def test_release(client, slot):
    asked(client, slot)
    client.post(f"/slots/{slot.pk}/release/")
    slot.refresh_from_db()
    assert slot.seats_held == 0


def test_too_late_and_taken_is_told_calmly_with_other_times(client, slot):
    asked(client, slot)
    send_mails()
    other = make_slot(slot.expert, at="11:00")
    run_out()
    Booking.objects.update(status=Status.EXPIRED)
    type(slot).objects.filter(pk=slot.pk).update(is_closed=True)
    answer = Client().post(link_in(mail.outbox[0]))
    assert answer.status_code == 409
    assert f"/slots/{other.pk}/" in answer.content.decode()


def test_my_bookings_of_this_browser_tell_of_it_and_others_never(client, slot):
    asked(client, slot)
    html = client.get("/bookings/").content.decode()
    assert "Not booked yet" in html
    assert "Open the link that we sent to lena@example.com" in html
    run_out()
    assert "Not booked yet" not in client.get("/bookings/").content.decode()


def test_nobody_else_sees_it(client, slot):
    page = asked(client, slot)
    booking = page.context["booking"]
    stranger = Client()
    stranger.get(f"/experts/{slot.expert.slug}/")
    for address in (page.context["waiting_url"], page.context["correct_url"], f"/bookings/{booking.reference}/"):
        assert "lena@example.com" not in stranger.get(address).content.decode()
    again = stranger.post(url(slot), {"step": "send_again", "booking": booking.reference})
    assert "lena@example.com" not in again.content.decode()
    send_mails()
    assert len(mail.outbox) == 1


def test_signing_out_leaves_it_to_the_link(client, slot):
    asked(client, slot)
    send_mails()
    client.post("/bookings/sign-out/")
    assert Booking.objects.get().holder == ""
    assert client.post(link_in(mail.outbox[0])).status_code == 303
    assert Booking.objects.get().status == Status.CONFIRMED
