"""The one list of what is kept about people. Each room that keeps something names it here, once, when it is loaded."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise

MOST_EXPORTED = 20_000  # rows of each kind
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Subject:
    """Whose data it is: an address, in lower case, and of what of it.

    ``organizations``: keys, or None for everything. With ``elsewhere``, what belongs to no organisation is meant, too.
    What came later than ``at`` is not meant: somebody may book again while their data is erased.
    """

    address: str
    organizations: frozenset[int] | None
    at: datetime
    elsewhere: bool = False


@dataclass(frozen=True)
class PersonalData:
    """One kind of rows that belong to people.

    ``export`` answers with what is kept about a subject, as plain values (JSON), MOST_EXPORTED rows at most. ``erase``
    erases at most so many rows of a subject and returns how many: 0 when nothing is left, so that it can be called
    until then. ``erase_bookings`` erases what hangs on bookings (keys), a hundred at most, inside a transaction, and
    returns how many rows. Each may be called again and again.
    """

    name: str  # in the export and in the log of erasures
    label: str | Promise
    export: Callable[[Subject], Rows] | None = None
    erase: Callable[[Subject, int], int] | None = None
    erase_bookings: Callable[[Collection[int]], int] | None = None


_kinds: dict[str, PersonalData] = {}


def register(*kinds: PersonalData) -> None:
    """Add kinds of personal data. In the order in which they are registered they are exported and erased."""
    for kind in kinds:
        if kind.name in _kinds:
            raise ValueError(f"{kind.name} is registered twice.")
        _kinds[kind.name] = kind


def kinds() -> list[PersonalData]:
    return list(_kinds.values())
