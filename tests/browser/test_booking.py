"""The whole job, as a person does it: by mouse, phone or keyboard, without JavaScript, and when others are faster."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from bookings.models import Booking, Status
from tests.browser.conftest import box_at_rest
from tests.cast import book, day_ahead, fresh, make_category, make_expert, make_organization, make_slot


@pytest.fixture
def slot(live_site):
    """14:30 in London, with a neighbour on each side."""
    organization = make_organization(name="Northgate Clinic", slug="northgate")
    expert = make_expert(
        name="Dr Amara Okafor",
        slug="amara-okafor",
        headline="Musculoskeletal physiotherapist",
        organization=organization,
        category=make_category(name="Health", slug="health"),
        session_minutes=45,
    )
    make_expert(name="Daniel Osei", slug="daniel-osei", organization=organization)
    for at in ("13:00", "15:15", "17:30"):
        make_slot(expert, at=at)
    return make_slot(expert, at="14:30")


def tile(page, slot):
    return page.locator(f"#slot-{slot.pk}")


def fill_details(page, *, name="Lena Fischer", email="lena@example.com", notes="Lower back pain"):
    page.get_by_label("Full name").fill(name)
    page.get_by_label("Email").fill(email)
    page.get_by_label("What would you like help with?").fill(notes)
    page.get_by_label("I agree that Northgate Clinic").check()


def be_faster(slot):
    """Somebody else books the slot as soon as the hold in it has run out."""
    Booking.objects.filter(status=Status.HELD).update(expires_at=timezone.now() - timedelta(seconds=1))
    book(slot)


def heading(page, text):
    return page.get_by_role("heading", name=text, exact=True)


def test_the_whole_job(make_context, slot):
    page = make_context(reduced_motion="no-preference").new_page()
    page.goto("/")
    page.get_by_role("searchbox").fill("amara")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("1 expert", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("search=amara"))
    page.get_by_role("link", name="Dr Amara Okafor", exact=True).click()

    expect(heading(page, "Dr Amara Okafor")).to_be_visible()
    expect(tile(page, slot)).to_contain_text("14:30")  # in London, where the visitor from Berlin will be
    tile(page, slot).click()

    dialog = page.get_by_role("dialog")
    expect(heading(dialog, "Your details")).to_be_focused()
    summary = dialog.locator(".booking-summary")
    expect(summary.get_by_text("London time (GMT", exact=False)).to_be_visible()
    wide = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    expect(summary.get_by_text(re.compile("14:30 to 15:15 London time"))).to_be_visible()
    expect(summary.get_by_text("15:30 for you in Berlin", exact=True)).to_be_visible()
    page.set_viewport_size(wide)
    fill_details(dialog, email="lena@example")
    dialog.get_by_role("button", name="Review booking").click()

    expect(dialog.get_by_text("One thing needs a fix")).to_be_visible()
    expect(dialog.get_by_label("Full name")).to_have_value("Lena Fischer")
    dialog.get_by_role("link", name=re.compile("Add the ending")).click()
    expect(dialog.get_by_label("Email")).to_be_focused()
    dialog.get_by_label("Email").fill("lena@example.com")
    dialog.get_by_role("button", name="Review booking").click()

    expect(heading(dialog, "Check and confirm")).to_be_focused()
    expect(dialog.get_by_text("Lower back pain")).to_be_visible()
    dialog.get_by_role("button", name="Confirm booking").click()

    expect(heading(dialog, "You’re booked")).to_be_focused()
    booking = Booking.objects.get()
    expect(dialog.get_by_text(booking.reference)).to_be_visible()
    expect(tile(page, slot)).to_contain_text("You’re booked")  # behind the dialog, without a reload
    dialog.get_by_role("link", name="View booking").click()

    expect(page).to_have_url(re.compile(f"/bookings/{booking.reference}/$"))
    expect(page.get_by_role("link", name="Dr Amara Okafor", exact=True)).to_be_visible()
    expect(page.get_by_text("Confirmed")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", level=1)).to_contain_text("14:30 London time")
    expect(page.get_by_text(re.compile("where you will be. 15:30 for you in Berlin."))).to_be_visible()
    expect(page.get_by_role("link", name="Move to another time")).to_be_hidden()


def test_the_whole_job_without_javascript(page_without_js, slot):
    page = page_without_js
    page.goto("/")
    page.get_by_role("searchbox").fill("okafor")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Dr Amara Okafor", exact=True).click()
    expect(tile(page, slot)).to_contain_text("14:30")  # the expert's time: the visitor's zone is not known
    tile(page, slot).click()
    expect(heading(page, "Your details")).to_be_visible()
    fill_details(page, email="wrong")
    page.get_by_role("button", name="Review booking").click()
    expect(page.get_by_text("One thing needs a fix")).to_be_visible()
    page.get_by_label("Email").fill("lena@example.com")
    page.get_by_role("button", name="Review booking").click()
    expect(heading(page, "Check and confirm")).to_be_visible()
    page.get_by_role("button", name="Confirm booking").click()
    expect(heading(page, "You’re booked")).to_be_visible()
    page.reload()  # a reload shows the same and sends nothing
    expect(page.get_by_text(Booking.objects.get().reference)).to_be_visible()
    page.get_by_role("link", name="View booking").click()
    expect(page.get_by_text("Confirmed")).to_be_visible()


def test_the_whole_job_on_a_phone(phone_page, slot):
    page = phone_page
    page.goto("/experts/amara-okafor/")
    tile(page, slot).tap()
    dialog = page.get_by_role("dialog")
    fill_details(dialog)
    box = box_at_rest(dialog)
    assert (box["x"], box["width"]) == (0, 390), "the dialog fills the screen"
    for name in ("Review booking", "Confirm booking"):
        button = dialog.get_by_role("button", name=name)
        expect(button).to_be_in_viewport(ratio=1)  # the bar with the actions stays in reach of the thumb
        button.tap()
    expect(heading(dialog, "You’re booked")).to_be_visible()
    assert Booking.objects.count() == 1


def test_the_whole_job_with_the_keyboard_only(page, slot):
    def tab_to(locator):
        for _ in range(60):
            page.keyboard.press("Tab")
            if locator.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"Tab does not reach {locator}")

    page.goto("/experts/amara-okafor/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the times")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # the third key: without the link there are some twenty
    # Three times in the afternoon, and one below them in the evening.
    times = page.locator("button.tile")
    expect(times.first).to_be_focused()
    for key, at in {"End": 3, "ArrowLeft": 2, "ArrowDown": 3, "ArrowUp": 0, "ArrowRight": 1}.items():
        page.keyboard.press(key)
        expect(times.nth(at)).to_be_focused()
    page.keyboard.press("Home")
    tab_to(tile(page, slot))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(heading(dialog, "Your details")).to_be_focused()
    tab_to(dialog.get_by_label("Full name"))
    page.keyboard.type("Lena Fischer")
    page.keyboard.press("Tab")
    page.keyboard.type("lena@example.com")
    tab_to(dialog.get_by_label("I agree that"))
    page.keyboard.press("Space")
    review = dialog.locator("button.btn-primary")
    tab_to(review)
    held_back = []

    def hold_back(route):
        held_back.append(route)

    page.route(re.compile("/book/"), hold_back)
    with page.expect_request(re.compile("/book/")):
        page.keyboard.press("Enter")
    expect(review).to_have_text("Checking…", use_inner_text=True)
    expect(review).to_be_focused()  # for as long as the answer takes
    page.keyboard.press("Enter")
    [route] = held_back
    route.continue_()
    page.unroute(re.compile("/book/"))
    expect(heading(dialog, "Check and confirm")).to_be_focused()
    tab_to(dialog.get_by_role("button", name="Confirm booking"))
    page.keyboard.press("Enter")
    expect(heading(dialog, "You’re booked")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(tile(page, slot)).to_be_focused()
    assert Booking.objects.get().slot == slot


def test_escape_leaves_the_dialog_and_gives_focus_back(page, slot):
    page.goto("/experts/amara-okafor/")
    tile(page, slot).click()
    expect(heading(page.get_by_role("dialog"), "Your details")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(tile(page, slot)).to_be_focused()


def test_the_loser_of_a_race_keeps_the_details_and_gets_the_nearest_times(page, slot):
    page.goto("/experts/amara-okafor/")
    tile(page, slot).click()
    dialog = page.get_by_role("dialog")
    fill_details(dialog)
    dialog.get_by_role("button", name="Review booking").click()
    expect(heading(dialog, "Check and confirm")).to_be_visible()
    be_faster(slot)
    dialog.get_by_role("button", name="Confirm booking").click()
    expect(heading(dialog, "This slot was just taken")).to_be_focused()
    expect(dialog).to_contain_text("Nothing was booked, and your details are saved.")
    expect(dialog.locator("button[value=resume]")).to_have_text(
        [re.compile("15:15.*45 min later", re.S), re.compile("13:00.*90 min earlier", re.S), re.compile("17:30", re.S)]
    )
    expect(tile(page, slot)).to_contain_text("Full")  # the grid behind is right again

    dialog.locator("button[value=resume]").first.click()
    expect(dialog.get_by_label("Full name")).to_have_value("Lena Fischer")
    expect(dialog.get_by_label("What would you like help with?")).to_have_value("Lower back pain")
    dialog.get_by_role("button", name="Review booking").click()
    dialog.get_by_role("button", name="Confirm booking").click()
    expect(heading(dialog, "You’re booked")).to_be_visible()
    assert fresh(slot).seats_booked == 1
    assert Booking.objects.filter(status=Status.CONFIRMED).count() == 2


def test_the_loser_of_a_race_without_javascript(page_without_js, slot):
    page = page_without_js
    page.goto(f"/slots/{slot.pk}/book/")
    fill_details(page)
    page.get_by_role("button", name="Review booking").click()
    expect(heading(page, "Check and confirm")).to_be_visible()
    be_faster(slot)
    page.get_by_role("button", name="Confirm booking").click()
    expect(heading(page, "This slot was just taken")).to_be_visible()
    page.locator("button[value=resume]").first.click()
    expect(page.get_by_label("Full name")).to_have_value("Lena Fischer")


def test_a_double_click_books_once(page, slot):
    page.goto("/experts/amara-okafor/")
    tile(page, slot).click()
    dialog = page.get_by_role("dialog")
    fill_details(dialog)
    dialog.get_by_role("button", name="Review booking").click()
    dialog.get_by_role("button", name="Confirm booking").dblclick()
    expect(heading(dialog, "You’re booked")).to_be_visible()
    assert Booking.objects.count() == 1


def test_back_and_sending_again_books_once(page_without_js, slot):
    page = page_without_js
    page.goto(f"/slots/{slot.pk}/book/")
    fill_details(page)
    page.get_by_role("button", name="Review booking").click()
    page.get_by_role("button", name="Confirm booking").click()
    expect(heading(page, "You’re booked")).to_be_visible()
    page.go_back()
    page.go_back()
    page.goto(f"/slots/{slot.pk}/book/")
    expect(heading(page, "You’re already booked at 14:30")).to_be_visible()
    assert Booking.objects.count() == 1


def test_the_next_free_time_and_back(page, slot):
    later = make_slot(slot.expert, day=day_ahead(9), at="10:00")
    page.goto("/experts/amara-okafor/")
    expect(tile(page, slot)).to_contain_text("14:30")
    page.get_by_role("link", name="Next free time").click()
    expect(tile(page, later)).to_contain_text("10:00")
    expect(page).to_have_url(re.compile(rf"[?]day={day_ahead(9)}"))
    page.go_back()
    expect(tile(page, slot)).to_contain_text("14:30")
    expect(heading(page, "Dr Amara Okafor")).to_be_visible()  # a page and not a bare fragment


def test_what_is_gone_says_so_without_wrecking_the_page(make_context, slot):
    page = make_context(statuses={404}).new_page()
    page.goto("/experts/amara-okafor/")
    gone = tile(page, slot)
    expect(gone).to_contain_text("14:30")
    slot.delete()
    gone.click()
    expect(page.get_by_role("status").filter(has_text="There is no such slot")).to_be_visible()
    expect(heading(page, "Dr Amara Okafor")).to_be_visible()
