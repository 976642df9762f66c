"""Weekly hours changed by a person: the grid, the preview, back again, and what becomes of a booking."""

from datetime import time

import pytest
from django.utils.dates import WEEKDAYS
from playwright.sync_api import expect

from experts.models import Expert, Slot, TimeOff, WeeklyHours
from tests.browser.conftest import PHONE, let_in
from tests.browser.test_accessibility import AXE, RULES, RUN_AXE
from tests.browser.test_admin import open_admin, save
from tests.cast import book, day_ahead, fresh, make_category, make_expert, make_organization, make_session_type
from tests.experts.services.test_hours import row, starts, work
from tests.experts.services.test_pictures import drawn
from tests.staff import admin_url, make_superuser

DAY = 3  # days ahead


@pytest.fixture
def expert(live_site):
    """Works 09:00 to 12:00 on one weekday; on the first such day somebody has booked 09:00."""
    make_superuser(email="maya@example.com", name="Maya Brandt")
    organization = make_organization(name="Northgate Clinic", slug="northgate")
    expert = make_expert(
        name="Dr Amara Okafor",
        slug="amara",
        organization=organization,
        category=make_category(name="Health"),
        horizon_days=10,
        session_minutes=60,
    )
    work(expert, row(day_ahead(DAY)))
    book(Slot.objects.get(date=day_ahead(DAY), time=time(9)), name="Karim Aziz")
    return expert


def open_hours(page, expert):
    open_admin(page)
    unfold(page, expert)
    expect(page.locator("#id_hours-0-start")).to_have_value("09:00")


def unfold(page, expert):
    """The hours of the only day that there are, in their fields."""
    page.goto(admin_url(Expert, "change", expert.pk) + "#weekly-hours")
    chip(page, "09:00–12:00").click()


def chip(page, text):
    return page.locator(".eb-hours-line > summary", has_text=text)


def preview(page):
    return page.get_by_role("complementary", name="What saving does")


def section(page, title):
    return page.get_by_role("region", name=title, exact=True)


def test_hours_are_changed_with_a_preview(page, expert):
    day = day_ahead(DAY)
    open_hours(page, expert)
    page.locator("#id_hours-0-start").fill("10:00")
    page.locator("#id_hours-0-end").fill("14:00")
    # What it would do is said beside it, as one types.
    expect(preview(page)).to_contain_text("4 Added")
    expect(preview(page)).to_contain_text("1 Stay because they are booked")
    assert starts(expert, day) == ["09:00", "10:00", "11:00"], "nothing has happened yet"

    # Who has not seen what it does is shown it before it happens.
    page.locator("#id_hours-0-end").fill("13:00")
    page.evaluate("document.querySelector('[data-hours-preview]').remove()")
    save(page)
    expect(section(page, "Added")).to_contain_text("12:00")
    booked = section(page, "Stay because they are booked")
    expect(booked).to_contain_text("09:00")
    expect(booked).to_contain_text("1 seat taken")

    # Back: what was entered is there. Another stretch comes after a break.
    page.get_by_role("button", name="Back to the form").click()
    expect(page.get_by_text("Nothing has been changed yet.")).to_be_visible()
    page.locator(".eb-tabs").get_by_role("link", name="Hours").click()
    expect(page.locator("#id_hours-0-end")).to_have_value("13:00")
    page.get_by_role("button", name=f"hours {WEEKDAYS[day.weekday()]}").click()
    page.locator("#id_hours-1-start").fill("15:00")
    page.locator("#id_hours-1-end").fill("17:00")
    page.locator("#id_hours-1-slot_minutes").fill("60")
    expect(preview(page)).to_contain_text("6 Added")

    # Who booked, in a tab of its own.
    preview(page).get_by_text("Stay because they are booked").click()
    with page.expect_popup() as tab:
        preview(page).get_by_role("link", name="09:00").click()
    expect(tab.value.get_by_text("Karim Aziz")).to_be_visible()

    save(page)
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert starts(expert, day) == ["09:00", "10:00", "11:00", "12:00", "15:00", "16:00"]
    assert WeeklyHours.objects.count() == 2
    assert Slot.objects.get(date=day, time=time(9)).is_closed


