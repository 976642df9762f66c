"""Import customers' bookings out of a table, and carry out imports of any kind: tried first, then all or nothing."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Protocol

import pghistory
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from redis.exceptions import RedisError

from bookings.errors import NotAllowed, NotFound, SlotTaken
from bookings.models import Booking, Source
from bookings.phones import read_phone
from bookings.queue import defer
from bookings.selectors.alternatives import Conflict
from bookings.selectors.slot_for_visitor import SlotForVisitor, slot_for_visitor
from bookings.services.booking import book
from bookings.services.idempotency import sha256
from bookings.services.sessions import must_be_locked, session_wanted
from bookings.transitions import BOOKED
from experts.errors import Busy, ChangedMeanwhile
from experts.locking import lock_slots, repeated, slot_transaction
from experts.models import (
    Expert,
    ImportedRow,
    ImportKind,
    ImportRun,
    ImportStatus,
    OfferedType,
    Organization,
    SessionType,
    Slot,
    User,
)
from experts.scheduling.fitting import session_at
from experts.scheduling.sessions import slots_touching
from experts.services.imports import (
    EXPERT_COLUMNS,
    SLOT_COLUMNS,
    ExpertNames,
    ImportColumn,
    ImportedLine,
    Outcome,
    Progress,
    RowError,
    SlotKey,
    import_experts,
    import_slots,
    read_lines,
    read_slots_at,
    write_lines,
)
from experts.tables import Table, UnreadableTable, read_table

logger = logging.getLogger(__name__)
MOST_SEATS = 1000
PROGRESS_LASTS = 3600  # seconds
WAIT_FOR_ANOTHER = timedelta(seconds=5)

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
COLUMNS: dict[str, tuple[ImportColumn, ...]] = {
    ImportKind.EXPERTS: EXPERT_COLUMNS,
    ImportKind.SLOTS: SLOT_COLUMNS,
    ImportKind.BOOKINGS: BOOKING_COLUMNS,
}


class Import(Protocol):
    def __call__(self, *, organization: Organization, table: Table, is_trial: bool, progress: Progress) -> Outcome: ...


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


# Runs


def start_import(
    *, organization: Organization, kind: str, content: bytes, user: User, sends_mails: bool = False
) -> ImportRun:
    """Keep a file and have a worker try what it would do. Raises UnreadableTable for what can be no table."""
    read_table(content)
    with slot_transaction():
        run = ImportRun.objects.create(
            organization=organization, kind=ImportKind(kind), content=content, user=user, sends_mails=sends_mails
        )
        defer("bookings.tasks.run_import", run_id=run.pk)
    return run


def confirm_import(*, run_id: int) -> ImportRun:
    """Have a worker import what was tried without an error. Raises NotAllowed in any other state, Busy."""
    with slot_transaction():
        run = ImportRun.objects.select_for_update().get(pk=run_id)
        if run.status != ImportStatus.CHECKED or run.content is None or run.result.get("error_count"):
            raise NotAllowed(_("This file cannot be imported any more. Choose it again."))
        run.status = ImportStatus.IMPORTING
        run.save(update_fields=["status"])
        defer("bookings.tasks.run_import", run_id=run.pk)
    return run


def run_import(*, run_id: int) -> None:
    """Try or import a file, as its run says; nothing if that is done. How far it is: ``progress_of``.

    What is refused is an answer, too: the run says why. Locks the run, so that nobody does it a second time meanwhile.
    """
    run = ImportRun.objects.select_related("organization", "user").filter(pk=run_id).first()
    if run is None or not run.is_running or run.content is None:
        return
    is_trial = run.status == ImportStatus.CHECKING
    try:
        outcome = _carry_out(run, is_trial)
    except UnreadableTable as error:
        outcome = Outcome(errors=[(1, str(error))])
    except Busy:
        outcome = Outcome(errors=[(0, _("Many people are booking right now. Please try again in a moment."))])
    except Exception:
        logger.exception("Import %s failed", run_id)
        outcome = Outcome(errors=[(0, _("The import failed, and nothing was changed. Please tell whoever runs this."))])
    if outcome is not None and (is_trial or outcome.errors):
        status = ImportStatus.CHECKED if is_trial else ImportStatus.REFUSED
        _finish(run, status, outcome)


@repeated
def _carry_out(run: ImportRun, is_trial: bool) -> Outcome | None:
    """The outcome; None where somebody else is at it, or has done it.

    While another import of the organisation is written, this one is put off: it may take minutes, and nobody waits for
    it in a worker that has mails to send.
    """
    importers: dict[str, Import] = {
        ImportKind.EXPERTS: import_experts,
        ImportKind.SLOTS: import_slots,
        ImportKind.BOOKINGS: _tells(run.sends_mails),
    }
    table = read_table(bytes(run.content or b""))
    progress = progress_teller(run, len(table.rows))
    progress(0)
    work = importers[run.kind]
    if is_trial:
        return work(organization=run.organization, table=table, is_trial=True, progress=progress)
    with slot_transaction(), pghistory.context(user=run.user_id, url="/admin/import/"):
        locked = ImportRun.objects.select_for_update(skip_locked=True).filter(pk=run.pk, status=run.status).first()
        if locked is None:
            return None
        if not _try_lock_imports(run.organization_id):
            defer("bookings.tasks.run_import", at=timezone.now() + WAIT_FOR_ANOTHER, run_id=run.pk)
            return None
        outcome = work(organization=run.organization, table=table, is_trial=False, progress=progress)
        if not outcome.errors:
            _finish(run, ImportStatus.DONE, outcome)
    return outcome


def _try_lock_imports(organization_id: int) -> bool:
    """Lock the organisation's imports until the transaction ends; False where another one is being written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int(sha256("imports", organization_id)[:15], 16)])
        is_locked: bool = cursor.fetchone()[0]
    return is_locked


