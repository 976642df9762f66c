"""Log in at the organisation's own provider (OpenID Connect), whose groups say who has which role.

One provider, by settings (OIDC_ISSUER ...). allauth does the way there and back (state, PKCE); this module judges what
the provider says, gives and takes memberships, and asks again whether the groups are still the same.
"""

import json
import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import wraps
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests
from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from bookings.access.visitor import client_address
from bookingsite.accounts.secrets import decrypt, encrypt
from experts import services
from experts.models import Means, Organization, Outcome, Role, StaffSession, User

logger = logging.getLogger(__name__)
PROVIDER = "sso"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]  # none that knows the client's secret
UNREACHABLE_FOR = timedelta(minutes=15)  # for which a session goes on while the provider does not answer
SECONDS = 5  # for one answer of the provider
TRIED_AGAIN_AFTER = 10.0  # seconds for which a process does not ask a provider that has just not answered
ADDRESSES_LAST = 3600.0  # seconds for which a process remembers the provider's addresses


class ProviderAdapter(OpenIDConnectOAuth2Adapter):
    """As allauth's, but looks at the signature of an ID token, too, and needs no cache for it."""

    def _decode_id_token(self, app, id_token: str) -> dict:
        try:
            key = jwt.PyJWKClient(self.openid_config["jwks_uri"], timeout=SECONDS).get_signing_key_from_jwt(id_token)
            return jwt.decode(
                id_token,
                key,
                algorithms=ALGORITHMS,
                audience=app.client_id,
                issuer=self.openid_config["issuer"],
                options={"require": ["exp", "iat", "sub"]},
                leeway=30,
            )
        except jwt.PyJWTError as error:
            raise OAuth2Error("Invalid id_token") from error


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    """Who comes from the provider gets in with a group that means a role, and not otherwise."""

    def is_open_for_signup(self, request, sociallogin):
        return False

    def pre_social_login(self, request, sociallogin):
        """Find or make the account, and bring memberships up to date. Ends the request when nobody may enter."""
        claims = sociallogin.account.extra_data
        info, id_token = claims.get("userinfo") or {}, claims.get("id_token") or {}
        if sociallogin.state.get("process") != "login" or not id_token or info.get("sub") != id_token.get("sub"):
            raise ImmediateHttpResponse(refuse(request, None))
        # Nothing of this is kept: what the provider says is asked for again.
        sociallogin.account.extra_data = {}
        if sociallogin.is_existing:
            sociallogin.account.save(update_fields=["extra_data"])
        roles = roles_in(info)
        user = sociallogin.user if sociallogin.is_existing else _user_for(info, wanted=bool(roles))
        if user is not None:
            services.sync_members(user=user, roles=roles)
        if user is None or not roles or not user.is_active:
            raise ImmediateHttpResponse(refuse(request, user))
        if not sociallogin.is_existing:
            sociallogin.connect(request, user)
        request.single_sign_on = {
            "tokens": encrypt(
                json.dumps({"access": sociallogin.token.token, "refresh": sociallogin.token.token_secret})
            ),
            "checked_at": timezone.now(),
            # Proof of an earlier moment is none of this one: providers let people through without asking.
            "proven_at": min(timezone.now(), datetime.fromtimestamp(id_token.get("auth_time", 2**32), UTC)),
        }

    def on_authentication_error(self, request, provider, **kwargs):
        """No answer of the provider that counts: it is nobody's try, so the log does not have it."""
        raise ImmediateHttpResponse(lead_back(request))


def allow_provider(view):
    """A decorator of a view whose forms may lead to the provider: browsers ask the content security policy for that."""

    @wraps(view)
    def answer(request, *args, **kwargs):
        if not settings.OIDC_ISSUER:
            return view(request, *args, **kwargs)
        address = urlsplit(settings.OIDC_ISSUER)
        return csp_update({"form-action": [f"{address.scheme}://{address.netloc}"]})(view)(request, *args, **kwargs)

    return answer


@require_POST
def login(request, provider_id):
    """Go to the provider."""
    return _view(OAuth2LoginView, request, provider_id)


def callback(request, provider_id):
    """Come back from it."""
    return _view(OAuth2CallbackView, request, provider_id)


def _view(view, request, provider_id):
    try:
        return view.adapter_view(ProviderAdapter(request, provider_id))(request)
    except SocialApp.DoesNotExist:
        raise Http404 from None


def refuse(request, user: User | None):
    """Log it, and lead back."""
    services.log_sign_in(user=user, outcome=Outcome.REFUSED, means=Means.OIDC, address=client_address(request))
    return lead_back(request)


def lead_back(request):
    """To the log-in page, which says that it did not work; the provider's words may be for somebody else."""
    messages.error(request, _("You could not be logged in there. Ask whoever looks after your accounts."))
    return redirect("account_login")


def roles_in(info: dict[str, Any]) -> dict[int, Role]:
    """Return the role in each organisation (its id) that somebody's groups mean (OIDC_ROLES); the highest counts."""
    claimed = info.get(settings.OIDC_GROUPS_CLAIM) or []
    groups = {claimed} if isinstance(claimed, str) else {group for group in claimed if isinstance(group, str)}
    wanted = [(slug, Role(role)) for group, slug, role in settings.OIDC_ROLES if group in groups]
    ids = dict(Organization.objects.filter(slug__in={slug for slug, _role in wanted}).values_list("slug", "id"))
    highest_last = sorted(wanted, key=lambda each: [Role.EXPERT, Role.SCHEDULER, Role.OWNER].index(each[1]))
    return {ids[slug]: role for slug, role in highest_last if slug in ids}


