"""Find the bookings that cannot take place: the expert is away then, or what they take was closed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    DateTimeField,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import GreaterThan, LessThan

from bookings.models import Booking, Rescue
from bookings.models.booking_queryset import ENDS_AT, BookingQuerySet
from bookings.models.rescue import RescueState
from bookings.policy import BrokenRule
from experts.models import Expert, Slot, TimeOff

Keys = ArraySubquery | Value
_LONGEST_SLOT = timedelta(days=1)
_IS_ONE_OF_MORE = Func(
    "pk", OuterRef("more_slots"), template="(%(expressions)s))", arg_joiner=" = ANY(", output_field=BooleanField()
)


def cannot_take_place(bookings: BookingQuerySet, experts: QuerySet[Expert] | None = None) -> BookingQuerySet:
    """Return those of the bookings that lie ahead and cannot take place as they are booked.

    That is: a slot that the session itself touches was closed and its booking kept; or the expert, one of two, or the
    whole organisation took that time off after it was booked. What somebody books in a slot that staff have opened in
    the time off, and what staff book outside the hours, is meant to take place. So is what staff have settled
    (``mark_reached`` of services/rescue.py).

    ``experts``: those whose bookings they are, so that the slots of all others need not be looked at.
    """
    # As arrays: the bookings are found by the indexes on their slots.
    closed, (of_expert, of_all) = closed_slots(experts).values("pk"), slots_in_time_off(experts)
    return lost_in(bookings, ArraySubquery(closed), ArraySubquery(of_expert.union(of_all, all=True)))


def closed_slots(experts: QuerySet[Expert] | None = None) -> QuerySet[Slot]:
    """Return the slots ahead that were closed and have bookings all the same."""
    slots = Slot.objects.order_by().filter(seats_booked__gt=0, starts_at__gt=Now() - _LONGEST_SLOT, ends_at__gt=Now())
    if experts is not None:
        # As an array: the index of such slots, which are few, is read once and not for each expert.
        slots = slots.filter(expert__id__any_of=ArraySubquery(experts.order_by().values("pk")))
    return slots.filter(is_closed=True)


def slots_in_time_off(experts: QuerySet[Expert] | None = None) -> tuple[QuerySet[Any], QuerySet[Any]]:
    """Return the keys of booked slots ahead in time off: in that of their experts, and in the organisations'.

    Time off closes slots that came from hours. Of those made by hand, which these are, it says nothing.
    """
    slots = Slot.objects.order_by()
    of_expert, of_all = (
        (TimeOff.objects.exclude(expert=None), slots.filter(expert=OuterRef("expert_id"))),
        (TimeOff.objects.exclude(organization=None), slots.filter(expert__organization=OuterRef("organization_id"))),
    )
    if experts is not None:
        # As arrays: time off is read by its indexes, and what all others take is not.
        those = experts.order_by()
        keys, houses = ArraySubquery(those.values("pk")), ArraySubquery(those.values("organization_id").distinct())
        of_expert = of_expert[0].filter(expert__id__any_of=keys), of_expert[1]
        of_all = of_all[0].filter(organization__id__any_of=houses), of_all[1].filter(expert__id__any_of=keys)
    return _made_by_hand_in(*of_expert), _made_by_hand_in(*of_all)


def lost_in(bookings: BookingQuerySet, closed: Keys, away: Keys) -> BookingQuerySet:
    """As ``cannot_take_place``, where these slots are known to be closed, and in time off, as arrays of keys."""
    touched = Slot.objects.filter(
        _IS_ONE_OF_MORE,
        is_closed=True,
        starts_at__lt=OuterRef("session_ends_at"),
        ends_at__gt=OuterRef("slot__starts_at"),
    )
    during = _off_during(
        OuterRef("slot__starts_at"), OuterRef("session_or_slot_ends_at"), OuterRef("slot__expert__timezone")
    )
    during = during.filter(
        Q(expert=OuterRef("slot__expert_id"))
        | Q(expert=OuterRef("second_expert_id"))
        | Q(organization=OuterRef("slot__expert__organization_id"))
    )
    # Taken after it was booked, or moved there; not only explained or corrected otherwise since.
    written = TimeOff.pgh_event_model.objects.filter(pgh_obj=OuterRef("pk"))  # type: ignore[attr-defined]  # pghistory's
    as_now = written.filter(*(_is_same(name) for name in ("first_day", "last_day", "from_time", "to_time")))
    placed = OuterRef(OuterRef("placed_at"))
    during = during.filter(Exists(written.filter(pgh_created_at__gte=placed)))
    during = during.exclude(Exists(as_now.filter(pgh_created_at__lt=placed)))
    moves = Booking.pgh_event_model.objects.filter(pgh_obj=OuterRef("pk"), sequence=OuterRef("sequence"))
    moved_at = Subquery(moves.order_by("pgh_id").values("pgh_created_at")[:1])
    # Put back by the undo of a rescue they are where they were before the time off.
    undone = Rescue.objects.filter(booking=OuterRef("pk"), sequence=OuterRef("sequence") - 1, until=None)
    put_back = Exists(undone.filter(state=RescueState.WITHDRAWN, was_slot=OuterRef("slot")))
    placed_at = Case(When(Q(sequence=0) | put_back, then="created_at"), default=Coalesce(moved_at, "created_at"))
    on_purpose = Q(broken_rule=BrokenRule.CLOSED) & ~Exists(during)
    is_closed = (Q(slot__id__any_of=closed) | (_goes_on_in(closed) & Exists(touched))) & ~on_purpose
    is_away = (Q(slot__id__any_of=away) | _goes_on_in(away)) & Exists(during)
    settled = Rescue.objects.filter(booking=OuterRef("pk"), sequence=OuterRef("sequence"), state=RescueState.SETTLED)
    lost = bookings.ahead().alias(session_or_slot_ends_at=ENDS_AT, placed_at=placed_at).filter(is_closed | is_away)
    return lost.exclude(Exists(settled))


def _made_by_hand_in(time_off: QuerySet[TimeOff], slots: QuerySet[Slot]) -> QuerySet[Any]:
    """Return the keys of booked slots ahead that no hours made, and during which their experts are away.

    From the time off to the slots of its days: there is less of it than there are slots. ``slots``: of the experts whom
    a time off, the outer query, is about.
    """
    begins, is_over = _bounds(F("expert__timezone"), OuterRef)
    during = slots.filter(
        LessThan(begins, F("ends_at")),
        GreaterThan(is_over, F("starts_at")),
        # Also by the days, which an index has: with the one before, as slots may go on after midnight.
        date__gte=OuterRef("first_day") - timedelta(days=1),
        date__lte=OuterRef("last_day"),
        starts_at__gt=Now() - _LONGEST_SLOT,
        ends_at__gt=Now(),
        is_closed=False,
        from_hours=False,
        seats_booked__gt=0,
    )
    lately: QuerySet[Any] = time_off.order_by().filter(last_day__gt=Now() - 2 * _LONGEST_SLOT)
    # Of each time off by itself: of a join PostgreSQL would rather read all slots of an expert.
    found: QuerySet[Any] = lately.annotate(found=_Unnested(ArraySubquery(during.values("pk")))).values("found")
    return found


class _Unnested(Func):
    function = "unnest"
    output_field = BigIntegerField()
    set_returning = True


def _goes_on_in(slots: Keys) -> Q:
    """Bookings of several slots that take one of these beside the first. Said so that the index of such knows it."""
    return Q(more_slots__overlap=slots) & ~Q(more_slots=[])


def _is_same(name: str) -> Func:
    """Of an event: whether it has the value that its row has now, which may be none."""
    return Func(
        F(name),
        OuterRef(name),
        template="(%(expressions)s)",
        arg_joiner=" IS NOT DISTINCT FROM ",
        output_field=BooleanField(),
    )


def _off_during(starts: Any, ends: Any, zone: Any) -> QuerySet[TimeOff]:
    """Return the time off that has a part between two instants, by the clock of a zone; whose, the caller says.

    As experts/scheduling/occurrences.py has it, but for an edge within the hour that a day repeats.
    """
    begins, is_over = _bounds(zone)
    return TimeOff.objects.order_by().alias(begins=begins, is_over=is_over).filter(begins__lt=ends, is_over__gt=starts)


def _bounds(zone: Any, ref: Callable[[str], Any] = F) -> tuple[Func, Func]:
    """From which instant until which a time off lasts, by the clock of a zone; ``ref`` makes of a field's name what
    stands for it.
    """
    begins = _instant(ref("first_day"), ref("from_time"), "00:00", zone)
    return begins, _instant(ref("last_day"), ref("to_time"), "24:00", zone)


def _instant(day: Any, time: Any, edge: str, zone: Any) -> Func:
    """The instant of a time of a day, or of the edge of the day where there is no time, by the clock of a zone."""
    clock = Func(
        day,
        Func(time, template=f"coalesce(%(expressions)s, time '{edge}')"),
        arg_joiner=" + ",
        template="(%(expressions)s)",
        output_field=DateTimeField(),
    )
    return Func(clock, zone, arg_joiner=" AT TIME ZONE ", template="(%(expressions)s)", output_field=DateTimeField())


_OWN, _HOLIDAY = {"expert": OuterRef("expert_id")}, {"organization": OuterRef("expert__organization_id")}
_THEN_OFF = _off_during(OuterRef("starts_at"), OuterRef("ends_at"), OuterRef("expert__timezone"))
# Of slots: whether their expert, or its whole organisation, is away then.
IS_IN_TIME_OFF = Exists(_THEN_OFF.filter(**_OWN)) | Exists(_THEN_OFF.filter(**_HOLIDAY))
