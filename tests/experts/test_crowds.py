"""A crowd that asks the same at one moment has one answer, and nothing is kept of it."""

import threading

import pytest
from django.db import OperationalError, transaction
from psycopg import errors

from bookingsite.devserver.processes import wait_until
from experts.crowds import FreshReads, SharedRead

pytestmark = pytest.mark.django_db


class Asked:
    """Something to read that waits until it may answer, and counts how often it was asked."""

    def __init__(self):
        self.times, self.may_answer = 0, threading.Event()
        self.fails = False

    def __call__(self, number):
        self.times += 1
        if self.may_answer.wait(timeout=30) and self.fails:
            raise ValueError(number)
        return [number]


def ask_together(shared, questions):
    answers = [None] * len(questions)

    def work(n):
        try:
            answers[n] = shared(questions[n])
        except (ValueError, OperationalError) as error:
            answers[n] = error

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(len(questions))]
    for thread in threads:
        thread.start()
    return threads, answers


@pytest.mark.django_db(transaction=True)
def test_those_who_ask_meanwhile_share_the_answer():
    asked = Asked()
    shared = SharedRead(asked)
    first, _ = ask_together(shared, [1])
    assert wait_until(lambda: asked.times == 1, seconds=10)
    rest, answers = ask_together(shared, [1, 1, 1, 2])
    assert wait_until(lambda: asked.times == 2, seconds=10), "another question is asked by itself"
    assert wait_until(lambda: shared.waiting() == 3, seconds=10)
    asked.may_answer.set()
    for thread in first + rest:
        thread.join(timeout=10)
    assert answers == [[1], [1], [1], [2]]
    assert asked.times == 2


@pytest.mark.django_db(transaction=True)
def test_nothing_is_kept():
    asked = Asked()
    asked.may_answer.set()
    shared = SharedRead(asked)
    assert shared(1) == shared(1) == [1]
    assert asked.times == 2


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_everybodys_own():
    asked = Asked()
    asked.fails = True
    shared = SharedRead(asked)
    threads, answers = ask_together(shared, [1, 1, 1])
    assert wait_until(lambda: shared.waiting() == 2, seconds=10)
    asked.may_answer.set()
    for thread in threads:
        thread.join(timeout=10)
    assert [type(answer) for answer in answers] == [ValueError] * 3
    assert asked.times == 3


def test_inside_a_transaction_everybody_reads_alone():
    """Only that transaction sees what it has written."""
    asked = Asked()
    shared = SharedRead(asked)
    threads, _answers = ask_together(shared, [1])
    assert wait_until(lambda: asked.times == 1, seconds=10)
    with transaction.atomic():
        asked.may_answer.set()
        assert shared(1) == [1]
    assert asked.times == 2
    threads[0].join(timeout=10)


class Changing:
    """Something that changes while it is read: each reading waits until it may end, and says what was so at its start.

    ``begun``: how many readings have begun.
    """

    def __init__(self):
        self.now, self.begun, self.may_end = "old", 0, threading.Semaphore(0)
        self.fails, self.is_too_slow = False, False

    def __call__(self):
        seen = self.now
        self.begun += 1
        assert self.may_end.acquire(timeout=30)
        if self.is_too_slow:
            raise OperationalError("canceling statement due to lock timeout") from errors.LockNotAvailable()
        if self.fails:
            raise ValueError(seen)
        return seen


def ask_freshly(reads, changing, count):
    return ask_together(lambda question: reads.get(question, changing), ["it"] * count)


def end(changing, threads, readings):
    changing.may_end.release(readings)
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_nobody_is_told_what_was_read_before_they_asked():
    """Whoever comes while something is read shares the next reading with all who came meanwhile."""
    changing, reads = Changing(), FreshReads()
    first, before = ask_freshly(reads, changing, 1)
    assert wait_until(lambda: changing.begun == 1, seconds=10)
    changing.now = "new"
    rest, after = ask_freshly(reads, changing, 5)
    assert wait_until(lambda: reads.waiting() == 4, seconds=10), "the fifth reads for them, when the first has ended"
    assert changing.begun == 1
    end(changing, first + rest, 2)
    assert before == ["old"], "the control: that reading was shared with nobody who came later"
    assert after == ["new"] * 5
    assert changing.begun == 2
    assert reads._lines == {}, "nothing is kept"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("flaw", "readings", "told"),
    [
        pytest.param("fails", 4, ValueError, id="each who waited tries it"),
        pytest.param("is_too_slow", 2, OperationalError, id="nobody waits as long again"),
    ],
)
def test_after_a_reading_that_failed(flaw, readings, told):
    changing, reads = Changing(), FreshReads()
    setattr(changing, flaw, True)
    first, _ = ask_freshly(reads, changing, 1)
    assert wait_until(lambda: changing.begun == 1, seconds=10)
    rest, answers = ask_freshly(reads, changing, 3)
    assert wait_until(lambda: reads.waiting() == 2, seconds=10)
    end(changing, first + rest, readings)
    assert [type(answer) for answer in answers] == [told] * 3
    if told is OperationalError:  # all know why, and not only whoever read
        assert {type(answer.__cause__) for answer in answers} == {errors.LockNotAvailable}
    assert changing.begun == readings
    assert reads._lines == {}


def test_inside_a_transaction_nobody_waits_for_a_fresh_reading():
    changing, reads = Changing(), FreshReads()
    threads, _answers = ask_freshly(reads, changing, 1)
    assert wait_until(lambda: changing.begun == 1, seconds=10)
    with transaction.atomic():
        assert reads.get("it", lambda: "mine") == "mine"
    end(changing, threads, 1)
