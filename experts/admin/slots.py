"""Slots in the admin. The calendar is the expert's: date and time are read on the expert’s clock."""

from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import Q
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import RadioFilter, RangeDateFilter
from unfold.decorators import display
from unfold.utils import parse_date_str

from experts import services
from experts.admin.base import ServiceAdmin, label, without_menu
from experts.admin.exports import Column, WithExport, when_and_zone
from experts.admin.live_list import LiveList
from experts.admin.preview import WithPreview
from experts.admin.report_filters import at_hour, of_experts, of_organization
from experts.admin.scoping import WithinReach, reach
from experts.admin.slot_forms import AddSlotForm, ChangeSlotForm, SlotActionForm
from experts.errors import InvalidSlot
from experts.formatting import wall_clock
from experts.models import Expert, SessionType, Slot
from experts.ordering import MOST_NAMED
from experts.permissions import ADD, VIEW
from experts.timezones import instant_of

MOST_TYPES = 50  # to tick in the form of a slot

_COLOURS = {
    "open": "success",
    "few": "warning",
    "held": "info",
    "full": "danger",
    "closed": "default",
    "past": "default",
}
_STATES = {
    "open": gettext_lazy("Open"),
    "few": gettext_lazy("Nearly full"),
    "held": gettext_lazy("Being booked"),
    "full": gettext_lazy("Full"),
    "closed": gettext_lazy("Closed"),
    "past": gettext_lazy("Past"),
}


class WhenFilter(RadioFilter):
    """What lies ahead, unless the past is asked for: it is what the day's work is about."""

    title = gettext_lazy("when")
    parameter_name = "when"
    all_option = None

    def lookups(self, request, model_admin):
        return [("ahead", _("Ahead")), ("past", _("Past")), ("all", _("All"))]

    def value(self):
        return super().value() or "ahead"

    def queryset(self, request, queryset):
        now = timezone.now()
        if self.value() == "past":
            return queryset.filter(starts_at__lt=now, ends_at__lte=now)
        # A date that was chosen is meant, even one that has passed.
        asked_for_dates = any(request.GET.get(name) for name in ("date_from", "date_to"))
        if self.value() == "all" or (asked_for_dates and "when" not in request.GET):
            return queryset
        # The longest slot lasts a day, so the index on the start serves what is still going on, too.
        return queryset.filter(starts_at__gt=now - timedelta(minutes=services.LONGEST_MINUTES), ends_at__gt=now)


class DaysFilter(RangeDateFilter):
    """Slots on days of their experts' calendars; by their start as well, which has an index."""

    def queryset(self, request, queryset):
        found, start = super().queryset(request, queryset), self.field_path.removesuffix("date") + "starts_at"
        if found is None:
            return None
        if first := self._instant("from", -1):
            found = found.filter(**{f"{start}__gte": first})
        if end := self._instant("to", 2):
            found = found.filter(**{f"{start}__lt": end})
        return found

    def _instant(self, edge: str, days: int) -> datetime | None:
        """Midnight UTC so many days from the day that was asked for: wherever the expert is, it lies between them."""
        try:
            day = parse_date_str(self.used_parameters.get(f"{self.parameter_name}_{edge}") or "")
            return day and datetime.combine(day, time.min, tzinfo=UTC) + timedelta(days=days)
        except OverflowError:
            return None


