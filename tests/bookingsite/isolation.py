"""What the walk through the admin needs: an organisation with unmistakable words, and every address there is."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from http.cookies import SimpleCookie
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django.urls import URLResolver
from django.urls.resolvers import RegexPattern
from django.utils import timezone

from bookings.admin.decision_forms import DECISIONS
from bookings.mail.log import booking_message_id
from bookings.models import (
    ApiToken,
    Block,
    Booking,
    CalendarFeed,
    Erasure,
    MailKind,
    NoteReading,
    Notification,
    Question,
    Status,
    TurnedAway,
    WaitlistEntry,
    WebhookDelivery,
    WebhookEndpoint,
)
from bookings.models.block import BlockKind
from bookings.services import create_feed
from bookings.webhooks.endpoints import add_webhook, send_test_webhook
from experts import services
from experts.models import (
    Category,
    Expert,
    ExportLog,
    ImportKind,
    ImportRun,
    ImportStatus,
    Invitation,
    Membership,
    OfferedType,
    Organization,
    Role,
    SessionType,
    SignIn,
    Slot,
    TimeOff,
    User,
    WeeklyHours,
)
from tests.cast import (
    day_ahead,
    make_booking,
    make_category,
    make_expert,
    make_organization,
    make_question,
    make_session_type,
    make_slot,
)
from tests.staff import logged_in, make_member, make_superuser, messages_of

MISSING = 987654321  # the key of no row
SHARED = {Category}
FOR_SUPERUSERS = [User, Group]
CSRF = re.compile(r'"[A-Za-z0-9]{64}"|value="[A-Za-z0-9]{64}"')


@dataclass
class World:
    """An organisation, what it owns, the people who look at it, and the words that give it away."""

    organization: Organization
    objects: dict[type[Model], Model]
    people: dict[str, Client]
    # By who is looking: what they must not read.
    words: dict[str, list[str]]

    def fresh(self) -> "World":
        """The same rows, with objects and logins that nobody has changed."""
        organization, objects = copy.deepcopy((self.organization, self.objects))
        people = {who: Client() for who in self.people}
        for who, client in people.items():
            client.cookies = SimpleCookie({name: cookie.value for name, cookie in self.people[who].cookies.items()})
        return World(organization, objects, people, self.words)


def make_world() -> World:
    organization = make_organization(name="Quillfeather Clinic", contact_email="desk@quillfeather.example")
    category = make_category(name="Health")
    expert = make_expert(
        name="Zephyrine Okonkwolight",
        slug="zephyrine-ok",
        organization=organization,
        category=category,
    )
    slot = make_slot(expert, title="Xylomark visit", capacity=2)
    booking = make_booking(
        slot,
        name="Lena Quorlbath",
        email="quorlbath@example.com",
        phone="0151-77331",
        notes="Wobbleknee",
        network="203.0.113.0",
    )
    # Somebody keeps a time: for the page of what is held.
    held = make_slot(expert, at="16:00")
    make_booking(held, status=Status.HELD, name="Lena Quorlbath", network="203.0.113.0")
    demand = TurnedAway.objects.create(slot=slot, reason="full", source="web")
    kind = make_session_type(organization, expert, name="Grumblefit visit", slug="grumblefit")
    services.set_types(slot_id=slot.pk, for_types=[kind.pk])
    waiting = WaitlistEntry.objects.create(slot=slot, name="Wilma Drabblestone", email="drabble@example.com")
    sent = {"kind": "confirmed", "audience": "customer", "status": "failed", "booking": booking}
    message_id = booking_message_id(booking.reference, MailKind.CONFIRMED, booking.sequence, booking.email)
    mail = Notification.objects.create(message_id=message_id, to=booking.email, **sent)
    away = TimeOff.objects.create(expert=expert, first_day=day_ahead(4), last_day=day_ahead(4), reason="Gribblefever")
    TimeOff.objects.create(
        organization=organization, first_day=day_ahead(5), last_day=day_ahead(5), reason="Snorkelday"
    )
    make_hours(expert, title="Plumbic visit")
    webhook = add_webhook(
        organization=organization, url="https://hooks.quillfeather.example/in", event_types=["booking.created"]
    )
    delivery = send_test_webhook(endpoint_id=webhook.pk)
    ulf = {"email": "ulf@garthmail.example", "name": "Ulfgarth", "password": None}
    owner = make_member(organization, **ulf)
    invitation = Invitation.objects.create(organization=organization, email="ivo@garthmail.example", role=Role.OWNER)
    membership = owner.memberships.get()
    result = {"rows": 1, "error_count": 1, "errors": [[2, "There is no expert Snarkleby in this organisation."]]}
    ImportRun.objects.create(
        organization=organization, kind="slots", user=owner, status=ImportStatus.CHECKED, result=result
    )
    token = ApiToken.objects.create(organization=organization, name="Twiddlekiosk", token_hash="x" * 64, ending="wxyz")
    block = Block.objects.create(
        organization=organization,
        kind="address",
        value="grumblewort@example.com",
        until=timezone.now() + timedelta(days=1),
    )
    erasure = Erasure.objects.create(address="drabble@example.com", organization=organization, asked_by="staff")
    feed, _token = create_feed(organization=organization, expert=expert, created_by=owner)

    colleague = make_member(organization, Role.EXPERT, email="colleague@example.com", password=None)
    make_slot(make_expert(name="Amara Own", organization=organization, category=category, user=colleague))
    stranger = make_member(make_organization(name="Harbour Law"), email="stranger@example.com", password=None)
    make_slot(make_expert(name="Hannah Weiss", organization=stranger.memberships.get().organization, category=category))

    of_the_calendar = [
        "Okonkwolight",
        "zephyrine-ok",
        "Xylomark",
        "Quorlbath",
        "quorlbath@",
        "0151-77331",
        "Wobbleknee",
        "Drabblestone",
        "drabble@",
        "Gribblefever",
        "Snorkelday",
        "Plumbic",
        "Grumblefit",
        "grumblefit",
        "Twiddlekiosk",
        "grumblewort@",
        "Snizzlewort",
        "Snarkleby",
    ]
    of_the_calendar += [booking.reference, booking.reference.lower(), "garthmail"]
    return World(
        organization=organization,
        objects={
            Organization: organization,
            Membership: membership,
            Category: category,
            Expert: expert,
            SessionType: kind,
            Slot: slot,
            Booking: booking,
            TimeOff: away,
            WaitlistEntry: waiting,
            Notification: mail,
            CalendarFeed: feed,
            TurnedAway: demand,
            Erasure: erasure,
            User: owner,
            Invitation: invitation,
            ApiToken: token,
            Block: block,
            Question: make_question(organization, label="Does the Snizzlewort hurt?"),
            WebhookEndpoint: webhook,
            WebhookDelivery: delivery,
            SignIn: SignIn.objects.create(
                organization=organization, who="lurgan@garthmail.example", outcome="in", means="password", address="::1"
            ),
            ExportLog: ExportLog.objects.create(
                organization=organization, who="lurgan@garthmail.example", subject="reports", format="csv", rows=1
            ),
            NoteReading: NoteReading.objects.create(
                organization=organization, booking=booking, reference=booking.reference, who="lurgan@garthmail.example"
            ),
            Group: Group.objects.create(name="Grobblegroup"),
        },
        people={
            "nobody": Client(),
            "stranger": logged_in(stranger),
            "colleague": logged_in(colleague),
            "owner": logged_in(owner),
            "superuser": logged_in(make_superuser(email="super@example.com", password=None)),
        },
        words={
            "stranger": [*of_the_calendar, "Quillfeather", "quillfeather", "Ulfgarth", "ulfgarth", "Grobblegroup"],
            # What is asked of everybody who books is no secret, and to be asked by whoever books for somebody.
            "colleague": [*(word for word in of_the_calendar if word != "Snizzlewort"), "Grobblegroup"],
        },
    )


def make_hours(expert: Expert, **values) -> WeeklyHours:
    """Hours whose slots nobody has made yet: on the weekday of a day ahead."""
    usual = {"weekday": day_ahead(3).weekday(), "start": time(9), "end": time(11), "slot_minutes": 60, "capacity": 1}
    return WeeklyHours.objects.create(expert=expert, **usual | values)


# Every address


@dataclass(frozen=True)
class Address:
    """An address of the admin as its pattern is written, and whose model's page it is, if any's."""

    pattern: str
    model: type[Model] | None
    names: tuple[str, ...]

    def filled(self, **values: Any) -> str:
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), self.pattern)

    def __str__(self):
        return self.pattern


def addresses() -> list[Address]:
    """All addresses of the admin, whoever added them."""
    prefixes = {f"/admin/{model._meta.app_label}/{model._meta.model_name}/": model for model in admin.site._registry}
    found = []
    for pattern in walk(admin.site.get_urls(), "/admin/"):
        model = next((model for prefix, model in prefixes.items() if pattern.startswith(prefix)), None)
        found.append(Address(pattern, model, tuple(re.findall(r"<(?:\w+:)?(\w+)>", pattern))))
    return found


def walk(patterns, prefix: str) -> Iterator[str]:
    for entry in patterns:
        route = str(entry.pattern)
        if isinstance(entry.pattern, RegexPattern):
            route = re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", route).strip("^$")
        if isinstance(entry, URLResolver):
            yield from walk(entry.url_patterns, prefix + route)
        else:
            yield prefix + route


def calls(address: Address, world: World, key: Any = None) -> list[str]:
    """The address with everything that it could be asked about; with ``key``, about that instead of what is there.

    Raises KeyError for a part of an address that nobody has told this how to fill in, or a model of which there is
    nothing in the world: tell it, and the walk goes there.
    """
    if address.names == ("app_label",):
        return [address.filled(app_label=label) for label in sorted({m._meta.app_label for m in admin.site._registry})]
    if address.names == ("url",):
        return [address.filled(url="nonsense/")]
    if not address.names:
        return [address.filled()]
    if address.pattern.startswith("/admin/import/template/"):
        return [address.filled(kind=kind) for kind in (*ImportKind.values, "nonsense")]
    if address.pattern.startswith("/admin/import/"):
        return [address.filled(pk=key or ImportRun.objects.get(organization=world.organization).pk)]
    model = Booking if "booking_id" in address.names else address.model
    pk = key or world.objects[model].pk
    asked = {name: pk for name in KEYS}
    if "/mails/" in address.pattern:
        return [address.filled(**asked, kind=kind) for kind in (MailKind.CONFIRMED, MailKind.PASSWORD, "nonsense")]
    if "kind" in address.names:  # of where a booking comes from
        return [address.filled(**asked, kind=kind) for kind in (*BlockKind.values, "nonsense")]
    if "name" in address.names:  # of a decision about a booking
        return [address.filled(**asked, name=name) for name in (*DECISIONS, "nonsense")]
    return [address.filled(**asked)]


KEYS = {"object_id", "id", "pk", "booking_id"}


# What an answer says


def text_of(response) -> str:
    """All that somebody reads in an answer: its text, where it leads, and the messages that it leaves."""
    if getattr(response, "streaming", False):
        body = b"".join(response.streaming_content).decode(errors="replace")
    else:
        body = response.content.decode(errors="replace")
    said = messages_of(response) if response.wsgi_request.user.is_authenticated else []
    return "\n".join([body, response.get("Location", ""), *said])


def leaks(response, words: list[str]) -> list[str]:
    text = text_of(response)
    return [word for word in words if word in text]


def looks(response, key: Any) -> tuple[int, str]:
    """An answer without what differs each time, and without the key that it was asked about, there or missing."""
    return response.status_code, re.sub(rf"{MISSING}|{key}", "KEY", CSRF.sub("", text_of(response)))


def everything_stored(world: World) -> dict:
    """All rows of all models that the admin knows."""
    hidden = {"last_login"}
    return {
        model: [
            {name: value for name, value in row.items() if name not in hidden}
            for row in model._base_manager.order_by("pk").values()
        ]
        for model in (*world.objects, WeeklyHours, OfferedType)
        if model is not ExportLog  # who takes along what they may see leaves a line
    }
