"""Open a transaction that locks slots, lock them, and read them under the lock."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import DateTimeField, Func, Model, QuerySet

from experts.errors import Busy, NotFound
from experts.models import Category, Expert, Organization, Slot


def violated_constraint(error: DatabaseError) -> str | None:
    """Return the name of the constraint that refused the statement, if one did."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)


Row = TypeVar("Row", bound=Model)


@contextmanager
def slot_transaction(*, waits: bool = True) -> Iterator[None]:
    """Open a transaction that waits for row locks no longer than ``LOCK_TIMEOUT_MS``.

    Without ``waits`` its first statement sets that time for what follows: ``lock_free_slots``, or one of the caller's.

    Raises Busy, with nothing written, when a lock does not come in time, PostgreSQL breaks a deadlock, or no
    database connection is to be had.
    """
    try:
        with transaction.atomic():
            if waits:
                with connection.cursor() as cursor:
                    # Local to the transaction: session settings do not survive a pooler in transaction mode.
                    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{settings.LOCK_TIMEOUT_MS}ms"])
            yield
    except OperationalError as error:
        raise Busy from error


def vouch_for_clocks(zone: str) -> None:
    """Tell the database that dates and times of slots are worked out for this zone, until the transaction ends.

    It does not compare them with their instants then. PostgreSQL has data about time zones of its own: without this,
    nobody could add slots in a zone whose rules have changed, until both have heard of it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('expertbook.zone', %s, true)", [zone])


def lock_slots(slot_ids: Iterable[int]) -> None:
    """Lock the slots' rows, in id order, until the end of the transaction; read them in a later statement.

    NO KEY: bookings that point to the slots may be inserted meanwhile, but their trigger waits. Raises NotFound.
    """
    wanted = set(slot_ids)
    rows = Slot.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk").values_list("pk")
    if len(rows) < len(wanted):
        raise NotFound


def lock_slot(slot_id: int) -> None:
    """As ``lock_slots``, for one."""
    lock_slots([slot_id])


def lock_free_slots(slots: Mapping[int, Slot]) -> dict[int, Slot]:
    """Lock those of the slots that nobody else has locked, in id order. Takes them as read; returns them as they are.

    One statement: it waits for nobody, so what it reads is as new as its locks, and PostgreSQL itself reads a row again
    that was changed between the two. For the same reason the experts are still as they were read.
    """
    with connection.cursor() as cursor:
        cursor.execute(_lock_free_statement(), [f"{settings.LOCK_TIMEOUT_MS}ms", list(slots)])
        rows = cursor.fetchall()
    locked = {}
    for _timeout, read_at, *values in rows:
        slot = _take(Slot, values)
        _relate(slot, "expert", slots[slot.pk].expert)
        slot.read_at = read_at
        locked[slot.pk] = slot
    return locked


def read_slot(slot_id: int) -> Slot:
    """Read the slot with its expert, and ``read_at``: the database's clock at this very statement.

    Not ``now()``, which inside a transaction is as old as the wait for the lock. Raises NotFound.
    """
    slot = read_slots([slot_id]).get(slot_id)
    if slot is None:
        raise NotFound
    return slot


def read_slots(slot_ids: Iterable[int]) -> dict[int, Slot]:
    """As ``read_slot``, for several in one query: those that there are, by id.

    In SQL that is put together once. Every booking asks, and the ORM would take longer to make the statement than
    PostgreSQL to answer it; what it says is held against ``slots_with_clock`` by a test.
    """
    with connection.cursor() as cursor:
        cursor.execute(_slots_statement(), [list(set(slot_ids))])
        rows = cursor.fetchall()
    slots: dict[int, Slot] = {}
    experts: dict[int, Expert] = {}  # many slots of one expert need it once
    for read_at, *values in rows:
        slot = _take(Slot, values)
        if slot.expert_id not in experts:
            expert = experts[slot.expert_id] = _take(Expert, values)
            _relate(expert, "organization", _take(Organization, values))
            _relate(expert, "category", _take(Category, values))
        _relate(slot, "expert", experts[slot.expert_id])
        slot.read_at = read_at
        slots[slot.pk] = slot
    return slots


@cache
def _slots_statement() -> str:
    return (
        f"SELECT clock_timestamp(), {_columns(Slot, Expert, Organization, Category)} FROM experts_slot"
        " JOIN experts_expert ON experts_expert.id = experts_slot.expert_id"
        " JOIN experts_organization ON experts_organization.id = experts_expert.organization_id"
        " JOIN experts_category ON experts_category.id = experts_expert.category_id"
        " WHERE experts_slot.id = ANY(%s)"
    )


@cache
def _lock_free_statement() -> str:
    return (
        f"SELECT set_config('lock_timeout', %s, true), clock_timestamp(), {_columns(Slot)} FROM experts_slot"
        " WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
    )


def _columns(*models: type[Model]) -> str:
    return ", ".join(
        f'{model._meta.db_table}."{field.column}"' for model in models for field in model._meta.concrete_fields
    )


def _take(model: type[Row], values: list[Any]) -> Row:
    """Make a row of the first values, one for each column, and remove them."""
    fields = model._meta.concrete_fields
    row = model.from_db(connection.alias, [field.attname for field in fields], values[: len(fields)])
    del values[: len(fields)]
    return row


def _relate(row: Model, name: str, related: Model) -> None:
    row._meta.get_field(name).set_cached_value(row, related)  # type: ignore[union-attr]  # a foreign key


def slots_with_clock() -> QuerySet[Slot]:
    """Slots as ``read_slot`` reads one."""
    clock = Func(function="clock_timestamp", output_field=DateTimeField())
    return Slot.objects.with_expert().annotate(read_at=clock)  # type: ignore[no-redef]  # the model names it, for readers
