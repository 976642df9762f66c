"""Whose CPU a booking and a refusal take, in microseconds, while many ask. From the checkout's root:

    .venv/bin/python -m bench.shares         1,500 bookings over 32 and 64 connections, as many refusals, 3 runs each
    RUNS=5 REQUESTS=3000 .venv/bin/python -m bench.shares

All processes of the Procfile run, as in `make bench`. Prints medians of what the processes of each name took, the
connections of each to PostgreSQL, Valkey and the client. CPU can be compared on a machine that others use, too; rates
cannot. What workers do once all are answered is told as "later".
"""

import collections
import contextlib
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import psutil
import psycopg

from bench import data, stage
from bench.contenders import new_people
from bench.scene import prepare_product
from bookingsite.devserver import processes

RUNS = int(os.environ.get("RUNS") or 3)
REQUESTS = int(os.environ.get("REQUESTS") or 1500)
WARM = 300


def main() -> None:
    with contextlib.ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expertbook-bench-")))
        environ = prepare_product(stack, logs)
        environ["EMAIL_URL"] = stack.enter_context(stage.mail_sink())
        sites = {
            # By the name that each gives PostgreSQL it is seen whose connections take its CPU.
            name: stack.enter_context(stage.product(logs, environ | {"PGAPPNAME": name}, only=name))
            for name in stage.procfile()
        }
        slots = data.Slots(environ["DATABASE_URL"], "experts_slot")
        works = {
            f"{REQUESTS} bookings, 32 connections": (32, False),
            f"{REQUESTS} bookings, 64 connections": (64, False),
            f"{REQUESTS} who want one seat, 64 connections": (64, True),
        }
        found: dict[str, list[dict[str, float]]] = collections.defaultdict(list)
        for connections, contested in works.values():
            ask(sites["web"].port, slots, connections, contested, WARM)
        for _run in range(RUNS):
            for work, (connections, contested) in works.items():
                stage.settle(sites["web"])
                wait_for_mails(environ["DATABASE_URL"])
                before = taken(sites, environ["DATABASE_URL"])
                answered = ask(sites["web"].port, slots, connections, contested, REQUESTS)
                at_once = taken(sites, environ["DATABASE_URL"])
                wait_for_mails(environ["DATABASE_URL"])
                after = taken(sites, environ["DATABASE_URL"])
                shares = {name: at_once[name] - before.get(name, 0) for name in at_once}
                shares |= {f"later: {name}": after[name] - at_once.get(name, 0) for name in after}
                shares = {name: value / REQUESTS for name, value in shares.items()}
                found[work].append(shares | {"a second": answered["rate"], "p50, ms": answered["p50"]})
        for work, runs in found.items():
            say(f"\n{work} ({len(runs)} runs): median (least to most), of one")
            for name in sorted(dict.fromkeys(name for run in runs for name in run)):
                values = sorted(run.get(name, 0) for run in runs)
                if not name.startswith("later") or statistics.median(values) >= 5:
                    say(f"  {name:48} {statistics.median(values):10,.1f} ({values[0]:,.1f} to {values[-1]:,.1f})")


def ask(port: int, slots: data.Slots, connections: int, contested: bool, requests: int) -> dict[str, Any]:
    """Send that many requests. Returns what the client says of them, with ``rate``, answers a second."""
    wanted = slots.take_one(1) if contested else slots.take(requests)
    order = {"port": port, "path": "/api/v1/slots/{slot}/book", "slots": wanted, "start": new_people(requests)}
    answered = stage.load(connections=connections, requests=requests, **order)
    assert answered["answers"] == requests and not answered["errors"], answered["statuses"]
    assert answered["statuses"].get("201") == (1 if contested else requests), answered["statuses"]
    return answered | {"rate": answered["answers"] / answered["seconds"]}


def wait_for_mails(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        waits = "SELECT count(*) FROM bookings_outboxmail"
        processes.wait_until(lambda: connection.execute(waits).fetchall() == [(0,)], seconds=60)


def taken(sites: dict[str, stage.Site], database_url: str) -> dict[str, float]:
    """Microseconds of CPU that each has taken so far, the changes of context, and PostgreSQL's counts."""
    found: dict[str, float] = collections.Counter()
    for name, site in sites.items():
        for one in site.everybody():
            found[f"µs {name}"] += microseconds(one)
            if name == "web":
                found["switches of web between threads"] += switches_of(one)
    with psycopg.connect(database_url, autocommit=True) as connection:
        whose = dict(connection.execute("SELECT pid, application_name FROM pg_stat_activity").fetchall())
        [row] = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        found["bytes of WAL"] = float(row[0])
    for one in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if one.name().startswith("postgres"):
                name = whose.get(one.pid, "")
                found[f"µs PostgreSQL for {name if name in sites else 'itself'}"] += microseconds(one)
            elif one.name().startswith("valkey"):
                found["µs Valkey"] += microseconds(one)
    clients = psutil.Process().cpu_times()
    found["µs client"] = (clients.children_user + clients.children_system) * 1e6
    return found


def microseconds(one: psutil.Process) -> float:
    times = one.cpu_times()
    return (times.user + times.system) * 1e6


def switches_of(one: psutil.Process) -> int:
    """How often its threads have given up the processor; psutil tells that of the first only."""
    found = 0
    for status in Path(f"/proc/{one.pid}/task").glob("*/status"):
        with contextlib.suppress(OSError):  # it has ended
            lines = status.read_text().splitlines()
            found += sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return found


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
