"""Find a Chromium that starts, or get one: from the PATH, else through playwright, else through apt when root.

Without the parts that draw windows (`chromium-headless-shell`) the same tests take two thirds of the time: as root, apt
is asked for that first, and any other Chromium serves where there is none.

`python -m tests.browser.chromium` gets one and says which. Without one the browser tests fail: they are no extra.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests import apt

HEADLESS = "chromium-headless-shell"
NAMES = (HEADLESS, "chromium", "chromium-browser", "google-chrome")
FONTS = "fonts-liberation"  # without them the pages have no letters, only boxes
MISSING = (
    "There is no Chromium that starts. Put `chromium` on the PATH, or run `.venv/bin/python -m playwright install"
    ' --with-deps chromium`; without a browser there is `.venv/bin/python -m pytest -n auto -m "not browser"`.'
)


def find() -> str | None:
    """The path of a Chromium that starts, or None."""
    return next((path for path in _candidates() if _starts(path)), None)


def _candidates() -> Iterator[str]:
    yield from filter(None, map(shutil.which, NAMES))
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    if Path(path).exists():
        yield path


def _starts(path: str) -> bool:
    """Whether it is more than a stub, and no library is missing."""
    return apt.run([path, "--version"], seconds=30)


def get() -> str | None:
    """`find`, after installing one if need be."""
    if not shutil.which(HEADLESS) and apt.is_there():
        apt.install(HEADLESS, FONTS)
    if path := find():
        return path
    apt.run([sys.executable, "-m", "playwright", "install", "chromium"])
    if path := find():
        return path
    if apt.is_there():
        apt.install("chromium", FONTS)
    return find()


if __name__ == "__main__":
    if not (path := get()):
        sys.exit(MISSING)
    print(path)  # noqa: T201
