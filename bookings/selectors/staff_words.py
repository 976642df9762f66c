"""Read what staff type about a time: ``herrera thu pm``, ``next gp``, ``skin check 12 march``, ``okafor 9:30``.

Each word is about whom, what or when, in the active language; a word that is about nothing is said, not passed over.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta

from django.utils.dates import MONTHS, MONTHS_3, WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from bookings.selectors.week import read_day
from experts import formatting
from experts.parts_of_day import PARTS_OF_DAY
from experts.search import fold

_MOST_WORDS = 12
_FEWEST_LETTERS_OF_A_DAY = 2
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*(am|pm)?")
_DAY_OF_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th|\.)?")
_ORDINAL = re.compile(r"(\d{1,2})(?:st|nd|rd|th)")
_NOON = 12


@dataclass(frozen=True)
class Known:
    """An expert or a session type that words can be about, by its name and what else it is called (a field of work)."""

    pk: int
    name: str
    also: str = ""

    def is_called(self, word: str) -> bool:
        """Whether a word of the name begins with a folded word, or its letters are those that the name's begin with."""
        return _has(self.name, word)

    def is_also(self, word: str) -> bool:
        """As ``is_called``, by the other names."""
        return _has(self.also, word)


def _has(text: str, word: str) -> bool:
    words = fold(text).split()
    initials = "".join(each[0] for each in words)
    if len(word) > 1 and initials.startswith(word):
        return True
    return all(any(each.startswith(part) for each in words) for part in word.split())


@dataclass(frozen=True)
class Chip:
    """What was understood of some words. ``kind``: expert, type, day or time; ``without``: the text without them."""

    kind: str
    label: str
    without: str


@dataclass
class Wish:
    """What staff asked for. ``experts`` and ``types`` are ids, None where any will do; an empty set is nobody.

    ``hours``: those at which a session may start; ``at``: from when on, on the expert's clock. ``unknown``: words that
    are about nothing here.
    """

    experts: set[int] | None = None
    types: set[int] | None = None
    day: date | None = None
    hours: range | None = None
    at: time | None = None
    is_next: bool = False
    unknown: list[str] = field(default_factory=list)
    chips: list[Chip] = field(default_factory=list)

    def allows(self, at: time) -> bool:
        """Whether a session may start at that wall-clock time."""
        return (self.hours is None or at.hour in self.hours) and (self.at is None or at >= self.at)


def read_wish(text: str, today: date, experts: Sequence[Known], types: Sequence[Known]) -> Wish:
    """Return what the words are about. ``today``: what that word means; days are the next ones that are called so.

    Names win over what words mean elsewhere where several in a row are one name: in "first visit", "first" is no wish
    for the soonest.
    """
    return _Reader(text, today, experts, types).read()


