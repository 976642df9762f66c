"""What staff do in the admin, in a real browser: its console stays quiet under the admin's own security policy."""

import re

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import expect

from bookings.models import Booking
from experts.models import Expert, Slot
from tests.browser.conftest import PHONE, let_in
from tests.cast import book, fresh, make_category, make_expert, make_organization, make_slot
from tests.staff import admin_url, make_superuser


@pytest.fixture
def slot(live_site):
    """10:00 in London with 3 seats, two of them booked."""
    make_superuser(email="maya@example.com", name="Maya Brandt")
    organization = make_organization(name="Northgate Clinic", slug="northgate")
    expert = make_expert(
        name="Dr Amara Okafor", slug="amara", organization=organization, category=make_category(name="Health")
    )
    slot = make_slot(expert, at="10:00", capacity=3)
    for _ in range(2):
        book(slot)
    return slot


def open_admin(page):
    let_in(page, "maya@example.com")
    page.goto("/admin/")
    expect(page.get_by_role("region", name="The day by expert")).to_be_visible()


def save(page):
    page.get_by_role("button", name="Save", exact=True).click()


def test_a_slot_is_closed_from_the_list(page, slot):
    open_admin(page)
    page.get_by_role("link", name="Slots", exact=True).click()
    row = page.get_by_role("row").filter(has_text="10:00")
    expect(row).to_contain_text("Nearly full")
    expect(row).to_contain_text("2 of 3")
    row.get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option(label="Close")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("1 slot closed.")).to_be_visible()
    expect(page.get_by_role("heading", name="Rescue")).to_be_visible()  # two seats are booked
    page.get_by_role("link", name="Slots", exact=True).click()
    expect(row).to_contain_text("Closed")
    assert fresh(slot).is_closed


def test_too_few_seats_are_refused_and_history_tells_of_the_rest(page, slot):
    let_in(page, "maya@example.com")
    page.goto(admin_url(Slot, "change", slot.pk))
    page.get_by_label("Seats").fill("1")
    save(page)
    expect(page.get_by_text("More seats are taken than that.")).to_be_visible()
    expect(page.get_by_label("Seats")).to_have_value("1")
    page.get_by_label("Seats").fill("5")
    save(page)
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert fresh(slot).capacity == 5

    page.goto(admin_url(Slot, "change", slot.pk))
    page.get_by_role("link", name="History").click()
    entry = page.locator(".eb-history li").first
    expect(entry).to_contain_text("Maya Brandt")
    expect(entry).to_contain_text("Admin")
    expect(entry.get_by_role("row").filter(has_text="Seats")).to_contain_text(re.compile(r"Seats\s*3\s*5"))


def test_booking_for_somebody_by_typing_the_experts_name(page, slot):
    let_in(page, "maya@example.com")
    page.goto(admin_url(Booking, "add"))
    page.locator(".select2-selection").first.click()
    page.locator(".select2-search__field").fill("amara")
    page.get_by_role("option", name="Dr Amara Okafor").click()
    page.get_by_label("Full name").fill("Karim Aziz")
    save(page)
    expect(page.get_by_text("was added successfully")).to_be_visible()
    booking = Booking.objects.get(name="Karim Aziz")
    assert (booking.slot, booking.source) == (slot, "staff")


def test_filters_and_the_zone_of_an_expert(page, slot):
    let_in(page, "maya@example.com")
    page.goto(admin_url(Slot))
    page.locator("a").filter(has_text="Filters").first.click()
    page.get_by_text("Past", exact=True).click()
    page.get_by_role("button", name="Apply filters").click()
    expect(page).to_have_url(re.compile("when=past"))
    expect(page.get_by_role("row").filter(has_text="10:00")).to_have_count(0)

    page.goto(admin_url(Expert, "change", slot.expert_id))
    zone = page.locator("#id_timezone")
    zone.evaluate("select => { select.value = 'Europe/Berlin'; select.dispatchEvent(new Event('change')) }")
    save(page)
    expect(page.get_by_text("There are slots ahead at Europe/London times.")).to_be_visible()


def test_every_page_opens_quietly_and_fits_in_both_themes(make_context, slot):
    booking = Booking.objects.first()
    paths = ["/admin/", "/admin/password_change/"]
    paths += [admin_url(model) for model in (Slot, Booking, Expert)]
    paths += [admin_url(model, "add") for model in (Slot, Booking, Expert, Group)]
    for obj in (slot, booking, slot.expert, slot.expert.organization):
        paths += [admin_url(type(obj), page, obj.pk) for page in ("change", "history")]
    for options in ({}, PHONE | {"color_scheme": "dark"}):
        page = make_context(**options).new_page()
        let_in(page, "maya@example.com")
        for path in paths:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_the_theme_is_kept(page, slot):
    open_admin(page)
    page.get_by_text("Maya Brandt").click()
    page.get_by_text("Dark", exact=True).click()
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    page.reload()
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
