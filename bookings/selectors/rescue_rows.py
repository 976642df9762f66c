"""Read how far the rescue of an organisation's sessions has got: who is to do, to phone, waiting for, and in hand."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Q, QuerySet, Value

from bookings.models import Booking, Notification, Rescue, RescueTime, Status, Suppression
from bookings.models.booking_queryset import BookingQuerySet
from bookings.models.notification import MailStatus
from bookings.models.recipient import SuppressionReason, recipient_key
from bookings.models.rescue import RescueState
from bookings.selectors.rescue import cannot_take_place, closed_slots, lost_in, slots_in_time_off
from bookings.selectors.rescue_times import Proposal, propose
from experts.models import Expert, Slot
from experts.prepared import PreparedValues

MOST_ROWS = 200
MORE_CHOICES = 5
_STAYS = timedelta(hours=12)  # after the time of the session: the day's work can be looked at until the evening
_IN_HAND = {RescueState.MOVED, RescueState.CHOSEN, RescueState.CANCELLED, RescueState.SETTLED}
_HAS_OTHER_TIME = {RescueState.MOVED, RescueState.CHOSEN}
_HAS_TO_BE_TOLD = {RescueState.MOVED, RescueState.CANCELLED}
_NOT_DELIVERED = {MailStatus.BOUNCED, MailStatus.SPAM}
_STOPS_ALL = {SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED}


class Stage(StrEnum):
    """How far one of them is, in the order in which they are shown."""

    PHONE = "phone"
    TODO = "todo"
    WAITING = "waiting"
    MOVED = "moved"


@dataclass(frozen=True)
class RescueRow:
    """A booking that cannot take place, or could not. ``rescue``: the last that was done about it."""

    stage: Stage
    booking: Booking
    expert: Expert
    was_at: datetime
    rescue: Rescue | None = None
    proposals: Sequence[Proposal] = ()
    kept: Sequence[Proposal] = ()
    cannot_be_mailed: str = ""

    @property
    def is_lost(self) -> bool:
        """Whether it still is where it cannot take place."""
        return self.stage in (Stage.TODO, Stage.WAITING) or (
            self.stage == Stage.PHONE and (self.rescue is None or self.rescue.state not in _IN_HAND)
        )


@dataclass
class RescueBoard:
    """All rows of an organisation, or of one expert; ``is_cut`` where there are more than fit on a page."""

    rows: list[RescueRow] = field(default_factory=list)
    is_cut: bool = False

    @cached_property
    def counts(self) -> dict[Stage, int]:
        return {stage: sum(row.stage == stage for row in self.rows) for stage in Stage}

    @property
    def moved(self) -> int:
        """How many have another time; the others in hand were cancelled or settled."""
        states = [row.rescue.state for row in self.rows if row.stage == Stage.MOVED and row.rescue is not None]
        return sum(state in _HAS_OTHER_TIME for state in states)

    @property
    def in_hand(self) -> int:
        """For how many somebody has done what there is to do for now."""
        return self.counts[Stage.MOVED] + self.counts[Stage.WAITING]

    @cached_property
    def experts(self) -> list[Expert]:
        """Whose sessions they are, by name."""
        return sorted({row.expert for row in self.rows}, key=lambda expert: (expert.name, expert.pk))


def read_board(
    bookings: BookingQuerySet,
    rescues: QuerySet[Rescue],
    *,
    experts: QuerySet[Expert],
    takers: QuerySet[Expert],
    now: datetime,
) -> RescueBoard:
    """Read the rows of some bookings. A number of queries that does not grow with them.

    ``experts``: those whose bookings they are; ``rescues``: what was done about such bookings; ``takers``: whom these
    staff may give bookings to.
    """
    lost = list(cannot_take_place(bookings, experts).with_slot().order_by("slot__starts_at", "pk")[: MOST_ROWS + 1])
    found = {booking.pk: booking for booking in lost[:MOST_ROWS]}
    done = rescues.exclude(state=RescueState.WITHDRAWN).with_booking()  # type: ignore[attr-defined]  # of RescueQuerySet
    of_found = done.filter(booking__in=found).order_by("booking_id", "-pk").distinct("booking_id")
    lately = done.filter(expert__in=experts.order_by().values("pk"), was_at__gt=now - _STAYS).exclude(booking__in=found)
    last: dict[int, Rescue] = {}
    for rescue in (*of_found, *lately.order_by("-pk")[: 2 * MOST_ROWS]):
        last.setdefault(rescue.booking_id, rescue)
    # What was offered instead of a request stands with the requests.
    shown = {key: it for key, it in last.items() if key not in found and not it.of_request and _is_shown(it, now)}
    others = {key: rescue.booking for key, rescue in shown.items()}
    unreachable = _cannot_be_mailed([*found.values(), *others.values()])
    kept = _kept([rescue for rescue in last.values() if rescue.state == RescueState.OFFERED], now)
    board = RescueBoard(is_cut=len(lost) > MOST_ROWS)
    for booking in [*found.values(), *others.values()]:
        rescue = last.get(booking.pk)
        is_running = rescue is not None and rescue.is_running(booking, now)
        is_in_hand = booking.pk not in found and rescue is not None and rescue.state in _IN_HAND
        silent = unreachable.get(booking.pk, "")
        has_to_be_told = not is_in_hand or (
            rescue is not None and rescue.state in _HAS_TO_BE_TOLD and rescue.reached_at is None
        )
        if silent and has_to_be_told:
            stage = Stage.PHONE
        elif is_in_hand:
            stage = Stage.MOVED
        else:
            stage = Stage.WAITING if is_running else Stage.TODO
        board.rows.append(
            RescueRow(
                stage,
                booking,
                rescue.expert if rescue is not None and is_in_hand else booking.slot.expert,
                rescue.was_at if rescue is not None and is_in_hand else booking.slot.starts_at,
                rescue,
                kept=kept.get(rescue.pk, []) if rescue is not None and is_running else [],
                cannot_be_mailed=silent,
            )
        )
    return _with_proposals(board, takers, now)


def count_to_do(*, everywhere: Collection[int], own: Collection[int], user_id: int | None, now: datetime) -> int:
    """Count the bookings that cannot take place and for which nothing is kept, up to MOST_ROWS.

    Of whom: all experts of the organisations ``everywhere``, and in those of ``own`` whoever logs in as this user. One
    query, and a second one where there are slots with bookings in which nothing can take place, which is seldom.
    """
    whose = sorted(everywhere), sorted(own), user_id or 0
    slots = _lost_slots_of_some(*whose) if own else _lost_slots_of_all(whose[0])
    if not slots:
        return 0
    closed, away = [pk for pk, is_closed in slots if is_closed], [pk for pk, is_closed in slots if not is_closed]
    return len(_to_do(*whose, closed, away, now))


# Prepared, as every page of the admin asks for the menu: to put these together took a third of such a page.


@PreparedValues
def _lost_slots_of_all(everywhere: list[int]) -> QuerySet[Any]:
    """As the next one. The index of the organisations' experts has all that is asked of them, if nothing else is."""
    return _lost_slots(Expert.objects.filter(organization__id__any_of=everywhere))


