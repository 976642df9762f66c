"""Addresses of the staff's day, and of what it leads to."""

from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

# What leads back to the same page, whatever is done on it.
KEPT = ("day", "view", "show", "q")


class DayAddress:
    """Addresses of the page that keep what was chosen on it."""

    def __init__(self, given: QueryDict):
        self._kept = {name: given[name] for name in KEPT if given.get(name)}
        self._home = reverse("admin:day")

    def query(self, **changes) -> str:
        values = self._kept | {name: str(value) for name, value in changes.items()}
        return urlencode({name: value for name, value in values.items() if value})

    def to(self, **changes) -> str:
        query = self.query(**changes)
        return f"{self._home}?{query}" if query else self._home

    @property
    def kept(self) -> dict[str, str]:
        return self._kept


def book_url(**values) -> str:
    """Where somebody is booked: by phone or at the desk, for a ``slot`` or a ``person`` (one of their bookings)."""
    url = reverse("admin:book")
    return f"{url}?{urlencode(values)}" if values else url
