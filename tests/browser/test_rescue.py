"""The rescue in a browser: fifteen people in a few clicks, live for a colleague; and the page of the mail's link."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from bookings import services
from bookings.access.links import rescue_token
from bookings.models import Booking, Rescue, Status
from experts import services as calendars
from experts.models import Role, Slot
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_accessibility import AXE, RULES, RUN_AXE
from tests.cast import day_ahead, fresh, make_booking, make_category, make_expert, make_organization, make_slot
from tests.staff import logged_in, make_member

PEOPLE = 15
MOST_CLICKS = 5  # from the filled-in form of the time off until everybody has a new time


@pytest.fixture
def away(transactional_db):
    house = make_organization(name="Northgate Clinic")
    return make_expert(name="Dr Tomás Herrera", organization=house, category=make_category())


@pytest.fixture
def colleague(away):
    return make_expert(name="Dr Liv Sørby", organization=away.organization, category=away.category)


@pytest.fixture
def people(away, colleague):
    """Fifteen bookings of one day, half an hour each, with a colleague who is free then."""
    times = [f"{8 + number // 2:02}:{number % 2 * 3}0" for number in range(PEOPLE)]
    for at in times:
        make_slot(colleague, at=at, minutes=30)
    found = [
        make_booking(make_slot(away, at=at, minutes=30), name=f"Person {number}") for number, at in enumerate(times)
    ]
    Booking.objects.update(created_at=timezone.now() - timedelta(days=1))
    return found


@pytest.fixture
def open_as_staff(make_context, live_site, away):
    def open_page(address: str, **options):
        context = make_context(**options)
        session = logged_in(make_member(away.organization, Role.SCHEDULER)).cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_site.url}])
        page = context.new_page()
        page.goto(address)
        return page

    return open_page


class Clicks:
    """Counts what somebody presses, and the pages that they see."""

    def __init__(self, page):
        self.number, self.pages = 0, set()
        page.on("framenavigated", lambda frame: self.pages.add(frame.url))

    def press(self, target):
        self.number += 1
        target.click()


def close(booking: Booking) -> Booking:
    calendars.close_slot(slot_id=booking.slot_id)
    return booking


def test_fifteen_people_are_moved_in_a_few_clicks_and_a_colleague_sees_it(open_as_staff, people, colleague):
    watching = open_as_staff("/admin/rescue/")
    expect(watching.get_by_text("Every session can take place")).to_be_visible()
    page = open_as_staff(reverse("admin:experts_timeoff_add") + f"?expert={people[0].slot.expert_id}")
    page.get_by_label("First day").fill(day_ahead().isoformat())
    clicks = Clicks(page)
    clicks.press(page.get_by_role("button", name="Save", exact=True))
    expect(page).to_have_url(re.compile("/admin/rescue/"))
    expect(page.get_by_role("heading", name="Dr Tomás Herrera cannot keep all sessions")).to_be_visible()
    expect(page.get_by_text("15 selected")).to_be_visible()
    clicks.press(page.get_by_role("button", name="Move 15 to the proposals"))
    expect(page.get_by_text("15 of 15 in hand")).to_be_visible(timeout=30_000)
    assert clicks.number <= MOST_CLICKS
    assert set(Booking.objects.values_list("slot__expert__name", flat=True)) == {colleague.name}
    expect(watching.get_by_text("15 of 15 in hand")).to_be_visible(timeout=30_000)
    # One was too many: it is undone from its row, and seen by the other at once.
    page.get_by_text("Show 11 more in hand").click()
    page.get_by_role("button", name=re.compile("Undo the move of")).last.click()
    expect(page.get_by_text("14 of 15 in hand")).to_be_visible()
    expect(watching.get_by_text("14 of 15 in hand")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("status").filter(has_text="1 move undone.")).to_be_visible()


def test_selecting_offering_and_waiting_keep_what_was_chosen(open_as_staff, people):
    for booking in people[:4]:
        close(booking)
    page = open_as_staff("/admin/rescue/")
    expect(page.get_by_role("group", name="Do it for all that are selected")).to_be_hidden()
    page.get_by_label("Select Person 1").check()
    page.get_by_label("Select Person 2").check()
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.get_by_role("button", name="Offer times to Person 0").click()
    expect(page.locator(".is-waiting .ebr-state")).to_have_count(1)
    expect(page.get_by_label("Select Person 1")).to_be_checked()
    expect(page.get_by_text("2 selected")).to_be_visible()
    rescue = Rescue.objects.get()
    services.choose_time(rescue_id=rescue.pk, slot_id=rescue.times.first().slot_id)
    expect(page.locator(".is-moved .ebr-state")).to_have_count(1)
    expect(page.get_by_label("Select Person 2")).to_be_checked()
    page.get_by_label("Select Person 1").uncheck()
    page.get_by_role("button", name="Move 1 to the proposal").click()
    expect(page.get_by_text("2 of 4 in hand")).to_be_visible()
    page.get_by_label("More for Person 1").click()
    page.get_by_role("button", name="Cancel with link to book again").click()
    expect(page.get_by_role("heading", name="Cancel this booking?")).to_be_visible()
    page.get_by_role("button", name="Cancel and tell them").click()
    expect(page.get_by_text("3 of 4 in hand")).to_be_visible()
    assert Booking.objects.get(name="Person 1").status == Status.CANCELLED


def test_a_page_that_was_opened_early_does_all_and_keeps_what_was_chosen(open_as_staff, people):
    page = open_as_staff("/admin/rescue/")
    bulk, message = page.get_by_role("group", name="Do it for all that are selected"), page.locator("#rescue-message")
    expect(page.locator("html")).to_have_attribute("data-staff-live", "on")
    expect(message).to_be_hidden()
    for booking in people[:4]:
        close(booking)
    page.get_by_label("Select Person 3").check()
    expect(bulk).to_contain_text("1 selected")
    # Another time in a row, and an hour that has passed since.
    chosen = page.get_by_label("New time for Person 1")
    last = chosen.locator("option").count() - 1
    chosen.select_option(index=last)
    wanted = chosen.input_value()
    message.locator("summary").click()
    page.get_by_label("Message for all").fill("Dr Herrera is ill.")
    page.evaluate("document.getElementById('id_until').options[0].value = '2026-01-05T12:00:00+00:00'")
    page.get_by_role("button", name="Offer times to Person 0").click()
    expect(page.locator(".is-waiting .ebr-state")).to_have_count(1)
    assert "2026-01-05" not in page.locator("#id_until").inner_html()
    expect(chosen).to_have_value(wanted)
    expect(page.get_by_label("Select Person 3")).to_be_checked()
    # What somebody else does reorders the times of the row, and changes nothing of it.
    chosen.select_option(index=last - 1)
    wanted = chosen.input_value()
    with page.expect_response("**/admin/rescue/rows/**"):
        page.get_by_role("button", name="Move Person 2 to the proposal").click()
    expect(page.locator(".is-moved .ebr-state")).to_have_count(1)
    close(people[5])
    expect(page.get_by_label("Select Person 5")).to_be_visible()
    expect(chosen).to_have_value(wanted)
    # What is refused is said where it is, and everything stays.
    page.evaluate("document.getElementById('id_why').options[1].value = 'because'")
    page.get_by_label("Tell why").select_option(index=1)
    page.get_by_role("button", name="Move Person 1 to the proposal").click()
    expect(message.get_by_role("alert")).to_contain_text("because is not one of the available choices")
    expect(page.get_by_label("Message for all")).to_have_value("Dr Herrera is ill.")
    expect(page.get_by_label("Select Person 3")).to_be_checked()
    expect(chosen).to_have_value(wanted)
    page.get_by_label("Tell why").select_option(index=0)
    page.get_by_role("button", name="Move Person 1 to the proposal").click()
    expect(page.locator(".is-moved .ebr-state")).to_have_count(2)
    assert Booking.objects.get(name="Person 1").slot_id == int(wanted)


def test_four_people_in_hand_by_keys_alone(open_as_staff, people, colleague):
    for booking in people[:5]:
        close(booking)
    page = open_as_staff("/admin/rescue/")
    keys = []

    def press(key):
        keys.append(key)
        page.keyboard.press(key)

    link = lambda number: page.get_by_role("link", name=f"Person {number}", exact=True)  # noqa: E731  # short to read
    press("j")
    expect(link(0)).to_be_focused()
    press("ArrowDown")
    press("k")
    expect(link(0)).to_be_focused()
    press("m")
    expect(page.get_by_text("1 of 5 in hand")).to_be_visible()
    expect(link(1)).to_be_focused()
    press("h")
    expect(page.get_by_text("2 of 5 in hand")).to_be_visible()
    expect(link(2)).to_be_focused()
    press("o")
    expect(page.locator(".is-waiting .ebr-state")).to_have_count(1)
    expect(link(3)).to_be_focused()
    # What is typed is typed, what is chosen in a list is chosen, and a key of the browser is the browser's.
    page.get_by_text("what they read, and until when").click()
    page.get_by_label("Message for all").fill("")
    page.get_by_label("Message for all").press_sequentially("come home, mohc jk")
    expect(page.get_by_label("Message for all")).to_have_value("come home, mohc jk")
    page.get_by_label("New time for Person 3").focus()
    page.keyboard.press("m")
    link(3).focus()
    page.keyboard.press("Control+o")
    expect(page.get_by_text("3 of 5 in hand")).to_be_visible()
    link(0).focus()  # it is moved by now
    page.keyboard.press("o")
    expect(page.get_by_role("status").filter(has_text="That is not possible with this row.")).to_be_visible()
    link(3).focus()
    press("c")
    expect(page.get_by_role("heading", name="Cancel this booking?")).to_be_visible()
    page.get_by_role("button", name="Cancel and tell them").click()
    expect(page.get_by_text("4 of 5 in hand")).to_be_visible()
    assert len(keys) == 7
    assert Booking.objects.get(name="Person 0").slot.expert == colleague
    same_time = Slot.objects.get(expert=colleague, starts_at=people[1].slot.starts_at)
    assert Booking.objects.get(name="Person 1").slot == same_time
    assert Booking.objects.get(name="Person 3").status == Status.CANCELLED


def test_all_of_it_works_without_a_script(open_as_staff, people):
    for booking in people[:3]:
        close(booking)
    page = open_as_staff("/admin/rescue/", java_script_enabled=False)
    page.get_by_role("link", name="Select all").click()
    page.get_by_label("Select Person 2").uncheck()
    page.get_by_role("button", name="Move to the proposals").click()
    expect(page.get_by_text("2 bookings moved.")).to_be_visible()
    expect(page.get_by_text("2 of 3 in hand")).to_be_visible()


@pytest.mark.parametrize("look", [DESKTOP | {"color_scheme": "dark"}, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_and_nothing_is_too_wide(open_as_staff, people, look):
    Booking.objects.filter(pk=people[1].pk).update(email="", source="staff", phone="+447700900233")
    for booking in people[:6]:
        close(booking)
    page = open_as_staff("/admin/rescue/", **look)
    page.get_by_role("button", name="Offer times to Person 0").click()
    expect(page.locator(".is-waiting .ebr-state")).to_have_count(1)
    page.get_by_role("button", name="Move Person 2 to the proposal").click()
    expect(page.locator(".is-moved .ebr-state")).to_have_count(1)
    page.get_by_label("Select Person 3").check()
    page.get_by_text("Message for all").first.click()
    page.evaluate(AXE)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")  # where the bar covers no row
    assert not page.evaluate(RUN_AXE, RULES)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("More for Person 4").click()
    assert not page.evaluate(RUN_AXE.replace("document,", "'.ebr-menu[open]',"), RULES)
    if look is PHONE:
        low = page.evaluate(
            "[...document.querySelectorAll('.ebr-button')].filter((it) => it.offsetHeight && it.offsetHeight < 44)"
            ".map((it) => it.textContent.trim())"
        )
        assert not low


@pytest.fixture
def offered(people, away):
    lost = close(people[0])
    slots = [*away.organization.experts.get(name="Dr Liv Sørby").slots.order_by("starts_at")[:2]]
    own = make_slot(away, day=day_ahead(4), at="08:00", minutes=30)
    until = timezone.now() + timedelta(hours=3)
    return services.offer_times(
        booking_id=lost.pk, slot_ids=[*(slot.pk for slot in slots), own.pk], until=until, by=None, why="ill"
    )


@pytest.mark.parametrize("has_script", [True, False], ids=["with-script", "without"])
def test_a_person_picks_a_time_on_a_phone_with_one_tap(make_context, offered, has_script):
    page = make_context(**PHONE, java_script_enabled=has_script).new_page()
    page.goto(reverse("link", args=[rescue_token(Rescue.objects.with_booking().get(pk=offered.pk))]))
    expect(page.get_by_role("heading", name="Dr Tomás Herrera is ill. Pick a new time")).to_be_visible()
    times = page.locator(".rescue-time")
    expect(times).to_have_count(3)
    expect(times.first).to_contain_text("same time")
    assert min(times.nth(number).bounding_box()["height"] for number in range(3)) >= 44
    if has_script:
        page.evaluate(AXE)
        assert not page.evaluate(RUN_AXE, RULES)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    times.nth(2).tap()
    expect(page.get_by_role("heading", name="You have a new time")).to_be_visible()
    booking = Booking.objects.get(pk=offered.booking_id)
    assert booking.slot_id != offered.was_slot_id and booking.status == Status.CONFIRMED
    assert sum(fresh(time.slot).seats_held for time in offered.times.all()) == 0
    page.get_by_role("link", name="Open my booking").tap()
    expect(page.get_by_text(booking.reference).first).to_be_visible()


def test_none_of_these_leads_to_other_times_and_out(make_context, offered):
    page = make_context().new_page()
    page.goto(reverse("link", args=[rescue_token(Rescue.objects.with_booking().get(pk=offered.pk))]))
    page.get_by_role("button", name="None of these").click()
    expect(page.get_by_role("link", name="See all times")).to_be_visible()
    expect(page.locator(".rescue-time").first).to_be_visible()
    page.evaluate(AXE)
    assert not page.evaluate(RUN_AXE, RULES)
    page.get_by_role("button", name="Cancel the booking, free of charge").click()
    expect(page.get_by_role("heading", name="This booking is not open any more")).to_be_visible()
    assert Booking.objects.get(pk=offered.booking_id).status == Status.CANCELLED
