"""What PostgreSQL does for the statements of a look: blocks read, tables read from end to end, long sorts."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

# More rows than this are no page: the longest page of the site, twice over.
LONG_SORT = 250
# Tables that grow with the site. What has fewer rows than a few pages may be read from end to end.
GROWING = frozenset(
    {
        "experts_expert",
        "experts_searchword",
        "experts_slot",
        "experts_weeklyhours",
        "bookings_booking",
        "bookings_bookingevent",
        "bookings_notification",
        "bookings_turnedaway",
        "bookings_waitlistentry",
    }
)


@dataclass
class Cost:
    """What a look asked for. ``blocks``: of 8 KB, found in PostgreSQL's memory or not. ``faults``: what grows."""

    statements: int = 0
    blocks: int = 0
    faults: list[str] = field(default_factory=list)
    worst: str = ""


def cost_of(look: Callable[[], object]) -> Cost:
    """Do it twice, and have PostgreSQL explain what it was asked the second time; what that writes is undone."""
    look()
    with recorded() as asked:
        look()
    cost, most = Cost(), -1
    # That somebody was there is written once a minute, whatever is looked at.
    asked = [(sql, parameters) for sql, parameters in asked if not sql.startswith('UPDATE "experts_staffsession"')]
    cost.statements = len(asked)
    for sql, parameters in asked:
        plan = explain(sql, parameters)
        blocks = _blocks(plan)
        cost.blocks += blocks
        cost.faults += faults_of(plan)
        if blocks > most:
            written = sql if isinstance(parameters, dict) else sql % tuple(map(repr, parameters or ()))
            most, cost.worst = blocks, f"{blocks} blocks: {written}"
    return cost


@contextmanager
def recorded() -> Iterator[list[tuple[str, Any]]]:
    """The statements that are asked meanwhile, without those that only begin and end transactions."""
    asked: list[tuple[str, Any]] = []

    def record(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql.lstrip("( \n").startswith(("SELECT", "WITH", "UPDATE", "INSERT", "DELETE")) and not many:
            asked.append((sql, parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(record):
        yield asked


def explain(sql: str, parameters: Any) -> dict[str, Any]:
    """The plan with what it did, as JSON; what the statement writes is undone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}", parameters)
        [(found,)] = cursor.fetchall()
        transaction.set_rollback(True)
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan


def _blocks(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def faults_of(plan: dict[str, Any]) -> list[str]:
    """What would take longer with more rows: scans of a growing table from end to end, and long sorts."""
    found = []
    for node in nodes_of(plan):
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in GROWING and node["Actual Loops"]:
            read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            if read > LONG_SORT:
                found.append(f"reads {node['Relation Name']}")
        if node["Node Type"] in ("Sort", "Incremental Sort") and node["Plans"][0]["Actual Rows"] > LONG_SORT:
            found.append(f"sorts {node['Plans'][0]['Actual Rows']:,.0f}")
    return found


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_of(child)
