"""Valkey stops and starts under a page: booking goes on, and the page is right within seconds."""

import pytest
from playwright.sync_api import expect

from bookings.models import Booking
from tests.cast import book, make_expert, make_organization, make_slot
from tests.http import Visitor
from tests.private_valkey import PrivateValkey


@pytest.fixture
def valkey_of_its_own(tmp_path):
    server = PrivateValkey(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def site(start_site, valkey_of_its_own):
    return start_site(REDIS_URL=valkey_of_its_own.url, RATE_LIMITS="on")


@pytest.fixture
def slot(site):
    organization = make_organization(proof="never")  # tests fill in forms faster than people
    return make_slot(make_expert(slug="amara-okafor", max_party=3, organization=organization), capacity=3)


def state(page, slot):
    return page.locator(f"#slot-{slot.pk}-state")


def book_over_http(site, slot, email):
    visitor = Visitor(site.url)
    return visitor.confirm(slot, visitor.open_form(slot), email=email).status


def test_changes_while_valkey_is_down_are_shown_and_after_it_is_back(site, make_context, slot, valkey_of_its_own):
    page = make_context(base_url=site.url).new_page()
    page.goto(f"/experts/{slot.expert.slug}/?day={slot.date}")
    expect(page.locator("html")).to_have_attribute("data-live", "on")
    valkey_of_its_own.stop()
    assert book_over_http(site, slot, "a@example.com") == 302
    expect(state(page, slot)).to_have_text("2 of 3 left", timeout=10_000)  # found by the comparison
    valkey_of_its_own.start()
    assert book_over_http(site, slot, "b@example.com") == 302
    expect(state(page, slot)).to_have_text("1 of 3 left", timeout=10_000)
    expect(page.locator("html")).to_have_attribute("data-live", "on")


def test_a_page_that_is_opened_while_valkey_is_down_is_live(site, make_context, slot, valkey_of_its_own):
    valkey_of_its_own.stop()
    page = make_context(base_url=site.url).new_page()
    page.goto(f"/experts/{slot.expert.slug}/?day={slot.date}")
    expect(page.locator("html")).to_have_attribute("data-live", "on", timeout=10_000)
    book(slot)
    expect(state(page, slot)).to_have_text("2 of 3 left", timeout=10_000)
    page.locator(f"#slot-{slot.pk}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Full name").fill("Lena Fischer")
    dialog.get_by_label("Email").fill("lena@example.com")
    dialog.get_by_label("I agree").check()
    dialog.get_by_role("button", name="Review booking").click()
    dialog.get_by_role("button", name="Confirm booking").click()
    expect(page.get_by_role("heading", name="You’re booked")).to_be_visible(timeout=10_000)
    assert Booking.objects.count() == 2
