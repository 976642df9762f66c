"""Whatever says when a session is says it by the right clock: the place's in person, the visitor's by phone and video.

The other clock stands beside it where it differs, and every time names its zone.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bookings.access import links
from bookings.mail.messages import booking_mail
from bookings.models import MailKind
from experts.timezones import offset_label
from tests.bookings.icalendar.test_event import event_in
from tests.bookings.mail.test_messages import html_of
from tests.cast import join_line, make_booking, make_expert, make_slot
from tests.mail import send_mail

pytestmark = pytest.mark.django_db

SUMMER = datetime(2027, 7, 1, 12, 30, tzinfo=UTC)  # 13:30 in London, 14:30 in Berlin, 21:30 in Tokyo


def booked(at: datetime, *, venue: str, zone: str, **values):
    """A booking with an expert in London, by somebody in ``zone``."""
    expert = make_expert(name="Priya Raman", timezone="Europe/London", venue=venue, session_minutes=20)
    return make_booking(make_slot(expert, starts_at=at), timezone=zone, **values)


def words(html: str) -> str:
    """What a reader sees, in one line."""
    return " ".join(re.sub(r"<(style|script|head)\b.*?</\1>|<[^>]+>", " ", html, flags=re.S).split())


def test_whoever_comes_to_london_from_berlin_is_told_londons_time(mailoutbox):
    """An hour late at the door: the mail once gave Berlin's time alone."""
    send_mail(booked(SUMMER, venue="in_person", zone="Europe/Berlin"), "confirmed")
    [mail] = mailoutbox
    assert mail.subject == "You're booked: Priya Raman, Thu 1 Jul, 13:30 London time"
    where = "London time (GMT+1), where you will be. 14:30 for you in Berlin."
    assert f"When: Thursday 1 July 2027, 13:30 – 13:50, {where}" in mail.body
    assert f"Thursday 1 July 2027 13:30 – 13:50 {where}" in words(html_of(mail))


NEXT = timezone.now().year + 1
LONDON, BERLIN, TOKYO, NEW_YORK = "Europe/London", "Europe/Berlin", "Asia/Tokyo", "America/New_York"
NAMES = {LONDON: "London", BERLIN: "Berlin", TOKYO: "Tokyo", NEW_YORK: "New York"}
CASES = {
    "a room in London, from Berlin": ("in_person", LONDON, BERLIN, datetime(NEXT, 7, 1, 12, 30), "14:30"),
    "by video with London, from Berlin": ("video", LONDON, BERLIN, datetime(NEXT, 7, 1, 12, 30), "13:30"),
    "a room in London, from Tokyo": ("in_person", LONDON, TOKYO, datetime(NEXT, 1, 14, 15), "day, 00:00"),
    "by phone with London, from Tokyo": ("phone", LONDON, TOKYO, datetime(NEXT, 1, 14, 15), "day, 15:00"),
    # New York's clocks go forward two or three weeks before Berlin's and back one after: five hours between, not six.
    "in the weeks of spring": ("in_person", NEW_YORK, BERLIN, datetime(NEXT, 3, 18, 14), "15:00"),
    "in the week of autumn": ("video", NEW_YORK, BERLIN, datetime(NEXT, 10, 31, 14), "10:00"),
    "from next door": ("in_person", LONDON, LONDON, datetime(NEXT, 7, 1, 12, 30), ""),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_all_that_is_said_about_a_booking_goes_by_the_right_clock(client, visitor, mailoutbox, case):
    venue, home, away, at, beside = CASES[case]
    at = at.replace(tzinfo=UTC)
    leading, other = (home, away) if venue == "in_person" else (away, home)
    here, there = at.astimezone(ZoneInfo(leading)), at.astimezone(ZoneInfo(other))
    expert = make_expert(name="Priya Raman", timezone=home, venue=venue, session_minutes=20, horizon_days=500)
    slot = make_slot(expert, starts_at=at, capacity=2)
    client.cookies["zone"] = away
    booking = make_booking(slot, holder=visitor, timezone=away)
    full = make_slot(expert, starts_at=at + timedelta(days=1))
    make_booking(full)
    entry = join_line(full, timezone=away)

    name = f"{NAMES[leading]} time"
    clock, day = f"{here:%H:%M}", f"{here:%A} {here.day} {here:%B} {NEXT}"
    span = f"{clock} to {here + timedelta(minutes=20):%H:%M}"
    if beside.startswith("day, "):
        assert here.date() != there.date()
        beside = f"{there:%a} {there.day} {there:%B}, {beside[5:]}"
    if beside:
        beside = f"{beside} for you in {NAMES[other]}" if venue == "in_person" else f"{beside} in {NAMES[other]}"
    line = f"{name} ({offset_label(ZoneInfo(leading), at)})"
    if beside:
        line = f"{line}, where you will be. {beside}" if venue == "in_person" else f"{line}. {beside}"

    def said(path: str) -> str:
        return words(client.get(path).content.decode())

    started = said(f"/slots/{slot.pk}/book/?again=1")
    assert f"{day}, {span} {name}" in started, "on a phone"
    assert f"{day} {span} {line}." in started, "beside the form"
    page = said(f"/bookings/{booking.reference}/")
    assert f"{day}, {clock} {name}" in page
    assert f"Times are in {line}." in page
    also = r"\([^)]*\d\d:\d\d for you in [^)]+\) " if beside and venue == "in_person" else ""
    assert re.search(rf"Free to move or cancel until \w+ \d+ \w+(?: {NEXT})?, \d\d:\d\d {name} {also}\.", page)
    assert f"{span} {name}" in said("/bookings/")
    assert beside in said("/bookings/")
    when = f"{day}, {clock} {name}" + (f" ({beside})" if beside else "")
    assert f"Priya Raman, {when}." in said(f"/bookings/{booking.reference}/cancel/")
    assert f"{when} " in said(links.not_me_url(booking).removeprefix("http://localhost:8000"))
    offered = said(f"/bookings/link/{links.offer_token(entry)}/")
    assert name in offered
    assert "for you in" in offered or venue != "in_person" or not beside

    for kind in ("confirmed", "reminder_day", "reminder_hour"):
        send_mail(booking, kind)
        mail = mailoutbox[-1]
        assert mail.subject.endswith(f", {here:%a} {here.day} {here:%b}, {clock} {name}")
        assert f"When: {day}, {clock} – {here + timedelta(minutes=20):%H:%M}, {line}." in mail.body
        assert f"{day} {clock} – {here + timedelta(minutes=20):%H:%M} {line}." in words(html_of(mail))
    event = event_in(client.get(f"/bookings/{booking.reference}/calendar.ics").content)[1]
    assert f"{here:%a} {here.day} {here:%B} {NEXT}, {clock}, {line}." in event["description"]
    assert event.decoded("dtstart") == at


def test_every_mail_about_a_booking_names_the_zone_in_its_subject():
    """By the place's clock to the booker in Tokyo, and by the expert's to staff."""
    booking = booked(SUMMER, venue="in_person", zone=TOKYO, expires_at=SUMMER)
    about_no_booking = {MailKind.LOOKUP, MailKind.INVITATION, MailKind.WEBHOOK_PAUSED, MailKind.PASSWORD}
    for kind in set(MailKind) - about_no_booking - {MailKind.WAITLIST_PROVE, MailKind.WAITLIST_OFFER}:
        mail = booking_mail(booking, kind, "lena@example.com", "<one@expertbook>")
        assert mail.subject.endswith("Priya Raman, Thu 1 Jul, 13:30 London time"), kind
        assert "21:30" not in mail.body.replace("21:30 for you in Tokyo", ""), kind
