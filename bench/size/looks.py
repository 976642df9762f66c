"""What is looked at: pages of the site, the API, what staff see, and what the worker looks for each minute."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bench.size import staff
from bench.size.look import Look, got
from bookings.models import Booking, LookupRequest, MailKind
from bookings.services import catch_up, cleanup, expiry
from bookings.services.reminders import due_reminders
from experts.models import Expert, OfferedType
from experts.selectors import behind_horizon

BEYOND = 10**6  # the page that is meant by "last"


def looks() -> Iterator[tuple[str, Look]]:
    """Each with its name, in the database that Django is connected to."""
    yield from discovery()
    yield from pages()
    yield from api()
    yield from staff.admin()
    yield from staff.api()
    yield from sweeps()


def discovery() -> Iterator[tuple[str, Look]]:
    client = Client()
    client.cookies["zone"] = "Europe/Berlin"
    large, usual = "clinic-0", "clinic-2"
    lists: list[tuple[str, str, dict[str, Any]]] = [
        ("experts", "/experts/", {}),
        ("experts of a category", "/experts/", {"category": "field-4"}),
        ("experts of an organisation", "/experts/", {"organization": usual}),
        ("experts of both", "/experts/", {"organization": large, "category": "field-4"}),
        ("experts free today", "/experts/", {"when": "today"}),
        ("experts free tomorrow", "/experts/", {"when": "tomorrow"}),
        ("experts free this week", "/experts/", {"when": "week"}),
        ("experts of a category free tomorrow", "/experts/", {"when": "tomorrow", "category": "field-4"}),
        ("experts free in an evening", "/experts/", {"part": "evening"}),
        ("experts by video", "/experts/", {"venue": "video"}),
        (
            "experts by video free tomorrow morning",
            "/experts/",
            {"venue": "video", "when": "tomorrow", "part": "morning"},
        ),
        ("experts of a rare language", "/experts/", {"language": "cs"}),
        ("experts of a frequent language", "/experts/", {"language": "en"}),
        ("experts of a city", "/experts/", {"city": "City 5"}),
        ("experts of a city free tomorrow", "/experts/", {"city": "City 5", "when": "tomorrow"}),
        ("an organisation", f"/o/{usual}/", {}),
        ("a large organisation", f"/o/{large}/", {}),
        ("an organisation with types", "/o/clinic-1/", {}),
        ("search, a first name", "/experts/", {"search": "yuki"}),
        ("search, a word of all", "/experts/", {"search": "adviser"}),
        ("search, a word of all, tomorrow", "/experts/", {"search": "adviser", "when": "tomorrow"}),
        ("search, a full name", "/experts/", {"search": Expert.objects.active().order_by("pk")[50].name}),
        ("search, a typing error", "/experts/", {"search": "yukki"}),
        ("search, nobody", "/experts/", {"search": "zzyzxqqj"}),
    ]
    for name, path, query in lists:
        for sort in ("soonest", "name"):
            for page, which in ((1, "first"), (6, "6th"), (BEYOND, "last")):
                yield f"{name}, {sort}, {which} page", got(client, path, **query, sort=sort, page=page)


def pages() -> Iterator[tuple[str, Look]]:
    client = Client()
    expert = Expert.objects.active().order_by("pk")[60]
    page = reverse("expert", args=[expert.slug])
    yield "an expert's page", got(client, page)
    yield "an expert's page, a day", got(client, page, day=f"{expert.today() + timedelta(days=9)}")
    yield "an expert's page, a month", got(client, page, month=f"{expert.today() + timedelta(days=30):%Y-%m}")
    offered = OfferedType.objects.order_by("pk")[0]
    of_types = reverse("expert", args=[offered.expert.slug])
    yield "an expert's page, with types", got(client, of_types)
    yield "an expert's page, a type", got(client, of_types, type="first-visit")
    yield "anyone for a type", got(client, reverse("anyone", args=["clinic-1", "first-visit"]))
    yield (
        "anyone for a type, a month",
        got(
            client,
            reverse("anyone", args=["clinic-1", "first-visit"]),
            month=f"{expert.today() + timedelta(days=30):%Y-%m}",
        ),
    )
    yield "sitemap", got(client, reverse("sitemap"))
    booking = Booking.objects.filter(status="CONFIRMED", slot__starts_at__gt=timezone.now()).exclude(holder="")[:1][0]
    yield "bookings of an address", lambda: Booking.objects.of_address(booking.email).exists()
    owner = _visitor(booking)
    yield "My bookings", got(owner, reverse("my_bookings"))
    yield "a booking", got(owner, reverse("booking", args=[booking.reference]))
    yield "look-up, sent", got(_asked(booking), reverse("my_bookings"), sent=1)


def _visitor(booking: Booking) -> Client:
    from bookings.access import proofs
    from bookings.access.visitor import _signer, cookie_name

    proofs.prove_address(visitor=booking.holder, email=booking.email)
    client = Client()
    client.cookies[cookie_name()] = _signer().sign(booking.holder)
    return client


def _asked(booking: Booking) -> Client:
    LookupRequest.objects.create(email=booking.email, visitor=booking.holder)
    return _visitor(booking)


def api() -> Iterator[tuple[str, Look]]:
    client = Client()
    expert = Expert.objects.active().order_by("pk")[60]
    offered = OfferedType.objects.order_by("pk")[0]
    experts, slots = "/api/v1/experts", "/api/v1/slots"
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("experts", experts, {}),
        ("experts of a category", experts, {"category": "field-4"}),
        ("experts of an organisation", experts, {"organization": "clinic-0"}),
        ("experts by a word of all", experts, {"search": "adviser"}),
        ("an expert", f"{experts}/{expert.slug}", {}),
        ("slots of an expert", slots, {"expert": expert.slug}),
        ("slots", slots, {}),
        ("slots, 20th page", slots, {"page": 20}),
        ("bookable slots", slots, {"bookable": "true"}),
        ("slots of an expert's type", slots, {"expert": offered.expert.slug, "type": "first-visit"}),
        ("types of an expert", f"{experts}/{offered.expert.slug}/session-types", {}),
        ("starts with anyone", "/api/v1/organizations/clinic-1/types/first-visit/starts", {}),
    ]
    for name, path, query in asked:
        yield f"API, {name}", got(client, path, **query)


def sweeps() -> Iterator[tuple[str, Look]]:
    """The looking, not the doing, which costs as much as there is to do."""
    now = timezone.now()
    most = catch_up.MOST_AT_ONCE
    yield "sweep, overdue", lambda: list(expiry.overdue(now).values_list("pk")[:most])
    yield "sweep, finished", lambda: list(catch_up.recently_finished(now).values_list("pk")[:most])
    yield "sweep, finished ever", lambda: list(catch_up.finished(now).values_list("pk")[:most])
    yield "sweep, waited for", lambda: list(catch_up.free_and_waited_for(now).values_list("pk")[:most])
    soon = now + timedelta(hours=24)
    reminders = due_reminders(MailKind.REMINDER_DAY, soon - timedelta(minutes=1), soon)
    yield "sweep, reminders of a minute", lambda: list(reminders.values_list("pk", "sequence"))
    yield "sweep, clean-up", lambda: cleanup.delete_old(now)
    yield "sweep, horizons", lambda: list(behind_horizon(Expert.objects.active()).order_by("pk").values_list("pk"))
