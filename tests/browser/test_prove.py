"""Somebody unknown behind a crowded network books: the browser works for a moment, and a phone opens the link."""

import re

import pytest
from django.core import mail
from playwright.sync_api import expect

from bookings.models import Booking, Status
from bookings.services import caution
from tests.browser.conftest import PHONE
from tests.cast import make_booking, make_expert, make_organization, make_slot
from tests.mail import send_mails


@pytest.fixture
def site(site_with):
    return site_with(RATE_LIMITS="on")


@pytest.fixture
def slot(site):
    organization = make_organization(name="Northgate Clinic", slug="northgate")
    expert = make_expert(name="Dr Amara Okafor", slug="amara-okafor", organization=organization)
    crowd = make_slot(expert, at="16:00", capacity=100)
    for _ in range(caution.MOST_OF_NETWORK):
        make_booking(crowd, of_expert=expert, network="127.0.0.0")
    return make_slot(expert, at="14:00")


def test_the_browser_works_the_seat_is_kept_and_the_page_changes_when_the_link_is_opened(site, make_context, slot):
    page = make_context(base_url=site.url).new_page()
    page.goto(f"/experts/amara-okafor/?day={slot.date}")
    expect(page.locator("html")).to_have_attribute("data-live", "on")
    page.locator(f"#slot-{slot.pk}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("this one is not kept for you")
    dialog.get_by_label("Full name").fill("Lena Fischer")
    dialog.get_by_label("Email").fill("lena.fischer@example.com")
    dialog.get_by_label("I agree that Northgate Clinic").check()
    expect(dialog.locator("[name=work]")).to_have_value(re.compile(r".{100}"), timeout=20_000)
    dialog.get_by_role("button", name="Review booking").click()
    expect(dialog.get_by_text("Held for you").first).to_be_visible()
    dialog.get_by_role("button", name="Confirm booking").click()
    expect(dialog.get_by_role("heading", name="Open the link in your email to keep 14:00")).to_be_focused()
    expect(dialog.get_by_text("lena.fischer@example.com")).to_be_visible()
    expect(dialog.get_by_role("link", name="Close, keep my time")).to_be_visible()
    assert Booking.objects.get(awaits_proof=True).status == Status.HELD

    whole_page = page.context.new_page()
    whole_page.goto(f"/slots/{slot.pk}/book/")
    expect(whole_page.get_by_role("heading", name="Open the link in your email to keep 14:00")).to_be_visible()
    expect(whole_page.locator("html")).to_have_attribute("data-live", "on")

    send_mails()
    [sent] = mail.outbox
    phone = make_context(base_url=site.url, **PHONE).new_page()
    phone.goto(re.search(r"http://localhost:8000(/bookings/link/\S+/)", sent.body)[1])
    phone.get_by_role("button", name="Book my time").click()
    expect(phone.get_by_text("Confirmed").first).to_be_visible()
    for place in (dialog, whole_page):
        expect(place.get_by_role("heading", name="You’re booked")).to_be_visible()
