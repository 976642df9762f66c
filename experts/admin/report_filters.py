"""Filters of lists that nobody chooses by hand: reports lead to the rows that a number has counted by them.

Each is shown while it is used, so that it can be taken away again.
"""

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from experts.formatting import hour_of_weekday

MOST_EXPERTS = 1000


class ShownWhileUsed(admin.SimpleListFilter):
    """A filter without choices of its own."""

    def __init__(self, request, params, model, model_admin):
        super().__init__(request, params, model, model_admin)
        # By these unfold's template keeps it in the form of the other filters, which would else forget it.
        self.lookup_kwarg, self.lookup_val = self.parameter_name, [self.value()]

    def lookups(self, request, model_admin):
        text = request.GET.get(self.parameter_name, "")
        return [(text, self.name_of(text))] if text else []

    def name_of(self, text: str) -> str:
        raise NotImplementedError


def numbers_in(text: str) -> list[int]:
    """The ids in ``1,20,3``; none of anything else."""
    found = [part for part in text.split(",")[:MOST_EXPERTS] if part.isascii() and part.isdecimal() and len(part) < 19]
    return [int(part) for part in found]


def of_experts(path: str) -> type[ShownWhileUsed]:
    """A filter by several experts, ``?experts=1,20,3``; ``path`` leads from a row to its expert."""

    class OfExperts(ShownWhileUsed):
        title = gettext_lazy("experts")
        parameter_name = "experts"

        def name_of(self, text: str) -> str:
            number = len(numbers_in(text))
            return ngettext("%(count)d expert", "%(count)d experts", number) % {"count": number}

        def queryset(self, request, queryset: QuerySet) -> QuerySet:
            value = self.value()
            return queryset.filter(**{f"{path}__in": numbers_in(value)}) if value else queryset

    return OfExperts


def of_organization(path: str) -> type[ShownWhileUsed]:
    """A filter by one organisation, ``?organization=1``, for who works in several; ``path`` leads from a row to it."""

    class OfOrganization(ShownWhileUsed):
        title = gettext_lazy("organisation")
        parameter_name = "organization"

        def name_of(self, text: str) -> str:
            return _("One organisation")

        def queryset(self, request, queryset: QuerySet) -> QuerySet:
            value = self.value()
            return queryset.filter(**{f"{path}__in": numbers_in(value)}) if value else queryset

    return OfOrganization


def at_hour(path: str) -> type[ShownWhileUsed]:
    """A filter by weekday and hours of the experts' clocks, ``?hour=1-16`` or ``1-16-18``; ``path`` leads to the slot.

    Monday is 1. ``path`` ends with ``__`` or is empty.
    """

    class AtHour(ShownWhileUsed):
        title = gettext_lazy("hour")
        parameter_name = "hour"

        def name_of(self, text: str) -> str:
            hours = _read(text)
            return hour_of_weekday(*hours) if hours else text

        def queryset(self, request, queryset: QuerySet) -> QuerySet:
            value = self.value()
            if not value:
                return queryset
            hours = _read(value)
            if hours is None:
                return queryset.none()
            weekday, first, last = hours
            found = queryset.alias(_weekday=ExtractIsoWeekDay(f"{path}date"), _hour=ExtractHour(f"{path}time"))
            return found.filter(_weekday=weekday, _hour__range=(first, last))

    return AtHour


def _read(text: str) -> tuple[int, int, int] | None:
    """Weekday, first and last hour."""
    parts = [int(part) if part.isascii() and part.isdecimal() and len(part) < 3 else -1 for part in text.split("-")]
    if len(parts) not in (2, 3):
        return None
    weekday, first, last = parts[0], parts[1], parts[-1]
    return (weekday, first, last) if 1 <= weekday <= 7 and 0 <= first <= last <= 23 else None
