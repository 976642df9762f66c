"""By what a list of bookings is narrowed: a slot, an expert, a person, a number of a report."""

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models import Booking
from bookings.selectors.people import bookings_of_person, person_of
from bookings.selectors.reports import COUNTED
from experts.admin.base import read_key
from experts.admin.report_filters import ShownWhileUsed
from experts.admin.scoping import WithinReach, reach
from experts.admin.slots import DaysFilter
from experts.models import Slot
from experts.permissions import VIEW

COUNTED_LABELS = {
    "booked": gettext_lazy("Booked"),
    "attended": gettext_lazy("Attended"),
    "no_shows": gettext_lazy("No-shows"),
    "cancelled": gettext_lazy("Cancelled"),
}


class TakingSlot(admin.SimpleListFilter):
    """Bookings that take a slot: those that start in it, and sessions that go on in it. Where its page leads."""

    title = gettext_lazy("slot")
    parameter_name = "slot__id__exact"

    def lookups(self, request, model_admin):
        text = request.GET.get(self.parameter_name)
        if text is None:
            return []
        page = model_admin.admin_site.get_model_admin(Slot)
        slot = page.get_queryset(request).filter(pk=read_key(text)).first()
        return [(text, page.name_of(slot) if slot else text)]

    def queryset(self, request, queryset):
        value = read_key(self.value() or "")
        starting = Booking.objects.order_by().filter(slot=value)
        going_on = Booking.objects.order_by().filter(more_slots__contains=[value]).exclude(more_slots=[])
        # A union rather than an OR: each branch has its index.
        return queryset.filter(pk__in=starting.values("pk").union(going_on.values("pk"), all=True))


class WithExpert(WithinReach):
    """Bookings with an expert, also those in which they are the second of two."""

    def queryset(self, request, queryset):
        super().queryset(request, queryset)  # refuses what is no key
        return queryset.with_expert(read_key(self.value())) if self.value() else queryset


class DaysOfOurs(DaysFilter):
    """By the day of the slot. Also by the organisation of its expert, where that is not everybody's.

    It says the same as the booking's own, but leads to the slots of those days by way of the experts: all other
    organisations have slots then, too.
    """

    def queryset(self, request, queryset):
        found, mine = super().queryset(request, queryset), reach(request)
        if found is None or mine.everything or not any(self.used_parameters.values()):
            return found
        everywhere, own = mine.with_right("bookings.booking", VIEW)
        return found.filter(slot__expert__organization__in=everywhere | own)


class OfPerson(admin.SimpleListFilter):
    """All bookings of the person of one of them: where a person that was found leads."""

    title = gettext_lazy("person")
    parameter_name = "person"

    def lookups(self, request, model_admin):
        text = request.GET.get(self.parameter_name)
        if text is None:
            return []
        found = person_of(model_admin.get_queryset(request), read_key(text))
        return [(text, found.name if found else text)]

    def queryset(self, request, queryset):
        return queryset if self.value() is None else bookings_of_person(queryset, read_key(self.value()))


class CountedFilter(ShownWhileUsed):
    """What one of the numbers of a report has counted."""

    title = gettext_lazy("counted as")
    parameter_name = "counted"

    def name_of(self, text):
        return str(COUNTED_LABELS.get(text, text))

    def queryset(self, request, queryset):
        if not (value := self.value()):
            return queryset
        return queryset.filter(COUNTED[value]) if value in COUNTED else queryset.none()


class UntypedFilter(ShownWhileUsed):
    title = gettext_lazy("session type")
    parameter_name = "untyped"

    def name_of(self, text):
        return _("Without a type")

    def queryset(self, request, queryset):
        return queryset.filter(session_type=None) if self.value() else queryset
