"""`make chaos`: break each part of a site in turn while people book, and then compare what they were told with what is.

RUNS=5 does it so often, and adds a report of each to docs/chaos.md. ONLY="Valkey|disk" has only faults whose names fit.
`--short` is the form of `make test`: each fault once, as short as can be. All is on loopback and in a folder of its
own, which is gone afterwards. KEEP=folder keeps what the processes have said. Ends with 1 when something that was
promised is missing, there twice or untrue.
"""

import contextlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bookingsite import startup
from bookingsite.devserver import processes
from bookingsite.devserver.paths import BASE_DIR
from tests.chaos import site as sites
from tests.chaos.faults import Fault, all_faults
from tests.chaos.site import Hooks, Mailbox, Site
from tests.cluster.ledger import longest_gap
from tests.private_postgres import PrivatePostgres

REPORTS = BASE_DIR / "docs" / "chaos.md"
FEW = 3  # bookings that show that people can book
MOST_TRIES = 5  # of a job that kills its worker


@dataclass(frozen=True)
class Pace:
    """``fault``: seconds that one lasts, ``pause``: between two requests of a person, ``days``: pages of an expert."""

    fault: float
    pause: float
    days: int
    is_short: bool = False


FULL = Pace(fault=8.0, pause=0.02, days=3)
SHORT = Pace(fault=0.5, pause=0.05, days=1, is_short=True)


@dataclass(frozen=True)
class Line:
    """What one fault did: seconds, longest time without a booking, bookings, requests, and those that got no answer."""

    name: str
    seconds: float
    gap: float
    booked: int
    requests: int
    refused: str


class Run:
    """One site, the people who use it, and what came of each fault."""

    def __init__(self, site: Site, people, pages, pace: Pace):
        self.site, self.people, self.pages, self.pace = site, people, pages, pace
        self.ledger, self.wrong, self.lines = people.ledger, [], list[Line]()

    def inject(self, fault: Fault) -> None:
        start, booked = time.monotonic(), len(self.ledger.booked)
        requests, answers = self.ledger.requests(), self.ledger.by_status()
        with fault.during(self.site):
            # Twice, as what waits for the database at its death is one thing, and what comes later another.
            self.wrong += fault.check(self.site)
            self.wait_until(lambda: False, self.pace.fault * fault.seconds)
            if fault.books and not self.is_booked_again(20):
                self.wrong.append(f"{fault.name}: nobody could book meanwhile")
            self.wrong += fault.check(self.site)
        if not self.is_booked_again(60):
            self.wrong.append(f"{fault.name}: nobody can book afterwards")
        end = time.monotonic()
        refused = self.ledger.by_status() - answers
        self.lines.append(
            Line(
                fault.name,
                end - start,
                longest_gap(list(self.ledger.booked), start, end),
                len(self.ledger.booked) - booked,
                self.ledger.requests() - requests,
                ", ".join(f"{n} × {why}" for why, n in sorted(refused.items()) if why[:2] not in ("20", "30", "40")),
            )
        )
        say(row(self.lines[-1]))

    def is_booked_again(self, seconds: float) -> bool:
        wanted = len(self.ledger.booked) + FEW
        return self.wait_until(lambda: len(self.ledger.booked) >= wanted, seconds)

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """As ``processes.wait_until``; whatever ends by itself is started again."""

        def holds() -> bool:
            if found := condition():
                return found
            self.site.keep_alive()
            return False

        return processes.wait_until(holds, seconds=seconds)


def main() -> int:
    pace = SHORT if "--short" in sys.argv else FULL
    wrong = 0
    for _run in range(int(os.environ.get("RUNS") or 1)):
        wrong += bool(one_run(pace))
    return 1 if wrong else 0


def one_run(pace: Pace) -> list[str]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expertbook-chaos-")))
        if keep := os.environ.get("KEEP"):
            stack.callback(lambda: shutil.copytree(folder / "logs", keep, dirs_exist_ok=True))
        postgres = PrivatePostgres(_made(folder / "database"), durable=True)
        stack.callback(postgres.remove)
        mail = Mailbox()
        stack.callback(mail.stop)
        hooks = stack.enter_context(Hooks())
        data = fill(postgres, folder, hooks.url)
        site = Site(folder, stack, postgres, mail, hooks)
        from tests.chaos.pages import Pages  # noqa: PLC0415 (Django is set up only now)
        from tests.chaos.people import People  # noqa: PLC0415

        people = People(site.front.port, data, mail, pause=pace.pause)
        days = [(calendar.slug, day) for calendar in data.calendars for day in calendar.days[: pace.days]]
        pages = Pages(site.sockets.port, days)
        run = Run(site, people, pages, pace)
        start = time.monotonic()
        pages.start()
        people.start()
        stack.callback(pages.stop)
        assert run.is_booked_again(60), site.complaints()
        say(row(Line("what happens", 0, 0, 0, 0, ""), header=True))
        slot, calendar = data.calendars[0].slots[0], data.calendars[0]
        asked = [
            "/",
            "/experts/",
            f"/experts/{calendar.slug}/?day={calendar.days[0]}",
            f"/slots/{slot}/book/",
            "/bookings/",
        ]
        asked += ["/admin/", "/account/login/", "/readyz", "/api/v1/experts", f"/api/v1/slots/{slot}"]
        for fault in all_faults(asked):
            if re.search(os.environ.get("ONLY", ""), fault.name):
                run.inject(fault)
        people.stop()
        wrong = run.wrong + compare(run)
        seconds = time.monotonic() - start
        verdict(run, wrong, seconds)
        if wrong and pace.is_short:
            say(site.complaints())
        if os.environ.get("RUNS"):
            report(run, wrong, seconds)
        return wrong


