"""What the doctor finds: one line for each thing that was looked at, and one for what to do."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """``WELL``; ``NOTE``, which one should know and which ends nothing; ``WRONG``, which has to be seen to."""

    WELL = "well"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """``text`` is what was found. ``do`` is what to do about it, empty where all is well."""

    level: Level
    text: str
    do: str = ""


@dataclass(frozen=True)
class Check:
    """Something to look at. ``look`` is given whether it may mend what can be mended safely."""

    name: str
    look: Callable[[bool], Iterable[Finding]]
    needs_database: bool = True


def well(text: str) -> Finding:
    return Finding(Level.WELL, text)


def note(text: str, do: str = "") -> Finding:
    return Finding(Level.NOTE, text, do)


def wrong(text: str, do: str) -> Finding:
    return Finding(Level.WRONG, text, do)


FIX = "Run `manage.py doctor --fix`."
