"""Everywhere where a session of a type is told: by its type, its end, its place and its price, as agreed."""

from datetime import timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.utils import timezone

from bookings import services
from bookings.access.links import booking_link_ends
from bookings.icalendar import event
from bookings.icalendar import feed as calendar_feed
from bookings.mail.rules import still_true
from bookings.models import Booking, CalendarFeed, MailKind, Status, WebhookDelivery
from bookings.privacy.export import export
from bookings.privacy.registry import Subject
from bookings.selectors.place import place_of
from experts.formatting import clock
from experts.models import OfferedType, SessionType
from tests.cast import book, make_expert, make_organization, make_row_of_slots, make_type, make_webhook, move_slot
from tests.mail import send_mail
from tests.staff import admin_url, errors_of, logged_in, make_member

pytestmark = pytest.mark.django_db
LINK = "https://meet.example.org/"


@pytest.fixture
def expert():
    organization = make_organization(name="Northgate", cancel_until=timedelta(hours=2))
    return make_expert(name="Amara Okafor", organization=organization, venue_note="12 High Street")


@pytest.fixture
def slots(expert):
    return make_row_of_slots(expert, end="12:00")


@pytest.fixture
def booking(slots, expert, visitor):
    """From 9:20 to 10:05. The type has become something else since."""
    kind = make_type(
        expert,
        name="First visit",
        minutes=45,
        price_words="€60",
        venue="video",
        venue_note=LINK + "{reference}",
        cancel_until=timedelta(hours=24),
    )
    made = book(
        slots["09:20"],
        session_type=kind.pk,
        visitor=visitor,
        email="lena@example.com",
        name="Lena Fischer",
        timezone="Asia/Kolkata",
    )
    SessionType.objects.update(
        name="Else", minutes=20, price_words="free", venue="phone", venue_note="", is_active=False
    )
    return Booking.objects.with_slot().get(pk=made.pk)


class TestMails:
    def test_to_the_booker(self, booking):
        send_mail(booking, "confirmed")
        [sent] = mail.outbox
        html = sent.alternatives[0][0]
        assert sent.subject.startswith("You're booked: First visit with Amara Okafor, ")
        assert "Session: First visit, 45 minutes, €60\n" in sent.body
        assert f"Where: Video call, {LINK}{booking.reference}\n" in sent.body
        assert "– 15:35, Kolkata time" in sent.body or "– 14:35, Kolkata time" in sent.body, "by the booker's clock"
        assert "First visit" in html and "45 minutes, €60" in html
        assert f'href="{LINK}{booking.reference}"' in html
        assert "Else" not in sent.body + html

    def test_to_staff_without_the_way_in(self, booking, slots, expert):
        make_member(expert.organization, email="maya@example.com")
        services.reschedule(booking_id=booking.pk, slot_id=slots["10:20"].pk, by_customer=False)
        mail.outbox.clear()
        send_mail(booking, "staff_moved", 1)
        [sent] = mail.outbox
        assert sent.subject.startswith("Moved: First visit with Amara Okafor, ")
        assert "10:20 – 11:05" in sent.body and "09:20 – 10:05" in sent.body
        assert "Session: First visit, 45 minutes, €60\nWhere: Video call\n" in sent.body
        assert LINK not in sent.body + sent.alternatives[0][0]

    def test_what_awaits_its_proof(self, slots, expert):
        kind = make_type(expert, name="First visit", price_words="€60")
        type(expert.organization).objects.update(proof="always")
        made = book(slots["09:20"], session_type=kind.pk)
        send_mail(made, "prove", 0)
        [sent] = mail.outbox
        assert sent.subject.startswith("Open to book: First visit with Amara Okafor, ")
        assert "Session: First visit, 40 minutes, €60\n" in sent.body

    def test_a_mail_is_true_until_the_session_ends(self, booking):
        ends_at = booking.slot.starts_at + timedelta(minutes=45)
        assert still_true(MailKind.CONFIRMED, booking, 0, ends_at - timedelta(seconds=1))
        assert not still_true(MailKind.CONFIRMED, booking, 0, ends_at)
        assert booking_link_ends(booking) == ends_at + timedelta(days=30)


