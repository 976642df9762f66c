"""Calendar entries: read back as a calendar reads them, one entry for the whole life of a booking, and no secrets."""

import email
from datetime import timedelta
from email import policy
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from icalendar import Calendar

from bookings import services
from bookings.access.proven import mark_proven
from bookings.icalendar import event as calendar_event
from bookings.models import Booking, Status
from tests.bookings.views.test_lookup import assert_nothing_private
from tests.cast import book, make_booking, make_expert, make_organization, make_slot
from tests.mail import send_mail

pytestmark = pytest.mark.django_db


@pytest.fixture
def expert():
    organization = make_organization(name="Hale, Partners; & Co", contact_email="desk@example.com")
    return make_expert(name="Priya Raman", organization=organization, venue_note="Unit 4, Main St; Lift B")


def event_in(data: bytes):
    calendar = Calendar.from_ical(data)
    assert (calendar["version"], bool(calendar["prodid"])) == ("2.0", True)
    [event] = calendar.walk("VEVENT")
    return str(calendar["method"]), event


def attached(mail):
    """The calendar part of a mail, after the way through the mail's own encoding."""
    message = email.message_from_bytes(mail.message().as_bytes(), policy=policy.default)
    parts = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    if not parts:
        return None
    [part] = parts
    method, event = event_in(part.get_payload(decode=True))
    assert part.get_param("method") == method
    assert part.get_filename() == "booking.ics"
    return method, event


def mail_of(booking, kind, mailoutbox):
    booking.refresh_from_db()
    send_mail(booking, kind)
    return mailoutbox[-1]


class TestFile:
    def test_says_what_the_booking_is(self, expert):
        booking = make_booking(
            make_slot(expert, title="First visit"), name='Lena "L" Fischer', email="lena@example.com"
        )
        data = calendar_event.calendar_file(booking, calendar_event.REQUEST)
        method, event = event_in(data)
        assert (method, event["status"], event["sequence"]) == ("REQUEST", "CONFIRMED", 0)
        assert event["uid"] == f"{booking.reference}@expertbook"
        assert event.decoded("dtstart") == booking.slot.starts_at
        assert event.decoded("dtend") == booking.slot.ends_at
        assert abs(event.decoded("dtstamp") - timezone.now()) < timedelta(minutes=1)
        assert event["summary"] == "First visit with Priya Raman"
        assert event["location"] == "Unit 4, Main St; Lift B"
        assert booking.reference in event["description"]
        assert event["url"] == calendar_event.page_url(booking)
        assert (event["organizer"], event["organizer"].params["CN"]) == (
            "mailto:desk@example.com",
            "Hale, Partners; & Co",
        )
        assert (event["attendee"], event["attendee"].params["CN"]) == ("mailto:lena@example.com", "Lena L Fischer")

    def test_is_written_as_the_standard_wants_it(self, expert):
        data = calendar_event.calendar_file(make_booking(make_slot(expert), name="Ä" * 100), calendar_event.REQUEST)
        assert data.count(b"\n") == data.count(b"\r\n")
        assert max(map(len, data.split(b"\r\n"))) <= 75
        assert b"DTSTART:" in data, "a UTC instant needs no zone"
        assert all(line.endswith(b"Z") for line in data.split(b"\r\n") if line.startswith((b"DTSTART", b"DTEND")))

    def test_text_cannot_break_out_of_its_line(self, expert):
        expert.name = expert.venue_note = "A\r\nSTATUS:CANCELLED\nATTACH:http://x"
        booking = make_booking(make_slot(expert), name="B\r\nSTATUS:CANCELLED")
        _, event = event_in(calendar_event.calendar_file(booking, calendar_event.REQUEST))
        assert event["status"] == "CONFIRMED"
        assert "attach" not in event

    @pytest.mark.parametrize(
        ("venue", "note", "location"),
        [
            ("phone", "", "Phone"),
            ("video", "https://meet.example.com/x", "https://meet.example.com/x"),
            ("video", "", "Video call"),
        ],
    )
    def test_where(self, venue, note, location):
        booking = make_booking(make_slot(make_expert(venue=venue, venue_note=note)))
        assert event_in(calendar_event.calendar_file(booking, calendar_event.REQUEST))[1]["location"] == location

    def test_without_a_contact_address_the_site_organises(self):
        booking = make_booking(make_slot())
        assert (
            event_in(calendar_event.calendar_file(booking, calendar_event.REQUEST))[1]["organizer"]
            == "mailto:bookings@localhost"
        )


