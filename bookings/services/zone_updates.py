"""Bring slots to the instants that their clocks mean now, after the rules of a time zone have changed.

The clock of a slot stays as it was said to everybody, and its instants move. Whoever has booked it gets the mail of a
move: the entry in their calendar holds an instant, and would be wrong from now on.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pghistory
from django.db import IntegrityError
from django.db.models import Max, Min, Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from bookings.errors import Busy, NotFound
from bookings.mail.rules import MailKind
from bookings.models import Booking, EventType, Status
from bookings.services.effects import publish, queue_mails
from bookings.transitions import OCCUPYING
from bookings.webhooks.events import booking_events, queue_webhooks
from experts import publisher
from experts.locking import lock_slots, repeated, slot_transaction, vouch_for_clocks
from experts.models import Expert, Organization, Slot
from experts.timezones import city, instant_of

WINDOW = timedelta(days=7)  # of starts, read and written together


@dataclass
class Moved:
    """A slot whose instants move, or would: by how much, and why it stays if it cannot (``skipped``, ``taken``)."""

    slot: Slot
    by: timedelta = timedelta(0)
    obstacle: str = ""


@dataclass
class Outcome:
    """What a change of rules does to slots and bookings, or has done.

    ``bookings`` are those whose instants move, in order; ``left`` the slots that stay where they are, each with why:
    ``skipped`` (the clocks pass over that time), ``taken`` (another slot is there by then), ``together`` (a booking
    takes it with a slot that does not move as far) and ``busy``.
    """

    slots: int = 0
    bookings: list[Booking] = field(default_factory=list)
    left: list[Moved] = field(default_factory=list)
    by_zone: Counter[str] = field(default_factory=Counter)


def update_time_zones(*, writes: bool, tells: bool = True) -> Iterator[Outcome]:
    """Move all slots that have not begun to the instants that their clocks mean by today's rules.

    Yields what it has done of each organisation, zone and week, each in a transaction of its own that locks its slots
    in order of time; without ``writes`` what it would do. ``tells``: who has booked is sent the mail of a move.
    """
    now = timezone.now()
    for organization_id in Organization.objects.order_by("pk").values_list("pk", flat=True):
        zones = Expert.objects.filter(organization=organization_id).order_by("timezone")
        for zone in zones.values_list("timezone", flat=True).distinct():
            for window, found in _in_order(_windows(organization_id, zone, now)):
                yield _carry_out(window, found, writes=writes, tells=tells)


@dataclass(frozen=True)
class _Window:
    organization_id: int
    zone: str
    first: datetime
    end: datetime

    def read_slots(self) -> list[Slot]:
        rows = Slot.objects.filter(
            expert__organization=self.organization_id,
            expert__timezone=self.zone,
            starts_at__gte=self.first,
            starts_at__lt=self.end,
        )
        return list(rows.select_related("expert__organization").order_by("starts_at", "pk"))


def _windows(organization_id: int, zone: str, now: datetime) -> Iterator[_Window]:
    """Yield stretches of a week in which slots start, the last one first."""
    ahead = Slot.objects.order_by().filter(
        expert__organization=organization_id, expert__timezone=zone, starts_at__gt=now
    )
    ends = ahead.aggregate(first=Min("starts_at"), last=Max("starts_at"))
    first, end = ends["first"], ends["last"]
    while first is not None and end is not None and end >= first:
        start = max(end - WINDOW, first)
        yield _Window(organization_id, zone, start, end + timedelta(seconds=1))
        end = start - timedelta(seconds=1)


def _in_order(windows: Iterator[_Window]) -> Iterator[tuple[_Window, list[Moved]]]:
    """Yield those in which slots move or should, each with what becomes of its slots. Reads each once.

    In the order in which what moves finds its place free: the last first where slots move to later, else the first.
    """
    passed = []
    for each in _touched(windows):
        passed.append(each)
        by = next((move.by for move in each[1] if move.by), timedelta(0))
        if by < timedelta(0):
            yield from _touched(reversed(list(windows)))
            yield from reversed(passed)
            return
        if by > timedelta(0):
            break
    yield from passed
    yield from _touched(windows)


def _touched(windows: Iterator[_Window]) -> Iterator[tuple[_Window, list[Moved]]]:
    for window in windows:
        found = _moves(window)
        if any(move.by or move.obstacle for move in found):
            yield window, found


def _moves(window: _Window, taken: Collection[int] = ()) -> list[Moved]:
    """Return what the rules of today make of the slots of a window, those that stay with no difference.

    ``taken``: ids of slots that cannot move, as another one is in their place.
    """
    zone = ZoneInfo(window.zone)
    moves = []
    for slot in window.read_slots():
        clock = datetime.combine(slot.date, slot.time)
        if slot.starts_at.astimezone(zone).replace(tzinfo=None) == clock:  # also the second of a time shown twice
            moves.append(Moved(slot))
            continue
        instant = instant_of(slot.date, slot.time, zone)
        by = timedelta(0) if instant is None else instant - slot.starts_at
        obstacle = "skipped" if instant is None else "taken" if slot.pk in taken else ""
        moves.append(Moved(slot, by, obstacle))
    return moves


class _TakenError(Exception):
    """There is another slot where this one has to go."""

    def __init__(self, slot_id: int) -> None:
        self.slot_id = slot_id
        super().__init__(slot_id)


def _carry_out(window: _Window, found: list[Moved], *, writes: bool, tells: bool) -> Outcome:
    if not writes:
        return _outcome(window.zone, found, _taking(found))
    taken: set[int] = set()
    while True:
        try:
            return _write(window=window, seen=found, taken=taken, tells=tells)
        except _TakenError as error:  # all of the week again, without this one and what is booked with it
            taken.add(error.slot_id)
        except NotFound:  # somebody has deleted a slot meanwhile
            found = _moves(window)
        except Busy:
            return Outcome(left=[replace(move, obstacle="busy") for move in found if move.by])


def _taking(found: list[Moved]) -> list[Booking]:
    """Return the bookings that take a slot which moves, and mark what has to stay since they also take another."""
    moving = {move.slot.pk: move for move in found if move.by and not move.obstacle}
    takes = Q(slot__in=moving.keys()) | Q(more_slots__overlap=list(moving))
    bookings = list(Booking.objects.filter(takes, status__in=OCCUPYING).with_slot().order_by("slot__starts_at", "pk"))
    while torn := [
        booking
        for booking in bookings
        if any(pk in moving for pk in booking.slot_ids)
        and len({moving[pk].by if pk in moving else None for pk in booking.slot_ids}) > 1
    ]:
        for booking in torn:
            for pk in booking.slot_ids:
                if pk in moving:
                    moving.pop(pk).obstacle = "together"
    return [booking for booking in bookings if booking.slot_id in moving]


def _outcome(zone: str, found: list[Moved], bookings: list[Booking]) -> Outcome:
    moved = [move for move in found if move.by and not move.obstacle]
    left = [move for move in found if move.obstacle]
    ahead = [booking for booking in bookings if booking.is_open]
    return Outcome(len(moved), ahead, left, Counter({zone: len(moved)}) if moved else Counter())


@repeated
def _write(*, window: _Window, seen: list[Moved], taken: Collection[int], tells: bool) -> Outcome:
    with slot_transaction(), pghistory.context(by="time zones"):
        locked = {move.slot.pk for move in seen if move.by}
        lock_slots(locked)
        found = [move for move in _moves(window, taken) if not move.by or move.slot.pk in locked]
        bookings = _taking(found)
        vouch_for_clocks(window.zone)
        _move_slots(found)
        _move_bookings(bookings, {move.slot.pk: move for move in found}, tells=tells)
        for slot in {(move.slot.expert_id, move.slot.date): move.slot for move in found if move.by}.values():
            publisher.slot_changed(slot)
        return _outcome(window.zone, found, bookings)


def _move_slots(found: list[Moved]) -> None:
    """Write them in an order in which none takes the place of one that has yet to move. Raises _TakenError."""
    later = [move for move in reversed(found) if move.by > timedelta(0) and not move.obstacle]
    earlier = [move for move in found if move.by < timedelta(0) and not move.obstacle]
    for move in [*later, *earlier]:
        slot = move.slot
        try:
            Slot.objects.filter(pk=slot.pk).update(starts_at=slot.starts_at + move.by, ends_at=slot.ends_at + move.by)
        except IntegrityError as error:
            raise _TakenError(slot.pk) from error


def _move_bookings(bookings: list[Booking], moves: dict[int, Moved], *, tells: bool) -> None:
    """Let bookings end when they end now, ask for an answer before they begin, and tell whoever made them."""
    told = []
    for booking in bookings:
        move, before = moves[booking.slot_id], copy(booking.slot)
        booking.slot.starts_at, booking.slot.ends_at = before.starts_at + move.by, before.ends_at + move.by
        if booking.session_ends_at is not None:
            booking.session_ends_at += move.by
        if booking.status in (Status.HELD, Status.PENDING):
            booking.expires_at = min(booking.runs_out_at, booking.slot.starts_at)
        fields = ["session_ends_at", "expires_at"]
        if booking.is_open:
            booking.sequence += 1
            fields += ["sequence", "reason"]
            with translation.override(booking.language):
                booking.reason = (
                    ""
                    if booking.erased_at
                    else _(
                        "Clocks in %(city)s change in another way from now on. Your session stays at the time that"
                        " these clocks show; only the entry in your calendar has to move."
                    )
                    % {"city": city(booking.slot.expert.zone)}
                )
            told.append(booking)
        booking.save(update_fields=fields)
        publish(booking)
    if tells:
        queue_mails((booking, MailKind.RESCHEDULED) for booking in told if booking.email)
    # Without a previous slot: it is the same, and would be told with the instants that it has now.
    queue_webhooks([event for booking in told for event in booking_events(booking, EventType.BOOKING_RESCHEDULED)])
