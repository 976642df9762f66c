"""The public lists are made once and kept: each answer is what a new process would say."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.models import Status
from experts.models import Category, Expert, Organization, Slot
from tests.api.caller import Caller
from tests.cast import book, day_ahead, make_booking, make_expert, make_organization, make_slot
from tests.kept import nothing_kept

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return Caller()


@pytest.fixture
def slot():
    """A group's slot of an expert, in a week; the expert has another one the day after."""
    expert = make_expert(organization=make_organization(min_notice=timedelta(0)))
    make_slot(expert, day=day_ahead(4))
    return make_slot(expert, day=day_ahead(3), capacity=3)


def lists_of(slot) -> dict[str, str]:
    slug = slot.expert.slug
    week = f"from={slot.date}&to={slot.date + timedelta(days=6)}"
    return {
        "experts": "/experts",
        "experts of a category": f"/experts?category={slot.expert.category.slug}",
        "slots": f"/slots?expert={slug}",
        "slots of a week": f"/slots?expert={slug}&{week}",
        "free slots": f"/slots?expert={slug}&bookable=true",
    }


def look(api, path):
    """Return what is said, and how many queries it took."""
    with CaptureQueriesContext(connection) as asked:
        answer = api.get(path)
    assert answer.status_code == 200, answer.content
    return answer.json(), len(asked)


CHANGES = {
    "a booking": book,
    "a hold": lambda slot: make_booking(slot, status=Status.HELD),
    "a full slot": lambda slot: make_booking(slot, seats=3),
    "closed": lambda slot: Slot.objects.filter(pk=slot.pk).update(is_closed=True),
    "another title": lambda slot: Slot.objects.filter(pk=slot.pk).update(title="Pilates"),
    "another slot": lambda slot: make_slot(slot.expert, day=slot.date, at="17:00"),
    "an earlier slot": lambda slot: make_slot(slot.expert, day=day_ahead(1)),
    "deleted": lambda slot: slot.delete(),
    "another expert": lambda slot: make_expert(category=slot.expert.category),
    "another name": lambda slot: Expert.objects.filter(pk=slot.expert_id).update(name="Somebody Else"),
    "another zone": lambda slot: Expert.objects.filter(pk=slot.expert_id).update(timezone="Asia/Tokyo"),
    "the organisation's policy": lambda slot: Organization.objects.update(requires_approval=True, max_party=4),
    "the organisation's notice": lambda slot: Organization.objects.update(min_notice=timedelta(days=20)),
    "the horizon": lambda slot: Expert.objects.filter(pk=slot.expert_id).update(horizon_days=1),
    "the category's slug": lambda slot: Category.objects.update(slug="another"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_after_any_change_it_is_what_a_new_process_says(api, slot, change):
    paths = lists_of(slot).values()
    before = [look(api, path)[0] for path in paths]
    assert [look(api, path) for path in paths] == [(said, 1) for said in before], "it was not kept"
    change(slot)
    after = [api.get(path).json() for path in paths]
    with nothing_kept():
        assert after == [api.get(path).json() for path in paths]
    assert after != before


def test_what_time_changes_is_not_kept_longer(api, slot, monkeypatch):
    """A hold ends, notice begins, and where the expert is another day is today: each without a change in a row."""
    Organization.objects.update(min_notice=timedelta(hours=2))
    hold = make_booking(slot, seats=3, status=Status.HELD)
    paths = [path for name, path in lists_of(slot).items() if "slots" in name]
    too_late, midnight = slot.starts_at - timedelta(hours=2), slot.starts_at.replace(hour=0) + timedelta(days=1)
    said = []
    for instant in (timezone.now(), hold.expires_at, too_late, midnight):
        monkeypatch.setattr(timezone, "now", lambda: instant - timedelta(microseconds=1))  # noqa: B023
        [api.get(path) for path in paths]  # kept from here on, or before
        monkeypatch.setattr(timezone, "now", lambda: instant)  # noqa: B023
        now = [api.get(path).json() for path in paths]
        with nothing_kept():
            assert now == [api.get(path).json() for path in paths]
        said.append(now)
    assert all(one != other for one, other in pairwise(said))


def test_the_control_without_a_version_it_would_be_old(api, slot, monkeypatch):
    path = lists_of(slot)["slots"]
    before = api.get(path).json()
    monkeypatch.setattr("experts.api.public.expert_slots_version", lambda *_: ["the same"])
    api.get(path)
    book(slot)
    assert api.get(path).json() == before


def test_a_search_is_answered_but_not_kept(api, slot):
    path = f"/experts?search={slot.expert.name}"
    assert look(api, path) == look(api, path)
    assert look(api, path)[1] > 1


def test_a_range_of_days_that_is_none_is_refused_however_often(api, slot):
    path = f"/slots?expert={slot.expert.slug}&from=2026-03-12&to="
    for to in ("2026-03-11", "2199-01-01"):
        for _ in range(2):
            assert api.get(path + to).status_code == 422


def test_an_expert_who_left_is_gone_at_once(api, slot):
    path = lists_of(slot)["slots"]
    assert api.get(path).status_code == 200
    Expert.objects.filter(pk=slot.expert_id).update(is_active=False)
    assert api.get(path).status_code == 404
