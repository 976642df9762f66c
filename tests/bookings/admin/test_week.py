"""The week of one expert: whose it is, what a stretch means, and that only what was seen is written."""

import re
from datetime import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.admin import week
from experts import services
from experts.models import Role, Slot, TimeOff
from tests.cast import book, day_ahead, make_expert, make_organization, make_slot
from tests.experts.services.test_hours import agreed, row
from tests.staff import logged_in, make_member, make_superuser

pytestmark = pytest.mark.django_db
URL = "/admin/week/"
DAY = day_ahead(3)


@pytest.fixture
def expert():
    """Works from 9 to 12 on that day, in slots of 30 minutes."""
    expert = make_expert(name="Amara Okafor", session_minutes=30)
    agreed(services.apply_hours, expert_id=expert.pk, hours=[row(DAY, "09:00", "12:00", slot_minutes=30)])
    return expert


@pytest.fixture
def staff(expert):
    return logged_in(make_member(expert.organization, Role.SCHEDULER))


def asked(since="10:00", until="11:00", **values):
    return {"on": DAY.isoformat(), "since": since, "until": until} | values


def keys(answer):
    return re.findall(r'name="seen" value="([0-9a-f]*)"', answer.text)


def open_at(expert):
    slots = Slot.objects.filter(expert=expert, date=DAY, is_closed=False).order_by("starts_at")
    return [slot.time.isoformat("minutes") for slot in slots]


def test_it_shows_seven_days_with_who_is_booked(staff, expert):
    book(Slot.objects.get(expert=expert, date=DAY, time=time(10)), name="Maya Halloran")
    page = staff.get(URL, {"day": DAY.isoformat()})
    assert page.status_code == 200
    assert len(page.context["days"]) == 7
    assert "Maya Halloran" in page.text
    assert reverse("admin:week") in staff.get(reverse("admin:day")).text
    for day in (page.context["earlier_url"], page.context["later_url"]):
        assert "Maya Halloran" not in staff.get(day).text


def test_a_stretch_says_what_it_means_and_blocking_does_it(staff, expert):
    booking = book(Slot.objects.get(expert=expert, date=DAY, time=time(10)), name="Maya Halloran")
    page = staff.get(URL, asked())
    for text in ("1 session is booked, 1 time is free.", "Removed", "Stay because they are booked"):
        assert text in page.text
    assert not TimeOff.objects.exists()
    answer = staff.post(URL, asked(do="block", seen=keys(page)[0], expert=expert.pk, reason="Dentist"))
    assert answer.status_code == 302
    assert "Blocked. Whoever is booked in it stays" in staff.get(answer["Location"]).text
    assert open_at(expert) == ["09:00", "09:30", "11:00", "11:30"]
    assert TimeOff.objects.get().reason == "Dentist"
    booking.refresh_from_db()
    assert booking.is_open


def block(staff, expert, since="10:00", until="11:00"):
    """Where it leads."""
    seen = keys(staff.get(URL, asked(since, until, expert=expert.pk)))[0]
    return staff.post(URL, asked(since, until, do="block", seen=seen, expert=expert.pk))["Location"]


def test_a_block_is_taken_back_and_only_what_nobody_changed_since(staff, expert):
    by_hand = make_slot(expert, day=DAY, at="14:00")
    page = staff.get(block(staff, expert, "11:00", "15:00"))
    toast = page.context["toast"]
    assert open_at(expert) == ["09:00", "09:30", "10:00", "10:30"]
    assert staff.get(page.context["here_url"]).context["toast"] is None, "what the live page reads does not say it"
    assert f'name="day" value="{DAY.isoformat()}"' in page.text
    answer = staff.post(toast["undo_url"], toast["fields"])
    assert staff.get(answer["Location"]).context["toast"]["text"] == "Taken back: it is as before."
    assert open_at(expert) == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30", "14:00"]
    again = staff.post(toast["undo_url"], toast["fields"])
    assert again.status_code == 409 and "cannot be undone any more" in again.text
    toast = staff.get(block(staff, expert, "11:00", "15:00")).context["toast"]
    services.set_capacity(slot_id=by_hand.pk, capacity=2)
    answer = staff.post(toast["undo_url"], toast["fields"])
    assert "1 slot stays as it is" in staff.get(answer["Location"]).text
    assert open_at(expert)[-1] == "11:30"


def test_nobody_takes_back_what_another_has_blocked(staff, expert):
    toast = staff.get(block(staff, expert)).context["toast"]
    colleague = logged_in(make_member(expert.organization, Role.SCHEDULER))
    assert colleague.post(URL, toast["fields"]).status_code == 409
    assert logged_in(make_member(make_organization())).post(URL, toast["fields"]).status_code == 404
    assert open_at(expert) == ["09:00", "09:30", "11:00", "11:30"]


