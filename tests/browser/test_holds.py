"""Holding a seat as people do: seen elsewhere at once, counted down, left and found again, moved, let go."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from bookings import services
from bookings.models import Booking, Status
from tests.browser.conftest import PHONE
from tests.cast import book, day_ahead, fresh, make_expert, make_organization, make_slot


@pytest.fixture
def slot(live_site):
    organization = make_organization(name="Northgate Clinic", slug="northgate")
    expert = make_expert(name="Dr Amara Okafor", slug="amara-okafor", organization=organization, max_party=3)
    make_slot(expert, at="16:00", capacity=3)
    return make_slot(expert, at="14:30")


def neighbour(slot):
    return slot.expert.slots.exclude(pk=slot.pk).get()


def open_page(page, slot, *, day=None):
    page.goto(f"/experts/{slot.expert.slug}/?day={day or slot.date}")
    if page.locator("html.js").count():
        expect(page.locator("html")).to_have_attribute("data-live", "on")
    return page


def tile(page, slot):
    return page.locator(f"#slot-{slot.pk}")


def heading(page, text):
    return page.get_by_role("heading", name=text, exact=True)


def bar(page):
    return page.get_by_role("form", name="Your hold")


def dialog(page):
    return page.get_by_role("dialog")


def fill_details(page):
    page.get_by_label("Full name").fill("Lena Fischer")
    page.get_by_label("Email").fill("lena@example.com")
    page.get_by_label("I agree that Northgate Clinic").check()


def held():
    return Booking.objects.filter(status=Status.HELD)


def run_out_in(seconds):
    held().update(expires_at=timezone.now() + timedelta(seconds=seconds))


def test_a_hold_is_seen_by_a_second_window_and_by_ones_own(make_context, slot):
    mine, theirs = make_context(), make_context()
    page, second, stranger = mine.new_page(), mine.new_page(), theirs.new_page()
    for one in (page, second, stranger):
        open_page(one, slot)
    tile(page, slot).click()
    expect(heading(dialog(page), "Your details")).to_be_focused()
    expect(tile(stranger, slot)).to_contain_text("Being booked", timeout=1_000)
    expect(tile(second, slot)).to_contain_text(re.compile(r"Yours for [45]:\d\d"), timeout=1_000)
    expect(bar(second)).to_contain_text(re.compile(r"Held for you [45]:\d\d"))
    expect(bar(stranger)).to_have_count(0)
    expect(page.locator("#hold-bar")).to_have_count(1)
    expect(page.locator("#hold-bar")).to_be_hidden()  # and not merely dimmed behind the dialog
    expect(dialog(page).locator(".booking-summary .countdown")).to_contain_text(re.compile(r"Held for you [45]:\d\d"))
    expect(dialog(page)).to_contain_text("Nobody else can take this seat until")

    bar(second).get_by_role("button", name="Release time").click()
    expect(tile(stranger, slot)).to_contain_text("Just opened")
    expect(bar(second)).to_have_count(0)
    expect(tile(second, slot)).not_to_contain_text("Yours")
    expect(tile(second, slot)).to_be_focused()
    assert not held().exists()


def test_a_tile_that_others_hold_or_filled_leads_to_the_nearest_times_without_a_reload(page, slot):
    open_page(page, slot)
    tile(page, slot).focus()
    services.hold_slot(slot_id=slot.pk, visitor="b" * 32)
    expect(tile(page, slot)).to_contain_text("Being booked")
    expect(tile(page, slot)).to_be_focused()
    page.keyboard.press("Enter")
    expect(heading(dialog(page), "Someone is booking this slot")).to_be_focused()
    page.keyboard.press("Escape")
    expect(tile(page, slot)).to_be_focused()
    services.release_hold(slot_id=slot.pk, visitor="b" * 32)
    expect(tile(page, slot)).to_contain_text("Open")
    page.keyboard.press("Enter")
    expect(heading(dialog(page), "Your details")).to_be_focused()
    assert held().get().slot == slot


class TestTheCountdown:
    def test_turns_amber_is_announced_thrice_and_says_at_zero_what_happened(self, page, slot):
        page.clock.install()
        open_page(page, slot)
        page.evaluate(
            """() => {
                window.heard = [];
                const announcer = document.getElementById("announcer");
                const hear = () => window.heard.push(announcer.textContent);
                new MutationObserver(hear).observe(announcer, {childList: true});
            }"""
        )
        tile(page, slot).click()
        fill_details(dialog(page))
        pill = dialog(page).locator(".booking-summary .countdown")
        page.clock.run_for(30_000)
        expect(pill).to_contain_text(re.compile(r"4:[23]\d"))
        expect(pill).not_to_have_attribute("data-soon", "")
        page.clock.run_for(215_000)
        expect(pill).to_contain_text(re.compile(r"0:5\d"))
        expect(pill).to_have_attribute("data-soon", "")
        page.clock.run_for(40_000)
        held().update(expires_at=timezone.now() - timedelta(seconds=1))  # the server's time is over as well
        page.clock.run_for(20_000)
        expect(heading(dialog(page), "Your hold ran out")).to_be_focused()
        expect(dialog(page)).to_contain_text("14:30 is still open.")
        assert page.evaluate("window.heard") == [
            "Two minutes left of your hold.",
            "One minute left of your hold.",
            "30 seconds left of your hold.",
            "",  # none of it is true any more
        ]
        dialog(page).get_by_role("button", name="Hold 14:30 again").click()
        expect(dialog(page).get_by_label("Full name")).to_have_value("Lena Fischer")
        expect(pill).to_contain_text(re.compile(r"[45]:\d\d"))
        assert held().get().expires_at > timezone.now() + timedelta(minutes=4)

    def test_a_page_left_alone_frees_itself(self, make_context, slot):
        page = open_page(make_context().new_page(), slot)
        tile(page, slot).click()
        expect(heading(dialog(page), "Your details")).to_be_focused()
        page.keyboard.press("Escape")
        expect(bar(page)).to_be_visible()
        run_out_in(3)
        open_page(page, slot)
        expect(bar(page)).to_contain_text(re.compile(r"0:0\d"))
        expect(bar(page)).to_have_count(0, timeout=8_000)
        expect(tile(page, slot)).to_contain_text("Open", timeout=8_000)

    def test_somebody_else_was_faster(self, page, slot):
        open_page(page, slot)
        tile(page, slot).click()
        fill_details(dialog(page))
        run_out_in(-1)
        book(slot)
        dialog(page).get_by_role("button", name="Review booking").click()
        expect(heading(dialog(page), "This slot was just taken")).to_be_focused()


class TestLookingAround:
    def test_closing_keeps_the_hold_and_what_was_typed(self, page, slot):
        open_page(page, slot)
        tile(page, slot).click()
        fill_details(dialog(page))
        page.keyboard.press("Escape")
        expect(dialog(page)).to_be_hidden()
        expect(tile(page, slot)).to_be_focused()
        expect(bar(page)).to_contain_text("14:30")
        bar(page).get_by_role("link", name="Continue").click()
        expect(dialog(page).get_by_label("Full name")).to_have_value("Lena Fischer")
        dialog(page).get_by_role("button", name="Review booking").click()
        dialog(page).get_by_role("button", name="Confirm booking").click()
        expect(heading(dialog(page), "You’re booked")).to_be_focused()
        page.keyboard.press("Escape")
        expect(bar(page)).to_have_count(0)
        assert Booking.objects.get().status == Status.CONFIRMED

    def test_coming_back_on_another_day_and_in_another_tab(self, page, slot):
        open_page(page, slot)
        tile(page, slot).click()
        expect(heading(dialog(page), "Your details")).to_be_visible()
        later = open_page(page.context.new_page(), slot, day=day_ahead(9))
        bar(later).get_by_role("link", name="Continue").click()
        expect(heading(dialog(later), "Your details")).to_be_visible()
        dialog(later).get_by_role("button", name="Release time").click()
        expect(dialog(later)).to_be_hidden()
        expect(bar(later)).to_have_count(0)
        expect(page.locator("#hold-bar")).to_have_count(0)
        assert fresh(slot).state == "open"

    def test_another_time_moves_it(self, make_context, slot):
        page, stranger = (open_page(make_context().new_page(), slot) for _ in range(2))
        other = neighbour(slot)
        tile(page, slot).click()
        fill_details(dialog(page))
        page.keyboard.press("Escape")
        tile(page, other).click()
        expect(dialog(page).locator(".booking-summary")).to_contain_text("16:00 to")
        expect(dialog(page).get_by_label("Full name")).to_have_value("Lena Fischer")
        expect(tile(stranger, slot)).to_contain_text("Just opened")
        expect(tile(stranger, other)).to_contain_text("2 of 3 left")
        expect(tile(page, other)).to_contain_text("Yours for")
        expect(tile(page, slot)).not_to_contain_text("Yours")
        assert held().get().slot == other

    def test_the_party_is_held_from_the_review_on(self, make_context, slot):
        page, stranger = (open_page(make_context().new_page(), slot) for _ in range(2))
        group = neighbour(slot)
        tile(page, group).click()
        fill_details(dialog(page))
        dialog(page).get_by_label("Seats").select_option("3")
        dialog(page).get_by_role("button", name="Review booking").click()
        expect(tile(stranger, group)).to_contain_text("Being booked")
        dialog(page).get_by_role("button", name="Confirm booking").click()
        expect(heading(dialog(page), "You’re booked")).to_be_visible()
        expect(tile(stranger, group)).to_contain_text("Full")

    def test_two_times_are_kept_and_a_third_only_instead_of_one(self, page, slot):
        others = [make_slot(make_expert(slug=f"other-{n}", name=f"Other {n}")) for n in range(2)]
        for other in others:
            open_page(page, other)
            tile(page, other).click()
            expect(heading(dialog(page), "Your details")).to_be_visible()
        open_page(page, slot)
        tile(page, slot).click()
        expect(heading(dialog(page), "Too many times are kept for you")).to_be_focused()
        dialog(page).get_by_role("button", name="Other 1").click()
        expect(heading(dialog(page), "Your details")).to_be_visible()
        assert {hold.slot for hold in held()} == {slot, others[0]}


def test_the_bar_keeps_the_hold_longer(page, slot):
    open_page(page, slot)
    tile(page, slot).click()
    dialog(page).get_by_role("link", name="Close").click()
    more = bar(page).get_by_role("button", name="Keep it 5 more minutes")
    expect(bar(page)).to_contain_text("14:30 London time")
    expect(more).to_be_hidden()
    run_out_in(50)
    page.reload()
    more.press("Enter")
    kept = bar(page).get_by_role("button", name=re.compile("Kept until"))
    expect(kept).to_be_focused()
    expect(page.locator("#announcer")).to_have_text(re.compile(r"^Kept until \d\d:\d\d$"))
    kept.press("Enter")  # pressed twice, it counts once, and lets nothing go
    expect(bar(page)).to_contain_text(re.compile(r"Held for you 5:\d\d"))
    expect(tile(page, slot)).to_contain_text(re.compile(r"Yours for 5:\d\d"))
    assert held().get().extensions == 1
    expect(kept).to_be_focused()
    bar(page).get_by_role("button", name="Release time").focus()
    expect(kept).to_be_hidden()


def test_enter_in_a_field_goes_on_and_never_lets_go(page, slot):
    open_page(page, slot)
    tile(page, slot).click()
    fill_details(dialog(page))
    dialog(page).get_by_label("Full name").press("Enter")
    expect(heading(dialog(page), "Check and confirm")).to_be_focused()
    assert held().exists()


def test_without_javascript(page_without_js, slot):
    page = page_without_js
    open_page(page, slot)
    tile(page, slot).click()
    expect(heading(page, "Your details")).to_be_visible()
    expect(page.locator(".booking-summary .countdown")).to_contain_text("Held for you until")
    page.get_by_role("link", name="All times").click()
    expect(tile(page, slot)).to_contain_text("Yours until")
    expect(bar(page)).to_contain_text("Held until")
    bar(page).get_by_role("link", name="Continue").click()
    page.get_by_role("button", name="Release time").click()
    expect(tile(page, slot)).to_contain_text("Open")
    expect(bar(page)).to_have_count(0)
    tile(page, slot).click()
    fill_details(page)
    page.get_by_role("button", name="Review booking").click()
    expect(page.locator(".booking-summary .countdown")).to_contain_text("Held for you until")
    page.get_by_role("button", name="Confirm booking").click()
    expect(heading(page, "You’re booked")).to_be_visible()
    assert Booking.objects.get(status=Status.CONFIRMED).slot == slot


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone(make_context, slot, width):
    page = make_context(**PHONE | {"viewport": {"width": width, "height": 844}}).new_page()
    open_page(page, slot)
    tile(page, slot).tap()
    expect(dialog(page).locator(".booking-main .countdown")).to_be_in_viewport(ratio=1)
    dialog(page).get_by_role("link", name="Close").tap()
    expect(bar(page)).to_be_in_viewport(ratio=1)
    shown = bar(page).locator(".btn:visible").all()
    assert len(shown) == 2
    for part in shown:
        expect(part).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # The bar hides nothing for good. The day may still be on its way, and make the page longer than it is now.
    page.wait_for_function(
        """() => {
            scrollTo(0, document.body.scrollHeight);
            const bar = document.getElementById("hold-bar");
            const last = [...document.querySelectorAll(".site-footer a")].at(-1);
            return last.getBoundingClientRect().bottom <= bar.getBoundingClientRect().top;
        }"""
    )
    bar(page).get_by_role("link", name="Continue").tap()
    expect(heading(dialog(page), "Your details")).to_be_visible()
