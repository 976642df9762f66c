"""`make cluster-test`: stop each part of a site of many machines in turn, while people book, and lose nothing.

Everything is on loopback and Unix sockets in a folder of its own, which is gone afterwards. Prints for each part how
long nobody could book. Ends with 1 when a booking or a mail that was promised is missing, or there twice.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from bench.data import seed_product
from bookingsite import startup
from bookingsite.devserver.processes import wait_until
from tests.cluster import cluster as clusters
from tests.cluster import programs
from tests.cluster.cluster import Cluster
from tests.cluster.ledger import Ledger
from tests.cluster.parts import Part
from tests.private_postgres import PrivatePostgres

SLOTS = 80_000
PEOPLE = 6
CALM = 40  # bookings between two events


class Run:
    """Events of one cluster, and what came of each."""

    def __init__(self, cluster: Cluster, ledger: Ledger, slots: list[tuple[int, str, str]]):
        self.cluster, self.ledger, self._slots = cluster, ledger, slots

    def event(self, what: str, happen: Callable[[], object], *, back: Callable[[], object] | None = None) -> None:
        """Let something happen under load, and ``back`` once people book again; then look whether pages are live."""
        booked, refused, start = len(self.ledger.acknowledged), self.ledger.refused.copy(), time.monotonic()
        happen()
        if back is not None:
            self.ledger.wait_for(CALM)
            back()
        self.ledger.wait_for(CALM)
        gap = self.ledger.longest_gap(start, time.monotonic())
        asked_again = ", ".join(f"{n} × {why}" for why, n in (self.ledger.refused - refused).items()) or "nobody"
        seen = self.seen_live()
        booked = len(self.ledger.acknowledged) - booked
        say(f"{what:58} {gap:6.2f} s   {booked:5}   {seen * 1000:6.0f} ms   {asked_again}")

    def seen_live(self) -> float:
        """Book through each web process and see it at the other machine's live process: the longer time, seconds."""
        (first, second), (one, other) = self.cluster.web, self.cluster.live
        ways = ((first, other), (second, one))
        return max(
            self.cluster.seconds_until_seen(booked_at=web, seen_at=live, slot=self._slots.pop()) for web, live in ways
        )


def restart(part: Part) -> None:
    part.start()
    part.wait()


def main() -> int:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expertbook-cluster-")))
        os.environ.update(clusters.SETTINGS | {"STATIC_ROOT": str(folder / "static")})
        if keep := os.environ.get("KEEP"):
            stack.callback(lambda: shutil.copytree(folder / "logs", keep, dirs_exist_ok=True))
        programs.get()
        say("Starting two web, live and worker processes, nginx, PgBouncer, 3 PostgreSQL, 2 Valkey, a sentinel ...")
        cluster = stack.enter_context(clusters.running(folder, fill=fill))
        with psycopg.connect(cluster.database.primary.url) as connection:
            listed = "SELECT s.id, e.slug, s.date::text FROM experts_slot s JOIN experts_expert e ON e.id = s.expert_id"
            slots = connection.execute(f"{listed} ORDER BY s.id").fetchall()
        ledger = Ledger(cluster.nginx.port, [slot_id for slot_id, _slug, _day in slots[:-1000]], people=PEOPLE)
        run = Run(cluster, ledger, slots[-1000:])
        ledger.start()
        ledger.wait_for(CALM)
        say(f"{'what happens':58} no booking   booked   seen live after   sent again")
        everything(run)
        return verdict(cluster, ledger)


def everything(run: Run) -> None:
    cluster, database = run.cluster, run.cluster.database
    run.event("nothing", lambda: None)
    for parts in (cluster.web, cluster.live, cluster.workers):
        gentle, hard = parts
        run.event(f"{gentle.name} is stopped, and started", gentle.stop, back=lambda part=gentle: restart(part))
        run.event(f"{hard.name} is killed, and started", hard.kill, back=lambda part=hard: restart(part))
    run.event("nginx is stopped and started", lambda: (cluster.nginx.stop(), restart(cluster.nginx)))
    run.event("PgBouncer is killed and started", lambda: (cluster.bouncer.kill(), cluster.bouncer.start()))
    run.event("Valkey's primary is killed; its sentinel promotes another", cluster.valkey.fail_over)
    replica = database.replicas[0]
    run.event("a replica of PostgreSQL is killed, and started", replica.kill, back=replica.start)
    database.wait_until_synchronous()

    def lose_the_primary() -> None:
        database.primary.kill()
        cluster.fail_over()

    cluster.wait_until_replicas_are_read()
    run.event("PostgreSQL's primary is killed; a replica is promoted", lose_the_primary)


def verdict(cluster: Cluster, ledger: Ledger) -> int:
    """Compare what people were told with the database, once the workers have sent all mails."""
    ledger.stop()
    primary = cluster.database.primary
    waiting = "SELECT count(*) FROM bookings_outboxmail"
    say("Waiting for the mails: those that the killed worker had begun are begun again after two minutes ...")
    if not wait_until(lambda: primary.execute(waiting) == [(0,)], seconds=200):
        say(f"FAILED: {primary.execute(waiting)[0][0]} mails have not left.")
        return 1
    wrong = ledger.missing(primary.url)
    unsent = """
        SELECT count(*) FROM bookings_booking booking WHERE NOT EXISTS (
            SELECT FROM bookings_notification mail WHERE mail.booking_id = booking.id AND mail.status = 'sent')
    """
    [(without_mail,)] = primary.execute(unsent)
    if without_mail:
        wrong.append(f"{without_mail} bookings without a mail")
    # With one nginx there is no connection while that is stopped. Whatever else stops, a list is shown.
    if set(ledger.looks) - {200, "ConnectionRefusedError", "ConnectionResetError", "RemoteDisconnected"}:
        wrong.append(f"lists: {dict(ledger.looks)}")
    say(f"\n{len(ledger.acknowledged):,} bookings were acknowledged, {sum(ledger.looks.values()):,} lists looked at.")
    for line in wrong[:20]:
        say(f"FAILED: {line}")
    if wrong:
        say(cluster.complaints()[-8000:])
        return 1
    say("All bookings are there, each once, with its mail; no slot is overbooked; no list was answered by an error.")
    return 0


def fill(primary: PrivatePostgres) -> None:
    """Make the tables and slots, through Django in this process."""
    os.environ |= {"DATABASE_URL": primary.url, "REDIS_URL": "redis://127.0.0.1:1/0", "DATABASE_POOL": "0"}
    import django  # noqa: PLC0415 (its settings are read from the environment)

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415

    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("migrate", interactive=False, verbosity=0)
    seed_product(SLOTS)
    connections.close_all()


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    with startup.one_line_errors():
        sys.exit(main())
