"""Quick booking in a real browser: with as few actions as a call leaves time for, by mouse, keyboard and thumb."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from bookings.models import Answer, Booking, QuestionKind, Status
from experts.models import Role
from tests.browser.conftest import PHONE, let_in
from tests.browser.test_accessibility import AXE, RULES, RUN_AXE
from tests.cast import (
    day_ahead,
    fresh,
    make_booking,
    make_category,
    make_expert,
    make_organization,
    make_question,
    make_row_of_slots,
    make_slot,
    make_type,
    move_slot,
)
from tests.staff import make_member

MAYA = {"name": "Maya Halloran", "email": "maya@example.com", "phone": "+447700900412"}
DAY = day_ahead()
WORDS = f"herrera {DAY.isoformat()} pm"


@pytest.fixture
def slots(live_site):
    """Dr Herrera's free slots of an afternoon; Maya and Elijah have been there."""
    organization = make_organization(name="Northgate Clinic", timezone="Europe/London")
    make_member(organization, Role.SCHEDULER, email="desk@example.com", name="Maya Brandt")
    category = make_category(name="Health")
    expert = make_expert(name="Dr Tomás Herrera", organization=organization, category=category)
    make_row_of_slots(make_expert(name="Dr Lena Sørby", organization=organization, category=category))
    for n, person in enumerate((MAYA, {"name": "Elijah Halloran", "email": "elijah@example.com"})):
        visit = make_slot(expert, day=day_ahead(4), at=f"1{n}:00")
        make_booking(visit, **person, status=Status.COMPLETED)
        move_slot(visit, timezone.now() - timedelta(days=9, hours=n))
    make_row_of_slots(expert, start="09:00", end="12:00")
    return make_row_of_slots(expert, start="13:00", end="15:00")


def log_in(page, path="/admin/day/"):
    let_in(page, "desk@example.com")
    page.goto(path)


def dialog(page):
    return page.get_by_role("dialog", name="New booking")


