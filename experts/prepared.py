"""Put the SQL of a query together once, have PostgreSQL plan it once, and run it with other values each time.

Django puts a query's SQL together each time that it runs, which for a few joined tables takes several times as long as
PostgreSQL needs to answer; and planning it takes PostgreSQL longer than running it. Only for queries that each booking
or each look at a page asks.
"""

import inspect
import re
from collections.abc import Callable
from copy import copy
from datetime import UTC, date, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Generic, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper
from django.db.models import Field, Lookup, Model, QuerySet
from django.db.models.query import ModelIterable
from django.db.models.sql.compiler import SQLCompiler

from experts.postgresql.base import ServerBindingCursor

Values = ParamSpec("Values")
Row = TypeVar("Row", bound=Model)


class PreparedQuery(Generic[Values, Row]):
    """A decorator of a function that makes a queryset from some values; called, it returns the rows.

    The function runs once, with placeholders for its values, of types that ``_MARKS`` knows: it may pass them to the
    queryset and do nothing else with them. A list is for the look-up ``any_of``. The rows are what the queryset would
    give, with what it joins, defers and annotates, from the database that it names with ``using``, if it does.
    """

    hides_length = True  # of lists, so that one plan is kept for all

    def __init__(self, make: Callable[Values, QuerySet[Row]]) -> None:
        self._make = make
        self._known_converters: Any = None
        self._signature = inspect.signature(make)
        self.__doc__ = make.__doc__

    def __call__(self, *args: Values.args, **kwargs: Values.kwargs) -> list[Row]:
        bound = self._bind(*args, **kwargs)
        # What ModelIterable asks of a queryset.
        query = SimpleNamespace(get_compiler=lambda using: bound)
        queryset: Any = SimpleNamespace(db=bound.using, query=query, _known_related_objects={})
        return list(ModelIterable(queryset))

    def _bind(self, *args: Values.args, **kwargs: Values.kwargs) -> Any:
        """Return a compiler that asks with these values."""
        given = self._signature.bind(*args, **kwargs).arguments
        compiler, sql, places, using = self._compiled
        bound = copy(compiler)
        bound.using = using or router.db_for_read(compiler.query.model)
        bound.connection = _PreparingConnection(connections[bound.using])
        values = tuple(given[place.name] for place in places)
        bound.as_sql = lambda *_args, **_kwargs: (sql, values)
        bound.get_converters = self._converters
        return bound

    def _converters(self, expressions: Any) -> Any:
        """As the compiler's own, which does not depend on the values either: worked out once."""
        if self._known_converters is None:
            compiler, *_rest = self._compiled
            self._known_converters = compiler.get_converters(expressions)
        return self._known_converters

    @cached_property
    def _compiled(self) -> tuple[Any, str, list["_Placeholder"], str | None]:
        """The compiler, which knows what columns mean, the SQL, what to put where it has ``%s``, and the database."""
        arrays = _ARRAYS if self.hides_length else {}
        marks = [
            (_MARKS[parameter.annotation](number), _Placeholder(name, arrays.get(parameter.annotation, "")))
            for number, (name, parameter) in enumerate(self._signature.parameters.items())
        ]
        made: Any = self._make(*(mark for mark, _placeholder in marks))  # type: ignore[call-arg]  # positional, all
        compiler = made.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        placed = [next((place for mark, place in marks if mark == value), value) for value in parameters]
        missing = {place.name for _mark, place in marks} - {v.name for v in placed if isinstance(v, _Placeholder)}
        assert not missing, f"the query does not use {missing}"
        connection: Any = connections[router.db_for_read(made.model)]
        places = [value for value in placed if isinstance(value, _Placeholder)]
        return compiler, _with_literals(sql, placed, connection.ops.compose_sql), places, made._db


