"""Lead from the admin pages of slots, experts and organisations to what is booked there."""

from datetime import timedelta
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action

from bookings.admin.mail_texts import WithMailTexts
from bookings.admin.organization_preview import WithPreviewOfLook
from bookings.admin.rescue_leads import LeadsToRescue, lead_to_rescue
from bookings.models import ApiToken
from bookings.privacy import retention
from experts.admin.experts import ExpertAdmin
from experts.admin.members import MembershipAdmin
from experts.admin.organizations import OrganizationAdmin
from experts.admin.policy import PolicyForm
from experts.admin.scoping import may
from experts.admin.slots import SlotAdmin
from experts.formatting import count_label
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

    @admin.action(description=gettext_lazy("Close"), permissions=["change"])
    def close(self, request, queryset):
        """Lead on to the rescue of what was booked in them."""
        slots = list(queryset)
        super().close(request, queryset)
        houses = {(slot.expert.organization_id, slot.expert_id) for slot in slots if slot.seats_booked}
        if len({organization for organization, _expert in houses}) != 1:
            return None
        [organization] = {organization for organization, _expert in houses}
        expert = next(iter(houses))[1] if len(houses) == 1 else None
        return lead_to_rescue(request, organization=organization, expert=expert)

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
class ExpertWithFeedAdmin(LeadsToRescue, WithCalendarFeed, ExpertAdmin):
    pass


class OrganizationForm(PolicyForm):
    """Says what a shorter time to keep people would erase, and wants to be sent once more before it does."""

    warned_of = forms.CharField(label="", widget=forms.HiddenInput, required=False)

    def clean(self):
        cleaned = super().clean()
        months, warned_of = cleaned.get("retention_months"), cleaned.get("warned_of", "")
        if "retention_months" not in self.changed_data or not self.instance.pk or warned_of == str(months):
            return cleaned
        today = timezone.now().date()
        if count := retention.would_go(self.instance, months, today):
            first_kept = retention.last_day_of(months, today) + timedelta(days=1)
            text = ngettext(
                "%(count)s booking of before %(day)s would lose its name, e-mail, phone and notes, for good. "
                "Save once more if you want that.",
                "%(count)s bookings of before %(day)s would lose their names, e-mails, phones and notes, for good. "
                "Save once more if you want that.",
                count,
            )
            shown = count_label(count, count >= retention.MOST_COUNTED)
            self.add_error("retention_months", text % {"count": shown, "day": date_format(first_kept, "DATE_FORMAT")})
            self.data = self.data | {"warned_of": str(months)}
        return cleaned


@admin.register(Organization)
class OrganizationWithFeedAdmin(WithMailTexts, WithPreviewOfLook, WithCalendarFeed, OrganizationAdmin):
    form = OrganizationForm

    def get_fieldsets(self, request, obj=None):
        privacy = (
            gettext_lazy("Privacy"),
            {
                "fields": ("retention_months", "hides_notes", "lets_change_answers", "warned_of"),
                "description": gettext_lazy(
                    "After that time, sessions keep their seats and status, and forget who came. Leave it empty to "
                    "keep people for ever."
                ),
            },
        )
        fieldsets = list(super().get_fieldsets(request, obj))
        return [*fieldsets[:3], privacy, *fieldsets[3:]]


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
