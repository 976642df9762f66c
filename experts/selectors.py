"""Read experts together with their slots and hours."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import DateField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from experts.locking import read_slots
from experts.models import Expert, Slot, WeeklyHours


def with_next_slot(experts: QuerySet[Expert]) -> QuerySet[Expert]:
    """The experts, each with ``next_slot_id`` and ``next_slot_at`` (UTC) of its first bookable slot, or None."""
    first = Slot.objects.bookable().filter(expert=OuterRef("pk")).order_by("starts_at")
    return experts.annotate(  # type: ignore[no-redef]  # the model names both, for those who read them
        next_slot_id=Subquery(first.values("pk")[:1]), next_slot_at=Subquery(first.values("starts_at")[:1])
    )


def nearest_bookable(slot: Slot, *, count: int = 3) -> list[Slot]:
    """The bookable slots of the same expert that start closest to ``slot``, closest first.

    Each loser of a race is told, so the statement is made once: by the ORM, as the rule of what can be booked is said
    in SQL in one place only, with marks where the values of a slot belong.
    """
    values: dict[Any, Any] = {_ID: slot.pk, _EXPERT: slot.expert_id, _START: slot.starts_at}
    statement, parameters = _nearest_statement(count)
    with connection.cursor() as cursor:
        cursor.execute(statement, [values.get(it, it) for it in parameters])
        found = read_slots(row[0] for row in cursor.fetchall())
    return sorted(found.values(), key=lambda it: (abs(it.starts_at - slot.starts_at), it.starts_at))[:count]


_ID, _EXPERT, _START = -1, -2, datetime(1, 1, 1, tzinfo=UTC)  # marks: no slot has these


@cache
def _nearest_statement(count: int) -> tuple[str, tuple[Any, ...]]:
    others = Slot.objects.bookable().filter(expert_id=_EXPERT).exclude(pk=_ID)
    # Two short reads from the index, rather than the distance to each of the expert's slots.
    later = others.filter(starts_at__gte=_START).order_by("starts_at").values("pk")[:count]
    earlier = others.filter(starts_at__lt=_START).order_by("-starts_at").values("pk")[:count]
    return later.union(earlier, all=True).query.sql_with_params()


def behind_horizon(experts: QuerySet[Expert], now: datetime | None = None) -> QuerySet[Expert]:
    """Those with weekly hours that have days within their horizon, or nearly so, without slots made of them."""
    horizon = Coalesce("horizon_days", "organization__horizon_days")
    # A day more than UTC has: it may be tomorrow where the expert is.
    last = ExpressionWrapper(
        Value((now or timezone.now()).date() + timedelta(days=1)) + horizon, output_field=DateField()
    )
    with_hours = Exists(WeeklyHours.objects.filter(expert=OuterRef("pk")))
    return experts.filter(with_hours).filter(Q(slots_until=None) | Q(slots_until__lt=last))
