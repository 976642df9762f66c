"""What a page does when the server closes its socket for a reason: stop and say so, dial later, or load anew."""

import re

import pytest
from playwright.sync_api import expect

from bookings.live.consumers import NOT_FOUND, TOO_MANY_MESSAGES, TOO_MANY_SOCKETS
from tests.cast import book, make_expert, make_slot

STOPPED = "No longer live. Reload"


@pytest.fixture
def page(make_context):
    """A page whose time the test moves on."""
    page = make_context(loses_sockets=True, statuses={404}).new_page()
    page.clock.install()
    return page


@pytest.fixture
def dials(page):
    """The sockets that the page opens, the newest last. A code in ``page.refusals`` closes the next one at once."""
    dials, page.refusals = [], []

    def on_socket(socket):
        dials.append(socket)
        if page.refusals:
            socket.close(code=page.refusals.pop(0))
        else:
            socket.connect_to_server()

    page.route_web_socket(re.compile("/ws/"), on_socket)
    return dials


@pytest.fixture
def slot(live_site):
    return make_slot(make_expert(slug="amara"), capacity=3)


def open_page(page, slot):
    page.goto(f"/experts/amara/?day={slot.date}")
    expect_state(page, "on")


def expect_state(page, state, **options):
    expect(page.locator("html")).to_have_attribute("data-live", state, **options)


def polls_of(page):
    polls = []
    page.on("request", lambda request: polls.append(request.url) if request.headers.get("hx-request") else None)
    return polls


def run_until(page, condition, seconds=200):
    """Let time pass until it is so: no more of it, as a page that hears nothing for long dials again."""
    for _ in range(seconds):
        if condition():
            return
        page.clock.run_for(1_000)
    raise AssertionError(f"not within {seconds} seconds")


@pytest.mark.parametrize("code", [NOT_FOUND, TOO_MANY_MESSAGES, 3000, 4999])
def test_it_stops_and_says_so(page, dials, slot, code):
    open_page(page, slot)
    polls = polls_of(page)
    dials[-1].close(code=code)
    expect_state(page, "stopped")
    expect(page.get_by_role("link", name=STOPPED)).to_be_visible()
    expect(page.get_by_text("Live updates are paused.")).to_be_visible()
    page.clock.run_for(300_000)
    assert (len(dials), polls) == (1, [])
    book(slot)
    page.get_by_role("link", name=STOPPED).click()
    expect_state(page, "on")
    expect(page.locator(f"#slot-{slot.pk}-state")).to_have_text("2 of 3 left")
    assert len(dials) == 2


@pytest.mark.parametrize(("chance", "seconds"), [(0.1, 0.4), (0.9, 3.6)])
def test_pages_that_are_cut_off_at_once_come_back_over_four_seconds(page, dials, slot, chance, seconds):
    open_page(page, slot)
    page.evaluate(f"Math.random = () => {chance}")
    page.clock.pause_at(page.evaluate("Date.now()") / 1_000 + 1)
    dials[-1].close(code=1012)
    expect_state(page, "waiting")
    page.clock.run_for((seconds - 0.2) * 1_000)
    assert len(dials) == 1
    run_until(page, lambda: len(dials) == 2, seconds=2)


def test_an_expert_who_is_gone(page, dials, slot):
    """The server itself says so, when the page dials again after its connection was lost."""
    open_page(page, slot)
    slot.expert.is_active = False
    slot.expert.save()
    dials[-1].close(code=1011)
    expect_state(page, "stopped", timeout=10_000)
    assert len(dials) == 2


def test_another_day_dials_again(page, dials, slot):
    open_page(page, slot)
    dials[-1].close(code=NOT_FOUND)
    expect_state(page, "stopped")
    page.locator(".day:not([aria-current])[href]").last.click()
    expect_state(page, "on")


def test_too_many_sockets_are_dialled_again_later(page, dials, slot):
    open_page(page, slot)
    polls = polls_of(page)
    page.refusals = [TOO_MANY_SOCKETS]
    dials[-1].close(code=TOO_MANY_SOCKETS)
    expect_state(page, "waiting")
    page.clock.run_for(29_000)
    assert (len(dials), polls) == (1, []), "neither dials nor polls meanwhile"
    run_until(page, lambda: len(dials) == 2)
    book(slot)
    run_until(page, lambda: len(dials) == 3)
    expect_state(page, "on")
    expect(page.locator(f"#slot-{slot.pk}-state")).to_have_text("2 of 3 left")


def test_a_browser_that_lost_its_identity_loads_the_page_again(page, dials, slot, live_site):
    open_page(page, slot)
    visitor = next(c["value"] for c in page.context.cookies() if c["name"] == "visitor").split(":")[0]
    booking = book(slot, visitor=visitor)
    page.goto("/bookings/")
    expect(page.get_by_text(booking.slot.expert.name)).to_be_visible()
    expect_state(page, "on")
    page.context.clear_cookies()
    dials[-1].close(code=1011)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Find")
    expect(page.get_by_text(booking.slot.expert.name)).to_have_count(0)
