"""Render what mails have in common once, and fill in what differs from one to the next.

To render its templates was a third of what a mail takes, and nearly all of their text is the same in a thousand
confirmations. So a template is rendered with marks where names, times, addresses and links go, and kept; after that a
mail is those pieces with its own words between them. The templates stay as anybody would write them, and
tests/bookings/mail/test_patterns.py holds what is filled in against what they render.
"""

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.html import conditional_escape

from experts.formatting import by_clock_of
from experts.models import Slot
from experts.patterns import joined, mark, pieces

_MOST = 300  # patterns of a mail, of some ten kilobytes each


class Times(NamedTuple):
    """The times of a session in words, by the clock that leads."""

    day: str
    day_and_time: str
    brief: str
    start: str
    end: str


def times_of(slot: Slot, zone: ZoneInfo) -> Times:
    """Return them in the language that is active."""
    start, end = slot.starts_at.astimezone(zone), slot.ends_at.astimezone(zone)
    return Times(
        day=date_format(start, "FULL_DAY_YEAR_FORMAT"),
        day_and_time=date_format(start, "FULL_DAY_YEAR_TIME_FORMAT"),
        brief=by_clock_of(zone, date_format(start, "BRIEF_DAY_TIME_FORMAT")),
        start=date_format(start, "TIME_FORMAT"),
        end=date_format(end, "TIME_FORMAT"),
    )


class Rendered(NamedTuple):
    """A mail's words; the subject is in one line."""

    subject: str
    text: str
    html: str


def render(name: str, context: dict[str, Any], subject: str = "") -> Rendered:
    """Render ``templates/emails/<name>``; with a ``subject``, that one."""
    # Names of experts may hold line breaks, which would end the header.
    subject = in_one_line(subject or render_to_string(f"emails/{name}_subject.txt", context))
    text = render_to_string(f"emails/{name}.txt", context)
    return Rendered(subject, text, render_to_string(f"emails/{name}.html", context | {"subject": subject}))


def in_one_line(text: str) -> str:
    return " ".join(text.split())


class Pattern:
    """A mail with marks."""

    def __init__(self, name: str, context: dict[str, Any]) -> None:
        words = render(name, context, mark("subject"))
        # As it is rendered: its white space is put in order with that of the values.
        self._subject = pieces(render_to_string(f"emails/{name}_subject.txt", context))
        self._text, self._html = pieces(words.text), pieces(words.html)

    def fill(self, values: Mapping[str, str]) -> Rendered:
        subject = in_one_line(joined(self._subject, values))
        escaped = {name: conditional_escape(value) for name, value in values.items()}
        html = joined(self._html, escaped | {"subject": conditional_escape(subject)})
        return Rendered(subject, joined(self._text, values), html)


class Patterns:
    """Those that were made lately, by what they have in common."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Pattern] = {}

    def get(self, key: Hashable) -> Pattern | None:
        return self._known.get(key)

    def put(self, key: Hashable, pattern: Pattern) -> None:
        if len(self._known) >= _MOST:
            self._known = {}
        self._known[key] = pattern

    def forget(self) -> None:
        """Forget all; for tests that change what a language says."""
        self._known = {}


patterns = Patterns()
