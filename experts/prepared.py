"""Put the SQL of a query together once, and run it with other values each time.

Django puts a query's SQL together each time that it runs, which for a few joined tables takes several times as long as
PostgreSQL needs to answer. Only for queries that each booking asks.
"""

import inspect
from collections.abc import Callable
from copy import copy
from datetime import UTC, date, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Generic, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Lookup, Model, QuerySet
from django.db.models.query import ModelIterable
from django.db.models.sql.compiler import SQLCompiler

Values = ParamSpec("Values")
Row = TypeVar("Row", bound=Model)


class PreparedQuery(Generic[Values, Row]):
    """A decorator of a function that makes a queryset from some values; called, it returns the rows.

    The function runs once, with placeholders for its values, of types that ``_MARKS`` knows: it may pass them to the
    queryset and do nothing else with them. A list is for the look-up ``any_of``. The rows are what the queryset would
    give, with what it joins, defers and annotates.
    """

    def __init__(self, make: Callable[Values, QuerySet[Row]]) -> None:
        self._make = make
        self._signature = inspect.signature(make)
        self.__doc__ = make.__doc__

    def __call__(self, *args: Values.args, **kwargs: Values.kwargs) -> list[Row]:
        bound = self._bind(*args, **kwargs)
        # What ModelIterable asks of a queryset.
        query = SimpleNamespace(get_compiler=lambda using: bound)
        queryset: Any = SimpleNamespace(db=DEFAULT_DB_ALIAS, query=query, _known_related_objects={})
        return list(ModelIterable(queryset))

    def _bind(self, *args: Values.args, **kwargs: Values.kwargs) -> Any:
        """Return a compiler that asks with these values."""
        given = self._signature.bind(*args, **kwargs).arguments
        compiler, sql, parameters = self._compiled
        bound = copy(compiler)
        bound.connection = connections[DEFAULT_DB_ALIAS]
        values = tuple(given[value.name] if isinstance(value, _Placeholder) else value for value in parameters)
        bound.as_sql = lambda *_args, **_kwargs: (sql, values)
        return bound

    @cached_property
    def _compiled(self) -> tuple[Any, str, list[Any]]:
        """The compiler, which knows what the columns mean, the SQL, and its parameters with placeholders in them."""
        marks = [
            (_MARKS[parameter.annotation](number), _Placeholder(name))
            for number, (name, parameter) in enumerate(self._signature.parameters.items())
        ]
        made: Any = self._make(*(mark for mark, _placeholder in marks))  # type: ignore[call-arg]  # positional, all
        compiler = made.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        placed = [next((place for mark, place in marks if mark == value), value) for value in parameters]
        missing = {place.name for _mark, place in marks} - {v.name for v in placed if isinstance(v, _Placeholder)}
        assert not missing, f"the query does not use {missing}"
        return compiler, sql, placed


class PreparedValues(PreparedQuery[Values, Row]):
    """As ``PreparedQuery``, for a queryset of ``values_list``; the rows are its tuples, in the order of the SELECT.

    That is: what the list names of the model's fields first, then what it annotates.
    """

    def __call__(self, *args: Values.args, **kwargs: Values.kwargs) -> list[Any]:
        return list(self._bind(*args, **kwargs).results_iter(tuple_expected=True))


class _Placeholder:
    def __init__(self, name: str) -> None:
        self.name = name


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


@Field.register_lookup
class AnyOf(Lookup):
    """``pk__any_of=[…]``: as ``pk__in``, with the list as one parameter, so that the SQL is the same for any length."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", (*parameters, self.rhs)
