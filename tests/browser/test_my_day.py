"""An expert's day on a phone of 390 pixels, with one thumb: notes in one tap, an hour blocked in three."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from bookings.models import Booking, NoteReading, Status
from experts.models import Role, TimeOff
from tests.bookings.admin.test_my_day import slot_at, zone_by_day
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_accessibility import AXE, RULES, RUN_AXE
from tests.cast import make_booking, make_expert, make_organization
from tests.staff import logged_in, make_member


@pytest.fixture
def expert(transactional_db):
    """About noon: Tom is over, Maya comes in half an hour, a class after her, and something free between."""
    zone = zone_by_day()
    organization = make_organization(timezone=zone)
    user = make_member(organization, Role.EXPERT)
    expert = make_expert(organization=organization, timezone=zone, user=user, min_notice=timedelta(0))
    make_booking(slot_at(expert, -90), name="Tom", status=Status.COMPLETED)
    maya = {"name": "Maya", "notes": "Left knee, six weeks after surgery.", "phone": "+447700900412"}
    make_booking(slot_at(expert, 30), **maya)
    slot_at(expert, 60)
    group = slot_at(expert, 90, capacity=5, title="Back class")
    for name in ("Ann", "Ben"):
        make_booking(group, name=name)
    ends = timezone.now() + timedelta(hours=1)
    make_booking(slot_at(expert, 150), name="Aylin", status=Status.PENDING, expires_at=ends)
    return expert


@pytest.fixture
def open_day(make_context, live_site, expert):
    """Open the first page of the admin as that expert, and count taps."""
    session = logged_in(expert.user).cookies["sessionid"].value

    def open_day(**options):
        context = make_context(**PHONE | options)
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_site.url}])
        page = context.new_page()
        page.goto("/admin/")
        return page

    return open_day


def test_the_day_is_worked_through_with_one_thumb(open_day, expert):
    page = open_day()
    expect(page).to_have_url("/admin/my-day/")
    expect(page.get_by_text("Left knee")).to_have_count(0)
    page.get_by_role("link", name="Maya").tap()
    expect(page.get_by_text("Left knee, six weeks after surgery.")).to_be_visible()
    assert NoteReading.objects.count() == 1
    expect(page.get_by_role("link", name="Call")).to_have_attribute("href", "tel:+447700900412")
    expect(page.get_by_role("button", name="No-show")).to_be_disabled()
    page.get_by_role("button", name="Arrived").tap()
    expect(page.get_by_text("here since")).to_be_visible()
    maya = Booking.objects.get(name="Maya")
    assert maya.arrived_at is not None
    page.get_by_role("button", name="Take it back").tap()
    expect(page.get_by_text("here since")).to_have_count(0)

    page.get_by_role("link", name="Back class").tap()
    expect(page.get_by_text("Left knee")).to_have_count(0)
    page.get_by_role("button", name="Ben arrived").tap()
    expect(page.get_by_role("button", name="Ben arrived")).to_have_count(0)
    assert Booking.objects.get(name="Ben").arrived_at is not None
    expect(page.get_by_role("button", name="Ann arrived")).to_be_visible()


def test_an_hour_is_blocked_in_three_taps(open_day, expert):
    page = open_day()
    page.get_by_role("link", name="Block time").tap()
    expect(page).to_have_url(re.compile("block=1"))
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("block=1"))
    page.get_by_role("link", name="Block time").tap()
    page.locator(".eb-spans button").first.tap()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("1 booking is in that time:")).to_be_visible()
    expect(dialog).to_contain_text("Maya")
    assert not TimeOff.objects.exists()
    dialog.get_by_role("button", name="Block it").tap()
    expect(page.locator(".eb-told")).to_contain_text("is blocked.")
    time_off = TimeOff.objects.get()
    start = Booking.objects.get(name="Maya").slot.time
    assert (time_off.expert, time_off.from_time) == (expert, start)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".eb-line-person").filter(has_text="Maya")).to_contain_text("To rescue")


def test_it_works_without_a_script(open_day, expert):
    page = open_day(java_script_enabled=False)
    page.get_by_role("link", name="Maya").click()
    expect(page.get_by_text("Left knee, six weeks after surgery.")).to_be_visible()
    page.get_by_role("button", name="Arrived").click()
    expect(page.get_by_text("here since")).to_be_visible()
    page.get_by_role("link", name="Block time").click()
    page.locator(".eb-spans button").nth(1).click()
    page.get_by_role("button", name="Block it").click()
    expect(page.get_by_text("is blocked.")).to_be_visible()


def test_lines_are_low_targets_large_and_axe_finds_nothing(open_day, expert):
    for look in (PHONE | {"color_scheme": "dark"}, DESKTOP):
        page = open_day(**look)
        lines = "[...document.querySelectorAll('.eb-line')].map((line) => line.offsetHeight).filter(Boolean)"
        heights = page.evaluate(lines)
        assert max(heights) <= 60 and min(heights) >= 44, heights
        page.evaluate(AXE)
        found = page.evaluate(RUN_AXE, RULES)
        page.get_by_role("link", name="Maya").click()
        expect(page.get_by_text("Left knee")).to_be_visible()
        found += page.evaluate(RUN_AXE, RULES)
        low = "[...document.querySelectorAll('.eb-opened .eb-act, .eb-thumb .eb-act')].map((it) => it.offsetHeight)"
        assert min(page.evaluate(low)) >= 44
        page.get_by_role("link", name="Back class").click()
        expect(page.get_by_role("button", name="Ann arrived")).to_be_visible()
        found += page.evaluate(RUN_AXE, RULES)
        page.get_by_role("link", name="Block time").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        found += page.evaluate(RUN_AXE, RULES)
        page.locator(".eb-spans button").first.click()
        expect(page.get_by_role("button", name="Block it")).to_be_visible()
        found += page.evaluate(RUN_AXE, RULES)
        assert not found, "\n".join(found)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
