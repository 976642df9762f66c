"""A block is taken back while colleagues do the same, or open the time themselves: nothing is there twice."""

from collections import Counter

import pytest

from experts import services
from experts.errors import Refused
from experts.models import Slot
from tests.cast import make_slot
from tests.concurrency.contention import run_together
from tests.experts.services.test_stretches import DAY, block, open_at, open_it, with_hours

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 6
MORNING = ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30", "12:00", "12:30"]


def unblock(expert, way_back):
    return services.unblock_stretch(expert_id=expert.pk, way_back=way_back)


def test_of_many_who_take_it_back_one_does():
    expert = with_hours()
    make_slot(expert, day=DAY, at="14:00")
    way_back = block(expert).way_back
    results = run_together(lambda _n: unblock(expert, way_back), MANY)
    assert Counter(isinstance(result, Refused) for result in results) == {False: 1, True: MANY - 1}, results
    assert open_at(expert) == [*MORNING, "14:00"]


def test_who_opens_the_time_at_that_moment_has_it_once():
    expert = with_hours()
    way_back = block(expert).way_back

    def work(number):
        return open_it(expert, minutes=30) if number % 2 else unblock(expert, way_back)

    run_together(work, MANY)
    assert open_at(expert) == MORNING
    assert Slot.objects.filter(expert=expert, date=DAY).count() == len(MORNING)
