"""Moving a booking on the day: by mouse, by keyboard, without scripts, and when somebody was faster."""

import pytest
from playwright.sync_api import expect

from bookings.models import Booking
from experts import formatting
from experts.models import Role, Slot
from tests.browser.conftest import PHONE, let_in
from tests.browser.test_accessibility import AXE, RULES, RUN_AXE
from tests.cast import book, day_ahead, make_expert, make_organization, make_slot
from tests.staff import PASSWORD, make_member

DAY = f"/admin/day/?day={day_ahead()}"


class Desk:
    """Maya Halloran at 10:00 with Dr Okafor, who is free at 10:30 and 13:00, as Dr Byrne is at 10:30 and 11:30."""

    def __init__(self):
        clinic = make_organization(name="Northgate Clinic", slug="northgate")
        make_member(clinic, Role.SCHEDULER, email="desk@example.com", name="Noah Petersen")
        self.okafor, self.byrne, self.weiss = [
            make_expert(name=name, organization=clinic, session_minutes=30)
            for name in ("Dr Okafor", "Dr Byrne", "Dr Weiss")
        ]
        self.booking = book(make_slot(self.okafor, at="10:00"), name="Maya Halloran")
        self.free = {
            (expert.name, at): make_slot(expert, at=at)
            for expert, times in ((self.okafor, ["10:30", "13:00"]), (self.byrne, ["10:30", "11:30"]))
            for at in times
        }
        book(make_slot(self.weiss, at="09:00"), name="Petra Vogel")

    def at(self):
        slot = Booking.objects.select_related("slot__expert").get(pk=self.booking.pk).slot
        return slot.expert.name, f"{slot.time:%H:%M}"  # a clock


@pytest.fixture
def desk(live_site):
    return Desk()


def log_in(page, path=DAY):
    let_in(page, "desk@example.com")
    page.goto(path)
    expect(page.locator("html")).to_have_attribute("data-staff-live", "on")


def axe_finds(page):
    page.evaluate(AXE)
    return page.evaluate(RUN_AXE, RULES)


def block(page, desk):
    return page.locator(f".ebd-block[data-booking='{desk.booking.pk}']")


def spot(page, label):
    return page.get_by_role("button", name=label)


def carry(page, block, to=None):
    """Press the mouse on a block and move until it lies over a spot, once these are shown."""
    box = block.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 30)
    expect(page.locator(".ebm-spot").first).to_be_visible()
    goal = to.bounding_box() if to else {"x": box["x"] + 60, "y": box["y"] + 10, "width": 0, "height": 0}
    page.mouse.move(goal["x"] + goal["width"] / 2, goal["y"] + goal["height"] / 2, steps=4)


def test_by_mouse_in_two_actions_and_undo_in_one(page, desk):
    log_in(page)
    goal = spot(page, "11:30, Dr Byrne, free. 2 of 4.")
    carry(page, block(page, desk), goal)
    expect(page.locator(".ebd-column").get_by_text("Maya Halloran was here")).to_be_visible()
    expect(page.locator("header").filter(has_text="Dr Byrne").get_by_text("2 free times")).to_be_visible()
    page.mouse.up()
    question = page.get_by_role("dialog", name="Move Maya Halloran?")
    for text in ("10:00", "11:30", "Dr Okafor", "Dr Byrne"):
        expect(question.get_by_text(text, exact=True)).to_be_visible()
    expect(question.get_by_label("Tell Maya by e-mail")).to_be_checked()
    assert desk.at() == ("Dr Okafor", "10:00")
    question.get_by_role("button", name="Move booking").click()
    expect(page.get_by_text("Moved: Maya Halloran is now at")).to_be_visible()
    assert desk.at() == ("Dr Byrne", "11:30")
    column = page.locator(f".ebd-column[data-expert='{desk.byrne.pk}']")
    expect(column.get_by_text("Maya Halloran")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("is back at")).to_be_visible()
    assert desk.at() == ("Dr Okafor", "10:00")
    expect(page.locator(f".ebd-column[data-expert='{desk.okafor.pk}']").get_by_text("Maya Halloran")).to_be_visible()