def test_a_working_week_takes_four_clicks(make_context, live_site):
    """Monday 9 to 12 and 13 to 17, the same to Friday, saved: with a script and, a page for each, without."""
    make_superuser(email="maya@example.com", name="Maya Brandt")
    for options in ({}, {"java_script_enabled": False}):
        page = make_context(**options).new_page()
        expert = make_expert(horizon_days=10, session_minutes=60)
        let_in(page, "maya@example.com")
        page.goto(admin_url(Expert, "change", expert.pk) + "#weekly-hours")
        monday = page.get_by_role("group", name="Monday")
        monday.get_by_role("button", name="hours Monday").click()
        expect(chip(page, "09:00–17:00")).to_be_visible()
        monday.get_by_role("button", name="break Monday").click()
        expect(chip(page, "13:00–17:00")).to_be_visible()
        monday.get_by_role("button", name="Copy Monday to Tue–Fri").first.click()
        expect(chip(page, "09:00–12:00")).to_have_count(5)
        expect(preview(page)).to_contain_text("Added")
        assert not WeeklyHours.objects.filter(expert=expert).exists()
        save(page)
        expect(page.get_by_text("was changed successfully")).to_be_visible()
        rows = WeeklyHours.objects.filter(expert=expert).values_list("weekday", "start", "end")
        assert list(rows) == [
            (day, time(*hours), time(*until)) for day in range(5) for hours, until in (((9,), (12,)), ((13,), (17,)))
        ]
        assert Slot.objects.filter(expert=expert).exists()
        if not options:  # one is where one was
            expect(page.get_by_role("group", name="Friday")).to_be_visible()


def test_a_photo_is_sent_as_soon_as_it_is_chosen(page, expert):
    let_in(page, "maya@example.com")
    page.goto(admin_url(Expert, "change", expert.pk))
    page.get_by_label("Name").fill("Dr A. Okafor")
    photo = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": drawn((600, 800)).getvalue()}
    page.get_by_label("Photo").set_input_files(photo)
    shown = page.get_by_role("img", name="The photo as pages show it")
    expect(shown).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Dr A. Okafor")
    page.get_by_label("Photo").set_input_files(photo | {"buffer": b"<svg/>"})
    expect(page.get_by_role("alert")).to_contain_text("This is no picture that we can read.")
    page.goto("/experts/amara/")
    face = page.locator(".expert-head img")
    expect(face).to_be_visible()
    assert face.evaluate("image => image.decode().then(() => image.naturalWidth)") == 96
    page.goto(admin_url(Expert, "change", expert.pk))
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(shown).to_have_count(0)
    assert not Expert.objects.get().photo


def test_a_week_with_session_types_fits_beside_the_menu(make_context, expert):
    make_session_type(expert.organization, expert)
    page = make_context(locale="en-US").new_page()  # with AM and PM
    open_hours(page, expert)
    fields = page.locator(".eb-hours-line[open]")
    expect(fields.get_by_text("Only for")).to_be_visible()
    assert fields.evaluate("fields => fields.scrollWidth - fields.clientWidth") <= 0
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_a_mistake_is_told_at_its_field(page, expert):
    open_hours(page, expert)
    page.locator("#id_hours-0-end").fill("08:00")
    save(page)
    expect(page.get_by_text("The end must be after the start.")).to_be_visible()
    assert WeeklyHours.objects.get().end == time(12)


def test_seats_of_several_slots_are_set_from_the_list(page, expert):
    let_in(page, "maya@example.com")
    page.goto(admin_url(Slot))
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option(label="Set seats")
    page.get_by_role("spinbutton", name="Seats").fill("4")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("6 slots changed.")).to_be_visible()
    assert set(Slot.objects.values_list("capacity", flat=True)) == {4}


def test_time_off_shows_whom_it_concerns(page, expert):
    open_admin(page)
    page.get_by_role("link", name="Time off", exact=True).click()
    page.goto(admin_url(TimeOff, "add"))
    page.locator(".select2-selection").first.click()
    page.locator(".select2-search__field").fill("amara")
    page.get_by_role("option", name="Dr Amara Okafor").click()
    page.locator("#id_first_day").fill(str(day_ahead(DAY)))
    save(page)
    expect(section(page, "Stay because they are booked")).to_contain_text("1 seat taken")
    expect(section(page, "Removed")).to_contain_text("10:00, 11:00")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    assert fresh(Slot.objects.get(date=day_ahead(DAY))).is_closed


def test_the_pages_fit_in_both_themes(make_context, expert):
    for options in ({}, PHONE | {"color_scheme": "dark"}):
        page = make_context(**options).new_page()
        open_hours(page, expert)
        width = page.viewport_size["width"]  # a phone's window grows with what does not fit
        for tab in ("Profile", "Hours", "Rules", "Log-in"):
            page.locator(".eb-tabs").get_by_role("link", name=tab).click()
            expect(page.locator(".eb-tab:visible")).to_have_count(1)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.evaluate(AXE)
            assert page.evaluate(RUN_AXE, RULES) == []
        page.locator(".eb-tabs").get_by_role("link", name="Hours").click()
        page.evaluate("document.querySelector('[data-hours-preview]').remove()")
        page.locator("#id_hours-0-end").fill("14:00")
        page.locator("#id_hours-0-start").fill("10:00")
        save(page)
        expect(section(page, "Added")).to_be_visible()
        width = page.viewport_size["width"]  # a phone's window grows with what does not fit
        assert page.evaluate("document.documentElement.scrollWidth") <= width
