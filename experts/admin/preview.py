"""The page between a change of hours or time off and its slots: what is added, removed, kept because it is booked."""

from collections.abc import Callable, Iterable
from itertools import groupby

from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from experts.admin.preview_sections import Row, Section
from experts.admin.type_preview import type_sections
from experts.errors import PreviewNeeded, TypePreviewNeeded
from experts.formatting import wall_clock
from experts.models import Slot
from experts.scheduling.occurrences import WantedSlot
from experts.scheduling.plan import Kept, Plan

MOST_ROWS = 14
MOST_KEPT = 100
_NOT_SENT_AGAIN = {"csrfmiddlewaretoken", "_edit"}


class WithPreview:
    """For an admin whose services raise PreviewNeeded or TypePreviewNeeded: shows it, sends the same form again.

    With it goes what was seen: the key of slots in ``_seen``, that of session types in ``_seen_types``.

    The form travels in hidden fields, so nothing is lost on the way back and nothing is kept on the server.
    """

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        if request.method == "POST" and "_edit" in request.POST:
            request.refusal = {None: [_("Nothing has been changed yet. Here is what you entered.")]}
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except PreviewNeeded as preview:
            return self.show_preview(request, preview)
        except TypePreviewNeeded as preview:
            return self.show_type_preview(request, preview)

    def delete_view(self, request, object_id, extra_context=None):
        try:
            return super().delete_view(request, object_id, extra_context)
        except PreviewNeeded as preview:
            return self.show_preview(request, preview, can_edit=False)

    def show_preview(self, request, preview: PreviewNeeded, *, can_edit: bool = True):
        slots = self.admin_site.get_model_admin(Slot)
        sections = sections_of(preview.plans, lambda slot: slots.bookings_url(request, slot))
        context = {
            "title": _("What this does to the slots"),
            "note": _("Nothing has been changed yet. Times are on the expert’s clock."),
            "sections": sections,
            "names": ", ".join(plan.expert.name for plan in preview.plans[:5]),
            "more_experts": max(len(preview.plans) - 5, 0),
            "can_edit": can_edit,
        }
        return self._preview(request, context, "_seen", preview.key)

    def show_type_preview(self, request, preview: TypePreviewNeeded):
        context = {
            "title": _("What this means for session types"),
            "note": _("Nothing has been changed yet."),
            "sections": type_sections(preview.plan),
            "can_edit": True,
        }
        return self._preview(request, context, "_seen_types", preview.key)

    def _preview(self, request, context, name: str, key: str):
        context |= {
            **self.admin_site.each_context(request),
            "subtitle": None,
            "opts": self.opts,
            "sent": [
                (field, value)
                for field, values in request.POST.lists()
                if field not in (*_NOT_SENT_AGAIN, name)
                for value in values
            ],
            "seen_name": name,
            "seen": key,
            "changed_meanwhile": bool(request.POST.get(name)),
        } | context
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/slots_preview.html", context)


def sections_of(plans: list[Plan], bookings_url: Callable[[Slot], str]) -> list[Section]:
    """What the plans do, worst first. Only what happens at all."""
    outside = [kept for plan in plans for kept in plan.kept if kept.wanted is None]
    different = [kept for plan in plans for kept in plan.kept if kept.wanted is not None]
    sections = [
        _kept(
            _("Stay because they are booked"),
            _("They lie outside from now on and take no more bookings. Move or cancel what they have, or leave it."),
            outside,
            bookings_url,
        ),
        _kept(
            _("Stay as they are because they are booked"),
            _("The session that people booked keeps its length, title, seats and session types."),
            different,
            bookings_url,
        ),
        _days(_("Added"), "", [(plan, slot) for plan in plans for slot, _closed in plan.added]),
        _days(_("Removed"), _("Nobody ever booked them."), [(plan, slot) for plan in plans for slot in plan.removed]),
        _days(
            _("Changed"),
            _("Length, seats, title or session types, or offered again."),
            [(plan, change.wanted) for plan in plans for change in plan.changed],
        ),
        _days(
            _("Closed"),
            _("Nobody comes any more, but ended bookings refer to them."),
            [(plan, slot) for plan in plans for slot in plan.retired],
        ),
        _days(
            _("Left out"),
            _("Another slot is there already, or there is no such time left."),
            [(plan, skipped.wanted) for plan in plans for skipped in plan.skipped],
        ),
        _days(
            _("Same moment, another time on the clock"),
            _("They keep their moment; the clock of the new time zone shows another time."),
            [(plan, slot) for plan in plans for slot, _clock in plan.moved],
        ),
    ]
    return [section for section in sections if section.count]


def _kept(title: str, note: str, kept: list[Kept], bookings_url: Callable[[Slot], str]) -> Section:
    rows = [
        Row(
            _("%(day)s, %(time)s") % {"day": _day(each.slot), "time": wall_clock(each.slot.time)},
            ngettext("%(count)d seat taken", "%(count)d seats taken", each.seats_taken) % {"count": each.seats_taken},
            bookings_url(each.slot),
        )
        for each in kept[:MOST_KEPT]
    ]
    more = len(kept) - len(rows)
    text = ngettext("and %(count)d more slot", "and %(count)d more slots", more) % {"count": more} if more else ""
    return Section(title, note, len(kept), rows, text)


def _days(title: str, note: str, slots: Iterable[tuple[Plan, Slot | WantedSlot]]) -> Section:
    """A line for each day of each expert, with its times."""
    slots = sorted(slots, key=lambda pair: (pair[1].date, pair[0].expert.name, pair[0].expert.pk, pair[1].starts_at))
    several = len({plan.expert.pk for plan, _slot in slots}) > 1
    days = [list(day) for _key, day in groupby(slots, key=lambda pair: (pair[1].date, pair[0].expert.pk))]
    rows = [
        Row(
            f"{_day(day[0][1])}, {day[0][0].expert.name}" if several else _day(day[0][1]),
            ", ".join(wall_clock(slot.time) for _plan, slot in day),
        )
        for day in days[:MOST_ROWS]
    ]
    more = len(days) - len(rows)
    text = ngettext("and %(count)d more day", "and %(count)d more days", more) % {"count": more} if more else ""
    return Section(title, note, len(slots), rows, text)


def _day(slot: Slot | WantedSlot) -> str:
    return date_format(slot.date, "BRIEF_DATE_FORMAT")
