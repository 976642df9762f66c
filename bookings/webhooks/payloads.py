"""What a webhook says. Described for those who receive it, with examples, in docs/webhooks.md."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from bookings.models import Answer, Booking, EventType, WebhookEndpoint
from bookings.selectors.answers import answers_by_name
from bookings.selectors.booking_facts import agreed_facts
from bookings.selectors.place import whole_place
from experts.models import Slot
from experts.slot_facts import slot_facts


def payload(kind: EventType, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    """The whole body, as Standard Webhooks recommends it. ``at`` is when it happened."""
    return {"type": kind.value, "timestamp": _instant(at), "data": data}


def slot_data(slot: Slot, now: datetime) -> dict[str, Any]:
    """A slot as the JSON API shows it. Needs ``with_expert()``."""
    facts = slot_facts(slot, now)
    instants = {name: _instant(facts[name]) for name in ("starts_at", "ends_at")}
    return facts | instants | {"date": facts["date"].isoformat()}


def booking_data(booking: Booking, slot: dict[str, Any], previous_slot: dict[str, Any] | None) -> dict[str, Any]:
    """A booking, without what says who made it. Notes are never sent. Needs ``with_slot()``."""
    agreed = agreed_facts(booking, whole_place(booking))
    if agreed:
        agreed["ends_at"] = _instant(booking.ends_at)
    data = {
        "reference": booking.reference,
        "status": booking.status,
        "seats": booking.seats,
        "source": booking.source,
        "created_at": _instant(booking.created_at),
        **agreed,
        "slot": slot,
    }
    return data | ({"previous_slot": previous_slot} if previous_slot else {})


def for_endpoint(
    body: dict[str, Any], booking: Booking | None, endpoint: WebhookEndpoint, answers: Iterable[Answer] = ()
) -> dict[str, Any]:
    """The body as one endpoint gets it: with the person, if its organisation has asked for that.

    ``answers``: those of the booking whose questions are switched on for webhooks.
    """
    if booking is None or not endpoint.sends_contacts:
        return body
    personal: dict[str, Any] = {"contact": {"name": booking.name, "email": booking.email, "phone": booking.phone}}
    if said := answers_by_name(answers):
        personal["answers"] = said
    return body | {"data": body["data"] | personal}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
