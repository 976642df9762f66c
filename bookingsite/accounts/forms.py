"""The forms with which people log in, and prove again that it is them."""

from contextlib import contextmanager

from allauth.account.forms import ChangePasswordForm as AllauthChangePasswordForm
from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.forms import ReauthenticateForm as AllauthReauthenticateForm
from allauth.account.forms import ResetPasswordKeyForm
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.db import transaction
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from bookings.access.visitor import client_address
from bookingsite.accounts.adapters import count_or_lock
from experts import services
from experts.models import Means, Outcome, User


class LoginForm(AllauthLoginForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["login"] = forms.EmailField(
            label=_("E-mail address"),
            max_length=254,
            widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
        )
        self.fields["password"] = forms.CharField(
            label=_("Password"),
            strip=False,
            max_length=200,
            widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        )
        self.order_fields(["login", "password"])


class _OurWords:
    """The words of our other pages. The fields stay allauth's, which ask the rules of AUTH_PASSWORD_VALIDATORS."""

    WORDS = {
        "password": (_("Password"), ""),
        "oldpassword": (_("Your password now"), ""),
        "password1": (_("New password"), _("At least 10 characters.")),
        "password2": (_("New password again"), ""),
    }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in self.fields.keys() & self.WORDS:
            field = self.fields[name]
            field.label, field.help_text = self.WORDS[name]
            field.widget.attrs.pop("placeholder", None)


class PasswordAgainForm(_OurWords, AllauthReauthenticateForm):
    pass


class ChangePasswordForm(_OurWords, AllauthChangePasswordForm):
    pass


class ResetPasswordForm(_OurWords, ResetPasswordKeyForm):
    pass


class _CodeForm(forms.Form):
    """A code of an app, or a recovery code. Each works once, also when it is sent twice at the same moment."""

    def clean_code(self):
        request, code = context.request, self.cleaned_data["code"].replace(" ", "")
        tried = count_or_lock(request, f"code of {self.user.pk}", self.user, Means.TOTP)
        authenticator = use_code(self.user, code)
        if authenticator is None:
            services.log_sign_in(
                user=self.user, outcome=Outcome.WRONG, means=Means.TOTP, address=client_address(request)
            )
            raise get_adapter().validation_error("incorrect_code")
        services.forget_tries(tried)
        self.authenticator = authenticator
        return code


def _code_field() -> forms.CharField:
    attributes = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
    return forms.CharField(label=_("Code"), max_length=20, widget=forms.TextInput(attrs=attributes))


class CodeForm(_CodeForm, AuthenticateForm):
    code = _code_field()


class CodeAgainForm(_CodeForm, ReauthenticateForm):
    code = _code_field()


class ActivateAppForm(ActivateTOTPForm):
    """The first code of a new app. It cannot be used again to log in: ``use_code`` begins after it."""

    code = _code_field()

    def clean_code(self):
        count_or_lock(context.request, f"new app of {self.user.pk}", self.user, Means.TOTP)
        self.cleaned_data["code"] = self.cleaned_data["code"].replace(" ", "")
        return super().clean_code()


@contextmanager
def refusing_nonsense():
    """What no browser sends stumbles somewhere in the libraries that read it; here it is a wrong passkey."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise get_adapter().validation_error("incorrect_code") from error


class AddPasskeyForm(AddWebAuthnForm):
    name = forms.CharField(label=_("Name"), required=False)  # allauth's is not to be translated

    def clean(self):
        with refusing_nonsense():
            return super().clean()


class _CountedPasskeyForm(forms.Form):
    """Logs a passkey that is not the right one. Nobody guesses one; the limit is on what fills the log."""

    def clean_credential(self):
        request, means = context.request, Means.WEBAUTHN if self.user else Means.PASSKEY
        address = client_address(request)
        tried = count_or_lock(request, f"passkey from {address}", self.user, means)
        try:
            with refusing_nonsense():
                authenticator = super().clean_credential()
        except forms.ValidationError:
            services.log_sign_in(user=self.user, outcome=Outcome.WRONG, means=means, address=address)
            raise
        services.forget_tries(tried)
        return authenticator


class PasskeyForm(_CountedPasskeyForm, AuthenticateWebAuthnForm):
    pass


class PasskeyAgainForm(_CountedPasskeyForm, ReauthenticateWebAuthnForm):
    pass


class PasskeyLoginForm(_CountedPasskeyForm, LoginWebAuthnForm):
    """A passkey alone, which has asked for a finger or a PIN itself. For people who may enter the admin."""

    def clean_credential(self):
        authenticator = super().clean_credential()
        if not (authenticator.user.is_active and authenticator.user.is_staff):
            raise get_adapter().validation_error("incorrect_code")
        return authenticator


@transaction.atomic
def use_code(user: User, code: str) -> Authenticator | None:
    """Use up a code of somebody's app, or one of their recovery codes. None if it is neither, or was used before.

    A code of an app is the number of its half minute (RFC 6238, 5.2): after it only later ones count. allauth remembers
    used codes in the cache, which may be away.
    """
    # The row's lock makes two that come at once take turns.
    found = Authenticator.objects.select_for_update().filter(user_id=user.pk).exclude(type=Authenticator.Type.WEBAUTHN)
    for authenticator in found:
        if authenticator.type == Authenticator.Type.RECOVERY_CODES:
            if authenticator.wrap().validate_code(code):
                return authenticator
            continue
        secret, last = decrypt(authenticator.data["secret"]), authenticator.data.get("last_step", 0)
        for step in yield_hotp_counters_from_time():
            if step > last and constant_time_compare(code, format_hotp_value(hotp_value(secret, step))):
                authenticator.data["last_step"] = step
                authenticator.save(update_fields=["data"])
                return authenticator
    return None
