"""A language of our own, in which every text that can be translated stands in ⟦brackets⟧; and what is left without.

It takes the place of Django's catalogue for a language that Django knows, so nothing has to be extracted or compiled,
and texts of Django, allauth and unfold are marked as ours are.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from gettext import NullTranslations
from html.parser import HTMLParser
from zoneinfo import available_timezones

from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import models
from django.test import override_settings
from django.utils.translation import trans_real

OF_PEOPLE = {"experts", "bookings", "auth"}  # the apps whose tables have words of people
CODE = "en-au"  # written from left to right, and with the formats of "en"
CONTEXT = "\x04"  # between the context of a text and the text


def bracketed(text: str) -> str:
    return f"⟦{text.rpartition(CONTEXT)[2]}⟧"


class Pseudo(NullTranslations):
    """Gives back what it was given, in brackets."""

    def gettext(self, message: str) -> str:
        return bracketed(message)

    def ngettext(self, one: str, many: str, n: int) -> str:
        return bracketed(one if n == 1 else many)

    def language(self) -> str:
        return CODE

    def to_language(self) -> str:
        return CODE


@contextmanager
def pseudo_language() -> Iterator[None]:
    """Let the site speak it, whoever asks."""
    with override_settings(LANGUAGE_CODE=CODE, LANGUAGES=[(CODE, "Pseudo")]):  # which empties Django's catalogues
        trans_real._translations[CODE] = Pseudo()
        trans_real.deactivate()
        yield
    trans_real.deactivate()


# What is left outside of brackets

WORD = re.compile(r"[^\W\d_]{2,}")  # a single letter is a mark, as the x of a button
CODE_LIKE = re.compile(r"\S+@\S+|\S+://\S+|\b[a-z]+\.[a-z_]+\b|\b\w+_\w+\b|\bEB-\S+")  # addresses, events, references
# Names: the product's, of standards, of what is written in code.
NAMES = {
    *("expertbook", "utc", "gmt", "json", "api", "html", "url", "http", "https", "www", "com", "org", "example"),
    *("webauthn", "pbkdf", "sha", "ics", "iso", "csv", "xlsx", "pdf", "google", "altcha", "django"),
    *("localhost", "uuid"),
}


@lru_cache
def zone_words() -> set[str]:
    return {word.lower() for zone in available_timezones() for word in WORD.findall(zone)}


def words_of(text: str) -> set[str]:
    return {word.lower() for word in WORD.findall(CODE_LIKE.sub(" ", text))}


def words_of_the_world() -> set[str]:
    """All words in what people have written: texts in the database, but for codes, whose labels are to be read."""
    found: set[str] = set()
    for model in apps.get_models():
        if model._meta.app_label not in OF_PEOPLE or model is Permission:
            continue
        fields = [field.name for field in model._meta.concrete_fields if _is_text(field)]
        for row in model._base_manager.values_list(*fields) if fields else ():
            for value in row:
                found |= {word.lower() for word in WORD.findall(str(value))}
    return found


def _is_text(field: models.Field) -> bool:
    kinds = (models.CharField, models.TextField, models.JSONField, models.GenericIPAddressField)
    return isinstance(field, kinds) and not field.choices


class Texts(HTMLParser):
    """All that somebody reads or hears of a page and that stands in no brackets, each with its element."""

    SILENT = {"script", "style", "code", "pre", "svg", "kbd"}
    # Letters of a font that spell an icon's name, and the initials of people.
    PICTURES = ("material-symbols", "avatar", "eb-face", "ebr-face", "qb-face")
    INLINE = {"a", "strong", "em", "b", "i", "span", "small", "time", "br", "code"}
    # What is said besides, and what scripts of ours show.
    ATTRIBUTES = ("title", "alt", "placeholder", "aria-label", "aria-description", "label")
    DATA = ("data-left", "data-words", "data-copied", "data-opened", "data-failed", "data-offline")
    BUTTONS = ("submit", "button", "reset")
    EMPTY = ("input", "meta", "link", "img", "br", "hr", "col", "source", "wbr", "path", "circle", "use")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._open: list[tuple[str, bool]] = []  # each with whether it is silent
        self._depth = 0  # of brackets, which may begin in one text of a paragraph and end in another
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag not in self.INLINE:
            self._depth = 0
        for name, value in values.items():
            if name in self.ATTRIBUTES or name.startswith(self.DATA):
                self.found.append((f"{tag}[{name}]", outside(value)[0]))
        if tag == "input" and values.get("type") in self.BUTTONS:
            self.found.append(("input[value]", outside(values.get("value", ""))[0]))
        if tag == "meta" and "description" in (values.get("name"), values.get("property", "").removeprefix("og:")):
            self.found.append(("meta", outside(values.get("content", ""))[0]))
        if tag not in self.EMPTY:
            is_picture = any(name in values.get("class", "") for name in self.PICTURES)
            self._open.append((tag, tag in self.SILENT or is_picture))

    def handle_endtag(self, tag: str) -> None:
        if tag in [name for name, _silent in self._open]:
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        text, self._depth = outside(data, self._depth)
        if text.strip() and not any(silent for _tag, silent in self._open):
            self.found.append((self._open[-1][0] if self._open else "", text))


def outside(text: str, depth: int = 0) -> tuple[str, int]:
    """Return what stands in no brackets, and how many are open at its end."""
    kept = []
    for letter in text:
        depth = max(0, depth + (letter == "⟦") - (letter == "⟧"))
        if depth == 0 and letter not in "⟦⟧":
            kept.append(letter)
    return "".join(kept), depth


def untranslated(html: str, known: set[str]) -> list[str]:
    """Return the texts of a page, or of a mail's text, that did not pass through gettext.

    ``known``: words that are nobody's to translate, as ``words_of_the_world`` has them.
    """
    return [
        f"<{where}> {' '.join(text.split())}"
        for where, text in Texts(html).found
        if words_of(text) - known - NAMES - zone_words()
    ]
