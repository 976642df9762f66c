"""A day at the desk in a browser: who is next, who came, who did not. By mouse, by keys, without script, by phone."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from bookings.models import Booking, Status
from experts.models import TimeOff
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_accessibility import AXE, RULES, RUN_AXE
from tests.cast import make_booking, make_expert, make_organization, make_slot
from tests.staff import logged_in, make_member

ZONES = (
    *("Pacific/Honolulu", "America/Los_Angeles", "America/New_York", "Europe/London"),
    *("Asia/Kathmandu", "Asia/Tokyo", "Pacific/Auckland"),
)


@pytest.fixture
def clinic(live_site):
    """Where it is the middle of a day now: Karim should have come ten minutes ago, Maya is next, Wen asks to come."""
    now = timezone.now()
    zone = next(zone for zone in ZONES if 7 <= now.astimezone(ZoneInfo(zone)).hour <= 16)
    clinic = make_organization(name="Northgate Clinic", slug="northgate", timezone=zone)
    amara = make_expert(organization=clinic, name="Dr Amara Okafor", timezone=zone)
    hannah = make_expert(organization=clinic, name="Dr Hannah Weiss", timezone=zone)
    minute = now.replace(second=0, microsecond=0)

    def at(expert, minutes, name="", **values):
        slot = make_slot(
            expert, starts_at=minute + timedelta(minutes=minutes), minutes=30, capacity=values.pop("of", 1)
        )
        return make_booking(slot, name=name, **values) if name else slot

    at(amara, -50, "Noah Petersen", status=Status.COMPLETED)
    at(amara, -10, "Karim Aziz", phone="+442079460115", notes="Left knee")
    at(amara, 30, "Maya Halloran")
    at(amara, 120)
    at(hannah, -45, "Leo Baptiste", status=Status.NO_SHOW)
    at(hannah, -5, "Ida Schneider", arrived_at=now)
    at(hannah, 35, "Wen Li", status=Status.PENDING)
    at(hannah, 70, "Priya Nair", of=5)
    at(hannah, 110, "", of=1)
    TimeOff.objects.create(
        expert=hannah, first_day=(now + timedelta(days=1)).date(), last_day=(now + timedelta(days=1)).date()
    )
    return clinic


@pytest.fixture
def desk(make_context, live_site, clinic):
    """A browser in which somebody at the desk has logged in: ``desk(**options)`` is its page."""
    session = logged_in(make_member(clinic)).cookies["sessionid"].value

    def open_page(**options):
        context = make_context(**options)
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_site.url}])
        return context.new_page()

    return open_page


def status_of(name: str) -> str:
    return Booking.objects.get(name=name).status


class Clicks:
    """Counts what a person has to press."""

    def __init__(self):
        self.count = 0

    def on(self, locator):
        self.count += 1
        locator.click()


def block(page, name):
    return page.locator(".ebd-block").filter(has_text=name)


def test_who_is_next_takes_no_click_and_a_no_show_two_which_one_takes_back(desk):
    page, clicks = desk(), Clicks()
    page.goto("/admin/")
    expect(page.locator(".ebd-next")).to_contain_text("Maya Halloran")
    expect(block(page, "Maya Halloran")).to_be_in_viewport()
    assert clicks.count == 0

    clicks.on(block(page, "Karim Aziz"))
    expect(page.get_by_role("heading", name="Karim Aziz")).to_be_focused()
    expect(page.get_by_text("Left knee")).to_be_visible()
    expect(page.get_by_role("link", name="Call")).to_have_attribute("href", "tel:+442079460115")
    clicks.on(page.get_by_role("button", name="No-show"))
    expect(page.get_by_role("status")).to_contain_text("Karim Aziz marked as no-show.")
    expect(block(page, "Karim Aziz")).to_have_class("ebd-block is-no-show is-tall is-open")
    assert (clicks.count, status_of("Karim Aziz")) == (2, Status.NO_SHOW)
    clicks.on(page.get_by_role("status").get_by_role("button", name="Undo"))
    expect(block(page, "Karim Aziz")).to_have_class("ebd-block is-confirmed is-tall is-open")
    assert (clicks.count, status_of("Karim Aziz")) == (3, Status.CONFIRMED)


def test_a_number_filters_and_a_cancelled_booking_leaves_the_day(desk):
    page = desk()
    page.goto("/admin/day/")
    page.get_by_role("link", name="to approve").click()
    expect(page.locator(".ebd-block[data-booking]")).to_have_count(1)
    block(page, "Wen Li").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status")).to_contain_text("The request of Wen Li is approved.")
    expect(block(page, "Wen Li")).to_have_count(0)
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Taken back: Wen Li waits for an answer again.")
    expect(block(page, "Wen Li")).to_have_count(1)
    page.get_by_role("button", name="Approve").click()
    expect(block(page, "Wen Li")).to_have_count(0)
    page.get_by_role("group").filter(has_text="Cancel booking").locator("summary").click()
    page.get_by_label("Message to the customer").fill("Dr Weiss is ill.")
    page.get_by_role("button", name="Cancel booking").click()
    expect(page.get_by_role("status")).to_contain_text("The booking of Wen Li is cancelled.")
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Taken back: Wen Li is booked as before.")
    assert status_of("Wen Li") == Status.CONFIRMED
    page.get_by_role("group").filter(has_text="Cancel booking").locator("summary").press("Enter")
    page.get_by_label("Message to the customer").fill("Dr Weiss is ill.")
    page.get_by_role("button", name="Cancel booking").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The booking of Wen Li is cancelled.")
    booking = Booking.objects.get(name="Wen Li")
    assert (booking.status, booking.reason) == (Status.CANCELLED, "Dr Weiss is ill.")
    page.get_by_role("link", name="Close").click()
    expect(page.get_by_role("complementary")).to_have_count(0)


def test_what_is_closed_while_it_is_loaded_again_stays_closed(desk):
    page, held = desk(), []
    page.goto("/admin/day/")
    expect(page.locator("html")).to_have_attribute("data-staff-live", "on")
    block(page, "Wen Li").click()
    expect(page.get_by_role("complementary")).to_be_visible()
    page.route("**/admin/day/panel/**", lambda route: held.append(route))  # noqa: PLW0108  # playwright wants a function
    with page.expect_request("**/admin/day/panel/**"):
        page.evaluate("document.dispatchEvent(new CustomEvent('staff-live:refresh'))")
    page.get_by_role("link", name="Close").click()
    expect(page.get_by_role("complementary")).to_have_count(0)
    with page.expect_response("**/admin/day/panel/**") as answer:
        held[0].continue_()
    answer.value.finished()
    page.evaluate("new Promise((done) => setTimeout(done))")  # after whatever the script does with it
    expect(page.get_by_role("complementary")).to_have_count(0)


def test_the_keys_walk_the_day(desk):
    page = desk()
    page.goto("/admin/day/")
    page.keyboard.press("ArrowDown")  # to where Tab would lead: who is next
    expect(block(page, "Maya Halloran")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(block(page, "Karim Aziz")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(block(page, "Ida Schneider")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Karim Aziz")).to_be_focused()
    page.keyboard.press("Escape")
    expect(block(page, "Karim Aziz")).to_be_focused()
    page.keyboard.press("a")
    expect(page.get_by_role("status")).to_contain_text("Karim Aziz has arrived.")
    expect(block(page, "Karim Aziz")).to_be_focused()
    expect(block(page, "Karim Aziz")).to_have_class("ebd-block is-arrived is-tall")
    assert Booking.objects.get(name="Karim Aziz").arrived_at is not None
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Name, phone or reference")).to_be_focused()
    page.keyboard.type("0115")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="1 booking for “0115”")).to_contain_text("Karim Aziz")


def test_keys_mean_only_what_is_in_front_and_what_gets_no_answer_loses_nothing(desk):
    page = desk(loses_sockets=True)
    page.goto("/admin/day/")
    block(page, "Karim Aziz").click()
    expect(page.get_by_role("heading", name="Karim Aziz")).to_be_focused()
    page.keyboard.press("n")
    booking = page.get_by_role("dialog", name="New booking")
    booking.get_by_role("heading", name="New booking").click()
    page.keyboard.type("anna")
    page.keyboard.press("Escape")
    expect(booking).to_have_count(0)
    block(page, "Karim Aziz").focus()
    page.keyboard.press("m")
    expect(page.locator(".ebm-spot:focus")).to_be_visible()
    page.keyboard.type("an")
    expect(page.locator(".ebm-spot:focus")).to_be_visible()
    page.keyboard.press("Escape")
    assert Booking.objects.get(name="Karim Aziz").arrived_at is None

    page.context.set_offline(True)
    alert = page.get_by_role("alert").filter(has_text="did not get through")
    for key in ("n", "m"):
        page.keyboard.press(key)
        expect(alert).to_be_visible()
        page.evaluate("document.querySelector('.eb-lost').remove()")
    page.get_by_role("group").filter(has_text="Cancel booking").locator("summary").click()
    message = page.get_by_label("Message to the customer")
    message.fill("Dr Okafor is ill.")
    page.get_by_role("button", name="Cancel booking").click()
    expect(alert).to_be_visible()
    expect(message).to_have_value("Dr Okafor is ill.")
    page.context.set_offline(False)

    block(page, "1 of 5 seats").click()
    expect(page.get_by_role("heading", name="Group")).to_be_focused()
    block(page, "Karim Aziz").focus()
    page.keyboard.press("a")
    expect(page.locator("#day-toast")).to_contain_text("Karim Aziz has arrived.")
    expect(page.get_by_role("heading", name="Group")).to_be_visible()

    page.goto("/admin/day/?view=list")
    page.locator(".ebd-row").filter(has_text="Maya Halloran").focus()
    page.keyboard.press("m")
    expect(page).to_have_url(re.compile(f"/admin/day/moves/.booking={Booking.objects.get(name='Maya Halloran').pk}"))
    expect(page.get_by_role("heading", name="Move Maya Halloran")).to_be_visible()


def test_all_of_it_works_without_script(desk):
    page = desk(java_script_enabled=False)
    page.goto("/admin/day/")
    page.goto(block(page, "Karim Aziz").get_attribute("href"))
    page.get_by_role("button", name="No-show").click()
    expect(page.get_by_role("status")).to_contain_text("Karim Aziz marked as no-show.")
    assert status_of("Karim Aziz") == Status.NO_SHOW
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Karim Aziz")).to_be_visible()
    assert status_of("Karim Aziz") == Status.CONFIRMED
    page.get_by_role("link", name="Close").click()
    expect(page.get_by_role("heading", name="Karim Aziz")).to_have_count(0)


def test_a_far_day_is_picked_in_a_calendar_typed_or_sent(desk):
    page = desk()
    page.goto("/admin/day/?view=list")
    field = page.get_by_label("Go to a day")
    field.fill("2027-03-10")  # as a click in the calendar: opens at once
    page.wait_for_url("**/admin/day/?*day=2027-03-10*")
    assert "view=list" in page.url
    expect(page.get_by_role("button", name="Go", exact=True)).to_be_hidden()
    field.focus()
    page.keyboard.press("ArrowUp")  # typing: what is half typed opens nothing
    expect(page.get_by_role("button", name="Go", exact=True)).to_be_visible()
    typed = field.input_value()
    assert typed != "2027-03-10" and "day=2027-03-10" in page.url
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/day/?*day={typed}*")
    page.goto("/admin/week/")
    page.get_by_label("Go to a day").fill("2027-03-10")
    page.wait_for_url("**/admin/week/?*day=2027-03-10*")
    expect(page.get_by_role("heading", name="8 to 14 March")).to_be_visible()
    page = desk(java_script_enabled=False)
    page.goto("/admin/day/")
    page.get_by_label("Go to a day").fill("2027-03-10")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.get_by_label("Go to a day")).to_have_value("2027-03-10")


def test_on_a_phone_the_day_is_a_list(desk):
    page = desk(**PHONE, user_agent="Mozilla/5.0 (Linux; Android 14) Chrome/140.0 Mobile Safari/537.36")
    page.goto("/admin/day/")
    rows = page.get_by_role("list", name="The day in order of time").locator(".ebd-row")
    expect(rows).to_have_count(7)
    expect(rows.first).to_contain_text("Noah Petersen")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert min(row["height"] for row in (rows.nth(n).bounding_box() for n in range(7))) >= 56
    rows.filter(has_text="Karim Aziz").tap()
    expect(page.get_by_role("heading", name="Karim Aziz")).to_be_visible()
    arrived = page.get_by_role("button", name="Arrived")
    assert arrived.bounding_box()["height"] >= 48
    arrived.tap()
    expect(page.get_by_role("status")).to_contain_text("Karim Aziz has arrived.")


def test_axe_finds_nothing_on_the_day(desk):
    page, found = desk(), []
    someone = Booking.objects.get(name="Karim Aziz")
    class_slot = Booking.objects.get(name="Priya Nair").slot_id
    for name, query in {
        "day": {},
        "list": {"view": "list"},
        "panel": {"booking": someone.pk},
        "class": {"slot": class_slot},
        "found": {"q": "karim", "show": "booked"},
        "moving": {"moving": Booking.objects.get(name="Maya Halloran").pk, "view": "list"},
    }.items():
        page.goto(reverse("admin:day", query=query))
        page.evaluate(AXE)
        for look in (DESKTOP, PHONE):
            page.emulate_media(color_scheme="light" if look is DESKTOP else "dark")
            page.set_viewport_size(look["viewport"])
            found += [f"{name} at {look['viewport']['width']}: {text}" for text in page.evaluate(RUN_AXE, RULES)]
            found += [f"{name} is too wide"] * page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not found, "\n".join(found)
