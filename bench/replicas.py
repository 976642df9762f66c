"""What a streaming replica takes off the primary. From the checkout's root:

    .venv/bin/python -m bench.replicas              7 runs of each
    RUNS=3 .venv/bin/python -m bench.replicas

In turns: two `web` processes without a replica, and two with one, are asked for experts' pages and the list of experts.
Prints medians of the CPU that one look takes of each server. All share the machine: looks a second do not grow here.
"""

import contextlib
import shutil
import statistics
import tempfile
from functools import partial
from pathlib import Path

import psutil
import psycopg

from bench import data, stage
from bench.contenders import Contender, in_turns
from bench.scene import prepare_product, product_contender
from bookingsite.devserver import paths, servers

ADDRESSES = {"an expert's page": [f"/experts/expert-{n}/" for n in range(20)], "the list of experts": ["/"]}


def postgres_of(url: str) -> psutil.Process:
    """The PostgreSQL of an address, with whom its sessions have begun."""
    with psycopg.connect(url) as connection:
        [(folder,)] = connection.execute("SHOW data_directory").fetchall()
    return psutil.Process(int((Path(folder) / "postmaster.pid").read_text().split()[0]))


def measure(who: Contender, addresses: list[str], databases: dict[str, psutil.Process]) -> dict[str, float]:
    """CPU ms that one look takes of the site and of each database, and looks a second."""

    def spent() -> dict[str, float]:
        return {name: stage.cpu_seconds([one, *one.children(recursive=True)]) for name, one in databases.items()}

    before = spent()
    found = who.look(addresses, connections=8)
    assert not found["errors"], "somebody was not shown what is due"
    cost = {name: (after - before[name]) / found["done"] * 1000 for name, after in spent().items()}
    return {"own": found["cpu"] / found["done"] * 1000, **cost, "rate": found["rate"]}


def main() -> None:
    with contextlib.ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expertbook-bench-")))
        environ = prepare_product(stack, logs)
        primary = environ["DATABASE_URL"]
        copy = paths.place(logs)
        stack.callback(shutil.rmtree, copy.folder.parent, ignore_errors=True)
        stack.callback(shutil.rmtree, copy.sockets, ignore_errors=True)
        servers.copy_as_replica(Path(stage.pg(primary)["PGHOST"]), copy, "replica1")
        stack.enter_context(servers.running(copy, environ={"REDIS_URL": environ["REDIS_URL"]}))
        databases = {"primary": postgres_of(primary), "replica": postgres_of(copy.database_url())}
        slots = data.Slots(primary, "experts_slot")
        settings = {"without a replica": {}, "with a replica": {"DATABASE_REPLICA_URL": copy.database_url()}}
        sites = {
            name: product_contender(name, stack.enter_context(stage.product(logs, environ | more, only="web")), slots)
            for name, more in settings.items()
        }
        for what, addresses in ADDRESSES.items():
            turns = {who.name: (who.site, partial(measure, who, addresses, databases)) for who in sites.values()}
            for name, runs in in_turns(turns, most=60).items():
                figures = {fact: statistics.median(run[fact] for run in runs) for fact in runs[0]}
                spent = ", ".join(f"{fact} {figures[fact]:.2f}" for fact in ("own", "primary", "replica"))
                print(f"{what}, {name}: CPU ms of one look: {spent}; {figures['rate']:.0f} a second", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
