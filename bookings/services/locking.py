"""Lock bookings with their slots, and read both under the lock."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from bookings.errors import Busy, NotFound
from bookings.models import Booking, Status
from experts import publisher
from experts.locking import lock_slots, read_slot
from experts.models import Slot
from experts.prepared import PreparedQuery


def lock_booking(booking_id: int, *other_slots: int) -> tuple[Booking, Slot]:
    """Lock a booking's slot and ``other_slots`` (keys), in id order. Returns the booking and its slot, read afterwards.

    A booking changes its slot only under the locks of both, so the lock of the slot is the booking's, too. Raises
    NotFound, and Busy when the booking keeps being moved while we wait.
    """
    for _attempt in range(10):
        slot_id = Booking.objects.filter(pk=booking_id).values_list("slot_id", flat=True).first()
        if slot_id is None:
            raise NotFound(_("There is no such booking."))
        try:
            with transaction.atomic():
                lock_slots([slot_id, *other_slots])
                booking = Booking.objects.get(pk=booking_id)
                if booking.slot_id != slot_id:
                    # It was moved while we waited. These locks must go before the next are taken, or the order of ids
                    # is broken and two of us can wait for each other.
                    raise _MovedMeanwhile
        except _MovedMeanwhile:
            continue
        booking.slot = read_slot(slot_id)
        return booking, booking.slot
    raise Busy


class _MovedMeanwhile(Exception):
    pass


def lapse_holds(slot: Slot) -> Slot:
    """Free the seats of holds that ran out, whether or not a worker is alive. Under the slot's lock.

    Returns the slot, read again if there were any.
    """
    return read_slot(slot.pk) if lapse_holds_of(slot) else slot


def lapse_holds_of(slot: Slot) -> bool:
    """As ``lapse_holds``, but says whether there were any, and leaves reading the slot again to the caller."""
    if slot.next_hold_expiry is None or slot.next_hold_expiry > slot.read_at:
        return False
    slot.bookings.filter(status=Status.HELD, expires_at__lte=slot.read_at).update(status=Status.EXPIRED)
    publisher.slot_changed(slot)
    return True


def own_holds(wanted: Iterable[tuple[Slot, str]]) -> dict[tuple[int, str], Booking]:
    """Read the holds of visitors that were still running when their slots were read: by slot id and visitor.

    Each with its ``offer_id``. One query, none where nobody can have a hold.
    """
    slots = {(slot.pk, visitor): slot for slot, visitor in wanted if visitor and slot.seats_held}
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
