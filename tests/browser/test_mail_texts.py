"""The words of mails, typed beside the mail that they open."""

import pytest
from playwright.sync_api import expect

from bookings.models import MailKind, MailText
from tests.browser.conftest import DESKTOP, PHONE, let_in
from tests.browser.test_accessibility import AXE, RULES, RUN_AXE
from tests.cast import make_expert, make_organization
from tests.staff import admin_url, make_superuser


@pytest.fixture
def organization(live_site):
    make_superuser(email="maya@example.com", name="Maya Brandt")
    organization = make_organization(name="Northgate Clinic", accent="petrol")
    make_expert(organization=organization, name="Amara Okafor")
    return organization


def test_the_mail_follows_what_is_typed_and_a_test_comes(page, organization):
    let_in(page, "maya@example.com")
    page.goto(admin_url(type(organization), "change", organization.pk))
    page.get_by_role("link", name="Words of each e-mail").click()
    page.get_by_role("link", name="Reminder, the day before").click()
    frame = page.frame_locator("iframe[name=look]")
    letter = frame.frame_locator("iframe")
    expect(letter.get_by_text("Hello Sam Sample,")).to_be_visible()
    page.get_by_label("Subject").fill("See you, ")
    page.get_by_role("button", name="{name}").click()
    expect(frame.get_by_role("heading", name="See you, Sam Sample")).to_be_visible()
    page.get_by_label("Opening").fill("Please ring twice, {nobody}.")
    expect(frame.get_by_text("There is no placeholder {nobody}.")).to_be_visible()
    page.get_by_label("Opening").fill("Please ring twice.\n{expert} is waiting.")
    expect(letter.get_by_text("Amara Okafor is waiting.")).to_be_visible()
    expect(letter.get_by_role("link", name="Open my booking")).to_be_visible()
    page.get_by_label("What to show").select_option(label="As plain text")
    expect(frame.locator("pre")).to_contain_text("Your session is coming up\n\nPlease ring twice.\n")
    assert not MailText.objects.exists()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is sent like this from now on")).to_be_visible()
    assert MailText.objects.get(kind=MailKind.REMINDER_DAY).subject == "See you, {name}"
    page.get_by_role("button", name="Send to me").click()
    expect(page.get_by_text("A test is on its way to maya@example.com")).to_be_visible()


def test_everybody_can_use_it_and_it_works_without_a_script(make_context, organization):
    MailText.objects.create(organization=organization, kind=MailKind.CONFIRMED, opening="Dear {name},")
    page = make_context().new_page()
    let_in(page, "maya@example.com")
    address = f"{admin_url(type(organization), 'change', organization.pk)}".replace("change/", "mails/")
    page.goto(address)
    for look in (DESKTOP, PHONE):
        page.emulate_media(color_scheme="light" if look is DESKTOP else "dark")
        page.set_viewport_size(look["viewport"])
        expect(page.frame_locator("iframe[name=look]").frame_locator("iframe").get_by_text("Dear Sam")).to_be_visible()
        page.evaluate(AXE)
        assert page.evaluate(RUN_AXE, RULES) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= look["viewport"]["width"]
    plain = make_context(java_script_enabled=False, storage_state=page.context.storage_state()).new_page()
    plain.goto(address)
    plain.get_by_label("Opening").fill("By hand, {name}")
    plain.get_by_role("button", name="Show").click()
    letter = plain.frame_locator("iframe[name=look]").frame_locator("iframe")
    expect(letter.get_by_text("By hand, Sam Sample")).to_be_visible()
    plain.get_by_role("button", name="Save").click()
    expect(plain.get_by_text("is sent like this from now on")).to_be_visible()
    assert MailText.objects.get().opening == "By hand, {name}"
