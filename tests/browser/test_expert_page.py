"""The expert page as a person sees it: what is above the fold, what is folded away, and what happens meanwhile."""

import re
from datetime import time

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from experts import services
from experts.models import Expert
from experts.timezones import instant_of
from tests.browser.conftest import DESKTOP, PHONE
from tests.cast import book, day_ahead, make_expert, make_organization, make_slot

WINDOWS = {"phone": PHONE, "desktop": DESKTOP | {"viewport": {"width": 1280, "height": 800}}}


@pytest.fixture
def expert(live_site):
    """Somebody with a long story, on whose day ahead the morning is over, as it is inside the notice."""
    expert = make_expert(
        name="Dr Katharina Vogel-Sommerfeld",
        slug="katharina",
        headline="Physiotherapist for older adults, after operations and for chronic pain",
        bio="Sessions are practical. " * 20,
        organization=make_organization(name="Northgate Clinic for Movement", slug="northgate", requires_approval=True),
        venue="video",
        languages=["en", "de", "pt"],
        default_capacity=5,
    )
    for hour in (8, 9, 10, 11, 13, 14):
        make_slot(expert, at=f"{hour:02}:00", capacity=5)
    let_pass(expert, time(12))
    return expert


def let_pass(expert, at: time):
    """Make all that begins before a time of the day ahead be over."""
    notice = instant_of(day_ahead(), at, expert.zone) - timezone.now()
    Expert.objects.filter(pk=expert.pk).update(min_notice=notice)


def free_tiles(page):
    return page.locator("#grid-form .tile:has([data-state=open])")


def test_the_first_free_time_is_seen_without_scrolling(make_context, expert):
    for name, window in WINDOWS.items():
        page = make_context(**window).new_page()
        page.goto(f"/experts/katharina/?day={day_ahead()}")
        expect(page.get_by_text("4 earlier times")).to_be_visible()
        box = free_tiles(page).first.bounding_box()
        assert box["y"] + box["height"] <= window["viewport"]["height"], f"{name}: {box}"


def test_what_is_over_stays_as_somebody_left_it_and_a_week_that_loads_says_so(page, expert):
    page.goto(f"/experts/katharina/?day={day_ahead()}")
    expect(page.locator("html")).to_have_attribute("data-live", "on")
    folded = page.locator(".earlier .tile").first
    expect(folded).to_be_hidden()
    page.get_by_text("4 earlier times").click()
    expect(folded).to_be_visible()
    book(expert.slots.get(time="13:00"))
    expect(free_tiles(page).first).to_contain_text("4 seats")
    expect(folded).to_be_visible()
    # The notice reaches the next time: it is over, and stays where it is also when the day is loaded again.
    let_pass(expert, time(13, 30))
    services.add_slots(expert=expert, starts=[(day_ahead(), time(16))])
    expect(free_tiles(page)).to_have_count(2)
    expect(page.locator("#grid-form .tile").first).to_contain_text("Past")
    expect(page.locator(".earlier .tile")).to_have_count(4)
    expect(folded).to_be_visible()

    day, held = page.locator("#day"), []

    def hold_back(route):
        held.append(route)

    page.route(re.compile(f"day={day_ahead(9)}"), hold_back)
    top = page.locator(".day-heading").bounding_box()
    page.get_by_role("link", name="Next week").click()
    expect(day).to_have_attribute("aria-busy", "true")
    assert page.locator(".day-heading").bounding_box() == top
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    expect(page.get_by_role("heading", name=f"{day_ahead(9):%A} {day_ahead(9).day} {day_ahead(9):%B}")).to_be_visible()
    expect(day).not_to_have_attribute("aria-busy", "true")
