"""The interactive documentation, under our content security policy and without anybody else's servers."""

from playwright.sync_api import expect

from tests.browser.test_accessibility import AXE, RULES, RUN_AXE
from tests.cast import make_slot


def test_somebody_tries_a_call(make_context, live_site):
    slot = make_slot()
    context = make_context()
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.goto("/api/v1/docs")
    expect(page.get_by_role("heading", name="ExpertBook")).to_be_visible()
    call = page.locator("#operations-Public-get_slot")
    call.get_by_role("button").first.click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_placeholder("slot_id").fill(str(slot.pk))
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    expect(call.locator(".live-responses-table")).to_contain_text(slot.expert.slug)
    assert all(url.startswith((live_site.url, "data:")) for url in asked)
    # Everybody can read it, in both themes: what was answered, too.
    page.evaluate(AXE)
    for theme, shown in (("light", ""), ("dark", "dark-mode")):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_class(shown)
        assert page.evaluate(RUN_AXE, RULES) == [], theme


def test_it_fits_a_phone(phone_page):
    phone_page.goto("/api/v1/docs")
    expect(phone_page.get_by_text("Book a slot")).to_be_visible()
    assert phone_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
