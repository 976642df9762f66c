"""What staff look at: the pages of their day, lists, searches, reports, exports, and what their programs ask."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bench.size.look import Look, got
from bookings.models import ApiToken, Booking
from bookings.services import create_token
from experts.models import Expert, Membership, Organization, Role, User

ORGANIZATION, LARGE_ORGANIZATION = "clinic-2", "clinic-0"  # bench/size/fill.py says what they have


def admin() -> Iterator[tuple[str, Look]]:
    """As a superuser, who sees all; as an owner; as an expert of the same organisation, who sees the own; and as the
    owner of an organisation that has a tenth of all experts.
    """
    yield from _admin("superuser", _superuser())
    yield from _admin("owner", _member("user7@example.com", Role.OWNER))
    _expert_of_user("user8@example.com")
    yield from _some_pages("expert", _member("user8@example.com", Role.EXPERT))
    large = _member("user9@example.com", Role.OWNER, LARGE_ORGANIZATION)
    yield from _some_pages("large organisation's owner", large)


def api() -> Iterator[tuple[str, Look]]:
    """With a token of an organisation."""
    organization = Organization.objects.get(slug=ORGANIZATION)
    secret = create_token(token=ApiToken(organization=organization, name="Size", scope=ApiToken.Scope.READ))
    client = Client(headers={"authorization": f"Bearer {secret}"})
    booking = _a_booking()
    expert, today = booking.slot.expert, timezone.localdate()
    root = "/api/v1/admin"
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("experts", "experts", {}),
        ("experts by words", "experts", {"search": "yuki"}),
        ("slots", "slots", {}),
        ("slots of an expert", "slots", {"expert": expert.slug}),
        ("bookings", "bookings", {}),
        ("bookings of an expert", "bookings", {"expert": expert.slug}),
        ("bookings that are pending", "bookings", {"status": "PENDING"}),
        ("bookings of a day", "bookings", {"from": f"{today}", "to": f"{today}"}),
        ("a booking", f"bookings/{booking.reference}", {}),
        ("time off", "time-off", {}),
        ("hours", f"experts/{expert.slug}/hours", {}),
        ("session types", "session-types", {}),
    ]
    for name, path, query in asked:
        yield f"staff API, {name}", got(client, f"{root}/{path}", **query)
    for name, person in (("address", {"email": booking.email}), ("name", {"name": booking.name})):
        yield f"staff API, bookings by {name}", _posted(client, f"{root}/bookings/search", person)


def _posted(client: Client, path: str, body: dict[str, str]) -> Look:
    def look() -> None:
        response = client.post(path, json.dumps(body), content_type="application/json")
        assert response.status_code == 200, (path, response.status_code, response.content)

    return look


def _superuser() -> Client:
    return _logged_in(
        User.objects.filter(email="boss@example.com").first() or User.objects.create_superuser("boss@example.com")
    )


def _member(email: str, role: Role, slug: str = ORGANIZATION) -> Client:
    user, organization = User.objects.get(email=email), Organization.objects.get(slug=slug)
    Membership.objects.get_or_create(user=user, organization=organization, defaults={"role": role})
    return _logged_in(user)


def _expert_of_user(email: str) -> None:
    """Give the account to the fourth of the organisation."""
    Expert.objects.filter(pk=_an_expert().pk).update(user=User.objects.get(email=email))


def _an_expert() -> Expert:
    return Expert.objects.filter(organization__slug=ORGANIZATION).order_by("pk")[3]


def _logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def _a_booking() -> Booking:
    """The expert's last, which is the same one in a database of any size."""
    rows = Booking.objects.filter(slot__expert=_an_expert(), status__in=["CONFIRMED", "COMPLETED"])
    return rows.select_related("slot__expert__organization").order_by("-slot__starts_at")[0]


