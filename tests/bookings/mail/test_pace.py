"""Mails leave the processors to those who wait for an answer, but not for long."""

import pytest

from bookings.mail.pace import PATIENCE, Pace, run_and_waited


class Machine:
    """What a thread is told of itself: a batch takes a second, and as long again as others let it wait."""

    def __init__(self) -> None:
        self.ran = self.waited = self.now = 0

    def batch(self, *, waits: float) -> None:
        self.ran, self.waited, self.now = self.ran + 10**9, self.waited + int(waits * 10**9), self.now + 1 + waits

    def pace(self) -> Pace:
        return Pace(lambda: (self.ran, self.waited), lambda: self.now)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_on_a_machine_that_is_free_one_batch_follows_the_other(machine):
    pace = machine.pace()
    for _ in range(30):
        machine.batch(waits=0.1)
        assert pace.goes_on(is_more=True)
    assert not pace.goes_on(is_more=False)


def test_on_a_busy_one_mails_give_way_for_some_seconds_and_not_longer(machine):
    pace, answers = machine.pace(), []
    for _ in range(15):
        machine.batch(waits=1)
        answers.append(pace.goes_on(is_more=True))
    gave_way = answers.index(True)
    assert 2 * gave_way >= PATIENCE
    assert all(answers[gave_way:]), "what has waited long enough leaves however busy it is"


def test_the_time_begins_anew_once_all_has_left(machine):
    pace = machine.pace()
    for _ in range(15):
        machine.batch(waits=1)
        pace.goes_on(is_more=True)
    machine.batch(waits=1)
    assert not pace.goes_on(is_more=False)
    machine.batch(waits=1)
    assert not pace.goes_on(is_more=True)


def test_what_linux_tells_of_a_thread_grows():
    ran, waited = run_and_waited()
    sum(range(3_000_000))
    after = run_and_waited()
    assert after >= (ran, waited)
    assert after[0] > 0
