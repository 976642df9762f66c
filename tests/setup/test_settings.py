import os
import re
import subprocess
import sys

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


def test_production_loads_nothing_of_the_laptop():
    loaded = in_a_new_python(
        "import sys, bookingsite.wsgi, bookingsite.asgi, bookingsite.urls; print(*sorted(sys.modules))"
    ).split()
    assert {"bookingsite.settings", "bookingsite.urls", "bookingsite.startup"} <= set(loaded)
    assert [name for name in loaded if name.startswith("bookingsite.devserver")] == []
