"""Two readings of one week, and what changed between them."""

import pytest
from django.utils import timezone

from bookings.live.snapshot import Snapshot
from bookings.selectors.week import Week
from tests.cast import book, make_slot

pytestmark = pytest.mark.django_db


def test_a_reading_that_was_overtaken_is_dropped():
    slot = make_slot(capacity=3)
    older = Snapshot.of(Week.around(slot.expert, slot.date, timezone.now()))
    book(slot)
    newer = Snapshot.of(Week.around(slot.expert, slot.date, timezone.now()))
    assert older.is_older_than(newer)
    assert not newer.is_older_than(older)
    assert "2 of 3 left" in newer.changes_since(older, slot.date, "en")
    assert older.changes_since(newer, slot.date, "en").count("tile-state") == 0
