"""One booking in a real browser: cancelled in a dialog or without JavaScript, moved, and put into a calendar."""

import re
from datetime import time

import pytest
from playwright.sync_api import expect

from bookings import services
from bookings.models import Booking, Status
from experts import services as slot_services
from tests.browser.conftest import DESKTOP, PHONE, box_at_rest
from tests.browser.test_accessibility import problems
from tests.cast import fresh, make_slot, make_tax_adviser


@pytest.fixture
def slot(live_site):
    expert = make_tax_adviser()
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
    page = make_context(**PHONE).new_page()
    booking = open_booking(page, slot)
    page.get_by_role("link", name="Cancel booking").tap()
    dialog = page.get_by_role("dialog")
    expect(heading(dialog, "Cancel this booking?")).to_be_visible()
    box, height = box_at_rest(dialog), page.viewport_size["height"]
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
    page.get_by_role("radio").check()
    page.get_by_role("button", name="Move here").click()
    expect(page).to_have_url(re.compile(f"/bookings/{booking.reference}/$"))
    booking.refresh_from_db()
    assert booking.slot.time.hour == 16
    expect(page.get_by_role("heading", level=1)).to_contain_text("16:00 London time")


class TestTheTimesToMoveTo:
    """The page of times is live: nobody chooses what is gone, and nobody has to reload for what came free."""

    @pytest.fixture(autouse=True)
    def site(self, site_with):
        return site_with(LIVE_CHECK_SECONDS="86400")  # what shows here was told by a message

    @pytest.fixture
    def page(self, site, make_context, slot):
        page = make_context(base_url=site.url, loses_sockets=True).new_page()
        self.booking = open_booking(page, slot)
        self.open_times(page, slot)
        return page

    def open_times(self, page, slot):
        page.goto(f"/bookings/{self.booking.reference}/reschedule/?day={slot.date}")
        expect(page.locator("html")).to_have_attribute("data-live", "on")
        expect(page.locator(".live-on")).to_be_visible()

    def add(self, slot, hour):
        [added] = slot_services.add_slots(expert=slot.expert, starts=[(slot.date, time(hour))])
        return added

    def choice(self, page, slot):
        return page.locator(f"#choice-{slot.pk}")

    def test_a_time_that_somebody_takes_goes_and_comes_back_when_it_is_free(self, site, make_context, page, slot):
        four = slot.expert.slots.get(time="16:00")
        five = self.add(slot, 18)
        expect(self.choice(page, five)).to_be_visible()
        chosen = page.get_by_role("radio", name=re.compile("18:00"))
        chosen.check()
        other = make_context(base_url=site.url).new_page()
        other.goto(f"/experts/{slot.expert.slug}/?day={slot.date}")
        other.locator(f"#slot-{four.pk}").click()
        expect(other.get_by_role("dialog")).to_be_visible()
        expect(self.choice(page, four)).to_have_count(0)
        expect(page.locator(f"#day-{slot.date}-count")).to_have_text("1 time free")
        expect(chosen).to_be_checked()
        expect(chosen).to_be_focused()
        other.get_by_role("dialog").get_by_role("button", name="Release time").first.click()
        expect(self.choice(page, four)).to_be_visible()
        expect(chosen).to_be_checked()
        page.get_by_role("button", name="Move here").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("18:00")
        expect(page.get_by_text("Moved from")).to_be_visible()

    def test_the_chosen_time_is_taken(self, page, slot):
        four, five = slot.expert.slots.get(time="16:00"), self.add(slot, 18)
        # From here on nothing is under way that was asked before the time is chosen.
        expect(self.choice(page, five)).to_be_visible()
        page.get_by_role("radio", name=re.compile("16:00")).check()
        services.hold_slot(slot_id=four.pk, visitor="b" * 32)
        expect(page.get_by_text("The time that you chose was just taken.")).to_be_visible()
        services.book(slot_id=four.pk, visitor="b" * 32, name="Ada", email="ada@example.com")
        six = self.add(slot, 19)  # one more round: the words stay
        expect(self.choice(page, six)).to_be_visible()
        expect(page.get_by_role("radio")).to_have_count(2)
        expect(page.get_by_text("The time that you chose was just taken.")).to_be_visible()
        last = page.locator(f"#move-to-{six.pk}")
        last.check()
        expect(last).to_be_checked()

    def test_a_look_from_before_the_choice_takes_no_chosen_time_away_without_a_word(self, page, slot):
        """It was asked before the time was chosen, is answered after that, and cannot know of the choice."""
        four, held_back = slot.expert.slots.get(time="16:00"), []
        look = re.compile(r"/reschedule/\?day=[\d-]+$")
        page.route(look, lambda route: held_back.append((route, route.fetch())))
        with page.expect_request(look):
            services.hold_slot(slot_id=four.pk, visitor="b" * 32)
        while not held_back:
            page.wait_for_timeout(20)
        page.get_by_role("radio", name=re.compile("16:00")).check()
        for route, answer in held_back:
            route.fulfill(response=answer)
        expect(self.choice(page, four)).to_have_count(0)
        expect(page.get_by_text("The time that you chose was just taken.")).to_be_visible()

    def test_the_booking_itself_is_cancelled(self, page, slot):
        services.cancel(booking_id=self.booking.pk, by_customer=False)
        expect(page.get_by_text("so it can’t be moved")).to_be_visible()

    def test_while_the_connection_is_lost_it_says_so(self, page, slot):
        page.route_web_socket(re.compile("/ws/"), lambda ws: ws.close(code=1011))
        page.evaluate("document.querySelectorAll('#move').forEach((e) => htmx.process(e, true))")
        expect(page.get_by_text("Reconnecting…")).to_be_visible()
        expect(page.get_by_text("Live updates are paused.")).to_be_visible()
        four = slot.expert.slots.get(time="16:00")
        page.get_by_role("radio").check()
        page.get_by_role("button", name="Move here").click(trial=True)  # nothing lies above it
        services.hold_slot(slot_id=four.pk, visitor="b" * 32)  # at last: the page may look again at any moment
        expect(self.choice(page, four)).to_have_count(0, timeout=8_000)


