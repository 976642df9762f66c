"""Open a transaction that locks slots, lock them, and read them under the lock."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import DateTimeField, Func, QuerySet, TextField, Value
from psycopg.errors import DeadlockDetected

from experts import metrics
from experts.errors import Busy, ChangedMeanwhile, NotFound
from experts.history import said_with, unsaid, was_said
from experts.models import Slot
from experts.outages import busy_for
from experts.prepared import PreparedQuery

# In which everybody locks slots, so that nobody waits for whoever waits for them; the trigger on Booking does so, too.
LOCK_ORDER = ("starts_at", "pk")
Given = ParamSpec("Given")
Result = TypeVar("Result")


def violated_constraint(error: DatabaseError) -> str | None:
    """Return the name of the constraint that refused the statement, if one did."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)


@contextmanager
def slot_transaction(*, waits: bool = True) -> Iterator[None]:
    """Open a transaction that waits for row locks no longer than ``LOCK_TIMEOUT_MS``.

    Its first statement sets that time, and says who writes (experts/history.py). Without ``waits`` that is done by what
    follows: ``lock_free_slots``, or a statement of the caller's.

    Raises Busy, with nothing written, when a lock does not come in time or PostgreSQL breaks a deadlock, and
    Unavailable, which is one, where the database is away or broken.
    """
    try:
        with transaction.atomic():
            if waits:
                # Local to the transaction: session settings do not survive a pooler in transaction mode.
                with said_with() as (history, values), connection.cursor() as cursor:
                    given = [f"{settings.LOCK_TIMEOUT_MS}ms", *values]
                    cursor.execute(f"SELECT set_config('lock_timeout', %s, true){history}", given)
            yield
    except OperationalError as error:
        raise busy_for(error) from error


def may_be_repeated(busy: Busy) -> bool:
    """Say whether the same may succeed at once: PostgreSQL broke a deadlock, or other slots were to be locked.

    Never within a transaction of the caller's, of which the locks are kept.
    """
    was_deadlock = isinstance(getattr(busy.__cause__, "__cause__", None), DeadlockDetected)
    return (was_deadlock or isinstance(busy, ChangedMeanwhile)) and not connection.in_atomic_block


def repeated(act: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a write be tried twice more where that may succeed at once (``may_be_repeated``)."""

    @wraps(act)
    def tried(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        for _more in range(2):
            try:
                return act(*args, **kwargs)
            except Busy as busy:
                if not may_be_repeated(busy):
                    raise
        return act(*args, **kwargs)

    return tried


def vouch_for_clocks(zone: str) -> None:
    """Tell the database that dates and times of slots are worked out for this zone, until the transaction ends.

    It does not compare them with their instants then. PostgreSQL has data about time zones of its own: without this,
    nobody could add slots in a zone whose rules have changed, until both have heard of it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('expertbook.zone', %s, true)", [zone])


def lock_slots(slot_ids: Iterable[int]) -> None:
    """Lock the slots' rows, in order of time, until the end of the transaction; read them in a later statement.

    NO KEY: bookings that point to the slots may be inserted meanwhile, but their trigger waits. Raises NotFound.
    """
    wanted = set(slot_ids)
    rows = Slot.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by(*LOCK_ORDER).values_list("pk")
    with metrics.timed(metrics.lock_seconds):
        found = len(rows)
    if found < len(wanted):
        raise NotFound


def lock_slot(slot_id: int) -> None:
    """As ``lock_slots``, for one."""
    lock_slots([slot_id])


def lock_free_slots(slots: Mapping[int, Slot]) -> dict[int, Slot]:
    """Lock those of the slots that nobody else has locked, in order of time. Takes them as read; returns them as new.

    One statement: it waits for nobody, so what it reads is as new as its locks, and PostgreSQL itself reads a row again
    that was changed between the two. For the same reason the experts are still as they were read.
    """
    timeout, said = f"{settings.LOCK_TIMEOUT_MS}ms", unsaid()
    with metrics.timed(metrics.lock_seconds):
        rows = _free_slots(list(slots), timeout, *said) if said else _free_slots_alone(list(slots), timeout)
    if said and rows:
        was_said()
    locked = {slot.pk: slot for slot in rows}
    for slot in locked.values():
        slot.expert = slots[slot.pk].expert
    return locked


@PreparedQuery
def _free_slots(slot_ids: list[int], lock_timeout: str, context: str, metadata: str) -> QuerySet[Slot]:
    told = {"context": _set("pghistory.context_id", context), "metadata": _set("pghistory.context_metadata", metadata)}
    return _not_locked(slot_ids, lock_timeout).annotate(**told)


@PreparedQuery
def _free_slots_alone(slot_ids: list[int], lock_timeout: str) -> QuerySet[Slot]:
    return _not_locked(slot_ids, lock_timeout)


def _not_locked(slot_ids: list[int], lock_timeout: str) -> QuerySet[Slot]:
    free = Slot.objects.select_for_update(no_key=True, skip_locked=True).filter(pk__any_of=slot_ids)
    free = free.order_by(*LOCK_ORDER)
    bound = _set("lock_timeout", lock_timeout)
    return free.annotate(lock_timeout=bound, read_at=_clock())  # type: ignore[no-redef]  # as slots_with_clock


def _set(name: str, value: str) -> Func:
    """Set it until the transaction ends."""
    return Func(Value(name), Value(value), True, function="set_config", output_field=TextField())


def read_slot(slot_id: int) -> Slot:
    """Read the slot with its expert, and ``read_at``: the database's clock at this very statement.

    Not ``now()``, which inside a transaction is as old as the wait for the lock. Raises NotFound.
    """
    slot = read_slots([slot_id]).get(slot_id)
    if slot is None:
        raise NotFound
    return slot


def read_slots(slot_ids: Iterable[int]) -> dict[int, Slot]:
    """As ``read_slot``, for several in one query: those that there are, by id."""
    return {slot.pk: slot for slot in _slots(list(set(slot_ids)))}


@PreparedQuery
def _slots(slot_ids: list[int]) -> QuerySet[Slot]:
    return slots_with_clock().filter(pk__any_of=slot_ids).order_by()


def slots_with_clock() -> QuerySet[Slot]:
    """Slots as ``read_slot`` reads one."""
    return with_clock(Slot.objects.with_expert())


def with_clock(slots: QuerySet[Slot]) -> QuerySet[Slot]:
    """Slots, each with ``read_at``."""
    return slots.annotate(read_at=_clock())  # type: ignore[no-redef]  # the model names it, for readers


def _clock() -> Func:
    return Func(function="clock_timestamp", output_field=DateTimeField())
