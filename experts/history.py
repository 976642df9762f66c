"""Tell PostgreSQL once in a transaction who changes rows, and from where: what triggers write into the history.

pghistory puts that before each statement that may write, as one more statement: three times in a booking, and none of
them could be prepared. Here it is said with the first of a transaction, often by one that locks something anyway, and
again only when it has changed, or when a rollback to a savepoint may have taken it back.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper
from pghistory import config, runtime

from experts.prepared import prepared_cursor

_connection: Any = connection  # of the class in experts/postgresql/base.py


class Said(NamedTuple):
    """The context of the history: its id, and what it says, as JSON."""

    id: str
    metadata: str


@contextmanager
def said_with() -> Iterator[tuple[str, list[str]]]:
    """Give what a SELECT of one row has to say, if anything, after what it selects, and the values for it.

    In a transaction; PostgreSQL knows it when the block has ended well.
    """
    if (said := unsaid()) is None:
        yield "", []
        return
    yield ", set_config('pghistory.context_id', %s, true), set_config('pghistory.context_metadata', %s, true)", [*said]
    was_said()


def unsaid() -> Said | None:
    """Return what PostgreSQL does not know yet of the context in which this thread works; None if that is nothing."""
    current = _current()
    if current is None or _connection.history_said == current:
        return None
    identity, metadata = current
    return Said(str(identity), json.dumps(metadata, cls=config.json_encoder()))


def was_said() -> None:
    """Note that PostgreSQL was told what was ``unsaid``, by a statement that has succeeded."""
    if _connection.in_atomic_block:
        _connection.history_said = _current()


def writing_cursor() -> CursorWrapper:
    """Return a cursor for a statement of ours that writes: one that prepares it, unless the history goes before it."""
    return connection.cursor() if unsaid() else prepared_cursor()


def carry_out(task: Callable[[], None]) -> None:
    """Do what belongs to another thread or visit, in a copy of its context: with its history."""
    if _current() is None:
        task()
        return
    with connection.execute_wrapper(tell_once):
        task()


def tell_once(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Do as pghistory's wrapper of statements does, except where PostgreSQL knows it already."""
    asked = context["connection"]
    if not runtime._can_inject_variable(context["cursor"], sql) or asked.history_said == _current():
        return execute(sql, params, many, context)
    result = _pghistorys(execute, sql, params, many, context)
    if asked.in_atomic_block:
        asked.history_said = _current()
    return result


def _current() -> tuple[Any, dict[str, Any]] | None:
    """What this thread's context is now; a copy, as whoever works in it may add to it."""
    value = getattr(runtime._tracker, "value", None)
    return None if value is None else (value.id, dict(value.metadata))


class _Tracker:
    """Where pghistory keeps a context: of a thread, as its own does, or of a visit, of which one thread has many."""

    _value: ContextVar[Any] = ContextVar("history", default=None)

    @property
    def value(self) -> Any:
        if (value := self._value.get()) is None:
            raise AttributeError("value")  # which pghistory looks for
        return value

    @value.setter
    def value(self, value: Any) -> None:
        self._value.set(value)

    @value.deleter
    def value(self) -> None:
        self._value.set(None)


runtime._tracker = _Tracker()  # type: ignore[assignment]  # all that is asked of it is ``value``
_pghistorys = runtime._inject_history_context
runtime._inject_history_context = tell_once  # which contexts look up when they are entered
