"""Lead on to the rescue where time off, hours or a closed slot have hit somebody's booking."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from bookings.admin.rescue import rescue_url
from bookings.models import Booking
from bookings.selectors.rescue import cannot_take_place
from experts.admin.hours import TimeOffAdmin
from experts.models import Expert, TimeOff
from experts.permissions import CHANGE

# The experts' own page knows nothing of bookings: this takes its place.
admin.site.unregister(TimeOff)


def lead_to_rescue(request: HttpRequest, *, organization: int, expert: int | None = None) -> HttpResponse | None:
    """Return the way to the rescue where bookings of an expert, or of a whole organisation, cannot take place.

    All are selected there. None where there are none, or none that this person may change.
    """
    experts = Expert.objects.filter(organization=organization)
    if expert is not None:
        experts = experts.filter(pk=expert)
    rows = admin.site.get_model_admin(Booking).within(request, Booking.objects.filter(slot__expert__in=experts), CHANGE)
    if not cannot_take_place(rows, experts).exists():
        return None
    return HttpResponseRedirect(rescue_url(organization=organization, expert=expert, selects_all=True))


class LeadsToRescue(admin.ModelAdmin):
    """Leads on once a form has been saved that may have left bookings which cannot take place."""

    def response_post_save_add(self, request, obj):
        return self._lead(request, obj) or super().response_post_save_add(request, obj)

    def response_post_save_change(self, request, obj):
        return self._lead(request, obj) or super().response_post_save_change(request, obj)

    def _lead(self, request, obj: TimeOff | Expert):
        if isinstance(obj, Expert):
            # Only after a preview of what becomes of slots: who changes a name is not led away.
            has_changed_slots = "_seen" in request.POST
            return has_changed_slots and lead_to_rescue(request, organization=obj.organization_id, expert=obj.pk)
        if obj.expert is not None:
            return lead_to_rescue(request, organization=obj.expert.organization_id, expert=obj.expert_id)
        return lead_to_rescue(request, organization=obj.organization_id)


@admin.register(TimeOff)
class TimeOffWithRescueAdmin(LeadsToRescue, TimeOffAdmin):
    pass
