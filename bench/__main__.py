"""`make bench`: the product and its peers in turns, on one machine, with one client.

    make bench                       all parts
    make bench ONLY=bookings         one of them: bookings, contested, bursts
    make bench RUNS=3                fewer runs than the usual 7, for a first look

Prints a table and keeps it, with every run, in bench/results/.
"""

import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from bench import data, stage
from bookingsite.devserver import servers

RESULTS = Path(__file__).parent / "results"
RUNS = int(os.environ.get("RUNS") or 7)
SECONDS = float(os.environ.get("SECONDS") or 4)


@dataclass
class Contender:
    """Somebody who is measured: where it listens, what it books, and how its database is asked what it booked."""

    name: str
    port: int
    path: str  # where a slot is booked
    slots: data.Slots
    booked: str  # SQL: how many bookings occupy a seat, and the greatest excess of seats in a slot
    reference: str  # SQL: the references of all bookings
    acknowledged: set[str] = field(default_factory=set)

    def load(self, **order: Any) -> dict[str, Any]:
        found = stage.load(port=self.port, path=self.path, start=Contender.people, **order)
        Contender.people += found["answers"] + 1
        self.acknowledged |= set(found.pop("references"))
        return found

    def check(self) -> None:
        """Nothing overbooked, and no acknowledged booking missing."""
        with psycopg.connect(self.slots.database_url) as connection:
            [(booked, excess)] = connection.execute(self.booked).fetchall()
            stored = {str(row[0]) for row in connection.execute(self.reference)}
        if excess and excess > 0:
            sys.exit(f"{self.name}: a slot is overbooked")
        if missing := self.acknowledged - stored:
            sys.exit(f"{self.name}: {len(missing)} acknowledged bookings are missing, such as {missing.pop()}")
        print(f"  {self.name}: {booked} bookings, {len(self.acknowledged)} acknowledged, nothing overbooked")  # noqa: T201


Contender.people = 1


def bookings(contenders: list[Contender]) -> dict[str, Any]:
    """Bookings a second, each of another slot."""
    rows = {}
    for connections in (32, 64):

        def run(who: Contender, connections: int = connections) -> dict[str, Any]:
            found = who.load(connections=connections, seconds=SECONDS, slots=who.slots.take(int(SECONDS * 1800)))
            return found | {"rate": found["statuses"].get("201", 0) / found["seconds"]}

        rows[f"bookings/s, {connections} connections"] = in_turns(contenders, run)
    return rows


def contested(contenders: list[Contender]) -> dict[str, Any]:
    """Answers a second about one slot, of which all but one say that it is taken."""

    def run(who: Contender) -> dict[str, Any]:
        found = who.load(connections=64, seconds=SECONDS / 2, slots=who.slots.take_one(1))
        assert found["statuses"].get("201") == 1, found["statuses"]
        return found | {"rate": found["answers"] / found["seconds"]}

    return {"answers/s on one contested seat, 64 connections": in_turns(contenders, run)}


def bursts(contenders: list[Contender]) -> dict[str, Any]:
    """Thousands who want one slot at the same moment: until when all are answered."""
    rows = {}
    for clients in (1000, 5000):
        for seats in (1, 10):

            def run(who: Contender, clients: int = clients, seats: int = seats) -> dict[str, Any]:
                found = who.load(connections=clients, requests=clients, slots=who.slots.take_one(seats))
                assert found["statuses"].get("201") == seats, found["statuses"]
                return found | {"rate": clients / found["seconds"], "missing": clients - found["answers"]}

            rows[f"answers/s, {clients} at once on {seats} seat{'s' * (seats > 1)}"] = in_turns(contenders, run)
    return rows


PARTS: dict[str, Callable[[list[Contender]], dict[str, Any]]] = {
    "bookings": bookings,
    "contested": contested,
    "bursts": bursts,
}


def in_turns(contenders: list[Contender], run: Callable[[Contender], dict[str, Any]]) -> dict[str, list[dict]]:
    """Run each contender, then each again: whatever slows the machine down for a while slows all of them."""
    found: dict[str, list[dict]] = {who.name: [] for who in contenders}
    run_warm = os.environ.get("WARM", "1") == "1"
    if run_warm:
        for who in contenders:
            run(who)
    for _ in range(RUNS):
        for who in contenders:
            stage.settle()
            with stage.cpu_of(who.slots.database_url) as cpu:
                result = run(who)
            found[who.name].append(result | {"cpu": cpu})
    return found


