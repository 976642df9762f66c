"""Requests are answered in a browser: ten in three clicks, taken back in one, by keys, without a script, on a phone."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from bookings import services
from bookings.models import Booking, OutboxMail, Rescue, Status
from experts.models import Role
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_accessibility import AXE, RULES, RUN_AXE
from tests.cast import make_booking, make_expert, make_slot
from tests.staff import logged_in, make_member

NAMES = ("Aylin", "Wen", "Nora", "Ivo", "Leila", "Greta", "Elijah", "Karim", "Maya", "Tom")


@pytest.fixture
def requests(transactional_db):
    """Ten requests of one day, which run out one after another."""
    expert = make_expert(name="Dr Okafor")
    now = timezone.now()
    return [
        make_booking(
            make_slot(expert, at=f"{8 + number:02}:00", minutes=30),
            name=name,
            status=Status.PENDING,
            expires_at=now + timedelta(minutes=50 + 60 * number),
            notes="My left knee" if name == "Aylin" else "",
        )
        for number, name in enumerate(NAMES)
    ]


@pytest.fixture
def open_page(make_context, live_site, requests):
    """Open the page of requests as somebody who works there."""
    session = logged_in(make_member(requests[0].slot.expert.organization, Role.SCHEDULER)).cookies["sessionid"].value

    def open_page(**options):
        context = make_context(**options)
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_site.url}])
        page = context.new_page()
        page.goto("/admin/requests/")
        return page

    return open_page


def left() -> int:
    return Booking.objects.filter(status=Status.PENDING).count()


def test_ten_are_approved_in_two_clicks_and_taken_back_in_one(open_page, requests):
    page = open_page()
    page.get_by_label("Select all").check()
    page.get_by_role("button", name="Approve 10").click()
    toast = page.locator(".eb-toast")
    expect(toast).to_contain_text("10 requests approved. The e-mails leave in")
    expect(page.get_by_text("Nobody is waiting.")).to_be_visible()
    assert left() == 0 and OutboxMail.objects.count() == 10
    toast.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("10 requests wait again.").last).to_be_visible()
    expect(page.locator(".eb-requests > li")).to_have_count(10)
    assert left() == 10 and not OutboxMail.objects.exists()


def test_keys_go_through_the_rows_and_say_nothing_in_a_field(open_page, requests):
    page = open_page(loses_sockets=True)
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Aylin", exact=True)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("a")
    expect(page.locator(".eb-toast")).to_contain_text("Aylin approved.")
    expect(page.get_by_role("link", name="Wen", exact=True)).to_be_focused()
    page.keyboard.press("r")
    reason = page.get_by_role("dialog").get_by_label("Why? They read this")
    expect(reason).to_be_focused()
    page.keyboard.type("ajar, kind regards")
    expect(reason).to_have_value("ajar, kind regards")
    # Behind the dialog nothing is meant, wherever the focus is; and what gets no answer is still there.
    page.get_by_role("heading", name="Reject the request of Wen?").click()
    page.keyboard.type("aj")
    page.context.set_offline(True)
    page.get_by_role("button", name="Reject and send").click()
    expect(page.get_by_role("alert")).to_contain_text("did not get through")
    expect(reason).to_have_value("ajar, kind regards")
    assert left() == 9
    page.context.set_offline(False)
    page.get_by_role("button", name="Reject and send").click()
    expect(page.locator(".eb-toast")).to_contain_text("Wen rejected.")
    assert Booking.objects.get(name="Wen").reason == "ajar, kind regards"
    assert left() == 8
    page.get_by_role("button", name="Reject Nora").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Reject Nora")).to_be_focused()
    assert left() == 8


@pytest.mark.parametrize("look", [{}, DESKTOP | {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_other_times_are_offered_instead_in_two_clicks(open_page, requests, look):
    for hour in ("19", "20", "21"):
        make_slot(requests[0].slot.expert, at=f"{hour}:00", minutes=30)
    page = open_page(**look)
    page.get_by_role("button", name="Offer other times instead, Aylin").click()
    dialog = page.get_by_role("dialog", name="Offer Aylin other times instead?")
    expect(dialog.get_by_role("checkbox", checked=True)).to_have_count(3)
    page.evaluate(AXE)
    assert not page.evaluate(RUN_AXE, RULES)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    dialog.get_by_role("button", name="Offer and send").click()
    expect(page.get_by_role("status").filter(has_text="Other times are kept for Aylin")).to_have_count(1)
    expect(page.get_by_text("Other times kept until")).to_be_visible()
    assert left() == len(NAMES), "it stays a request"
    assert Rescue.objects.get().times.count() == 3
    assert not page.evaluate(RUN_AXE, RULES)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Take the offer back, Aylin").click()
    expect(page.get_by_role("button", name="Offer other times instead, Aylin")).to_be_visible()


def test_all_of_it_works_without_a_script(open_page, requests):
    page = open_page(java_script_enabled=False)
    page.get_by_label("Select Wen").check()
    page.get_by_label("Select Nora").check()
    page.locator(".eb-bulk").get_by_role("button", name="Reject").click()
    page.get_by_label("Why? All of them read this").fill("We are closed.")
    page.get_by_role("button", name="Reject and send").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 requests wait again.")).to_be_visible()
    page.get_by_role("link", name="In their words, Aylin").click()
    expect(page.get_by_text("My left knee")).to_be_visible()
    assert left() == 10


def test_rows_are_low_and_axe_finds_nothing(open_page, requests):
    for look, tallest in ((DESKTOP | {"color_scheme": "dark"}, 60), (PHONE, 73)):
        page = open_page(**look)
        heights = page.evaluate("[...document.querySelectorAll('.eb-requests > li')].map((row) => row.offsetHeight)")
        assert max(heights) <= tallest, heights
        page.get_by_role("button", name=f"Approve {'Maya' if look is PHONE else 'Tom'}").click()
        expect(page.locator(".eb-toast")).to_be_visible()
        page.get_by_role("link", name="In their words, Aylin").click()
        expect(page.get_by_text("My left knee")).to_be_visible()
        page.evaluate(AXE)
        assert not page.evaluate(RUN_AXE, RULES)
        page.get_by_role("button", name="Reject Wen").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert not page.evaluate(RUN_AXE, RULES)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_others_do_shows_by_itself_and_keeps_what_is_selected(open_page, requests):
    page = open_page()
    page.get_by_label("Select Wen").check()
    expect(page.locator("html")).to_have_attribute("data-staff-live", "on")
    services.approve(booking_id=requests[0].pk)
    expect(page.get_by_role("link", name="Aylin", exact=True)).to_have_count(0)
    services.book(slot_id=make_slot(asking(requests[0]), at="20:00").pk, name="Quentin", email="q@example.com")
    expect(page.get_by_role("link", name="Quentin", exact=True)).to_be_visible()
    expect(page.get_by_label("Select Wen")).to_be_checked()
    expect(page.get_by_role("button", name="Approve 1")).to_be_enabled()


def asking(booking):
    expert = booking.slot.expert
    expert.requires_approval = True
    expert.save()
    return expert
