"""Import something out of a table: row by row through the services, all or nothing.

A row is what it says or an error with its number. What is there already stays as it is, so that the same table imported
again changes nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import groupby
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from experts.errors import Busy, Refused
from experts.locking import slot_transaction
from experts.tables import Table

MOST_ERRORS = 200  # told of
MOST_SEATS = 1000
PROGRESS_EVERY = 50  # rows


class RowError(Exception):
    """Why a row cannot be imported, for people."""


@dataclass(frozen=True)
class ImportColumn:
    """A column that an import reads, under any of its names; what stands in it, and an example for the template."""

    name: str
    means: Any
    example: str
    required: bool = False
    aliases: tuple[str, ...] = ()


@dataclass
class Outcome:
    """What an import has done, or would do."""

    rows: int = 0
    added: int = 0
    unchanged: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As it is kept with the run: not more than the first errors, but how many there are."""
        errors = sorted(self.errors)
        return {
            "rows": self.rows,
            "added": self.added,
            "unchanged": self.unchanged,
            "errors": errors[:MOST_ERRORS],
            "error_count": len(errors),
            "ignored": self.ignored,
        }


@dataclass(frozen=True)
class ImportedLine:
    """A row of a table, by the names of columns; ``""`` where a cell is empty."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")

    def need(self, column: ImportColumn) -> str:
        if text := self[column.name]:
            return text
        raise RowError(_("%(column)s is missing.") % {"column": column.name})

    def day(self) -> date:
        """A date such as 2027-03-10, or 10.03.2027. Not with strokes: nobody knows which is the month."""
        text = self["date"].split(" ")[0] if re.fullmatch(r"\S+ 00:00(:00)?", self["date"]) else self["date"]
        for pattern in ("%Y-%m-%d", "%d.%m.%Y"):
            try:
                found = datetime.strptime(text, pattern).date()
            except ValueError:
                continue
            if found.year >= 2000 and found.year < 2200:
                return found
        raise RowError(_("%(column)s is no day such as 2027-03-10.") % {"column": "date"})

    def clock(self, name: str = "time") -> time:
        """A time such as 14:30."""
        if found := re.fullmatch(r"(?:\d{4}-\d\d-\d\d )?(\d{1,2})[:.](\d\d)(?::00)?", self[name]):
            hour, minute = int(found[1]), int(found[2])
            if hour < 24 and minute < 60:
                return time(hour, minute)
        raise RowError(_("%(column)s is no time such as 14:30.") % {"column": name})

    def number_or(self, name: str, usual: int | None, most: int) -> int | None:
        """A whole number from 1 to ``most``; ``usual`` where the cell is empty."""
        text = self[name]
        if not text:
            return usual
        if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= most:
            raise RowError(_("%(column)s is no number from 1 to %(most)d.") % {"column": name, "most": most})
        return int(text)


Progress = Callable[[int], None]
# Reads or writes one line: True when something was added, False when it was there already. Raises RowError.
WriteLine = Callable[[ImportedLine], bool]


def normal(name: str) -> str:
    """The name of a column as it is compared: ``E-mail address`` -> ``e_mail_address``."""
    return re.sub(r"[\W_]+", "_", name.strip().lower()).strip("_")


def read_lines(table: Table, columns: Iterable[ImportColumn], outcome: Outcome) -> list[ImportedLine]:
    """The table's rows by the names of its columns. Missing and doubled columns are errors of the outcome."""
    known = {normal(name): column for column in columns for name in (column.name, *column.aliases)}
    places: dict[str, int] = {}
    for place, head in enumerate(table.columns):
        column = known.get(normal(head))
        if column is None:
            outcome.ignored.append(head[:60])
        elif column.name in places:
            outcome.errors.append((1, _("There are two columns for %(column)s.") % {"column": column.name}))
        else:
            places[column.name] = place
    for column in columns:
        if column.required and column.name not in places:
            outcome.errors.append((1, _("The column %(column)s is missing.") % {"column": column.name}))
    outcome.rows = len(table.rows)
    return [
        ImportedLine(number, {name: cells[place] for name, place in places.items()}) for number, cells in table.rows
    ]


@contextmanager
def errors_of_row() -> Iterator[None]:
    """Turn what a service refuses into an error of the row; what it wrote is undone. Busy stays: try again later."""
    try:
        with transaction.atomic():
            yield
    except Busy:
        raise
    except Refused as refusal:
        texts = [text for texts in refusal.fields.values() for text in texts] or [str(refusal)]
        raise RowError(" ".join(map(str, texts))) from refusal
    except ValidationError as error:
        raise RowError(_texts_of(error)) from error


def _texts_of(error: ValidationError) -> str:
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())


def write_lines(
    lines: list[ImportedLine],
    write: WriteLine,
    outcome: Outcome,
    *,
    is_trial: bool,
    together: Callable[[ImportedLine], Any],
    progress: Progress,
    begin: Callable[[list[ImportedLine]], None] = lambda lines: None,
) -> None:
    """Write all lines, or none where one of them cannot be, or all of it is a trial.

    A trial is undone in parts, so that nobody waits for it for long: lines with the same key ``together``, which follow
    each other, are tried in one transaction. What is meant is written in one. Each begins with ``begin``, for the locks
    of its lines.
    """
    done = 0

    def write_some(some: list[ImportedLine]) -> None:
        nonlocal done
        begin(some)
        for line in some:
            try:
                with errors_of_row():
                    is_new = write(line)
            except RowError as error:
                outcome.errors.append((line.number, str(error)))
            else:
                outcome.added += is_new
                outcome.unchanged += not is_new
            done += 1
            if done % PROGRESS_EVERY == 0:
                progress(done)

    write_in_parts(lines, write_some, outcome, is_trial=is_trial, together=together)


def write_in_parts(
    lines: list[ImportedLine],
    write_some: Callable[[list[ImportedLine]], None],
    outcome: Outcome,
    *,
    is_trial: bool,
    together: Callable[[ImportedLine], Any],
) -> None:
    if is_trial:
        for _key, some in groupby(lines, key=together):
            with slot_transaction():
                write_some(list(some))
                transaction.set_rollback(True)
        return
    with slot_transaction():
        write_some(lines)
        if outcome.errors:
            transaction.set_rollback(True)
            outcome.added = 0
