"""Weekly hours and time off in the admin: what they do to slots is seen before it happens."""

import re
from datetime import date, time
from html import unescape

import pytest

from experts.models import Expert, Slot, TimeOff, WeeklyHours
from tests.cast import book, day_ahead, make_booking, make_expert, make_session_type, make_slot
from tests.experts.admin.test_admin import expert_form
from tests.experts.services.test_hours import row, starts, work
from tests.staff import admin_url, errors_of, logged_in, make_superuser

pytestmark = pytest.mark.django_db
EMPTY = {
    "weekday": "",
    "start": "",
    "end": "",
    "slot_minutes": "",
    "buffer_minutes": "0",
    "capacity": "",
    "title": "",
    "valid_from": "",
    "valid_to": "",
}


@pytest.fixture
def staff():
    return logged_in(make_superuser())


@pytest.fixture
def day():
    return day_ahead(3)


@pytest.fixture
def expert():
    return make_expert(horizon_days=10, session_minutes=60, default_capacity=2)


def line(hours: WeeklyHours | None = None, **values) -> dict:
    """A line of the grid, as it is or as it would be typed."""
    stored = {}
    if hours is not None:
        stored = {name: str(getattr(hours, name) or "") for name in EMPTY} | {"id": hours.pk}
        stored |= {"weekday": hours.weekday, "start": f"{hours.start:%H:%M}", "end": f"{hours.end:%H:%M}"}
    return EMPTY | stored | values


def grid(expert: Expert, *lines: dict, **values) -> dict:
    """The expert's whole form, with these lines and a blank one at the end."""
    lines = [*lines, EMPTY]
    form = expert_form(expert, session_minutes=60, default_capacity=2, horizon_days=10) | {
        "hours-TOTAL_FORMS": len(lines),
        "hours-INITIAL_FORMS": sum("id" in each for each in lines),
        "hours-MIN_NUM_FORMS": 0,
        "hours-MAX_NUM_FORMS": 1000,
    }
    for number, each in enumerate(lines):
        form |= {f"hours-{number}-{name}": value for name, value in each.items()}
        form[f"hours-{number}-expert"] = expert.pk
    return form | values


def send(staff, expert, *lines, **values):
    return staff.post(admin_url(Expert, "change", expert.pk), grid(expert, *lines, **values))


def press(staff, response, url: str, button: str = ""):
    """Send the form of the preview, by its button."""
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', response.text)
    data = {}
    for name, value in fields:
        if name != "csrfmiddlewaretoken":
            data.setdefault(unescape(name), []).append(unescape(value))
    return staff.post(url, data | ({button: "1"} if button else {}))


def sections(response) -> dict[str, int]:
    return {section.title: section.count for section in response.context["sections"]}


def errors_of_line(response, number: int) -> dict:
    [inline] = response.context["inline_admin_formsets"]
    return dict(inline.formset.forms[number].errors)


def test_the_page_has_a_grid(staff, expert, day):
    work(expert, row(day))
    page = staff.get(admin_url(Expert, "change", expert.pk)).text
    assert 'name="hours-0-start"' in page
    assert 'name="hours-1-start"' not in page
    assert page.count('value="add:') == 7
    assert "hours-TOTAL_FORMS" not in staff.get(admin_url(Expert, "add")).text


def test_hours_are_previewed_then_applied(staff, expert, day):
    url = admin_url(Expert, "change", expert.pk)
    response = send(staff, expert, line(weekday=day.weekday(), start="09:00", end="12:00"), headline="Judo coach")
    assert response.status_code == 200
    days = len(Slot.objects.all())
    assert (days, WeeklyHours.objects.count()) == (0, 0)
    assert list(sections(response)) == ["Added"]
    assert "09:00, 10:00, 11:00" in response.text
    response = press(staff, response, url)
    assert response.status_code == 302
    assert starts(expert, day) == ["09:00", "10:00", "11:00"]
    expert.refresh_from_db()
    assert (expert.headline, Slot.objects.first().capacity) == ("Judo coach", 2)


