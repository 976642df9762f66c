"""One booking in a real browser: cancelled in a dialog or without JavaScript, moved, and put into a calendar."""

import re

import pytest
from playwright.sync_api import expect

from bookings import services
from bookings.models import Booking, Status
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_accessibility import problems
from tests.cast import fresh, make_category, make_expert, make_organization, make_slot


@pytest.fixture
def slot(live_site):
    organization = make_organization(
        name="Hale & Partners", slug="hale", accent="ocean", contact_email="desk@hale.example.com"
    )
    expert = make_expert(
        name="Priya Raman",
        slug="priya-raman",
        headline="Chartered tax adviser",
        organization=organization,
        category=make_category(name="Law and tax", slug="law"),
    )
    make_slot(expert, at="16:00")
    return make_slot(expert, at="14:30")


def heading(page, text):
    return page.get_by_role("heading", name=text, exact=True)


def open_booking(page, slot) -> Booking:
    """Book in this browser, and open the booking's page."""
    page.goto(f"/slots/{slot.pk}/book/")
    page.get_by_label("Full name").fill("Lena Fischer")
    page.get_by_label("Email").fill("lena@example.com")
    page.get_by_label("I agree that").check()
    page.get_by_role("button", name="Review booking").click()
    expect(page.get_by_text("Free to move or cancel until")).to_be_visible()
    page.get_by_role("button", name="Confirm booking").click()
    expect(heading(page, "You’re booked")).to_be_visible()
    expect(page.get_by_role("link", name="Google Calendar")).to_be_visible()
    booking = Booking.objects.get()
    page.goto(f"/bookings/{booking.reference}/")
    expect(heading(page, "Plans changed?")).to_be_visible()
    return booking


def test_cancel_in_the_dialog(page, slot):
    booking = open_booking(page, slot)
    page.get_by_role("link", name="Cancel booking").click()
    dialog = page.get_by_role("dialog")
    expect(heading(dialog, "Cancel this booking?")).to_be_visible()
    expect(dialog.get_by_role("link", name="Keep booking")).to_be_focused()
    expect(page.locator("h1")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Cancel booking")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Cancel booking").click()
    expect(page.get_by_text("Cancelled").first).to_be_visible()
    expect(heading(page, "Plans changed?")).to_have_count(0)
    booking.refresh_from_db()
    assert booking.status == Status.CANCELLED
    assert fresh(slot).state == "open"


def test_cancel_on_a_phone(make_context, slot):
    page = make_context(**PHONE, reduced_motion="reduce").new_page()
    booking = open_booking(page, slot)
    page.get_by_role("link", name="Cancel booking").tap()
    dialog = page.get_by_role("dialog")
    expect(heading(dialog, "Cancel this booking?")).to_be_visible()
    box, height = dialog.bounding_box(), page.viewport_size["height"]
    assert box["y"] > height / 4, "a sheet at the bottom, and not a page"
    assert abs(box["y"] + box["height"] - height) <= 1
    dialog.get_by_role("button", name="Cancel booking").tap()
    expect(heading(page, "Plans changed?")).to_have_count(0)
    booking.refresh_from_db()
    assert booking.status == Status.CANCELLED


def test_cancel_without_javascript(page_without_js, slot):
    page = page_without_js
    booking = open_booking(page, slot)
    page.get_by_role("link", name="Cancel booking").click()
    expect(heading(page, "Cancel this booking?")).to_be_visible()
    page.get_by_role("button", name="Cancel booking").click()
    expect(page).to_have_url(re.compile(f"/bookings/{booking.reference}/$"))
    expect(page.get_by_text("Cancelled").first).to_be_visible()


def test_staff_were_faster_and_the_dialog_says_so(page, slot):
    booking = open_booking(page, slot)
    page.get_by_role("link", name="Cancel booking").click()
    dialog = page.get_by_role("dialog")
    expect(heading(dialog, "Cancel this booking?")).to_be_visible()
    services.cancel(booking_id=booking.pk, by_customer=False, reason="Priya is ill.")
    dialog.get_by_role("button", name="Cancel booking").click()
    expect(heading(dialog, "This can’t be cancelled here")).to_be_visible()
    dialog.get_by_role("link", name="See the booking").click()
    expect(page.get_by_text("Priya is ill.")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_move_to_another_time(make_context, slot, javascript):
    page = make_context(java_script_enabled=javascript).new_page()
    booking = open_booking(page, slot)
    page.get_by_role("link", name="Move to another time").click()
    expect(heading(page, "Move to another time")).to_be_visible()
    page.locator(".day", has=page.locator(f"text=/^{slot.date.day}$/")).first.click()
    page.get_by_role("button", name="Move here").click()
    expect(page).to_have_url(re.compile(f"/bookings/{booking.reference}/$"))
    booking.refresh_from_db()
    assert booking.slot.time.hour == 16
    expect(page.get_by_role("heading", level=1)).to_contain_text("17:00" if javascript else "16:00")  # Berlin, London


def test_the_file_is_a_download(page, slot):
    booking = open_booking(page, slot)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download .ics").click()
    assert download.value.suggested_filename == f"{booking.reference}.ics"


@pytest.mark.parametrize("look", [DESKTOP | {"color_scheme": "light"}, PHONE | {"color_scheme": "dark"}])
def test_axe_finds_nothing_on_these_pages(make_context, slot, look):
    page = make_context(**look, reduced_motion="reduce").new_page()
    booking = open_booking(page, slot)
    found = problems(page, "booking")
    page.get_by_role("link", name="Cancel booking").click()
    expect(heading(page.get_by_role("dialog"), "Cancel this booking?")).to_be_visible()
    found += problems(page, "question")
    for step in ("cancel/", f"reschedule/?day={slot.date}"):
        page.goto(f"/bookings/{booking.reference}/{step}")
        found += problems(page, step)
    services.cancel(booking_id=booking.pk, by_customer=False, reason="Priya is ill.")
    for step in ("", "cancel/", "reschedule/"):
        page.goto(f"/bookings/{booking.reference}/{step}")
        found += problems(page, f"cancelled {step}")
    assert found == []
