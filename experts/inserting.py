"""Insert many rows of a model at once, or write one anew, by SQL that is put together once.

Django writes a statement with each value of each row in it, which it, psycopg and PostgreSQL go through part by part:
four times the CPU of this for a booking among 32 (docs/decisions/0055-fewer-microseconds.md).
"""

import json
from collections.abc import Sequence
from datetime import date, time
from functools import cache
from operator import attrgetter
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import DatabaseError, connection, models
from django.db.models.expressions import DatabaseDefault

from experts.history import writing_cursor

# What JSON says in the way in which PostgreSQL reads it into the column.
_SAYABLE = (
    models.BooleanField,
    models.CharField,
    models.DateField,  # and DateTimeField
    models.ForeignKey,
    models.GenericIPAddressField,
    models.IntegerField,
    models.JSONField,
    models.TextField,
    models.TimeField,
    ArrayField,
)
_BATCH = 1000  # rows in one statement


def insert_all(rows: Sequence[models.Model]) -> None:
    """Insert unsaved rows of one model, a thousand in a statement, and give them their keys, as ``bulk_create`` does.

    Without the latter's transaction, and only for models whose fields hold what they are given: raises TypeError for
    others, and where a value is no number, text, date, time, instant, list or dict. What the first row leaves to the
    database's defaults, all do.
    """
    if not rows:
        return
    model = type(rows[0])
    left_out = frozenset(name for name, value in vars(rows[0]).items() if isinstance(value, DatabaseDefault))
    sql, names, values_of = _prepared(model, left_out)
    keys: list[tuple[int]] = []
    with writing_cursor() as cursor:
        for at in range(0, len(rows), _BATCH):
            said = _say([dict(zip(names, values_of(row), strict=True)) for row in rows[at : at + _BATCH]])
            cursor.execute(sql, [said])
            keys += cursor.fetchall()
    for row, (key,) in zip(rows, keys, strict=True):
        row.pk = key
        row._state.adding, row._state.db = False, connection.alias


def update_row(row: models.Model) -> None:
    """Write all columns of a row that there is, by its key, as ``save`` does: of models and values as ``insert_all``.

    Raises DatabaseError where it is not there.
    """
    sql, names, values_of = _prepared_update(type(row))
    with writing_cursor() as cursor:
        cursor.execute(sql, [_say(dict(zip(names, values_of(row), strict=True))), row.pk])
        if cursor.rowcount != 1:
            raise DatabaseError(f"{row._meta.label} {row.pk} is not there to be updated")
    row._state.adding, row._state.db = False, connection.alias


@cache
def _prepared_update(model: type[models.Model]) -> tuple[str, list[str], Any]:
    """As ``_prepared``. One row in a statement: of many, PostgreSQL would not see that they are few."""
    fields = _fields(model, frozenset())
    quoted = connection.ops.quote_name
    names = [str(field.column) for field in fields]
    table, key = quoted(model._meta.db_table), quoted(str(model._meta.pk.column))
    columns = ", ".join(f"{quoted(name)} = given.{quoted(name)}" for name in names)
    sql = f"UPDATE {table} SET {columns} FROM json_populate_record(NULL::{table}, %s) AS given WHERE {table}.{key} = %s"
    return sql, names, attrgetter(*(field.attname for field in fields))


@cache
def _prepared(model: type[models.Model], left_out: frozenset[str]) -> tuple[str, list[str], Any]:
    """The statement, the columns that it takes, and what reads their values from a row."""
    fields = _fields(model, left_out)
    quoted = connection.ops.quote_name
    names = [str(field.column) for field in fields]
    table, columns = quoted(model._meta.db_table), ", ".join(map(quoted, names))
    sql = (
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s::json)"
        f" RETURNING {quoted(str(model._meta.pk.column))}"
    )
    return sql, names, attrgetter(*(field.attname for field in fields))


def _fields(model: type[models.Model], left_out: frozenset[str]) -> list[Any]:
    """Those that are written. Raises TypeError."""
    written = (it for it in model._meta.concrete_fields if not it.primary_key and not it.generated)
    fields = [it for it in written if it.attname not in left_out]
    for field in fields:
        changes_it = ("auto_now", "auto_now_add", "encoder")
        if not isinstance(field, _SAYABLE) or any(getattr(field, name, None) for name in changes_it):
            raise TypeError(f"insert_all does not know how to write {field}")
    return fields


def _moment(value: object) -> str:
    if isinstance(value, date | time):  # an instant is a date, too
        return value.isoformat()
    raise TypeError(f"insert_all does not know how to write a {type(value).__name__}")


_say = json.JSONEncoder(default=_moment, check_circular=False, separators=(",", ":")).encode