class PreparedValues(PreparedQuery[Values, Row]):
    """As ``PreparedQuery``, for a queryset of ``values_list``; the rows are its tuples, in the order of the SELECT.

    That is: what the list names of the model's fields first, then what it annotates. How long a list is may decide how
    it is read here (experts/ordering.py walks an index for many experts), so PostgreSQL sees it.
    """

    hides_length = False

    def __call__(self, *args: Values.args, **kwargs: Values.kwargs) -> list[Any]:
        return list(self._bind(*args, **kwargs).results_iter(tuple_expected=True))

    def part(self, *args: Values.args, **kwargs: Values.kwargs) -> tuple[str, tuple[Any, ...], str]:
        """Return its SQL and the values for it, for ``prepared_cursor`` as a part of other SQL, and the database."""
        bound = self._bind(*args, **kwargs)
        return (*bound.as_sql(), bound.using)


class _PreparingConnection:
    """A connection of Django's whose cursors send values apart from the SQL, so that PostgreSQL plans it only once.

    That is after a few times; psycopg keeps the last 100 for each connection. ``prepare_threshold`` in the settings.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self) -> CursorWrapper:
        connection = self._connection
        connection.validate_thread_sharing()
        connection.ensure_connection()
        with connection.wrap_database_errors:
            cursor = ServerBindingCursor(connection.connection)  # type: ignore[call-arg]  # psycopg's, which the stubs omit
        return _LoggedCursor(cursor, connection) if connection.queries_logged else CursorWrapper(cursor, connection)


def prepared_cursor(using: str = DEFAULT_DB_ALIAS) -> CursorWrapper:
    """Return a cursor for SQL of our own that takes PostgreSQL longer to plan than to run: it plans it once.

    To be used in a ``with``. Values go apart from the SQL, so they need a cast where it does not tell their types.
    """
    return _PreparingConnection(connections[using]).cursor()


class _LoggedCursor(CursorDebugWrapper):
    """Logs the SQL as it was given: of a prepared statement, psycopg does not know the text any more."""

    def debug_sql(self, *args: Any, **kwargs: Any) -> Any:
        return super().debug_sql(*args, **kwargs | {"use_last_executed_query": False})


class _Placeholder:
    """Where a value goes. ``array`` is PostgreSQL's name of a list's type; "" of what is no list."""

    def __init__(self, name: str, array: str) -> None:
        self.name, self.array = name, array

    @property
    def sql(self) -> str:
        """A list comes through a sub-select, so that PostgreSQL cannot see how long it is and takes it for ten.

        Else it plans anew for each that is shorter, which takes as long as to run it.
        """
        return f"((SELECT %s::{self.array})::{self.array})" if self.array else "%s"


def _with_literals(sql: str, values: list[Any], compose: Callable[[str, list[Any]], str]) -> str:
    """Return the SQL with those values in it that are no placeholders, as ``compose`` writes them.

    PostgreSQL knows then that a condition is that of a partial index, whatever the values of a prepared statement are.
    """
    following = iter(values)

    def written(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return found[0]
        value = next(following)
        if isinstance(value, _Placeholder):
            return value.sql
        return compose("%s", [value]).replace("%", "%%")

    return re.sub("%[%s]", written, sql)


# Values that no query has of its own. The numbers fit the smallest column: Django knows of greater ones that no row has
# them.
_MARKS: dict[Any, Callable[[int], Any]] = {
    int: lambda number: 32_101 + number,
    str: lambda number: f"placeholder {number} of a prepared query",
    datetime: lambda number: datetime(1, 1, 1 + number, tzinfo=UTC),
    date: lambda number: date(1, 1, 1 + number),
    list[int]: lambda number: [32_101 + number],
    list[datetime]: lambda number: [datetime(1, 1, 1 + number, tzinfo=UTC)],
    list[str]: lambda number: [f"placeholder {number} of a prepared query"],
}
_ARRAYS: dict[Any, str] = {list[int]: "bigint[]", list[datetime]: "timestamptz[]", list[str]: "text[]"}


@Field.register_lookup
class AnyOf(Lookup):
    """``pk__any_of=[…]``: as ``pk__in``, with the list as one parameter, so that the SQL is the same for any length.

    Or an expression that is an array, which PostgreSQL makes once before it looks for the rows.
    """

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        if isinstance(self.rhs, list):
            return f"{column} = ANY(%s)", (*parameters, self.rhs)
        array, array_parameters = compiler.compile(self.rhs)
        return f"{column} = ANY({array})", (*parameters, *array_parameters)
