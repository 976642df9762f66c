"""What allauth asks of this project."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from bookings.access.visitor import client_address
from bookingsite.accounts.devices import browser_name, device_of
from bookingsite.accounts.secrets import decrypt, encrypt
from bookingsite.accounts.sessions import is_proven
from experts import services
from experts.models import Means, Outcome, SignInTry, User

LOCKED_MINUTES = 15


class AccountAdapter(DefaultAccountAdapter):
    """Accounts come by invitation. Tries are counted before a password is looked at, and what comes of it is logged."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("Please enter the right e-mail address and password. Capital letters count."),
        "incorrect_password": _("This is not your password."),
        "incorrect_code": _("This is not the right code, or it has been used. Wait for the next one."),
    }

    def is_open_for_signup(self, request):
        return False

    def authenticate(self, request, **credentials):
        """As allauth, for people who may enter the admin only: for others it looks as if there were no account."""
        name = credentials.get("email", "")
        tried = count_or_lock(request, name, User.objects.filter(email=name).first(), Means.PASSWORD)
        user = super().authenticate(request, **credentials)
        if user is None or not user.is_staff:
            services.log_sign_in(
                user=User.objects.filter(email=name).first(),
                outcome=Outcome.WRONG,
                means=Means.PASSWORD,
                address=client_address(request),
            )
            return None
        services.forget_tries(tried)
        return user

    def is_reauthentication_required(self, *, app, **kwargs):
        return not is_proven(self.request)

    def get_login_stages(self):
        """Whoever comes from the provider of single sign-on has given the second factor there."""
        return [] if hasattr(self.request, "single_sign_on") else super().get_login_stages()

    def get_reauthentication_methods(self, user):
        words = {
            "reauthenticate": _("Use your password"),
            "mfa_reauthenticate": _("Use a code"),
            "mfa_reauthenticate:webauthn": _("Use a passkey"),
        }
        return [way | {"description": words[way["id"]]} for way in super().get_reauthentication_methods(user)]

    def get_password_change_redirect_url(self, request):
        return "/account/"

    def add_message(self, request, level, message_template=None, message_context=None, extra_tags="", message=None):
        """What went wrong. What went well, which comes as a template, our pages say themselves."""
        if message is not None:
            super().add_message(request, level, message=message)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of apps and recovery codes are stored encrypted: a copy of the database is no second factor."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": AccountAdapter.error_messages["incorrect_code"],
    }

    def encrypt(self, text):
        return encrypt(text)

    def decrypt(self, encrypted_text):
        return decrypt(encrypted_text)

    def generate_authenticator_name(self, user, type):
        """What a passkey is called unless somebody gives it another name: the browser that it is made in."""
        return browser_name(context.request.META.get("HTTP_USER_AGENT", ""))

    def build_totp_svg(self, url):
        """As part of our page: without the line that begins a file."""
        return mark_safe(super().build_totp_svg(url).partition("?>")[2])  # made of the address alone


def count_or_lock(request, name: str, user: User | None, means: Means) -> SignInTry:
    """Count a try. When it is one too many, end the request with a page that says so, whoever there is or is not."""
    address = client_address(request)
    tried = services.count_try(name=name, address=address, device=device_of(request, user.email if user else name))
    if tried is None:
        if user is not None:
            services.log_lock(user=user, means=means, address=address)
        raise ImmediateHttpResponse(locked_out(request))
    return tried


def locked_out(request):
    """Too many wrong tries. Says so in the same words whether or not there is such an account."""
    response = render(request, "account/locked_out.html", {"minutes": LOCKED_MINUTES}, status=429)
    response["Retry-After"] = str(LOCKED_MINUTES * 60)
    return response
