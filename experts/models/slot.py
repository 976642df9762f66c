from collections.abc import Collection, Iterator
from copy import copy
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Self

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from experts import formatting
from experts.copying import copy_row
from experts.models.expert import Expert, Venue
from experts.models.slot_queryset import MAY_BE_BOOKABLE, SlotQuerySet
from experts.models.slot_triggers import TRIGGERS
from experts.timezones import minutes_in
from experts.validators import validate_no_web_address

BOOKABLE_STATES = frozenset({"open", "few"})


class Obstacle(Enum):
    """What keeps visitors from booking a slot, and the state that it is in then."""

    STARTED = "started", "past"
    NOTICE = "notice", "past"
    CLOSED = "closed", "closed"
    EXPERT_HIDDEN = "expert_hidden", "closed"
    ORGANIZATION_HIDDEN = "organization_hidden", "closed"
    HORIZON = "horizon", "closed"
    HELD = "held", "held"
    FULL = "full", "full"

    def __init__(self, code: str, state: str) -> None:
        self.code, self.state = code, state


class Slot(models.Model):
    """A stretch of an expert's time that can be booked, with one or several seats.

    ``date`` and ``time`` are the expert's wall clock, ``starts_at`` and ``ends_at`` the instants (UTC); a trigger
    refuses to write them so that they contradict each other. The counters
    ``seats_held`` (running holds), ``seats_booked`` (all other bookings that occupy a seat) and ``next_hold_expiry``
    belong to the trigger on Booking: whatever else writes to them is ignored. In-memory values are stale after a
    booking; read the row again before use.
    """

    # Without an index of its own: those that begin with the expert serve it, and each booking would write to it.
    expert = models.ForeignKey(
        Expert, on_delete=models.PROTECT, related_name="slots", verbose_name=_("expert"), db_index=False
    )
    date = models.DateField(_("date"))
    time = models.TimeField(_("time"))
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    title = models.CharField(_("title"), max_length=80, blank=True, validators=[validate_no_web_address])
    capacity = models.PositiveSmallIntegerField(_("seats"), default=1)
    seats_held = models.PositiveSmallIntegerField(_("seats held"), default=0, editable=False)
    seats_booked = models.PositiveSmallIntegerField(_("seats booked"), default=0, editable=False)
    next_hold_expiry = models.DateTimeField(null=True, editable=False)
    is_closed = models.BooleanField(_("closed"), default=False)
    # Ids of the session types that may be booked in it, all when empty: an array, as every read of slots wants it.
    for_types = ArrayField(models.PositiveBigIntegerField(), default=list, db_default=[], blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    # Slots made by weekly hours may also be removed or closed by them (experts/scheduling/plan.py). No page shows these
    # two fields, so a change of them does not count ``version`` up.
    from_hours = models.BooleanField(default=False, db_default=False, editable=False)
    closed_by_hours = models.BooleanField(_("outside the hours"), default=False, db_default=False, editable=False)
    # Whether anybody has ever waited for a seat of it, so that what is free and waited for is found by an index. A
    # trigger on who waits writes it, and nothing takes it back.
    is_waited_for = models.BooleanField(default=False, db_default=False, editable=False)

    objects = SlotQuerySet.as_manager()
    read_at: datetime  # the database's clock when the row was read, where experts/locking.py read it
    # The history, which pghistory.track below adds.
    events: Any
    pgh_event_model: Any

    class Meta:
        ordering = ["starts_at", "id"]
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        constraints = [
            models.UniqueConstraint(
                fields=["expert", "date", "time"],
                name="slot_once_per_expert_date_time",
                violation_error_message=_("This expert already has a slot at that date and time."),
            ),
            models.CheckConstraint(
                condition=Q(seats_held__gte=0, seats_booked__gte=0, capacity__gte=F("seats_held") + F("seats_booked")),
                name="slot_never_overbooked",
                violation_error_message=_("More seats are taken than that."),
            ),
            models.CheckConstraint(condition=Q(capacity__gte=1), name="slot_has_a_seat"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="slot_ends_after_start"),
            # A range of one expert id stands in for equality, so that no extension (btree_gist) is needed.
            ExclusionConstraint(
                name="slot_no_overlap_for_expert",
                expressions=[
                    (Func("expert_id", "expert_id", Value("[]"), function="int8range"), RangeOperators.OVERLAPS),
                    (Func("starts_at", "ends_at", function="tstzrange"), RangeOperators.OVERLAPS),
                ],
                violation_error_message=_("This overlaps another slot of the expert."),
            ),
        ]
        indexes = [
            # Finds the expert's next bookable slot without reading the full ones.
            models.Index("expert", "starts_at", name="slot_next_bookable", condition=MAY_BE_BOOKABLE),
            # Finds the experts who are free soonest (experts/ordering.py), and passes over other days and hours.
            models.Index(
                "starts_at",
                "expert",
                "date",
                "time",
                name="slot_open_by_start_day_time",
                condition=MAY_BE_BOOKABLE,
            ),
            # For lists of the slots of all experts: staff's, and the API's. In their very order, as thousands of slots
            # may start at one instant; with what tells whose they are, on which day, and which are over, so that others
            # are passed over in the index.
            models.Index("starts_at", "id", "ends_at", "date", "expert", name="slot_by_start_and_day"),
            # What is closed, in the order of lists, and of some experts what is booked all the same, which is little:
            # it is asked for by the menu of each page of staff. Whoever books writes to neither: nobody books what is
            # closed.
            models.Index(
                "starts_at", "id", "ends_at", "expert", name="slot_closed_in_order", condition=Q(is_closed=True)
            ),
            models.Index(
                "expert",
                "starts_at",
                name="slot_closed_and_booked",
                condition=Q(is_closed=True, seats_booked__gt=0),
            ),
            # Where a seat may be free although somebody waits, which is rare.
            models.Index("starts_at", name="slot_waited_for", condition=MAY_BE_BOOKABLE & Q(is_waited_for=True)),
        ]
        triggers = TRIGGERS

    __copy__ = copy_row

    def __str__(self) -> str:
        return f"{self.date} {self.time.isoformat('minutes')}"

    @property
    def covered(self) -> list["Slot"]:
        """The slots that booking it takes, in order of time: itself. A ``Session`` takes several."""
        return [self]

    @property
    def more_slots(self) -> list[int]:
        """The ids of what booking it takes beside the slot in which it starts, in order of time."""
        return [slot.pk for slot in self.covered if slot.pk != self.pk]

    def with_seats(self, *, held: int = 0, booked: int = 0, only: Collection[int] | None = None) -> Self:
        """Return a copy with so many seats more held and booked, in memory.

        ``only``: ids of the slots that it concerns among those that it takes, all without it.
        """
        other = copy(self)
        if only is None or self.pk in only:
            other.seats_held += held
            other.seats_booked += booked
        return other

    def policy(self, name: str) -> Any:
        """Return a policy value by its field's name, as it holds for bookings of it. Needs expert and organisation."""
        return self.expert.policy(name)

    @property
    def venue(self) -> str:
        """How it takes place, a value of ``Venue``. Needs the expert."""
        return self.expert.venue

    @property
    def venue_note(self) -> str:
        """The address, or how to join. Needs the expert."""
        return self.expert.venue_note

    @property
    def venue_label(self) -> str:
        """``In person``. Needs the expert."""
        return str(Venue(self.venue).label)

    @property
    def venue_icon(self) -> str:
        return Venue(self.venue).icon

    @property
    def address(self) -> str:
        """Where to come to, which everybody may know; empty where nobody meets. Needs the expert."""
        return self.venue_note if self.venue == Venue.IN_PERSON else ""

    @property
    def bookable_from(self) -> datetime:
        """The instant at which the slot comes within the horizon. Needs the expert and the organisation."""
        return self.starts_at - timedelta(days=self.policy("horizon_days"))

    @property
    def bookable_until(self) -> datetime:
        """The instant from which nobody can book the slot any more. Needs the expert and the organisation."""
        notice: timedelta = self.policy("min_notice")
        return self.starts_at - notice

    def seats_left_at(self, now: datetime) -> int:
        """Seats that can be taken at ``now``; a hold that ran out counts as free although its row still stands."""
        left = self.capacity - self.seats_booked - self.seats_held
        if self.next_hold_expiry is not None and self.next_hold_expiry <= now:
            return max(left, 1)  # how many holds ran out is known under the lock only; at least one did
        return left

    def may_open_at(self, now: datetime) -> bool:
        """Whether holds that run out could free a seat, if there was none at ``now``."""
        return self.seats_held > 0

    def state_at(self, now: datetime) -> str:
        """Return the state at ``now``: ``open``, ``few``, ``held``, ``full``, ``closed`` or ``past``.

        Needs the expert and the organisation (``with_expert()``). The same rule as ``SlotQuerySet.bookable``.
        """
        for obstacle in self.obstacles_at(now):
            return obstacle.state
        left = self.seats_left_at(now)
        taken = self.capacity - left
        return "few" if taken >= 1 and (left <= 2 or left * 3 <= self.capacity) else "open"

    def obstacles_at(self, now: datetime) -> Iterator[Obstacle]:
        """Yield what keeps visitors from booking it at ``now``. The first decides about the state (``state_at``)."""
        if now >= self.bookable_until:
            yield Obstacle.STARTED if now >= self.starts_at else Obstacle.NOTICE
        if self.is_closed:
            yield Obstacle.CLOSED
        if not self.has_active_experts:
            yield Obstacle.EXPERT_HIDDEN
        if not self.expert.organization.is_active:
            yield Obstacle.ORGANIZATION_HIDDEN
        if now < self.bookable_from:
            yield Obstacle.HORIZON
        if self.seats_left_at(now) <= 0:
            yield Obstacle.HELD if self.may_open_at(now) else Obstacle.FULL

    @property
    def has_active_experts(self) -> bool:
        """Whether all are shown with whom it takes place. Needs the expert."""
        return self.expert.is_active

    def changes_at(self, now: datetime) -> datetime | None:
        """Return the first instant after ``now`` at which time alone may change ``state_at`` or ``seats_left_at``.

        None if that never happens. Needs the expert and the organisation, as ``state_at``.
        """
        instants = [self.bookable_until, self.bookable_from]
        if self.next_hold_expiry is not None:
            instants.append(self.next_hold_expiry)
        return min((at for at in instants if at > now), default=None)

    @property
    def state(self) -> str:
        return self.state_at(timezone.now())

    @property
    def seats_left(self) -> int:
        return self.seats_left_at(timezone.now())

    @property
    def is_bookable(self) -> bool:
        return self.state in BOOKABLE_STATES

    @property
    def when(self) -> str:
        """``Wed 10 Mar 2027, 14:30 London``: on the expert's clock, with its zone. Needs the expert."""
        return formatting.day_and_time(self.starts_at, self.expert.zone)

    @property
    def minutes(self) -> int:
        return minutes_in(self.ends_at - self.starts_at)


# Without the counters: they change with every booking, whose own history tells why.
pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    fields=["expert", "date", "time", "starts_at", "ends_at", "title", "capacity", "is_closed", "for_types"],
    model_name="SlotEvent",
)(Slot)
