"""Lock bookings with their slots, and read both under the lock."""

import time
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import BigIntegerField, F, Func, Q, QuerySet
from django.utils.translation import gettext as _

from bookings.errors import Busy, NotFound
from bookings.models import Booking, Status
from bookings.services.sessions import must_be_locked, read_taken, session_agreed
from experts import publisher
from experts.locking import LOCK_ORDER, lock_slots, read_slot, read_slots
from experts.models import Session, Slot
from experts.prepared import PreparedQuery

# The ids of all slots that a booking takes, a row each.
ALL_SLOTS = Func(
    "slot_id",
    "more_slots",
    template="unnest(%(expressions)s)",
    arg_joiner=" || ",
    output_field=BigIntegerField(),
)


def tries() -> Iterator[None]:
    """Yield for as long as somebody may wait for a lock, at least once: for what others keep changing before it comes.

    Not so many times: among many who move the same bookings somebody loses ten times in a row.
    """
    until = time.monotonic() + settings.LOCK_TIMEOUT_MS / 1000
    yield
    while time.monotonic() < until:
        yield


def lock_booking(booking_id: int, *other_slots: int) -> tuple[Booking, Slot]:
    """Lock a booking's slots and ``other_slots`` (keys), in order of time. Returns the booking and the slot in which it
    starts, read afterwards.

    A booking changes its slots only under the locks of all, so the lock of the slot is the booking's, too. Raises
    NotFound, and Busy when the booking keeps being moved while we wait.
    """
    for _try in tries():
        taken = Booking.objects.filter(pk=booking_id).values_list("slot_id", "more_slots").first()
        if taken is None:
            raise NotFound(_("There is no such booking."))
        slot_id, more_slots = taken
        try:
            with transaction.atomic():
                lock_slots([slot_id, *more_slots, *other_slots])
                booking = Booking.objects.select_related("session_type").get(pk=booking_id)
                if (booking.slot_id, booking.more_slots) != taken:
                    # It was moved while we waited. These locks must go before the next are taken, or the order of ids
                    # is broken and two of us can wait for each other.
                    raise _MovedMeanwhile
        except _MovedMeanwhile:
            continue
        booking.slot = read_slot(slot_id)
        booking.slot = read_taken(booking)
        return booking, booking.slot
    raise Busy


def lock_move(booking_id: int, slot_id: int) -> tuple[Booking, Slot, Slot]:
    """Lock what a booking takes and what it would take if it began with another slot (a key), in order of time.

    Returns the booking, what it takes and what it would take, both read afterwards. Raises as ``lock_booking``,
    SlotTaken where a session does not fit there, and ChangedMeanwhile where it takes other slots by now.
    """
    booking = Booking.objects.select_related("session_type").filter(pk=booking_id).first()
    wanted = [slot_id]
    if booking is not None and booking.session_type is not None:
        wanted += session_agreed(read_slot(slot_id), booking).more_slots
    booking, old = lock_booking(booking_id, *wanted)
    new = session_agreed(read_slot(slot_id), booking)
    must_be_locked((each.pk for each in new.covered), {*booking.slot_ids, *wanted})
    return booking, old, new


class _MovedMeanwhile(Exception):
    pass


def lock_slots_of(holds: QuerySet[Booking]) -> None:
    """Lock all slots of these holds, in order of time. One statement, none of which is read before."""
    slots = Slot.objects.select_for_update(no_key=True).filter(pk__any_of=slot_ids_of(holds))
    list(slots.order_by(*LOCK_ORDER).values_list("pk"))


def slot_ids_of(holds: QuerySet[Booking]) -> ArraySubquery:
    """Return the ids of all slots that these take, for ``any_of``.

    As an array and not as a subquery of rows, with which PostgreSQL may lose a row that it locks: when that has changed
    while it waited, it looks at the condition again, and depending on the plan finds nothing on the other side.
    """
    return ArraySubquery(holds.order_by().annotate(taken=ALL_SLOTS).values("taken"))


def read_again(slot: Slot) -> Slot:
    """Read a slot as ``read_slot``, or all slots of a Session, which stays the same session. One query."""
    if not isinstance(slot, Session):
        return read_slot(slot.pk)
    rows = read_slots(each.pk for each in slot.covered)
    if len(rows) < len(slot.covered):
        raise NotFound
    return slot.anew(rows)


def lapse_holds_of(slot: Slot) -> bool:
    """Free the seats of holds that ran out, whether or not a worker is alive. Under the locks of all its slots.

    Whether there were any: then the slot or Session is to be read again. A hold that takes other slots, too, is ended
    where these can be locked without waiting. Else somebody is busy with them, and the seats are held for that moment.
    """
    ids = [each.pk for each in slot.covered if each.next_hold_expiry and each.next_hold_expiry <= slot.read_at]
    if not ids:
        return False
    over = Booking.objects.filter(status=Status.HELD, expires_at__lte=slot.read_at)
    ended = over.filter(slot__in=ids, more_slots=[]).update(status=Status.EXPIRED)
    for hold in over.filter(Q(slot__in=ids) | Q(more_slots__overlap=ids), ~Q(more_slots=[])):
        others = Slot.objects.select_for_update(no_key=True, skip_locked=True).filter(pk__in=hold.slot_ids)
        if len(others.order_by(*LOCK_ORDER).values_list("pk")) == len(hold.slot_ids):
            ended += over.filter(pk=hold.pk, slot=hold.slot_id).update(status=Status.EXPIRED)
            publish_slots(hold)
    for each in slot.covered:
        publisher.slot_changed(each)
    return ended > 0


def publish_slots(booking: Booking) -> None:
    """After commit, tell the pages that show one of the slots that a booking takes beside the first."""
    if booking.more_slots:
        for slot in Slot.objects.filter(pk__in=booking.more_slots).only("expert_id", "date"):
            publisher.slot_changed(slot)


def own_holds(wanted: Iterable[tuple[Slot, str]]) -> dict[tuple[int, str], Booking]:
    """Read the holds of visitors that were still running when their slots were read: by slot id and visitor.

    Each with its ``offer_id``. One query, none where nobody can have a hold.
    """
    slots = {
        (slot.pk, visitor): slot for slot, visitor in wanted if visitor and any(s.seats_held for s in slot.covered)
    }
    if not slots:
        return {}
    rows = _holds(sorted({slot_id for slot_id, _visitor in slots}), sorted({visitor for _slot_id, visitor in slots}))
    holds = {(hold.slot_id, hold.holder): hold for hold in rows}
    return {who: holds[who] for who, slot in slots.items() if who in holds and holds[who].runs_out_at > slot.read_at}


@PreparedQuery
def _holds(slot_ids: list[int], visitors: list[str]) -> QuerySet[Booking]:
    """Those that ran out, too; of a visitor's in a slot the one that lasts longest comes last."""
    held = Booking.objects.filter(slot__pk__any_of=slot_ids, holder__any_of=visitors, status=Status.HELD)
    held = held.order_by("expires_at")
    return held.annotate(offer_id=F("offer__id"))  # type: ignore[no-redef]  # the model names it, for readers