class TestCalendars:
    def test_the_entry(self, booking):
        text = event.calendar_file(booking, event.REQUEST).decode().replace("\r\n ", "")
        start, end = (line.split(":")[1] for line in text.splitlines() if line.startswith(("DTSTART", "DTEND")))
        assert end == f"{booking.slot.starts_at + timedelta(minutes=45):%Y%m%dT%H%M%SZ}" != start
        assert "SUMMARY:First visit with Amara Okafor" in text
        assert f"LOCATION:{LINK}{booking.reference}" in text
        assert "\\nPrice: €60\\n" in text

    def test_a_feed(self, booking, expert):
        owner = make_member(expert.organization, password=None)
        feed, _secret = services.create_feed(organization=expert.organization, expert=expert, created_by=owner)
        text = calendar_feed.calendar(CalendarFeed.objects.get(pk=feed.pk)).decode().replace("\r\n ", "")
        assert "SUMMARY:First visit: Lena Fischer" in text
        assert "\\nPrice: €60\\n" in text
        assert f"LOCATION:{LINK}{booking.reference}" in text
        end = booking.slot.starts_at.astimezone(expert.zone) + timedelta(minutes=45)
        assert f"DTEND;TZID=Europe/London:{end:%Y%m%dT%H%M%S}" in text


class TestPages:
    def test_of_the_booking(self, client, booking):
        page = client.get(f"/bookings/{booking.reference}/")
        assert page.context["slot"].ends_at == booking.ends_at
        for text in ("First visit, 45 minutes", "€60", "Video call", LINK + booking.reference):
            assert text in page.text, text
        mine = client.get("/bookings/")
        [row] = mine.context["coming"]
        for text in ("First visit with Amara Okafor", row.when.text, "Join the call", "€60"):
            assert text in unescape(mine.text), text
        assert f" to {clock(booking.ends_at, ZoneInfo('Asia/Kolkata'))} Kolkata" in row.when.text
        assert (row.booking.session_name, row.note, row.join_url) == (
            "First visit with Amara Okafor",
            "Video call",
            LINK + booking.reference,
        )
        question = client.get(f"/bookings/{booking.reference}/cancel/")
        assert question.context["is_possible"]
        assert "First visit" in question.text

    def test_the_rules_of_the_type_decide_about_it(self, client, booking, slots):
        move_slot(slots["09:20"], timezone.now() + timedelta(hours=20), timezone.now() + timedelta(hours=21))
        page = client.get(f"/bookings/{booking.reference}/")
        assert not page.context["can_change"]
        assert not client.get(f"/bookings/{booking.reference}/cancel/").context["is_possible"]

    def test_how_to_join_is_told_until_it_ends(self, booking):
        after_slot = booking.slot.ends_at + timedelta(minutes=1)
        assert place_of(booking, after_slot).join_url
        assert not place_of(booking, booking.ends_at).note
        booking.status = Status.PENDING
        assert not place_of(booking, booking.slot.starts_at).note

    def test_of_staff(self, booking, expert):
        staff = logged_in(make_member(expert.organization))
        assert "First visit, 45 min" in staff.get(admin_url(Booking)).text
        page = staff.get(admin_url(Booking, "change", booking.pk)).text
        for text in ("09:20 to 10:05", "First visit, 45 min", "€60", LINK + booking.reference):
            assert text in page, text
        assert "First visit, 45 min" in staff.get(f"/admin/bookings/booking/{booking.pk}/decide/cancel/").text
        day = staff.get(f"/admin/day/?day={booking.slot.date}&booking={booking.pk}").text
        assert "First visit, 45 min" in day
        for slot_id in booking.slot_ids:
            found = staff.get(admin_url(Booking), {"slot__id__exact": slot_id}).context["cl"].result_list
            assert list(found) == [booking]