def _tells(tell: bool) -> Import:
    def work(*, organization: Organization, table: Table, is_trial: bool, progress: Progress) -> Outcome:
        return import_bookings(organization=organization, table=table, is_trial=is_trial, progress=progress, tell=tell)

    return work


def _finish(run: ImportRun, status: ImportStatus, outcome: Outcome) -> None:
    """Write what came of it; the file is not needed any more once it is imported, or cannot be."""
    changes: dict[str, Any] = {"status": status, "result": outcome.as_json(), "finished_at": Now()}
    if status != ImportStatus.CHECKED or outcome.errors:
        changes["content"] = None
    # Only from what it was: a job may run twice, and end after the other one, or after what came next.
    ImportRun.objects.filter(pk=run.pk, status=run.status).update(**changes)


def progress_teller(run: ImportRun, rows: int) -> Progress:
    """Return what tells the page of a run how many of its rows are done.

    At best: without Valkey the page shows no number, and the import goes on. It is called while slots are locked, and a
    Valkey that hangs costs a second each time, so what failed is not tried again.
    """
    is_told = True

    def tell(done: int) -> None:
        nonlocal is_told
        if is_told:
            try:
                cache.set(_progress_key(run), [done, rows], PROGRESS_LASTS)
            except RedisError as error:
                is_told = False
                logger.warning("Import %s goes on without telling how far it is: %s", run.pk, type(error).__name__)

    return tell


def progress_of(run: ImportRun) -> tuple[int, int] | None:
    """How many rows of how many are done of a run that is running; None as long as nobody knows."""
    try:
        found = cache.get(_progress_key(run))
    except RedisError:
        return None
    return (found[0], found[1]) if found else None


def _progress_key(run: ImportRun) -> str:
    """Of the trial another than of what is meant."""
    return f"import:{run.pk}:{run.status}"


__all__ = ["COLUMNS", "confirm_import", "import_bookings", "progress_of", "run_import", "start_import"]
