"""An organisation's settings beside what they make, while they are typed."""

import pytest
from playwright.sync_api import expect

from experts.models import Organization, SessionType
from tests.browser.conftest import DESKTOP, PHONE, let_in
from tests.browser.test_accessibility import AXE, RULES, RUN_AXE
from tests.browser.test_admin import save
from tests.cast import make_expert, make_organization, make_session_type
from tests.experts.services.test_pictures import drawn
from tests.staff import admin_url, make_superuser


@pytest.fixture
def organization(live_site):
    make_superuser(email="maya@example.com", name="Maya Brandt")
    organization = make_organization(name="Northgate Clinic", accent="petrol")
    make_expert(organization=organization)
    return organization


def open_settings(page, organization):
    let_in(page, "maya@example.com")
    page.goto(admin_url(Organization, "change", organization.pk))
    return page.frame_locator("iframe[name=look]")


def test_the_preview_follows_what_is_typed(page, organization):
    frame = open_settings(page, organization)
    expect(frame.locator("html[data-accent=petrol]")).to_be_attached()
    page.get_by_text("Brick", exact=True).click()
    expect(frame.locator("html[data-accent=brick]")).to_be_attached()
    logo = {"name": "logo.png", "mimeType": "image/png", "buffer": drawn((300, 100), "PNG").getvalue()}
    page.get_by_label("Logo").set_input_files(logo)
    expect(frame.locator("main img")).to_be_visible()
    page.get_by_role("link", name="Booking rules").click()
    page.get_by_label("Cancel until, before the start").fill("5 d")
    expect(frame.get_by_text("so it can’t be moved or cancelled online")).to_be_visible()
    page.get_by_role("link", name="Look and words").click()
    page.get_by_label("Text below every e-mail").fill("Ring twice.")
    page.get_by_label("What to show").select_option(label="Confirmed")
    expect(frame.get_by_text("Ring twice.")).to_be_visible()
    page.get_by_role("button", name="Send me a test").click()
    expect(page.get_by_text("A test is on its way to maya@example.com")).to_be_visible()
    expect(page.get_by_label("Text below every e-mail")).to_have_value("Ring twice.")
    stored = Organization.objects.get()
    assert (stored.accent, stored.mail_footer) == ("petrol", "")
    save(page)
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    stored.refresh_from_db()
    assert (stored.accent, stored.mail_footer) == ("brick", "Ring twice.")


def test_everybody_can_use_the_settings(make_context, organization):
    page = make_context().new_page()
    open_settings(page, organization)
    for look in (DESKTOP, PHONE):
        page.emulate_media(color_scheme="light" if look is DESKTOP else "dark")
        page.set_viewport_size(look["viewport"])
        for tab in ("Look and words", "Details", "Booking rules", "Privacy", "Website", "Log-in and limits"):
            page.locator(".eb-tabs").get_by_role("link", name=tab).click()
            expect(page.locator(".eb-tab:visible")).to_have_count(1)
            page.evaluate(AXE)
            assert page.evaluate(RUN_AXE, RULES) == [], tab
            assert page.evaluate("document.documentElement.scrollWidth") <= look["viewport"]["width"]


def test_session_types_are_dragged_into_order_and_their_card_follows(page, organization):
    kinds = [make_session_type(organization, name=name, position=n) for n, name in enumerate(("One", "Two", "Three"))]
    let_in(page, "maya@example.com")
    page.goto(admin_url(SessionType))
    handles = page.locator(".eb-drag")
    with page.expect_response(lambda answer: answer.url.endswith("/move/")) as moved:
        handles.nth(0).drag_to(handles.nth(2))
    assert moved.value.status == 204
    expect(page.locator("[data-order]").nth(2)).to_have_attribute("data-name", "One")
    assert list(organization.session_types.values_list("name", flat=True)) == ["Two", "Three", "One"]
    page.goto(admin_url(SessionType, "change", kinds[0].pk))
    page.get_by_label("Name").fill("A longer visit")
    expect(page.locator("[data-type-card]")).to_contain_text("A longer visit")
    assert SessionType.objects.get(pk=kinds[0].pk).name == "One"