def is_still_welcome(session: StaffSession) -> bool:
    """Ask the provider whether somebody who came from it still has a group, unless it was asked a moment ago.

    Their memberships follow the answer. While it cannot be reached, the session goes on for a quarter of an hour, and
    only one request in ten seconds waits for it.
    """
    now = timezone.now()
    if session.checked_at is None or now - session.checked_at < settings.OIDC_CHECK_EVERY:
        return True
    if _provider.is_away():
        return now - session.checked_at < UNREACHABLE_FOR
    here = StaffSession.objects.filter(pk=session.pk)
    # One of several requests at once asks: a refresh token that is used twice looks stolen, and providers end it.
    if not here.filter(checked_at=session.checked_at).update(checked_at=now):
        return True
    before = json.loads(decrypt(session.tokens))
    try:
        info, tokens = _ask(before)
    except requests.RequestException as error:
        _provider.note_away()
        here.update(checked_at=session.checked_at)
        logger.warning("The provider of single sign-on did not answer: %s", type(error).__name__)
        return now - session.checked_at < UNREACHABLE_FOR
    account = SocialAccount.objects.filter(user_id=session.user_id, provider=PROVIDER).first()
    if info is None or account is None or info.get("sub") != account.uid:
        return False
    roles = roles_in(info)
    services.sync_members(user=session.user, roles=roles)
    if tokens != before:
        here.update(tokens=encrypt(json.dumps(tokens)))
    return bool(roles)


class _Provider:
    """What this process knows of the provider: its addresses, and that it has just not answered."""

    def __init__(self) -> None:
        self._threads = threading.local()
        self._away_until = 0.0
        self._addresses: tuple[str, float, dict[str, Any]] = ("", 0.0, {})

    def is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def note_away(self) -> None:
        self._away_until = time.monotonic() + TRIED_AGAIN_AFTER
        self._addresses = ("", 0.0, {})

    def forget(self) -> None:
        """Forget all; for tests, whose providers come and go."""
        self.note_away()
        self._away_until = 0.0

    def addresses(self, url: str) -> dict[str, Any]:
        """Return its configuration. Raises RequestException."""
        known_url, until, addresses = self._addresses
        if known_url != url or time.monotonic() > until:
            addresses = self.answer("GET", url) or {}
            if "userinfo_endpoint" not in addresses or "token_endpoint" not in addresses:
                raise requests.RequestException("no configuration")
            self._addresses = url, time.monotonic() + ADDRESSES_LAST, addresses
        return addresses

    def answer(self, method: str, url: str, **options: Any) -> dict[str, Any] | None:
        """Return the JSON, None for a refusal (4xx). Raises RequestException when there is no answer."""
        response = self._session().request(method, url, timeout=SECONDS, allow_redirects=False, **options)
        if 400 <= response.status_code < 500:
            return None
        response.raise_for_status()
        return response.json()

    def _session(self) -> requests.Session:
        """Return the connections of this thread, without cookies: one person's would go with another's token."""
        if not hasattr(self._threads, "session"):
            self._threads.session = requests.Session()
            self._threads.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return self._threads.session


_provider = _Provider()


def _ask(tokens: dict[str, str]) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """Return what the provider says about somebody, None if it no longer speaks of them; and the tokens from now on."""
    provider = get_adapter().get_provider(None, PROVIDER)
    config = _provider.addresses(provider.server_url)
    info = _userinfo(config, tokens["access"])
    if info is None and tokens["refresh"]:
        form, client = {"grant_type": "refresh_token", "refresh_token": tokens["refresh"]}, provider.app
        if "client_secret_post" in config.get("token_endpoint_auth_methods_supported", []):
            secret = {"data": form | {"client_id": client.client_id, "client_secret": client.secret}}
        else:
            secret = {"data": form, "auth": (client.client_id, client.secret)}
        renewed = _provider.answer("POST", config["token_endpoint"], **secret)
        if renewed is not None:
            tokens = {"access": renewed["access_token"], "refresh": renewed.get("refresh_token") or tokens["refresh"]}
            info = _userinfo(config, tokens["access"])
    return info, tokens


def _userinfo(config: dict[str, Any], access: str) -> dict[str, Any] | None:
    return _provider.answer("GET", config["userinfo_endpoint"], headers={"Authorization": f"Bearer {access}"})


def _user_for(info: dict[str, Any], *, wanted: bool) -> User | None:
    """Return the account with the address that the provider has proven, or a new one. Never a superuser's.

    A superuser reaches all organisations, and a provider speaks for some.
    """
    email = get_account_adapter().clean_email(info.get("email") or "")
    if not wanted or not email or info.get("email_verified") is not True:
        return None
    user = User.objects.filter(email=email).first()
    if user is not None:
        return None if user.is_superuser else user
    return User.objects.create_user(email, None, name=str(info.get("name") or "")[:150], is_staff=True)