def test_back_keeps_what_was_entered(staff, expert, day):
    url = admin_url(Expert, "change", expert.pk)
    response = send(
        staff, expert, line(weekday=day.weekday(), start="09:15", end="12:00", title="Yoga"), name="Amara O."
    )
    response = press(staff, response, url, "_edit")
    assert response.status_code == 200
    assert "Nothing has been changed yet." in response.text
    assert 'value="09:15"' in response.text
    assert 'value="Yoga"' in response.text
    assert 'value="Amara O."' in response.text
    assert not WeeklyHours.objects.exists()


def test_booked_slots_are_listed_with_a_way_to_their_bookings(staff, expert, day):
    work(expert, row(day))
    booked = Slot.objects.get(date=day, time=time(9))
    make_booking(booked, name="Karim Aziz")
    response = send(staff, expert, line(WeeklyHours.objects.get(), DELETE="on"))
    assert sections(response)["Stay because they are booked"] == 1
    [link] = re.findall(r'href="([^"]*slot__id__exact[^"]*)"', response.text)
    assert "Karim Aziz" in staff.get(unescape(link)).text
    press(staff, response, admin_url(Expert, "change", expert.pk))
    assert list(Slot.objects.all()) == [booked]
    listed = staff.get(admin_url(Slot), {"closed_by_hours__exact": 1})
    assert [slot.pk for slot in listed.context["cl"].result_list] == [booked.pk]


def test_each_slot_of_a_session_leads_to_its_booking(staff, expert, day):
    work(expert, row(day))
    kind = make_session_type(expert.organization, expert, minutes=120)
    book(Slot.objects.get(date=day, time=time(9)), session_type=kind.pk, name="Karim Aziz")
    response = send(staff, expert, line(WeeklyHours.objects.get(), end="10:00"))
    assert sections(response)["Stay because they are booked"] == 1  # the second of its two
    [link] = re.findall(r'href="([^"]*slot__id__exact[^"]*)"', response.text)
    assert "Karim Aziz" in staff.get(unescape(link)).text


def test_what_changed_since_the_preview_is_shown_again(staff, expert, day):
    work(expert, row(day))
    url = admin_url(Expert, "change", expert.pk)
    response = send(staff, expert, line(WeeklyHours.objects.get(), end="11:00"))
    make_booking(Slot.objects.get(date=day, time=time(11)))
    response = press(staff, response, url)
    assert "Something changed in the meantime" in response.text
    assert "11:00" in starts(expert, day)
    assert press(staff, response, url).status_code == 302
    assert WeeklyHours.objects.get().end == time(11)


def test_nothing_to_see_is_saved_at_once(staff, expert, day):
    work(expert, row(day))
    assert send(staff, expert, line(WeeklyHours.objects.get()), headline="Coach").status_code == 302
    assert staff.post(admin_url(Expert, "change", expert.pk), expert_form(expert, headline="Judo")).status_code == 302
    assert WeeklyHours.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"end": "08:00"}, "end"),
        ({"end": ""}, "end"),
        ({"end": "25:00"}, "end"),
        ({"slot_minutes": "0"}, "slot_minutes"),
        ({"slot_minutes": "200"}, "slot_minutes"),
        ({"buffer_minutes": "-5"}, "buffer_minutes"),
        ({"capacity": "0"}, "capacity"),
        ({"weekday": "9"}, "weekday"),
        ({"valid_from": "2027-02-02", "valid_to": "2027-02-01"}, "valid_to"),
        ({"title": "x" * 81}, "title"),
    ],
    ids=str,
)
def test_bad_hours_are_a_message_at_the_field(staff, expert, day, wrong, field):
    good = {"weekday": day.weekday(), "start": "09:00", "end": "12:00"}
    response = send(staff, expert, line(**good), line(**good | {"weekday": (day.weekday() + 1) % 7} | wrong))
    assert list(errors_of_line(response, 1)) == [field]
    assert not WeeklyHours.objects.exists()


