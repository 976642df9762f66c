"""Weekly hours as seven rows of chips: what is shown of a form, and what its buttons do to what was sent.

Each button sends the whole form. ``press`` changes what was sent as the button says, and the page shows that again;
nothing is saved. So it works as plain forms, and a script has only to put the answer into the page.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import time, timedelta

from django.http import QueryDict
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from experts import formatting, services
from experts.admin.preview import sections_of
from experts.admin.preview_sections import Section
from experts.models.hours import DAY_MINUTES, end_minutes
from experts.scheduling.plan import Plan

BUTTON = "_hours"  # the name of all buttons of the editor
PREFIX = "hours"
WORKDAYS = range(5)
_USUAL = (9 * 60, 17 * 60)  # of a day without hours
_BREAK = 60  # minutes between two stretches
_NOON = 12 * 60
_LEAST = 30  # minutes on either side of a break, where slots are not longer


# What is shown


@dataclass
class Line:
    """One stretch of hours as a chip, and what it unfolds to (``form``)."""

    form: object
    start: int | None  # minutes since midnight
    end: int | None
    minutes: int  # of a slot
    facts: str  # what is special about it
    is_open: bool = False
    pause: str = ""  # the break before it

    @property
    def span(self) -> str:
        if self.start is None or self.end is None:
            return _("New hours")
        return _("%(start)s–%(end)s") % {"start": _words(self.start), "end": _words(self.end)}


@dataclass
class Copy:
    """A button that copies a day to others. ``days``: as ``press`` reads them."""

    days: str
    label: str


@dataclass
class Day:
    number: int
    lines: list[Line] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(WEEKDAYS[self.number])

    @property
    def has_room_for_break(self) -> bool:
        return any(_room_for_break(line.start, line.end, line.minutes) for line in self.lines)

    @property
    def copies(self) -> list[Copy]:
        others = [n for n in WORKDAYS if n != self.number]
        every = [n for n in range(7) if n != self.number]
        return [Copy(_days(others), _several(others)), Copy(_days(every), _("All other days"))] + [
            Copy(str(n), str(WEEKDAYS[n])) for n in every
        ]

    @property
    def main_copy(self) -> Copy:
        """The one that most people want: to the other days of the working week."""
        copy = self.copies[0]
        return Copy(copy.days, _("Copy %(day)s to %(others)s") % {"day": self.name, "others": copy.label})


class Week:
    """The days of a formset of hours, with what is to be deleted apart."""

    def __init__(self, formset, opened: int | None) -> None:
        self.days = [Day(number) for number in range(7)]
        self.gone, self.lost = [], []
        names = dict(formset.types)
        for index, form in enumerate(formset.forms):
            weekday = _whole(form["weekday"].value())
            if "DELETE" in form.fields and form["DELETE"].value():
                self.gone.append(form)
            elif weekday in range(7):
                shows = index == opened or bool(form.errors)
                self.days[weekday].lines.append(_line(form, names, formset.instance, is_open=shows))
            elif form.instance.pk or form.has_changed() or form.errors:
                self.lost.append(form)  # with a day that there is not
        for day in self.days:
            day.lines.sort(key=lambda line: (line.start is None, line.start or 0, line.end is None, line.end or 0))
            for one, other in zip(day.lines, day.lines[1:], strict=False):
                if one.end and other.start and other.start > one.end:
                    other.pause = formatting.duration(_span(other.start - one.end))


def _line(form, names: dict[int, str], expert, *, is_open: bool) -> Line:
    def number(name: str) -> int | None:
        return _whole(form[name].value())

    minutes = number("slot_minutes") or expert.session_minutes
    free = number("buffer_minutes")
    length = _("%(minutes)d + %(free)d min") if free else _("%(minutes)d min")
    facts = [length % {"minutes": minutes, "free": free}]
    if title := form["title"].value():
        facts.append(str(title))
    if "for_types" in form.fields and (chosen := form["for_types"].value()):
        facts.append(", ".join(names[key] for key in map(_whole, chosen) if key in names))
    if (seats := number("capacity") or expert.default_capacity) > 1:
        facts.append(_("%(seats)d seats") % {"seats": seats})
    if form["valid_from"].value() or form["valid_to"].value():
        facts.append(_("for a time"))
    start, end = _minutes(form["start"].value()), _minutes(form["end"].value())
    return Line(form, start, DAY_MINUTES if end == 0 else end, minutes, " · ".join(facts), is_open)


# What saving would do


@dataclass
class Bar:
    """A stretch of a day in the drawing of the week: ``top`` and ``height`` in its units."""

    top: int
    height: int
    kind: str  # "same", "added" or "gone"


@dataclass
class HoursPreview:
    """What saving would do to slots. ``key`` lets it be saved as it was seen; "" where nothing happens to any slot."""

    plan: Plan
    key: str
    before: list
    after: list
    bookings_url: object

    @cached_property
    def sections(self) -> list[Section]:
        return [] if self.plan.is_empty else sections_of([self.plan], self.bookings_url)

    @property
    def has_changed(self) -> bool:
        return services.hours_values(self.before) != services.hours_values(self.after)

    @property
    def is_same(self) -> bool:
        return self.plan.is_empty

    @cached_property
    def days(self) -> list[tuple[str, list[Bar]]]:
        """Of each weekday its letter, and what stays, comes and goes, in five minutes to a unit."""
        return [(str(WEEKDAYS_ABBR[day]), list(self._bars(day))) for day in range(7)]

    @property
    def first_hour(self) -> int:
        return min((start for start, _end in self._all), default=_USUAL[0]) // 60

    @property
    def last_hour(self) -> int:
        return -(-max((end for _start, end in self._all), default=_USUAL[1]) // 60)

    @property
    def height(self) -> int:
        return (self.last_hour - self.first_hour) * 12

    @cached_property
    def _all(self) -> list[tuple[int, int]]:
        return [_stretch(row) for row in (*self.before, *self.after)]

    def _bars(self, day: int) -> Iterator[Bar]:
        was, will = (
            {n for row in rows if row.weekday == day for n in range(_stretch(row)[0] // 5, _stretch(row)[1] // 5)}
            for rows in (self.before, self.after)
        )
        for kind, units in (("same", was & will), ("added", will - was), ("gone", was - will)):
            for first, last in _runs(sorted(units)):
                yield Bar(first - self.first_hour * 12, last - first + 1, kind)


def _runs(units: list[int]) -> Iterator[tuple[int, int]]:
    first = None
    for here, after in zip(units, [*units[1:], None], strict=False):
        first = here if first is None else first
        if after != here + 1:
            yield first, here
            first = None


def _stretch(row) -> tuple[int, int]:
    return row.start.hour * 60 + row.start.minute, end_minutes(row.end)


# What the buttons do


def press(sent: QueryDict, button: str) -> tuple[QueryDict, int | None]:
    """Return the form as the button changes it, and the number of the line to unfold, if one.

    Buttons: ``add:2`` hours on a Wednesday, ``break:2``, ``off:2`` no hours that day, ``remove:5`` the sixth line,
    ``copy:0:1,2``. Whatever makes no sense changes nothing.
    """
    what, _colon, rest = button.partition(":")
    place, _colon, days = rest.partition(":")
    lines = _Lines(sent)
    opened = None
    number = _whole(place)
    if number is not None:
        if what == "add" and number in range(7):
            opened = lines.add(number)
        elif what == "break" and number in range(7):
            opened = lines.split(number)
        elif what == "off" and number in range(7):
            lines.clear(number)
        elif what == "remove":
            lines.remove(number)
        elif what == "copy" and number in range(7):
            lines.copy(number, [day for day in map(_whole, days.split(",")) if day in range(7) and day != number])
    return lines.as_sent(opened)


class _Lines:
    """The lines of a form that was sent: those that are stored first, as a formset wants them."""

    def __init__(self, sent: QueryDict) -> None:
        self._sent = sent
        self._stored = min(_whole(sent.get(f"{PREFIX}-INITIAL_FORMS")) or 0, 200)
        total = min(_whole(sent.get(f"{PREFIX}-TOTAL_FORMS")) or 0, 200)
        self._lines: list[dict[str, list[str]]] = [{} for _n in range(max(total, self._stored))]
        for name, values in sent.lists():
            _prefix, _dash, rest = name.partition(f"{PREFIX}-")
            index, dash, key = rest.partition("-")
            if not _prefix and dash and (n := _whole(index)) is not None and n < len(self._lines):
                self._lines[n][key] = list(values)

    def as_sent(self, opened: dict[str, list[str]] | None) -> tuple[QueryDict, int | None]:
        lines = self._lines
        kept = [line for n, line in enumerate(lines) if n < self._stored or (not _is_gone(line) and _is_filled(line))]
        form = self._sent.copy()
        for name in [name for name in form if name.startswith(f"{PREFIX}-") and name.count("-") > 1]:
            del form[name]
        form[f"{PREFIX}-TOTAL_FORMS"] = str(len(kept))
        for n, line in enumerate(kept):
            for key, values in line.items():
                form.setlist(f"{PREFIX}-{n}-{key}", values)
        return form, next((n for n, line in enumerate(kept) if line is opened), None)

    def add(self, day: int) -> dict[str, list[str]]:
        """Hours after those that there are, or the usual ones."""
        ends = [end for _start, end in (_span_of(line) for line in self._of(day)) if end]
        start, end = _USUAL
        if ends:
            start = min(max(ends) + _BREAK, DAY_MINUTES - _LEAST)
            end = min(max(start + 4 * 60, _USUAL[1]) if start < _USUAL[1] else start + 2 * 60, DAY_MINUTES)
        return self._append(_typed(day, start, end))

    def split(self, day: int) -> dict[str, list[str]] | None:
        """A break in the longest hours of the day: at noon if they allow it, else in their middle."""
        lines = self._of(day)
        found = [_room_for_break(*_span_of(line), _whole(_first(line, "slot_minutes"))) for line in lines]
        _longest, place = max(((room[2], n) for n, room in enumerate(found) if room), default=(0, None))
        if place is None:
            return None
        line, (at, pause, _length) = lines[place], found[place]
        later = {key: list(values) for key, values in line.items() if key not in {"id", "DELETE"}}
        later["start"], later["end"] = [_clock(at + pause)], line["end"]
        line["end"] = [_clock(at)]
        self._append(later)
        return line

    def remove(self, number: int) -> None:
        if number < len(self._lines):
            self._lines[number]["DELETE"] = ["on"]

    def clear(self, day: int) -> None:
        for line in self._of(day):
            line["DELETE"] = ["on"]

    def copy(self, source: int, days: list[int]) -> None:
        """The same hours on these days. Lines that are there are written over, so that as few rows as can be change."""
        wanted = self._of(source)
        for day in days:
            there = self._of(day)
            for n, line in enumerate(wanted):
                same = {key: list(values) for key, values in line.items() if key not in {"id", "DELETE"}}
                same["weekday"] = [str(day)]
                if n < len(there):
                    key = there[n].get("id", [])
                    there[n].clear()
                    there[n].update(same, id=key)
                else:
                    self._append(same)
            for line in there[len(wanted) :]:
                line["DELETE"] = ["on"]

    def _of(self, day: int) -> list[dict[str, list[str]]]:
        mine = [line for line in self._lines if not _is_gone(line) and _whole(_first(line, "weekday")) == day]
        return sorted(mine, key=lambda line: _span_of(line)[0] or 0)

    def _append(self, line: dict[str, list[str]]) -> dict[str, list[str]]:
        self._lines.append(line)
        return line


def _room_for_break(start: int | None, end: int | None, slot: int | None) -> tuple[int, int, int] | None:
    """Where a break fits into hours, its minutes, and how long the hours are: with a slot on either side."""
    if start is None or end is None:
        return None
    length, least = end - start, max(slot or 0, _LEAST)
    pause = _BREAK if length >= max(4 * 60, _BREAK + 2 * least) else _BREAK // 2
    if length < pause + 2 * least:
        return None
    first, last = start + least, end - pause - least
    middle = (start + end - pause) // 2
    liked = (_NOON, middle // 15 * 15, middle)
    at = next((n for n in liked if first <= n <= last), first)
    return at, pause, length


def _typed(day: int, start: int, end: int) -> dict[str, list[str]]:
    return {"weekday": [str(day)], "start": [_clock(start)], "end": [_clock(end)], "buffer_minutes": ["0"]}


def _is_gone(line: dict[str, list[str]]) -> bool:
    return bool(_first(line, "DELETE"))


def _is_filled(line: dict[str, list[str]]) -> bool:
    return any(_first(line, key) for key in ("weekday", "start", "end", "title"))


def _first(line: dict[str, list[str]], key: str) -> str:
    return next(iter(line.get(key, [])), "")


def _span_of(line: dict[str, list[str]]) -> tuple[int | None, int | None]:
    start, end = _minutes(_first(line, "start")), _minutes(_first(line, "end"))
    return start, DAY_MINUTES if end == 0 else end


def _minutes(value: object) -> int | None:
    """Minutes since midnight, of a time or of what was typed: ``09:30``."""
    if isinstance(value, time):
        return value.hour * 60 + value.minute
    hours, _colon, rest = str(value or "").partition(":")
    hour, minute = _whole(hours), _whole(rest[:2])
    return hour * 60 + minute if hour in range(24) and minute in range(60) else None


def _whole(value: object) -> int | None:
    text = str(value if value is not None else "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _clock(minutes: int) -> str:
    """``09:30``, as fields for times want it; midnight at the end of the day is 00:00."""
    return time(minutes // 60 % 24, minutes % 60).isoformat("minutes")


def _words(minutes: int) -> str:
    return formatting.wall_clock(time(minutes // 60 % 24, minutes % 60))


def _span(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


def _days(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))


def _several(numbers: list[int]) -> str:
    """``Tue–Fri``, or the days one by one."""
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return _("%(first)s–%(last)s") % {"first": WEEKDAYS_ABBR[numbers[0]], "last": WEEKDAYS_ABBR[numbers[-1]]}
    return ", ".join(str(WEEKDAYS_ABBR[n]) for n in numbers)
