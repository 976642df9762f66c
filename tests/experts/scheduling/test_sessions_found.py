"""What can be booked of a type is said twice, in SQL for searches and in Python for tiles: both say the same."""

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.errors import Refused
from experts.models import OfferedType, SessionType, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.scheduling.anyone import free_starts, nearest_starts, offers_of, starts_of_any, starts_with
from experts.scheduling.fitting import sessions_of
from experts.scheduling.sessions import first_free_start, nearest_sessions
from tests.cast import (
    book,
    fresh,
    make_expert,
    make_organization,
    make_row_of_slots,
    make_session_type,
    make_type,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def expert(db):
    return make_expert(min_notice=timedelta(0), horizon_days=30)


def starts_of_tiles(expert, kind):
    """All starts that the tiles show as free."""
    offered = OfferedType.objects.select_related("session_type").get(expert=expert, session_type=kind)
    slots, now = list(Slot.objects.with_expert().filter(expert=expert).order_by("starts_at")), timezone.now()
    sessions = sessions_of(slots, offered.session_type, offered.terms)
    return [session.starts_at for session in sessions if session.state_at(now) in BOOKABLE_STATES]


def found_starts(expert, kind):
    """The same, one after another, as searches find them."""
    found, after = [], timezone.now()
    while (at := first_free_start(expert.pk, kind.pk, after)) is not None:
        found.append(at)
        after = at + timedelta(seconds=1)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_searches_find_what_tiles_show(expert, seed):
    choice = random.Random(seed)
    slots = list(make_row_of_slots(expert, capacity=choice.choice([1, 2])).values())
    kinds = [
        make_type(
            expert,
            minutes=choice.choice([20, 30, 45, 60]),
            buffer_before=choice.choice([0, 10]),
            buffer_after=choice.choice([0, 5, 20]),
            is_group=True,
        )
        for _ in range(3)
    ]
    Slot.objects.filter(pk__in=[slot.pk for slot in choice.sample(slots, 2)]).update(for_types=[kinds[0].pk])
    Slot.objects.filter(pk=choice.choice(slots).pk).update(is_closed=True)
    for slot in choice.sample(slots, 3):
        try:
            book(slot, session_type=choice.choice(kinds).pk)
        except Refused:
            continue
    SessionType.objects.filter(pk=kinds[2].pk).update(min_notice=fresh(slots[4]).starts_at - timezone.now())
    for kind in kinds:
        assert found_starts(expert, kind) == starts_of_tiles(expert, kind)


def test_the_nearest_are_sessions_of_the_type(expert):
    slots, kind = make_row_of_slots(expert), make_type(expert)
    book(slots["10:20"])
    near = nearest_sessions(expert.pk, kind.pk, slots["10:00"].pk, slots["10:00"].starts_at)
    assert [session.pk for session in near] == [slots[at].pk for at in ("09:40", "09:20", "10:40")]
    assert {session.session_type for session in near} == {kind}


def starts_shown(kind, begins, ends, experts):
    """What the page of a type shows as free: when, until when, and with whom."""
    now = timezone.now()
    starts = starts_with(starts_of_any(kind, offers_of(kind), begins, ends, now), experts, kind)
    return [(it.starts_at, it.ends_at, [session.expert.slug for session in it.free]) for it in starts if it.free]


@pytest.mark.parametrize("needed", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_programs_find_what_the_page_of_a_type_shows(seed, needed, django_assert_num_queries):
    choice = random.Random(seed)
    organization = make_organization(min_notice=timedelta(0), horizon_days=30)
    experts = [make_expert(organization=organization, name=name) for name in ("Ida", "Bo", "Al", "Cy")]
    rows = [make_row_of_slots(expert) for expert in experts]
    kind = make_session_type(organization, *experts, minutes=40, buffer_after=10, experts_needed=needed)
    OfferedType.objects.filter(expert=experts[1]).update(minutes=60)
    taken = choice.sample([slot.pk for row in rows for slot in row.values()], 14)
    for pk in taken[:7]:
        book(Slot.objects.get(pk=pk))
    Slot.objects.filter(pk__in=taken[7:]).update(is_closed=True)
    begins, ends = rows[0]["09:20"].starts_at, rows[0]["11:20"].starts_at
    kind = SessionType.objects.select_related("organization").get(pk=kind.pk)
    for chosen in ([], [experts[1].pk], [experts[1].pk, experts[2].pk]):
        shown = starts_shown(kind, begins, ends, chosen)
        with django_assert_num_queries(1):
            found = free_starts(kind, begins, ends, chosen)
        assert [(it.starts_at, it.ends_at, it.experts) for it in found] == shown
        at = rows[0]["10:00"].starts_at
        every = starts_shown(kind, timezone.now(), at + timedelta(days=7), chosen)
        every.sort(key=lambda it: (abs(it[0] - at), it[0]))
        with django_assert_num_queries(1):
            near = nearest_starts(kind, at, chosen)
        assert [(it.starts_at, it.ends_at, it.experts) for it in near] == every[:3]
