"""Take part in what Django and allauth do: whoever logs somebody in, by whatever way, a session of ours begins.

Django offers no other place that all ways pass: log-in page, passkey, provider, invitation.
"""

from allauth.account.authentication import get_authentication_records
from allauth.account.signals import authentication_step_completed, password_changed, password_reset
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from allauth.mfa.totp.internal.auth import yield_hotp_counters_from_time
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.utils import timezone

from bookings.access.visitor import client_address
from bookingsite.accounts import devices, sessions
from experts import services
from experts.models import Means, Outcome, StaffSession


@receiver(user_logged_in)
def begin_session(request, user, **kwargs):
    """Begin a session of ours, and log it."""
    session = services.begin_session(
        user=user,
        means=_means(request, user),
        address=client_address(request),
        browser=request.META.get("HTTP_USER_AGENT", ""),
        **getattr(request, "single_sign_on", {}),
    )
    request.session[sessions.KEY] = session.pk
    vars(request).pop("staff_session", None)
    devices.remember(request, user)


@receiver(user_logged_out)
def end_session(request, user, **kwargs):
    """End it, and log it. The browser's session still names it."""
    session_id = request.session.get(sessions.KEY)
    if user is not None and session_id is not None:
        session = StaffSession.objects.filter(pk=session_id, user=user).first()
        if session is not None:
            services.end_session(user=user, session_id=session.pk)
            services.log_sign_in(
                user=user, outcome=Outcome.OUT, means=Means(session.means), address=client_address(request)
            )


@receiver(authentication_step_completed)
def prove_again(request, user, **kwargs):
    """Somebody who is logged in gave their password, a code or a passkey again."""
    if request.user.is_authenticated and request.user.pk == user.pk:
        session = sessions.staff_session(request)
        session.proven_at = timezone.now()
        session.save(update_fields=["proven_at"])


@receiver([password_changed, authenticator_added, authenticator_removed, authenticator_reset])
def end_other_sessions(request, user, **kwargs):
    """What protects the account has changed: other browsers have to log in by the new rules."""
    services.end_sessions(user_id=user.pk, but=request.session.get(sessions.KEY))


@receiver(authenticator_added)
def use_first_code_up(authenticator, **kwargs):
    """The code that set an app up is no code to log in with (``forms.use_code``)."""
    if authenticator.type == Authenticator.Type.TOTP:
        authenticator.data["last_step"] = max(yield_hotp_counters_from_time())
        authenticator.save(update_fields=["data"])


@receiver(password_reset)
def end_all_sessions(request, user, **kwargs):
    """A link that was mailed set a new password: whoever knew the old one is out."""
    services.end_sessions(user_id=user.pk)
    devices.remember(request, user)  # who reads their mail is no stranger


def _means(request, user) -> Means:
    records = get_authentication_records(request, user)
    methods = {record["method"] for record in records}
    seconds = [record for record in records if record["method"] == "mfa"]
    if "socialaccount" in methods:
        return Means.OIDC
    if seconds:
        return Means.PASSKEY if seconds[-1].get("passwordless") else Means(seconds[-1]["type"])
    return Means.PASSWORD if "password" in methods else Means.INVITATION
