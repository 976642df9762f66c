"""The link "this was not me" of each mail, and the button of mail programs that unsubscribes (RFC 8058)."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from bookings import services
from bookings.access.links import booking_token, offer_token, read_not_me_token, read_unwanted_token
from bookings.errors import Busy, LinkUnknown, NotAllowed, NotFound
from bookings.mail.rules import NOTICES
from bookings.models import MailKind, Status, WaitlistEntry
from bookings.models.recipient import SuppressionReason
from bookings.selectors.awaited import session_awaited
from bookings.views.booking import booking_title
from bookings.views.responses import with_retry_after
from bookings.views.zones import clocks_of


@csrf_exempt  # mail programs send the form from nowhere; the token says who may
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def not_me(request, token):
    response = _answer(request, token)
    response["Referrer-Policy"] = "strict-origin"  # the address is a key
    return response


def _answer(request, token):
    try:
        about = read_not_me_token(token)
    except LinkUnknown as error:
        return render(request, "bookings/link_over.html", {"opens_one": True}, status=error.status)
    if request.method != "POST":
        return _show(request, about)
    if _is_button_of_mail_program(request):
        # Who unsubscribes wants no mails; a booking does not end with that.
        services.spare(email=about.email, reason=SuppressionReason.UNSUBSCRIBED)
        return HttpResponse()
    if "stop" in request.POST:
        services.spare(email=about.email, reason=SuppressionReason.UNSUBSCRIBED)
        return _show(request, about, done="stopped")
    try:
        services.disown(about=about)
    except (Busy, NotAllowed, NotFound) as error:
        page = _show(request, read_not_me_token(token), problem=str(error), status=error.status)
        return with_retry_after(page, error)
    return _show(request, about, done="ended")


def _show(request, about, *, done="", problem="", status=200):
    """Show what the button will do, or has done. Reads only."""
    expert, waits = about.slot.expert, isinstance(about, WaitlistEntry)
    token = offer_token(about) if waits else booking_token(about)
    context = {
        "accent": expert.organization.accent,
        "expert": expert,
        "title": booking_title(about, clocks_of(request, about), timezone.now()),
        "waits": waits,
        "session": session_awaited(about) if waits else about.session,
        "awaits_proof": not waits and about.awaits_proof,
        "is_on": _is_on(about),
        "is_own": services.is_ones_own(about),
        "open_url": reverse("link", args=[token]),
        "done": done,
        "problem": problem,
    }
    return render(request, "bookings/not_me.html", context, status=status)


@csrf_exempt  # as above
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def unwanted(request, token):
    """Stop mails that are about no booking of their reader's: notices to staff, invitations, links that were asked for.

    Whoever got a link to a new password reads here what protects the account.
    """
    try:
        mail, organization = read_unwanted_token(token)
    except LinkUnknown as error:
        return render(request, "bookings/link_over.html", {"opens_one": True}, status=error.status)
    done = ""
    if request.method == "POST" and "again" in request.POST and organization is not None:
        services.allow_notices(email=mail.to, organization_id=organization.pk)
        done = "again"
    elif request.method == "POST":
        is_program = _is_button_of_mail_program(request)
        reason = SuppressionReason.UNSUBSCRIBED if is_program else SuppressionReason.NOT_ME
        services.stop_mails(mail=mail, organization=organization, reason=reason)
        if is_program:
            return HttpResponse()
        done = "stopped"
    kind = "notice" if mail.kind in NOTICES else mail.kind
    context = {"kind": kind, "organization": organization, "done": done, "kinds": MailKind}
    response = render(request, "bookings/unwanted.html", context)
    response["Referrer-Policy"] = "strict-origin"  # the address is a key
    return response


def _is_button_of_mail_program(request) -> bool:
    return request.POST.get("List-Unsubscribe") == "One-Click"


def _is_on(about) -> bool:
    """Return whether there is something to end."""
    if isinstance(about, WaitlistEntry):
        status = WaitlistEntry.Status
        return about.status in (status.UNPROVEN, status.WAITING, status.OFFERED)
    return about.is_open or about.status == Status.HELD
