"""The waitlist as people use it: joined from a full tile, seen live, left, and the offered seat taken from the mail."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from playwright.sync_api import expect

from bookings import services, tasks
from bookings.models import Booking, Status, WaitlistEntry
from tests.browser.conftest import PHONE
from tests.cast import book, make_expert, make_organization, make_slot


@pytest.fixture
def slot(live_site):
    organization = make_organization(name="Northgate Clinic", slug="northgate")
    expert = make_expert(name="Dr Amara Okafor", slug="amara-okafor", organization=organization)
    make_slot(expert, at="16:00")
    slot = make_slot(expert, at="14:30")
    book(slot)
    return slot


def open_page(page, slot):
    page.goto(f"/experts/{slot.expert.slug}/?day={slot.date}")
    if page.locator("html.js").count():
        expect(page.locator("html")).to_have_attribute("data-live", "on")


def tile(page, slot):
    return page.locator(f"#slot-{slot.pk}")


def fill(page, name="Lena Fischer", email="lena@example.com"):
    page.get_by_label("Full name").fill(name)
    page.get_by_label("Email").fill(email)
    page.get_by_label("I agree that Northgate Clinic").check()


def free_a_seat(slot):
    booking = Booking.objects.filter(slot=slot, status=Status.CONFIRMED).first()
    services.cancel(booking_id=booking.pk, by_customer=False)


def link_in_mail(send=tasks.send_waitlist_offer, status=WaitlistEntry.Status.OFFERED):
    """Sends what the worker would send, and returns the link in it."""
    send(entry_id=WaitlistEntry.objects.get(status=status).pk)
    [line] = [line for line in mail.outbox[-1].body.splitlines() if "/bookings/link/" in line]
    return line.partition("://")[2].partition("/")[2]


def test_joining_waiting_and_taking_the_offered_seat(page, make_context, slot):
    open_page(page, slot)
    expect(tile(page, slot)).to_contain_text("Join waitlist")
    tile(page, slot).click()
    expect(page.get_by_role("heading", name="This slot is full")).to_be_focused()
    fill(page)
    page.get_by_label("Email").press("Enter")  # not the first of the other times
    expect(page.get_by_role("heading", name="Open the link in your email")).to_be_visible()
    whole_page = page.context.new_page()
    whole_page.goto(f"/slots/{slot.pk}/waitlist/")
    expect(whole_page.get_by_role("heading", name="Open the link in your email")).to_be_visible()
    expect(whole_page.locator("html")).to_have_attribute("data-live", "on")
    # The mail is opened on the phone: dialog, page and tile show the place that it has taken.
    phone = make_context(**PHONE).new_page()
    phone.goto("/" + link_in_mail(tasks.send_waitlist_link, WaitlistEntry.Status.UNPROVEN))
    phone.get_by_role("button", name="Take my place").click()
    expect(phone.get_by_text("You are next in line.")).to_be_visible()
    for place in (page.get_by_role("dialog"), whole_page):
        expect(place.get_by_role("heading", name="You’re on the waitlist")).to_be_visible()
    whole_page.close()
    page.get_by_role("link", name="See all times").click()
    expect(tile(page, slot)).to_contain_text("On waitlist")
    expect(tile(page, slot)).to_contain_text("Full")

    # The seat becomes free: this browser has it at once, everybody else sees that somebody is booking.
    stranger = make_context().new_page()
    open_page(stranger, slot)
    free_a_seat(slot)
    expect(tile(page, slot)).to_contain_text("Yours for 29:")
    expect(tile(stranger, slot)).to_contain_text("Being booked")

    # The mail is opened on the phone, where the booking goes on.
    phone.goto("/" + link_in_mail())
    expect(phone.get_by_role("heading", name="A seat is free")).to_be_visible()
    phone.get_by_role("button", name="Take the seat").click()
    expect(phone.get_by_label("Full name")).to_have_value("Lena Fischer")
    expect(phone.get_by_label("Email")).to_have_value("lena@example.com")
    phone.get_by_label("I agree that Northgate Clinic").check()
    phone.get_by_role("button", name="Review booking").click()
    phone.get_by_role("button", name="Confirm booking").click()
    expect(phone.get_by_role("heading", name="You’re booked")).to_be_visible()
    expect(tile(stranger, slot)).to_contain_text("Full")
    assert WaitlistEntry.objects.get().status == "BOOKED"


def test_a_seat_that_came_on_another_day_is_told_once(page, slot):
    other = make_slot(slot.expert, day=slot.date + timedelta(days=1), at="09:00")
    open_page(page, slot)
    tile(page, slot).click()
    fill(page)
    page.get_by_role("button", name="Join waitlist", exact=True).click()
    expect(page.get_by_role("heading", name="Open the link in your email")).to_be_visible()
    services.take_place(entry_id=WaitlistEntry.objects.get().pk)
    open_page(page, other)
    expect(tile(page, slot)).to_have_count(0)
    page.evaluate(
        """() => {
            window.told = [];
            new MutationObserver((changes) => {
                for (const { addedNodes } of changes) for (const node of addedNodes) told.push(node.innerText);
            }).observe(document.getElementById("toasts"), { childList: true });
        }"""
    )
    free_a_seat(slot)
    toast = page.locator("#toasts .toast")
    expect(toast).to_contain_text(re.compile(r"A seat opened: \w{3} 14:30 London time\.\s+It’s yours for (30:00|29:)"))
    # The day it is on: the tile counts, and nothing is told again.
    page.locator(f".day-strip a[href*='day={slot.date}']").click()
    expect(tile(page, slot)).to_contain_text("Yours for 29:")
    page.locator(f".day-strip a[href*='day={other.date}']").click()
    expect(tile(page, other)).to_be_visible()
    assert len(page.evaluate("told")) == 1
    toast.get_by_role("button", name="Book it").click()
    expect(page.get_by_role("dialog").get_by_label("Full name")).to_have_value("Lena Fischer")
    expect(toast).to_have_count(0)


def test_leaving_is_one_click_and_shows_at_once(page, slot):
    open_page(page, slot)
    tile(page, slot).click()
    fill(page)
    page.get_by_role("button", name="Join waitlist", exact=True).click()
    expect(page.get_by_role("button", name="Leave the waitlist")).to_be_visible()
    # A function: an expression would be evaluated by the page at its second look, which the page's policy refuses.
    page.wait_for_function("() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')")
    page.get_by_role("button", name="Leave the waitlist").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(tile(page, slot)).to_contain_text("Join waitlist")
    assert WaitlistEntry.objects.get().status == "LEFT"


def test_who_lost_the_race_joins_with_what_was_typed(page, slot):
    other = slot.expert.slots.exclude(pk=slot.pk).get()
    open_page(page, other)
    tile(page, other).click()
    fill(page)
    Booking.objects.filter(status=Status.HELD).delete()
    book(other)
    page.get_by_role("button", name="Review booking").click()
    page.get_by_role("button", name="Join waitlist for").click()
    expect(page.get_by_label("Email")).to_have_value("lena@example.com")
    page.get_by_role("button", name="Join waitlist", exact=True).click()
    expect(page.get_by_role("heading", name="Open the link in your email")).to_be_visible()


def test_without_javascript(page_without_js, slot):
    page = page_without_js
    open_page(page, slot)
    tile(page, slot).click()
    fill(page)
    page.get_by_role("button", name="Join waitlist", exact=True).click()
    expect(page.get_by_role("heading", name="Open the link in your email")).to_be_visible()
    page.get_by_role("button", name="Leave the waitlist").click()
    expect(tile(page, slot)).to_contain_text("Join waitlist")