class _Reader:
    def __init__(self, text: str, today: date, experts: Sequence[Known], types: Sequence[Known]) -> None:
        self.words = text.split()[:_MOST_WORDS]
        self.folded = [fold(word) for word in self.words]
        self.today, self.experts, self.types = today, experts, types
        self.wish = Wish()
        self.language = Language()

    def read(self) -> Wish:
        place = 0
        while place < len(self.words):
            place += self._read_at(place)
        return self.wish

    def _read_at(self, place: int) -> int:
        """Take what begins there; returns how many words that were."""
        word, raw = self.folded[place], self.words[place]
        if not word:
            return 1
        for taken in (self._name_of_several(place), self._day(place), self._clock(place)):
            if taken:
                return taken
        language = self.language
        if word in language.next:
            self.wish.is_next = True
        elif word in language.parts:
            label, self.wish.hours = language.parts[word]
            self._chip("time", label, place, 1)
        elif word not in language.fillers and not self._name(place, 1):
            self.wish.unknown.append(raw)
        return 1

    # Whom and what

    def _name_of_several(self, place: int) -> int:
        """Words in a row that are one name: the longest run."""
        for length in range(min(4, len(self.words) - place), 1, -1):
            words = self.folded[place : place + length]
            if all(words) and self._name(place, length):
                return length
        return 0

    def _name(self, place: int, length: int) -> bool:
        words = self.folded[place : place + length]
        called = _all_of(self.experts, lambda it, word: it.is_called(word), words)
        if called:
            self._narrow_experts(called, place, length)
            return True
        kinds = _all_of(self.types, lambda it, word: it.is_called(word), words)
        if kinds:
            found = {it.pk for it in kinds}
            both = found if self.wish.types is None else self.wish.types & found
            self.wish.types = both or found
            label = kinds[0].name if len(kinds) == 1 else " ".join(self.words[place : place + length])
            self._chip("type", label, place, length)
            return True
        also = _all_of(self.experts, lambda it, word: it.is_also(word), words)
        if also:
            self._narrow_experts(also, place, length)
        return bool(also)

    def _narrow_experts(self, found: list[Known], place: int, length: int) -> None:
        ids = {it.pk for it in found}
        if self.wish.experts is None:
            self.wish.experts = ids
        else:  # "dr herrera" is one of them, "herrera okafor" are both
            self.wish.experts = self.wish.experts & ids or self.wish.experts | ids
        typed = " ".join(self.words[place : place + length])
        label = found[0].name
        if len(found) > 1:
            text = ngettext("%(word)s: %(count)d expert", "%(word)s: %(count)d experts", len(found))
            label = text % {"word": typed, "count": len(found)}
        self._chip("expert", label, place, length)

    # When

    def _day(self, place: int) -> int:
        word, raw = self.folded[place], self.words[place].lower()
        following = self.folded[place + 1] if place + 1 < len(self.words) else ""
        day, taken = None, 1
        if word in self.language.today:
            day = self.today
        elif word in self.language.tomorrow:
            day = self.today + timedelta(days=1)
        elif (weekday := self.language.weekday(word)) is not None and not self._is_short_name(word):
            day = self.today + timedelta(days=(weekday - self.today.weekday()) % 7)
        elif re.fullmatch(r"\d{4}-\d{2}-\d{2}", raw):
            day = read_day(raw)
        elif pair := self._day_and_month(raw, following) or self._day_and_month(following, raw):
            day, taken = self._next_date(*pair), 2
        elif number := _ORDINAL.fullmatch(raw):
            day = self._next_date(int(number[1]), None)
        if day is None:
            return 0
        self.wish.day = day
        self._chip("day", formatting.day_name(day, self.today), place, taken)
        return taken

    def _day_and_month(self, day: str, month: str) -> tuple[int, int] | None:
        number, named = _DAY_OF_MONTH.fullmatch(day), self.language.month(fold(month))
        return (int(number[1]), named) if number and named else None

    def _is_short_name(self, word: str) -> bool:
        """Whether a word is too short for a day where an expert's name begins like that: Mo of Mo Farah."""
        return len(word) == _FEWEST_LETTERS_OF_A_DAY and any(it.is_called(word) for it in self.experts)

    def _next_date(self, number: int, month: int | None) -> date | None:
        """The next day of that number, in that month or in any."""
        for ahead in range(13 if month is None else 25):
            year, at = divmod(self.today.month - 1 + ahead, 12)
            if month is None or at + 1 == month:
                day = _date(self.today.year + year, at + 1, number)
                if day is not None and day >= self.today:
                    return day
        return None

    def _clock(self, place: int) -> int:
        found = _CLOCK.fullmatch(self.words[place].lower())
        if not found or not (found[2] or found[3]):
            return 0
        hour, minute = int(found[1]), int(found[2] or 0)
        if found[3]:
            hour = hour % _NOON + (_NOON if found[3] == "pm" else 0)
        try:
            self.wish.at = time(hour, minute)
        except ValueError:
            return 0
        label = _("From %(time)s") % {"time": formatting.wall_clock(self.wish.at)}
        self._chip("time", label, place, 1)
        return 1

    def _chip(self, kind: str, label: str, place: int, length: int) -> None:
        without = " ".join(self.words[:place] + self.words[place + length :])
        self.wish.chips.append(Chip(kind, str(label), without))


class Language:
    """The words of the active language. Translations may name several for each, with spaces between them."""

    def __init__(self) -> None:
        self.today = _words(pgettext("words that staff type for a day", "today"))
        self.tomorrow = _words(pgettext("words that staff type for a day", "tomorrow tmrw"))
        self.next = _words(pgettext("words that staff type for the soonest time", "next first soonest earliest asap"))
        fillers = pgettext(
            "words that staff type and that mean nothing", "a at by for free from in of on the time with"
        )
        self.fillers = _words(fillers)
        parts = {part.value: (part.name, part.hours) for part in PARTS_OF_DAY}
        noon = formatting.wall_clock(time(_NOON))
        before, after = _("Before %(time)s") % {"time": noon}, _("From %(time)s") % {"time": noon}
        self.parts = {
            **dict.fromkeys(_words(pgettext("words that staff type before noon", "am")), (before, range(_NOON))),
            **dict.fromkeys(_words(pgettext("words that staff type after noon", "pm")), (after, range(_NOON, 24))),
            **dict.fromkeys(_words(pgettext("words that staff type for that time", "morning")), parts["morning"]),
            **dict.fromkeys(_words(pgettext("words that staff type for that time", "afternoon")), parts["afternoon"]),
            **dict.fromkeys(_words(pgettext("words that staff type for that time", "evening eve")), parts["evening"]),
        }

    def weekday(self, word: str) -> int | None:
        """The number of the weekday that is called so, or begins like that; Monday is 0."""
        found = {number for names in (WEEKDAYS, WEEKDAYS_ABBR) for number in _beginning(names, word)}
        return found.pop() if len(found) == 1 and len(word) >= _FEWEST_LETTERS_OF_A_DAY else None

    def month(self, word: str) -> int | None:
        """The number of the month that is called so, or begins like that in three letters or more."""
        found = {number for names in (MONTHS, MONTHS_3) for number in _beginning(names, word)}
        return found.pop() if len(found) == 1 and len(word) > _FEWEST_LETTERS_OF_A_DAY else None


def _words(text: str) -> frozenset[str]:
    return frozenset(fold(text).split())


def _beginning(names: dict[int, str], word: str) -> Iterable[int]:
    return (number for number, name in names.items() if word and fold(str(name)).startswith(word))


def _all_of(rows: Sequence[Known], is_it: Callable[[Known, str], bool], words: Sequence[str]) -> list[Known]:
    return [row for row in rows if all(is_it(row, word) for word in words)]


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
