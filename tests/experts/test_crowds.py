"""A crowd that asks the same at one moment has one answer, and nothing is kept of it."""

import threading

import pytest
from django.db import transaction

from bookingsite.devserver.processes import wait_until
from experts.crowds import SharedRead

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
        except ValueError as error:
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
