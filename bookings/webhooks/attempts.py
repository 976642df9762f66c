"""Webhooks: what comes of each attempt to deliver one.

A delivery that waits has one job, which carries the time of its next attempt. Whatever changes that time (an attempt,
sending again, a pause) makes jobs with another time do nothing, so that none runs twice.
"""

import random
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from bookings.models import EventType, WebhookDelivery, WebhookEndpoint
from bookings.queue import defer
from bookings.webhooks.events import queue_attempts
from bookings.webhooks.http_client import Outcome
from experts import metrics, sending

# The example schedule of Standard Webhooks: after each failure, and 75 hours in all.
DELAYS = [
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]
# No event is lost to an outage that is shorter: none is given up sooner.
PAUSE_AFTER = timedelta(days=3)
LONGEST_WISH = timedelta(hours=24)  # that a receiver's Retry-After is followed
RESPONSE_KEPT = 2000  # characters
_Status = WebhookDelivery.Status


def begin_attempt(*, delivery_id: int, due: str) -> WebhookDelivery | None:
    """The delivery whose attempt was due then, with its endpoint; None when there is nothing to do any more.

    While nothing may be sent (experts/sending.py) it is put off, and not counted.
    """
    waiting = WebhookDelivery.objects.select_related("endpoint").filter(
        pk=delivery_id, status=_Status.WAITING, next_attempt_at=datetime.fromisoformat(due)
    )
    row = waiting.annotate(is_held=sending.held()).first()
    if row is not None and not row.endpoint.is_sending:
        waiting.update(status=_Status.KEPT, next_attempt_at=None)
        return None
    if row is not None and row.is_held:
        put_off(delivery=row, seconds=sending.WAIT)
        return None
    return row


def put_off(*, delivery: WebhookDelivery, seconds: float) -> None:
    """Try later, without counting it: too much is under way to this endpoint."""
    with transaction.atomic():
        delivery.next_attempt_at, due = timezone.now() + timedelta(seconds=seconds), delivery.next_attempt_at
        if _still_due(delivery, due).update(next_attempt_at=delivery.next_attempt_at):
            queue_attempts([delivery])


def end_attempt(*, delivery: WebhookDelivery, outcome: Outcome) -> None:
    """Write down what came of an attempt: delivered, to be tried again, or given up. Locks the endpoint.

    An endpoint to which nothing came through for three days, or that answers 410, is paused, and its owners are told.
    """
    metrics.webhooks.labels(
        "delivered" if outcome.is_success else f"answered {outcome.status}" if outcome.status else "no answer"
    ).inc()
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=delivery.endpoint_id).first()
        if endpoint is None:
            return
        now, due = timezone.now(), delivery.next_attempt_at
        delivery.attempts += 1
        delivery.status, delivery.next_attempt_at = _next(delivery, outcome, now)
        # What arrived has arrived, even if it was sent again or kept meanwhile.
        row = WebhookDelivery.objects.filter(pk=delivery.pk) if outcome.is_success else _still_due(delivery, due)
        if row.update(
            status=delivery.status,
            attempts=delivery.attempts,
            next_attempt_at=delivery.next_attempt_at,
            last_attempt_at=now,
            response_status=outcome.status,
            response=outcome.text[:RESPONSE_KEPT],
            error=outcome.error[:200],
        ):
            queue_attempts([delivery])
        if delivery.type != EventType.TEST:
            _note_health(endpoint, delivery, outcome, now)


def _still_due(delivery: WebhookDelivery, due: datetime | None) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(pk=delivery.pk, status=_Status.WAITING, next_attempt_at=due)


def _next(delivery: WebhookDelivery, outcome: Outcome, now: datetime) -> tuple[str, datetime | None]:
    if outcome.is_success:
        return _Status.DELIVERED, None
    if outcome.status == 410 or delivery.attempts > len(DELAYS) or delivery.type == EventType.TEST:
        return _Status.FAILED, None
    delay = DELAYS[delivery.attempts - 1] * random.uniform(1, 1.1)
    wish = min(timedelta(seconds=outcome.retry_after), LONGEST_WISH)
    return _Status.WAITING, now + max(delay, wish)


def _note_health(endpoint: WebhookEndpoint, delivery: WebhookDelivery, outcome: Outcome, now: datetime) -> None:
    if outcome.is_success:
        if endpoint.failing_since is not None:
            endpoint.failing_since = None
            endpoint.save(update_fields=["failing_since"])
        return
    if endpoint.failing_since is None:
        endpoint.failing_since = now
        endpoint.save(update_fields=["failing_since"])
    if not endpoint.is_sending:
        return
    if outcome.status == 410:
        _pause(endpoint, WebhookEndpoint.Pause.GONE, now, last=delivery)
    elif now - endpoint.failing_since >= PAUSE_AFTER:
        _pause(endpoint, WebhookEndpoint.Pause.FAILING, now, last=delivery)


def _pause(endpoint: WebhookEndpoint, reason: str, now: datetime, *, last: WebhookDelivery) -> None:
    """Keep what is on its way, and the last one, which may just have been given up: to be sent when it resumes."""
    endpoint.paused_at, endpoint.paused_reason = now, reason
    endpoint.save(update_fields=["paused_at", "paused_reason"])
    rows = endpoint.deliveries.filter(Q(status=_Status.WAITING) | Q(pk=last.pk))
    rows.update(status=_Status.KEPT, next_attempt_at=None)
    defer("bookings.tasks.send_webhook_paused", endpoint_id=endpoint.pk)
