"""Read experts together with their slots and hours."""

from datetime import date, datetime, timedelta

from django.db.models import (
    CharField,
    DateField,
    DecimalField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.utils import timezone

from experts.clocks import leading_day
from experts.models import Backup, Expert, Slot, WeeklyHours
from experts.prepared import PreparedQuery

# In SQL, of slots ``s``: whatever of what pages show of them changes, this does, too.
SLOTS_VERSION = "coalesce(sum(hashint8extended(s.id, s.version::bigint)), 0)"


def slots_version_by_clock(first: date, last: date, around: tuple[date, date], visitor_zone: str) -> Subquery:
    """As ``slots_version``, of the slots on these days of the clock that leads (``leading_zone``).

    ``around``: the expert's days among which these slots are, for the index.
    """
    on = leading_day(visitor_zone, F, OuterRef)
    slots = (
        Slot.objects.filter(expert=OuterRef("pk"), date__range=around).alias(on=on).filter(on__gte=first, on__lte=last)
    )
    template = "coalesce(sum(hashint8extended(%(expressions)s::bigint)), 0)"  # as SLOTS_VERSION
    version = Func("pk", "version", template=template, output_field=DecimalField())
    return Subquery(slots.order_by().annotate(slots_version=version).values("slots_version"))


def slots_version(first: date, last: date) -> RawSQL:
    """For an annotation of a query of experts: a version of the expert's slots on these days, as pages show them."""
    slots = f"""
        SELECT {SLOTS_VERSION} FROM {Slot._meta.db_table} s
        WHERE s.expert_id = {Expert._meta.db_table}.id AND s.date BETWEEN %s AND %s
    """
    return RawSQL(slots, [first, last])


def row_version(model: type[Model]) -> Func:
    """Which transaction wrote a row and where it stands: not the same after a change, whoever made that.

    For an annotation of a query that reads the model's table once.
    """
    table = model._meta.db_table
    return Func(template=f'"{table}".xmin::text || "{table}".ctid::text', output_field=CharField())


def with_next_slot(experts: QuerySet[Expert]) -> QuerySet[Expert]:
    """The experts, each with ``next_slot_at``: the start (UTC) of its first bookable slot, or None."""
    first = Slot.objects.bookable_of_outer().order_by("starts_at")
    return experts.annotate(  # type: ignore[no-redef]  # the model names it, for those who read it
        next_slot_at=Subquery(first.values("starts_at")[:1])
    )


NEAREST = 3  # how many alternatives are told


def nearest_bookable(slot: Slot) -> list[Slot]:
    """The three bookable slots of the same expert that start closest to ``slot``, closest first."""
    around = (slot.expert_id, slot.pk, slot.starts_at)
    # Two short reads from the index, rather than the distance to each of the expert's slots.
    found = [*_later(*around), *_earlier(*around)]
    return sorted(found, key=lambda it: (abs(it.starts_at - slot.starts_at), it.starts_at))[:NEAREST]


@PreparedQuery
def _later(expert_id: int, slot_id: int, starts_at: datetime) -> QuerySet[Slot]:
    others = Slot.objects.bookable().with_expert().filter(expert_id=expert_id).exclude(pk=slot_id)
    return others.filter(starts_at__gte=starts_at).order_by("starts_at")[:NEAREST]


@PreparedQuery
def _earlier(expert_id: int, slot_id: int, starts_at: datetime) -> QuerySet[Slot]:
    others = Slot.objects.bookable().with_expert().filter(expert_id=expert_id).exclude(pk=slot_id)
    return others.filter(starts_at__lt=starts_at).order_by("-starts_at")[:NEAREST]


def behind_horizon(experts: QuerySet[Expert], now: datetime | None = None) -> QuerySet[Expert]:
    """Those with weekly hours that have days within their horizon, or nearly so, without slots made of them."""
    horizon = Coalesce("horizon_days", "organization__horizon_days")
    # A day more than UTC has: it may be tomorrow where the expert is.
    last = ExpressionWrapper(
        Value((now or timezone.now()).date() + timedelta(days=1)) + horizon, output_field=DateField()
    )
    with_hours = Exists(WeeklyHours.objects.filter(expert=OuterRef("pk")))
    return experts.filter(with_hours).filter(Q(slots_until=None) | Q(slots_until__lt=last))


def last_backup() -> Backup | None:
    """Return the backup that was finished last (`manage.py backup`), as this database knows; None without one."""
    return Backup.objects.first()