def test_by_keyboard_in_five_and_every_place_is_spoken(make_context, desk):
    page = make_context(loses_sockets=True).new_page()
    log_in(page)
    block(page, desk).focus()
    page.keyboard.press("m")
    expect(spot(page, "10:30, Dr Okafor, free. 3 of 4.")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(spot(page, "10:30, Dr Byrne, free. 1 of 4.")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(spot(page, "11:30, Dr Byrne, free. 2 of 4.")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    expect(spot(page, "11:30, Dr Byrne, free. 2 of 4.")).to_be_focused()
    expect(page.locator("[data-said]")).to_have_text("11:30, Dr Byrne, free. 2 of 4.")
    assert not axe_finds(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Move booking")).to_be_focused()
    assert not axe_finds(page)
    page.keyboard.press("Escape")
    expect(block(page, desk)).to_be_focused()
    expect(page.get_by_text("Maya Halloran stays at 10:00.")).to_be_attached()
    expect(page.locator(".ebm-spot")).to_have_count(0)
    assert desk.at() == ("Dr Okafor", "10:00")
    for key in ("m", "ArrowDown", "Enter"):
        page.keyboard.press(key)
        if key != "Enter":
            expect(page.locator(".ebm-spot:focus")).to_be_visible()
    expect(page.get_by_role("button", name="Move booking")).to_be_focused()
    page.get_by_text("Add a message").click()
    page.get_by_label("Message to the customer").fill("See you then.")
    page.context.set_offline(True)
    page.get_by_role("button", name="Move booking").click()
    expect(page.get_by_role("alert")).to_contain_text("did not get through")
    expect(page.get_by_label("Message to the customer")).to_have_value("See you then.")
    page.context.set_offline(False)
    page.get_by_role("button", name="Move booking").click()
    expect(page.get_by_text("Moved: Maya Halloran is now at")).to_be_visible()
    assert desk.at() == ("Dr Okafor", "13:00")
    expect(block(page, desk)).to_be_focused()


def test_who_was_faster_keeps_the_time_and_the_block_goes_back_with_the_reason(page, desk):
    log_in(page)
    goal = spot(page, "10:30, Dr Okafor, free. 3 of 4.")
    carry(page, block(page, desk), goal)
    book(desk.free["Dr Okafor", "10:30"], name="Ines Carvalho")
    page.mouse.up()
    expect(page.get_by_role("alert").filter(has_text="That time was just taken")).to_be_visible()
    expect(page.get_by_text("Ines Carvalho")).to_be_visible()
    expect(block(page, desk)).to_be_visible()
    expect(page.locator(".is-origin")).to_have_count(0)
    assert desk.at() == ("Dr Okafor", "10:00")
    # Between the question and the answer, too.
    carry(page, block(page, desk), spot(page, "13:00, Dr Okafor, free. 3 of 3."))
    page.mouse.up()
    confirm = page.get_by_role("button", name="Move booking")
    expect(confirm).to_be_visible()
    book(desk.free["Dr Okafor", "13:00"], name="Felix Brandt")
    confirm.click()
    expect(page.get_by_role("alert").filter(has_text="That time was just taken")).to_be_visible()
    expect(page.get_by_text("Felix Brandt")).to_be_visible()
    assert desk.at() == ("Dr Okafor", "10:00")


def test_dropped_anywhere_else_it_stays_and_a_click_still_opens(page, desk):
    log_in(page)
    carry(page, block(page, desk))
    page.mouse.move(5, 400)
    page.mouse.up()
    expect(page.locator(".ebm-spot")).to_have_count(0)
    assert desk.at() == ("Dr Okafor", "10:00")
    assert page.url.endswith(DAY)


def test_by_keyboard_to_another_day_with_the_mail_seen_before(page, desk):
    far = make_slot(desk.byrne, day=day_ahead(4), at="15:00")
    log_in(page)
    block(page, desk).focus()
    page.keyboard.press("m")
    expect(page.locator(".ebm-spot:focus")).to_be_visible()
    page.keyboard.press("PageDown")
    expect(page.get_by_role("heading", name=f"{formatting.full_day(day_ahead(3), day_ahead(0))}")).to_be_attached()
    expect(page.get_by_text("No time is free for this booking on this day.")).to_be_visible()
    page.keyboard.press("PageDown")
    expect(spot(page, "15:00, Dr Byrne, free. 1 of 1.")).to_be_focused()
    assert not axe_finds(page)
    page.keyboard.press("PageUp")
    expect(page.get_by_text("No time is free for this booking on this day.")).to_be_visible()
    page.get_by_label("Go to a day").fill(day_ahead(5).isoformat())  # above the day, too
    expect(page.get_by_label("Another day")).to_have_value(day_ahead(5).isoformat())
    page.get_by_label("Another day").fill(day_ahead(4).isoformat())
    expect(spot(page, "15:00, Dr Byrne, free. 1 of 1.")).to_be_focused()
    page.reload()  # it is in the address
    expect(spot(page, "15:00, Dr Byrne, free. 1 of 1.")).to_be_focused()
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name="Move Maya Halloran?")
    question.get_by_text("Add a message").press("Enter")
    question.get_by_label("Message to the customer").fill("Dr Okafor is ill.")
    question.get_by_text("What Maya will read").press("Enter")
    mail = question.get_by_role("group", name="The e-mail")
    for text in ("Hello Maya Halloran", "15:00", "Dr Okafor is ill."):
        expect(mail).to_contain_text(text)
    assert question.evaluate("it => it.getBoundingClientRect().bottom <= innerHeight")
    assert not axe_finds(page)
    question.get_by_label("Tell Maya by e-mail").uncheck()
    expect(mail).to_be_hidden()
    question.get_by_label("Tell Maya by e-mail").check()
    question.get_by_role("button", name="Move booking").press("Enter")
    expect(page.get_by_text("Moved: Maya Halloran is now at")).to_be_visible()
    expect(block(page, desk)).to_be_focused()
    assert Booking.objects.get(pk=desk.booking.pk).slot_id == far.pk
    assert "moving" not in page.url
    page.get_by_role("link", name="The day before").click()
    expect(page.locator(".ebd-column").first).to_be_visible()
    assert "moving" not in page.url


def test_by_mouse_to_another_day_and_back(page, desk):
    make_slot(desk.byrne, day=day_ahead(3), at="15:00")
    log_in(page)
    carry(page, block(page, desk), page.get_by_role("navigation", name="Day").get_by_role("link", name="The day after"))
    page.mouse.up()
    expect(spot(page, "15:00, Dr Byrne, free. 1 of 1.")).to_be_focused()
    book(Slot.objects.get(expert=desk.byrne, date=day_ahead(3)), name="Ines Carvalho")
    spot(page, "15:00, Dr Byrne, free. 1 of 1.").click()
    expect(page.get_by_role("alert").filter(has_text="That time was just taken")).to_be_visible()
    expect(page.get_by_text("No time is free for this booking on this day.")).to_be_visible()  # still in hand
    page.get_by_role("button", name="return to").click()
    expect(page.get_by_role("heading", name="Maya Halloran")).to_be_visible()
    expect(block(page, desk)).to_be_visible()
    expect(page.locator(".ebm-spot")).to_have_count(0)
    assert "moving" not in page.url
    assert desk.at() == ("Dr Okafor", "10:00")


def test_of_a_class_each_is_moved_from_the_list(page, desk):
    group = make_slot(desk.weiss, at="14:00", capacity=3, title="Back class")
    one, other = (book(group, name=name) for name in ("Ines Carvalho", "Felix Brandt"))
    log_in(page)
    page.locator(f".ebd-block[data-slot='{group.pk}']").click()
    page.get_by_role("link", name="Move Ines Carvalho").click()
    expect(page.get_by_text("Moving Ines Carvalho")).to_be_visible()
    spot(page, "13:00, Dr Okafor, free.").click()
    page.get_by_role("button", name="Move booking").click()
    expect(page.get_by_text("Moved: Ines Carvalho is now at")).to_be_visible()
    assert Booking.objects.get(pk=one.pk).slot.expert_id == desk.okafor.pk
    page.get_by_role("link", name="Felix Brandt", exact=True).focus()
    page.keyboard.press("m")
    expect(page.get_by_text("Moving Felix Brandt")).to_be_visible()
    expect(page.locator(".ebm-spot:focus")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Felix Brandt", exact=True)).to_be_focused()
    assert Booking.objects.get(pk=other.pk).slot_id == group.pk


@pytest.mark.parametrize("options", [{"java_script_enabled": False}, PHONE | {"color_scheme": "dark"}])
def test_by_tiles_in_four_clicks(make_context, desk, options):
    page = make_context(**options).new_page()
    page.goto(f"{DAY}&moving={desk.booking.pk}&view=list")
    page.get_by_label("E-mail address").fill("desk@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="Times of this day").click()
    page.get_by_role("link", name="11:30, Dr Byrne, free. 4 of 4.").click()
    expect(page.locator("#content").get_by_role("heading", name="Move Maya Halloran?")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") if "is_mobile" in options else True
    page.get_by_role("button", name="Move booking").click()
    expect(page.get_by_text("Moved: Maya Halloran is now at")).to_be_visible()
    assert desk.at() == ("Dr Byrne", "11:30")
