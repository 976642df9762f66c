"""Everything that is kept about an address, for its person: as JSON, described in docs/privacy.md, and to read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models import Source, Status, WaitlistEntry
from bookings.privacy.registry import MOST_EXPORTED, Rows, Subject, kinds

FORMAT = "expertbook-personal-data/1"
# What the names in the JSON mean to people. One that is not here is shown as it is.
_LABELS: dict[str, str | Promise] = {
    "reference": gettext_lazy("Reference"),
    "status": gettext_lazy("Status"),
    "organization": gettext_lazy("Organisation"),
    "expert": gettext_lazy("Expert"),
    "starts_at": gettext_lazy("Starts"),
    "ends_at": gettext_lazy("Ends"),
    "session": gettext_lazy("Session"),
    "price": gettext_lazy("Price"),
    "place": gettext_lazy("Where"),
    "seats": gettext_lazy("Seats"),
    "name": gettext_lazy("Name"),
    "email": gettext_lazy("Email"),
    "phone": gettext_lazy("Phone"),
    "notes": gettext_lazy("Your note"),
    "message_to_you": gettext_lazy("Message to you"),
    "your_reason": gettext_lazy("Your reason"),
    "language": gettext_lazy("Language"),
    "time_zone": gettext_lazy("Time zone"),
    "network": gettext_lazy("Network"),
    "source": gettext_lazy("Made by"),
    "link_asked_because": gettext_lazy("Link asked for because"),
    "created_at": gettext_lazy("Added"),
    "at": gettext_lazy("When"),
    "about": gettext_lazy("About"),
    "to": gettext_lazy("To"),
    "attempts": gettext_lazy("Attempts"),
    "sent_at": gettext_lazy("Sent"),
    "event": gettext_lazy("Event"),
    "receiver": gettext_lazy("Receiver"),
    "name_and_contact_were_sent": gettext_lazy("With name and contact"),
    "answers_were_sent": gettext_lazy("With answers"),
    "question": gettext_lazy("Question"),
    "wording": gettext_lazy("Wording"),
    "answer": gettext_lazy("Your answer"),
    "answered_at": gettext_lazy("Answered"),
    "proven_at": gettext_lazy("Since"),
    "until": gettext_lazy("Until"),
    "asked_at": gettext_lazy("Asked"),
    "what": gettext_lazy("What"),
    "reason": gettext_lazy("Reason"),
}
# Codes as people read them.
_WORDS: dict[str, dict[Any, Any]] = {
    "status": dict([*WaitlistEntry.Status.choices, *Status.choices]),
    "source": dict(Source.choices),
}
# Said once more in other words; only programs need them.
_NOT_READ = frozenset({"date", "time", "time_zone_of_expert"})


def export(subject: Subject, now: datetime) -> dict[str, Any]:
    """Return all that is kept about a subject, as plain values: lists of rows by kind.

    ``is_cut`` when there may be more of a kind than the MOST_EXPORTED that are given.
    """
    data: dict[str, Rows] = {kind.name: kind.export(subject) for kind in kinds() if kind.export is not None}
    return {
        "format": FORMAT,
        "site": settings.SITE_URL,
        "address": subject.address,
        "made_at": now.isoformat(),
        "is_cut": any(len(rows) >= MOST_EXPORTED for rows in data.values()),
        "data": data,
    }


@dataclass(frozen=True)
class Section:
    """A kind of data to read: each row as (label, value); values may be instants."""

    title: str
    rows: list[list[tuple[str, Any]]]


def sections(exported: dict[str, Any]) -> list[Section]:
    """Return an export as people read it, without what is empty."""
    titles = {kind.name: str(kind.label) for kind in kinds()}
    return [
        Section(
            titles[name], [[_line(key, value) for key, value in row.items() if _is_read(key, value)] for row in rows]
        )
        for name, rows in exported["data"].items()
        if rows
    ]


def _is_read(key: str, value: Any) -> bool:
    return value not in ("", None) and key not in _NOT_READ


def _line(key: str, value: Any) -> tuple[str, Any]:
    label = str(_LABELS.get(key, key.replace("_", " ").capitalize()))
    if isinstance(value, bool):
        return label, _("Yes") if value else _("No")
    if key.endswith("_at") or key in ("at", "until"):
        return label, datetime.fromisoformat(value)
    return label, _WORDS.get(key, {}).get(value, value)
