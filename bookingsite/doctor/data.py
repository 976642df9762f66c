"""What lies in the database, and depends on each other there without a constraint that would keep it so."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pgtrigger
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from bookings.services.counters import BATCH, WrongCounters, mend_counters, wrong_counters
from bookings.services.expiry import end_all_due, overdue
from bookings.services.questions import mend_has_questions, wrong_has_questions
from bookingsite.copies.backup import stored_pictures
from bookingsite.doctor.findings import FIX, Finding, well, wrong
from experts.errors import Refused
from experts.models import Expert, Organization
from experts.selectors import behind_horizon
from experts.services import extend_horizons
from experts.services.pictures import files_of
from experts.services.projections import mend_search_texts, wrong_search_texts

YOUNG = timedelta(days=1)  # a picture that nothing names yet may be about to be named
SHOWN = 5
# What an array names, which has no foreign key: what it is called, the rows that name something that is not there.
_MISSING = {
    "bookings take slots that do not exist": "SELECT b.reference FROM bookings_booking AS b,"
    " unnest(more_slots) AS s (id)"
    " WHERE more_slots <> '{}' AND NOT EXISTS (SELECT FROM experts_slot WHERE id = s.id) LIMIT 1000",
    "places on waitlists are for slots that do not exist": "SELECT w.id::text FROM bookings_waitlistentry AS w,"
    " unnest(more_slots) AS s (id)"
    " WHERE more_slots <> '{}' AND NOT EXISTS (SELECT FROM experts_slot WHERE id = s.id) LIMIT 1000",
    "slots to come are only for session types that do not exist": "SELECT s.id::text FROM experts_slot AS s"
    " WHERE for_types <> '{}' AND starts_at > now()"
    " AND NOT EXISTS (SELECT FROM experts_sessiontype WHERE id = ANY(s.for_types)) LIMIT 1000",
}


def of_triggers(_fix: bool) -> Iterator[Finding]:
    away, count = [], 0
    for model, trigger in pgtrigger.registered():
        status, enabled = trigger.get_installation_status(model)
        count += 1
        if status in ("UNINSTALLED", "OUTDATED") or enabled is False:
            away.append(f"{trigger.name} on {model._meta.db_table}")
    if away:
        yield wrong(
            f"{len(away)} triggers are missing, other than in this code, or off: {_some(away)}.",
            "Run `manage.py migrate`, then `manage.py pgtrigger install`, and `manage.py pgtrigger enable`.",
        )
    else:
        yield well(f"All {count} triggers are there and on.")


def of_counters(fix: bool) -> Iterator[Finding]:
    found, overbooked, mended, busy = 0, [], 0, 0
    waiting: list[int] = []

    def mend() -> None:
        nonlocal mended, busy
        try:
            mended += mend_counters(slot_ids=waiting)
        except Refused:
            busy += len(waiting)
        waiting.clear()

    for each in wrong_counters():
        found += 1
        if each.is_overbooked:
            overbooked.append(_overbooked(each))
        elif fix:
            waiting.append(each.slot_id)
            if len(waiting) >= BATCH // 10:
                mend()
    if waiting:
        mend()
    if overbooked:
        yield wrong(
            f"{len(overbooked)} slots have more seats taken than they have: {_some(overbooked)}.",
            "Move bookings to other slots, or give the slot more seats; then run this again.",
        )
    if mended:
        yield well(f"Mended the counters of {mended} slots.")
    left = found - len(overbooked) - mended
    if left:
        yield wrong(f"{left} slots say other than their bookings how many seats are taken.", FIX)
    if not found:
        yield well("Each slot says what its bookings say of its seats.")


def _overbooked(each: WrongCounters) -> str:
    return f"slot {each.slot_id} ({each.held + each.booked} of {each.capacity})"


def of_orphans(fix: bool) -> Iterator[Finding]:
    clean = True
    with connection.cursor() as cursor:
        for words, question in _MISSING.items():
            cursor.execute(question)
            if rows := [row[0] for row in cursor.fetchall()]:
                clean = False
                yield wrong(
                    f"{len(rows)} {words}: {_some(rows)}.", "Look at them in the admin, and move or cancel them."
                )
    before = timezone.now() - timedelta(minutes=10)
    if (late := overdue(before).count()) and fix:
        end_all_due()
        ended, late = late, overdue(before).count()
        yield well(f"Ended {ended - late} holds and requests that had run out.")
    if late:
        clean = False
        yield wrong(f"{late} holds and requests ran out more than ten minutes ago.", "Is a worker of `expiry` running?")
    for finding in _pictures(fix):
        clean = False
        yield finding
    if clean:
        yield well("Nothing names what is not there, and no picture lies about that nothing names.")


def _pictures(fix: bool) -> Iterator[Finding]:
    """Pictures that rows name and that are missing, and those that no row names."""
    named: set[str] = set()
    for rows, field in ((Expert.objects, "photo"), (Organization.objects, "logo")):
        for name in rows.exclude(**{field: ""}).order_by().values_list(field, flat=True).iterator(chunk_size=2000):
            named.update(files_of(name))
    stored = set(stored_pictures())
    if missing := sorted(named - stored):
        yield wrong(
            f"{len(missing)} pictures are missing: {_some(missing)}.",
            "Take them from a backup (docs/operations.md), or upload them again.",
        )
    before, deleted = timezone.now() - YOUNG, 0
    old = [name for name in sorted(stored - named) if default_storage.get_modified_time(name) < before]
    if fix:
        for name in old:
            default_storage.delete(name)
            deleted += 1
        if deleted:
            yield well(f"Deleted {deleted} pictures that nothing named.")
    elif old:
        yield wrong(f"{len(old)} pictures lie about that nothing names.", FIX)


def of_projections(fix: bool) -> Iterator[Finding]:
    """What is kept twice so that it is found quickly: slots of hours, words of searches, whether anything is asked."""
    # Those of the last hours are left to the hourly job.
    since = timezone.now() - timedelta(days=2)
    behind = behind_horizon(Expert.objects.active(), since).count()
    if behind and fix:
        done = extend_horizons()
        left = behind_horizon(Expert.objects.active(), since).count()
        yield well(f"Made {done.slots} slots of weekly hours.")
        if left:
            yield wrong(f"{left} experts still have days without slots.", "See the log: it says why.")
    elif behind:
        yield wrong(f"{behind} experts have hours on days for which no slots were made.", FIX)
    texts = list(wrong_search_texts())
    if texts and fix:
        yield well(f"Mended the words of {_mend_texts(texts)} experts.")
    elif texts:
        yield wrong(f"{len(texts)} experts are found by other words than they have.", FIX)
    yield from _has_questions(fix)
    if not (behind or texts):
        yield well("Slots are made of all hours, and everybody is found by their words.")


def _mend_texts(ids: list[int]) -> int:
    return sum(mend_search_texts(expert_ids=ids[start : start + 200]) for start in range(0, len(ids), 200))


def _has_questions(fix: bool) -> Iterator[Finding]:
    ids = wrong_has_questions()
    if ids and fix:
        yield well(f"Mended whether {mend_has_questions(organization_ids=ids)} organisations ask something.")
    elif ids:
        yield wrong(f"{len(ids)} organisations do not know whether they ask something.", FIX)


def _some(names: list[Any]) -> str:
    more = len(names) - SHOWN
    return ", ".join(str(name) for name in names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
