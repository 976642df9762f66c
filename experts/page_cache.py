"""Keep pages that look the same to everybody, with holes for what differs from one viewer to the next.

A page is rendered once with ``{% own "…" %}`` and ``hole("…")`` as holes in it. From then on an answer is the kept
bytes with the holes filled. A kept page is used only if the caller's version of all that it shows is still the same,
and only until the instant at which time alone changes it: so it is never older than what was read for this request.
"""

import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.formats import date_format
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

# Letters and digits, so that no filter changes it; new in each process, so that no text of a person can be a hole.
_HOLE = f"hole{secrets.token_hex(8)}"
_HOLES = re.compile(rf"{_HOLE}(\w+?)end")
MOST_SECONDS = 1.0  # to wait for somebody else who renders
_THEMES = {"light": "expertbook", "dark": "expertbook-dark"}


def hole(name: str) -> SafeString:
    """Return what a template writes where ``name`` is filled in later."""
    return mark_safe(f"{_HOLE}{name}end")


def _theme(request: Any) -> str:
    name = _THEMES.get(getattr(request, "theme", ""))
    return format_html(' data-theme="{}"', name) if name else ""


def _clock(request: Any) -> str:
    zone = getattr(request, "zone", None)
    return date_format(timezone.now().astimezone(zone), "TIME_FORMAT") if zone else ""


def _path(request: Any) -> str:
    # An error page may be rendered without a request.
    return request.get_full_path() if request else "/"


# What is the viewer's own on each page, by the name of its hole. Each is HTML, or is escaped.
OWN: dict[str, Callable[[Any], str]] = {
    "csrf_token": get_token,
    "theme": _theme,
    "clock": _clock,
    "path": _path,
    "quoted_path": lambda request: quote(_path(request), safe=""),
}


@dataclass(frozen=True)
class Page:
    """A rendered page. ``parts``: UTF-8 and names of holes, in turns.

    Made from what had this ``version``; true from ``since`` until before ``until``, unless the version changes.
    """

    parts: tuple[bytes | str, ...]
    version: Hashable
    since: datetime
    until: datetime

    @classmethod
    def of(cls, html: str, version: Hashable, since: datetime, until: datetime) -> "Page":
        pieces = _HOLES.split(html)
        parts = tuple(piece if number % 2 else piece.encode() for number, piece in enumerate(pieces))
        return cls(parts, version, since, until)

    def is_true(self, version: Hashable, now: datetime) -> bool:
        return self.version == version and self.since <= now < self.until

    @property
    def size(self) -> int:
        return sum(len(part) for part in self.parts)

    @cached_property
    def _digest(self) -> str:
        return sha256(repr(self.parts).encode()).hexdigest()

    def filled(self, request: HttpRequest, own: dict[str, str]) -> bytes:
        """Return the page with its holes filled: from ``own`` by name, else from ``OWN``."""
        return self._join(self._values(request, own))

    def response(self, request: HttpRequest, own: dict[str, str]) -> HttpResponse:
        """Return the page with its holes filled, and an ETag: the same for as long as it looks the same and works.

        The token in its forms is another one each time, and any of them is valid for as long as the cookie is the same.
        """
        values = self._values(request, own)
        response = HttpResponse(self._join(values))
        looks = sorted((name, value) for name, value in values.items() if name != "csrf_token")
        made_of = repr((self._digest, looks, request.META.get("CSRF_COOKIE")))
        response["ETag"] = f'"{salted_hmac("experts.page_cache", made_of).hexdigest()}"'
        return response

    def _values(self, request: HttpRequest, own: dict[str, str]) -> dict[str, bytes]:
        names = {part for part in self.parts if isinstance(part, str)}
        values = {name: own[name] if name in own else OWN[name](request) for name in names}
        return {name: conditional_escape(value).encode() for name, value in values.items()}

    def _join(self, values: dict[str, bytes]) -> bytes:
        return b"".join(values[part] if isinstance(part, str) else part for part in self.parts)


class PageCache:
    """The pages that this process keeps, those used last, up to ``most_bytes`` of HTML."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._pages: OrderedDict[Hashable, Page] = OrderedDict()
        self._lock = threading.Lock()
        # Who finds no page renders it under the lock of its key, so that a crowd does not do so all at once.
        self._rendering: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, version: Hashable, make: Callable[[], Page]) -> Page:
        """Return the page of ``key`` if it is true; else what ``make`` returns, which is kept.

        ``version`` must have been read before ``make`` reads: what changes in between makes the page newer than its
        version says, and it is rendered once more, but never older.
        """
        if settings.DEBUG:  # a developer's change to a template shows at once
            return make()
        if (page := self._find(key, version)) is not None:
            return page
        with self._lock:
            turn = self._rendering.setdefault(key, threading.Lock())
        waited = turn.acquire(timeout=MOST_SECONDS)
        try:
            if (page := self._find(key, version)) is not None:
                return page
            page = make()
            self._keep(key, page)
            return page
        finally:
            with self._lock:
                self._rendering.pop(key, None)
            if waited:
                turn.release()

    def _find(self, key: Hashable, version: Hashable) -> Page | None:
        now = timezone.now()
        with self._lock:
            page = self._pages.get(key)
            if page is None or not page.is_true(version, now):
                return None
            self._pages.move_to_end(key)
            return page

    def _keep(self, key: Hashable, page: Page) -> None:
        with self._lock:
            if old := self._pages.pop(key, None):
                self._bytes -= old.size
            self._pages[key] = page
            self._bytes += page.size
            while self._bytes > self._most and self._pages:
                _key, oldest = self._pages.popitem(last=False)
                self._bytes -= oldest.size


PAGES = PageCache(settings.PAGE_CACHE_BYTES)


def render_shared(template: str, context: dict[str, Any], zone: ZoneInfo | None) -> str:
    """Render a page with holes where it shows what is the viewer's own.

    No template can reach the request, and with it the viewer: all who see the page have the ``zone`` in common.
    """
    nobody: Any = HttpRequest()
    nobody.zone = zone
    return render_to_string(template, context | {"csrf_token": hole("csrf_token"), "is_shared": True}, nobody)
