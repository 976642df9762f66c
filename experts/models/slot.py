from collections.abc import Callable, Collection, Iterator
from copy import copy
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Self

import pghistory
import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Func, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import Exact, GreaterThan, LessThanOrEqual
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from experts import formatting
from experts.copying import copy_row
from experts.models.expert import Expert, ExpertQuerySet, Venue
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


# What an index can know of ``bookable``: a hold may run out.
_MAY_BE_BOOKABLE = Q(is_closed=False) & (
    Q(seats_held__lt=F("capacity") - F("seats_booked")) | Q(next_hold_expiry__isnull=False)
)


def _policy_allows(at: Any, starts_at: F, expert: Callable[[str], F]) -> Q:
    """The half of the rule of ``bookable`` that is about the expert, whose fields ``expert`` makes of their names."""
    notice = Coalesce(expert("min_notice"), expert("organization__min_notice"))
    horizon = Func(
        Coalesce(expert("horizon_days"), expert("organization__horizon_days")),
        template="(%(expressions)s * interval '24 hours')",
        output_field=models.DurationField(),
    )
    return (
        Q(Exact(expert("is_active"), True))
        & Q(Exact(expert("organization__is_active"), True))
        & Q(GreaterThan(starts_at, at + notice))
        # Not as a range with the notice: PostgreSQL would take it for a narrow one, and no index knows it, either.
        & Q(LessThanOrEqual(starts_at - at, horizon))
    )