def test_the_reason_is_kept(page, slot):
    booking = open_booking(page, slot)
    page.get_by_role("link", name="Cancel booking").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").select_option("My plans changed")
    expect(dialog.get_by_text("Hale & Partners sees this.")).to_be_visible()
    dialog.get_by_role("button", name="Cancel booking").click()
    expect(page.get_by_text("Cancelled by you")).to_be_visible()
    booking.refresh_from_db()
    assert booking.cancel_reason == "plans"


def test_the_file_is_a_download(page, slot):
    booking = open_booking(page, slot)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download .ics").click()
    assert download.value.suggested_filename == f"{booking.reference}.ics"


@pytest.mark.parametrize("look", [DESKTOP | {"color_scheme": "light"}, PHONE | {"color_scheme": "dark"}])
def test_axe_finds_nothing_on_these_pages(make_context, slot, look):
    page = make_context(**look).new_page()
    booking = open_booking(page, slot)
    found = problems(page, "booking")
    page.get_by_role("link", name="Cancel booking").click()
    expect(heading(page.get_by_role("dialog"), "Cancel this booking?")).to_be_visible()
    found += problems(page, "question")
    for step in ("cancel/", f"reschedule/?day={slot.date}"):
        page.goto(f"/bookings/{booking.reference}/{step}")
        found += problems(page, step)
    page.goto("about:blank")  # the page of times would go elsewhere by itself
    services.cancel(booking_id=booking.pk, by_customer=False, reason="Priya is ill.")
    for step in ("", "cancel/", "reschedule/"):
        page.goto(f"/bookings/{booking.reference}/{step}")
        found += problems(page, f"cancelled {step}")
    assert found == []
