"""Session types, seen by a person: what for, then when; other pages lose at once what became impossible."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from bookings import services
from bookings.models import Booking, Status
from tests.browser.test_accessibility import LOOKS, problems
from tests.cast import book, make_expert, make_organization, make_row_of_slots, make_type

WITHIN_A_SECOND = 1_000


@pytest.fixture
def expert(live_site):
    organization = make_organization(name="Northgate Clinic", slug="northgate")
    expert = make_expert(
        name="Dr Amara Okafor", slug="amara-okafor", min_notice=timedelta(0), organization=organization
    )
    expert.visit = make_type(expert, name="First visit", slug="first-visit", price_words="€60")
    expert.follow_up = make_type(expert, name="Follow-up", slug="follow-up", minutes=20, description="What comes next.")
    return expert


@pytest.fixture
def slots(expert):
    return make_row_of_slots(expert)


def tile(page, slot):
    return page.locator(f"#slot-{slot.pk}")


def live(page):
    expect(page.locator("html")).to_have_attribute("data-live", "on")
    return page


def fill_in(dialog):
    dialog.get_by_label("Full name").fill("Lena Fischer")
    dialog.get_by_label("Email").fill("lena@example.com")
    dialog.get_by_label("I agree that Northgate Clinic").check()


def test_what_for_and_when_and_others_lose_what_became_impossible(make_context, expert, slots):
    other = make_context().new_page()
    other.goto("/experts/amara-okafor/?type=first-visit")
    live(other)
    expect(tile(other, slots["09:40"])).to_have_text(re.compile("09:40 – 10:20"))

    page = make_context().new_page()
    page.goto("/experts/amara-okafor/")
    expect(page.locator(".tile")).to_have_count(0)
    page.get_by_text("Follow-up").click()
    expect(page).to_have_url(re.compile("type=follow-up"))
    expect(page.locator(".types-answer")).to_contain_text("Follow-up")
    live(page)
    tile(page, slots["10:00"]).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".booking-summary")).to_contain_text("10:00 to 10:20")
    # Held for ten minutes: a start at which it does not fit any more goes from the other page, the others stay.
    expect(tile(other, slots["09:40"])).to_be_hidden()
    fill_in(dialog)
    dialog.get_by_role("button", name="Review booking").click()
    dialog.get_by_role("button", name="Confirm booking").click()
    expect(dialog.get_by_role("heading", name="You’re booked")).to_be_visible()
    assert Booking.objects.get(status=Status.CONFIRMED).session_type == expert.follow_up

    gone = "id => !document.getElementById(id)?.checkVisibility()"
    book(slots["11:00"], session_type=expert.follow_up.pk)
    other.wait_for_function(gone, arg=f"slot-{slots['10:40'].pk}", timeout=WITHIN_A_SECOND)
    expect(tile(other, slots["10:20"])).to_be_visible()
    expect(tile(other, slots["11:20"])).to_be_visible()


def test_starts_that_become_possible_again_are_marked(page, expert, slots):
    taken = book(slots["10:00"], session_type=expert.visit.pk)
    page.goto("/experts/amara-okafor/?type=first-visit")
    live(page)
    expect(tile(page, slots["11:00"])).to_be_visible()
    expect(tile(page, slots["10:20"])).to_have_count(0)
    services.cancel(booking_id=taken.pk, by_customer=True)
    expect(tile(page, slots["10:20"]).locator(".tile-flag")).to_have_text("Just opened")
    # This one was there, as one could wait for it. The day that brings the others leaves its mark as it is.
    expect(tile(page, slots["10:00"]).locator(".tile-flag")).to_have_text("Just opened")
    expect(tile(page, slots["11:00"]).locator(".tile-flag")).to_have_count(0)
    expect(page.locator(".tile-flag")).to_have_count(0)


def test_with_the_keyboard_answers_are_a_group_of_radio_buttons(page, expert, slots):
    page.goto("/experts/amara-okafor/")
    page.locator("#type-first-visit").focus()
    page.keyboard.press("Space")
    expect(page.locator("#grid-form")).to_be_visible()
    expect(page.locator("#type-first-visit")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page).to_have_url(re.compile("type=follow-up"))
    expect(page.locator("#type-follow-up")).to_be_focused()
    expect(tile(page, slots["11:40"])).to_be_visible()
    expect(page.locator("#types")).to_have_attribute("open", "")


def test_the_whole_job_without_javascript(page_without_js, expert, slots):
    page = page_without_js
    page.goto("/experts/amara-okafor/")
    page.get_by_label("First visit").check()
    page.get_by_role("button", name="See the times").click()
    tile(page, slots["10:00"]).click()
    expect(page.locator(".booking-summary")).to_contain_text("10:00 to 10:40")
    fill_in(page)
    page.get_by_role("button", name="Review booking").click()
    page.get_by_role("button", name="Confirm booking").click()
    expect(page.get_by_role("heading", name="You’re booked")).to_be_visible()
    assert Booking.objects.get().slot_ids == [slots["10:00"].pk, slots["10:20"].pk]


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_axe_finds_nothing(make_context, look, expert, slots):
    book(slots["10:00"], session_type=expert.visit.pk)
    page = make_context(**look, statuses=[404]).new_page()
    found = []
    for name, query in {"asked": "", "answered": "?type=first-visit", "gone": "?type=unknown"}.items():
        page.goto(f"/experts/amara-okafor/{query}")
        found += problems(page, name)
    page.goto("/experts/amara-okafor/?type=follow-up")
    page.locator("#types summary").click()
    assert not found + problems(page, "opened again")
