import re

from playwright.sync_api import expect

from tests.cast import make_expert, make_slot


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


def test_a_press_while_the_zone_is_learnt_is_not_lost(make_context, live_site):
    """The tile of 16:00 in London moves to another part of the day in Berlin, from under the finger."""
    slot = make_slot(make_expert(timezone="Europe/London"), at="16:00")
    page = make_context().new_page()
    held_back = []
    page.route(
        re.compile("/experts/"),
        lambda route: route.continue_() if route.request.is_navigation_request() else held_back.append(route),
    )
    with page.expect_request(lambda request: "/experts/" in request.url and not request.is_navigation_request()):
        page.goto(f"/experts/{slot.expert.slug}/?day={slot.date}")
    tile = page.locator(f"#slot-{slot.pk}")
    tile.hover()
    page.mouse.down()
    [route] = held_back
    with page.expect_response(route.request.url):
        route.continue_()
    # Two frames later it would be shown.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(tile).to_contain_text("16:00")
    page.mouse.up()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(tile).to_contain_text("17:00")
