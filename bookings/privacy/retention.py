"""Erase the people of sessions that are further back than their organisation keeps them (``retention_months``)."""

import logging
from calendar import monthrange
from datetime import date, timedelta

from django.db import transaction
from django.db.models import Min, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from bookings.errors import Busy
from bookings.models import Booking, Erasure, RetentionMark, Status
from bookings.privacy.erasing import BATCH, erase_bookings
from experts.models import Organization, Slot

logger = logging.getLogger(__name__)
STRIDE = timedelta(days=31)  # of days that are looked at in one go
MOST_COUNTED = 10_000
MOST_BATCHES = 100  # of one organisation in one run; the next run does the rest


def last_day_of(months: int, today: date) -> date:
    """Return the last day whose sessions are erased: on 31 March, with one month, 27 February."""
    years, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    day = min(today.day, monthrange(years, month + 1)[1])
    return date(years, month + 1, day) - timedelta(days=1)


def would_go(organization: Organization, months: int | None, today: date) -> int:
    """Return how many bookings would lose their people, were they kept for so many months (None: for ever).

    Counted to MOST_COUNTED.
    """
    return 0 if months is None else _named(organization, None, last_day_of(months, today))[:MOST_COUNTED].count()


def erase_what_is_over(today: date | None = None) -> int:
    """Erase what is over in each organisation that says so, in bounded batches. Returns how many bookings.

    How far it has got is written down after each stride (RetentionMark), so that nothing is looked at twice.
    """
    today = today or timezone.now().date()
    total = 0
    for organization in Organization.objects.exclude(retention_months=None).order_by("pk"):
        if organization.retention_months:
            total += _erase_in(organization, last_day_of(organization.retention_months, today))
    return total


def _erase_in(organization: Organization, last_day: date) -> int:
    done, batches = _marked(organization), 0
    total: dict[str, int] = {}
    while done is not None and done < last_day and batches < MOST_BATCHES:
        until = min(done + STRIDE, last_day)
        rows = _named(organization, done, until)
        while batches < MOST_BATCHES and (keys := list(rows.values_list("pk", flat=True)[:BATCH])):
            batches += 1
            try:
                counts = erase_bookings(keys)
            except Busy:
                logger.info("Old bookings of organisation %s are left for the next run: busy", organization.pk)
                break
            if not counts:
                break
            total |= {name: total.get(name, 0) + number for name, number in counts.items()}
        if rows.exists():
            break  # the next run goes on here
        RetentionMark.objects.update_or_create(organization=organization, defaults={"until": until})
        done = until
    if total:
        _log(organization, total)
    return total.get("bookings", 0)


def _marked(organization: Organization) -> date | None:
    """Return the last day that was dealt with; at first the day before the first slot; None without slots."""
    mark = RetentionMark.objects.filter(organization=organization).values_list("until", flat=True).first()
    if mark is not None:
        return mark
    first = Slot.objects.filter(expert__organization=organization).order_by().aggregate(first=Min("date"))["first"]
    return first - timedelta(days=1) if first else None


def _named(organization: Organization, after: date | None, until: date) -> QuerySet[Booking]:
    """Bookings of sessions on these days that still name somebody. Holds have nobody."""
    rows = Booking.objects.not_erased().filter(slot__expert__organization=organization, slot__date__lte=until)
    if after is not None:
        rows = rows.filter(slot__date__gt=after)
    return rows.exclude(status=Status.HELD).exclude(name="").order_by("pk")


def _log(organization: Organization, counts: dict[str, int]) -> None:
    with transaction.atomic():
        Erasure.objects.create(
            organization=organization,
            asked_by=Erasure.By.RETENTION,
            stage=Erasure.Stage.DONE,
            counts=counts,
            finished_at=Now(),
        )
