"""Render once what many things have in common, with marks for what differs, and fill in each of them by hand.

To render a template for each tile of a page was most of what the page takes, and tiles differ in a few words. So a
template is rendered with marks where these go, and kept; after that a tile is those pieces with its own words between
them. The templates stay as anybody would write them.
"""

import re
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from django.conf import settings
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

_MARK = re.compile("\0([a-z_]+)\0")  # nobody can type it: what people send has no such character


def mark(name: str) -> str:
    """Return what stands for a value in a pattern."""
    return f"\0{name}\0"


def marks_for(values: Mapping[str, str]) -> dict[str, str]:
    """Return a mark for each of the values that there is; "" for others, as templates ask whether there is any."""
    return {name: mark(name) if value else "" for name, value in values.items()}


def pieces(rendered: str) -> list[str]:
    """Return what is between the marks and the names of the marks, in turns."""
    return _MARK.split(rendered)


def joined(parts: list[str], values: Mapping[str, str]) -> str:
    """Return the text of those ``pieces`` with its values in it."""
    filled = parts.copy()
    filled[1::2] = [values[name] for name in parts[1::2]]
    return "".join(filled)


class PatternValues:
    """What a template may ask of a thing. Asked for anything else it fails, where a template would leave that out."""

    def __init__(self, **values: Any) -> None:
        self.__dict__ |= values

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"A pattern knows no {name}")


class Patterns:
    """Those of a kind of fragment that were needed lately, at most ``most``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[Hashable, list[str]] = {}

    def fill(self, about: Hashable, values: Mapping[str, str], render: Callable[[dict[str, str]], str]) -> SafeString:
        """Return what ``render`` makes of the values, escaped where they are no HTML.

        It may do nothing with them but write them, and ask whether they are "". What else it depends on is ``about``,
        and the language that is active.
        """
        written = {name: str(conditional_escape(value)) for name, value in values.items()}
        key = about, get_language(), tuple(name for name, value in written.items() if value)
        parts = self._known.get(key)
        if parts is None:
            parts = pieces(render(marks_for(written)))
            if not settings.DEBUG:  # a developer's change to a template shows at once
                self._known = {**self._known, key: parts} if len(self._known) < self._most else {key: parts}
        return mark_safe(joined(parts, written))
