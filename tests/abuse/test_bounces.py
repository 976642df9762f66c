"""What a mail service tells: bounces and complaints are logged, shown and heeded, and nobody else can tell them."""

import base64
import json

import pytest
from django.test import Client
from django.urls import clear_url_caches, include, path

from bookings.models import Booking, Notification, Suppression
from bookingsite import urls
from tests.cast import book, make_slot
from tests.mail import send_mails
from tests.staff import admin_url, logged_in, make_member

pytestmark = pytest.mark.django_db
SECRET, PATH = "events:a-secret-of-the-tests", "/mail/events/postmark/tracking/"
VICTIM, STRANGER = "victim@example.com", "b" * 32


@pytest.fixture
def events(settings, monkeypatch):
    """A site with the secret; what Postmark tells it of a mail to the victim, with the credentials given."""
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    with_events = [*urls.urlpatterns, path("mail/events/", include("bookingsite.mail_events"))]
    monkeypatch.setattr(urls, "urlpatterns", with_events)
    clear_url_caches()

    def tell(kind="HardBounce", *, secret=SECRET, **values):
        record = {"RecordType": "Bounce", "Type": kind, "Email": VICTIM, "Metadata": {}} | values
        if kind == "SpamComplaint":
            record["RecordType"] = kind
        credentials = base64.b64encode(secret.encode()).decode()
        return Client(headers={"authorization": f"Basic {credentials}"}).post(
            PATH, json.dumps(record), content_type="application/json"
        )

    yield tell
    monkeypatch.undo()
    clear_url_caches()


@pytest.fixture
def booking(mailoutbox):
    booking = book(make_slot(), email=VICTIM, visitor=STRANGER)
    send_mails()
    return booking


def statuses() -> list:
    return list(Notification.objects.order_by("pk").values_list("status", flat=True))


def test_a_bounce_is_logged_and_spares_the_mailbox(events, booking, mailoutbox):
    assert events(Metadata=mailoutbox[0].metadata).status_code == 200
    assert statuses() == ["bounced"]
    assert Suppression.objects.get().reason == "bounced"
    owner = logged_in(make_member(booking.slot.expert.organization))
    assert "Could not be delivered" in owner.get(admin_url(Booking, "change", booking.pk)).content.decode()
    book(make_slot(), email=VICTIM)
    send_mails()
    assert len(mailoutbox) == 1 and statuses() == ["bounced", "held"]


def test_a_service_that_names_mails_in_its_own_way_is_understood_by_the_address(events, booking):
    assert events("SpamComplaint", MessageID="0a1b").status_code == 200
    assert statuses() == ["spam"]
    assert Suppression.objects.get().reason == "complained"


def test_a_bad_hour_of_the_mailbox_stops_nothing(events, booking):
    events("Transient")
    assert statuses() == ["sent"] and not Suppression.objects.exists()


def test_nobody_else_can_say_so(events, booking):
    """Else anybody could stop anybody's mails."""
    assert events(secret="events:guessed-guessed-guessed").status_code == 400
    assert Client().post(PATH, "{}", content_type="application/json").status_code == 400
    assert statuses() == ["sent"] and not Suppression.objects.exists()


def test_a_mailbox_that_was_never_written_to_is_left_alone(events, booking):
    events(Email="somebody@example.com")
    assert not Suppression.objects.exists()


def test_without_the_secret_there_is_no_such_address(booking):
    assert Client().post(PATH, "{}", content_type="application/json").status_code == 404
