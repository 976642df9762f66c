"""Whatever people, staff and time do to bookings, in any order, keeps the promises; also from eight threads at once."""

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bookings.models import Booking, Status, WaitlistEntry
from bookings.services import mark_no_show
from bookings.services.catch_up import complete_all_finished
from tests.bookings.life import World, make_shared_world
from tests.concurrency.contention import run_together

pytestmark = pytest.mark.slow


class Life(RuleBasedStateMachine):
    """Hypothesis chooses the steps and shrinks a sequence that breaks a promise."""

    world: World

    @initialize(seed=st.integers(0, 2**32), with_types=st.booleans())
    def begin(self, seed, with_types):
        self.world = World.make(random.Random(seed), with_types=with_types)

    @rule(seed=st.integers(0, 2**32))
    def somebody_acts(self, seed):
        self.world.dice.seed(seed)
        self.world.step()

    @rule(minutes=st.sampled_from([2, 6, 200, 60 * 24, 60 * 60]))
    def time_passes(self, minutes):
        self.world.let_time_pass(timedelta(minutes=minutes))

    @rule()
    def a_stranger_looks(self):
        self.world.check_bookable()

    @invariant()
    def promises_are_kept(self):
        if hasattr(self, "world"):
            self.world.check()


@pytest.mark.hypothesis
@pytest.mark.django_db
def test_any_life():
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
def test_random_lives_reach_every_status():
    """Otherwise the sequences above would prove little."""
    reached, waited = set(), set()
    for seed in (4, 5, 6):
        world = World.make(random.Random(seed))
        for span in (0, 6, 200, 60 * 24 * 9):  # minutes; at last all sessions are over
            world.let_time_pass(timedelta(minutes=span))
            for _ in range(40):
                world.step()
            reached |= set(Booking.objects.filter(slot__in=world.slots).values_list("status", flat=True))
            waited |= set(WaitlistEntry.objects.filter(slot__in=world.slots).values_list("status", flat=True))
        world.check()
    assert reached == set(Status.values)
    assert waited == set(WaitlistEntry.Status.values)


@pytest.mark.django_db
def test_random_lives_of_sessions_reach_every_status():
    reached = set()
    for seed in (1, 2, 3):
        world = World.make(random.Random(seed), with_types=True)
        for span in (0, 6, 60 * 24 * 9):
            world.let_time_pass(timedelta(minutes=span))
            sessions = Booking.objects.filter(slot__in=world.slots, session_type__in=world.types)
            for _ in range(40):
                world.step()
                reached |= set(sessions.values_list("status", flat=True))
        complete_all_finished()
        reached |= set(sessions.values_list("status", flat=True))
        for booking in sessions.filter(status=Status.COMPLETED)[:1]:
            mark_no_show(booking_id=booking.pk)
        reached |= set(sessions.values_list("status", flat=True))
        world.check()
    assert reached == set(Status.values)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("seed", "with_types"), [(1, False), (2, False), (1, True), (2, True)])
def test_eight_threads_at_once(seed, with_types, settings):
    settings.LOCK_TIMEOUT_MS = 30_000
    shared = make_shared_world(seed, with_types=with_types)

    def play(number):
        world = World(random.Random(f"{seed}-{number}"), shared.slots, shared.types)
        for _ in range(60):
            world.step()
        return world.refused

    refused = run_together(play, count=8)
    for answer in refused:
        assert isinstance(answer, list), answer
    assert "busy" not in {code for codes in refused for code in codes}, "a deadlock or a lock time-out reached a person"
    shared.check()
    assert Booking.objects.count() > 8
