"""Lists and forms of the admin on a phone of 390 pixels: low lines, quiet deleting, and axe finds nothing."""

import re

import pytest
from playwright.sync_api import expect

from bookings.models import Booking, Question, Status, WaitlistEntry
from experts.models import Expert, Membership, Organization, SessionType, Slot, TimeOff
from tests.bookingsite.isolation import make_world
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_accessibility import AXE, DRAWN, RULES, RUN_AXE
from tests.cast import make_booking
from tests.staff import admin_url

LISTS = [Booking, Slot, WaitlistEntry, Expert, SessionType, TimeOff, Question, Membership, Organization]


@pytest.fixture
def world(transactional_db):
    world = make_world()
    slot = world.objects[Slot]
    make_booking(slot, name="A name that is so long that it does not fit beside its status", status=Status.PENDING)
    return world


@pytest.fixture
def open_page(make_context, live_site, world):
    def open_page(address="/admin/", **options):
        context = make_context(**options)
        session = world.people["superuser"].cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_site.url}])
        page = context.new_page()
        page.goto(address)
        return page

    return open_page


def test_lists_fit_a_phone(open_page, world):
    tall = []
    page = open_page(**PHONE)
    for model in LISTS:
        page.goto(admin_url(model))
        heights = page.evaluate(
            "[...document.querySelectorAll('#result_list .data-row')].map((row) => row.offsetHeight)"
        )
        assert heights, model
        tall += [f"{model.__name__}: {height}" for height in heights if height > 72]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), model
        assert page.locator(".eb-counted").count(), model
        assert re.fullmatch(r"\d+ in this list", page.locator(".eb-counted").inner_text()), model
    assert not tall, tall


def test_a_line_of_a_list_says_who_and_when_and_leads_there(open_page, world):
    page = open_page(admin_url(Booking), **PHONE)
    row = page.locator("#result_list .data-row").filter(has_text="Confirmed")
    booking = world.objects[Booking]
    for text in ("Lena Quorlbath", "Confirmed", "Zephyrine Okonkwolight"):
        expect(row.get_by_text(text).first).to_be_in_viewport()
    row.get_by_role("checkbox").check()
    expect(page.locator("select[name=action]")).to_be_visible()
    row.get_by_role("checkbox").uncheck()
    row.tap(position={"x": 200, "y": 45})
    expect(page).to_have_url(re.compile(rf"/booking/{booking.pk}/change/"))


def test_deleting_is_small_and_apart(open_page, world):
    slot = world.objects[TimeOff]
    for look in (PHONE, DESKTOP):
        page = open_page(admin_url(TimeOff, "change", slot.pk), **look)
        save = page.get_by_role("button", name="Save", exact=True).bounding_box()
        delete = page.get_by_role("link", name=re.compile("^Delete")).bounding_box()
        assert delete["width"] < 160 and delete["width"] * delete["height"] < save["width"] * save["height"] * 2
        assert abs(delete["y"] - save["y"]) > 40 or abs(delete["x"] - save["x"]) > 160


def test_axe_finds_nothing_on_lists_and_forms(open_page, world):
    found = []
    page = open_page(**DESKTOP)
    addresses = [admin_url(model) for model in (Booking, Slot, WaitlistEntry, Expert)]
    addresses += [admin_url(model, "add") for model in (Booking, Slot, Expert, TimeOff, SessionType, Question)]
    addresses += [
        admin_url(model, "change", world.objects[model].pk) for model in (Booking, Slot, Expert, Organization)
    ]
    for address in addresses:
        page.goto(address)
        page.evaluate(AXE)
        # So high that the bar at the bottom covers nothing.
        for size in ({"width": 1280, "height": 2400}, PHONE["viewport"]):
            page.set_viewport_size(size)
            page.evaluate(DRAWN)
            found += [f"{address} at {size['width']}: {text}" for text in page.evaluate(RUN_AXE, RULES)]
    assert not found, "\n".join(found)
