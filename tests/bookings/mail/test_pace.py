"""Mails leave the processors to those who wait for an answer, but not for long."""

import time

import pytest

from bookings.mail.pace import PATIENCE, WINDOW, Pace, Use, read_use


class Machine:
    """Two processors. A batch takes its process a second, and the thread waits as long again as it is told to.

    ``others``: the part of the processors that others use meanwhile, the mails' own database among them.
    """

    def __init__(self) -> None:
        self.use, self.now = Use(), 0.0
        self.others = 1.0

    def goes_by(self, seconds: float, *, ran: float = 0, waited: float = 0) -> None:
        use = Use(ran, waited, ran, min(2 * seconds, ran + 2 * seconds * self.others), 2 * seconds)
        self.use = Use(*(before + more for before, more in zip(self.use, use, strict=True)))
        self.now += seconds

    def batch(self, *, waits: float, ran: float = 1) -> None:
        self.goes_by(ran * (1 + waits), ran=ran, waited=ran * waits)

    def pace(self) -> Pace:
        return Pace(lambda: self.use, lambda: self.now)


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


def test_mails_do_not_give_way_to_their_own_work(machine):
    """Their thread waits for a processor on two of which their database and mail server use some, too."""
    machine.others = 0.3
    pace = machine.pace()
    for _ in range(30):
        machine.batch(waits=1)
        assert pace.goes_on(is_more=True)


def test_mails_go_on_when_others_have_done_their_work(machine):
    pace = machine.pace()
    machine.batch(waits=1)
    assert not pace.goes_on(is_more=True)
    machine.others = 0.1
    machine.goes_by(1)
    machine.batch(waits=1)
    assert pace.goes_on(is_more=True)


def test_what_others_do_is_seen_over_a_while(machine):
    """In so short a time as a small batch takes Linux counts next to nothing."""
    pace = machine.pace()
    machine.batch(waits=1, ran=WINDOW / 8)
    assert pace.goes_on(is_more=True)
    machine.batch(waits=1)
    assert not pace.goes_on(is_more=True)
    machine.others = 0
    machine.batch(waits=0, ran=WINDOW / 8)
    assert not pace.goes_on(is_more=True)


def test_what_linux_tells_grows():
    began = time.process_time()
    before = read_use()
    sum(range(3_000_000))
    after = read_use()
    # Both lie within this, and not one within the other: they are read one after the other.
    whole = time.process_time() - began
    assert all(now >= then for now, then in zip(after, before, strict=True))
    use = after.since(before)
    assert 0 < use.ran <= whole
    assert 0 < use.process <= whole
    assert 0 < before.process < before.busy < before.processors
