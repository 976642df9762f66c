"""Pages of one's own account: sessions, and a new password by mail. The others are allauth's, with our templates."""

from allauth.account import views as allauth_views
from allauth.account.adapter import get_adapter as allauth_adapter
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from bookings import services as booking_services
from bookings.access.visitor import client_address
from bookings.queue import defer
from bookings.views.responses import see_other
from bookingsite.accounts.devices import browser_name
from bookingsite.accounts.sessions import must_set_up, staff_session
from experts import services
from experts.locking import slot_transaction
from experts.models import Means, User


class ResetForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )


class LoginView(allauth_views.LoginView):
    """As allauth's, with the way to the provider of single sign-on, if there is one."""

    def get_context_data(self, **kwargs):
        return super().get_context_data(**kwargs) | {"sso_name": settings.OIDC_NAME if settings.OIDC_ISSUER else ""}


class PasskeyAgainView(ReauthenticateWebAuthnView):
    """As allauth's, which leads away from what somebody was about to do when the passkey was not the right one."""

    def form_invalid(self, form):
        messages.error(self.request, form.errors["credential"][0])
        return redirect(self.request.get_full_path())


@login_required
@never_cache
def account(request):
    """Where one is logged in, and what protects the account."""
    here = staff_session(request)
    rows = [
        (session, session.pk == here.pk, browser_name(session.browser))
        for session in services.running_sessions(request.user)
    ]
    context = {
        "sessions": rows,
        "means": Means,
        "must_set_up": must_set_up(request),
        "has_second": here.has_second,
        "notices_off": booking_services.list_notices_off(email=request.user.email),
    }
    return render(request, "account/account.html", context)


@login_required
@require_POST
def allow_notices(request, organization_id):
    """Let the notices of an organisation come again, which a link in one of them has stopped."""
    booking_services.allow_notices(email=request.user.email, organization_id=organization_id)
    return see_other(reverse("account"))


@login_required
@require_POST
def end_session(request, session_id):
    """Log out one other browser."""
    if session_id != staff_session(request).pk:
        services.end_session(user=request.user, session_id=session_id)
    return see_other(reverse("account"))


@login_required
@require_POST
def end_other_sessions(request):
    """Log out all browsers but this one."""
    services.end_sessions(user_id=request.user.pk, but=staff_session(request).pk)
    return see_other(reverse("account"))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def reset_password(request):
    """Ask for a link by mail. The answer is the same for every address, and takes as long."""
    form = ResetForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "account/password_reset.html", {"form": form}, status=422 if form.errors else 200)
    email = form.cleaned_data["email"]
    # Too many for this address or from there: no further mail, and no word of it.
    if services.count_try(name=f"new password of {email}", address=client_address(request)):
        user = User.objects.filter(email=email, is_active=True, is_staff=True).first()
        with slot_transaction():
            defer(
                "bookingsite.accounts.tasks.send_password_link",
                user_id=user.pk if user and user.has_usable_password() else None,
                asked_at=timezone.now().isoformat(),
            )
    return see_other(reverse("account_reset_password_done"))


@login_required
def reauthenticate(request):
    """Ask for the password; of those who come from a provider and have none, that they log in there again."""
    if allauth_adapter(request).get_reauthentication_methods(request.user):
        return allauth_views.reauthenticate(request)
    following = request.GET.get("next", "")
    return render(request, "account/reauthenticate_sso.html", {"next": following, "sso_name": settings.OIDC_NAME})


@login_required
def change_password(request):
    """Nobody changes a password that is a provider's."""
    if not request.user.has_usable_password():
        return redirect("account")
    return allauth_views.password_change(request)
