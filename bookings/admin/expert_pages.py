"""Lead from the admin pages of slots, experts and organisations to what is booked there."""

from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from bookings.models import ApiToken
from experts.admin.experts import ExpertAdmin
from experts.admin.members import MembershipAdmin
from experts.admin.organizations import OrganizationAdmin
from experts.admin.scoping import may
from experts.admin.slots import SlotAdmin
from experts.models import Expert, Membership, Organization, Slot
from experts.permissions import ADD, VIEW

# The experts' own pages know nothing of bookings: these take their place.
admin.site.unregister([Slot, Expert, Organization, Membership])


@admin.register(Slot)
class SlotWithBookingsAdmin(SlotAdmin):
    actions_detail = ("book", "show_bookings")

    # No "bookings.add_booking" in the decorators: the check of unfold would look for it in a database, empty or not.
    def has_book_permission(self, request, object_id=None):
        return may(request, "bookings.booking", ADD)

    def has_show_bookings_permission(self, request, object_id=None):
        return may(request, "bookings.booking", VIEW)

    @action(description=gettext_lazy("Book for somebody"), icon="event_available", permissions=["book"])
    def book(self, request, object_id):
        return HttpResponseRedirect(f"{reverse('admin:bookings_booking_add')}?{urlencode({'slot': object_id})}")

    @action(description=gettext_lazy("Bookings"), icon="list", permissions=["show_bookings"])
    def show_bookings(self, request, object_id):
        return HttpResponseRedirect(_bookings_url(object_id))

    def bookings_url(self, request, slot):
        return _bookings_url(slot.pk) if self.has_show_bookings_permission(request) else ""


class WithCalendarFeed(admin.ModelAdmin):
    """A page with a button that makes a calendar feed of what it is about."""

    actions_detail = ("calendar_feed",)

    def has_calendar_feed_permission(self, request, object_id=None):
        return may(request, "bookings.calendarfeed", ADD)

    @action(description=gettext_lazy("Calendar feed"), icon="rss_feed", permissions=["calendar_feed"])
    def calendar_feed(self, request, object_id):
        query = urlencode({self.opts.model_name: object_id})
        return HttpResponseRedirect(f"{reverse('admin:bookings_calendarfeed_add')}?{query}")


@admin.register(Expert)
class ExpertWithFeedAdmin(WithCalendarFeed, ExpertAdmin):
    pass


@admin.register(Organization)
class OrganizationWithFeedAdmin(WithCalendarFeed, OrganizationAdmin):
    pass


@admin.register(Membership)
class MembershipWithTokensAdmin(MembershipAdmin):
    """Says, before somebody leaves or is an owner no more, which programs lose their token with them."""

    def get_deleted_objects(self, objs, request):
        deleted, counts, permissions, protected = super().get_deleted_objects(objs, request)
        ending = [_("The API token %(name)s ends") % {"name": token} for it in objs for token in _tokens_of(it)]
        return deleted + ending, counts, permissions, protected

    def get_fieldsets(self, request, obj=None):
        fieldsets = super().get_fieldsets(request, obj)
        ending = ", ".join(str(token) for token in _tokens_of(obj)) if obj else ""
        if not ending:
            return fieldsets
        text = _("These API tokens end when this person leaves, or is an owner no more: %(names)s. Make others first.")
        return [*fieldsets, (_("API tokens"), {"fields": (), "description": text % {"names": ending}})]


def _tokens_of(membership: Membership):
    return ApiToken.objects.ending_with(membership).order_by("name")


def _bookings_url(slot_id: int | str) -> str:
    return f"{reverse('admin:bookings_booking_changelist')}?{urlencode({'slot__id__exact': slot_id})}"
