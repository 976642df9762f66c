"""Logging in as a person does, form by form."""

import re
import time

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client
from django.urls import reverse

from experts.models import User

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
LOG_IN = "/account/login/"


def log_in(client: Client, email: str, password: str, following: str = "", **extra):
    """Send the log-in form; ``following`` is where the page was told to lead."""
    return client.post(
        LOG_IN, {"login": email, "password": password} | ({"next": following} if following else {}), **extra
    )


def add_app(user: User, secret: str = SECRET) -> Authenticator:
    """Give somebody an authenticator app, with recovery codes, as its set-up does."""
    RecoveryCodes.activate(user)
    return TOTP.activate(user, secret).instance


def code_of(secret: str = SECRET, *, steps: int = 0) -> str:
    """What the app shows now, or so many half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def send_code(client: Client, code: str):
    """The second form."""
    return client.post(reverse("mfa_authenticate"), {"code": code})


def is_in(client: Client) -> bool:
    """Whether the admin opens."""
    return client.get(reverse("admin:day")).status_code == 200


def link_in(text: str) -> str:
    """The path of the link in a mail."""
    found = re.search(r"https?://[^/\s]+(/account/\S+)", text)
    assert found, text
    return found[1]