@PreparedValues
def _lost_slots_of_some(everywhere: list[int], own: list[int], user_id: int) -> QuerySet[Any]:
    """Booked slots in which nothing can take place, as keys and whether they are closed; else somebody is away then."""
    is_ones = Q(organization__id__any_of=own, user__id=user_id)
    return _lost_slots(Expert.objects.filter(Q(organization__id__any_of=everywhere) | is_ones))


def _lost_slots(experts: QuerySet[Expert]) -> QuerySet[Any]:
    keys = closed_slots(experts).values("pk").union(*slots_in_time_off(experts), all=True)
    return Slot.objects.order_by().filter(pk__any_of=ArraySubquery(keys)).values_list("pk", "is_closed")


@PreparedValues
def _to_do(
    everywhere: list[int], own: list[int], user_id: int, closed: list[int], away: list[int], now: datetime
) -> QuerySet[Any]:
    themselves = Expert.objects.order_by().filter(user__id=user_id)
    bookings = Booking.objects.filter(
        Q(of_organization__id__any_of=everywhere)
        | Q(of_organization__id__any_of=own)
        & (Q(slot__expert__user__id=user_id) | Q(second_expert__in=themselves.values("pk")))
    )
    running = Rescue.objects.offers().filter(until__gt=now).order_by().values("booking_id")
    keys: ArrayField[Any, Any] = ArrayField(BigIntegerField())
    lost = lost_in(bookings, Value(closed, keys), Value(away, keys)).exclude(pk__in=running)
    return lost.order_by().values_list("pk")[:MOST_ROWS]


