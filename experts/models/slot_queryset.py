"""Slots as they are asked for: which can be booked, which lie ahead, whose they are."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import F, Func, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import Exact, GreaterThan, LessThanOrEqual

from experts.models.expert import Expert, ExpertQuerySet

if TYPE_CHECKING:
    from experts.models.slot import Slot

# What an index can know of ``bookable``: a hold may run out.
MAY_BE_BOOKABLE = Q(is_closed=False) & (
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
