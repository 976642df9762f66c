"""A receptionist's day in a browser: somebody calls to book, calls again to move it, and is cancelled in the end."""

import re

import pytest
from playwright.sync_api import expect

from bookings.models import Booking, Status
from experts.models import Slot
from tests.browser.conftest import PHONE, let_in
from tests.browser.test_admin import save
from tests.cast import fresh, make_booking, make_expert, make_slot
from tests.staff import admin_url, make_superuser


@pytest.fixture
def slots(live_site):
    """10:00 with three seats, and 15:00, of one expert in London."""
    make_superuser(email="maya@example.com", name="Maya Brandt")
    expert = make_expert(name="Dr Amara Okafor")
    return make_slot(expert, at="10:00", capacity=3), make_slot(expert, at="15:00", capacity=3)


def test_booking_by_phone_then_moving_it_then_cancelling_with_a_reason(page, slots):
    morning, afternoon = slots
    let_in(page, "maya@example.com")
    page.goto(admin_url(Slot, "change", morning.pk))
    page.get_by_role("link", name="Book for somebody").click()
    expect(page.locator("#id_slot")).to_have_value(str(morning.pk))
    page.get_by_label("Full name").fill("Karim Aziz")
    page.get_by_label("Phone").fill("0151 123")
    page.get_by_label("Seats").fill("4")
    save(page)
    expect(page.get_by_text("not enough seats left")).to_be_visible()
    expect(page.get_by_label("Full name")).to_have_value("Karim Aziz")
    page.get_by_label("Seats").fill("2")
    save(page)
    expect(page.get_by_text("was added successfully")).to_be_visible()
    booking = Booking.objects.get(name="Karim Aziz")
    assert (booking.seats, booking.source, booking.email) == (2, "staff", "")

    page.get_by_role("link", name=booking.reference).first.click()
    page.get_by_role("link", name="Move…").click()
    page.get_by_role("link", name="15:00, Dr Amara Okafor").click()
    expect(page.get_by_text("There is no e-mail address: tell them on the phone.")).to_be_visible()
    page.get_by_role("button", name="Move booking").click()
    expect(page.get_by_text(re.compile("Moved: Karim Aziz is now at .*15:00"))).to_be_visible()
    assert (fresh(morning).seats_booked, fresh(afternoon).seats_booked) == (0, 2)

    page.goto(admin_url(Booking, "change", booking.pk))
    page.get_by_role("link", name="Cancel booking…").click()
    page.get_by_label("Message to the customer").fill("Dr Okafor is ill.")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text(f"{booking.reference}: Cancelled.")).to_be_visible()
    expect(page.get_by_text("Dr Okafor is ill.")).to_be_visible()
    expect(page.get_by_role("link", name="Move…")).to_have_count(0)
    booking.refresh_from_db()
    assert (booking.status, booking.reason) == (Status.CANCELLED, "Dr Okafor is ill.")
    assert fresh(afternoon).seats_booked == 0

    page.get_by_role("link", name="History").click()
    entry = page.locator(".eb-history li").first
    expect(entry).to_contain_text("Maya Brandt")
    expect(entry.get_by_role("row").filter(has_text="Status")).to_contain_text(re.compile(r"Confirmed\s*Cancelled"))


def test_several_requests_are_rejected_with_one_message(page, slots):
    requests = [make_booking(slot, status=Status.PENDING) for slot in slots]
    let_in(page, "maya@example.com")
    page.goto(admin_url(Booking))
    for request in requests:
        page.get_by_role("row").filter(has_text=request.reference).get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option(label="Reject…")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("heading", name="Reject these bookings?")).to_be_visible()
    page.get_by_label("Message to the customer").fill("We are closed on that day.")
    make_booking(slots[0], name="Somebody else")
    Booking.objects.filter(pk=requests[1].pk).update(status=Status.CANCELLED)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("1 booking rejected. 1 refused:")).to_be_visible()
    expect(page.get_by_text(f"{requests[1].reference}: This booking is cancelled")).to_be_visible()
    assert Booking.objects.get(pk=requests[0].pk).reason == "We are closed on that day."


def test_the_questions_fit_in_both_themes(make_context, slots):
    booking = make_booking(slots[0], status=Status.PENDING)
    home = admin_url(Booking, "change", booking.pk)
    paths = [home, *(home.replace("change/", f"decide/{name}/") for name in ("approve", "cancel"))]
    paths.append(f"/admin/day/moves/?booking={booking.pk}")
    for options in ({}, PHONE | {"color_scheme": "dark"}):
        page = make_context(**options).new_page()
        let_in(page, "maya@example.com")
        for path in paths:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
