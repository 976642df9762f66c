"""On the nights on which the clocks change, all that is shown and sent about a slot names one instant."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from experts.timezones import city
from tests.bookings.icalendar.test_event import attached, event_in, mail_of
from tests.cast import make_booking, make_expert, make_slot

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")  # the last one by half an hour only
MINUTES = 60  # so that a session that begins before the change ends after it


def next_change(zone: ZoneInfo, *, forward: bool) -> datetime:
    """The next instant, a few days ahead at least, at which the clocks of the zone go forward or back."""
    at = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=4)
    step = timedelta(minutes=30)  # all changes of these zones are at full or half hours, in UTC too
    for _ in range(400 * 48):
        before, after = (moment.astimezone(zone).utcoffset() for moment in (at - step, at))
        if after != before and (after > before) == forward:
            return at
        at += step
    raise AssertionError(f"the clocks of {zone} do not change within 400 days")


def moment(name: str, when: str) -> datetime:
    zone = ZoneInfo(name)
    if when == "plain":
        return datetime.combine(timezone.now().date() + timedelta(days=9), time(0, 15), tzinfo=UTC)
    direction, side = when.split()
    change = next_change(zone, forward=direction == "forward")
    if side == "before":
        return change - timedelta(minutes=30)
    # The hour after the clocks went back has the times of the one before; no slot begins in it.
    before, after = ((change + span).astimezone(zone).utcoffset() for span in (timedelta(minutes=-1), timedelta(0)))
    return change + max(before - after, timedelta(0))


CASES = [(zone, f"{way} {side}") for zone in ZONES for way in ("forward", "back") for side in ("before", "after")]
CASES.append(("Asia/Kathmandu", "plain"))  # never changes, and is 5:45 hours from UTC


@pytest.fixture(params=CASES, ids=" ".join)
def slot(request):
    name, when = request.param
    starts_at = moment(name, when)
    shown = starts_at.astimezone(ZoneInfo(name))
    expert = make_expert(timezone=name, venue="video", session_minutes=MINUTES, horizon_days=500)
    slot = make_slot(expert, day=shown.date(), at=f"{shown:%H:%M}")
    assert slot.starts_at == starts_at, "the wall clock of the expert means this instant"
    return slot


def offset(slot, zone) -> str:
    """The offset at the slot, as people write it."""
    total = int(slot.starts_at.astimezone(zone).utcoffset().total_seconds() // 60)
    hours, minutes = divmod(abs(total), 60)
    sign = "+" if total > 0 else "−"
    return "GMT" + (f"{sign}{hours}" if total else "") + (f":{minutes:02}" if minutes else "")


def instant(day: date, at: str, offset: str) -> datetime:
    """What a wall clock and an offset in words say together."""
    sign = -1 if "−" in offset else 1
    hours, _, minutes = offset.removeprefix("GMT").lstrip("+−").partition(":")
    local = datetime.combine(day, time.fromisoformat(at), tzinfo=UTC)
    return local - sign * timedelta(hours=int(hours or 0), minutes=int(minutes or 0))


def span(slot, zone) -> str:
    start, end = (at.astimezone(zone) for at in (slot.starts_at, slot.ends_at))
    return f"{start:%H:%M} to {end:%H:%M}"


def tile_time(body: str, slot) -> tuple[datetime, str]:
    """(instant, wall clock) of the slot's tile, or of its place among the times to move to."""
    part = re.split(rf'id="(?:slot|choice)-{slot.pk}"', body)[1]
    found = re.search(r'<time datetime="([^"]+)">(\d\d:\d\d)</time>', part)
    return datetime.fromisoformat(found[1]), found[2]


def clock_named(body: str) -> str:
    """By which clock an expert's page says that its times are."""
    return re.search(r'class="clock-line".*?<strong>(.+?)</strong>', body, re.DOTALL)[1]


# A visitor at home, one elsewhere, and one whose own clocks change on another night.
@pytest.mark.parametrize("viewer", ["", "Asia/Tokyo", "Europe/London"])
def test_pages_mail_and_file_name_the_same_instant(client, visitor, mailoutbox, slot, viewer):
    zone = ZoneInfo(viewer or slot.expert.timezone)
    client.cookies["zone"] = zone.key
    local = slot.starts_at.astimezone(zone)
    at, in_words = f"{local:%H:%M}", offset(slot, zone)
    assert instant(local.date(), at, in_words) == slot.starts_at

    body = client.get(f"/experts/{slot.expert.slug}/", {"day": local.date().isoformat()}).content.decode()
    assert tile_time(body, slot) == (slot.starts_at, at)
    named = clock_named(body)
    assert named.startswith(f"{city(zone)} time")
    assert "GMT" not in named or in_words in re.search(r"\((.+)\)", named)[1].split(", then ")

    body = client.get(f"/slots/{slot.pk}/book/").content.decode()
    assert span(slot, zone) in body
    assert f"time ({in_words})." in body

    booking = make_booking(slot, holder=visitor, timezone=zone.key)
    body = client.get(f"/bookings/{booking.reference}/").content.decode()
    assert f"{date_format(local, 'l j F')}" in body
    assert f", {at} {city(zone)} time</h1>" in body
    assert span(slot, zone) in body
    assert f"time ({in_words})." in body
    there = f"{slot.starts_at.astimezone(slot.expert.zone):%H:%M}"
    assert (f"{there} in {slot.expert.zone_city}." in body) == (there != at)

    mail = mail_of(booking, "confirmed", mailoutbox)
    for text in (mail.body, mail.alternatives[0][0]):
        assert at in text
        assert f"time ({in_words})" in text
    file = event_in(client.get(f"/bookings/{booking.reference}/calendar.ics").content)[1]
    for event in (attached(mail)[1], file):
        assert event.decoded("dtstart") == slot.starts_at
        assert event.decoded("dtend") == slot.ends_at


def test_the_times_to_move_to_name_it_too(client, visitor, slot):
    client.cookies["zone"] = slot.expert.timezone
    other = make_slot(slot.expert, day=slot.date - timedelta(days=1), at="12:00")
    booking = make_booking(other, holder=visitor)
    body = client.get(f"/bookings/{booking.reference}/reschedule/", {"day": slot.date.isoformat()}).content.decode()
    local = slot.starts_at.astimezone(slot.expert.zone)
    assert tile_time(body, slot) == (slot.starts_at, f"{local:%H:%M}")
    assert f"<strong>{city(slot.expert.zone)} time" in body


def test_a_day_on_which_the_clocks_change_names_both_offsets(client):
    for forward, words in ((True, "GMT+1, then GMT+2"), (False, "GMT+2, then GMT+1")):
        zone = ZoneInfo("Europe/Berlin")
        day = next_change(zone, forward=forward).astimezone(zone).date()
        expert = make_expert(timezone=zone.key, horizon_days=500)
        body = client.get(f"/experts/{expert.slug}/", {"day": day.isoformat()}).content.decode()
        assert clock_named(body) == f"Berlin time ({words})"
        body = client.get(f"/experts/{expert.slug}/", {"day": (day + timedelta(days=1)).isoformat()}).content.decode()
        assert clock_named(body) == "Berlin time"
