"""Mails of one worker process a second, and the CPU that each takes. From the checkout's root:

    .venv/bin/python -m bench.mails                 4,000 mails, 3 runs
    MAILS=10000 RUNS=5 .venv/bin/python -m bench.mails
    .venv/bin/python -m bench.mails burst           10,000 bookings at once: until when their mails are gone

On servers of its own, or beside whatever DATABASE_URL names, in a database of its own. Books through the service, then
starts the `worker` of the Procfile in front of that backlog and of a mail server that takes everything, and stops it
when the outbox is empty. The start of the process is not counted. Prints one line for each run.
"""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg

from bench import data, stage
from bookingsite.devserver import processes, servers

MAILS = int(os.environ.get("MAILS") or 4000)
RUNS = int(os.environ.get("RUNS") or 3)
LONGEST = 600  # seconds for one run
BOOKED = """
    INSERT INTO bookings_booking (slot_id, seats, status, name, email, phone, notes, reference, holder, reason,
                                  cancel_reason, language, timezone, sequence, source)
    SELECT slot.id, 1, 'CONFIRMED', 'Lena Fischer', 'person' || slot.id || '@example.com', '', '',
           'EB-' || substr(letters, 1, 4) || '-' || substr(letters, 5), '', '', '', 'en',
           (ARRAY['Europe/Berlin', 'Europe/London', 'America/New_York', ''])[1 + n %% 4], 0, 'web'
    FROM (SELECT id, row_number() OVER (ORDER BY md5(id::text)) AS n FROM experts_slot
          WHERE seats_booked = 0 ORDER BY md5(id::text) LIMIT %(count)s) AS slot
    CROSS JOIN LATERAL (SELECT translate(lpad(to_hex((slot.id * 2654435761) %% 4294967296), 8, '0'),
                                         '0123456789abcdef', '34679ACDEFGHJKMN') AS letters) AS reference
    RETURNING id
"""


def queue(connection: psycopg.Connection, count: int) -> None:
    """Book as many slots, each confirmed with a mail that waits."""
    connection.execute(
        f"WITH booked AS ({BOOKED})"
        " INSERT INTO bookings_outboxmail (booking_id, kind, sequence) SELECT id, 'confirmed', 0 FROM booked",
        {"count": count},
    )


def run(logs: Path, environ: dict[str, str], database_url: str) -> dict[str, float]:
    """Let one worker send the backlog. Returns mails a second, and CPU milliseconds a mail of worker and PostgreSQL."""
    command = [sys.executable, "manage.py", "worker", "--queues", "mail,expiry,housekeeping"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        # The worker is ready when its first mail has gone, and pays for what it loads on the way itself.
        queue(connection, 1)
        with stage.process("worker", command, logs, cwd=stage.BASE_DIR, env=os.environ | environ) as worker:

            def left() -> int:
                [(count,)] = connection.execute("SELECT count(*) FROM bookings_outboxmail").fetchall()
                return count

            wait_until(lambda: left() == 0)
            queue(connection, MAILS)
            connection.execute("VACUUM ANALYZE")
            process, postgres = psutil.Process(worker.pid), stage.cpu_of(database_url)
            before, start = sum(process.cpu_times()[:2]), time.monotonic()
            with postgres as cpu:
                wait_until(lambda: left() == 0)
            seconds, after = time.monotonic() - start, sum(process.cpu_times()[:2])
        [(sent,)] = connection.execute(
            "SELECT count(*) FROM bookings_notification WHERE status = 'sent' AND attempts = 1"
        ).fetchall()
        [(all_of_them,)] = connection.execute("SELECT count(*) FROM bookings_notification").fetchall()
        assert sent == all_of_them, "not every mail was sent at the first attempt"
    return {
        "mails/s": MAILS / seconds,
        "worker ms": 1000 * (after - before) / MAILS,
        "postgres ms": 1000 * cpu.get("postgres", 0) / MAILS,
    }


def burst(logs: Path, environ: dict[str, str], database_url: str, bookings: int) -> None:
    """Book as fast as the product answers; the mails beside that, and after it until the outbox is empty."""
    with stage.product(logs, environ) as site, psycopg.connect(database_url, autocommit=True) as connection:

        def left() -> int:
            [(count,)] = connection.execute("SELECT count(*) FROM bookings_outboxmail").fetchall()
            return count

        found = stage.load(
            port=site.port,
            path="/api/v1/slots/{slot}/book",
            start=1,
            connections=64,
            requests=bookings,
            slots=data.Slots(database_url, "experts_slot").take(bookings),
        )
        start, waiting = time.monotonic(), left()
        wait_until(lambda: left() == 0)
        print(  # noqa: T201
            f"{found['statuses'].get('201', 0):,} bookings in {found['seconds']:.1f} s; {waiting:,} mails waited then,"
            f" the last left {time.monotonic() - start:.1f} s later"
        )


def wait_until(condition: Callable[[], Any]) -> None:
    if not processes.wait_until(condition, seconds=LONGEST):
        raise TimeoutError(f"not within {LONGEST} seconds")


def main() -> None:
    with contextlib.ExitStack() as stack:
        logs = Path(
            os.environ.get("LOGS") or stack.enter_context(tempfile.TemporaryDirectory(prefix="expertbook-bench-"))
        )
        embedded = stack.enter_context(servers.running_for_tests(environ=os.environ, durable=True))
        sink = stack.enter_context(stage.mail_sink())
        environ = stage.SETTINGS | embedded.urls | {"EMAIL_URL": sink}
        os.environ.update(environ)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", interactive=False, verbosity=0)
        data.seed_product()
        connections.close_all()
        if sys.argv[1:] == ["burst"]:
            burst(logs, environ, embedded.urls["DATABASE_URL"], int(os.environ.get("MAILS") or 10_000))
            return
        runs = []
        for number in range(RUNS):
            found = run(logs, environ, embedded.urls["DATABASE_URL"])
            runs.append(found)
            print(f"run {number + 1}: " + line(found), flush=True)  # noqa: T201
        print("median: " + line({name: statistics.median(found[name] for found in runs) for name in runs[0]}))  # noqa: T201


def line(found: dict[str, float]) -> str:
    return (
        f"{found['mails/s']:,.0f} mails/s, CPU of a mail {found['worker ms']:.2f} ms in the worker"
        f" and {found['postgres ms']:.2f} ms in PostgreSQL"
    )


if __name__ == "__main__":
    main()
