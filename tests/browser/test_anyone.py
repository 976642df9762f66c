"""Any of those who offer a type, by people: a time is held with somebody, who is named, and other pages lose it."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from bookings import services
from bookings.models import Booking
from experts.models import Expert
from tests.bookings.services.test_anyone import House
from tests.browser.test_accessibility import problems
from tests.browser.test_live import live
from tests.cast import book


@pytest.fixture
def house(live_site):
    house = House(experts=2)
    Expert.objects.update(min_notice=timedelta(0))
    return house


def open_page(page, house):
    page.goto(f"/o/{house.type.organization.slug}/book/{house.type.slug}/")
    live(page)
    return page


def tile(page, house, clock="09:00"):
    return page.locator(f"#start-{int(house.at(clock).timestamp())}")


def test_somebody_is_held_and_named_and_another_page_loses_the_start(make_context, house):
    mine, others = (open_page(make_context().new_page(), house) for _ in range(2))
    expect(tile(mine, house)).to_contain_text("2 free")
    tile(mine, house).focus()
    mine.keyboard.press("Enter")
    dialog = mine.locator("#modal-body")
    expect(dialog.get_by_role("heading", name="Your details")).to_be_visible()
    held = Booking.objects.get()
    expect(dialog).to_contain_text(held.slot.expert.name)
    rest = next(expert for expert in house.experts if expert != held.slot.expert)
    expect(tile(others, house)).to_contain_text(rest.short_name, timeout=2_000)
    slots = house.slots[house.experts.index(rest)]
    book(slots["09:20"])
    expect(tile(others, house)).not_to_have_attribute("formaction", re.compile("."), timeout=2_000)
    dialog.get_by_label("Full name").fill("Lena Fischer")
    dialog.get_by_label("Email").fill("lena@example.com")
    dialog.get_by_role("checkbox").check()
    dialog.get_by_role("button", name="Review booking").click()
    expect(dialog).to_contain_text(held.slot.expert.name)
    dialog.get_by_role("button", name="Confirm booking").click()
    expect(dialog.get_by_role("heading", name=re.compile("booked", re.IGNORECASE))).to_be_visible()
    held.refresh_from_db()
    assert (held.status, held.session_type) == ("CONFIRMED", house.type)


def test_a_time_that_somebody_gives_back_is_marked_for_some_seconds(make_context, house):
    taken = [book(slots["09:20"], session_type=house.type.pk) for slots in house.slots]
    page = open_page(make_context().new_page(), house)
    expect(tile(page, house, "10:00")).to_contain_text("2 free")
    expect(tile(page, house, "09:20")).to_have_count(0)
    services.cancel(booking_id=taken[0].pk, by_customer=True)
    flag = tile(page, house, "09:20").locator(".tile-flag")
    expect(flag).to_have_text("Just opened", timeout=2_000)
    expect(page.locator("#announcer")).to_have_text("09:00 just opened")  # the first start that it makes possible again
    expect(page.locator(".tile-flag")).to_have_count(3)
    assert problems(page, "just opened") == []
    # What else happens meanwhile loads the times again: the mark stays for its time, and nothing else gets one.
    book(house.slots[1]["10:20"])
    expect(tile(page, house, "10:00")).not_to_contain_text("2 free", timeout=2_000)
    expect(flag).to_be_visible()
    expect(page.locator(".tile-flag")).to_have_count(3)
    expect(flag).to_have_count(0)
    expect(tile(page, house, "09:20")).to_be_visible()


def test_it_works_without_javascript(page_without_js, house):
    page = page_without_js
    page.goto(f"/o/{house.type.organization.slug}/book/{house.type.slug}/")
    page.get_by_role("link", name=re.compile(house.experts[1].name)).click()
    page.locator("#book-soonest").click()
    expect(page.get_by_role("heading", name="Your details")).to_be_visible()
    assert Booking.objects.get().slot.expert == house.experts[1]


@pytest.mark.parametrize("look", [{"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}, {}])
def test_axe_finds_nothing(make_context, house, look):
    page = open_page(make_context(**look).new_page(), house)
    book(house.slots[0]["10:00"], session_type=house.type.pk)
    assert problems(page, "anyone") == []
    page.goto(f"/o/{house.type.organization.slug}/")
    assert problems(page, "organisation with types") == []
