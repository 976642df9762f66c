"""Find in migrations what processes of the version before would not survive, or would have to wait for.

For some minutes the old code runs on the new schema: each process is started again after `release` has migrated. So a
migration adds first, and what nobody reads any more goes a release later.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import models
from django.db.migrations import Migration
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterModelTable,
    AlterUniqueTogether,
    CreateModel,
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
    RunPython,
    RunSQL,
    SeparateDatabaseAndState,
)
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED

# What must not be changed in one step, by operation.
FORBIDDEN: dict[type, str] = {
    RemoveField: "the old code still reads and writes the column: take it out of the code first, and drop it later",
    DeleteModel: "the old code still reads the table: take it out of the code first, and delete it a release later",
    RenameField: "the old code knows the column by its old name: add another, write both, and go on a release later",
    RenameModel: "the old code knows the table by its old name",
    AlterModelTable: "the old code knows the table by its old name",
    AlterUniqueTogether: "rows that the old code may write are refused, and writers wait while it is built",
}


@dataclass(frozen=True)
class Fault:
    """``place`` names the operation: ``experts.0029_x AddField expert.mood``."""

    place: str
    why: str

    def __str__(self) -> str:
        return f"{self.place}: {self.why}"


def faults(migration: Migration, state: ProjectState, new: set[str]) -> Iterator[Fault]:
    """Yield what is wrong with a migration.

    ``state`` is that before it, and is moved on. ``new``: models (``app.name``) that were made since the release, whose
    tables the old code does not know; those that this one makes are added.
    """
    label = f"{migration.app_label}.{migration.name}"
    for operation in migration.operations:
        for why in _faults(operation, migration.app_label, state, new):
            yield Fault(f"{label} {type(operation).__name__} {_about(operation)}".rstrip(), why)
        state.clear_delayed_apps_cache()
        operation.state_forwards(migration.app_label, state)


def _about(operation: Any) -> str:
    thing = getattr(operation, "model_name", "") or getattr(operation, "name", "")
    inner = getattr(operation, "name", "") if getattr(operation, "model_name", "") else ""
    constraint = getattr(operation, "constraint", None) or getattr(operation, "index", None)
    return ".".join(filter(None, [thing, inner or getattr(constraint, "name", "")])).lower()


def _faults(operation: Any, app: str, state: ProjectState, new: set[str]) -> Iterator[str]:
    if isinstance(operation, CreateModel):
        new.add(f"{app}.{operation.name_lower}")
        return
    if isinstance(operation, SeparateDatabaseAndState):
        for inner in operation.database_operations:
            yield from _faults(inner, app, state, new)
        return
    name = (getattr(operation, "model_name", "") or getattr(operation, "name", "") or "").lower()
    if f"{app}.{name}" in new:
        return
    if type(operation) in FORBIDDEN:
        yield FORBIDDEN[type(operation)]
    elif isinstance(operation, AddField):
        yield from _added(operation.field)
    elif isinstance(operation, AlterField):
        yield from _altered(state.models[app, name].fields[operation.name], operation.field)
    elif isinstance(operation, AddConstraint) and not isinstance(operation, AddConstraintNotValid):
        yield "everybody waits while all rows are looked at: AddConstraintNotValid, and ValidateConstraint later"
    elif isinstance(operation, AddIndex) and not isinstance(operation, AddIndexConcurrently):
        yield "writers wait while it is built: AddIndexConcurrently"
    elif isinstance(operation, RunSQL | RunPython):
        yield "nobody can see what this does: read it, and list it with the reason for which the old code survives it"


def _added(field: models.Field) -> Iterator[str]:
    if field.many_to_many or field.null:
        return
    if field.db_default is NOT_PROVIDED and not getattr(field, "generated", False):
        yield "the old code inserts rows without it: give it db_default, or let it be null"


def _altered(before: models.Field, after: models.Field) -> Iterator[str]:
    if before.null and not after.null:
        yield "the old code may still write null: add a check that is not valid first"
    if before.max_length and after.max_length and after.max_length < before.max_length:
        yield "the old code may still write longer values"
    if type(before) is not type(after):
        yield "the table is written anew, and the old code writes other values"
    if before.db_default is not NOT_PROVIDED and after.db_default is NOT_PROVIDED and not after.null:
        yield "the old code may insert rows without it"
