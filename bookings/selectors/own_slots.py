"""Read a visitor's own holds, bookings and places on waitlists."""

from collections import defaultdict
from collections.abc import Collection
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from zlib import crc32

from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils import timezone

from bookings.models import Booking, Proof, Status, WaitlistEntry
from experts.models import Slot


@dataclass(frozen=True)
class Mark:
    """What a viewer has in a slot. ``kind``: ``booked``, ``held`` (``until`` an instant), or ``waiting`` for a seat."""

    kind: str
    until: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        return self.until is not None and self.until <= now


BOOKED, WAITING = Mark("booked"), Mark("waiting")


def own_slots(visitors: Collection[str], *, expert_id: int, first: date, last: date) -> dict[str, dict[int, Mark]]:
    """Read what each visitor has in the slots of an expert from day to day: visitor -> slot id -> Mark.

    The same as ``Booking.objects.proven_to`` and ``running_holds`` say for one visitor, but for many at once: three
    queries, and a fourth when somebody has proven a booking or an address.
    """
    taken = Booking.objects.occupying().filter(slot__expert=expert_id, slot__date__range=(first, last))
    found: dict[str, dict[int, Mark]] = {visitor: {} for visitor in visitors}
    waiting = WaitlistEntry.objects.filter(visitor__in=visitors, status=WaitlistEntry.Status.WAITING)
    waiting = waiting.filter(slot__expert=expert_id, slot__date__range=(first, last))
    for visitor, slot_id in waiting.values_list("visitor", "slot_id"):
        found[visitor][slot_id] = WAITING
    mine = taken.filter(Q(status=Status.HELD, expires_at__gt=Now()) | ~Q(status=Status.HELD) & ~Q(name=""))
    rows = mine.filter(holder__in=visitors).values_list("holder", "slot_id", "status", "expires_at")
    for visitor, slot_id, status, expires_at in rows:
        if status != Status.HELD:
            found[visitor][slot_id] = BOOKED
        elif found[visitor].get(slot_id) != BOOKED:
            found[visitor][slot_id] = Mark("held", expires_at)
    seats = taken.shown()

    proofs = Proof.objects.filter(visitor__in=visitors, expires_at__gt=Now()).values_list("visitor", "booking", "email")
    by_booking, by_address = defaultdict(set), defaultdict(set)
    for visitor, booking_id, email in proofs:
        (by_booking[booking_id] if booking_id else by_address[email]).add(visitor)
    if by_booking or by_address:
        proven = seats.annotate(address=Lower("email"))
        # A union, so that each half uses its own index.
        rows = proven.filter(pk__in=list(by_booking)).union(proven.filter(address__in=list(by_address)), all=True)
        for booking_id, address, slot_id in rows.values_list("pk", "address", "slot_id"):
            for visitor in by_booking.get(booking_id, set()) | by_address.get(address, set()):
                found[visitor][slot_id] = BOOKED
    return found


def without_hold(slot: Slot, own: Booking | None) -> Slot:
    """Return a copy of the slot with the seats of the visitor's hold ``own`` free; the slot itself without a hold."""
    if own is None:
        return slot
    slot = copy(slot)
    slot.seats_held -= own.seats
    return slot


def find_slot(slot_id: int, visitor: str) -> Slot | None:
    """Read the slot with its expert. One of an expert who is hidden is shown only to those who have a seat in it."""
    slot = Slot.objects.with_expert().filter(pk=slot_id).first()
    if slot is None or (slot.expert.is_active and slot.expert.organization.is_active):
        return slot
    has_seat = find_own_hold(slot, visitor) or Booking.objects.proven_to(visitor).filter(slot=slot).exists()
    return slot if has_seat else None


def find_own_booking(slot: Slot, visitor: str) -> Booking | None:
    """Read a booking of the slot that the visitor has proven and that takes seats; no hold."""
    return Booking.objects.proven_to(visitor).occupying().filter(slot=slot).first()


def find_own_hold(slot: Slot, visitor: str) -> Booking | None:
    """Read the visitor's hold of the slot that has not run out."""
    return Booking.objects.running_holds(visitor).filter(slot=slot).first()


def find_own_entry(slot: Slot, visitor: str) -> WaitlistEntry | None:
    """Read the visitor's entry in the waitlist of the slot, with its ``place``."""
    return WaitlistEntry.objects.waiting_of(visitor).with_place().filter(slot=slot).first()


def own_key(visitor: str) -> str:
    """Return a key of what My bookings and the booking page show to the visitor: a page with another key reloads."""
    now = timezone.now()
    columns = ("pk", "status", "name", "slot_id", "slot__version", "slot__starts_at", "slot__ends_at", "expires_at")
    rows = Booking.objects.proven_to(visitor).order_by("pk").values_list(*columns)
    # Also whether it has begun and ended, as time alone moves a booking from "coming up" to "earlier".
    told = [(*row, row[5] > now, row[6] > now) for row in rows]
    told += WaitlistEntry.objects.shown_to(visitor).order_by("pk").values_list("pk", "status", "hold__expires_at")
    return f"{crc32(repr(told).encode()):08x}"