def show(rows: dict[str, dict[str, list[dict]]]) -> str:
    """The table: medians, and the ratio of the product to each peer with the spread of its pairs."""
    lines = [
        "| work | product | p50 / p95 / p99 ms | CPU ms (Python, PostgreSQL) | WAL kB | peer | p50 / p95 / p99 ms "
        "| ratio (least to most) | errors |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in rows.items():
        product = found["product"]
        for peer in (other for other in found if other != "product"):
            pairs = [a["rate"] / b["rate"] for a, b in zip(product, found[peer], strict=True)]
            middle = statistics.median(r["rate"] for r in product) / statistics.median(r["rate"] for r in found[peer])
            errors = sum(r["errors"] + r.get("missing", 0) for r in product)
            per = {
                kind: statistics.median(1000 * r["cpu"].get(kind, 0) / r["answers"] for r in product)
                for kind in ("python", "postgres")
            }
            wal = statistics.median(r["cpu"]["wal"] / r["answers"] / 1000 for r in product)
            lines.append(
                f"| {name} | {_rate(product)} | {_spans(product)} "
                f"| {per['python']:.2f}, {per['postgres']:.2f} | {wal:.1f} "
                f"| {peer}: {_rate(found[peer])} | {_spans(found[peer])} "
                f"| **{middle:.2f}** ({min(pairs):.2f} to {max(pairs):.2f}) | {errors} |"
            )
    return "\n".join(lines)


def _rate(runs: list[dict]) -> str:
    return f"{statistics.median(r['rate'] for r in runs):,.0f}"


def _spans(runs: list[dict]) -> str:
    return " / ".join(f"{statistics.median(r[p] for r in runs):.0f}" for p in ("p50", "p95", "p99"))


def main() -> None:
    wanted = [name for name in os.environ.get("ONLY", "").replace(",", " ").split() if name] or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"ONLY knows {', '.join(PARTS)}, not {', '.join(unknown)}.")
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        logs = Path(
            os.environ.get("LOGS") or stack.enter_context(tempfile.TemporaryDirectory(prefix="expertbook-bench-"))
        )
        embedded = stack.enter_context(servers.running_for_tests(environ=os.environ, durable=True))
        environ = stage.SETTINGS | embedded.urls | {"STATIC_ROOT": str(logs / "static")}
        peer_url = embedded.urls["DATABASE_URL"].replace("/expertbook?", "/peer?")
        os.environ.update(environ)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("collectstatic", interactive=False, verbosity=0)
        call_command("migrate", interactive=False, verbosity=0)
        data.seed_product()
        connections.close_all()
        with psycopg.connect(embedded.urls["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("CREATE DATABASE peer")
        data.seed_express(peer_url)
        sink = stack.enter_context(stage.mail_sink())
        contenders = [
            Contender(
                "product",
                stack.enter_context(stage.product(logs, environ | {"EMAIL_URL": sink})),
                "/api/v1/slots/{slot}/book",
                data.Slots(embedded.urls["DATABASE_URL"], "experts_slot"),
                "SELECT sum(seats_booked), max(seats_booked + seats_held - capacity) FROM experts_slot",
                "SELECT reference FROM bookings_booking",
            ),
            Contender(
                "Express",
                stack.enter_context(stage.express(logs, peer_url)),
                "/api/slots/{slot}/book",
                data.Slots(peer_url, "slots"),
                "SELECT sum(booked), max(booked - capacity) FROM slots",
                "SELECT id FROM bookings",
            ),
        ]
        rows: dict[str, Any] = {}
        for name in wanted:
            print(f"{name} …", flush=True)  # noqa: T201
            rows |= PARTS[name](contenders)
            for who in contenders:
                who.check()
    table = show(rows)
    print(table)  # noqa: T201
    print(f"{time.monotonic() - began:.0f} s")  # noqa: T201
    keep(rows, table)


def keep(rows: dict[str, Any], table: str) -> None:
    """Write every run and the table to bench/results/."""
    about = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": RUNS,
        "processors": os.cpu_count(),
        "python": platform.python_version(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")
    (RESULTS / "latest.md").write_text(f"{about['when']}, {RUNS} runs, {about['processors']} processors\n\n{table}\n")


if __name__ == "__main__":
    main()
