"""Propose other times for bookings that cannot take place: each time to one of them, in a bounded number of queries."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from bookings.models import Booking, Rescue, RescueTime, Status
from bookings.selectors.moves import starts_of_both
from bookings.selectors.rescue import IS_IN_TIME_OFF
from experts import formatting
from experts.models import Expert, OfferedType, SessionType, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.scheduling.fitting import sessions_of

LOOK_AHEAD = timedelta(days=14)  # after the last of the bookings
MOST_SLOTS = 20_000  # free ones that are looked at, soonest first
_NEAREST, _NEAREST_OF_OWN = 24, 6  # of which the best is chosen
# What it costs to see somebody else, and to come on an earlier day, in hours by which a time would be further away.
_OTHER_EXPERT, _EARLIER_DAY = 12.0, 48.0


@dataclass(frozen=True)
class Proposal:
    """A time for a booking instead of its own: a slot, or the session that was agreed, with its expert."""

    booking: Booking
    slot: Slot

    @property
    def is_own(self) -> bool:
        """Whether it is with the same expert."""
        return self.slot.expert_id == self.booking.slot.expert_id

    @property
    def with_whom(self) -> str:
        """Whose names are told; of two together both, who stay the same."""
        return self.booking.with_whom if self.booking.second_expert_id is not None else self.slot.expert.name

    @property
    def is_same_time(self) -> bool:
        return self.slot.starts_at == self.booking.slot.starts_at

    @property
    def why(self) -> str:
        """What speaks for it: ``Same time``, ``Same type, 20 min later``, ``Same expert, 3 days later, same time``."""
        if self.is_same_time:
            return _("Same time, with a colleague")
        zone, at = self.booking.slot.expert.zone, self.booking.slot.starts_at
        days = (self.slot.starts_at.astimezone(zone).date() - at.astimezone(zone).date()).days
        distance = formatting.distance(self.slot.starts_at, at, zone)
        if days and self.slot.starts_at.astimezone(zone).time() == at.astimezone(zone).time():
            words = {"span": formatting.duration(timedelta(days=abs(days)))}
            later, earlier = _("%(span)s later, same time"), _("%(span)s earlier, same time")
            distance = (later if days > 0 else earlier) % words
        how_far = {"distance": distance}
        if self.is_own:
            return _("Same expert, %(distance)s") % how_far
        return (_("Same type, %(distance)s") if self.booking.terms else _("Same field, %(distance)s")) % how_far


def kept_times(rescue: Rescue) -> list[Proposal]:
    """Read the times of an offer that are kept at this moment, in order of time, that of the booking first.

    Needs the booking ``with_slot()``. One query.
    """
    times = RescueTime.objects.filter(rescue=rescue, hold__status=Status.HELD, hold__expires_at__gt=Now())
    names = ("hold__slot__expert__organization", "hold__slot__expert__category", "hold__session_type")
    holds = [time.hold for time in times.select_related(*names) if time.hold is not None]
    found = [Proposal(rescue.booking, hold.session) for hold in holds]
    zone = rescue.booking.slot.expert.zone
    at = rescue.booking.slot.starts_at.astimezone(zone).time()
    return sorted(found, key=lambda it: (it.slot.starts_at.astimezone(zone).time() != at, it.slot.starts_at))


def who_may_take(bookings: Collection[Booking]) -> QuerySet[Expert]:
    """Return whom these bookings could be given to: experts of their organisations who do the same.

    Of a type those who offer it, else those of the same category. Their own experts are among them.
    """
    organizations = {booking.slot.expert.organization_id for booking in bookings}
    types = {booking.session_type_id for booking in bookings if booking.session_type_id}
    categories = {booking.slot.expert.category_id for booking in bookings if not booking.session_type_id}
    does_the_same = Q(category__in=categories) | Q(pk__in=_offering(types).values("expert"))
    own = Q(pk__in={expert.pk for booking in bookings for expert in booking.experts})
    return Expert.objects.active().filter(does_the_same | own, organization__in=organizations)


def may_take(booking: Booking, expert_id: int) -> bool:
    """Say whether a booking could be given to an expert. One query; none for its own, and for one with two experts."""
    if booking.slot.expert_id == expert_id or booking.second_expert_id is not None:
        return booking.slot.expert_id == expert_id
    return who_may_take([booking]).filter(pk=expert_id).exists()


def is_alike(slot: Slot, booking: Booking) -> bool:
    """Say whether a slot can stand for that of a booking without a type: it is as long, and not kept for types."""
    return slot.minutes == booking.slot.minutes and not slot.for_types


def _offering(types: Collection[int]) -> QuerySet[OfferedType]:
    active = SessionType.objects.active().filter(pk__in=types, experts_needed=1)
    return OfferedType.objects.order_by().filter(session_type__in=active.order_by().values("pk"))


def propose(
    bookings: Iterable[Booking], experts: QuerySet[Expert], now: datetime, *, each: int = 1, more: int = 0
) -> dict[int, list[Proposal]]:
    """Return for each booking (its key) up to ``each`` times, the best first, and up to ``more`` besides.

    No seat is among the first of two bookings; those besides are nobody's first. In order of their starts, so that who
    is hit soonest chooses first. ``experts``: those to whom they may be given; a session with two experts stays with
    both. Three queries, for any number. Needs ``with_slot()``.
    """
    rows = sorted(bookings, key=lambda booking: (booking.slot.starts_at, booking.pk))
    if not rows:
        return {}
    free = _FreeTimes(rows, experts, now)
    chosen = {booking.pk: free.choose(booking, each) for booking in rows}
    for booking in rows if more else ():
        firsts = {slot.pk for slot in chosen[booking.pk]}
        besides = free.choose(booking, more + len(firsts), reserves=False)
        chosen[booking.pk] += [slot for slot in besides if slot.pk not in firsts][:more]
    return {booking.pk: [Proposal(booking, slot) for slot in chosen[booking.pk]] for booking in rows}


class _FreeTimes:
    """What is free with whoever could take some bookings, in order of time, and how much of it is given away."""

    def __init__(self, bookings: Sequence[Booking], experts: QuerySet[Expert], now: datetime) -> None:
        self._now = now
        may_take = experts.filter(pk__in=who_may_take(bookings).order_by().values("pk")).select_related("organization")
        self._experts = {expert.pk: expert for expert in may_take}
        types = {booking.session_type_id for booking in bookings if booking.session_type_id}
        offers = _offering(types).filter(expert__in=self._experts) if types else OfferedType.objects.none()
        self._offers: dict[int, set[int]] = defaultdict(set)
        for expert_id, type_id in offers.values_list("expert_id", "session_type_id"):
            self._offers[type_id].add(expert_id)
        last = max(booking.slot.starts_at for booking in bookings) + LOOK_AHEAD
        slots = Slot.objects.filter(expert__in=self._experts, is_closed=False, starts_at__gt=now, starts_at__lt=last)
        self._slots: dict[int, list[Slot]] = defaultdict(list)
        slots = slots.exclude(IS_IN_TIME_OFF, from_hours=False)  # of those from hours, time off has left none
        for slot in slots.order_by("starts_at", "pk")[:MOST_SLOTS]:
            if slot.seats_left_at(now) > 0:
                slot.expert = self._experts[slot.expert_id]
                self._slots[slot.expert_id].append(slot)
        self._given: Counter[int] = Counter()
        self._kept: dict[Any, list[Slot]] = {}

    def choose(self, booking: Booking, most: int, *, reserves: bool = True) -> list[Slot]:
        """Return up to so many times for a booking, the best first: of the same expert one, and of different days."""
        near = list(islice(self._near(booking, self._for(booking)), _NEAREST))
        own = list(islice(self._near(booking, self._for(booking, own=True)), _NEAREST_OF_OWN))
        found = {slot.pk: slot for slot in [*near, *own]}
        ranked = sorted(found.values(), key=lambda slot: _cost(booking, slot))
        chosen: list[Slot] = []
        while ranked and len(chosen) < most:
            slot = min(ranked, key=lambda it: self._rank(booking, it, chosen)) if chosen else ranked[0]
            ranked.remove(slot)
            if not all(self._fits(each, booking) for each in slot.covered):
                continue  # it overlaps what was chosen a moment ago
            chosen.append(slot)
            if reserves:
                self._given.update({each.pk: booking.seats for each in slot.covered})
        return chosen

    def _rank(self, booking: Booking, slot: Slot, chosen: Sequence[Slot]) -> tuple[bool, bool, float]:
        own_is_missing = all(it.expert_id != booking.slot.expert_id for it in chosen)
        is_other_day = all(it.date != slot.date for it in chosen)
        return not (own_is_missing and slot.expert_id == booking.slot.expert_id), not is_other_day, _cost(booking, slot)

    def _fits(self, slot: Slot, booking: Booking) -> bool:
        return slot.seats_left_at(self._now) - self._given[slot.pk] >= booking.seats

    def _near(self, booking: Booking, slots: Sequence[Slot]) -> Iterator[Slot]:
        """Yield those in which the booking would fit, from its own time outwards."""
        at = booking.slot.starts_at
        later = bisect_left(slots, at, key=lambda slot: slot.starts_at)
        earlier = later - 1
        while earlier >= 0 or later < len(slots):
            takes_later = earlier < 0 or (
                later < len(slots) and slots[later].starts_at - at <= at - slots[earlier].starts_at
            )
            slot = slots[later] if takes_later else slots[earlier]
            later, earlier = (later + 1, earlier) if takes_later else (later, earlier - 1)
            if slot.pk != booking.slot_id and all(self._fits(each, booking) for each in slot.covered):
                yield slot

    def _for(self, booking: Booking, *, own: bool = False) -> list[Slot]:
        """Return what bookings of this kind could take, in order of time. Worked out once for each kind."""
        expert, second_id = booking.slot.expert, booking.second_expert_id
        terms = booking.terms
        # Of what was agreed only what takes time: each may have a link of its own.
        kind = (
            (booking.session_type_id, terms.minutes, terms.buffer_before, terms.buffer_after)
            if terms
            else (expert.category_id, booking.slot.minutes)
        )
        own = own or second_id is not None
        key = (kind, expert.pk if own else None, second_id)
        if key not in self._kept:
            whose = [expert.pk] if own else self._takers(booking)
            found = [slot for pk in whose for slot in self._of(booking, self._slots.get(pk, []))]
            if second_id is not None:
                found = starts_of_both(found, self._slots.get(second_id, []))
            bookable = [slot for slot in found if slot.state_at(self._now) in BOOKABLE_STATES]
            self._kept[key] = sorted(bookable, key=lambda slot: (slot.starts_at, slot.pk))
        return self._kept[key]

    def _takers(self, booking: Booking) -> list[int]:
        if booking.session_type_id:
            return sorted(self._offers[booking.session_type_id] & self._experts.keys())
        category = booking.slot.expert.category_id
        return [pk for pk, expert in self._experts.items() if expert.category_id == category]

    def _of(self, booking: Booking, slots: list[Slot]) -> Iterable[Slot]:
        terms = booking.terms
        if terms is None or booking.session_type is None:
            return (slot for slot in slots if is_alike(slot, booking))
        return sessions_of(slots, booking.session_type, terms)


def _cost(booking: Booking, slot: Slot) -> float:
    """How far a time is from what was booked: hours, and as many more for another expert or an earlier day."""
    at, zone = booking.slot.starts_at, ZoneInfo(booking.slot.expert.timezone)
    hours = abs((slot.starts_at - at).total_seconds()) / 3600
    hours += _OTHER_EXPERT if slot.expert_id != booking.slot.expert_id else 0
    return hours + (_EARLIER_DAY if slot.starts_at.astimezone(zone).date() < at.astimezone(zone).date() else 0)