def test_one_entry_from_booking_to_cancellation(expert, mailoutbox):
    booking = book(make_slot(expert, at="09:00"), visitor="v" * 32)
    mark_proven(visitor="v" * 32, email=booking.email)
    seen = [attached(mail_of(booking, "confirmed", mailoutbox))]
    for at in ("11:00", "15:00"):
        services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at=at).pk, by_customer=True)
        seen.append(attached(mail_of(booking, "rescheduled", mailoutbox)))
    services.cancel(booking_id=booking.pk, by_customer=True)
    seen.append(attached(mail_of(booking, "cancelled", mailoutbox)))
    assert [method for method, _ in seen] == ["REQUEST", "REQUEST", "REQUEST", "CANCEL"]
    assert [event["sequence"] for _, event in seen] == [0, 1, 2, 3]
    assert [event["status"] for _, event in seen] == ["CONFIRMED"] * 3 + ["CANCELLED"]
    assert len({event["uid"] for _, event in seen}) == 1
    assert len({event.decoded("dtstart") for _, event in seen}) == 3


def test_a_request_is_no_appointment_yet(expert, mailoutbox):
    booking = make_booking(make_slot(expert, at="09:00"), status=Status.PENDING)
    assert attached(mail_of(booking, "pending", mailoutbox)) is None
    services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at="11:00").pk, by_customer=True)
    assert attached(mail_of(booking, "rescheduled", mailoutbox)) is None
    services.approve(booking_id=booking.pk)
    assert attached(mail_of(booking, "confirmed", mailoutbox))[1]["sequence"] == 1


class TestDownload:
    def test_for_whoever_has_proven_it(self, client, visitor, expert):
        booking = make_booking(make_slot(expert), holder=visitor)
        response = client.get(f"/bookings/{booking.reference}/calendar.ics")
        assert response["Content-Type"] == "text/calendar; charset=utf-8"
        assert response["Content-Disposition"] == f'attachment; filename="{booking.reference}.ics"'
        assert "no-store" in response["Cache-Control"]
        method, event = event_in(response.content)
        assert (method, event["status"]) == ("PUBLISH", "CONFIRMED")
        assert "attendee" not in event, "only invitations name the invited"

    def test_to_all_others_it_is_as_if_it_did_not_exist(self, expert):
        booking = make_booking(make_slot(expert), holder="v" * 32)
        response = Client().get(f"/bookings/{booking.reference}/calendar.ics")
        assert response.status_code == 404
        assert_nothing_private(response)

    @pytest.mark.parametrize(
        ("status", "method", "told"),
        [
            (Status.PENDING, "PUBLISH", "TENTATIVE"),
            (Status.CANCELLED, "CANCEL", "CANCELLED"),
            (Status.REJECTED, "CANCEL", "CANCELLED"),
            (Status.EXPIRED, "CANCEL", "CANCELLED"),
        ],
    )
    def test_says_how_it_stands(self, client, visitor, status, method, told):
        booking = make_booking(make_slot(), holder=visitor, status=status, expires_at=timezone.now())
        got, event = event_in(client.get(f"/bookings/{booking.reference}/calendar.ics").content)
        assert (got, event["status"]) == (method, told)

    def test_the_buttons_are_on_the_pages_of_what_lies_ahead(self, client, visitor, expert):
        booking = make_booking(make_slot(expert), holder=visitor)
        for page in (f"/bookings/{booking.reference}/", f"/slots/{booking.slot_id}/book/?booking={booking.reference}"):
            body = client.get(page).content.decode()
            assert f"/bookings/{booking.reference}/calendar.ics" in body
            assert "https://calendar.google.com/calendar/render?action=TEMPLATE&amp;" in body
        Booking.objects.update(status=Status.CANCELLED)
        assert "calendar.ics" not in client.get(f"/bookings/{booking.reference}/").content.decode()


def test_the_google_link_tells_nothing_about_the_booker(expert):
    booking = make_booking(make_slot(expert), name="Lena Secret", email="secret@example.com", notes="Secret")
    url = calendar_event.google_url(booking)
    query = parse_qs(urlsplit(url).query)
    assert query["dates"] == [f"{booking.slot.starts_at:%Y%m%dT%H%M%SZ}/{booking.slot.ends_at:%Y%m%dT%H%M%SZ}"]
    assert "ecret" not in url
    assert len(url) < 2000
