import re

from playwright.sync_api import expect

from tests.browser.conftest import PHONE
from tests.cast import make_expert


def test_the_theme_is_kept_and_works_without_javascript(page, page_without_js):
    for visitor in (page, page_without_js):
        visitor.goto("/")
        visitor.get_by_role("button", name=re.compile("dark", re.I)).click()
        expect(visitor.locator("html")).to_have_attribute("data-theme", "expertbook-dark")
        visitor.goto("/bookings/")
        expect(visitor.locator("html")).to_have_attribute("data-theme", "expertbook-dark")


def test_the_zone_of_the_browser_is_learnt_on_the_first_visit(make_context, live_site):
    make_expert()
    page = make_context(timezone_id="Asia/Kathmandu").new_page()
    page.goto("/")
    expect(page.locator("#zone-menu")).to_contain_text("Kathmandu")
    # Chromium still says Asia/Katmandu, as it did before the city's name was changed.
    assert {c["name"]: c["value"] for c in page.context.cookies()}["zone"] in ("Asia/Kathmandu", "Asia/Katmandu")


def test_a_phone_shows_the_whole_name_of_a_city(make_context, live_site):
    make_expert()
    page = make_context(**PHONE, timezone_id="America/Los_Angeles").new_page()
    page.goto("/")
    expect(page.locator("#zone-menu .truncate")).to_have_text("Los Angeles", use_inner_text=True)
    is_whole = "name => document.fonts.ready.then(() => name.scrollWidth <= name.clientWidth)"
    assert page.locator("#zone-menu .truncate").evaluate(is_whole)


def test_another_zone_can_be_chosen(page, live_site):
    page.goto("/?when=week")
    expect(page.locator("#zone-menu")).to_contain_text("Berlin")
    page.locator("#zone-menu summary").click()
    page.get_by_label("Show times in").select_option("America/New_York")
    page.get_by_role("button", name="Use this time zone").click()
    expect(page.locator("#zone-menu")).to_contain_text("New York")
    expect(page).to_have_url(re.compile(r"/\?when=week$"))


def test_another_zone_can_be_chosen_without_javascript(page_without_js):
    page_without_js.goto("/?when=week")
    page_without_js.locator("#zone-menu summary").click()
    page_without_js.get_by_role("link", name="Choose a time zone").click()
    page_without_js.get_by_label("Show times in").select_option("America/New_York")
    page_without_js.get_by_role("button", name="Use this time zone").click()
    expect(page_without_js.locator("#zone-menu")).to_contain_text("New York")
    expect(page_without_js).to_have_url(re.compile(r"/\?when=week$"))
