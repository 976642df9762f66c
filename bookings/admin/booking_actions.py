"""Where staff decide about bookings: about several from the list, about one from its page. Always by POST."""

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.admin.decision_forms import DECISIONS, QUESTIONS_ABOUT_SEVERAL, Decision, DecisionForm, who_hears_nothing
from bookings.admin.moves import moves_url
from bookings.errors import NotFound, Refused
from bookings.models import Booking
from bookings.transitions import in_sentence
from experts.admin.base import MOST_IN_ONE_ACTION
from experts.models import Slot
from experts.permissions import ADD, CHANGE

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
        move_url = moves_url(booking) if offered and booking.is_open else ""
        extra_context = {"decisions": offered, "move_url": move_url, "booking": booking, **(extra_context or {})}
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
            decision.act(booking, form.cleaned_data)
        except Refused as refusal:
            stored = self.get_object(request, str(object_id)) or booking
            if stored.status == decision.to:
                return HttpResponseRedirect(home)  # the second click of a double click
            form.add_error(None, str(refusal))
            form.data = form.data | {"seen_sequence": stored.sequence}  # what is shown now is seen now
            return self._one_page(request, decision, stored, form, status=refusal.status)
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

    def _said(self, decision: Decision, booking: Booking) -> str:
        return _("%(reference)s: %(status)s.") % {"reference": booking, "status": booking.get_status_display()}

    def _too_late(self, booking: Booking) -> str:
        words = {"status": in_sentence(booking.status)}
        return _("This booking is %(status)s. That is not possible now.") % words
