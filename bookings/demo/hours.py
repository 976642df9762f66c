"""Weekly hours written in one line, such as ``mon-fri 09:00-12:00 13:00-17:00; sat 09:00-12:00``."""

from collections.abc import Iterator
from datetime import date, time

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse(text: str) -> dict[int, list[tuple[int, int]]]:
    """The stretches of each weekday (0 is Monday), as minutes after midnight."""
    week: dict[int, list[tuple[int, int]]] = {}
    for part in text.split(";"):
        days, *spans = part.split()
        for weekday in _weekdays(days):
            week.setdefault(weekday, []).extend(
                (_minutes(start), _minutes(end)) for start, end in (span.split("-") for span in spans)
            )
    return week


def starts(
    text: str, days: list[date], *, minutes: int, pause: int, busy_day: date | None = None
) -> Iterator[tuple[date, time]]:
    """Where sessions of ``minutes`` start on each of ``days``, with ``pause`` minutes in between.

    ``busy_day`` gets the longest hours of the week, whatever weekday it is.
    """
    week = parse(text)
    longest = max(week.values(), key=lambda spans: sum(end - start for start, end in spans))
    for day in days:
        spans = longest if day == busy_day else week.get(day.weekday(), [])
        yield from ((day, start) for start in _starts_of(spans, minutes, pause))


def _starts_of(spans: list[tuple[int, int]], minutes: int, pause: int) -> Iterator[time]:
    for first, end in sorted(spans):
        for start in range(first, end - minutes + 1, minutes + pause):
            yield time(start // 60, start % 60)


def _weekdays(text: str) -> list[int]:
    if "," in text:
        return [WEEKDAYS.index(name) for name in text.split(",")]
    first, _, last = text.partition("-")
    return list(range(WEEKDAYS.index(first), WEEKDAYS.index(last or first) + 1))


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
