"""Erase what belongs to an address, in steps that a worker does, each in bounded batches.

First what lies ahead is cancelled, as if it were cancelled by hand: seats are free for others, the waitlist is served,
staff's programs are told and the person gets the last e-mail. Some minutes later all of it is erased. Some minutes
after that it is looked at again: a mail or a webhook that was under way may have been logged meanwhile. Each step may
be done again, also half done, and by several workers at once.

What the person may not cancel any more stays until that session is over: the hourly job comes back until then.
"""

import logging
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from bookings.errors import NotAllowed, NotFound, Refused
from bookings.models import Booking, Erasure, Status
from bookings.models.booking_queryset import IS_AHEAD
from bookings.models.erasure import AskedBy, ErasureStage
from bookings.privacy.of_addresses import waitlist_of
from bookings.privacy.of_bookings import bookings_of, history_of, mails_of
from bookings.privacy.registry import Subject, kinds
from bookings.queue import defer
from bookings.services.holds import end_hold
from bookings.services.lifecycle import cancel
from experts.locking import lock_slots, slot_transaction
from experts.models import Organization, User

logger = logging.getLogger(__name__)
BATCH = 100  # bookings, or rows of another kind, in one transaction
MAILS_LEAVE_IN = timedelta(minutes=5)
LOOK_AGAIN_IN = timedelta(minutes=10)  # longer than a mail or a webhook is under way (bookings/mail/outbox.py)
COME_BACK_AFTER = timedelta(hours=1)


def ask_for_erasure(
    *, email: str, organizations: Collection[Organization] | None, by: AskedBy, user: User | None = None
) -> list[Erasure]:
    """Order that everything of an address is erased: in these organisations, or (None) in all, and what is in none.

    There is one order for each organisation, as each has a log of its own, and one for what is in none. Asking again
    while an order is not done makes it begin again, with what has come since. Returns the orders.
    """
    address = email.strip().lower()
    wanted: list[Organization | None]
    if organizations is None:
        wanted = [*organizations_of(Subject(address, None, timezone.now())), None]
    else:
        wanted = list(organizations)
    return [_order(address, item, by, user) for item in wanted]


def _order(address: str, organization: Organization | None, by: AskedBy, user: User | None) -> Erasure:
    begun = {"asked_by": by, "user": user, "asked_at": Now(), "stage": ErasureStage.CANCELLING}
    with transaction.atomic():
        erasure, _made = Erasure.objects.update_or_create(address=address, organization=organization, defaults=begun)
        defer("bookings.tasks.erase", erasure_id=erasure.pk)
    erasure.refresh_from_db()
    return erasure


def organizations_of(subject: Subject) -> list[Organization]:
    """Those with which the address has anything to do, by name."""
    found: set[int] = set()
    for rows, path in (
        (bookings_of(subject), "slot__expert__organization_id"),
        (history_of(subject), "slot__expert__organization_id"),
        (mails_of(subject), "booking__slot__expert__organization_id"),
        (waitlist_of(subject), "slot__expert__organization_id"),
    ):
        keys = rows.order_by().values_list(path, flat=True).distinct()
        found.update(key for key in keys if key is not None)
    return list(Organization.objects.filter(pk__in=found).order_by("name", "pk"))


def ahead_of(subject: Subject) -> QuerySet[Booking]:
    """Bookings and requests whose session is still to come, or goes on: they are cancelled, where that is allowed."""
    return bookings_of(subject).filter(IS_AHEAD)


def held_by(subject: Subject) -> QuerySet[Booking]:
    """What waits for its link to be opened: it is let go."""
    return bookings_of(subject).filter(status=Status.HELD)


def run(*, erasure_id: int) -> None:
    """Do the next step of an order, and queue the one after it. Nothing if it is done. Raises Busy: try again."""
    erasure = Erasure.objects.unfinished().filter(pk=erasure_id).first()
    if erasure is None:
        return
    subject = subject_of(erasure)
    first = erasure.stage == Erasure.Stage.CANCELLING
    # In later steps, too: a booking may have been under way when its person asked.
    if _cancel_ahead(erasure, subject):
        _go_on(erasure, Erasure.Stage.ERASING if first else ErasureStage(erasure.stage), MAILS_LEAVE_IN)
        return
    if first:
        _go_on(erasure, Erasure.Stage.ERASING)
    _erase_all(erasure, subject)
    if erasure.stage == Erasure.Stage.ERASING:
        _go_on(erasure, Erasure.Stage.SWEEPING, LOOK_AGAIN_IN)
        return
    _look_again(erasure)
    if not (ahead_of(subject) | held_by(subject)).exists():
        _finish(erasure)


