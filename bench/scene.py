"""All that runs while parts are measured: servers, the product, and the peers that a part asks for."""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from bench import data, stage
from bench.contenders import Contender
from bench.report import Run
from bookingsite.devserver import servers

FLOWS = 3_000  # that django-appointment can be asked for


Turns = dict[str, tuple[stage.Site | None, Callable[[], Run]]]


class Scene:
    """The product, Express, plain Django, and what starts more. Everything ends with ``opened``.

    ``logs`` is for what programs say, ``results`` for what is kept; ``note`` tells whoever waits.
    """

    def __init__(self, logs: Path, results: Path, environ: dict[str, str], note: Callable[[str], None]) -> None:
        self.logs, self.results, self.environ, self.note = logs, results, environ, note
        self.product: Contender
        self.express: Contender
        self.django: Contender

    @property
    def contenders(self) -> list[Contender]:
        return [self.product, self.express, self.django]

    def turns(self, run: Callable[[Contender], Run], *who: Contender) -> Turns:
        """The same for all, or for some, as ``in_turns`` takes it."""
        return {each.name: (each.site, partial(run, each)) for each in who or self.contenders}

    @contextlib.contextmanager
    def django_appointment(self) -> Iterator[tuple[Contender, list[dict[str, Any]]]]:
        """The peer of that name on a database of its own, and things to book there."""
        url = self.make_database("django_appointment")
        environ = self.environ | stage.pg(url)
        with stage.django_appointment(self.logs, environ, FLOWS) as (site, items):
            booked = "SELECT count(*), 0 FROM appointment_appointment"
            references = "SELECT id FROM appointment_appointment"
            slots = data.Slots(url, "")
            yield Contender("django-appointment", site, "", slots, booked, references), items

    def let_mails_leave(self) -> str:
        """Wait until the mails of what was booked have left, so that no part pays for another. At most two minutes."""
        began = time.monotonic()
        with psycopg.connect(self.environ["DATABASE_URL"], autocommit=True) as connection:
            [(waiting,)] = left = connection.execute("SELECT count(*) FROM bookings_outboxmail").fetchall()
            while left[0][0] and time.monotonic() < began + 120:
                time.sleep(0.5)
                left = connection.execute("SELECT count(*) FROM bookings_outboxmail").fetchall()
        return f"product: {waiting:,} mails waited, {left[0][0]:,} after {time.monotonic() - began:.0f} s"

    def make_database(self, name: str) -> str:
        """Make a database beside the product's and return its address."""
        url = self.environ["DATABASE_URL"]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return url.replace("/expertbook?", f"/{name}?")


@contextlib.contextmanager
def opened(results: Path, note: Callable[[str], None]) -> Iterator[Scene]:
    """Start servers, fill databases, start the product, Express and plain Django."""
    with contextlib.ExitStack() as stack:
        folder = os.environ.get("LOGS") or stack.enter_context(tempfile.TemporaryDirectory(prefix="expertbook-bench-"))
        logs = Path(folder)
        environ = prepare_product(stack, logs)
        environ["EMAIL_URL"] = stack.enter_context(stage.mail_sink())
        scene = Scene(logs, results, environ, note)
        slots = data.Slots(environ["DATABASE_URL"], "experts_slot")
        scene.product = product_contender("product", stack.enter_context(stage.product(logs, environ)), slots)
        scene.express = _seed("Express", stage.express, scene, stack)
        scene.django = _seed("Django", stage.plain_django, scene, stack)
        yield scene


def _seed(name: str, start: Callable[..., Any], scene: Scene, stack: contextlib.ExitStack) -> Contender:
    """Somebody who does what the seeds do, on a database of its own."""
    url = scene.make_database(name.lower())
    data.seed_express(url)
    return Contender(
        name,
        stack.enter_context(start(scene.logs, url)),
        "/api/slots/{slot}/book",
        data.Slots(url, "slots"),
        "SELECT sum(booked), max(booked - capacity) FROM slots",
        "SELECT id FROM bookings",
    )


def product_contender(name: str, site: stage.Site, slots: data.Slots) -> Contender:
    """Processes of the product that are asked through its API."""
    return Contender(
        name,
        site,
        "/api/v1/slots/{slot}/book",
        slots,
        "SELECT sum(seats_booked), max(seats_booked + seats_held - capacity) FROM experts_slot",
        "SELECT reference FROM bookings_booking",
    )


def prepare_product(stack: contextlib.ExitStack, logs: Path, *, slots: int = data.SLOTS) -> dict[str, str]:
    """Start PostgreSQL and Valkey, have Django use them, and fill the product's database. Returns the settings."""
    embedded = stack.enter_context(servers.running_for_tests(environ={}, durable=True))
    environ = stage.SETTINGS | embedded.urls | {"STATIC_ROOT": str(logs / "static"), "EMAIL_URL": "memory:"}
    os.environ.update(environ)
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("migrate", interactive=False, verbosity=0)
    data.seed_product(slots)
    connections.close_all()
    return environ
