"""Addresses of the staff's day, and of what it leads to."""

from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

# What leads back to the same page, whatever is done on it.
KEPT = ("organization", "experts", "day", "view", "show", "q")


class DayAddress:
    """Addresses of the page that keep what was chosen on it. ``named`` is part of each: organisation and experts."""

    def __init__(self, given: QueryDict, named: dict[str, str] | None = None):
        kept = {name: given[name] for name in KEPT if name in given} | (named or {})
        self._kept = {name: value for name, value in kept.items() if value}
        self._home = reverse("admin:day")

    def query(self, **changes) -> str:
        values = self._kept | {name: str(value) for name, value in changes.items()}
        return urlencode({name: value for name, value in values.items() if value})

    def to(self, **changes) -> str:
        query = self.query(**changes)
        return f"{self._home}?{query}" if query else self._home

    @property
    def of_everybody(self) -> str:
        """The page with whoever works on that day: it forgets who was chosen."""
        query = self.query(experts="")
        return f"{self._home}?{query}&experts=" if query else f"{self._home}?experts="

    @property
    def kept(self) -> dict[str, str]:
        return self._kept


def book_url(**values) -> str:
    """Where somebody is booked: by phone or at the desk, for a ``slot`` or a ``person`` (one of their bookings)."""
    url = reverse("admin:book")
    return f"{url}?{urlencode(values)}" if values else url
