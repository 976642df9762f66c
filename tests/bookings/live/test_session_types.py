"""Live sessions of a type: what pages that show one are told, and when."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.live import queries
from bookings.live.keys import WeekKey
from bookings.live.snapshot import Snapshot
from bookings.selectors.week import Week
from experts.models import SessionType
from tests.cast import book, make_expert, make_row_of_slots, make_slot, make_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def expert(db):
    return make_expert()


@pytest.fixture
def slots(expert):
    return make_row_of_slots(expert)


@pytest.fixture
def kind(expert):
    return make_type(expert, slug="first-visit")


@pytest.fixture
def key(slots, kind):
    day = slots["09:00"].date
    return WeekKey(kind.offers.get().expert_id, day, day, session_type=kind.pk)


def test_an_address_names_the_type(expert, slots, kind):
    day = slots["09:00"].date.isoformat()
    assert queries.find_day(expert.slug, day, None, None, None, "first-visit").week.session_type == kind.pk
    assert queries.find_day(expert.slug, day, None, None, None).week.session_type == 0
    assert queries.find_day(expert.slug, day, None, None, None, "unknown") is None


def test_an_impossible_start_goes_at_once_and_the_tiles_are_others(slots, key):
    day = key.first
    before = queries.read_week(key)
    book(slots["10:00"], session_type=key.session_type)
    after = queries.read_week(key)
    html = after.changes_since(before, day, "en")
    for at, is_gone in {"09:40": True, "10:20": True, "09:20": False, "10:40": False, "10:00": False}.items():
        assert (f'id="slot-{slots[at].pk}-state" data-state="gone"' in html) == is_gone, at
    assert f'id="slot-{slots["10:00"].pk}-state" data-state="full"' in html
    assert before.week.grid_key(day) != after.week.grid_key(day)


def test_other_terms_are_no_older_state(slots, key, kind):
    longer = SessionType.objects.filter(pk=kind.pk)
    longer.update(minutes=60)
    before = queries.read_week(key)
    longer.update(minutes=20)  # takes fewer slots, so that the sum of their versions is less
    after = queries.read_week(key)
    assert not after.is_older_than(before)
    assert before.week.grid_key(key.first) != after.week.grid_key(key.first)


def test_a_type_that_is_not_offered_any_more_has_no_times(slots, key, kind):
    assert queries.read_week(key).shown
    kind.offers.all().delete()
    assert not queries.read_week(key).shown


@pytest.mark.parametrize("change", ["type", "offer", "slot of the next day"])
def test_a_version_knows_of_all_that_decides(slots, key, kind, expert, change):
    after_midnight = make_slot(expert, day=key.first + timedelta(days=1), at="00:00")
    versions = [queries.read_versions([key])]
    if change == "type":
        SessionType.objects.filter(pk=kind.pk).update(buffer_after=5)
    elif change == "offer":
        kind.offers.update(minutes=50)
    else:
        book(after_midnight)
    assert queries.read_versions([key]) not in versions


def test_a_slot_of_the_day_after_concerns_it(key):
    assert key.may_show(key.last + timedelta(days=1))
    assert not key._replace(session_type=0).may_show(key.last + timedelta(days=1))


def test_sessions_may_cross_midnight(expert):
    kind = make_type(expert, minutes=40)
    slots = make_row_of_slots(expert, start="23:20", end="23:59")
    day = slots["23:20"].date
    make_slot(expert, day=day + timedelta(days=1), at="00:00", minutes=20)
    offered = kind.offers.select_related("session_type").get()
    week = Week.read(expert, day, timezone.now(), length=1, offered=offered)
    assert [f"{slot.starts_at:%H:%M}" for slot in week.on(day)] == ["23:20", "23:40"]
    assert Snapshot.of(week).shown[slots["23:40"].pk].taken[0] == slots["23:40"].pk
