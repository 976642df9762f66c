"""Webhooks: what happened, and who is told of it. Queued in the transaction in which it happens."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from types import MappingProxyType
from typing import Any

from django.db.models.fields.json import KT
from django.utils import timezone

from bookings.models import Booking, EventType, WebhookDelivery, WebhookEndpoint
from bookings.models.webhook import new_event_id
from bookings.queue import defer_jobs, new_job
from bookings.selectors.answers import answers_for_webhooks
from bookings.webhooks import payloads
from experts.hooks import ChangedSlot
from experts.locking import read_slots
from experts.models import Slot

_Status = WebhookDelivery.Status


@dataclass(frozen=True)
class Event:
    """Something to tell, about a slot, and a booking in it. ``previous`` is the slot that it was moved from.

    ``caused_by`` names the request that it follows from, where that is not the one that is answered here.
    """

    type: EventType
    slot: Slot
    booking: Booking | None = None
    previous: Slot | None = None
    caused_by: str | None = None


def booking_events(booking: Booking, *types: EventType, previous: Slot | None = None) -> list[Event]:
    return [Event(kind, booking.slot, booking, previous, booking.asked_by) for kind in types]


def slot_taken(slot: Slot, seats: int, caused_by: str | None = None) -> list[Event]:
    """The events of seats that were booked in a slot or Session, as it was read before: the last ones make it full.

    Full counts bookings and requests, not holds, which come and go while somebody looks around.
    """
    filled = [each for each in slot.covered if 0 < each.capacity - each.seats_booked <= seats]
    return [Event(EventType.SLOT_FULL, each, caused_by=caused_by) for each in filled]


def slot_left(slot: Slot) -> list[Event]:
    """The events of seats that were given back in a slot or Session, as it was read before."""
    return [Event(EventType.SLOT_FREED, each) for each in slot.covered if each.seats_booked >= each.capacity]


def queue_webhooks(
    events: list[Event],
    have_endpoints: Mapping[int, bool] = MappingProxyType({}),
    *,
    wait: timedelta = timedelta(0),
) -> None:
    """Queue in this transaction, after the writes and under the lock, what the organisations' endpoints ask for.

    The first attempt is made after ``wait``. Costs one query where nobody asks, none where the caller has just read
    that: ``have_endpoints``, by organisation (id), of those that it knows of.
    """
    by_organization: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if have_endpoints.get(event.slot.expert.organization_id, True):
            by_organization[event.slot.expert.organization_id].append(event)
    if not by_organization:
        return
    for organization_id in sorted(WebhookEndpoint.objects.organizations_with_any(by_organization)):
        told = by_organization[organization_id]
        types = sorted({event.type.value for event in told})
        if endpoints := list(WebhookEndpoint.objects.asking_for(organization_id, types)):
            _queue(
                [(endpoint, event) for event in told for endpoint in endpoints if event.type in endpoint.event_types],
                wait,
            )


def _queue(wanted: list[tuple[WebhookEndpoint, Event]], wait: timedelta) -> None:
    touched = {slot.pk for _endpoint, event in wanted for slot in (event.slot, event.previous) if slot}
    # Read again: their counters have moved.
    slots = read_slots(touched)
    answers = answers_for_webhooks(
        {
            event.booking.pk
            for endpoint, event in wanted
            if event.booking is not None and endpoint.sends_contacts and event.slot.expert.organization.has_questions
        }
    )
    now, bodies, deliveries = timezone.now(), {}, []
    for endpoint, event in wanted:
        if event not in bodies:
            data = _data(event, slots)
            bodies[event] = new_event_id(), payloads.payload(event.type, now, data)
        event_id, body = bodies[event]
        said = answers.get(event.booking.pk, ()) if event.booking is not None else ()
        content = payloads.for_endpoint(body, event.booking, endpoint, said)
        deliveries.append(make_delivery(endpoint, event_id, event.type, content, now, wait))
    rows = WebhookDelivery.objects.bulk_create(deliveries)
    queue_attempts(rows, [event.caused_by for _endpoint, event in wanted])


def _data(event: Event, slots: dict[int, Slot]) -> dict[str, Any]:
    """Return what is told of an event; ``slots``: by id, as they are now."""
    slot, booking = slots[event.slot.pk], event.booking
    if booking is None:
        return payloads.slot_data(slot, slot.read_at)
    previous = slots[event.previous.pk] if event.previous else None
    return payloads.booking_data(
        booking,
        payloads.slot_data(booking.session_at(slot), slot.read_at),
        payloads.slot_data(booking.session_at(previous), previous.read_at) if previous else None,
    )


def make_delivery(
    endpoint: WebhookEndpoint,
    event_id: str,
    kind: EventType,
    body: dict[str, Any],
    now: datetime,
    wait: timedelta = timedelta(0),
) -> WebhookDelivery:
    """What a paused endpoint would have been told is kept."""
    return WebhookDelivery(
        endpoint=endpoint,
        event_id=event_id,
        type=kind,
        payload=body,
        status=_Status.WAITING if endpoint.is_sending else _Status.KEPT,
        next_attempt_at=now + wait if endpoint.is_sending else None,
    )


def queue_attempts(deliveries: Iterable[WebhookDelivery], caused_by: Iterable[str | None] = ()) -> None:
    """One job for each that waits, which carries the time of its attempt: a job with another time does nothing.

    ``caused_by``: of each, as in ``Event``.
    """
    jobs = [
        new_job(
            "bookings.tasks.deliver_webhook",
            at=row.next_attempt_at,
            caused_by=name,
            delivery_id=row.pk,
            due=row.next_attempt_at.isoformat(),
        )
        for row, name in zip_longest(deliveries, caused_by)
        if row.status == _Status.WAITING and row.next_attempt_at
    ]
    if jobs:
        defer_jobs(jobs)


def take_back(booking: Booking, kind: EventType, since: datetime) -> None:
    """Delete what was queued about a booking since that instant and has not been tried; its jobs then do nothing."""
    rows = WebhookDelivery.objects.annotate(about=KT("payload__data__reference")).filter(about=booking.reference)
    rows.filter(type=kind, attempts=0, created_at__gte=since).exclude(status=_Status.DELIVERED).delete()


def queue_capacity_events(changes: list[ChangedSlot]) -> None:
    """Queue what a change of slots means to endpoints: more or fewer seats may make one full, or free it.

    Closing does neither: it is in the slot's ``state``.
    """
    events = []
    for change in changes:
        was_full, is_full = (row.seats_booked >= row.capacity for row in (change.before, change.after))
        if was_full != is_full:
            events.append(Event(EventType.SLOT_FULL if is_full else EventType.SLOT_FREED, change.after))
    queue_webhooks(events)
