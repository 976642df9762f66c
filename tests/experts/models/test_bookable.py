"""What is shown can be booked: `bookable()` in SQL and `state_at()` in Python are one rule."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from bookings.models import Status
from experts.models import Expert, Organization, Slot
from experts.models.slot import BOOKABLE_STATES
from tests.cast import fresh, make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db


def state_of(slot, now):
    """The state, after making sure that SQL agrees."""
    slot = fresh(slot)
    state = slot.state_at(now)
    in_sql = Slot.objects.bookable(now).filter(pk=slot.pk).exists()
    assert in_sql == (state in BOOKABLE_STATES), f"{state} in Python, bookable={in_sql} in SQL"
    return state


def test_by_default_the_database_clock_decides():
    slot = make_slot()
    assert list(Slot.objects.bookable()) == [slot]
    assert slot.is_bookable


@pytest.mark.parametrize(
    ("capacity", "taken", "state"),
    [
        (1, 0, "open"),
        (1, 1, "full"),
        (2, 1, "few"),
        (3, 0, "open"),
        (3, 1, "few"),
        (5, 2, "open"),
        (5, 3, "few"),
        (12, 7, "open"),
        (12, 8, "few"),
        (20, 20, "full"),
    ],
)
def test_seats_decide(capacity, taken, state):
    slot = make_slot(capacity=capacity)
    if taken:
        make_booking(slot, seats=taken)
    assert state_of(slot, timezone.now()) == state


def test_a_running_hold_blocks_and_is_shown_as_being_booked():
    slot = make_slot()
    make_booking(slot, status=Status.HELD)
    assert state_of(slot, timezone.now()) == "held"


def test_an_abandoned_hold_never_blocks():
    slot = make_slot()
    hold = make_booking(slot, status=Status.HELD)
    assert state_of(slot, hold.expires_at - timedelta(microseconds=1)) == "held"
    assert state_of(slot, hold.expires_at) == "open"
    assert fresh(slot).seats_left_at(hold.expires_at) == 1


def test_notice_and_horizon_are_the_organisations_unless_the_expert_has_own():
    slot = make_slot()
    org, now = slot.expert.organization, slot.starts_at - timedelta(hours=3)
    org.min_notice, org.horizon_days = timedelta(hours=3), 5
    org.save()
    assert state_of(slot, now) == "past"
    assert state_of(slot, now - timedelta(microseconds=1)) == "open"
    assert state_of(slot, slot.starts_at - timedelta(days=5)) == "open"
    assert state_of(slot, slot.starts_at - timedelta(days=5, microseconds=1)) == "closed"
    slot.expert.min_notice, slot.expert.horizon_days = timedelta(0), 9
    slot.expert.save()
    assert state_of(slot, now) == "open"
    assert state_of(slot, slot.starts_at) == "past"
    assert state_of(slot, slot.starts_at - timedelta(days=9)) == "open"


def test_closed_inactive_expert_inactive_organisation():
    slot, now = make_slot(), timezone.now()
    Slot.objects.filter(pk=slot.pk).update(is_closed=True)
    assert state_of(slot, now) == "closed"
    Slot.objects.filter(pk=slot.pk).update(is_closed=False)
    Expert.objects.filter(pk=slot.expert_id).update(is_active=False)
    assert state_of(slot, now) == "closed"
    Expert.objects.filter(pk=slot.expert_id).update(is_active=True)
    Organization.objects.filter(pk=slot.expert.organization_id).update(is_active=False)
    assert state_of(slot, now) == "closed"


@pytest.mark.slow
@given(
    capacity=st.integers(1, 6),
    booked=st.integers(0, 6),
    holds=st.lists(st.integers(-10, 10), max_size=4),
    closed=st.booleans(),
    notice=st.none() | st.integers(0, 72),
    horizon=st.none() | st.integers(1, 4),
    hours_ahead=st.integers(-3, 100),
)
@settings(max_examples=60, deadline=None)
def test_any_slot_means_the_same_in_sql_and_python(capacity, booked, holds, closed, notice, horizon, hours_ahead):
    now = timezone.now()
    expert = make_expert(min_notice=None if notice is None else timedelta(hours=notice), horizon_days=horizon)
    starts_at = now + timedelta(hours=hours_ahead)
    slot = make_slot(expert, starts_at=starts_at, capacity=capacity, is_closed=closed)
    free = capacity
    if 0 < booked <= free:
        make_booking(slot, seats=booked)
        free -= booked
    for minutes in holds[:free]:
        make_booking(slot, status=Status.HELD, expires_at=now + timedelta(minutes=minutes))
    state_of(slot, now)


@given(
    starts=st.integers(-60, 60),
    holds_end=st.none() | st.integers(-5, 60),
    taken=st.integers(0, 3),
    notice=st.integers(0, 30),
    closed=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_until_changes_at_a_slot_stays_as_it_is(starts, holds_end, taken, notice, closed):
    """In minutes from now; the horizon is a day, and the slot starts about a day from now, or about now."""
    now = timezone.now()
    expert = Expert(
        organization=Organization(),
        timezone="UTC",
        min_notice=timedelta(minutes=notice),
        horizon_days=1,
        is_active=True,
    )
    for day in (0, 1):
        slot = Slot(
            expert=expert,
            starts_at=now + timedelta(days=day, minutes=starts),
            capacity=3,
            seats_held=taken,
            next_hold_expiry=None if holds_end is None or not taken else now + timedelta(minutes=holds_end),
            is_closed=closed,
        )

        def shown(at, slot=slot):
            return slot.state_at(at), slot.seats_left_at(at)

        end = slot.changes_at(now)
        minutes = [now + timedelta(minutes=minute) for minute in range(0, 24 * 60 + 120)]
        assert all(shown(at) == shown(now) for at in minutes if end is None or at < end)
        # The control: what time changes, it changes at such an instant and not before.
        first = next((at for at in minutes if shown(at) != shown(now)), None)
        assert first is None or (end is not None and end <= first)
