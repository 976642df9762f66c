"""What became of an object, read from the event rows that PostgreSQL's triggers wrote (django-pghistory)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from django.db.models import Field, ForeignKey, Model
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from experts.admin.fields import span_text
from experts.formatting import wall_clock
from experts.models import Slot, User

PER_PAGE = 25
# Nobody is shown these, even if one day an event should hold them. The others say nothing to people.
_SECRET = frozenset({"notes", "holder", "visitor"})
_HIDDEN = _SECRET | {"id", "created_at", "search_text", "version", "sequence"}


@dataclass(frozen=True)
class Change:
    label: str
    old: str
    new: str


@dataclass(frozen=True)
class Entry:
    at: datetime
    what: str
    who: str
    source: str
    is_addition: bool
    changes: list[Change]


@dataclass(frozen=True)
class History:
    """One page of entries, newest first, with the numbers of the pages beside it."""

    entries: list[Entry]
    newer: int | None
    older: int | None
    zone: str


def read_history(obj: Model, *, page: str | None = None) -> History:
    """One page of the object's history, in a fixed number of queries. A bad page number means the first page."""
    number = int(page) if page and page.isdecimal() and 0 < int(page) < 10_000 else 1
    start = (number - 1) * PER_PAGE
    # One more than is shown: what an entry changed is told by the one before it.
    rows = list(obj.events.select_related("pgh_context").order_by("-pgh_id")[start : start + PER_PAGE + 1])
    fields = _fields(obj)
    words = _Words(fields, rows)
    entries = [_entry(event, before, fields, words) for event, before in pairwise([*rows, None]) if event is not None][
        :PER_PAGE
    ]
    return History(
        entries=entries,
        newer=number - 1 if number > 1 else None,
        older=number + 1 if len(rows) > PER_PAGE else None,
        zone=timezone.get_current_timezone_name().rpartition("/")[2].replace("_", " "),
    )


def _fields(obj: Model) -> list[Field]:
    """The fields of the object that its events hold, in the order in which it has them."""
    kept = {field.attname for field in obj.events.model._meta.concrete_fields}
    return [f for f in obj._meta.concrete_fields if f.attname in kept and f.name not in _HIDDEN]


def _entry(event: Model, before: Model | None, fields: list[Field], words: "_Words") -> Entry:
    changes = []
    for field in fields:
        new = getattr(event, field.attname)
        old = getattr(before, field.attname) if before is not None else None
        if (new != old) if before is not None else new not in (None, "", [], False):
            changes.append(Change(capfirst(field.verbose_name), words.of(field, old), words.of(field, new)))
    return Entry(
        at=event.pgh_created_at,
        what={"insert": _("Added"), "update": _("Changed"), "delete": _("Deleted")}.get(
            event.pgh_label, event.pgh_label
        ),
        who=words.who(event),
        source=words.source(event),
        is_addition=event.pgh_label == "insert" or before is None,
        changes=changes,
    )


class _Words:
    """Values as people read them. What events refer to is read at once, in one query for each model."""

    def __init__(self, fields: list[Field], events: list[Model]):
        self._names = {
            field.attname: _names(field.related_model, {getattr(event, field.attname) for event in events})
            for field in fields
            if isinstance(field, ForeignKey)
        }
        self._users = _names(User, {self._metadata(event).get("user") for event in events})

    def who(self, event: Model) -> str:
        user = self._metadata(event).get("user")
        if user is not None:
            return self._users.get(user, _("Somebody who is no longer here"))
        if token := self._metadata(event).get("token"):
            return _("Program “%(name)s”") % {"name": token}
        return _("Visitor") if self._metadata(event).get("source") in ("web", "api") else _("System")

    def source(self, event: Model) -> str:
        source = self._metadata(event).get("source", "")
        return {"staff": _("Admin"), "web": _("Web page"), "api": _("API"), "": _("Program")}.get(source, source)

    def of(self, field: Field, value) -> str:
        if value is None or value in ("", []):
            return "–"
        if isinstance(field, ForeignKey):
            return self._names[field.attname].get(value, f"#{value}")
        if field.choices:
            return str(dict(field.flatchoices).get(value, value))
        return _text(value)

    @staticmethod
    def _metadata(event: Model) -> dict:
        return event.pgh_context.metadata if event.pgh_context else {}


def _text(value) -> str:
    match value:
        case bool():
            return _("Yes") if value else _("No")
        case datetime():
            return date_format(timezone.localtime(value), "BRIEF_DATETIME_FORMAT")
        case date():
            return date_format(value, "BRIEF_DATE_FORMAT")
        case time():
            return wall_clock(value)
        case timedelta():
            return span_text(value)
        case list():
            return ", ".join(map(str, value))
    return str(value)


def _names(model: type[Model], keys: Iterable) -> dict:
    found = model._base_manager.filter(pk__in={key for key in keys if key is not None})
    return {row.pk: _name(row) for row in found}


def _name(row: Model) -> str:
    match row:
        case Slot():
            return _("%(day)s, %(time)s") % {
                "day": date_format(row.date, "BRIEF_DATE_FORMAT"),
                "time": wall_clock(row.time),
            }
        case User():
            return row.shown_name
    return str(row)
