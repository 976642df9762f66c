"""Where staff decide about bookings: about several from the list, about one from its page. Always by POST."""

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.admin.decision_forms import DECISIONS, QUESTIONS_ABOUT_SEVERAL, Decision, DecisionForm, who_hears_nothing
from bookings.errors import NotFound, Refused, SlotTaken
from bookings.models import Booking
from bookings.selectors.week import Week, parse_day
from bookings.transitions import in_sentence
from experts import formatting
from experts.admin.base import MOST_IN_ONE_ACTION
from experts.models import Slot
from experts.permissions import ADD, CHANGE
from experts.scheduling.fitting import AgreedType

MOST_SHOWN = 100


class DecidingAdmin(admin.ModelAdmin):
    """The part of the bookings' admin that decides: actions of the list, and a page for each question about one."""

    change_form_outer_before_template = "admin/booking_decisions.html"

    def get_urls(self):
        view = self.admin_site.admin_view(self.decide_view)
        return [path("<int:object_id>/decide/<str:name>/", view, name="bookings_booking_decide"), *super().get_urls()]

    # About several

    @admin.action(description=gettext_lazy("Approve"), permissions=["change"])
    def approve(self, request, queryset):
        return self._decide_several(request, DECISIONS["approve"])

    @admin.action(description=format_lazy("{}…", gettext_lazy("Reject")), permissions=["change"])
    def reject(self, request, queryset):
        return self._decide_several(request, DECISIONS["reject"])

    @admin.action(description=format_lazy("{}…", gettext_lazy("Cancel")), permissions=["change"])
    def cancel(self, request, queryset):
        return self._decide_several(request, DECISIONS["cancel"])

    @admin.action(description=gettext_lazy("Complete"), permissions=["change"])
    def complete(self, request, queryset):
        return self._decide_several(request, DECISIONS["complete"])

    @admin.action(description=gettext_lazy("Release"), permissions=["change"])
    def release(self, request, queryset):
        return self._decide_several(request, DECISIONS["release"])

    @admin.action(description=gettext_lazy("No-show"), permissions=["change"])
    def no_show(self, request, queryset):
        return self._decide_several(request, DECISIONS["no_show"])

    @admin.action(description=gettext_lazy("Set back to confirmed"), permissions=["change"])
    def undo(self, request, queryset):
        return self._decide_several(request, DECISIONS["undo"])

    def _decide_several(self, request, decision: Decision):
        """Ask first when there is something to write to the customers; then each on its own."""
        selected = request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)[:MOST_IN_ONE_ACTION]
        # All that were selected, not those that still match the filter: what was cancelled meanwhile is to be told.
        rows = self.within(request, self.get_queryset(request), CHANGE).filter(pk__in=selected).order_by("pk")
        form = DecisionForm(decision, request.POST if "post" in request.POST else None)
        if decision.asks_message and not form.is_valid():
            return self._several_page(request, decision, form, list(rows))
        values = form.cleaned_data if form.is_valid() else {}
        self.each(request, rows, lambda booking: decision.act(booking, values), decision.done)
        return None

    def _several_page(self, request, decision: Decision, form: DecisionForm, rows: list[Booking]):
        context = {
            "title": QUESTIONS_ABOUT_SEVERAL[decision.name],
            "rows": rows[:MOST_SHOWN],
            "more": max(len(rows) - MOST_SHOWN, 0),
            "hidden": [("action", decision.name), ("post", "yes")]
            + [(helpers.ACTION_CHECKBOX_NAME, booking.pk) for booking in rows],
            "unheard": who_hears_nothing(rows),
            "back_url": request.get_full_path(),
        }
        return self._page(request, decision, form, context, status=422 if form.is_bound else 200)

    # About one

    def change_view(self, request, object_id, form_url="", extra_context=None):
        booking = self.get_object(request, object_id)
        offered = self._possible(booking) if booking and self._may_decide(request, booking) else []
        extra_context = {"decisions": offered, "booking": booking, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, extra_context)

    def _may_decide(self, request, booking: Booking) -> bool:
        """Also about a hold, whose details nobody but its person changes."""
        return self.reaches(request, booking, CHANGE)

    def _possible(self, booking: Booking) -> list[Decision]:
        now = timezone.now()
        return [decision for decision in DECISIONS.values() if decision.is_possible(booking, now)]

    def decide_view(self, request, object_id: int, name: str):
        """The question about one booking; a POST is the answer. Refused: the question again, with the reason."""
        booking = self.get_object(request, str(object_id))
        if booking is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(object_id))
        if not self._may_decide(request, booking):
            raise PermissionDenied
        decision = DECISIONS.get(name)
        if decision is None:
            raise Http404
        home = reverse("admin:bookings_booking_change", args=[booking.pk])
        form = DecisionForm(decision, request.POST if request.method == "POST" else None, about=booking)
        if request.method != "POST":
            if decision.is_possible(booking, timezone.now()):
                return self._one_page(request, decision, booking, form)
            self.message_user(request, self._too_late(booking), messages.WARNING)
            return HttpResponseRedirect(home)
        if not form.is_valid():
            return self._one_page(request, decision, booking, form, status=422)
        try:
            self.refuse_other_calendars(request, booking, form.cleaned_data.get("slot_id"))
            decision.act(booking, form.cleaned_data)
        except Refused as refusal:
            stored = self.get_object(request, str(object_id)) or booking
            if self._is_done(decision, stored, form):
                return HttpResponseRedirect(home)  # the second click of a double click
            form.add_error(None, _in_words(refusal))
            form.data = form.data | {"seen_sequence": stored.sequence}  # what is shown now is seen now
            return self._one_page(request, decision, stored, form, status=_status(refusal))
        self.message_user(request, self._said(decision, self.get_object(request, str(object_id))), messages.SUCCESS)
        return HttpResponseRedirect(home)

    def _one_page(self, request, decision: Decision, booking: Booking, form: DecisionForm, status: int = 200):
        context = {
            "title": decision.question,
            "rows": [booking],
            "original": booking,
            "unheard": who_hears_nothing([booking]),
            "back_url": reverse("admin:bookings_booking_change", args=[booking.pk]),
        }
        if decision.to is None:
            context["choice"] = _times(booking, request.GET.get("day"), form["slot_id"].value())
        return self._page(request, decision, form, context, status=status)

    def _page(self, request, decision: Decision, form: DecisionForm, context: dict, *, status: int):
        context = {
            **self.admin_site.each_context(request),
            "subtitle": None,
            "opts": self.opts,
            "decision": decision,
            "form": form,
            "media": self.media,
            **context,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/decide.html", context, status=status)

    def refuse_other_calendars(self, request, booking: Booking, slot_id: int | None) -> None:
        """A slot into which they may book nobody is to look like one that does not exist.

        So is one of another organisation, whoever asks.
        """
        if not slot_id:
            return
        slot = Slot.objects.select_related("expert").filter(pk=slot_id).first()
        if slot is None or slot.expert.organization_id != booking.slot.expert.organization_id:
            raise NotFound
        if slot.expert_id != booking.slot.expert_id and not self.reaches(request, Booking(slot=slot), ADD):
            raise NotFound

    def _is_done(self, decision: Decision, stored: Booking, form: DecisionForm) -> bool:
        if decision.to is None:
            return stored.is_open and stored.slot_id == form.cleaned_data["slot_id"]
        return stored.status == decision.to

    def _said(self, decision: Decision, booking: Booking) -> str:
        if decision.to is None:
            return _("%(reference)s is now at %(when)s.") % {"reference": booking, "when": self.when(booking)}
        return _("%(reference)s: %(status)s.") % {"reference": booking, "status": booking.get_status_display()}

    def _too_late(self, booking: Booking) -> str:
        words = {"status": in_sentence(booking.status)}
        return _("This booking is %(status)s. That is not possible now.") % words


def _in_words(refusal: Refused) -> str:
    if isinstance(refusal, SlotTaken | NotFound):
        return _("That time was just taken. The booking stays as it is; these times are open now.")
    return str(refusal)


def _status(refusal: Refused) -> int:
    # A time that went away while somebody chose is a conflict, not an address that does not exist.
    return 409 if isinstance(refusal, NotFound) else refusal.status


def _times(booking: Booking, asked: str | None, chosen) -> dict:
    """A week of the expert's calendar, and the times of one day of it that the booking could move to.

    Of a session of a type those at which it fits as it was agreed, also over the time that it takes now.
    """
    expert = booking.slot.expert
    wanted = booking.slot.date.isoformat() if asked is None else asked
    day = parse_day(wanted, expert) or parse_day(None, expert)
    agreed = AgreedType(booking.session_type, booking.terms) if booking.session_type else None
    week = Week.around(expert, day, timezone.now(), offered=agreed, without=booking if agreed else None)
    return {
        "day": date_format(day, "FULL_DAY_YEAR_FORMAT"),
        "zone": expert.zone_city,
        "days": [
            {
                "date": item,
                "text": week.count(item).text,
                "is_open": bool(week.open_to(booking, item)),
                "is_shown": item == day,
            }
            for item in week.days
        ],
        "times": [
            {
                "slot": slot,
                "end": formatting.clock(slot.ends_at, expert.zone) if agreed else "",
                "is_chosen": str(slot.pk) == str(chosen),
            }
            for slot in week.open_to(booking, day)
        ],
        "earlier": week.a_week_before(day),
        "later": week.a_week_after(day),
    }
