"""A version of what pages of a type show of some days, by which an open one knows that it has to look again."""

from collections import defaultdict
from datetime import date
from typing import Any, NamedTuple
from zlib import crc32

from django.db import connection

from experts.clocks import DAYS_BETWEEN_CLOCKS
from experts.models import Expert, OfferedType, SessionType, Slot
from experts.selectors import SLOTS_VERSION

# What pages say of a type, as it is with each expert.
_OWN_TERMS = ("minutes", "price_amount", "price_words")
_TERMS = tuple(
    f"session_type__{name}"
    for name in (
        *("name", "description", "minutes", "buffer_before", "buffer_after", "venue", "venue_note", "experts_needed"),
        *("price_amount", "price_currency", "price_words", "min_notice", "horizon_days"),
    )
)


class TypeKey(NamedTuple):
    """A type (an id), and the days of which its pages show times."""

    type_id: int
    first: date
    last: date


class TypeVersion(NamedTuple):
    """What its pages show by now: a key of it, and the experts who take part."""

    grid: str
    experts: frozenset[int]


def read_type_versions(keys: list[TypeKey]) -> dict[TypeKey, TypeVersion]:
    """Read the version of each room. Two queries for any number of them."""
    if not keys:
        return {}
    experts: dict[int, set[int]] = defaultdict(set)
    terms: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    offers = OfferedType.objects.filter(session_type__in={key.type_id for key in keys})
    shown = offers.filter(session_type__in=SessionType.objects.active(), expert__in=Expert.objects.active())
    rows = shown.order_by("pk").values_list("session_type_id", "expert_id", *_OWN_TERMS, *_TERMS)
    for type_id, expert_id, *told in rows:
        experts[type_id].add(expert_id)
        terms[type_id].append((expert_id, *told))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT shown.type, shown.first, shown.last,
                   (SELECT {SLOTS_VERSION} FROM {Slot._meta.db_table} s
                    WHERE s.expert_id IN (SELECT expert_id FROM {OfferedType._meta.db_table}
                                          WHERE session_type_id = shown.type)
                      AND s.date BETWEEN shown.first - {DAYS_BETWEEN_CLOCKS} AND shown.last + {DAYS_BETWEEN_CLOCKS})
            FROM unnest(%s::bigint[], %s::date[], %s::date[]) AS shown(type, first, last)
            """,
            [list(column) for column in zip(*keys, strict=True)],
        )
        return {
            key: TypeVersion(_grid(key.type_id, version, terms[key.type_id]), frozenset(experts[key.type_id]))
            for key, version in ((TypeKey(*row[:3]), row[3]) for row in cursor.fetchall())
        }


def _grid(type_id: int, version: object, terms: list[tuple[Any, ...]]) -> str:
    return f"{crc32(repr((type_id, str(version), terms)).encode()):08x}"
