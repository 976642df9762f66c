"""Put the SQL of a query together once, and run it with other values each time.

Django puts a query's SQL together each time that it runs, which for a few joined tables takes several times as long as
PostgreSQL needs to answer. Only for queries that each booking asks.
"""

import inspect
from collections.abc import Callable
from copy import copy
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Generic, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable

Values = ParamSpec("Values")
Row = TypeVar("Row", bound=Model)


class PreparedQuery(Generic[Values, Row]):
    """A decorator of a function that makes a queryset from values of type int or str; called, it returns the rows.

    The function runs once, with placeholders for its values: it may pass them to the queryset and do nothing else with
    them. The rows are what the queryset would give, with what it joins, defers and annotates.
    """

    def __init__(self, make: Callable[Values, QuerySet[Row]]) -> None:
        self._make = make
        self._signature = inspect.signature(make)
        self.__doc__ = make.__doc__

    def __call__(self, *args: Values.args, **kwargs: Values.kwargs) -> list[Row]:
        given = self._signature.bind(*args, **kwargs).arguments
        compiler, sql, parameters = self._compiled
        bound = copy(compiler)
        bound.connection = connections[DEFAULT_DB_ALIAS]
        values = tuple(given[value.name] if isinstance(value, _Placeholder) else value for value in parameters)
        bound.as_sql = lambda *_args, **_kwargs: (sql, values)
        # What ModelIterable asks of a queryset.
        query = SimpleNamespace(get_compiler=lambda using: bound)
        queryset: Any = SimpleNamespace(db=DEFAULT_DB_ALIAS, query=query, _known_related_objects={})
        return list(ModelIterable(queryset))

    @cached_property
    def _compiled(self) -> tuple[Any, str, list[Any]]:
        """The compiler, which knows what the columns mean, the SQL, and its parameters with placeholders in them."""
        marks: dict[Any, _Placeholder] = {}
        for number, (name, parameter) in enumerate(self._signature.parameters.items()):
            # A number that fits the smallest column: Django knows of a greater one that no row has it.
            mark = {int: 32_101 + number, str: f"placeholder {number} of a prepared query"}[parameter.annotation]
            marks[mark] = _Placeholder(name)
        made: Any = self._make(*marks)  # type: ignore[call-arg]  # positional, whatever they are called
        compiler = made.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        placed = [marks.get(value, value) if isinstance(value, int | str) else value for value in parameters]
        missing = {mark.name for mark in marks.values()} - {v.name for v in placed if isinstance(v, _Placeholder)}
        assert not missing, f"the query does not use {missing}"
        return compiler, sql, placed


class _Placeholder:
    def __init__(self, name: str) -> None:
        self.name = name
