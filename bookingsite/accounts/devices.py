"""Know a browser in which somebody was logged in before, so that nobody else's tries lock them out there.

After the idea of "device cookies" (OWASP): a signed cookie holds a random name of the browser and the accounts that
were logged in there last. It opens nothing; who has it is only counted apart (experts/services/sign_ins.py).
"""

import secrets

from django.conf import settings
from django.core import signing
from django.utils.translation import gettext as _

from experts.models import User

COOKIE = "known"
SALT = "bookingsite.accounts.devices"
LASTS = 180 * 24 * 3600  # seconds
MOST_ACCOUNTS = 10  # of a computer at a front desk


def device_of(request, name: str) -> str:
    """Return the browser's name when the account ``name`` was logged in with it before, else ""."""
    device, accounts = _read(request)
    known = accounts and User.objects.filter(email=name.strip(), pk__in=accounts).exists()
    return device if known else ""


def remember(request, user: User) -> None:
    """Have the answer tell the browser that this account was logged in here."""
    device, accounts = _read(request)
    accounts = [user.pk, *(pk for pk in accounts if pk != user.pk)][:MOST_ACCOUNTS]
    request.known_device = signing.dumps([device or secrets.token_hex(8), accounts], salt=SALT)


def set_cookie(request, response) -> None:
    """Write what ``remember`` has left, if it has."""
    if value := getattr(request, "known_device", None):
        response.set_cookie(
            COOKIE, value, max_age=LASTS, path="/account/", httponly=True, samesite="Lax", secure=settings.HTTPS
        )


def browser_name(text: str) -> str:
    """What a browser and its system are called, as far as people would say it themselves."""
    browsers = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    systems = {
        "iPhone": "iPhone", "iPad": "iPad", "Android": "Android",
        "Windows": "Windows", "Mac OS": "Mac", "Linux": "Linux",
    }  # fmt: skip
    found = [next((name for mark, name in names.items() if mark in text), "") for names in (browsers, systems)]
    return ", ".join(filter(None, found)) or _("Unknown browser")


def _read(request) -> tuple[str, list[int]]:
    try:
        device, accounts = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=LASTS)
    except signing.BadSignature:
        return "", []
    return device, accounts
