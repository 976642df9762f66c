"""An expert's page is rendered once and kept: never older than the database, and never with what is another's own."""

import re
from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from bookings.models import Status, WaitlistEntry
from experts.models import Category, Expert, Organization, Slot
from experts.models.expert import Venue
from tests.cast import book, make_booking, make_expert, make_organization, make_slot, utc
from tests.kept import TOKEN, body_of, nothing_kept

pytestmark = pytest.mark.django_db
views = import_module("bookings.views.expert")  # the package has a view of that name
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


def look(client, expert, *, headers=None, path="experts", **query):
    return body_of(client.get(f"/{path}/{expert.slug}/", query, headers=headers))


def look_afresh(client, expert, **options):
    with nothing_kept():
        return look(client, expert, **options)


def raw(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def slot():
    return make_slot(make_expert(organization=make_organization(min_notice=timedelta(0))), capacity=3, title="Yoga")


CHANGES = {
    "a booking": book,
    "a hold": lambda slot: make_booking(slot, status=Status.HELD),
    "a full slot": lambda slot: make_booking(slot, seats=3),
    "another title": lambda slot: Slot.objects.filter(pk=slot.pk).update(title="Pilates"),
    "closed by raw SQL": lambda slot: raw("UPDATE experts_slot SET is_closed = true WHERE id = %s", slot.pk),
    "more seats": lambda slot: Slot.objects.filter(pk=slot.pk).update(capacity=9),
    "another slot of the day": lambda slot: make_slot(slot.expert, at="16:00"),
    "another slot of the week": lambda slot: make_slot(
        slot.expert, day=slot.date + timedelta(days=1 if slot.date.weekday() < 6 else -1)
    ),
    "a slot a month later": lambda slot: make_slot(slot.expert, day=slot.date + timedelta(days=30)),
    "deleted": lambda slot: slot.delete(),
    "another name": lambda slot: Expert.objects.filter(pk=slot.expert_id).update(name="Somebody Else"),
    "another zone": lambda slot: Expert.objects.filter(pk=slot.expert_id).update(timezone="Asia/Tokyo"),
    "the organisation's name": lambda slot: Organization.objects.update(name="Another House"),
    "the organisation's policy": lambda slot: Organization.objects.update(requires_approval=True),
    "the organisation's notice": lambda slot: Organization.objects.update(min_notice=timedelta(days=20)),
    "the category": lambda slot: Category.objects.update(is_medical=True),
    "the expert's horizon": lambda slot: Expert.objects.filter(pk=slot.expert_id).update(horizon_days=1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("headers", [None, PARTIAL], ids=["page", "part"])
def test_after_any_change_it_is_what_a_new_process_shows(client, slot, rendered, change, headers):
    look(client, slot.expert)  # the browser has its identity, and the site's cookies
    day = {"day": slot.date.isoformat(), "headers": headers}
    before = look(client, slot.expert, **day)
    count = len(rendered)
    assert look(client, slot.expert, **day) == before
    assert len(rendered) == count, "it was not kept"
    change(slot)
    after = look(client, slot.expert, **day)
    assert after != before or headers, "a part does not say all that a page says"
    assert after == look_afresh(client, slot.expert, **day)


def test_the_control_without_a_version_it_would_be_old(client, slot, monkeypatch):
    look(client, slot.expert)
    before = look(client, slot.expert)
    monkeypatch.setattr("experts.page_cache.Page.is_true", lambda self, version, now: True)
    book(slot)
    assert look(client, slot.expert) == before


def test_what_was_free_when_it_was_kept_is_never_shown_as_free_afterwards(client):
    slot = make_slot()
    assert "1 time free" in look(client, slot.expert, day=slot.date.isoformat())
    book(slot)
    assert "No times free" in look(client, slot.expert, day=slot.date.isoformat())
    refused = client.post(f"/slots/{slot.pk}/hold/", headers=PARTIAL)
    assert refused.status_code == 409


@pytest.mark.parametrize("when", ["after the version was read", "after the page was rendered"])
def test_a_booking_in_the_middle_of_rendering_shows_from_the_next_look_on(client, slot, monkeypatch, when):
    day = {"day": slot.date.isoformat()}
    make = views._make
    booked = []

    def make_and_book(*args):
        if when == "after the version was read":
            booked.append(make_booking(slot, seats=3))
        page = make(*args)
        if not booked:
            booked.append(make_booking(slot, seats=3))
        return page

    look(client, make_expert())  # the browser has the site's cookies
    monkeypatch.setattr(views, "_make", make_and_book)
    look(client, slot.expert, **day)
    monkeypatch.undo()
    shown = look(client, slot.expert, **day)
    assert "No times free" in shown
    assert shown == look_afresh(client, slot.expert, **day)


@pytest.mark.parametrize("moment", ["hold", "start", "midnight"])
def test_it_ends_when_time_alone_changes_something(client, rendered, monkeypatch, moment):
    expert = make_expert(organization=make_organization(min_notice=timedelta(0)), timezone="Asia/Tokyo")
    now = timezone.now()
    slot = make_slot(expert, day=expert.today(now) + timedelta(days=2), at="09:00")
    hold = make_booking(slot, status=Status.HELD)
    moments = {"hold": hold.expires_at, "start": slot.starts_at}
    midnight = slot.starts_at.astimezone(expert.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    at = moments.get(moment, midnight - timedelta(days=1))
    day = {"day": slot.date.isoformat()}
    monkeypatch.setattr(timezone, "now", lambda: at - timedelta(seconds=1))
    look(client, expert)
    before, count = look(client, expert, **day), len(rendered)
    assert look(client, expert, **day) == before
    assert len(rendered) == count
    monkeypatch.setattr(timezone, "now", lambda: at)
    after = look(client, expert, **day)
    assert len(rendered) == count + 1
    assert after != before
    assert after == look_afresh(client, expert, **day)


def test_a_clock_that_was_set_back_finds_no_page_of_the_future(client, slot, rendered, monkeypatch):
    look(client, slot.expert)
    now, count = timezone.now(), len(rendered)
    monkeypatch.setattr(timezone, "now", lambda: now - timedelta(hours=1))
    look(client, slot.expert)
    assert len(rendered) == count + 1


class TestOwn:
    def test_each_has_a_token_of_ones_own(self, slot):
        pages = []
        for _ in range(2):
            client = Client(enforce_csrf_checks=True)
            body = client.get(f"/experts/{slot.expert.slug}/").content.decode()
            tokens = set(TOKEN.findall(body))
            assert len(tokens) == 1
            pages.append((client, tokens.pop()))
        assert pages[0][1] != pages[1][1]
        for number, (client, token) in enumerate(pages):
            other = pages[1 - number][1]
            url = f"/slots/{slot.pk}/hold/"
            assert client.post(url, {"csrfmiddlewaretoken": other}).status_code == 403
            assert client.post(url, {"csrfmiddlewaretoken": token}).status_code in (200, 303)

    def test_marks_and_the_bar_are_laid_over_a_page_that_others_see_without(self, client, rendered):
        expert = make_expert(timezone="Europe/London")
        held, booked, waiting = (make_slot(expert, at=at) for at in ("09:00", "10:00", "11:00"))
        day = {"day": held.date.isoformat()}
        stranger = Client()
        stranger.get("/")
        client.post(f"/slots/{held.pk}/hold/")
        visitor = client.cookies["visitor"].value.split(":")[0]
        book(booked, visitor=visitor)
        make_booking(waiting)
        WaitlistEntry.objects.create(slot=waiting, visitor=visitor, name="N", email="n@example.com", timezone="UTC")
        look(stranger, expert, **day)
        theirs, count = look(stranger, expert, **day), len(rendered)
        mine = look(client, expert, **day)
        assert len(rendered) == count, "for one's own marks the page was rendered again"
        assert re.findall(r'id="slot-(\d+)-mark" data-mark="(\w+)"', mine) == [
            (str(held.pk), "held"),
            (str(booked.pk), "booked"),
            (str(waiting.pk), "waiting"),
        ]
        assert 'id="hold-bar"' in mine
        assert mine.count('class="tile-mark"') == theirs.count('class="tile-mark"') == 3
        assert "data-mark" not in theirs
        assert "hold-bar" not in theirs
        assert theirs == look(stranger, expert, **day)

    def test_theme_clock_and_the_way_back(self, client, slot, rendered, monkeypatch):
        look(client, slot.expert)
        count = len(rendered)
        client.cookies["theme"] = "dark"
        dark = look(client, slot.expert, x='"><script>alert(1)</script>')
        assert '<html lang="en" dir="ltr" data-accent="petrol" data-theme="expertbook-dark" ' in dark
        assert "<script>alert" not in dark
        assert "x=%22%3E%3Cscript%3E" in dark
        assert "?next=%2Fexperts%2F" in dark
        assert len(rendered) == count, "the theme and what else is in the address are no other page"
        client.cookies["zone"] = "Asia/Kolkata"
        monkeypatch.setattr(timezone, "now", lambda: slot.starts_at - timedelta(hours=20))
        shown = look(client, slot.expert)
        monkeypatch.setattr(timezone, "now", lambda: slot.starts_at - timedelta(hours=20, minutes=-1))
        assert look(client, slot.expert) != shown, "the clock in the header stands"

    def test_the_clock_shows_the_zone_that_is_named_beside_it(self, client, slot, monkeypatch):
        client.cookies["zone"] = "Asia/Kolkata"
        monkeypatch.setattr(timezone, "now", lambda: utc("2026-01-15 06:40"))
        for venue in Venue:  # whichever clock leads on the page
            Expert.objects.update(venue=venue)
            shown = look(client, slot.expert)
            assert "<span data-zone-city>Kolkata</span>" in shown
            assert "<time data-clock>12:10</time>" in shown

    def test_a_frame_gets_no_cookie_and_no_token(self, slot):
        for _ in range(2):
            client = Client()
            look(client, slot.expert, path="embed/expert")
            assert not client.cookies


def test_what_somebody_writes_is_no_hole(client, rendered):
    expert = make_expert(bio="holecsrf_tokenend {{ csrf_token }} hole0123456789abcdefcsrf_tokenend")
    assert "hole0123456789abcdefcsrf_tokenend" in look(client, expert)


def test_an_unknown_or_hidden_expert_is_404_though_a_page_is_kept(client, slot):
    look(client, slot.expert)
    Expert.objects.filter(pk=slot.expert_id).update(is_active=False)
    assert client.get(f"/experts/{slot.expert.slug}/").status_code == 404