def test_staff_move_it_to_where_it_fits(booking, expert, slots):
    book(slots["10:40"])
    staff = logged_in(make_member(expert.organization))
    page = staff.get("/admin/day/moves/", {"booking": booking.pk})
    times = [(spot.time, spot.minutes) for spot in page.context["spots"]]
    assert times == [("09:00", 45), ("09:40", 45), ("11:00", 45)], "also over its own time"


def test_staff_book_a_type_for_somebody(expert, slots):
    staff = logged_in(make_member(expert.organization))
    kind, elsewhere = make_type(expert, name="First visit"), make_type(make_expert())
    form = {"slot": slots["10:00"].pk, "session_type": kind.pk, "seats": 1, "name": "Lena", "key": "key-1"}
    book(slots["10:20"])
    for values, field in [
        ({}, "slot"),
        ({"slot": slots["11:40"].pk}, "slot"),
        ({"session_type": elsewhere.pk}, "session_type"),
    ]:
        answer = staff.post(admin_url(Booking, "add"), form | values)
        assert list(errors_of(answer)) == [field], values
    staff.post(admin_url(Booking, "add"), form | {"slot": slots["09:00"].pk})
    made = Booking.objects.get(name="Lena")
    assert (made.title, made.more_slots) == ("First visit", [slots["09:20"].pk])
    assert list(staff.get(admin_url(Booking), {"session_type__id__exact": kind.pk}).context["cl"].result_list) == [made]


def test_two_experts_together(client, visitor, slots, expert):
    other = make_expert(name="Priya Raman", organization=expert.organization)
    make_row_of_slots(other, end="10:00")
    kind = make_type(expert, name="Couple’s hour", experts_needed=2)
    OfferedType.objects.create(expert=other, session_type=kind)
    starts_at = slots["09:00"].starts_at
    made = services.book_anyone(
        session_type=kind.pk,
        starts_at=starts_at,
        experts=[expert.pk],
        name="Lena",
        email="l@example.com",
        visitor=visitor,
    ).booking
    both = " and ".join(each.name for each in made.experts)
    assert {each.name for each in made.experts} == {"Amara Okafor", "Priya Raman"}
    send_mail(made, "confirmed")
    assert mail.outbox[0].subject.startswith(f"You're booked: Couple’s hour with {both}, ")
    assert f"With: {both}\n" in mail.outbox[0].body
    page = client.get(f"/bookings/{made.reference}/").text
    assert "Amara Okafor</a>" in page and "Priya Raman</a>" in page
    owner = make_member(expert.organization)
    feed, _secret = services.create_feed(organization=expert.organization, expert=made.second_expert, created_by=owner)
    assert b"SUMMARY:Couple" in calendar_feed.calendar(CalendarFeed.objects.get(pk=feed.pk))
    assert both in logged_in(owner).get(admin_url(Booking)).text


def test_webhooks(expert, booking, slots):
    make_webhook(expert.organization, event_types=["booking.rescheduled"])
    moved = services.reschedule(booking_id=booking.pk, slot_id=slots["10:20"].pk, by_customer=False)
    data = WebhookDelivery.objects.get().payload["data"]
    assert data["session_type"] == {"slug": booking.session_type.slug, "name": "First visit"}
    assert data["experts"] == [expert.slug]
    assert (data["price"], data["place"]) == ("€60", {"venue": "video", "note": LINK + booking.reference})
    assert data["ends_at"] == data["slot"]["ends_at"] == moved.ends_at.isoformat().replace("+00:00", "Z")
    assert data["previous_slot"]["ends_at"] == booking.ends_at.isoformat().replace("+00:00", "Z")


def test_what_is_given_out_to_its_person(booking):
    now = timezone.now()
    [row] = export(Subject("lena@example.com", None, now), now)["data"]["bookings"]
    assert (row["session"], row["price"], row["place"]) == ("First visit", "€60", LINK + booking.reference)
    assert row["ends_at"] == booking.ends_at.isoformat()