def check(page):
    """That axe finds nothing."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate(RUN_AXE, RULES)
    assert not found, "\n".join(found)


class Actions:
    """Counts what a person does: a key that means something, a text that is typed without a pause, a click."""

    def __init__(self, page):
        self.page, self.count = page, 0

    def press(self, key):
        self.count += 1
        self.page.keyboard.press(key)

    def type(self, *texts):
        """Tab between fields is part of typing."""
        self.count += 1
        for n, text in enumerate(texts):
            if n:
                self.page.keyboard.press("Tab")
            self.page.keyboard.type(text)

    def click(self, part):
        self.count += 1
        part.click()


def test_a_caller_is_booked_in_four_actions_over_any_page(page, slots):
    log_in(page, "/admin/experts/slot/")
    actions = Actions(page)
    actions.press("n")
    expect(page.get_by_label("Name, phone or e-mail")).to_be_focused()
    page.keyboard.type("900412")
    expect(dialog(page).get_by_role("button", name="Maya Halloran")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Expert, session, day, time").focus()
    actions.type(WORDS)
    expect(dialog(page).locator(".qb-tile")).to_have_count(6)
    actions.click(dialog(page).get_by_role("button", name=re.compile("^14:20")))
    expect(page.get_by_role("button", name="Book", exact=True)).to_be_focused()
    expect(dialog(page)).to_contain_text(re.compile(r"Nobody else can take it for \d:\d\d"))
    assert fresh(slots["14:20"]).seats_held == 1
    actions.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Booked: Maya Halloran")).to_be_visible()
    expect(dialog(page)).to_have_count(0)
    assert actions.count == 4
    booking = Booking.objects.get(slot=slots["14:20"])
    assert (booking.name, booking.email, booking.source, booking.status) == (
        *list(MAYA.values())[:2],
        "staff",
        "CONFIRMED",
    )
    page.get_by_role("link", name="Open the booking").click()
    expect(page).to_have_url(re.compile(f"/bookings/booking/{booking.pk}/change/"))


def test_the_key_is_off_in_fields_and_escape_lets_go(page, slots):
    log_in(page, "/admin/bookings/booking/")
    page.locator("#searchbar").focus()
    page.keyboard.type("n")
    expect(dialog(page)).to_have_count(0)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+n")
    expect(dialog(page)).to_have_count(0)
    page.keyboard.press("n")
    page.get_by_label("Expert, session, day, time").fill(WORDS)
    dialog(page).get_by_role("button", name=re.compile("^13:00")).click()
    expect(dialog(page)).to_contain_text("Nobody else can take it")
    with page.expect_response(lambda answer: answer.url.endswith("/admin/book/") and answer.request.method == "POST"):
        page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    assert fresh(slots["13:00"]).seats_held == 0


def test_by_keyboard_alone_with_somebody_new(page, slots):
    log_in(page)
    press = page.keyboard.press
    press("n")
    expect(page.get_by_label("Name, phone or e-mail")).to_be_focused()
    page.keyboard.type("hallo")
    expect(dialog(page).locator(".qb-person")).to_have_count(3)
    press("ArrowDown")
    press("ArrowDown")
    press("ArrowDown")
    expect(dialog(page).get_by_role("button", name="Add “hallo”")).to_be_focused()
    press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.get_by_label("Name", exact=True)).to_have_value("hallo")
    page.keyboard.type(" Joan")
    press("Enter")
    expect(page.get_by_label("Expert, session, day, time")).to_be_focused()
    page.keyboard.type(WORDS)
    expect(dialog(page).locator(".qb-tile")).to_have_count(6)
    press("ArrowDown")
    press("ArrowRight")
    expect(dialog(page).get_by_role("button", name=re.compile("^13:20"))).to_be_focused()
    press("Enter")
    expect(page.get_by_role("button", name="Book", exact=True)).to_be_focused()
    press("Enter")
    expect(page.get_by_role("status").filter(has_text="Booked: hallo Joan")).to_be_visible()
    assert Booking.objects.get(slot=slots["13:20"]).name == "hallo Joan"


def test_a_caller_is_asked_what_the_session_needs_and_nothing_of_it_is_lost(make_context, slots):
    expert = slots["14:20"].expert
    kind = make_type(expert, name="Skin check", minutes=20)
    make_question(expert.organization, label="Who sends you?", is_required=True)
    make_question(expert.organization, label="Where", kind=QuestionKind.CHOICES, choices=["Neck", "Back"])
    make_question(expert.organization, label="Born on", kind=QuestionKind.NUMBER, session_type=kind)
    make_question(expert.organization, label="Anything else", kind=QuestionKind.LONG_TEXT)
    wording = "I agree that you keep a photo of my skin."
    make_question(expert.organization, label="Photos", kind=QuestionKind.CONSENT, wording=wording)
    Booking.objects.filter(name="Maya Halloran").update(name="Mája Müller")
    for options in ({}, {"color_scheme": "dark"}, PHONE):
        page = make_context(**options).new_page()
        log_in(page)
        page.keyboard.press("n")
        page.get_by_label("Name, phone or e-mail").fill("maja mueller")
        dialog(page).get_by_role("button", name="Mája Müller").click()
        page.get_by_label("Expert, session, day, time").fill(WORDS)
        questions = dialog(page).get_by_role("group", name="3. Questions")
        expect(dialog(page).get_by_role("button", name=re.compile("^14:20"))).to_be_visible()
        expect(questions).to_have_count(0)
        dialog(page).get_by_role("button", name=re.compile("^14:20")).click()
        expect(page.get_by_role("button", name="Book", exact=True)).to_be_focused()
        expect(questions).to_be_visible()
        check(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        questions.get_by_label("Who sends you?").fill("Dr Byrne")
        questions.get_by_label("Back").check()
        questions.get_by_label("Born on").fill("long ago")
        questions.get_by_label("Anything else").fill("Itches")
        questions.get_by_label("Photos").check()
        dialog(page).get_by_role("button", name=re.compile("^14:40")).click()
        expect(dialog(page).get_by_role("button", name=re.compile("^14:40"))).to_have_attribute("aria-current", "true")
        expect(page.get_by_role("button", name="Book", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        expect(questions.get_by_label("Born on")).to_be_focused()
        expect(questions).to_contain_text("Enter a number, such as 12")
        check(page)
        questions.get_by_label("Born on").fill("1990")
        if options is PHONE:
            page.keyboard.press("Enter")  # in the field: one action more than without a question
            expect(page.get_by_role("status").filter(has_text="Booked: Mája Müller")).to_be_visible()
        else:
            page.keyboard.press("Escape")
            expect(dialog(page)).to_have_count(0)
    given = dict(Answer.objects.filter(booking__slot=slots["14:40"]).values_list("label", "value"))
    assert given == {
        "Who sends you?": "Dr Byrne",
        "Where": ["Back"],
        "Born on": 1990,
        "Anything else": "Itches",
        "Photos": True,
    }


def test_what_was_taken_meanwhile_is_said_with_the_closest_times(page, slots):
    log_in(page)
    page.keyboard.press("n")
    page.get_by_label("Name, phone or e-mail").fill("900412")
    page.get_by_label("Expert, session, day, time").fill(WORDS)
    tile = dialog(page).get_by_role("button", name=re.compile("^14:00"))
    expect(tile).to_be_visible()
    make_booking(slots["14:00"], name="Somebody Faster")
    tile.click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("This slot is full")
    group = dialog(page).get_by_role("group", name="Closest free times")
    expect(group.get_by_role("button")).to_have_count(3)
    group.get_by_role("button", name=re.compile("^14:20")).click()
    expect(page.get_by_role("button", name="Book", exact=True)).to_be_focused()


def test_on_a_phone_and_readable_by_everybody(make_context, slots):
    slot = slots["14:40"]
    move_slot(slots["13:00"], timezone.now() - timedelta(minutes=3))
    make_booking(slots["14:20"])
    for options in ({}, {"color_scheme": "dark"}, PHONE):
        page = make_context(**options).new_page()
        log_in(page)

        page.keyboard.press("n")
        who = page.get_by_label("Name, phone or e-mail")
        who.fill("hallo")
        expect(dialog(page).locator(".qb-person")).to_have_count(3)
        dialog(page).get_by_role("button", name="Maya Halloran").click()
        page.get_by_label("Expert, session, day, time").fill("herrera today pm am qwertz")
        expect(dialog(page)).to_contain_text("Not understood: qwertz")
        check(page)
        page.get_by_label("Expert, session, day, time").fill(WORDS)
        expect(dialog(page).get_by_role("button", name=re.compile("^14:20"))).to_be_visible()
        dialog(page).get_by_role("button", name=re.compile("^14:40")).click()
        expect(dialog(page)).to_contain_text("Nobody else can take it")
        check(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if options is PHONE:
            sizes = (
                dialog(page)
                .locator("button:visible")
                .evaluate_all(
                    "found => found.filter(it => it.offsetWidth > 1).map(it => it.getBoundingClientRect().height)"
                )
            )
            assert min(sizes) >= 44
            page.get_by_role("button", name="Book", exact=True).tap()
            expect(page.get_by_role("status").filter(has_text="Booked: Maya Halloran")).to_be_visible()
        else:
            page.keyboard.press("Escape")
            expect(dialog(page)).to_have_count(0)
    assert Booking.objects.get(slot=slot, status=Status.CONFIRMED).name == "Maya Halloran"
    page.goto("/admin/book/")
    check(page)


def test_the_page_of_its_own_works_the_same(page, slots):
    log_in(page)
    page.goto(f"/admin/book/?slot={slots['13:40'].pk}&person={Booking.objects.get(name='Maya Halloran').pk}")
    expect(page.get_by_text("It is not kept for you yet.")).to_be_visible()
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.get_by_role("heading", name="Booked")).to_be_visible()
    assert Booking.objects.get(slot=slots["13:40"]).name == "Maya Halloran"
