"""What is looked at: pages of the site, the API, the admin's lists, and what the worker looks for each minute."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking, LookupRequest, MailKind
from bookings.services import catch_up, cleanup, expiry
from bookings.services.reminders import due_reminders
from experts.models import Expert, Membership, Organization, Role, User
from experts.selectors import behind_horizon

Look = Callable[[], object]
BEYOND = 10**6  # the page that is meant by "last"


def looks() -> Iterator[tuple[str, Look]]:
    """Each with its name, in the database that Django is connected to."""
    yield from discovery()
    yield from pages()
    yield from api()
    yield from admin("superuser", _superuser())
    yield from admin("owner", _owner())
    yield from sweeps()


def _get(client: Client, path: str, **query: Any) -> Look:
    def look() -> None:
        response = client.get(path, query, follow=True)
        assert response.status_code == 200, (path, query, response.status_code)

    return look


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
                yield f"{name}, {sort}, {which} page", _get(client, path, **query, sort=sort, page=page)


def pages() -> Iterator[tuple[str, Look]]:
    client = Client()
    expert = Expert.objects.active().order_by("pk")[60]
    page = reverse("expert", args=[expert.slug])
    yield "an expert's page", _get(client, page)
    yield "an expert's page, a day", _get(client, page, day=f"{expert.today() + timedelta(days=9)}")
    yield "an expert's page, a month", _get(client, page, month=f"{expert.today() + timedelta(days=30):%Y-%m}")
    booking = Booking.objects.filter(status="CONFIRMED", slot__starts_at__gt=timezone.now()).exclude(holder="")[:1][0]
    yield "bookings of an address", lambda: Booking.objects.of_address(booking.email).exists()
    owner = _visitor(booking)
    yield "My bookings", _get(owner, reverse("my_bookings"))
    yield "a booking", _get(owner, reverse("booking", args=[booking.reference]))
    yield "look-up, sent", _get(_asked(booking), reverse("my_bookings"), sent=1)


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
    ]
    for name, path, query in asked:
        yield f"API, {name}", _get(client, path, **query)


def _superuser() -> Client:
    return _logged_in(
        User.objects.filter(email="boss@example.com").first() or User.objects.create_superuser("boss@example.com")
    )


def _owner() -> Client:
    user = User.objects.get(email="user7@example.com")
    organization = Organization.objects.get(slug="clinic-2")
    Membership.objects.get_or_create(user=user, organization=organization, defaults={"role": Role.OWNER})
    return _logged_in(user)


def _logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def admin(who: str, client: Client) -> Iterator[tuple[str, Look]]:
    organization = "clinic-0" if who == "superuser" else "clinic-2"
    mine = Booking.objects.filter(slot__expert__organization__slug=organization).exclude(name="")
    booking = mine.filter(slot__expert=Expert.objects.filter(organization__slug=organization)[3]).order_by("pk")[5]
    expert = booking.slot.expert
    today = timezone.localdate()
    week = {"slot__date_from": f"{today:%Y-%m-%d}", "slot__date_to": f"{today + timedelta(days=6):%Y-%m-%d}"}
    bookings, slots, refused = (
        "bookings_booking_changelist",
        "experts_slot_changelist",
        "bookings_turnedaway_changelist",
    )
    pages: list[tuple[str, str, dict[str, Any]]] = [
        ("Today", "index", {}),
        ("Bookings", bookings, {}),
        ("Bookings, page 100", bookings, {"p": 100}),
        ("Bookings, beyond the last page", bookings, {"p": 90_000_000}),
        ("Bookings by reference", bookings, {"q": booking.reference}),
        ("Bookings by address", bookings, {"q": booking.email}),
        ("Bookings by part of an address", bookings, {"q": booking.email.partition("@")[0]}),
        ("Bookings by name", bookings, {"q": booking.name}),
        ("Bookings by a frequent name", bookings, {"q": "karim"}),
        ("Bookings by a name nobody has", bookings, {"q": "zzyzx"}),
        ("Bookings that are pending", bookings, {"status__exact": "PENDING"}),
        ("Bookings that are rejected (none)", bookings, {"status__exact": "REJECTED"}),
        ("Bookings by source", bookings, {"source__exact": "api"}),
        ("Bookings of an expert", bookings, {"slot__expert__id__exact": expert.pk}),
        ("Bookings of this week", bookings, week),
        ("Bookings of a week long ago (none)", bookings, {"slot__date_to": "2001-01-07"}),
        ("Bookings of an expert this week", bookings, {"slot__expert__id__exact": expert.pk, **week}),
        ("Bookings of a slot", bookings, {"slot__id__exact": booking.slot_id}),
        ("Slots", slots, {}),
        ("Slots of the past", slots, {"when": "past"}),
        ("Slots, all", slots, {"when": "all"}),
        ("Slots, page 100", slots, {"p": 100, "when": "all"}),
        ("Slots of an expert", slots, {"expert__id__exact": expert.pk}),
        ("Slots of a day", slots, {"date_from": f"{today}", "date_to": f"{today}"}),
        ("Slots by words and day", slots, {"q": f"{expert.name} {today + timedelta(days=3)}"}),
        ("Slots by words nobody has", slots, {"q": "zzyzx"}),
        ("Slots that are closed", slots, {"is_closed__exact": 1}),
        ("Turned away", refused, {}),
        ("Turned away, an expert", refused, {"slot__expert__id__exact": expert.pk}),
        ("Turned away, by API (none)", refused, {"source__exact": "api"}),
        ("E-mails", "bookings_notification_changelist", {}),
        ("Waitlist", "bookings_waitlistentry_changelist", {}),
        ("Experts", "experts_expert_changelist", {}),
        ("Experts by words", "experts_expert_changelist", {"q": "yuki"}),
        ("Organisations", "experts_organization_changelist", {}),
        ("Book for somebody", "bookings_booking_add", {"slot": booking.slot_id}),
    ]
    if who == "superuser":
        pages += [("Categories", "experts_category_changelist", {}), ("Users", "experts_user_changelist", {})]
    for name, page, query in pages:
        yield f"{who}, {name}", _get(client, reverse(f"admin:{page}"), **query)
    yield f"{who}, An expert", _get(client, reverse("admin:experts_expert_change", args=[expert.pk]))
    yield f"{who}, A slot", _get(client, reverse("admin:experts_slot_change", args=[booking.slot_id]))
    yield f"{who}, A booking", _get(client, reverse("admin:bookings_booking_change", args=[booking.pk]))


def sweeps() -> Iterator[tuple[str, Look]]:
    """The looking, not the doing, which costs as much as there is to do."""
    now = timezone.now()
    most = catch_up.MOST_AT_ONCE
    yield "sweep, overdue", lambda: list(expiry.overdue(now).values_list("pk")[:most])
    yield "sweep, finished", lambda: list(catch_up.recently_finished(now).values_list("pk")[:most])
    yield "sweep, finished ever", lambda: list(catch_up.finished(now).order_by("slot_id").values_list("pk")[:most])
    yield "sweep, waited for", lambda: list(catch_up.free_and_waited_for(now).values_list("pk")[:most])
    soon = now + timedelta(hours=24)
    reminders = due_reminders(MailKind.REMINDER_DAY, soon - timedelta(minutes=1), soon)
    yield "sweep, reminders of a minute", lambda: list(reminders.values_list("pk", "sequence"))
    yield "sweep, clean-up", lambda: cleanup.delete_old(now)
    yield "sweep, horizons", lambda: list(behind_horizon(Expert.objects.active()).order_by("pk").values_list("pk"))