@admin.register(Slot)
class SlotAdmin(LiveList, WithExport, WithPreview, ServiceAdmin):
    form = ChangeSlotForm
    organization_path = "expert__organization_id"
    person_path = "expert__user_id"
    has_events = True
    list_display = ("when", "expert", "state_label", "seats", "title")
    list_display_links = ("when",)
    list_filter = (
        WhenFilter,
        ("expert", WithinReach),
        ("date", DaysFilter),
        "is_closed",
        "closed_by_hours",
        of_experts("expert"),
        of_organization("expert__organization"),
        at_hour(""),
    )
    search_fields = ("expert__search_text",)
    search_help_text = gettext_lazy("Expert, and a day such as 2027-03-10")
    export_columns = (
        Column(gettext_lazy("Expert"), lambda slot: slot.expert.name),
        Column(gettext_lazy("Expert address"), lambda slot: slot.expert.slug),
        Column(gettext_lazy("Date"), lambda slot: slot.date),
        Column(gettext_lazy("Time"), lambda slot: slot.time),
        Column(gettext_lazy("Time zone"), lambda slot: slot.expert.timezone),
        Column(gettext_lazy("Starts at"), lambda slot: when_and_zone(slot.starts_at)),
        Column(gettext_lazy("Ends at"), lambda slot: when_and_zone(slot.ends_at)),
        Column(gettext_lazy("Minutes"), lambda slot: slot.minutes),
        Column(gettext_lazy("Seats"), lambda slot: slot.capacity),
        Column(gettext_lazy("Booked"), lambda slot: slot.seats_booked),
        Column(gettext_lazy("Held"), lambda slot: slot.seats_held),
        Column(gettext_lazy("State"), lambda slot: str(_STATES[slot.state])),
        Column(gettext_lazy("Title"), lambda slot: slot.title),
    )
    autocomplete_fields = ("expert",)
    ordering = ("starts_at", "id")
    sortable_by = ("when",)
    actions = ("close", "reopen", "set_seats", "delete_selected")
    action_form = SlotActionForm
    readonly_fields = ("expert", "when_long", "state_label", "seats")
    add_fieldsets = (
        (
            None,
            {
                "fields": ("expert", "date", "time", "minutes", "capacity", "title"),
                "description": gettext_lazy("Date and time are read on the expert’s clock."),
            },
        ),
        (gettext_lazy("Series"), {"fields": ("more_times", "until", "weekdays")}),
    )
    fieldsets = (
        (None, {"fields": ("expert", "when_long", "state_label", "seats")}),
        (gettext_lazy("Change"), {"fields": ("title", "capacity", "is_closed")}),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).with_expert()

    def within(self, request, rows, right=VIEW, *, label=""):
        """As everywhere, but by the ids of the experts: the index of the list passes over the slots of others."""
        mine = reach(request)
        if mine.everything:
            return rows
        everywhere, own = mine.with_right(label or self.opts.label_lower, right)
        experts = Expert.objects.filter(Q(organization__in=everywhere) | Q(organization__in=own, user=mine.user_id))
        ids = list(experts.order_by().values_list("pk", flat=True)[: MOST_NAMED + 1])
        if len(ids) > MOST_NAMED:
            return super().within(request, rows, right, label=label)
        return rows.filter(expert__id__any_of=ids)

    def get_ordering(self, request):
        """Soonest first; what is past, latest first."""
        return ("-starts_at", "-id") if request.GET.get("when") == "past" else self.ordering

    def get_search_results(self, request, queryset, search_term):
        """By the expert's words, and by days written like 2027-03-10."""
        words, days = [], []
        for word in search_term.split():
            try:
                days.append(date.fromisoformat(word))
            except ValueError:
                words.append(word)
        if words:
            experts = Expert.objects.matching(" ".join(words))
            ids = list(experts.order_by().values_list("pk", flat=True)[: MOST_NAMED + 1])
            # By their ids the index of slots is chosen; for very many experts, most slots are theirs.
            named = {"expert__id__any_of": ids} if len(ids) <= MOST_NAMED else {"expert__in": experts}
            queryset = queryset.filter(**named)
        if days:
            queryset = queryset.filter(date__in=days)
        if "field_name" in request.GET:  # chosen from within a form: only what can be booked
            queryset = queryset.filter(starts_at__gt=timezone.now()).bookable()  # a start that the index knows
        return queryset, False

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change, **kwargs | ({} if obj else {"form": AddSlotForm}))
        field = deepcopy(form.base_fields.pop("types"))  # the form's own is everybody's
        field.choices = self._types(request, obj)
        if field.choices:
            field.initial = obj.for_types if obj else []
            form.base_fields["types"] = field
        return form

    def get_fieldsets(self, request, obj=None):
        """With session types where there are any."""
        first, second = super().get_fieldsets(request, obj) if obj else self.add_fieldsets
        if not self._types(request, obj):
            return first, second
        named, other = (second, first) if obj else (first, second)
        named = (named[0], {**named[1], "fields": (*named[1]["fields"], "types")})
        return (other, named) if obj else (named, other)

    def _types(self, request, slot: Slot | None) -> list[tuple[int, str]]:
        """The session types that a slot can be for; of a new one all that its expert, whoever that is, may have."""
        if not hasattr(request, "_types_of_slots"):
            types = SessionType.objects.active().select_related("organization")
            if slot is not None:
                types = types.filter(offers__expert=slot.expert) | types.filter(pk__in=slot.for_types)
            elif not reach(request).everything:
                everywhere, own = reach(request).with_right(self.opts.label_lower, ADD)
                mine = Q(organization__in=own, offers__expert__user=request.user)
                types = types.filter(Q(organization__in=everywhere) | mine)
            rows = list(types.distinct()[: MOST_TYPES + 1])
            several = len({row.organization_id for row in rows}) > 1
            named = [(row.pk, f"{row.name} ({row.organization.name})" if several else row.name) for row in rows]
            request._types_of_slots = named if len(named) <= MOST_TYPES else []
        return request._types_of_slots

    def get_readonly_fields(self, request, obj=None):
        return super().get_readonly_fields(request, obj) if obj else ()

    def get_changeform_initial_data(self, request):
        return {"date": timezone.localdate(), **super().get_changeform_initial_data(request)}

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        return without_menu(field) if db_field.name == "expert" else field

    # Columns

    @display(description=gettext_lazy("when"), ordering="starts_at")
    def when(self, slot):
        return slot.when

    @display(description=gettext_lazy("when"))
    def when_long(self, slot):
        end = slot.ends_at.astimezone(slot.expert.zone)
        times = {"day": _day(slot.date), "start": wall_clock(slot.time), "end": wall_clock(end.time())}
        return _("%(day)s, %(start)s to %(end)s, %(city)s time") % (times | {"city": slot.expert.zone_city})

    @display(description=gettext_lazy("state"))
    def state_label(self, slot):
        state = slot.state
        return label(_STATES[state], _COLOURS[state])

    @display(description=gettext_lazy("taken"))
    def seats(self, slot):
        numbers = {"taken": slot.seats_booked + slot.seats_held, "capacity": slot.capacity}
        return _("%(taken)d of %(capacity)d") % numbers

    def name_of(self, slot):
        return f"{slot.when}, {slot.expert.name}"

    def view_on_site(self, slot):
        if not (slot.expert.is_active and slot.expert.organization.is_active):
            return None
        return f"{reverse('expert', args=[slot.expert.slug])}?day={slot.date}"

    def bookings_url(self, request, slot: Slot) -> str:
        """Where the slot's bookings are listed, for whoever may see them; "" here, as another app knows bookings."""
        return ""

    # Writes

    def save_model(self, request, obj, form, change):
        if not change:
            if series := form.series():
                self._add_series(request, obj, form.cleaned_data, *series)
            else:
                self._add(request, obj, form.cleaned_data)
            return
        if "capacity" in form.changed_data:
            services.set_capacity(slot_id=obj.pk, capacity=obj.capacity)
        if "title" in form.changed_data:
            services.set_title(slot_id=obj.pk, title=obj.title)
        if "types" in form.changed_data:
            services.set_types(slot_id=obj.pk, for_types=form.cleaned_data["types"])
        if "is_closed" in form.changed_data:
            act = services.close_slot if obj.is_closed else services.reopen_slot
            act(slot_id=obj.pk)

    def _add(self, request, obj, values):
        expert, day, at = values["expert"], values["date"], values["time"]
        added = services.add_slots(
            expert=expert,
            starts=[(day, at)],
            minutes=values["minutes"],
            capacity=values["capacity"],
            title=values["title"],
            for_types=values.get("types", ()),
        )
        if not added:
            text = _("The clocks skip %(time)s on that day. Choose another time.") % {"time": wall_clock(at)}
            raise InvalidSlot(text, field="time")
        obj.pk = added[0].pk
        if _happens_twice(expert, day, at):
            text = _("%(time)s happens twice that night. The slot is at the first.") % {"time": wall_clock(at)}
            self.message_user(request, text, messages.WARNING)

    def _add_series(self, request, obj, values, days, times):
        added = services.add_series(
            expert_id=values["expert"].pk,
            days=days,
            times=times,
            minutes=values["minutes"],
            capacity=values["capacity"],
            title=values["title"],
            for_types=values.get("types", ()),
            seen=request.POST.get("_seen", ""),
        )
        obj.pk = added[0].pk
        text = ngettext("%(count)d slot added.", "%(count)d slots added.", len(added)) % {"count": len(added)}
        self.message_user(request, text, messages.SUCCESS)

    def delete_model(self, request, obj):
        services.delete_slot(slot_id=obj.pk)

    @admin.action(description=gettext_lazy("Close"), permissions=["change"])
    def close(self, request, queryset):
        self.each(
            request,
            queryset,
            lambda slot: services.close_slot(slot_id=slot.pk),
            lambda n: ngettext("%(count)d slot closed.", "%(count)d slots closed.", n) % {"count": n},
        )

    @admin.action(description=gettext_lazy("Reopen"), permissions=["change"])
    def reopen(self, request, queryset):
        self.each(
            request,
            queryset,
            lambda slot: services.reopen_slot(slot_id=slot.pk),
            lambda n: ngettext("%(count)d slot reopened.", "%(count)d slots reopened.", n) % {"count": n},
        )

    @admin.action(description=gettext_lazy("Set seats"), permissions=["change"])
    def set_seats(self, request, queryset):
        """As many as was written beside the action."""
        number = request.POST.get("seats", "")
        if not (number.isdecimal() and len(number) < 6):
            self.message_user(request, _("Write the number of seats beside the action."), messages.WARNING)
            return
        seats = int(number)
        self.each(
            request,
            queryset,
            lambda slot: services.set_capacity(slot_id=slot.pk, capacity=seats),
            lambda n: ngettext("%(count)d slot changed.", "%(count)d slots changed.", n) % {"count": n},
        )

    @admin.action(description=gettext_lazy("Delete"), permissions=["delete"])
    def delete_selected(self, request, queryset):
        """Ask, then delete what nobody ever booked. Under Django's name, which its page for the question sends."""
        if request.POST.get("post"):
            self.each(request, queryset, lambda slot: self._delete_one(request, slot), _deleted)
            return None
        rows = list(queryset[:500])
        context = {
            **self.admin_site.each_context(request),
            "title": _("Delete these slots?"),
            "subtitle": None,
            "objects_name": str(self.opts.verbose_name_plural),
            "deletable_objects": [[self.name_of(slot) for slot in rows]],
            "model_count": {self.opts.verbose_name_plural: len(rows)}.items(),
            "queryset": rows,
            "opts": self.opts,
            "action_checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/delete_selected_confirmation.html", context)

    def _delete_one(self, request, slot):
        services.delete_slot(slot_id=slot.pk)
        self.log_deletions(request, [slot])


def _deleted(count: int) -> str:
    return ngettext("%(count)d slot deleted.", "%(count)d slots deleted.", count) % {"count": count}


def _day(day: date) -> str:
    return date_format(day, "BRIEF_DATE_FORMAT")


def _happens_twice(expert: Expert, day: date, at) -> bool:
    """Whether the clocks show that time twice that day, as on the night that ends summer time."""
    first = instant_of(day, at, expert.zone).astimezone(expert.zone)
    return first.utcoffset() != first.replace(fold=1).utcoffset()
