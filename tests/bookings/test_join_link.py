"""How to join a session by video or phone is told to those who have the confirmed booking, until it is over."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings import services, tasks
from bookings.icalendar import event as calendar_event
from bookings.models import Status, WaitlistEntry
from tests.bookings.icalendar.test_event import event_in, mail_of
from tests.bookings.mail.test_messages import html_of
from tests.cast import book, details, join_line, make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db
LINK = "https://meet.example.org/x?a=1&b=2"
NOTE = f"Room open 5 minutes before: {LINK}, code 55"
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def expert():
    return make_expert(venue="video", venue_note=NOTE, session_minutes=30)


def tells(body: str) -> bool:
    return "meet.example.org" in body


def all_of(client, booking) -> dict[str, bool]:
    """Where the link is told: on the booking's pages and in its calendar file."""
    address = f"/bookings/{booking.reference}/"
    paths = {"page": address, "list": "/bookings/", "file": f"{address}calendar.ics", "cancel": f"{address}cancel/"}
    return {name: tells(client.get(path).content.decode().replace("\r\n ", "")) for name, path in paths.items()}


def test_whoever_has_the_booking_joins_from_page_list_mails_and_calendar(client, visitor, expert, mailoutbox):
    booking = make_booking(make_slot(expert), holder=visitor)
    assert all_of(client, booking) == {"page": True, "list": True, "file": True, "cancel": False}
    for path in (f"/bookings/{booking.reference}/", "/bookings/"):
        assert 'href="https://meet.example.org/x?a=1&amp;b=2"' in client.get(path).content.decode()
    _, event = event_in(calendar_event.calendar_file(booking, calendar_event.REQUEST))
    assert event["location"] == NOTE
    assert (event["conference"], event["conference"].params["VALUE"]) == (LINK, "URI")
    assert LINK in event["description"]
    for kind in ("confirmed", "reminder_day", "reminder_hour"):
        mail = mail_of(booking, kind, mailoutbox)
        assert f"Where: Video call, {NOTE}" in mail.body
        assert 'href="https://meet.example.org/x?a=1&amp;b=2"' in html_of(mail)


@pytest.mark.parametrize("status", [Status.PENDING, Status.CANCELLED, Status.REJECTED, Status.EXPIRED])
def test_nobody_without_the_confirmed_booking_is_told(client, visitor, expert, mailoutbox, status):
    booking = make_booking(
        make_slot(expert), holder=visitor, status=status, expires_at=timezone.now() + timedelta(hours=1)
    )
    assert not any(all_of(client, booking).values())
    mail = mail_of(booking, status.lower(), mailoutbox)
    assert "Where: Video call\n" in mail.body
    assert not tells(mail.message().as_string() + mail.body + html_of(mail))


def test_when_it_is_over_the_link_is_gone(client, visitor, expert):
    booking = make_booking(make_slot(expert, starts_at=timezone.now() - timedelta(minutes=29)), holder=visitor)
    assert all_of(client, booking)["page"], "while it goes on one may have to join again"
    later = make_booking(make_slot(expert, starts_at=timezone.now() - timedelta(minutes=60)), holder=visitor)
    assert not tells(client.get(f"/bookings/{later.reference}/").content.decode())
    assert not tells(client.get(f"/bookings/{later.reference}/calendar.ics").content.decode().replace("\r\n ", ""))


def test_neither_before_booking_nor_while_waiting(client, visitor, expert):
    slot = make_slot(expert)
    pages = [client.get(f"/experts/{expert.slug}/"), client.get("/"), client.get("/api/v1/experts")]
    pages += [client.get(f"/slots/{slot.pk}/book/"), client.get(f"/api/v1/experts/{expert.slug}")]
    pages.append(client.post(f"/slots/{slot.pk}/book/", details(step="review"), headers=PARTIAL))
    assert "Check and confirm" in pages[-1].content.decode()
    assert not any(tells(page.content.decode()) for page in pages)
    done = client.post(f"/slots/{slot.pk}/book/", details(step="confirm"), headers=PARTIAL).content.decode()
    assert "You’re booked" in done, "control: then it is told"
    assert tells(done)


@pytest.mark.parametrize("venue", ["phone", "video"])
def test_a_note_in_words_says_who_calls_whom(client, visitor, venue):
    booking = make_booking(
        make_slot(make_expert(venue=venue, venue_note="We call <you> on your number.")), holder=visitor
    )
    body = client.get(f"/bookings/{booking.reference}/").content.decode()
    assert "We call &lt;you&gt; on your number." in body
    assert "Join the call" not in body
    _, event = event_in(calendar_event.calendar_file(booking, calendar_event.REQUEST))
    assert "We call <you> on your number." in event["description"]
    assert "conference" not in event


@pytest.mark.parametrize("note", ["javascript:alert(1)", "ftp://x.example", "meet.example.org/x", "data:text/html,x"])
def test_only_addresses_of_the_web_become_links(client, visitor, mailoutbox, note):
    booking = make_booking(make_slot(make_expert(venue="video", venue_note=note)), holder=visitor)
    body = client.get(f"/bookings/{booking.reference}/").content.decode()
    assert note in body
    assert f'href="{note}' not in body
    html = html_of(mail_of(booking, "confirmed", mailoutbox))
    assert note in html
    assert f'{note}"' not in html


def test_who_is_offered_a_seat_has_not_booked_it_yet(expert, mailoutbox):
    booking = book(make_slot(expert))
    join_line(booking.slot)
    services.cancel(booking_id=booking.pk, by_customer=False)
    tasks.send_waitlist_offer(entry_id=WaitlistEntry.objects.get().pk)
    [mail] = mailoutbox
    assert "Where: Video call\n" in mail.body
    assert not tells(mail.body + html_of(mail))
