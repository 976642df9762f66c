"""The parts of `make bench`, by name: each is a function that takes the scene and returns its comparisons."""

from collections.abc import Callable

from bench.parts import alone, bookings, live, looks, mails, pages, pgbench
from bench.report import Comparison
from bench.scene import Scene

PARTS: dict[str, Callable[[Scene], list[Comparison]]] = {
    "bookings": bookings.bookings,
    "contested": bookings.contested,
    "bursts": bookings.bursts,
    "alone": alone.alone,
    "pgbench": pgbench.pgbench,
    "holds": pages.holds,
    "html": pages.html,
    "django-appointment": pages.django_appointment,
    "mails": mails.mails,
    "looks": looks.looks,
    "live": live.live,
}