def fill(postgres: PrivatePostgres, folder: Path, webhook: str):
    """Make tables and what can be booked, through Django in this process. CHAOS_TABLES: a database that has tables."""
    os.environ.update(
        sites.SETTINGS
        | {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": postgres.url,
            "DATABASE_POOL": "0",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "EMAIL_URL": "memory:",
        }
    )
    import django  # noqa: PLC0415 (its settings are read from the environment)
    from django.conf import settings  # noqa: PLC0415

    tables = os.environ.get("CHAOS_TABLES", "")
    if tables:
        postgres.fill(tables)
    else:
        os.environ.setdefault("STATIC_ROOT", str(folder / "static"))
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415

    from tests.chaos import data  # noqa: PLC0415

    connections.close_all()
    connections.settings["default"] |= {"HOST": str(postgres.where.sockets)}
    if not tables:
        if not (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
            call_command("collectstatic", interactive=False, verbosity=0)
        call_command("migrate", interactive=False, verbosity=0)
    made = data.make(webhook)
    connections.close_all()
    return made


def compare(run: Run) -> list[str]:
    """Let time pass until all that is due has left, and compare. People have stopped."""
    from django.db import connections  # noqa: PLC0415

    from tests.chaos import verdict as found  # noqa: PLC0415
    from tests.chaos.settling import forget_poison, let_time_pass, queue_at_work, waits  # noqa: PLC0415

    connections.close_all()
    site, wrong = run.site, list(run.ledger.wrong)
    if run.pace.is_short and any("its worker" in line.name for line in run.lines):  # once is enough
        run.wait_until(lambda: site.deaths > 0, 30)
        forget_poison()
    looked = 0.0

    def is_settled() -> bool:
        nonlocal looked
        if time.monotonic() > looked + 2:
            looked = time.monotonic()
            let_time_pass()
        return not waits()

    if not run.wait_until(is_settled, 60 if run.pace.is_short else 150):
        wrong += [f"waits still: {what}" for what in waits()]
        say("\n".join(queue_at_work()))
    run.wait_until(lambda: not found.wrong_pages(run.pages.pages), 20)
    run.wait_until(lambda: not found.missing_offers(list(site.mail.came)), 20)
    run.pages.stop()
    if site.deaths > MOST_TRIES:
        wrong.append(f"a job has killed its worker {site.deaths} times")
    wrong += found.wrong_bookings(run.ledger) + found.wrong_counters() + found.wrong_lines(run.ledger)
    wrong += found.missing_offers(list(site.mail.came))
    wrong += found.wrong_mails(list(site.mail.came)) + found.wrong_webhooks(list(site.hooks.accepted))
    wrong += found.wrong_pages(run.pages.pages)
    connections.close_all()
    return wrong


COLUMNS = "{:42} {:>7} {:>11} {:>7} {:>9}   {}"


def row(line: Line, *, header: bool = False) -> str:
    if header:
        return COLUMNS.format("what happens", "lasts", "no booking", "booked", "requests", "asked again")
    return COLUMNS.format(
        line.name, f"{line.seconds:.1f} s", f"{line.gap:.2f} s", line.booked, line.requests, line.refused or "nobody"
    )


def summary(run: Run, wrong: list[str], seconds: float) -> list[str]:
    ledger, site = run.ledger, run.site
    answers = ", ".join(f"{n:,} × {status}" for status, n in sorted(ledger.by_status().items()))
    lines = [
        f"{len(run.lines) - 1} faults in {seconds:.0f} s; {ledger.requests():,} requests: {answers}.",
        f"{len(ledger.promises):,} bookings were acknowledged, {len(ledger.waiting)} people told to be in line; "
        f"{len(site.mail.came):,} mails and {len(site.hooks.accepted):,} webhooks came; "
        f"{len(run.pages.pages)} open pages dialled {sum(page.dials for page in run.pages.pages)} times.",
    ]
    if not wrong:
        lines.append("Nothing is missing, there twice, or untrue; every open page shows what is in the database.")
    return lines


def verdict(run: Run, wrong: list[str], seconds: float) -> None:
    say("")
    for line in summary(run, wrong, seconds):
        say(line)
    for line in wrong[:40]:
        say(f"FAILED: {line}")
    if len(wrong) > 40:
        say(f"FAILED: and {len(wrong) - 40} more")


def report(run: Run, wrong: list[str], seconds: float) -> None:
    """Add what came of a run to docs/chaos.md."""
    now = datetime.now(UTC).isoformat(" ", "minutes").removesuffix("+00:00")
    lines = ["", f"## {now} UTC: {'FAILED' if wrong else 'passed'}", "", *summary(run, wrong, seconds), ""]
    lines += [f"- FAILED: {line}" for line in wrong[:40]] + [""] * bool(wrong)
    lines += ["| fault | lasts (s) | no booking for (s) | booked | requests | asked again |"]
    lines += ["|---|--:|--:|--:|--:|---|"]
    for line in run.lines:
        figures = f"{line.seconds:.1f} | {line.gap:.2f} | {line.booked} | {line.requests}"
        lines.append(f"| {line.name} | {figures} | {line.refused or 'nobody'} |")
    with REPORTS.open("a") as file:
        file.write("\n".join(lines) + "\n")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    with startup.one_line_errors():
        sys.exit(main())
