"""Who keeps seats from others, in the admin: what is held and not proven, and all that comes from one source."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache

from bookings import services
from bookings.admin.booking_actions import MOST_SHOWN
from bookings.admin.decision_forms import DECISIONS, DecisionForm, who_hears_nothing
from bookings.models import Booking, Status
from bookings.models.block import BlockKind
from bookings.selectors.origins import MOST_READ, Origins, booked, held, of_same_origin, origin_of, read_origins
from experts.admin.base import MOST_IN_ONE_ACTION, instant
from experts.admin.scoping import may
from experts.permissions import ADD, CHANGE

MOST_CANCELLED = 200  # in one go: each is written and told of on its own
QUESTIONS = {
    BlockKind.NETWORK: gettext_lazy("From the network %(value)s"),
    BlockKind.DOMAIN: gettext_lazy("With addresses of %(value)s"),
    BlockKind.ADDRESS: gettext_lazy("With the address %(value)s"),
}


@method_decorator(never_cache, name="held_view")
@method_decorator(never_cache, name="origin_view")
class OriginsAdmin(admin.ModelAdmin):
    """The part of the bookings' admin that shows where they come from, and deals with all of one source at once.

    A source is named by one of its bookings: addresses of people stay out of the addresses of pages.
    """

    def get_urls(self):
        return [
            path("held/", self.admin_site.admin_view(self.held_view), name="bookings_booking_held"),
            path(
                "<int:object_id>/origin/<str:kind>/",
                self.admin_site.admin_view(self.origin_view),
                name="bookings_booking_origin",
            ),
            *super().get_urls(),
        ]

    def held_view(self, request):
        """What is held and not proven at this moment, until when, and where most of it comes from."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        rows = self.get_queryset(request)
        origins = read_origins(rows, now)
        kept = list(held(rows, now)[: MOST_SHOWN + 1])
        context = {
            "title": _("Held and unproven"),
            "rows": [_row(booking) for booking in kept[:MOST_SHOWN]],
            "has_more": len(kept) > MOST_SHOWN,
            "origins": _listed(origins),
            "is_cut": origins.is_cut,
            "most_read": MOST_READ,
            "may_block": may(request, "bookings.block", ADD),
        }
        return self._answer(request, "admin/held.html", context)

    def origin_view(self, request, object_id: int, kind: str):
        """All that comes from where one booking does: to look at, to release, to cancel."""
        booking = self.get_object(request, str(object_id))
        if booking is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(object_id))
        value = origin_of(booking, kind) if kind in BlockKind.values else ""
        if not value:
            raise Http404
        # Only what they may decide about: it is counted, shown and acted on.
        rows = of_same_origin(self.within(request, self.get_queryset(request), CHANGE), booking, kind)
        here = reverse("admin:bookings_booking_origin", args=[booking.pk, kind])
        title = QUESTIONS[BlockKind(kind)] % {"value": value}
        if request.method == "POST" and "release" in request.POST:
            self._release(request, rows)
            return HttpResponseRedirect(here)
        if "cancel" in request.GET:
            return self._cancel(request, booked(rows, timezone.now()), here, title)
        now = timezone.now()
        kept, taken = held(rows, now), booked(rows, now)
        context = {
            "title": title,
            "held": kept[:MOST_READ].count(),
            "booked": taken[:MOST_READ].count(),
            "rows": [_row(booking) for booking in [*kept[:MOST_SHOWN], *taken[:MOST_SHOWN]][:MOST_SHOWN]],
            "most_shown": MOST_SHOWN,
            "cancel_url": f"{here}?cancel",
            "back_url": reverse("admin:bookings_booking_held"),
        }
        if may(request, "bookings.block", ADD):
            context["block_url"] = f"{reverse('admin:bookings_block_add')}?booking={booking.pk}&kind={kind}"
        return self._answer(request, "admin/origin.html", context)

    def _release(self, request, rows) -> None:
        found = held(rows, timezone.now())
        self.each(
            request,
            found,
            lambda hold: services.end_hold(booking_id=hold.pk),
            lambda n: ngettext("%(count)d hold released.", "%(count)d holds released.", n) % {"count": n},
        )
        if (left := held(rows, timezone.now())[: MOST_IN_ONE_ACTION + 1].count()) > 0:
            text = ngettext("%(count)d is still kept.", "%(count)d are still kept.", left) % {"count": left}
            self.message_user(request, text, messages.WARNING)

    def _cancel(self, request, rows, here: str, title: str):
        """Ask first, with the number; then cancel those that were asked about, and none that came since."""
        form = DecisionForm(DECISIONS["cancel"], request.POST if request.method == "POST" else None)
        newest = _newest(request, rows)
        rows = rows.filter(pk__lte=newest)
        if form.is_bound and form.is_valid():
            values = form.cleaned_data
            self.each(
                request,
                rows[:MOST_CANCELLED],
                lambda booking: services.cancel(booking_id=booking.pk, by_customer=False, **values),
                DECISIONS["cancel"].done,
            )
            if not rows.exists():
                return HttpResponseRedirect(here)
        shown = list(rows[: MOST_SHOWN + 1])
        if not shown:
            return HttpResponseRedirect(here)
        number = rows[:MOST_READ].count()
        question = ngettext("Cancel %(count)d booking?", "Cancel %(count)d bookings?", number) % {"count": number}
        context = {
            "title": f"{title}: {question}",
            "rows": shown[:MOST_SHOWN],
            "more": max(number - MOST_SHOWN, 0),
            "hidden": [("newest", newest)],
            "unheard": who_hears_nothing(shown),
            "back_url": here,
            "batch": MOST_CANCELLED if number > MOST_CANCELLED else 0,
        }
        return self._page(request, DECISIONS["cancel"], form, context, status=200)

    def _answer(self, request, template: str, context: dict):
        request.current_app = self.admin_site.name
        common = {**self.admin_site.each_context(request), "subtitle": None, "opts": self.opts, "media": self.media}
        return TemplateResponse(request, template, common | context)