def test_time_off_that_was_changed_since_is_not_taken_back(staff, expert):
    toast = staff.get(block(staff, expert)).context["toast"]
    TimeOff.objects.update(reason="Dentist")
    answer = staff.post(URL, toast["fields"])
    assert answer.status_code == 409 and "It was changed meanwhile" in answer.text
    assert TimeOff.objects.exists()


def test_opening_fills_what_is_free(staff, expert):
    page = staff.get(URL, asked("12:00", "13:30", minutes=45, capacity=2))
    assert "Added" in page.text
    answer = staff.post(URL, asked("12:00", "13:30", do="open", seen=keys(page)[1], minutes=45, capacity=2))
    assert answer.status_code == 302
    assert open_at(expert)[-2:] == ["12:00", "12:45"]
    assert "It is open already" in staff.get(URL, asked("12:00", "13:30", minutes=45)).text


def test_what_has_changed_meanwhile_is_shown_again(staff, expert):
    page = staff.get(URL, asked())
    book(Slot.objects.get(expert=expert, date=DAY, time=time(10)))
    answer = staff.post(URL, asked(do="block", seen=keys(page)[0]))
    assert answer.status_code == 409
    assert "Something changed" in answer.text
    page = staff.get(URL, asked("12:00", "13:00"))
    make_slot(expert, day=DAY, at="12:10", minutes=20)
    answer = staff.post(URL, asked("12:00", "13:00", do="open", seen=keys(page)[1], minutes=30, capacity=1))
    assert answer.status_code == 409
    assert not TimeOff.objects.exists()


@pytest.mark.parametrize(
    "values", [{"since": "11:00", "until": "11:00"}, {"since": "x"}, {"on": "nonsense"}, {"on": "0001-01-01"}]
)
def test_a_stretch_that_is_none_is_refused(staff, values):
    assert staff.get(URL, asked() | values).status_code == 422
    assert staff.post(URL, asked(do="block") | values).status_code == 422
    assert not TimeOff.objects.exists()


@pytest.mark.parametrize("minutes", ["0", "x", "2000", ""])
def test_slots_of_no_length_are_refused(staff, minutes):
    assert staff.get(URL, asked(minutes=minutes)).status_code == 200
    assert staff.post(URL, asked(do="open", minutes=minutes, capacity=1)).status_code == 422


def test_everybody_has_their_own_part(staff, expert):
    colleague = make_expert(organization=expert.organization, name="Nora Byrne")
    user = make_member(expert.organization, Role.EXPERT)
    colleague.user = user
    colleague.save()
    nora, stranger = logged_in(user), logged_in(make_member(make_organization()))
    assert nora.get(URL).context["expert"] == colleague
    assert staff.get(URL, {"expert": colleague.pk}).context["expert"] == colleague
    for client in (nora, stranger):
        answer = client.get(URL, {"expert": expert.pk})
        assert answer.status_code == 404
        assert "Okafor" not in answer.text
        assert client.post(URL, asked(do="block", expert=expert.pk)).status_code == 404
    assert not TimeOff.objects.exists()


def test_a_week_costs_as_many_queries_however_full_it_is(staff, expert, django_assert_num_queries):
    def read():
        assert staff.get(URL, {"day": DAY.isoformat()}).status_code == 200

    book(make_slot(expert, day=DAY, at="13:00"))
    read()
    with CaptureQueriesContext(connection) as few:
        read()
    for number in range(3):
        book(make_slot(expert, day=DAY, at=f"{14 + number}:00"))
    with django_assert_num_queries(len(few)):
        read()


def test_a_week_stays_that_of_its_expert_whatever_another_tab_shows(expert):
    other = make_expert(name="Nora Byrne")
    client = logged_in(make_superuser())
    page = client.get(URL, {"expert": expert.pk, "day": DAY.isoformat()})
    client.get("/admin/day/", {"organization": other.organization_id})
    for name in ("here_url", "later_url"):
        answer = client.get(page.context[name], headers={"X-By-Itself": "1"})
        assert (answer.status_code, answer.context["expert"]) == (200, expert)
    assert client.get(page.context["day_url"]).context["organization"] == expert.organization


def test_everybody_has_a_week_in_an_organisation_with_more_than_can_be_listed(staff, expert, monkeypatch):
    monkeypatch.setattr(week, "MOST_TO_CHOOSE", 1)
    other = make_expert(name="Zoe Weber", organization=expert.organization)
    assert "Zoe Weber" in staff.get(URL, {"expert": other.pk}).text
