"""What owners do with webhooks, in a real browser."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from bookings.models import WebhookDelivery, WebhookEndpoint
from tests.browser.conftest import PHONE, let_in
from tests.browser.test_admin import open_admin
from tests.cast import make_organization, make_webhook
from tests.staff import admin_url, make_superuser


@pytest.fixture
def organization(live_site):
    make_superuser(email="maya@example.com", name="Maya Brandt")
    return make_organization(name="Northgate Clinic", slug="northgate")


def test_a_webhook_is_added_and_tried(page, organization):
    open_admin(page)
    page.get_by_role("link", name="Webhooks", exact=True).click()
    page.get_by_role("link", name="Add webhook").first.click()
    page.locator(".select2-selection").click()  # once the script has made it
    page.get_by_role("option", name="Northgate Clinic").click()
    page.get_by_label("Address").fill("http://hooks.example.com/bookings")
    page.get_by_label("Booking made").check()
    page.get_by_label("Slot is full").check()
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("The address must start with https://")).to_be_visible()
    page.get_by_label("Address").fill("https://hooks.example.com/bookings")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("whsec_")).to_be_visible()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("The test is on its way.")).to_be_visible()
    expect(page.get_by_text('"type": "webhook.test"')).to_be_visible()
    assert WebhookEndpoint.objects.get().event_types == ["booking.created", "slot.full"]


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
def test_a_paused_webhook_is_resumed(make_context, organization, options):
    page = make_context(**options).new_page()
    endpoint = make_webhook(organization, paused_at=timezone.now(), paused_reason="failing")
    kept = {"type": "booking.created", "payload": {"type": "booking.created"}, "status": "kept"}
    WebhookDelivery.objects.create(endpoint=endpoint, event_id="msg_1", **kept)
    let_in(page, "maya@example.com")
    page.goto(admin_url(WebhookEndpoint, "change", endpoint.pk))
    expect(page.get_by_text("It has failed for three days")).to_be_visible()
    page.get_by_role("button", name="Resume and send 1 event").click()
    expect(page.get_by_text("1 kept event is on its way.")).to_be_visible()
    expect(page.get_by_role("button", name="Send a test")).to_be_visible()