def _is_shown(rescue: Rescue, now: datetime) -> bool:
    return rescue.state in _IN_HAND or rescue.is_running(rescue.booking, now)


def _with_proposals(board: RescueBoard, takers: QuerySet[Expert], now: datetime) -> RescueBoard:
    open_rows = [row for row in board.rows if row.is_lost and not row.kept]
    found = propose([row.booking for row in open_rows], takers, now, more=MORE_CHOICES)
    board.rows = [
        RescueRow(**{**vars(row), "proposals": found.get(row.booking.pk, [])}) if row in open_rows else row
        for row in board.rows
    ]
    order = list(Stage)
    board.rows.sort(key=lambda row: (order.index(row.stage), _place(row), row.booking.pk))
    return board


def _place(row: RescueRow) -> float:
    """By time; of what is in hand, what was done last comes first."""
    if row.stage == Stage.MOVED and row.rescue is not None:
        return -row.rescue.changed_at.timestamp()
    return row.was_at.timestamp()


def _kept(offers: Collection[Rescue], now: datetime) -> dict[int, list[Proposal]]:
    """Read the times that are kept for offers, by their keys. One query, none for no offers."""
    booking_of = {rescue.pk: rescue.booking for rescue in offers}
    if not booking_of:
        return {}
    times = RescueTime.objects.filter(rescue__in=booking_of, hold__status=Status.HELD, hold__expires_at__gt=now)
    times = times.select_related("hold__slot__expert__organization", "hold__session_type").order_by("position")
    found: dict[int, list[Proposal]] = {key: [] for key in booking_of}
    for time in times:
        if time.hold is not None:
            found[time.rescue_id].append(Proposal(booking_of[time.rescue_id], time.hold.session))
    return found


def _cannot_be_mailed(bookings: Collection[Booking]) -> dict[int, str]:
    """Return who does not read mails, by booking: ``no address`` or ``came back``. Two queries."""
    silent = {booking.pk: "no address" for booking in bookings if not booking.email}
    with_address = [booking for booking in bookings if booking.email]
    mails = Notification.objects.filter(booking__in=with_address, audience=Notification.Audience.CUSTOMER)
    latest = mails.exclude(status=MailStatus.SKIPPED).order_by("booking_id", "-id").distinct("booking_id")
    status_of = {
        booking_id: (status, to) for booking_id, status, to in latest.values_list("booking_id", "status", "to")
    }
    keys = {recipient_key(booking.email): booking for booking in with_address}
    stopped = set(
        Suppression.objects.filter(recipient__in=keys, reason__in=_STOPS_ALL).values_list("recipient", flat=True)
    )
    for booking in with_address:
        status, to = status_of.get(booking.pk, ("", ""))
        came_back = status in _NOT_DELIVERED and to.lower() == booking.email.lower()
        if came_back or recipient_key(booking.email) in stopped:
            silent[booking.pk] = "came back"
    return silent