@pytest.mark.parametrize("start", ["09:00", ""])
def test_lines_of_a_day_that_are_half_empty_are_told_about(staff, expert, day, start):
    whole, half = line(weekday=day.weekday(), start=start, end="12:00"), line(weekday=day.weekday(), start=start)

    response = send(staff, expert, whole, half)

    assert response.status_code == 200
    assert "end" in errors_of_line(response, 1)
    assert not expert.hours.exists()


def test_hours_that_overlap_are_a_message_at_the_second(staff, expert, day):
    both = [{"start": "09:00", "end": "12:00"}, {"start": "11:00", "end": "14:00"}]
    response = send(staff, expert, *(line(weekday=day.weekday(), **each) for each in both))
    assert "This overlaps" in errors_of_line(response, 1)["start"][0]


def test_another_zone_is_previewed(staff, expert, day):
    work(expert, row(day))
    make_booking(Slot.objects.get(date=day, time=time(9)))
    response = send(staff, expert, line(WeeklyHours.objects.get()), timezone="Asia/Tokyo")
    assert sections(response)["Stay because they are booked"] == 1
    assert sections(response)["Same moment, another time on the clock"] == 1
    press(staff, response, admin_url(Expert, "change", expert.pk))
    expert.refresh_from_db()
    assert expert.timezone == "Asia/Tokyo"
    kept = Slot.objects.with_expert().get(seats_booked=1)
    assert f"{kept.time:%H:%M}" == f"{kept.starts_at.astimezone(expert.zone):%H:%M}"
    assert starts(expert, day) == ["09:00", "10:00", "11:00", f"{kept.time:%H:%M}"]


# Time off


def off(day: date, **values) -> dict:
    names = ("expert", "organization", "last_day", "from_time", "to_time", "reason")
    return dict.fromkeys(names, "") | {"first_day": day} | values


def test_time_off_is_previewed_applied_and_taken_back(staff, expert, day):
    work(expert, row(day))
    url = admin_url(TimeOff, "add")
    response = staff.post(url, off(day, expert=expert.pk, reason="Course"))
    assert sections(response) == {"Removed": 3}
    assert not TimeOff.objects.exists()
    press(staff, response, url)
    assert starts(expert, day) == []
    time_off = TimeOff.objects.get()
    assert (time_off.last_day, time_off.reason) == (day, "Course")
    for page in ("change", "history"):
        assert staff.get(admin_url(TimeOff, page, time_off.pk)).status_code == 200
    assert expert.name in staff.get(admin_url(TimeOff)).text

    url = admin_url(TimeOff, "delete", time_off.pk)
    response = staff.post(url, {"post": "yes"})
    assert sections(response) == {"Added": 3}
    press(staff, response, url)
    assert not TimeOff.objects.exists()
    assert starts(expert, day) == ["09:00", "10:00", "11:00"]


def test_a_holiday_lists_the_experts(staff, expert, day):
    colleague = make_expert(organization=expert.organization, horizon_days=10)
    for each in (expert, colleague):
        work(each, row(day))
    response = staff.post(admin_url(TimeOff, "add"), off(day, organization=expert.organization_id))
    assert sections(response) == {"Removed": 6}
    assert expert.name in response.text
    assert colleague.name in response.text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"last_day": day_ahead(1)}, "last_day"),
        ({"expert": ""}, "expert"),
        ({"first_day": "soon"}, "first_day"),
        ({"from_time": "12:00", "to_time": "11:00"}, "to_time"),
        ({"expert": "x"}, "expert"),
    ],
    ids=str,
)
def test_bad_time_off_is_a_message_at_the_field(staff, expert, day, wrong, field):
    response = staff.post(admin_url(TimeOff, "add"), off(day, expert=expert.pk) | wrong)
    assert field in errors_of(response)
    assert not TimeOff.objects.exists()


def test_time_off_without_hours_needs_no_preview(staff, expert, day):
    make_slot(expert, day=day)
    assert staff.post(admin_url(TimeOff, "add"), off(day, expert=expert.pk)).status_code == 302
    assert starts(expert, day) == ["10:00"]