def _admin(who: str, client: Client) -> Iterator[tuple[str, Look]]:
    booking = _a_booking()
    expert = booking.slot.expert
    today = timezone.localdate()
    days = {"date_from": f"{today:%Y-%m-%d}", "date_to": f"{today + timedelta(days=6):%Y-%m-%d}"}
    week = {f"slot__{name}": day for name, day in days.items()}
    bookings, slots, refused = (
        "bookings_booking_changelist",
        "experts_slot_changelist",
        "bookings_turnedaway_changelist",
    )
    chosen = {"organization": expert.organization_id}
    client.get(reverse("admin:day"), chosen)  # whose day stays chosen, whatever is looked at first
    pages: list[tuple[str, str, dict[str, Any]]] = [
        ("Day", "day", chosen),
        ("Today", "index", {}),  # which is about the organisation that was chosen last
        ("Day, list", "day", {**chosen, "view": "list"}),
        ("Day, one expert", "day", {**chosen, "experts": expert.pk}),
        ("Day, next week", "day", {**chosen, "day": f"{today + timedelta(days=7)}"}),
        ("Day, found by name", "day", {**chosen, "q": booking.name}),
        ("Day, found by a frequent name", "day", {**chosen, "q": "karim"}),
        ("Day, grid", "day_grid", chosen),
        ("Day, to print", "day_print", chosen),
        ("Week", "week", {"expert": expert.pk}),
        ("Week, whose is not said", "week", chosen),
        ("Requests", "requests", chosen),
        ("Requests by name", "requests", {**chosen, "q": "karim"}),
        ("Rescue", "rescue", chosen),
        ("My day", "my_day", {**chosen, "expert": expert.pk}),
        ("Why not offered", "why_not", {**chosen, "expert": expert.pk, "day": f"{today}", "at": "10:00"}),
        ("Book by phone", "book", chosen),
        ("Book by phone, a person", "book", {**chosen, "person": booking.pk}),
        ("Book by phone, a slot", "book", {**chosen, "slot": booking.slot_id}),
        ("Move a booking", "day_moves", {"booking": booking.pk}),
        ("Reports, this month", "reports", chosen),
        ("Imports", "import", {}),
        ("Bookings", bookings, {}),
        ("Bookings, page 12", bookings, {"p": 12}),  # which an owner has in either database
        ("Bookings, beyond the last page", bookings, {"p": 90_000_000}),
        ("Bookings by reference", bookings, {"q": booking.reference}),
        ("Bookings by address", bookings, {"q": booking.email}),
        ("Bookings by part of an address", bookings, {"q": booking.email.partition("@")[0]}),
        ("Bookings by name", bookings, {"q": booking.name}),
        ("Bookings by a frequent name", bookings, {"q": "karim"}),
        ("Bookings by a name nobody has", bookings, {"q": "zzyzx"}),
        ("Bookings by end of a phone number", bookings, {"q": "790792"}),
        ("Bookings that are pending", bookings, {"status__exact": "PENDING"}),
        ("Bookings that are rejected (none)", bookings, {"status__exact": "REJECTED"}),
        ("Bookings by source", bookings, {"source__exact": "api"}),
        ("Bookings of an expert", bookings, {"slot__expert__id__exact": expert.pk}),
        ("Bookings of a person", bookings, {"person": booking.pk}),
        ("Bookings of this week", bookings, week),
        ("Bookings of this week by a frequent name", bookings, {"q": "karim", **week}),
        ("Bookings of a week long ago (none)", bookings, {"slot__date_to": "2001-01-07"}),
        ("Bookings of an expert this week", bookings, {"slot__expert__id__exact": expert.pk, **week}),
        ("Bookings of a slot", bookings, {"slot__id__exact": booking.slot_id}),
        ("Slots", slots, {}),
        ("Slots of the past", slots, {"when": "past"}),
        ("Slots, all", slots, {"when": "all"}),
        ("Slots, page 30", slots, {"p": 30, "when": "all"}),
        ("Slots of an expert", slots, {"expert__id__exact": expert.pk}),
        ("Slots of a day", slots, {"date_from": f"{today}", "date_to": f"{today}"}),
        ("Slots by words and day", slots, {"q": f"{expert.name} {booking.slot.date}"}),
        ("Slots by words nobody has", slots, {"q": "zzyzx"}),
        ("Slots that are closed", slots, {"is_closed__exact": 1}),
        ("Turned away", refused, {}),
        ("Turned away, an expert", refused, {"slot__expert__id__exact": expert.pk}),
        ("Turned away, by API (none)", refused, {"source__exact": "api"}),
        ("E-mails", "bookings_notification_changelist", {}),
        ("E-mails of an address", "bookings_notification_changelist", {"q": booking.email}),
        ("Waitlist", "bookings_waitlistentry_changelist", {}),
        ("Experts", "experts_expert_changelist", {}),
        ("Experts by words", "experts_expert_changelist", {"q": "yuki"}),
        ("Organisations", "experts_organization_changelist", {}),
        ("Session types", "experts_sessiontype_changelist", {}),
        ("Time off", "experts_timeoff_changelist", {}),
        ("Blocked people", "bookings_block_changelist", {}),
        ("Log of imports and exports", "experts_exportlog_changelist", {}),
        ("Feeds", "bookings_calendarfeed_changelist", {}),
        ("Book for somebody", "bookings_booking_add", {"slot": booking.slot_id}),
        ("Search of all", "search", {"s": "yuki"}),
        (
            "Choose an expert",
            "autocomplete",
            {"app_label": "experts", "model_name": "timeoff", "field_name": "expert", "term": "yuki"},
        ),
        (
            "Choose a slot",
            "autocomplete",
            {
                "app_label": "bookings",
                "model_name": "booking",
                "field_name": "slot",
                "term": f"{expert.name} {booking.slot.date}",
            },
        ),
        ("Export of an expert's bookings", "bookings_booking_csv", {"slot__expert__id__exact": expert.pk}),
        ("Export of experts by words", "experts_expert_csv", {"q": expert.name}),
    ]
    if who == "superuser":
        pages += [
            ("Categories", "experts_category_changelist", {}),
            ("Users", "experts_user_changelist", {}),
            ("Operations", "operations", {}),
        ]
    for name, page, query in pages:
        yield f"{who}, {name}", got(client, reverse(f"admin:{page}"), **query)
    yield f"{who}, An expert", got(client, reverse("admin:experts_expert_change", args=[expert.pk]))
    yield f"{who}, A slot", got(client, reverse("admin:experts_slot_change", args=[booking.slot_id]))
    yield f"{who}, A booking", got(client, reverse("admin:bookings_booking_change", args=[booking.pk]))


def _some_pages(who: str, client: Client) -> Iterator[tuple[str, Look]]:
    pages = {
        "Today": "index",
        "My day": "my_day",
        "Week": "week",
        "Requests": "requests",
        "Bookings": "bookings_booking_changelist",
        "Slots": "experts_slot_changelist",
        "Waitlist": "bookings_waitlistentry_changelist",
        "Turned away": "bookings_turnedaway_changelist",
    }
    if who != "expert":
        pages |= {"Day": "day", "Rescue": "rescue", "E-mails": "bookings_notification_changelist"}
    for name, page in pages.items():
        yield f"{who}, {name}", got(client, reverse(f"admin:{page}"))
