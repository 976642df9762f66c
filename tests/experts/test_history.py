"""Who changed rows is told to PostgreSQL once in a transaction, and right after whatever may have undone that."""

import pghistory
import pytest
from django.db import connection, transaction

from bookings.models import Booking, TurnedAway
from experts import history
from experts.inserting import insert_all
from experts.locking import lock_free_slots, read_slots, slot_transaction
from tests.cast import make_booking, make_slot
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def booking():
    return make_booking(make_slot(capacity=9))


def write(booking, name):
    booking.name = name
    booking.save(update_fields=["name"])


def who_wrote(booking):
    """What the history says of each change of the name, in turn."""
    events = booking.events.filter(pgh_label="update").order_by("pgh_id").select_related("pgh_context")
    return [event.pgh_context and event.pgh_context.metadata for event in events]


def times_said(asked):
    return sum(sql.count("'pghistory.context_id'") for sql, _callers in asked.sent)


def test_is_said_once_in_a_transaction(booking):
    with asked_of_database() as asked, pghistory.context(by="x"), transaction.atomic():
        for name in "abc":
            write(booking, name)
    assert times_said(asked) == 1
    assert who_wrote(booking) == [{"by": "x"}] * 3


def test_without_a_transaction_it_is_said_each_time(booking):
    with pghistory.context(by="x"):
        write(booking, "a")
        write(booking, "b")
    assert who_wrote(booking) == [{"by": "x"}] * 2


def test_the_next_transaction_is_told_again(booking):
    with pghistory.context(by="x"):
        for name in "ab":
            with transaction.atomic():
                write(booking, name)
    assert who_wrote(booking) == [{"by": "x"}] * 2


def test_what_is_added_is_said(booking):
    with pghistory.context(by="x"), transaction.atomic():
        write(booking, "a")
        with pghistory.context(source="api"):
            write(booking, "b")
    both = {"by": "x", "source": "api"}
    assert who_wrote(booking) == [both, both]  # one context, which was added to


def test_two_contexts_in_one_transaction(booking):
    with transaction.atomic():
        for by in "xyx":
            with pghistory.context(by=by):
                write(booking, by + booking.name)
    assert who_wrote(booking) == [{"by": "x"}, {"by": "y"}, {"by": "x"}]


def test_a_savepoint_that_is_undone_undoes_it(booking):
    with pghistory.context(by="x"), transaction.atomic():
        with pytest.raises(KeyError), transaction.atomic():
            write(booking, "undone")
            raise KeyError
        write(booking, "a")
    assert who_wrote(booking) == [{"by": "x"}]


def test_a_savepoint_that_stays_keeps_it(booking):
    with asked_of_database() as asked, pghistory.context(by="x"), transaction.atomic():
        with transaction.atomic():
            write(booking, "a")
        write(booking, "b")
    assert times_said(asked) == 1
    assert who_wrote(booking) == [{"by": "x"}] * 2


def test_a_transaction_that_fails_leaves_nothing_said(booking):
    with pghistory.context(by="x"):
        with pytest.raises(KeyError), transaction.atomic():
            write(booking, "undone")
            raise KeyError
        assert history.unsaid() is not None
        with transaction.atomic():
            write(booking, "a")
    assert who_wrote(booking) == [{"by": "x"}]


@pytest.mark.parametrize("way", ["slot_transaction", "lock_free_slots"])
def test_is_said_by_what_locks(booking, way):
    seen = read_slots([booking.slot_id])
    context, transaction = pghistory.context(by="O'Neil \\ 100 %"), slot_transaction(waits=way == "slot_transaction")
    with asked_of_database() as asked, context, transaction:
        if way == "lock_free_slots":
            lock_free_slots(seen)
        insert_all([TurnedAway(slot_id=booking.slot_id, reason="full", source="api", people=1)])
        write(booking, "a")
    assert "pghistory" in asked.sent[1][0]
    assert not any("pghistory" in sql for sql, _callers in asked.sent[2:])
    assert who_wrote(booking) == [{"by": "O'Neil \\ 100 %"}]


def test_is_not_taken_as_said_where_nothing_was_locked(booking):
    with pghistory.context(by="x"), slot_transaction(waits=False):
        lock_free_slots({2**40: booking.slot})
        assert history.unsaid() is not None
        write(booking, "a")
    assert who_wrote(booking) == [{"by": "x"}]


def test_rows_written_together_have_it_either_way(booking):
    def copy_of(reference):
        row = Booking.objects.get(pk=booking.pk)
        row.pk, row.reference, row.status, row._state.adding = None, reference, "EXPIRED", True
        return row

    with pghistory.context(by="x"):
        insert_all([copy_of("EB-AAAA-AAAA")])
        with slot_transaction():
            for reference in ("EB-AAAA-AAAB", "EB-AAAA-AAAC"):
                insert_all([copy_of(reference)])
    insert_all([copy_of("EB-AAAA-AAAD")])
    rows = Booking.objects.filter(reference__startswith="EB-AAAA-AAA").order_by("reference")
    said = [row.events.get().pgh_context and row.events.get().pgh_context.metadata for row in rows]
    assert said == [{"by": "x"}] * 3 + [None]
    assert connection.history_said is None
