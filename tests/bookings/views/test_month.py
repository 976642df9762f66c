"""The month beside the week: how many times of each day are free, and the times of the chosen day."""

import re
from datetime import date, time, timedelta

import pytest
from django.test import Client

from experts.models import Slot, WeeklyHours
from tests.cast import book, make_booking, make_expert, make_slot
from tests.kept import body_of, nothing_kept

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def expert():
    return make_expert(horizon_days=120, min_notice=timedelta(0))


@pytest.fixture
def month(expert):
    """The first day of the next month, all of which is within the horizon."""
    return next_month(expert.today())


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def show(client, expert, month: date, **query):
    response = client.get(f"/experts/{expert.slug}/", {"month": f"{month:%Y-%m}"} | query)
    assert response.status_code == 200
    return response


def test_each_day_says_what_is_free_and_leads_to_its_times(client, expert, month):
    for at in ("09:00", "10:00", "11:00"):
        make_slot(expert, day=month + timedelta(days=2), at=at)
    few = make_slot(expert, day=month + timedelta(days=3))
    make_booking(make_slot(expert, day=month + timedelta(days=4)))
    make_slot(expert, day=month + timedelta(days=5), is_closed=True)
    response = show(client, expert, month)
    shown = response.context["month"].days
    assert [item.count.date for item in shown[:: len(shown) - 1]] == [month, next_month(month) - timedelta(days=1)]
    assert [(item.count.state, item.count.open, item.count.is_few, bool(item.url)) for item in shown[1:6]] == [
        ("closed", 0, False, False),
        ("open", 3, False, True),
        ("open", 1, True, True),
        ("full", 0, False, True),
        ("closed", 0, False, False),
    ]
    assert response.context["day"] == month + timedelta(days=2), "the first day that is free"
    chosen = client.get(shown[3].url)
    assert (chosen.context["day"], chosen.context["month"].label) == (few.date, f"{month:%B %Y}")
    assert f'id="slot-{few.pk}"' in body_of(chosen)


def test_it_begins_under_its_weekday_and_a_day_is_read_out_in_full(client, expert, month):
    day = make_slot(expert, day=month + timedelta(days=2)).date
    response = show(client, expert, month)
    assert response.context["month"].weekdays[0] == "Mon"
    assert response.context["month"].first_column == month.isoweekday()
    link = re.search(rf'<a class="month-day" id="day-{day}".*?</a>', body_of(response), re.S)[0]
    said = " ".join(re.sub(r"<span[^>]* aria-hidden.*?</span>|<[^>]+>", "", link).split())
    assert said == f"{day:%A} {day.day} {day:%B}, 1 time free"


def test_one_can_walk_through_the_months_of_the_horizon_and_not_into_the_past(client, expert):
    this, last = expert.today().replace(day=1), expert.last_bookable_day()
    context = show(client, expert, this).context
    assert not context["month"].previous_url
    seen = 1
    while context["month"].next_url:
        context = client.get(context["month"].next_url).context
        seen += 1
    assert seen == (last.year - this.year) * 12 + last.month - this.month + 1
    assert context["month"].previous_url


def test_beyond_the_horizon_a_line_says_when_it_opens(client):
    expert = make_expert(horizon_days=40, min_notice=timedelta(0))
    hours = {"start": time(9), "end": time(10), "slot_minutes": 60, "capacity": 1}
    WeeklyHours.objects.bulk_create(WeeklyHours(expert=expert, weekday=weekday, **hours) for weekday in range(7))
    first = expert.last_bookable_day() + timedelta(days=1)
    month = show(client, expert, first.replace(day=1)).context["month"]
    opens = first - timedelta(days=40)
    assert month.opens == f"Opens {opens.day} {opens:%B}"
    assert month.opening == f"Times from {first.day} {first:%B} open on {opens:%A} {opens.day} {opens:%B}, 09:00."
    assert month.opens_before is None or (month.opens_before.isoweekday(), month.opens_before >= first) == (1, True)


@pytest.mark.parametrize("month", ["2026-13", "2026", "x", "2026-1", "0001-01", "9999-12", "²026-01", "2026-01-01"])
def test_months_that_are_none(client, expert, month):
    response = client.get(f"/experts/{expert.slug}/", {"month": month})
    assert response.status_code == 404
    assert f"/experts/{expert.slug}/" in response.content.decode()


def test_a_day_of_another_month_is_not_shown_in_it(client, expert, month):
    slot = make_slot(expert, day=month + timedelta(days=3))
    assert show(client, expert, month, day=expert.today().isoformat()).context["day"] == slot.date


def test_a_month_without_free_times_leads_on_to_the_next_that_has_some(client, expert, month):
    slot = make_slot(expert, day=next_month(month) + timedelta(days=2))
    url = show(client, expert, month).context["next_free_url"]
    assert url.endswith(f"?month={slot.date:%Y-%m}&day={slot.date}")
    make_slot(expert, day=month + timedelta(days=3))
    assert show(client, expert, month).context["next_free_url"] is None


def test_it_is_kept_and_never_old(client, expert, month, rendered):
    slot = make_slot(expert, day=month + timedelta(days=20), capacity=3)
    show(client, expert, month)
    before, count = body_of(show(client, expert, month)), len(rendered)
    assert body_of(show(client, expert, month)) == before
    assert len(rendered) == count, "it was not kept"
    for change in (book, lambda slot: Slot.objects.filter(pk=slot.pk).update(is_closed=True)):
        change(slot)
        after = body_of(show(client, expert, month))
        assert after != before
        with nothing_kept():
            assert after == body_of(show(client, expert, month))
        before = after


@pytest.mark.parametrize("slots", [1, 20])
def test_the_number_of_queries_is_constant(client, expert, month, django_assert_num_queries, slots):
    for n in range(slots):
        make_slot(expert, day=month + timedelta(days=n))
    with django_assert_num_queries(3):  # its version, expert, slots
        show(client, expert, month)
    with django_assert_num_queries(1):  # kept
        show(client, expert, month)


def test_a_frame_has_it_too_and_ones_own_mark_is_on_it(client, expert, month):
    slot = make_slot(expert, day=month + timedelta(days=3), capacity=3)
    framed = Client().get(f"/embed/expert/{expert.slug}/", {"month": f"{month:%Y-%m}"})
    assert f"/embed/expert/{expert.slug}/?month={month:%Y-%m}&amp;day=" in body_of(framed)
    show(client, expert, month)
    book(slot, visitor=client.cookies["visitor"].value.split(":")[0])
    assert 'data-mark="booked"' in body_of(show(client, expert, month))
    part = client.get(f"/experts/{expert.slug}/", {"month": f"{month:%Y-%m}"}, headers=PARTIAL)
    assert "<html" not in body_of(part)
