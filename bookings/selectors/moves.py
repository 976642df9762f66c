"""Where staff can move a booking on one day: the rule of ``reschedule``, read at once for all experts who are shown."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bookings.models import Booking
from experts.models import Expert, OfferedType, Session, SessionTerms, SessionType, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.scheduling.fitting import session_at, sessions_of
from experts.timezones import day_bounds

_LONGEST = timedelta(days=1)  # of a slot


class WhyNot(StrEnum):
    """Why nothing of an expert's day can take a booking."""

    TYPE = "type"  # they do not offer it
    TOGETHER = "together"  # it is with two experts, who stay the same
    FULL = "full"  # nothing is free, or long enough


@dataclass(frozen=True)
class Moves:
    """The starts at which a booking could begin on a day, by expert (key), soonest first; or why there are none.

    A start is a Slot, or a Session of the booking's type as it was agreed.
    """

    starts: dict[int, list[Slot]] = field(default_factory=dict)
    why_not: dict[int, WhyNot] = field(default_factory=dict)

    @property
    def in_order(self) -> list[Slot]:
        """All of them, expert after expert."""
        return [start for starts in self.starts.values() for start in starts]


def read_moves(booking: Booking, experts: Sequence[Expert], day: date, zone: ZoneInfo, now: datetime) -> Moves:
    """Read the starts on the ``day`` of ``zone`` at which an open booking could begin with any of these experts.

    The booking was read with its slot and type, the experts with their organisation, which is the booking's. The time
    that it takes now counts as free, but its own start is none. Two queries at most.
    """
    first, last = day_bounds(day, zone)
    session_type, terms = booking.session_type, booking.terms
    moves = Moves()
    asked = list(experts)
    if booking.second_expert_id is not None:
        asked = [expert for expert in asked if expert.pk == booking.slot.expert_id]
    elif session_type is not None:
        offering = _offering(session_type, asked)
        asked = [expert for expert in asked if expert.pk in offering or expert.pk == booking.slot.expert_id]
    for expert in experts:
        if expert not in asked:
            moves.why_not[expert.pk] = WhyNot.TYPE if booking.second_expert_id is None else WhyNot.TOGETHER
    slots_of = _slots(booking, asked, first, last, terms, now)
    for expert in asked:
        found = _starts(slots_of[expert.pk], session_type, terms)
        if booking.second_expert_id is not None:
            found = starts_of_both(found, slots_of[booking.second_expert_id])
        free = [
            start
            for start in found
            if first <= start.starts_at < last and start.pk != booking.slot_id and _fits(booking, start, now)
        ]
        if free:
            moves.starts[expert.pk] = free
        else:
            moves.why_not[expert.pk] = WhyNot.FULL
    return moves


def _offering(session_type: SessionType, experts: Sequence[Expert]) -> set[int]:
    """The keys of those who offer the type alone; the rule of ``offers_type``."""
    offers = OfferedType.objects.filter(
        expert__in=[expert.pk for expert in experts],
        session_type__in=SessionType.objects.active().filter(pk=session_type.pk, experts_needed=1),
    )
    return set(offers.values_list("expert_id", flat=True))


def _slots(
    booking: Booking,
    experts: Sequence[Expert],
    first: datetime,
    last: datetime,
    terms: SessionTerms | None,
    now: datetime,
) -> dict[int, list[Slot]]:
    """The slots of the day, and those around it that a session may take, by expert and in order of time."""
    by_id = {expert.pk: expert for expert in experts}
    if booking.second_expert is not None and by_id:
        by_id.setdefault(booking.second_expert.pk, booking.second_expert)
    begins = first - (terms.before if terms else timedelta(0))
    ends = last + (terms.length + terms.after if terms else timedelta(0))
    rows = Slot.objects.filter(
        expert__in=list(by_id),
        date__range=(begins.date() - timedelta(days=2), ends.date() + timedelta(days=1)),
        starts_at__gt=begins - _LONGEST,
        starts_at__lt=ends,
    )
    slots_of: dict[int, list[Slot]] = defaultdict(list)
    for slot in rows.order_by("starts_at", "pk") if by_id else ():
        slot.expert = by_id[slot.expert_id]
        slot.read_at = now
        slots_of[slot.expert_id].append(slot)
    return slots_of


def _starts(slots: Sequence[Slot], session_type: SessionType | None, terms: SessionTerms | None) -> list[Slot]:
    if session_type is None or terms is None:
        return list(slots)
    return list(sessions_of(slots, session_type, terms))


def starts_of_both(found: Iterable[Slot], slots: Sequence[Slot]) -> list[Slot]:
    """Return, of the starts of one expert, those at which a second can begin, too: as sessions of both together.

    ``slots``: all of the second's, in order of time.
    """
    at = {slot.starts_at: slot for slot in slots}
    both: list[Slot] = []
    for one in found:
        start = at.get(one.starts_at)
        if isinstance(one, Session) and start is not None:
            second = session_at(start, slots, one.session_type, one.terms)
            if second is not None:
                both.append(Session.together(one, second))
    return both


def _fits(booking: Booking, start: Slot, now: datetime) -> bool:
    """The rule of ``reschedule``, without the lock."""
    free = start.with_seats(booked=-booking.seats, only=booking.slot_ids)
    return free.state_at(now) in BOOKABLE_STATES and booking.seats <= free.seats_left_at(now)
