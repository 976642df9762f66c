"""What somebody sees who comes for the first time, from another zone than the expert's: no wrong time, and no jump."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from experts.models.expert import Venue
from tests.browser.conftest import PHONE
from tests.cast import day_ahead, make_expert, make_slot

# Notes the times of tiles that are painted, frame by frame, and by how much content moves by itself.
WATCH = """
    window.painted = new Set();
    window.moved = 0;
    const isSeen = (element) => element.checkVisibility({ visibilityProperty: true });
    const look = () => {
        for (const time of document.querySelectorAll(".tile time")) if (isSeen(time)) painted.add(time.textContent);
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) moved += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
"""


def saturday_ahead():
    day = day_ahead(3)
    return day + timedelta(days=(5 - day.weekday()) % 7)


@pytest.mark.parametrize(
    ("zone", "at", "size"),
    [("Asia/Tokyo", "03:00", PHONE), ("America/Los_Angeles", "23:00", {})],
)
def test_a_video_call_is_shown_by_the_visitors_clock_from_the_first_paint_on(make_context, live_site, zone, at, size):
    """In Tokyo "03:00 Sun" stood under Saturday, in Los Angeles "23:00 Sat" under Sunday; first, both as in London."""
    there, day = ZoneInfo(zone), saturday_ahead()
    hour = int(at[:2])
    starts_at = datetime(day.year, day.month, day.day, hour, tzinfo=there).astimezone(UTC)
    slot = make_slot(make_expert(venue=Venue.VIDEO), starts_at=starts_at)
    assert slot.date != day
    page = make_context(timezone_id=zone, **size).new_page()
    page.add_init_script(WATCH)
    asked = []
    page.on("request", lambda it: asked.append(it.is_navigation_request()) if "/experts/" in it.url else None)
    page.goto(f"/experts/{slot.expert.slug}/")
    tile = page.locator(f"#slot-{slot.pk}")
    expect(tile).to_be_visible()
    expect(tile.locator("time")).to_have_text(at)
    expect(page.locator(".day[aria-current]")).to_contain_text(f"{day.day}")
    expect(page.locator(".clock-line")).to_contain_text(f"{zone.split('/')[1].replace('_', ' ')} time")
    assert page.evaluate("[...painted]") == [at]
    assert page.evaluate("moved") < 0.02
    assert asked == [True, False], "the page once, and once the part with the times"
    page.reload()
    expect(tile.locator("time")).to_have_text(at)
    assert asked == [True, False, True]
    assert page.evaluate("moved") < 0.02


def test_a_visit_in_person_is_painted_at_once_and_the_visitors_own_time_comes_beside_it(make_context, live_site):
    slot = make_slot(make_expert(timezone="Europe/London"), at="16:00")
    page = make_context(timezone_id="Asia/Tokyo").new_page()
    page.add_init_script(WATCH)
    held_back = []
    page.route(
        re.compile("/experts/"),
        lambda route: route.continue_() if route.request.is_navigation_request() else held_back.append(route),
    )
    with page.expect_request(lambda request: "/experts/" in request.url and not request.is_navigation_request()):
        page.goto(f"/experts/{slot.expert.slug}/?day={slot.date}")
    tile = page.locator(f"#slot-{slot.pk}")
    expect(tile.locator("time")).to_have_text("16:00")
    tile.hover()
    page.mouse.down()
    [route] = held_back
    with page.expect_response(route.request.url):
        route.continue_()
    expect(page.locator(".clock-line")).to_contain_text("for you in Tokyo")
    expect(tile).to_contain_text("in Tokyo")
    assert page.evaluate("[...painted]") == ["16:00"]
    assert page.evaluate("moved") < 0.02
    page.mouse.up()  # a press while the part is replaced is not lost
    expect(page.get_by_role("dialog")).to_be_visible()
