"""Import experts and slots out of a table: row by row through the services, all or nothing.

A row is what it says or an error with its number. What is there already stays as it is, so that the same table imported
again changes nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import groupby
from typing import Any, NamedTuple, NoReturn

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from experts.errors import Busy, Refused
from experts.locking import slot_transaction
from experts.models import Category, Expert, Organization, Slot
from experts.models.expert import LANGUAGES, Venue
from experts.services.experts import save_expert
from experts.services.slots import LONGEST_MINUTES, add_slots
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

    _write_in_parts(lines, write_some, outcome, is_trial=is_trial, together=together)


def _write_in_parts(
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


# Experts

EXPERT_COLUMNS = (
    ImportColumn("name", gettext_lazy("Name"), "Dr Amara Okafor", required=True, aliases=("full name",)),
    ImportColumn(
        "address",
        gettext_lazy("The last part of the page’s address; made of the name if left empty"),
        "amara-okafor",
        aliases=("slug", "expert address"),
    ),
    ImportColumn("category", gettext_lazy("Category, by its name; the only one if left empty"), "Health"),
    ImportColumn("headline", gettext_lazy("One line below the name"), "Physiotherapist"),
    ImportColumn("about", gettext_lazy("What visitors read"), "", aliases=("bio",)),
    ImportColumn(
        "time zone",
        gettext_lazy("Such as Europe/London; the organisation’s if left empty"),
        "Europe/London",
        aliases=("timezone",),
    ),
    ImportColumn("languages", gettext_lazy("Codes such as en, de"), "en, de"),
    ImportColumn("minutes", gettext_lazy("Usual length of a session"), "30", aliases=("session minutes",)),
    ImportColumn("seats", gettext_lazy("Usual number of seats"), "1", aliases=("capacity",)),
    ImportColumn("place", gettext_lazy("in person, phone or video"), "in person", aliases=("venue",)),
    ImportColumn(
        "place note", gettext_lazy("Address, or how to join"), "12 Mill Lane, London", aliases=("venue note",)
    ),
    ImportColumn("city", gettext_lazy("City; the organisation’s if left empty"), "London"),
)


def import_experts(
    *, organization: Organization, table: Table, is_trial: bool, progress: Progress = lambda done: None
) -> Outcome:
    """Add the experts of a table to an organisation, all or none; a trial adds none. Returns what it (would have) done.

    An expert is there already if one of the organisation has that address, or without one that name. Raises Busy.
    """
    outcome = Outcome()
    lines = read_lines(table, EXPERT_COLUMNS, outcome)
    if outcome.errors:
        return outcome
    categories = list(Category.objects.all())
    own = Expert.objects.filter(organization=organization)
    slugs = set(own.values_list("slug", flat=True))
    names = {name.casefold() for name in own.values_list("name", flat=True)}

    def write(line: ImportedLine) -> bool:
        name = line.need(EXPERT_COLUMNS[0])
        slug = line["address"].strip("/").rpartition("/")[2].lower()
        if (slug in slugs) if slug else (name.casefold() in names):
            return False
        expert = Expert(
            organization=organization,
            category=_category(line, categories),
            name=name,
            slug=slug or slugify(name)[:80],
            headline=line["headline"],
            bio=line["about"],
            timezone=line["time zone"] or organization.timezone,
            languages=_languages(line),
            session_minutes=line.number_or("minutes", 30, LONGEST_MINUTES) or 30,
            default_capacity=line.number_or("seats", 1, MOST_SEATS) or 1,
            venue=_venue(line),
            venue_note=line["place note"],
            city=line["city"],
        )
        if not expert.slug:
            raise RowError(_("address is missing, and cannot be made of this name."))
        expert.full_clean(exclude=["organization", "category", "user"])
        save_expert(expert=expert)
        slugs.add(expert.slug)
        names.add(name.casefold())
        return True

    write_lines(lines, write, outcome, is_trial=is_trial, together=lambda line: None, progress=progress)
    return outcome


def _category(line: ImportedLine, categories: list[Category]) -> Category:
    wanted = line["category"].casefold()
    if not wanted and len(categories) == 1:
        return categories[0]
    for category in categories:
        if wanted in (category.name.casefold(), category.slug):
            return category
    names = ", ".join(category.name for category in categories[:20])
    raise RowError(_("category is none of these: %(names)s.") % {"names": names})


def _languages(line: ImportedLine) -> list[str]:
    codes = [code.lower() for code in re.split(r"[\s,;/]+", line["languages"]) if code]
    if unknown := [code for code in codes if code not in LANGUAGES]:
        raise RowError(_("“%(code)s” is no language that is offered here.") % {"code": unknown[0][:20]})
    return list(dict.fromkeys(codes))


def _venue(line: ImportedLine) -> str:
    wanted = normal(line["place"])
    if not wanted:
        return Venue.IN_PERSON
    for venue in Venue:
        if wanted in (venue.value, normal(str(venue.label)), venue.value.partition("_")[0]):
            return venue.value
    raise RowError(_("place is none of these: in person, phone, video."))


# Slots

SLOT_COLUMNS = (
    ImportColumn(
        "expert",
        gettext_lazy("The expert’s name, or the last part of the page’s address"),
        "Dr Amara Okafor",
        required=True,
    ),
    ImportColumn(
        "expert address",
        gettext_lazy("The same, where two experts have one name"),
        "",
        aliases=("expert slug", "address"),
    ),
    ImportColumn("date", gettext_lazy("2027-03-10, on the expert’s calendar"), "2027-03-10", required=True),
    ImportColumn("time", gettext_lazy("14:30, on the expert’s clock"), "14:30", required=True),
    ImportColumn("minutes", gettext_lazy("Length; the expert’s usual one if left empty"), "30"),
    ImportColumn("seats", gettext_lazy("Seats; the expert’s usual number if left empty"), "1", aliases=("capacity",)),
    ImportColumn("title", gettext_lazy("What visitors read on it, if anything"), ""),
)


class ExpertNames:
    """The experts of an organisation as tables call them: by address, or by a name that only one of them has."""

    def __init__(self, organization: Organization) -> None:
        experts = list(Expert.objects.filter(organization=organization).select_related("organization", "category"))
        self._by_slug = {expert.slug: expert for expert in experts}
        self._by_name: dict[str, list[Expert]] = {}
        for expert in experts:
            self._by_name.setdefault(expert.name.casefold(), []).append(expert)

    def find(self, line: ImportedLine) -> Expert:
        slug, name = line["expert address"].strip("/").rpartition("/")[2].lower(), line["expert"]
        if slug:
            if slug in self._by_slug:
                return self._by_slug[slug]
            _unknown(slug)
        named = self._by_name.get(name.casefold(), [])
        if len(named) == 1:
            return named[0]
        if len(named) > 1:
            raise RowError(_("Several experts are called %(name)s: use the address.") % {"name": name[:80]})
        if name.lower() in self._by_slug:
            return self._by_slug[name.lower()]
        _unknown(name)

    def key(self, line: ImportedLine) -> tuple[int, str, str]:
        """By which lines are put in order: the expert, the day and the time; what cannot be read comes first."""
        try:
            return self.find(line).pk, line.day().isoformat(), line.clock().isoformat()
        except RowError:
            return 0, "", ""


SlotKey = tuple[int, date, time]  # expert (id), day and time on the expert's clock


def read_slots_at(wanted: Iterable[SlotKey]) -> dict[SlotKey, Slot]:
    """Read those slots that there are, a few hundred in one query; only where and when they are."""
    keys = sorted(set(wanted))
    found: dict[SlotKey, Slot] = {}
    for start in range(0, len(keys), 500):
        part = keys[start : start + 500]
        slots = Slot.objects.filter(
            expert__in={expert for expert, _day, _clock in part},
            date__in={day for _expert, day, _clock in part},
            time__in={clock for _expert, _day, clock in part},
        )
        for slot in slots.only("expert_id", "date", "time", "starts_at"):
            found[slot.expert_id, slot.date, slot.time] = slot
    return {key: found[key] for key in keys if key in found}


def _unknown(name: str) -> NoReturn:
    raise RowError(_("There is no expert %(name)s in this organisation.") % {"name": name[:80] or "–"})


def import_slots(
    *, organization: Organization, table: Table, is_trial: bool, progress: Progress = lambda done: None
) -> Outcome:
    """Add the slots of a table to an organisation's experts, all or none; a trial adds none. See ``import_experts``.

    A slot is there already if the expert has one at that date and time, however long it is. Slots are added many at
    once; of those that are refused together halves are tried, until the rows are found that cannot be. Raises Busy.
    """
    outcome = Outcome()
    lines = read_lines(table, SLOT_COLUMNS, outcome)
    if outcome.errors:
        return outcome
    experts = ExpertNames(organization)
    lines.sort(key=experts.key)
    done = 0

    def write_some(some: list[ImportedLine]) -> None:
        nonlocal done
        rows, refused = [], {}
        for line in some:
            try:
                rows.append(_WantedSlot.of(line, experts))
            except RowError as error:
                outcome.errors.append((line.number, str(error)))
        there = set(read_slots_at(row.key for row in rows))
        new: dict[SlotKey, _WantedSlot] = {}
        twice = []
        for row in rows:
            if row.key in there:
                outcome.unchanged += 1
            elif row.key in new:
                twice.append(row)
            else:
                new[row.key] = row
        for _expert, its in groupby(new.values(), key=lambda row: row.expert):
            wanted = list(its)
            refused.update(_add_wanted(wanted, outcome))
            done += len(wanted)
            progress(done)
        for row in twice:
            if row.key in refused:
                outcome.errors.append((row.number, refused[row.key]))
            else:
                outcome.unchanged += 1

    _write_in_parts(lines, write_some, outcome, is_trial=is_trial, together=lambda line: experts.key(line)[0])
    return outcome


class _WantedSlot(NamedTuple):
    """What a row says of a slot; ``minutes`` and ``seats`` None for the expert's usual ones."""

    number: int
    expert: Expert
    day: date
    at: time
    minutes: int | None
    seats: int | None
    title: str

    @classmethod
    def of(cls, line: ImportedLine, experts: ExpertNames) -> "_WantedSlot":
        return cls(
            line.number,
            experts.find(line),
            line.day(),
            line.clock(),
            line.number_or("minutes", None, LONGEST_MINUTES),
            line.number_or("seats", None, MOST_SEATS),
            line["title"],
        )

    @property
    def key(self) -> SlotKey:
        return self.expert.pk, self.day, self.at

    @property
    def terms(self) -> tuple[int | None, int | None, str]:
        return self.minutes, self.seats, self.title


