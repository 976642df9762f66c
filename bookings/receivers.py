"""Take part in what experts/services/ does to slots and new organisations, and in what mail services tell."""

from collections.abc import Collection
from itertools import chain
from typing import Any

from anymail.signals import AnymailTrackingEvent, tracking
from django.dispatch import receiver
from django.utils import timezone

from bookings import services
from bookings.models import Booking
from bookings.services import delete_ended_holds, serve_waitlists
from bookings.webhooks.events import queue_capacity_events
from experts.example_types import ExampleSet
from experts.hooks import (
    ChangedSlot,
    counts_sessions_booked,
    finds_slots_in_use,
    on_example_added,
    on_slots_changed,
    on_slots_deleting,
)
from experts.models import Expert, Organization, SessionType


@on_slots_changed
def serve_who_waits(changes: list[ChangedSlot]) -> None:
    """Offer seats that a change has freed to the first in line."""
    serve_waitlists([change.after.pk for change in changes])


@on_slots_changed
def tell_webhooks(changes: list[ChangedSlot]) -> None:
    """Tell endpoints of slots that a change has made full or free."""
    queue_capacity_events(changes)


@finds_slots_in_use
def find_booked(slot_ids: Collection[int]) -> set[int]:
    """Keep slots with bookings, ended ones too; a hold that ended is nobody's booking."""
    rows = Booking.objects.exclude_ended_holds().order_by()
    first = rows.filter(slot__in=slot_ids).values_list("slot_id", flat=True).distinct()
    more = rows.filter(more_slots__overlap=list(slot_ids)).values_list("more_slots", flat=True)
    return {*first, *chain.from_iterable(more)}.intersection(slot_ids)


@on_slots_deleting
def forget_holds(slot_ids: Collection[int]) -> None:
    """Delete the holds of these slots that ended: their rows would keep the slots."""
    delete_ended_holds(Booking.objects.filter(slot__in=slot_ids).ended_holds())


@counts_sessions_booked
def count_booked(offers: Collection[tuple[int, int]]) -> int:
    """Count what is booked and lies ahead, holds included."""
    experts, types = {expert for expert, _type in offers}, {type_id for _expert, type_id in offers}
    rows = Booking.objects.occupying().filter(session_type__in=types)
    rows = rows.of_experts(Expert.objects.filter(pk__in=experts))
    return rows.filter(slot__starts_at__gt=timezone.now()).count()


@on_example_added
def ask_what_is_usually_asked(organization: Organization, example: ExampleSet, types: list[SessionType]) -> None:
    """Add the questions that come with an example, to an organisation that asks nothing yet."""
    services.add_example_questions(organization=organization, example=example.slug, types=types)


@receiver(tracking)
def take_mail_event(event: AnymailTrackingEvent, **_sender: Any) -> None:
    """Take what a mail service tells of a mail (anymail's views, bookingsite/urls.py)."""
    ids = {str(event.message_id or ""), str((event.metadata or {}).get("mail", ""))} - {""}
    services.note_mail_event(
        event=event.event_type,
        message_ids=ids | {f"<{name}>" for name in ids},
        address=event.recipient or "",
        reason=event.reject_reason or "",
    )
