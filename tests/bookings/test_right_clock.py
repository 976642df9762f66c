"""Whatever says when a session is says it by the right clock: the place's in person, the visitor's by phone and video.

The other clock stands beside it where it differs, and every time names its zone.
"""

import re
from datetime import UTC, datetime

import pytest

from tests.bookings.mail.test_messages import html_of
from tests.cast import make_booking, make_expert, make_slot
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
