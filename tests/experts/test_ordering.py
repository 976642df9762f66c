"""Experts in order: what is read along an index is what asking each of them would tell."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.utils import timezone

from experts import ordering
from experts.clocks import clocks_for
from experts.models import Expert, Slot
from experts.models.expert import Venue
from experts.models.slot import BOOKABLE_STATES
from experts.ordering import MOST_LISTED, Selection, Times
from tests.cast import make_category, make_expert, make_organization, when
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db
MANY = MOST_LISTED + 1  # so many that nobody is asked one by one


def make_crowd(seed: int) -> None:
    """Some dozen experts of five organisations, with slots in every state at instants that many have in common."""
    dice, now = random.Random(seed), timezone.now()
    # Not on the hour from now: none begins to be too soon while the test runs.
    start = now + timedelta(minutes=20)
    notices = [timedelta(0), timedelta(hours=2), timedelta(days=1), None]
    organizations = [
        make_organization(
            is_active=n > 0, min_notice=dice.choice(notices[:3]), horizon_days=dice.choice([2, 30]), slug=f"org-{n}"
        )
        for n in range(5)
    ]
    categories = [make_category(), make_category()]
    slots = []
    for _ in range(40):
        expert = make_expert(
            organization=dice.choice(organizations),
            category=dice.choice(categories),
            name=dice.choice(["Ada", "Émile", "Zoë", "ada", "Karim"]),
            is_active=dice.random() < 0.9,
            min_notice=dice.choice(notices),
            horizon_days=dice.choice([None, None, 1]),
            timezone=dice.choice(["Europe/London", "Pacific/Kiritimati", "Pacific/Pago_Pago"]),
            venue=dice.choice(["in_person", "video"]),
        )
        busy = dice.random()
        for hours in dice.sample(range(-30, 90, 3), dice.randrange(12)):
            capacity = dice.choice([1, 1, 3])
            booked = capacity if dice.random() < busy else 0
            held = min(dice.choice([0, 0, 1]), capacity - booked)
            slots.append(
                Slot(
                    expert=expert,
                    **when(expert, start + timedelta(hours=hours)),
                    ends_at=start + timedelta(hours=hours + 1),
                    capacity=capacity,
                    seats_booked=booked,
                    seats_held=held,
                    next_hold_expiry=now + timedelta(minutes=dice.choice([-5, 5])) if held else None,
                    is_closed=dice.random() < 0.1,
                )
            )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # else triggers would undo the counters
        Slot.objects.bulk_create(slots)
        cursor.execute("SET LOCAL session_replication_role = origin")


def bookable_slots() -> list[Slot]:
    """All slots that can be booked, as pages say of each, in the order in which they begin."""
    now = timezone.now()
    return [slot for slot in Slot.objects.with_expert().order_by("starts_at") if slot.state_at(now) in BOOKABLE_STATES]


def first_slots(slots: list[Slot], times: Times | None = None) -> dict[int, datetime]:
    """By expert, the start of the first of the slots, at such times if any are given."""
    first = {}
    for slot in slots:
        if times is None or is_at(times, slot):
            first.setdefault(slot.expert_id, slot.starts_at)
    return first


def is_at(times: Times, slot: Slot) -> bool:
    """Whether a slot starts at such times, by what pages show of it."""
    shown = slot.starts_at.astimezone(clocks_for(slot.expert.venue, slot.expert.zone, times.zone).leading)
    days = shown.date() - times.first
    if times.now:  # days from today, which is another date on another clock
        here = times.zone or ZoneInfo(timezone.get_default_timezone_name())
        days -= times.now.astimezone(shown.tzinfo).date() - times.now.astimezone(here).date()
    is_on_day = timedelta(0) <= days <= times.last - times.first
    return is_on_day and (not times.hours or shown.hour in times.hours)


def selections(organization_id: int):
    """The same experts in each way in which a list may know of them: of all, of one organisation, of some names."""
    everybody = Expert.objects.active()
    yield Selection(everybody, MANY, is_all=True)
    for asked, known in (({"organization": organization_id}, organization_id), ({"name__gt": "Z"}, None)):
        experts = everybody.filter(**asked)
        ids = list(experts.values_list("pk", flat=True))
        yield Selection(experts, MANY, ids=ids, organization_id=known)
        yield Selection(experts, MANY, organization_id=known)
        yield Selection(experts, len(ids), ids=ids, organization_id=known)
    remote = everybody.exclude(venue=Venue.IN_PERSON)
    yield Selection(remote, MANY, ids=list(remote.values_list("pk", flat=True)), is_remote=True)


@pytest.mark.parametrize("seed", range(6))
def test_soonest_is_what_asking_each_tells(seed, monkeypatch):
    make_crowd(seed)
    monkeypatch.setattr(ordering, "LEAST_STRIDE", 3)  # slots that are read at once, so that it takes several slices
    first = first_slots(bookable_slots())
    in_order = sorted(first, key=lambda pk: (first[pk], pk))
    for selection in selections(Expert.objects.active().order_by("-pk")[0].organization_id):
        listed = list(selection.experts.order_by("pk").values_list("pk", flat=True))
        expected = [*(pk for pk in in_order if pk in listed), *(pk for pk in listed if pk not in first)]
        for upto in (1, 4, 100):
            assert selection.soonest(upto) == expected[:upto]


@pytest.mark.parametrize(("seed", "most_named"), [(0, 10_000), (1, 10_000), (2, 10_000), (2, 1)])
def test_at_some_times_only_those_who_are_free_then(seed, most_named, monkeypatch):
    """On days of the clock that is shown of each: where the visitor is, or where one goes to see somebody in person."""
    make_crowd(seed)
    small = {"LEAST_STRIDE": 3, "FEW": 1, "SAMPLE": 4, "STRIDE_BY_NAME": 2, "MOST_NAMED": most_named}
    for name, number in small.items():
        monkeypatch.setattr(ordering, name, number)
    today = timezone.now().date()
    evening = tuple(range(17, 24))
    tomorrow, now = today + timedelta(days=1), timezone.now()
    asked = [  # with the instant from which days are counted, or of dates
        (today, today, (), now),
        (tomorrow, tomorrow, (), None),
        (tomorrow, tomorrow, (), now),
        (today, today + timedelta(days=2), evening, now),
        (today, tomorrow, (9, 10, 22, 23), None),
    ]
    bookable = bookable_slots()
    chosen = list(selections(Expert.objects.active().order_by("-pk")[0].organization_id))
    by_name = [list(selection.experts.order_by("name", "pk").values_list("pk", flat=True)) for selection in chosen]
    for zone, (first_day, last_day, hours, counted) in product((None, "Europe/Berlin", "America/Los_Angeles"), asked):
        times = Times(first_day, last_day, hours, zone and ZoneInfo(zone), counted)
        first = first_slots(bookable, times)
        in_order = sorted(first, key=lambda pk: (first[pk], pk))
        for (selection, names), upto in product(zip(chosen, by_name, strict=True), (1, 100)):
            soonest = [pk for pk in in_order if pk in names]
            assert selection.soonest_within(times, upto) == soonest[:upto], (times, selection)
            named = [pk for pk in names if pk in first]
            # The last two: whether hardly anyone is free then or not, as all fit into one list.
            for sparse, least in ((1000, 0), (2, 0), (2, 1000)):
                monkeypatch.setattr(ordering, "SPARSE", sparse)
                monkeypatch.setattr(ordering, "LEAST_OF_SAMPLE", least)
                assert selection.by_name_within(times, upto) == named[:upto], (times, selection, sparse, least)


def test_a_walk_is_one_statement_however_many_slices_it_takes(monkeypatch):
    make_crowd(1)
    for name, number in (("LEAST_STRIDE", 2), ("STRIDE_BY_NAME", 2)):
        monkeypatch.setattr(ordering, name, number)
    everybody = Selection(Expert.objects.active(), MANY, is_all=True)
    now = timezone.now()
    times = Times(now.date(), now.date() + timedelta(days=2), (), ZoneInfo("Europe/Berlin"), now)

    def asked_for(ask) -> tuple[int, int]:
        with asked_of_database() as asked:
            found = ask()
        return asked.statements, len(found)

    for upto in (3, 9):
        assert asked_for(lambda upto=upto: everybody.soonest(upto)) == (1, upto)
        assert asked_for(lambda upto=upto: everybody.by_name_within(times, upto)) == (1, upto)
        # With one for the zones in which somebody is.
        assert asked_for(lambda upto=upto: everybody.soonest_within(times, upto)) == (2, upto)


def test_by_name_then_in_the_order_in_which_they_were_added():
    zoe, ada, other_ada = (make_expert(name=name) for name in ("Zoë", "Ada", "Ada"))
    everybody = Selection(Expert.objects.active(), 3, is_all=True)
    assert everybody.by_name(9) == [ada.pk, other_ada.pk, zoe.pk]
    assert everybody.by_name(2) == [ada.pk, other_ada.pk]


@pytest.mark.parametrize("now", ["2027-01-12T23:31", "2027-03-27T22:15", "2027-03-28T00:40", "2027-10-30T23:05"])
@pytest.mark.parametrize("hours", [(), tuple(range(17, 24)), (1, 2)], ids=["whenever", "evening", "night"])
@pytest.mark.parametrize("first", [0, 1])
def test_no_instant_that_is_meant_is_left_out_wherever_it_is(now, hours, first):
    """Also on the days on which clocks are turned."""
    now = datetime.fromisoformat(now).replace(tzinfo=UTC)
    places = ["Europe/London", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York", "Asia/Tokyo", "UTC"]
    for here in ("Europe/Berlin", "America/Los_Angeles", "Pacific/Kiritimati"):
        zone = ZoneInfo(here)
        since = now.astimezone(zone).date() + timedelta(days=first)
        times = Times(since, since + timedelta(days=first), hours, zone, now)
        pieces = times.stretches(now, places)
        assert all(one.last <= following.first for one, following in pairwise(pieces))
        for place, quarters in product([here, *places], range(1, 5 * 96)):
            at = now + quarters * timedelta(minutes=15)
            if not times.has(at, ZoneInfo(place)):
                continue
            there = at.astimezone(ZoneInfo(place))
            [piece] = [it for it in pieces if it.first <= at < it.last]
            assert piece.days[0] <= there.date() <= piece.days[1], (here, place, at)
            assert piece.clocks(hours)[0] <= there.time() <= piece.clocks(hours)[1], (here, place, at)
            assert place != here or not piece.is_elsewhere, (here, at)
