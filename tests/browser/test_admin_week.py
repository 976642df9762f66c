"""The week of an expert: a stretch is chosen by mouse, by keyboard and by lists, and blocked once it was seen."""

import pytest
from playwright.sync_api import expect

from experts.models import Role, Slot, TimeOff
from tests.browser.conftest import PHONE
from tests.browser.test_accessibility import AXE, RULES, RUN_AXE
from tests.browser.test_admin_move import log_in
from tests.cast import book, day_ahead, make_expert, make_organization, make_row_of_slots
from tests.staff import make_member

DAY = day_ahead()
WEEK = f"/admin/week/?day={DAY}"


@pytest.fixture
def slots(live_site):
    """From 9 to 12 in slots of half an hour; 11:00 is booked by Maya Halloran."""
    clinic = make_organization(name="Northgate Clinic", slug="northgate")
    make_member(clinic, Role.SCHEDULER, email="desk@example.com", name="Noah Petersen")
    expert = make_expert(name="Dr Okafor", organization=clinic, session_minutes=30)
    slots = make_row_of_slots(expert, minutes=30)
    book(slots["11:00"], name="Maya Halloran")
    return slots


def column(page):
    return page.locator(f".ebd-column[data-day='{DAY}']")


def drag_over(page, first, last):
    """Over the hours from the first block to the middle of the last."""
    start, end = (column(page).locator(f"[data-slot='{slot.pk}']").bounding_box() for slot in (first, last))
    page.mouse.move(start["x"] + 20, start["y"] + 4)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + end["height"] - 4, steps=4)
    page.mouse.up()


def closed(slots):
    rows = Slot.objects.filter(pk__in=[slot.pk for slot in slots.values()], is_closed=True).order_by("starts_at")
    return [slot.time.isoformat("minutes") for slot in rows]


def test_by_mouse_a_stretch_is_blocked_in_two_actions(page, slots):
    log_in(page, WEEK)
    drag_over(page, slots["10:00"], slots["11:00"])
    panel = page.get_by_role("complementary", name="Tomorrow").or_(page.locator("#week-panel"))
    expect(panel.get_by_text("10:00 to 11:30")).to_be_visible()
    expect(panel.get_by_text("1 session is booked, 2 times are free.")).to_be_visible()
    assert not TimeOff.objects.exists()
    page.evaluate(AXE)
    assert not page.evaluate(RUN_AXE, RULES)
    panel.get_by_role("button", name="Block this time").click()
    expect(page.get_by_text("Blocked. Whoever is booked in it stays")).to_be_visible()
    assert closed(slots) == ["10:00", "10:30", "11:00"]
    expect(column(page).get_by_text("Maya Halloran")).to_be_visible()
    page.reload()  # it is said once
    expect(page.get_by_text("Blocked. Whoever is booked in it stays")).to_have_count(0)


def test_a_block_is_taken_back_by_mouse_and_by_keyboard(page, slots):
    log_in(page, WEEK)
    for press in (lambda button: button.click(), lambda button: button.press("Enter")):
        drag_over(page, slots["10:00"], slots["11:00"])
        page.get_by_role("button", name="Block this time").click()
        toast = page.get_by_role("status")
        expect(toast.get_by_role("button", name="Undo")).to_contain_text("s")
        assert closed(slots) == ["10:00", "10:30", "11:00"]
        page.evaluate(AXE)
        assert not page.evaluate(RUN_AXE, RULES)
        press(toast.get_by_role("button", name="Undo"))
        expect(toast).to_contain_text("Taken back: it is as before.")
        assert closed(slots) == [] and not TimeOff.objects.exists()
        expect(column(page).get_by_text("Closed")).to_have_count(0)


def test_by_keyboard_it_grows_with_shift_and_enter_shows_what_it_means(page, slots):
    log_in(page, WEEK)
    hours = column(page).get_by_role("slider")
    hours.focus()
    page.keyboard.press("ArrowDown")  # the first of the day
    for key in ("ArrowDown", "ArrowDown", "Shift+ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(hours).to_have_attribute("aria-valuetext", "09:30 – 10:30")
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#panel-name")).to_be_focused()
    expect(page.locator("#week-panel").get_by_text("09:30 to 10:30")).to_be_visible()
    page.get_by_role("button", name="Block this time").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Blocked. Whoever is booked in it stays")).to_be_visible()
    assert closed(slots) == ["09:30", "10:00"]


def test_a_click_on_a_block_opens_it_on_its_day(page, slots):
    log_in(page, WEEK)
    column(page).get_by_role("link", name="Maya Halloran").click()
    expect(page.get_by_role("heading", name="Maya Halloran")).to_be_visible()


@pytest.mark.parametrize("options", [{"java_script_enabled": False}, PHONE | {"color_scheme": "dark"}])
def test_by_lists_and_opened_again(make_context, slots, options):
    page = make_context(**options).new_page()
    page.goto(WEEK)
    page.get_by_label("E-mail address").fill("desk@example.com")
    page.get_by_label("Password").fill("maya knows the way")
    page.get_by_role("button", name="Log in", exact=True).click()

    def choose():
        page.get_by_role("combobox", name="From").select_option("09:00")
        page.get_by_role("combobox", name="To", exact=True).select_option("10:00")
        page.get_by_role("button", name="Show what it means").click()
        expect(page.get_by_text("09:00 to 10:00")).to_be_visible()

    choose()
    page.get_by_label("Reason, for staff only").fill("Dentist")
    page.get_by_role("button", name="Block this time").click()
    expect(page.get_by_text("Blocked. Whoever")).to_be_visible()
    assert closed(slots) == ["09:00", "09:30"]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Taken back: it is as before.")).to_be_visible()
    assert closed(slots) == []
    page.get_by_role("combobox", name="Day", exact=True).select_option(DAY.isoformat())
    choose()
    page.get_by_role("button", name="Block this time").click()
    expect(page.get_by_text("Blocked. Whoever")).to_be_visible()
    page.get_by_role("combobox", name="Day", exact=True).select_option(DAY.isoformat())
    choose()
    page.get_by_role("button", name="Open this time").click()
    expect(page.get_by_text("Opened.")).to_be_visible()
    assert closed(slots) == []
    assert not TimeOff.objects.exists()
    if "is_mobile" in options:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
