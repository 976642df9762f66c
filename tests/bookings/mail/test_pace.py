"""Mails leave the processors to those who wait for an answer, but not for long."""

import pytest

from bookings.mail.pace import PATIENCE, Pace, idle_and_all, run_and_waited


class Machine:
    """What a thread is told of itself and of processors: a batch takes a second, and as long again as it has to wait.

    ``used``: the part of the processors that others use.
    """

    def __init__(self, used: float = 1) -> None:
        self.ran = self.waited = self.now = 0
        self.used, self.idle, self.all = used, 0, 0

    def batch(self, *, waits: float) -> None:
        self.ran, self.waited, self.now = self.ran + 10**9, self.waited + int(waits * 10**9), self.now + 1 + waits
        self.all += 200

    def pause(self) -> None:
        self.now, self.all, self.idle = self.now + 10, self.all + 2000, self.idle + round(2000 * (1 - self.used))

    def pace(self) -> Pace:
        return Pace(lambda: (self.ran, self.waited), lambda: (self.idle, self.all), lambda: self.now)


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
    """A worker, its database and its mail server can keep two processors busy all by themselves."""
    machine.used = 0.2
    pace = machine.pace()
    machine.batch(waits=1)
    assert not pace.goes_on(is_more=True)
    machine.pause()
    for _ in range(7):
        machine.batch(waits=1)
        assert pace.goes_on(is_more=True), "nobody used the processors while mails gave way"
    answers = []
    for _ in range(7):
        machine.batch(waits=1)
        answers.append(pace.goes_on(is_more=True))
    assert False in answers, "whether somebody uses them now has to be seen again after a while"


def test_a_pause_in_which_others_worked_is_followed_by_another(machine):
    machine.used = 0.9
    pace = machine.pace()
    machine.batch(waits=1)
    assert not pace.goes_on(is_more=True)
    machine.pause()
    machine.batch(waits=1)
    assert not pace.goes_on(is_more=True)


def test_what_linux_tells_of_the_processors_grows():
    idle, all_of_it = idle_and_all()
    assert 0 < idle < all_of_it
    assert idle_and_all() >= (idle, all_of_it)


def test_what_linux_tells_of_a_thread_grows():
    ran, waited = run_and_waited()
    sum(range(3_000_000))
    after = run_and_waited()
    assert after >= (ran, waited)
    assert after[0] > 0
