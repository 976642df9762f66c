"""Weekly hours changed by a person: the grid, the preview, back again, and what becomes of a booking."""

from datetime import time

import pytest
from playwright.sync_api import expect

from experts.models import Expert, Slot, TimeOff, WeeklyHours
from tests.browser.conftest import PHONE
from tests.browser.test_admin import log_in, save
from tests.cast import book, day_ahead, fresh, make_category, make_expert, make_organization, make_session_type
from tests.experts.services.test_hours import row, starts, work
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
    log_in(page)
    page.goto(admin_url(Expert, "change", expert.pk))
    expect(page.locator("#id_hours-0-start")).to_have_value("09:00")


def section(page, title):
    return page.get_by_role("region", name=title, exact=True)


def test_hours_are_changed_with_a_preview(page, expert):
    day = day_ahead(DAY)
    open_hours(page, expert)
    page.locator("#id_hours-0-start").fill("10:00")
    page.locator("#id_hours-0-end").fill("14:00")
    save(page)
    expect(section(page, "Added")).to_contain_text("12:00, 13:00")
    booked = section(page, "Stay because they are booked")
    expect(booked).to_contain_text("09:00")
    expect(booked).to_contain_text("1 seat taken")
    assert starts(expert, day) == ["09:00", "10:00", "11:00"], "nothing has happened yet"

    # Back: what was entered is there.
    page.get_by_role("button", name="Back to the form").click()
    expect(page.get_by_text("Nothing has been changed yet.")).to_be_visible()
    expect(page.locator("#id_hours-0-end")).to_have_value("14:00")
    page.locator("#id_hours-0-end").fill("13:00")
    # The blank line becomes another stretch, after a break.
    page.locator("#id_hours-1-weekday").select_option(str(day.weekday()))
    page.locator("#id_hours-1-start").fill("15:00")
    page.locator("#id_hours-1-end").fill("17:00")
    save(page)
    expect(section(page, "Added")).to_contain_text("12:00, 15:00, 16:00")

    # Who booked, in a tab of its own.
    with page.expect_popup() as tab:
        section(page, "Stay because they are booked").get_by_role("link", name="Bookings of").click()
    expect(tab.value.get_by_text("Karim Aziz")).to_be_visible()

    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert starts(expert, day) == ["09:00", "10:00", "11:00", "12:00", "15:00", "16:00"]
    assert WeeklyHours.objects.count() == 2
    assert Slot.objects.get(date=day, time=time(9)).is_closed


def test_a_week_with_session_types_fits_beside_the_menu(make_context, expert):
    make_session_type(expert.organization, expert)
    page = make_context(locale="en-US").new_page()  # with AM and PM
    open_hours(page, expert)
    frame = page.locator("#hours-group .simplebar-content-wrapper").first
    expect(page.locator("#hours-data .field-for_types").first).to_be_visible()
    assert frame.evaluate("frame => frame.scrollWidth - frame.clientWidth") <= 0


def test_a_mistake_is_told_at_its_field(page, expert):
    open_hours(page, expert)
    page.locator("#id_hours-0-end").fill("08:00")
    save(page)
    expect(page.get_by_text("The end must be after the start.")).to_be_visible()
    assert WeeklyHours.objects.get().end == time(12)


def test_seats_of_several_slots_are_set_from_the_list(page, expert):
    log_in(page)
    page.goto(admin_url(Slot))
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option(label="Set seats")
    page.get_by_role("spinbutton", name="Seats").fill("4")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("6 slots changed.")).to_be_visible()
    assert set(Slot.objects.values_list("capacity", flat=True)) == {4}


def test_time_off_shows_whom_it_concerns(page, expert):
    log_in(page)
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
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.goto(admin_url(Expert, "change", expert.pk))
        page.locator("#id_hours-0-end").fill("14:00")
        page.locator("#id_hours-0-start").fill("10:00")
        save(page)
        expect(section(page, "Added")).to_be_visible()
        width = page.viewport_size["width"]  # a phone's window grows with what does not fit
        assert page.evaluate("document.documentElement.scrollWidth") <= width