def _add_wanted(rows: list[_WantedSlot], outcome: Outcome) -> dict[SlotKey, str]:
    """Add the slots of one expert, as far as they can be. Returns why the others cannot."""
    by_terms: dict[tuple[int | None, int | None, str], list[_WantedSlot]] = {}
    for row in rows:
        by_terms.setdefault(row.terms, []).append(row)
    added: set[tuple[date, time]] = set()
    try:
        with errors_of_row():
            for (minutes, seats, title), its in by_terms.items():
                starts = [(row.day, row.at) for row in its]
                slots = add_slots(expert=its[0].expert, starts=starts, minutes=minutes, capacity=seats, title=title)
                added.update((slot.date, slot.time) for slot in slots)
    except RowError as error:
        if len(rows) > 1:
            half = len(rows) // 2
            return _add_wanted(rows[:half], outcome) | _add_wanted(rows[half:], outcome)
        [row] = rows
        if read_slots_at([row.key]):
            outcome.unchanged += 1  # somebody has added it meanwhile
            return {}
        outcome.errors.append((row.number, str(error)))
        return {row.key: str(error)}
    refused = {row.key: _("The clocks skip that time on that day.") for row in rows if (row.day, row.at) not in added}
    outcome.added += len(rows) - len(refused)
    outcome.errors += [(row.number, refused[row.key]) for row in rows if row.key in refused]
    return refused
