"""Say who asks: the session of a browser counts only while its row is there, not idle and not too old.

One statement reads all that pages of staff depend on, so that what an owner or a superuser changes counts at once.
"""

from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Exists, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from bookingsite.accounts.oidc import is_still_welcome
from experts import sending
from experts.models import Means, Membership, Role, StaffSession, TwoFactor, User
from experts.prepared import PreparedQuery

KEY = "staff_session"  # what the browser's session names the row with
# What an open page loads again by itself (static/js/staff-live.js) is no sign that anybody is there.
BY_ITSELF = "X-By-Itself"
SEEN_EVERY = timedelta(minutes=1)
SECOND_FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def current_user(request) -> User | AnonymousUser:
    """Return who asks, read once for each request. A session that is over is emptied."""
    if not hasattr(request, "_cached_user"):
        user = auth.get_user(request)
        if user.is_authenticated:
            request.staff_session = _running_session(
                request.session.get(KEY), user, is_by_itself=BY_ITSELF in request.headers
            )
            if request.staff_session is None:
                request.session.flush()
                user = AnonymousUser()
        request._cached_user = user
    return request._cached_user


def staff_session(request) -> StaffSession:
    """Return the session of somebody who is logged in, as the database has it now."""
    request.user.is_authenticated  # noqa: B018  # which reads both
    if not hasattr(request, "staff_session"):  # they have just logged in
        request.staff_session = _read(request.session.get(KEY), request.user)
    return request.staff_session


def is_proven(request) -> bool:
    """Whether they gave a password, a code or a passkey in the last quarter of an hour."""
    return timezone.now() - staff_session(request).proven_at < timedelta(
        seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    )


def must_set_up(request) -> bool:
    """Whether they need a second factor and have none. Whoever comes from a provider has the provider's."""
    return _lacks_second(staff_session(request))


def find_staff(session_key: str) -> StaffSession | None:
    """Return the session of whoever may open pages of the admin with that key of Django's session, with its ``user``.

    For sockets: it writes nothing and asks no provider, as they dial by themselves, whether or not anybody is there.
    """
    request = HttpRequest()
    request.session = SessionStore(session_key or None)
    user = auth.get_user(request)
    session = _read(request.session.get(KEY), user) if user.is_authenticated else None
    if session is None or not session.is_running(timezone.now()) or _lacks_second(session):
        return None
    session.user = user
    return session


def _lacks_second(session: StaffSession) -> bool:
    return session.needs_second and not session.has_second and session.means != Means.OIDC


def _running_session(session_id: int | None, user: User, *, is_by_itself: bool) -> StaffSession | None:
    session, now = _read(session_id, user), timezone.now()
    if session is None:
        return None
    session.user = user  # which is read already
    if not session.is_running(now) or not is_still_welcome(session):
        session.delete()
        return None
    if now - session.seen_at > SEEN_EVERY and not is_by_itself:
        StaffSession.objects.filter(pk=session.pk).update(seen_at=now)
    return session


def _read(session_id: int | None, user: User) -> StaffSession | None:
    session = next(iter(_sessions(session_id, user.pk)), None) if session_id else None
    if session is not None:
        session.needs_second = _needs_second(session, user)
    return session


def _needs_second(session: StaffSession, user: User) -> bool:
    """By the installation (TWO_FACTOR) or one of their organisations. Superusers are asked where owners are."""
    if settings.TWO_FACTOR == TwoFactor.EVERYBODY or session.is_asked_with_everybody:
        return True
    if settings.TWO_FACTOR == TwoFactor.OWNERS:
        return user.is_superuser or session.is_owner
    return session.is_asked_with_owners


@PreparedQuery
def _sessions(session_id: int, user_id: int) -> QuerySet[StaffSession]:
    memberships = Membership.objects.in_force().filter(user=user_id)
    as_owner = memberships.filter(Q(role=Role.OWNER) | Q(user__is_superuser=True))
    seconds = Authenticator.objects.filter(user=user_id, type__in=SECOND_FACTORS)
    # Not from a replica, which may not know yet that it is over.
    return (
        StaffSession.objects.using(DEFAULT_DB_ALIAS)
        .filter(pk=session_id, user=user_id)
        .annotate(
            is_owner=Exists(as_owner),
            is_asked_with_owners=Exists(as_owner.filter(organization__two_factor=TwoFactor.OWNERS)),
            is_asked_with_everybody=Exists(memberships.filter(organization__two_factor=TwoFactor.EVERYBODY)),
            has_second=Exists(seconds),
            is_sending_held=sending.held(),
        )
    )
