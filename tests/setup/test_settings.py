import gc
import importlib
import os
import re
import subprocess
import sys

import bookingsite.wsgi
from bookingsite.devserver import paths


def test_every_setting_is_explained():
    settings = (paths.BASE_DIR / "bookingsite" / "settings.py").read_text()
    example = (paths.BASE_DIR / ".env.example").read_text()
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', settings))
    assert read - set(re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE)) == set()
    assert {"SECRET_KEY", "DATABASE_URL"} <= read


def in_a_new_python(code: str, environ: dict | None = None) -> str:
    """What the code prints in a process of its own, with the settings of the tests (DEBUG is off) and ``environ``."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=paths.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "bookingsite.settings"} | (environ or {}),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def strict_transport_security(environ: dict) -> str:
    """What the site tells a browser that came by https."""
    code = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "answer = Client().get('/robots.txt', secure=True, headers={'host': 'localhost'})\n"
        "print(answer.status_code, answer.get('Strict-Transport-Security'))"
    )
    return in_a_new_python(code, {"HTTPS": "on"} | environ).strip()


def test_browsers_are_bound_to_https_only_as_far_as_the_operator_says():
    assert strict_transport_security({}) == "200 None"
    assert strict_transport_security({"HSTS_SECONDS": "3600"}) == "200 max-age=3600"
    everything = {"HSTS_SECONDS": "31536000", "HSTS_INCLUDE_SUBDOMAINS": "on", "HSTS_PRELOAD": "on"}
    assert strict_transport_security(everything) == "200 max-age=31536000; includeSubDomains; preload"


def test_what_was_signed_with_a_former_secret_is_still_good():
    """A log-in or a cookie, the link of an e-mail, the token of a booking."""
    setup = (
        "import django; django.setup()\n"
        "from django.core import signing\n"
        "from bookings.api.authentication import _fits, token_of\n"
        "from bookings.models import Booking\n"
        "from experts.signed_tokens import SignedToken\n"
        "booking, link = Booking(reference='EB-7777-7777'), SignedToken(salt='links')\n"
    )
    old, new = "an-old-secret-" + "0123456789" * 4, "a-new-secret-" + "9876543210" * 4
    sign = f"{setup}print(signing.dumps('a'), link.of(1, 'lena@example.com'), token_of(booking))"
    text, link, token = in_a_new_python(sign, {"SECRET_KEY": old}).split()
    ask = (
        f"{setup}"
        "def is_good(text):\n"
        "    try: return signing.loads(text) == 'a'\n"
        "    except signing.BadSignature: return False\n"
        f"print(is_good({text!r}), link.fits({link!r}, 1, 'lena@example.com'), _fits({token!r}, booking.reference))"
    )
    assert in_a_new_python(ask, {"SECRET_KEY": new}).split() == ["False"] * 3
    assert in_a_new_python(ask, {"SECRET_KEY": new, "SECRET_KEY_FALLBACKS": old}).split() == ["True"] * 3


def test_production_loads_nothing_of_the_laptop():
    loaded = in_a_new_python(
        "import sys, bookingsite.wsgi, bookingsite.asgi, bookingsite.urls; print(*sorted(sys.modules))"
    ).split()
    assert {"bookingsite.settings", "bookingsite.urls", "bookingsite.startup"} <= set(loaded)
    assert [name for name in loaded if name.startswith("bookingsite.devserver")] == []


def test_garbage_is_looked_for_also_where_the_application_is_loaded_late():
    """As here: whatever was in a circle stayed for ever, and each worker of the tests took two gigabytes."""
    assert gc.isenabled()
    importlib.reload(bookingsite.wsgi)
    assert gc.isenabled()
