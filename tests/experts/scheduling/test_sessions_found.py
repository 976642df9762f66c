"""What can be booked of a type is said twice, in SQL for searches and in Python for tiles: both say the same."""

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.errors import Refused
from experts.models import OfferedType, SessionType, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.scheduling.fitting import sessions_of
from experts.scheduling.sessions import first_free_start, nearest_sessions
from tests.cast import book, fresh, make_expert, make_row_of_slots, make_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def expert(db):
    return make_expert(min_notice=timedelta(0), horizon_days=30)


def free_starts(expert, kind):
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
        assert found_starts(expert, kind) == free_starts(expert, kind)


def test_the_nearest_are_sessions_of_the_type(expert):
    slots, kind = make_row_of_slots(expert), make_type(expert)
    book(slots["10:20"])
    near = nearest_sessions(expert.pk, kind.pk, slots["10:00"].pk, slots["10:00"].starts_at)
    assert [session.pk for session in near] == [slots[at].pk for at in ("09:40", "09:20", "10:40")]
    assert {session.session_type for session in near} == {kind}
