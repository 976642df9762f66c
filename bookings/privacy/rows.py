"""Find what belongs to an address, delete some of it, and tell instants: what all kinds of rows share."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower
from django.utils import timezone

from bookings.privacy.registry import Subject


def with_address(
    rows: QuerySet[Any], subject: Subject, *, field: str = "email", organization: str = ""
) -> QuerySet[Any]:
    """Those with the subject's address in ``field``; ``organization`` is the path to the key of a row's organisation.

    Without such a path rows belong to no organisation.
    """
    rows = rows.order_by().annotate(address=Lower(field)).filter(address=Lower(Value(subject.address)))
    if subject.organizations is None:
        return rows
    if not organization:
        return rows if subject.elsewhere else rows.none()
    within = Q(**{f"{organization}__in": subject.organizations})
    return rows.filter(within | Q(**{f"{organization}__isnull": True}) if subject.elsewhere else within)


def delete_some(rows: QuerySet[Any], most: int) -> int:
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[:most])
    return rows.model._base_manager.filter(pk__in=keys).delete()[0] if keys else 0


def instant_text(at: datetime | None) -> str:
    return at.astimezone(timezone.get_default_timezone()).isoformat() if at else ""
