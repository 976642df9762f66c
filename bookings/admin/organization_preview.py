"""Show what an organisation's settings look like while they are being changed: its page, its rules in words, its mails.

Nothing is saved. The page's own form is sent to a frame beside it, so that it works without a script, too.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin

from bookings import services
from bookings.errors import Refused
from bookings.mail.examples import SHOWN, example_booking, example_mail
from bookings.models import MailKind
from bookings.policy import cancel_line
from experts import formatting
from experts.admin.experts import ExpertAdmin
from experts.admin.pictures import picture_of
from experts.admin.tabs import InTabs, Tab, tabs_of
from experts.clocks import Clocks
from experts.models import Organization

CHOICE = "_preview"  # which part the frame shows: "" for the page, else a kind of mail
_FRAME = {"default-src": [SELF], "frame-ancestors": [SELF], "form-action": [NONE], "script-src": [NONE]}


def policy_of_mail() -> dict[str, list[str]]:
    """A mail carries its own style, and the address of the logo as it is for everybody; nothing else is let in."""
    pictures = [SELF, settings.SITE_URL.rstrip("/")]
    return {"default-src": [NONE], "style-src": [SELF, UNSAFE_INLINE], "img-src": pictures, "frame-ancestors": [SELF]}


def framed(admin_view, inner):
    """A page of the admin that may stand in a frame of this site, with its own ``policy_of_frame``. No other may."""
    inner = xframe_options_sameorigin(admin_view(inner))

    def view(request, **place):
        response = inner(request, **place)
        policy = getattr(response, "policy_of_frame", None)
        # Last of all: the admin's own policy would take its place.
        return csp_replace(policy)(lambda _request: response)(request) if policy else response

    return view


class WithPreviewOfLook(InTabs):
    """For the admin of organisations: a frame that follows the form, and mails to oneself."""

    change_form_template = "admin/organization_form.html"
    tabs = (
        Tab("look", gettext_lazy("Look and words"), (-1,)),
        Tab("details", gettext_lazy("Details"), (0,)),
        Tab("rules", gettext_lazy("Booking rules"), (1, 2)),
        Tab("privacy", gettext_lazy("Privacy"), (3,)),
        Tab("website", gettext_lazy("Website"), (4,)),
        Tab("staff", gettext_lazy("Log-in and limits"), (5, 6)),
    )
    Media = ExpertAdmin.Media

    def get_urls(self):
        view = self.admin_site.admin_view
        own = [
            path("<int:object_id>/preview/", framed(view, self.preview_view), name="experts_organization_preview"),
            path("<int:object_id>/test-mail/", view(self.test_mail_view), name="experts_organization_test_mail"),
        ]
        return [*own, *super().get_urls()]

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None:
            may_change = self.has_change_permission(request, obj)
            context |= {
                "tabs": tabs_of(self.tabs, list(context["adminform"]), {}, pressed=False),
                "picture": picture_of(obj) if may_change else None,
                "preview": {
                    "url": reverse("admin:experts_organization_preview", args=[obj.pk]),
                    "test_url": reverse("admin:experts_organization_test_mail", args=[obj.pk]),
                    "words_url": reverse("admin:experts_organization_mails", args=[obj.pk]),
                    "mails": [(kind.value, kind.label) for kind in SHOWN],
                    "to": request.user.email,
                }
                if may_change
                else None,
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def preview_view(self, request, object_id):
        organization = changeable(self, request, object_id)
        mistakes = []
        if request.method == "POST":
            mistakes = self._typed(request, organization)
        asked = (request.POST or request.GET).get(CHOICE, "")
        now = timezone.now()
        if asked in {kind.value for kind in SHOWN}:
            return _mail_response(request, organization, MailKind(asked), now)
        context = {
            "organization": organization,
            "mistakes": mistakes,
            "rules": rules_in_words(organization, now),
        }
        response = TemplateResponse(request, "admin/organization_preview.html", context)
        response.policy_of_frame = _FRAME
        return response

    def test_mail_view(self, request, object_id):
        """Send the mail that is shown, as it is saved, to whoever asks for it. To nobody else, whatever was sent."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        organization = changeable(self, request, object_id)
        asked = request.POST.get(CHOICE, "") or MailKind.CONFIRMED.value
        if asked not in {kind.value for kind in SHOWN}:
            raise Http404
        text, level = send_test(request, organization, MailKind(asked))
        if request.headers.get("HX-Request"):  # the page stays, with all that is typed
            return HttpResponse(text, content_type="text/plain; charset=utf-8")
        self.message_user(request, text, level)
        return HttpResponseRedirect(reverse("admin:experts_organization_change", args=[organization.pk]))

    def _typed(self, request, organization: Organization) -> list[str]:
        """Give the object in memory what was typed, where that can be understood; return the names of the rest."""
        form = self.get_form(request, organization, change=True)(request.POST, instance=organization)
        form.is_valid()
        for name, value in form.cleaned_data.items():
            if name in {field.name for field in Organization._meta.concrete_fields}:
                setattr(organization, name, value)
        return [str(form.fields[name].label) for name in form.errors if name in form.fields]