def resume_unfinished(now: datetime | None = None) -> int:
    """Go on with the orders that wait for the end of a session, or whose job was lost. Returns how many there were.

    One that fails, as something is locked, keeps none of the others; the next run tries it again.
    """
    rows = Erasure.objects.unfinished().filter(asked_at__lt=(now or timezone.now()) - COME_BACK_AFTER)
    keys = list(rows.order_by("pk").values_list("pk", flat=True))
    for key in keys:
        try:
            run(erasure_id=key)
        except Refused as refusal:
            logger.info("Erasure %s is left for the next run: %s", key, refusal.code)
    return len(keys)


def subject_of(erasure: Erasure) -> Subject:
    """What an order is about: an organisation, or what belongs to none."""
    if erasure.organization_id:
        return Subject(erasure.address, frozenset({erasure.organization_id}), erasure.asked_at)
    return Subject(erasure.address, frozenset(), erasure.asked_at, elsewhere=True)


def erase_bookings(keys: Collection[int]) -> dict[str, int]:
    """Take the people out of bookings and of all that hangs on them, in one transaction. Returns the rows, by kind.

    Locks their slots, and so them. Those that are open and whose session is not over stay, as do holds. Raises Busy.
    """
    with slot_transaction():
        slots = Booking.objects.filter(pk__in=keys).order_by().values_list("slot_id", flat=True)
        lock_slots(slots)
        rows = Booking.objects.not_erased().filter(pk__in=keys).exclude(status=Status.HELD)
        rows = rows.exclude_ahead()
        found = list(rows.order_by().values_list("pk", flat=True))
        return _erase_what_hangs_on(found) if found else {}


def _erase_what_hangs_on(keys: Collection[int]) -> dict[str, int]:
    counts = {kind.name: kind.erase_bookings(keys) for kind in kinds() if kind.erase_bookings is not None}
    return {name: count for name, count in counts.items() if count}


def _cancel_ahead(erasure: Erasure, subject: Subject) -> int:
    """Cancel what lies ahead, each on its own, and let holds go. What its person may not cancel any more stays.

    Returns how many were cancelled.
    """
    by_person = erasure.asked_by == Erasure.By.PERSON
    cancelled = 0
    for key in held_by(subject).order_by("pk").values_list("pk", flat=True):
        with suppress(NotAllowed, NotFound):
            end_hold(booking_id=key)
    for key in ahead_of(subject).order_by("pk").values_list("pk", flat=True):
        try:
            cancel(booking_id=key, by_customer=by_person)
        except (NotAllowed, NotFound):
            continue
        cancelled += 1
        _note(erasure, {"cancelled": 1})
    return cancelled


def _erase_all(erasure: Erasure, subject: Subject) -> None:
    erasable = bookings_of(subject).exclude(status=Status.HELD).exclude(IS_AHEAD)
    while keys := list(erasable.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            counts = erase_bookings(keys)
            _note(erasure, counts)
        if not counts:
            break  # all of them have changed since they were read; the next step looks again
    for kind in kinds():
        while kind.erase is not None and (count := kind.erase(subject, BATCH)):
            _note(erasure, {kind.name: count})


def _look_again(erasure: Erasure) -> None:
    """Erase once more what hangs on bookings that were erased since the order: this person's, and perhaps others'."""
    rows = Booking.objects.filter(erased_at__gte=erasure.asked_at, slot__expert__organization=erasure.organization_id)
    last = 0
    while keys := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            _note(erasure, _erase_what_hangs_on(keys))
        last = keys[-1]


def _note(erasure: Erasure, counts: dict[str, int]) -> None:
    """Add to the numbers of the log, in the transaction of what was done."""
    if not counts:
        return
    with transaction.atomic():
        row = Erasure.objects.select_for_update(no_key=True).get(pk=erasure.pk)
        for name, count in counts.items():
            row.counts[name] = row.counts.get(name, 0) + count
        row.save(update_fields=["counts"])


def _go_on(erasure: Erasure, stage: ErasureStage, wait: timedelta | None = None) -> None:
    with transaction.atomic():
        _as_read(erasure).update(stage=stage)
        if wait is not None:
            defer("bookings.tasks.erase", at=timezone.now() + wait, erasure_id=erasure.pk)
    erasure.stage = stage


def _finish(erasure: Erasure) -> None:
    """Keep the log, and forget whose it was."""
    _as_read(erasure).update(stage=Erasure.Stage.DONE, address="", finished_at=Now())


def _as_read(erasure: Erasure) -> QuerySet[Erasure]:
    """The order, unless another worker is further or somebody has asked again."""
    return Erasure.objects.filter(pk=erasure.pk, stage=erasure.stage, asked_at=erasure.asked_at)