def _newest(request, rows) -> int:
    """The key of the newest booking that was asked about; of the newest there is when the question is asked."""
    text = request.POST.get("newest", "")
    if text.isascii() and text.isdecimal() and len(text) < 19:
        return int(text)
    return rows.order_by("-pk").values_list("pk", flat=True).first() or 0


def _row(booking: Booking) -> dict:
    is_held = booking.status == Status.HELD
    return {
        "booking": booking,
        "who": booking.name or _("No name yet"),
        "email": booking.email,
        "when": booking.slot.when,
        "expert": booking.with_whom,
        "network": origin_of(booking, BlockKind.NETWORK),
        "status": _("Not proven") if is_held and booking.awaits_proof else booking.get_status_display(),
        "why": booking.get_proof_reason_display() if booking.awaits_proof else "",
        "runs_out": instant(booking.expires_at) if is_held else "",
        "url": reverse("admin:bookings_booking_change", args=[booking.pk]),
        "release_url": reverse("admin:bookings_booking_decide", args=[booking.pk, "release"]) if is_held else "",
    }


def _listed(origins: Origins) -> list[dict]:
    """The groups of the page: a title and its counts, each with the address of its page."""
    groups = [
        (_("Experts"), None, origins.experts),
        (_("Networks"), BlockKind.NETWORK, origins.networks),
        (_("E-mail domains"), BlockKind.DOMAIN, origins.domains),
        (_("E-mail addresses"), BlockKind.ADDRESS, origins.addresses),
    ]
    return [
        {
            "title": title,
            "rows": [
                {
                    "count": count,
                    "url": reverse("admin:bookings_booking_origin", args=[count.booking, kind.value])
                    if kind
                    else f"{reverse('admin:bookings_booking_changelist')}?slot__expert__id__exact={count.expert_id}",
                }
                for count in counts
            ],
        }
        for title, kind, counts in groups
        if counts
    ]