def changeable(page, request, object_id) -> Organization:
    """Return the organisation if its settings may be changed; else 404 or 403."""
    organization = page.get_object(request, str(object_id))
    if organization is None:
        raise Http404
    if not page.has_change_permission(request, organization):
        raise PermissionDenied
    return organization


def send_test(request, organization: Organization, kind: MailKind) -> tuple[str, int]:
    """Send whoever asks a mail of that kind as it is saved; return what to tell of it, and how serious that is."""
    try:
        services.send_test_mail(organization=organization, user=request.user, kind=kind)
    except Refused as refusal:
        return str(refusal), messages.ERROR
    text = _("A test is on its way to %(address)s, as the organisation is saved now.")
    return text % {"address": request.user.email}, messages.SUCCESS


def _mail_response(request, organization: Organization, kind: MailKind, now: datetime) -> HttpResponse:
    mail = example_mail(organization, kind, request.user.email, "<example@expertbook>", now)
    [(html, _type)] = mail.alternatives
    response = HttpResponse(html)
    response.policy_of_frame = policy_of_mail()
    return response


@dataclass(frozen=True)
class Rule:
    """A rule as what it means for one example. ``icon``: of the site."""

    icon: str
    text: str


def rules_in_words(organization: Organization, now: datetime) -> list[Rule]:
    """Say what the booking rules mean for somebody who looks now, about a session of tomorrow at 14:00."""
    booking = example_booking(organization, "", now)
    slot, zone = booking.slot, ZoneInfo(booking.slot.expert.timezone)

    def when(instant: datetime) -> str:
        return formatting.soon(instant, zone, now)

    start = when(slot.starts_at)
    until = slot.starts_at - organization.min_notice
    last = now.astimezone(zone).date() + timedelta(days=organization.horizon_days)
    rules = [
        Rule("calendar-check", cancel_line(slot, Clocks(zone), now)),
        Rule(
            "clock",
            _("Can be booked until %(until)s.") % {"until": when(until)}
            if until > now
            else _("Can no longer be booked: it begins in less than %(span)s.")
            % {"span": formatting.duration(organization.min_notice)},
        ),
        Rule("calendar-days", _("Times can be booked up to %(day)s.") % {"day": date_format(last, "DATE_FORMAT")}),
        Rule(
            "timer",
            _("Whoever fills in the form now keeps the time until %(until)s.")
            % {"until": formatting.clock(now + timedelta(minutes=organization.hold_minutes), zone)},
        ),
    ]
    if organization.requires_approval:
        ends = min(now + timedelta(hours=organization.approval_hours), slot.starts_at)
        rules.append(
            Rule("hourglass", _("A request of now is yours to approve until %(until)s.") % {"until": when(ends)})
        )
    else:
        rules.append(Rule("circle-check", _("Confirmed at once.")))
    if organization.max_party > 1:
        rules.append(Rule("users", _("One person can book up to %(seats)d seats.") % {"seats": organization.max_party}))
    title = _("A session that begins %(start)s, %(zone)s")
    return [Rule("", title % {"start": start, "zone": formatting.zone_name(zone)}), *rules]
