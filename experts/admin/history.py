"""What became of an object, read from the event rows that PostgreSQL's triggers wrote (django-pghistory)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Field, ForeignKey, IntegerField, Model, OuterRef, QuerySet, Subquery, Value
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from experts.admin.fields import span_text
from experts.formatting import wall_clock
from experts.models import Expert, OfferedType, SessionType, Slot, User, WeeklyHours

PER_PAGE = 25
# Nobody is shown these, even if one day an event should hold them. The others say nothing to people.
_SECRET = frozenset({"notes", "holder", "visitor"})
_HIDDEN = _SECRET | {"id", "created_at", "search_text", "version", "sequence"}
# What is a part of something, with the field that says of what: its changes are told with those of the whole.
PARTS: dict[type[Model], dict[type[Model], str]] = {
    Expert: {WeeklyHours: "expert", OfferedType: "expert"},
    SessionType: {OfferedType: "session_type"},
}
# What the first words about a part say already.
NAMED = {WeeklyHours: ("expert",), OfferedType: ("expert", "session_type")}
# Parts that other apps know: how their events are called.
CALLED: dict[type[Model], Callable[[Any], str]] = {}


@dataclass(frozen=True)
class Change:
    name: str
    label: str
    old: str
    new: str


@dataclass(frozen=True)
class Entry:
    """One change of the object, or of a part of it: ``model`` and ``key`` say of which row."""

    model: type[Model]
    key: int
    at: datetime
    what: str
    who: str
    source: str
    is_addition: bool
    changes: list[Change]
    names: frozenset[str]  # of the fields that it changed, those that are not told too
    row: dict[str, Any]  # the keys of what the row refers to


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
    sources = _sources(obj)
    found = _newest(sources, start, start + PER_PAGE + 1)
    events = [event for event in _events(sources, found[:PER_PAGE]) if event is not None]
    before = _before(events)
    words = _Words([*events, *before.values()])
    return History(
        entries=[_entry(event, before.get(event.before), words) for event in events],
        newer=number - 1 if number > 1 else None,
        older=number + 1 if len(found) > PER_PAGE else None,
        zone=timezone.get_current_timezone_name().rpartition("/")[2].replace("_", " "),
    )


def _sources(obj: Model) -> dict[type[Model], QuerySet]:
    """The events of the object and of its parts, by model."""
    parts = next((parts for model, parts in PARTS.items() if isinstance(obj, model)), {})
    mine = {part: part.events.rel.related_model.objects.filter(**{field: obj.pk}) for part, field in parts.items()}
    return {type(obj): obj.events.all(), **mine}


def _newest(sources: dict[type[Model], QuerySet], start: int, end: int) -> list[tuple[datetime, int, int]]:
    """When, key and number of the source of so many events of all sources, newest first."""
    first, *others = (
        rows.order_by()
        .annotate(of=Value(number, output_field=IntegerField()))
        .values_list("pgh_created_at", "pgh_id", "of")
        for number, rows in enumerate(sources.values())
    )
    if not others:
        return list(first.order_by("-pgh_id")[start:end])
    return list(first.union(*others, all=True).order_by("-pgh_created_at", "-of", "-pgh_id")[start:end])


def _events(sources: dict[type[Model], QuerySet], found: list[tuple[datetime, int, int]]) -> list[Model | None]:
    """The events in their order, each with the key of the event of the same row ``before`` it."""
    rows = {}
    for number, events in enumerate(sources.values()):
        keys = [key for _at, key, of in found if of == number]
        earlier = events.model.objects.filter(pgh_obj_id=OuterRef("pgh_obj_id"), pgh_id__lt=OuterRef("pgh_id"))
        last = Subquery(earlier.order_by("-pgh_id").values("pgh_id")[:1])
        for event in events.filter(pgh_id__in=keys).select_related("pgh_context").annotate(last=last) if keys else ():
            event.before = (type(event), event.last)
            rows[number, event.pgh_id] = event
    return [rows.get((of, key)) for _at, key, of in found]


def _before(events: list[Model]) -> dict[tuple[type[Model], int], Model]:
    found = {}
    for model in {type(event) for event in events}:
        keys = [key for of, key in (event.before for event in events) if of is model and key is not None] or [0]
        found |= {(model, event.pgh_id): event for event in model.objects.filter(pgh_id__in=keys)}
    return found


def _fields(event: Model) -> list[Field]:
    """The fields of the object that its events hold, in the order in which it has them."""
    kept = {field.attname for field in event._meta.concrete_fields}
    fields = event.pgh_tracked_model._meta.concrete_fields
    return [f for f in fields if f.attname in kept and f.name not in _HIDDEN]


def _entry(event: Model, before: Model | None, words: "_Words") -> Entry:
    changes = []
    named = NAMED.get(event.pgh_tracked_model, ())
    for field in _fields(event):
        if field.name in named:
            continue
        new = getattr(event, field.attname)
        old = getattr(before, field.attname) if before is not None else None
        if (new != old) if before is not None else new not in (None, "", [], False):
            changes.append(Change(field.name, capfirst(field.verbose_name), words.of(field, old), words.of(field, new)))
    return Entry(
        model=event.pgh_tracked_model,
        key=event.pgh_obj_id,
        at=event.pgh_created_at,
        what=words.what(event),
        who=words.who(event),
        source=words.source(event),
        is_addition=event.pgh_label == "insert" or before is None,
        changes=changes,
        # A label that is none of the three is the name of what changed and is not told.
        names=frozenset([*(change.name for change in changes), event.pgh_label]),
        row={f.attname: getattr(event, f.attname) for f in _fields(event) if isinstance(f, ForeignKey)},
    )


class _Words:
    """Values as people read them. What events refer to is read at once, in one query for each model."""

    def __init__(self, events: list[Model]):
        wanted: dict[type[Model], set] = {User: {self._metadata(event).get("user") for event in events}}
        for event in events:
            for field in _fields(event):
                if isinstance(field, ForeignKey):
                    wanted.setdefault(field.related_model, set()).add(getattr(event, field.attname))
                elif field.name == "for_types":
                    wanted.setdefault(SessionType, set()).update(event.for_types)
        self._names = {model: _names(model, keys) for model, keys in wanted.items()}

    def what(self, event: Model) -> str:
        """What was done; of a part of the object also to which."""
        done = {"insert": _("Added"), "update": _("Changed"), "delete": _("Deleted"), "notes": _("Notes changed")}
        text = done.get(event.pgh_label, event.pgh_label)
        match event.pgh_tracked_model.__name__:
            case "WeeklyHours":
                row = WeeklyHours(weekday=event.weekday, start=event.start, end=event.end)
                return _("Weekly hours, %(hours)s: %(what)s") % {"hours": row, "what": text}
            case "OfferedType":
                named = {"expert": self._names[Expert].get(event.expert_id, f"#{event.expert_id}")}
                named["type"] = self._names[SessionType].get(event.session_type_id, f"#{event.session_type_id}")
                return _("%(type)s with %(expert)s: %(what)s") % {**named, "what": text}
        if called := CALLED.get(event.pgh_tracked_model):
            return _("%(part)s: %(what)s") % {"part": called(event), "what": text}
        return text

    def who(self, event: Model) -> str:
        user = self._metadata(event).get("user")
        if user is not None:
            return self._names[User].get(user, _("Somebody who is no longer here"))
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
            return self._names[field.related_model].get(value, f"#{value}")
        if field.name == "for_types":
            return ", ".join(self._names[SessionType].get(key, f"#{key}") for key in value)
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
