"""Reads of experts together with their slots."""

import pytest

from experts.selectors import nearest_bookable
from tests.cast import make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db


def test_nearest_bookable_by_distance(django_assert_num_queries):
    expert = make_expert()
    asked = make_slot(expert, at="12:00")
    near = make_slot(expert, at="12:30")
    before = make_slot(expert, at="11:00")
    far = make_slot(expert, at="15:00")
    make_slot(expert, at="13:00", is_closed=True)
    full = make_slot(expert, at="11:30")
    make_booking(full)
    make_slot(expert, at="18:00")
    make_slot(at="12:00")  # another expert's
    with django_assert_num_queries(2):
        assert nearest_bookable(asked) == [near, before, far]
