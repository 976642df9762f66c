"""Carry out imports of any kind: tried first, then all or nothing, by a worker."""

import logging
from datetime import timedelta
from typing import Any, Protocol

import pghistory
from django.core.cache import cache
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from bookings.errors import NotAllowed
from bookings.queue import defer
from bookings.services.booking_imports import BOOKING_COLUMNS, import_bookings
from bookings.services.idempotency import sha256
from experts.errors import Busy
from experts.locking import repeated, slot_transaction
from experts.models import ImportKind, ImportRun, ImportStatus, Organization, User
from experts.services.expert_imports import EXPERT_COLUMNS, import_experts
from experts.services.imports import ImportColumn, Outcome, Progress
from experts.services.slot_imports import SLOT_COLUMNS, import_slots
from experts.tables import Table, UnreadableTable, read_table

logger = logging.getLogger(__name__)
PROGRESS_LASTS = 3600  # seconds
WAIT_FOR_ANOTHER = timedelta(seconds=5)

COLUMNS: dict[str, tuple[ImportColumn, ...]] = {
    ImportKind.EXPERTS: EXPERT_COLUMNS,
    ImportKind.SLOTS: SLOT_COLUMNS,
    ImportKind.BOOKINGS: BOOKING_COLUMNS,
}


class Import(Protocol):
    def __call__(self, *, organization: Organization, table: Table, is_trial: bool, progress: Progress) -> Outcome: ...


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