class SlotQuerySet(models.QuerySet["Slot"]):
    def bookable(self, now: datetime | None = None) -> Self:
        """Slots that a visitor can book at ``now`` (by the database's clock if not given).

        With ``Slot.state_at`` this is the one rule of what can be booked: this method says in SQL exactly
        ``state_at(now) in BOOKABLE_STATES``, and tests/experts/models/test_bookable.py holds the two together.
        """
        at = Now() if now is None else Value(now, output_field=models.DateTimeField())
        return self._have_seats(at).filter(_policy_allows(at, F("starts_at"), lambda name: F(f"expert__{name}")))

    def bookable_of_outer(self) -> Self:
        """``bookable`` slots of each expert, in a subquery of a query of experts, by the policy that is read there."""
        at = Now()
        return self._have_seats(at).filter(_policy_allows(at, F("starts_at"), OuterRef), expert=OuterRef("pk"))

    def maybe_bookable_of(self, experts: ExpertQuerySet) -> models.QuerySet[Any]:
        """Slots, ``bookable`` ones among them, soonest first, then by expert; ``allowed``: bookable and of ``experts``.

        To be read in slices: each is read along an index, whatever comes after it. Of ``bookable`` PostgreSQL would
        rather join all slots with their experts, and sort them.
        """
        at = Now()
        experts = experts.filter(_policy_allows(at, OuterRef("starts_at"), F), pk=OuterRef("expert_id"))
        allowed = Coalesce(Subquery(experts.order_by().values(yes=Value(True))), False)
        return self._have_seats(at).annotate(allowed=allowed).order_by("starts_at", "expert_id")

    def _have_seats(self, at: Any) -> Self:
        """The half of the rule of ``bookable`` that is about the slot alone."""
        return self.filter(
            # The expiry is part of the rule: an abandoned hold must never block, even with every worker down.
            Q(seats_held__lt=F("capacity") - F("seats_booked")) | Q(next_hold_expiry__lte=at),
            is_closed=False,
            # Follows from the notice, which differs from expert to expert: an index needs one bound for all.
            starts_at__gt=at,
        )

    def of_active_experts(self) -> Self:
        """Slots of experts that visitors may see: without those of the others, who are few.

        So no expert is looked up for a slot, and a list of slots is read in an index of slots alone.
        """
        experts = Expert.objects.order_by()
        inactive, of_inactive = experts.filter(is_active=False), experts.filter(organization__is_active=False)
        return self.exclude(expert__in=inactive.values("pk")).exclude(expert__in=of_inactive.values("pk"))

    def with_expert(self) -> Self:
        """Each with its expert and organisation, whose policy decides about its state."""
        return self.select_related("expert__organization", "expert__category")

    def ahead(self, now: datetime) -> Self:
        """Slots that have not ended at ``now``, soonest first."""
        # The longest slot lasts a day, so the index by start can be used.
        return self.filter(starts_at__gt=now - timedelta(days=1), ends_at__gt=now).order_by("starts_at")

    def starting_within(self, start: datetime, end: datetime, expert: Expert) -> Self:
        """Slots of the expert that start from ``start`` until before ``end``, soonest first."""
        # By the expert's days, too, which the index of all slots of an expert has. A day more each way, as past slots
        # keep the days that they had when the expert moves to another zone.
        first, last = start.astimezone(expert.zone).date(), end.astimezone(expert.zone).date()
        days = (first - timedelta(days=1), last + timedelta(days=1))
        return self.filter(expert=expert, date__range=days, starts_at__gte=start, starts_at__lt=end).order_by(
            "starts_at"
        )


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
            models.Index("expert", "starts_at", name="slot_next_bookable", condition=_MAY_BE_BOOKABLE),
            # Finds the experts who are free soonest (experts/ordering.py), and passes over other days and hours.
            models.Index(
                "starts_at",
                "expert",
                "date",
                "time",
                name="slot_open_by_start_day_time",
                condition=_MAY_BE_BOOKABLE,
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
            models.Index("starts_at", name="slot_waited_for", condition=_MAY_BE_BOOKABLE & Q(is_waited_for=True)),
        ]
        triggers = [
            # Without this a stale slot.save() resets the counters and the slot is overbooked. Counters are let through
            # only at trigger depth 2, that is from the trigger on Booking. Nor does it forget that somebody waits.
            pgtrigger.Trigger(
                name="slot_counters_and_version",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF TG_OP = 'INSERT' THEN
                        NEW.seats_held := 0;
                        NEW.seats_booked := 0;
                        NEW.next_hold_expiry := NULL;
                        NEW.version := 1;
                        RETURN NEW;
                    END IF;
                    IF pg_trigger_depth() < 2 THEN
                        NEW.seats_held := OLD.seats_held;
                        NEW.seats_booked := OLD.seats_booked;
                        NEW.next_hold_expiry := OLD.next_hold_expiry;
                    END IF;
                    NEW.version := OLD.version;
                    NEW.is_waited_for := NEW.is_waited_for OR OLD.is_waited_for;
                    IF (NEW.expert_id, NEW.date, NEW.time, NEW.starts_at, NEW.ends_at, NEW.title, NEW.capacity,
                        NEW.is_closed, NEW.for_types, NEW.seats_held, NEW.seats_booked, NEW.next_hold_expiry)
                       IS DISTINCT FROM
                       (OLD.expert_id, OLD.date, OLD.time, OLD.starts_at, OLD.ends_at, OLD.title, OLD.capacity,
                        OLD.is_closed, OLD.for_types, OLD.seats_held, OLD.seats_booked, OLD.next_hold_expiry)
                    THEN
                        NEW.version := OLD.version + 1;
                    END IF;
                    RETURN NEW;
                """,
            ),
            # A session takes several slots, of which the booking refers to one by a foreign key (Booking.more_slots).
            pgtrigger.Trigger(
                name="slot_in_use_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__seats_held__gt=0) | pgtrigger.Q(old__seats_booked__gt=0),
                func="""
                    RAISE EXCEPTION 'seats of the slot are taken, by a booking that has no foreign key to it'
                        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'slot_in_use_stays',
                              TABLE = TG_TABLE_NAME;
                """,
            ),
            # Only where one of these is written: bookings, which change counters, do not pay for it. What is written as
            # it was stays as it is, also when the expert's zone has changed since: past slots keep what they had.
            pgtrigger.Trigger(
                name="slot_clock_shows_its_start",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("expert_id", "date", "time", "starts_at"),
                declare=[
                    ("zone", "text"),
                    ("clock", "timestamp"),
                    ("moves", "boolean NOT NULL := true"),
                    ("turned_back", "interval"),
                ],
                func="""
                    IF TG_OP = 'UPDATE' THEN
                        IF (NEW.expert_id, NEW.date, NEW.time, NEW.starts_at)
                           IS NOT DISTINCT FROM (OLD.expert_id, OLD.date, OLD.time, OLD.starts_at) THEN
                            RETURN NEW;
                        END IF;
                        moves := NEW.starts_at <> OLD.starts_at;
                    END IF;
                    -- The lock that the foreign key takes at the end. Taken now, the zone is the one that will be true.
                    SELECT timezone INTO zone FROM experts_expert WHERE id = NEW.expert_id FOR KEY SHARE;
                    -- Worked out for this very zone by the services (experts/locking.py, vouch_for_clocks).
                    IF zone = current_setting('expertbook.zone', true) THEN
                        RETURN NEW;
                    END IF;
                    clock := NEW.date + NEW.time;
                    -- From the instant to the clock: a time that was skipped is shown at no instant.
                    IF NEW.starts_at AT TIME ZONE zone <> clock THEN
                        RAISE EXCEPTION 'the clock in % does not show % at %', zone, clock, NEW.starts_at
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'slot_clock_shows_its_start',
                                  TABLE = TG_TABLE_NAME;
                    END IF;
                    -- A time that is repeated means the first. Only a slot that keeps its instant while the zone
                    -- changes may start at the second.
                    IF moves THEN
                        turned_back := (NEW.starts_at - interval '1 day') AT TIME ZONE zone + interval '1 day' - clock;
                        IF turned_back > interval '0'
                           AND (NEW.starts_at - turned_back) AT TIME ZONE zone = clock THEN
                            RAISE EXCEPTION 'the clock in % shows % twice, and % is the second time',
                                zone, clock, NEW.starts_at
                                USING ERRCODE = 'check_violation', CONSTRAINT = 'slot_clock_shows_its_start',
                                      TABLE = TG_TABLE_NAME;
                        END IF;
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

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
