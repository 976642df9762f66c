"""Import customers' bookings out of a table (experts/services/imports.py)."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.errors import NotFound, SlotTaken
from bookings.models import Booking, Source
from bookings.phones import read_phone
from bookings.selectors.alternatives import Conflict
from bookings.selectors.slot_for_visitor import SlotForVisitor, slot_for_visitor
from bookings.services.booking import book
from bookings.services.sessions import must_be_locked, session_wanted
from bookings.transitions import BOOKED
from experts.errors import ChangedMeanwhile
from experts.locking import lock_slots
from experts.models import Expert, ImportedRow, OfferedType, Organization, SessionType, Slot
from experts.scheduling.fitting import session_at
from experts.scheduling.sessions import slots_touching
from experts.services.imports import (
    MOST_SEATS,
    ImportColumn,
    ImportedLine,
    Outcome,
    Progress,
    RowError,
    read_lines,
    write_lines,
)
from experts.services.slot_imports import SLOT_COLUMNS, ExpertNames, SlotKey, read_slots_at
from experts.tables import Table

BOOKING_COLUMNS = (
    *SLOT_COLUMNS[:4],
    ImportColumn("name", gettext_lazy("Who comes"), "Lena Fischer", required=True, aliases=("full name",)),
    ImportColumn("email", gettext_lazy("E-mail address"), "lena@example.com", aliases=("e-mail", "e-mail address")),
    ImportColumn("phone", gettext_lazy("Phone number"), "+44 20 7946 0958"),
    ImportColumn("seats", gettext_lazy("How many come; one if left empty"), "1"),
    ImportColumn("type", gettext_lazy("The session type’s name, if any"), "", aliases=("session type",)),
    ImportColumn("notes", gettext_lazy("What the expert should know"), ""),
    ImportColumn(
        "reference",
        gettext_lazy("What the booking is called where it comes from: by it the same one is found again"),
        "",
        aliases=("external reference", "id"),
    ),
)


def import_bookings(
    *,
    organization: Organization,
    table: Table,
    is_trial: bool,
    progress: Progress = lambda done: None,
    tell: bool = False,
) -> Outcome:
    """Make the bookings of a table, confirmed and by staff, all or none; a trial makes none. Locks all their slots.

    By ``book``, so the same rules hold as at the desk: what is full or over is an error of its row. A booking is there
    already if an earlier import has made it of a row with the same reference (or without one the same slot and person),
    whatever became of it, or if that person has a booking in that slot. Customers get no e-mail about it unless
    ``tell``. Of an organisation one at a time (``_carry_out``). Raises Busy.
    """
    outcome = Outcome()
    lines = read_lines(table, BOOKING_COLUMNS, outcome)
    if outcome.errors:
        return outcome
    plan = _Plan(organization, lines)
    lines.sort(key=plan.experts.key)
    if is_trial:
        plan.read_what_is_there(lines)

    def begin(some: list[ImportedLine]) -> None:
        plan.lock(some)
        if not is_trial:
            plan.read_what_is_there(lines)  # what was there before may be as old as the wait

    def write(line: ImportedLine) -> bool:
        name = line.need(BOOKING_COLUMNS[4])
        expert, slot_id = plan.find(line)
        seats = line.number_or("seats", 1, MOST_SEATS) or 1
        kind = plan.type_of(line)
        phone = _phone(line["phone"], expert)
        digest = plan.digest(line, slot_id, phone)
        if digest in plan.imported or plan.is_booked(line, slot_id, name, phone):
            return False
        try:
            booking = book(
                slot_id=slot_id,
                name=name,
                email=line["email"],
                phone=phone,
                notes=line["notes"],
                seats=seats,
                session_type=kind.pk if kind else None,
                source=Source.STAFF,
                seen=plan.see_session(slot_id, kind) if kind else None,
                tell=tell,
                agreed=True,
            ).booking
        except SlotTaken as refusal:
            conflict = Conflict.on_opening(refusal.slot, refusal.reason)
            raise RowError(f"{conflict.title}. {conflict.text(refusal.slot.expert.zone)}") from refusal
        ImportedRow.objects.create(organization=organization, digest=digest, object_id=booking.pk)
        plan.imported.add(digest)
        return True

    write_lines(
        lines,
        write,
        outcome,
        is_trial=is_trial,
        together=lambda line: plan.experts.key(line)[:2],
        progress=progress,
        begin=begin,
    )
    return outcome


class _Plan:
    """What the rows are about, read for all of them at once."""

    def __init__(self, organization: Organization, lines: list[ImportedLine]) -> None:
        self.organization = organization
        self.experts = ExpertNames(organization)
        self._slots = read_slots_at(self._wanted(lines))
        self._types: dict[str, SessionType] = {}
        for kind in SessionType.objects.active().filter(organization=organization):
            self._types |= {kind.slug: kind, kind.name.casefold(): kind}
        self._takes = self._read_takes(lines)
        self._locked: set[int] = set()
        self._booked: dict[tuple[int, str], list[tuple[str, str]]] = {}
        self.imported: set[str] = set()
        self._references: set[str] = set()

    def lock(self, lines: list[ImportedLine]) -> None:
        """Lock all slots that the rows' bookings take. Raises ChangedMeanwhile where one is gone."""
        self._locked = set().union(*(self._takes.get(line.number, ()) for line in lines))
        try:
            lock_slots(self._locked)
        except NotFound as error:
            raise ChangedMeanwhile from error

    def read_what_is_there(self, lines: list[ImportedLine]) -> None:
        """Read which rows were imported before, and what is booked."""
        slot_ids = {slot.pk for slot in self._slots.values()}
        rows = Booking.objects.filter(slot__in=slot_ids, status__in=BOOKED)
        self._booked.clear()
        for slot_id, name, email, phone in rows.values_list("slot_id", "name", "email", "phone"):
            self._booked.setdefault((slot_id, name.casefold()), []).append((email.lower(), phone))
        self.imported = self._read_imported(lines)
        own = Booking.objects.filter(slot__expert__organization=self.organization)
        references = [line["reference"] for line in lines if line["reference"].startswith("EB-")]
        self._references = set(own.filter(reference__in=references).values_list("reference", flat=True))

    def see_session(self, slot_id: int, kind: SessionType) -> SlotForVisitor:
        """Read the session of a row as it is now, all of it locked. Raises SlotTaken, NotFound, ChangedMeanwhile."""
        seen = slot_for_visitor(slot_id, "")
        if seen is None:
            raise NotFound
        session = session_wanted(seen.slot, kind.pk)
        must_be_locked([each.pk for each in session.covered], self._locked)
        return replace(seen, slot=session)

    def _wanted(self, lines: list[ImportedLine]) -> Iterator[SlotKey]:
        for line in lines:
            try:
                yield self.experts.find(line).pk, line.day(), line.clock()
            except RowError:
                continue  # said when the row is written

    def _read_takes(self, lines: list[ImportedLine]) -> dict[int, set[int]]:
        """The ids of all slots that each row's booking takes, by the row's number: one, or those of a session.

        One query for each expert and day with rows of a type.
        """
        takes: dict[int, set[int]] = {}
        typed: dict[tuple[int, date], list[tuple[ImportedLine, Slot, SessionType]]] = {}
        for line in lines:
            try:
                expert, slot_id = self.find(line)
                takes[line.number] = {slot_id}
                if kind := self.type_of(line):
                    slot = self._slots[expert.pk, line.day(), line.clock()]
                    typed.setdefault((expert.pk, slot.date), []).append((line, slot, kind))
            except RowError:
                continue
        kinds = {kind.pk for rows in typed.values() for _line, _slot, kind in rows}
        offers = OfferedType.objects.filter(session_type__in=kinds, expert__in={expert for expert, _day in typed})
        terms = {(it.expert_id, it.session_type_id): it.terms for it in offers.select_related("session_type")}
        for (expert_id, _day), rows in typed.items():
            starts = [
                (line, slot, kind, offered) for line, slot, kind in rows if (offered := terms.get((expert_id, kind.pk)))
            ]
            if not starts:
                continue
            begins = min(slot.starts_at - its.before for _line, slot, _kind, its in starts)
            ends = max(slot.starts_at + its.length + its.after for _line, slot, _kind, its in starts)
            slots = list(slots_touching(begins, ends, expert_id))
            for line, slot, kind, its in starts:
                if session := session_at(slot, slots, kind, its):
                    takes[line.number] |= {each.pk for each in session.covered}
        return takes

    def _read_imported(self, lines: list[ImportedLine]) -> set[str]:
        """The digests of rows that were imported before."""
        digests = []
        for line in lines:
            try:
                expert, slot_id = self.find(line)
            except RowError:
                continue
            digests.append(self.digest(line, slot_id, _phone(line["phone"], expert)))
        rows = ImportedRow.objects.filter(organization=self.organization)
        found: set[str] = set()
        for start in range(0, len(digests), 2000):
            found.update(rows.filter(digest__in=digests[start : start + 2000]).values_list("digest", flat=True))
        return found

    def find(self, line: ImportedLine) -> tuple[Expert, int]:
        """The expert, and the id of the slot."""
        expert = self.experts.find(line)
        slot = self._slots.get((expert.pk, line.day(), line.clock()))
        if slot is None:
            raise RowError(_("%(name)s has no slot at that date and time.") % {"name": expert.name})
        return expert, slot.pk

    def type_of(self, line: ImportedLine) -> SessionType | None:
        wanted = line["type"]
        if not wanted:
            return None
        if kind := self._types.get(wanted.casefold()):
            return kind
        raise RowError(_("There is no session type %(name)s.") % {"name": wanted[:80]})

    def digest(self, line: ImportedLine, slot_id: int, phone: str) -> str:
        """What makes it the same row: its reference, or the slot and the person."""
        if reference := line["reference"]:
            parts = ["reference", reference]
        else:
            parts = ["person", str(slot_id), line["name"].casefold(), line["email"].lower(), phone]
        return hashlib.sha256("\x00".join([str(self.organization.pk), *parts]).encode()).hexdigest()

    def is_booked(self, line: ImportedLine, slot_id: int, name: str, phone: str) -> bool:
        """Whether it is a booking of ours, or that person has one in the slot, as far as the row says who it is."""
        if line["reference"] in self._references:
            return True
        email = line["email"]
        for its_email, its_phone in self._booked.get((slot_id, name.casefold()), ()):
            if (its_email == email.lower()) if email else (not phone or phone == its_phone):
                return True
        return False


def _phone(text: str, expert: Expert) -> str:
    """As it is stored; what staff write is kept as it is where it can be no number."""
    try:
        return read_phone(text, [expert.timezone])
    except ValidationError:
        return text
