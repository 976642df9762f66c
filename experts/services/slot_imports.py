"""Import slots out of a table (imports.py)."""

from collections.abc import Iterable
from datetime import date, time
from itertools import groupby
from typing import NamedTuple, NoReturn

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from experts.models import Expert, Organization, Slot
from experts.services.imports import (
    MOST_SEATS,
    ImportColumn,
    ImportedLine,
    Outcome,
    Progress,
    RowError,
    errors_of_row,
    read_lines,
    write_in_parts,
)
from experts.services.slots import LONGEST_MINUTES, add_slots
from experts.tables import Table

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

    write_in_parts(lines, write_some, outcome, is_trial=is_trial, together=lambda line: experts.key(line)[0])
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
