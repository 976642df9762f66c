"""What a mail service tells: bounces and complaints are logged, shown and heeded, and nobody else can tell them."""

import base64
import json

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import clear_url_caches, include, path, reverse

from bookings import services
from bookings.models import Booking, Notification, Suppression
from bookingsite import urls
from experts.models import Role
from tests.cast import book, make_slot
from tests.mail import send_mails
from tests.staff import admin_url, logged_in, make_member, make_superuser

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


def test_owners_lift_what_bounced_with_a_reason_and_operators_what_its_reader_wanted(events, booking, mailoutbox):
    """Else whoever founds an organisation could write to people who have told us to stop."""
    events(Metadata=mailoutbox[0].metadata)
    row = Notification.objects.get()
    organization = booking.slot.expert.organization
    owner, scheduler = (logged_in(make_member(organization, role)) for role in (Role.OWNER, Role.SCHEDULER))
    lift = reverse("admin:bookings_notification_lift", args=[row.pk])
    assert "Let mails go there again" in owner.get(admin_url(Notification, "change", row.pk)).text
    assert "Let mails go there again" not in scheduler.get(admin_url(Notification, "change", row.pk)).text
    assert scheduler.post(lift, {"reason": "x"}).status_code == 403
    assert owner.post(lift, {"reason": ""}).status_code == 422 and Suppression.objects.exists()
    assert owner.post(lift, {"reason": "The mailbox was full"}).status_code == 302
    assert not Suppression.objects.exists()
    assert "The mailbox was full" in LogEntry.objects.get().change_message
    services.spare(email=VICTIM, reason="not_me")
    assert "has asked for that" in owner.post(lift, {"reason": "Please"}).text and Suppression.objects.exists()
    assert logged_in(make_superuser()).post(lift, {"reason": "She wrote to us"}).status_code == 302
    assert not Suppression.objects.exists()


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
