"""Webhooks: what staff do with them. Endpoints are added and changed, resumed and tested, events sent again."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.errors import InvalidDetails, NotAllowed, NotFound
from bookings.models import EventType, WebhookDelivery, WebhookEndpoint
from bookings.models.webhook import new_event_id, new_secret
from bookings.webhooks import payloads
from bookings.webhooks.events import make_delivery, queue_attempts
from experts.locking import slot_transaction
from experts.models import Organization

MOST_ENDPOINTS = 20  # of one organisation
OLD_SECRET_KEPT = timedelta(hours=24)
_Status = WebhookDelivery.Status


def add_webhook(*, organization: Organization, url: str, **values: Any) -> WebhookEndpoint:
    """Add an endpoint. ``values`` are event_types, sends_contacts and is_active.

    Raises InvalidDetails (an address that cannot be used, no events, too many endpoints), Busy.
    """
    endpoint = WebhookEndpoint(organization=organization)
    _fill(endpoint, url, values)
    with slot_transaction():
        if organization.webhooks.count() >= MOST_ENDPOINTS:
            text = _("An organisation has at most %(most)d webhooks.") % {"most": MOST_ENDPOINTS}
            raise InvalidDetails({"url": [text]})
        endpoint.save(force_insert=True)
    return endpoint


def change_webhook(*, endpoint_id: int, url: str, **values: Any) -> WebhookEndpoint:
    """Change an endpoint. What waits for one that is switched off is kept. Raises as ``add_webhook``, and NotFound."""
    with slot_transaction():
        endpoint = _locked(endpoint_id)
        before = (endpoint.url, endpoint.is_active)
        _fill(endpoint, url, values)
        if (endpoint.url, endpoint.is_active) != before:
            endpoint.failing_since = None  # nothing is known of how it is now
        endpoint.save(update_fields=["url", "event_types", "sends_contacts", "is_active", "failing_since"])
        if not endpoint.is_active:
            endpoint.deliveries.filter(status=_Status.WAITING).update(status=_Status.KEPT, next_attempt_at=None)
    return endpoint


def _fill(endpoint: WebhookEndpoint, url: str, values: dict[str, Any]) -> None:
    endpoint.url = url.strip()
    for name, value in values.items():
        setattr(endpoint, name, value)
    try:
        endpoint.clean_fields(exclude=["organization", "old_secret"])
    except ValidationError as error:
        raise InvalidDetails(error.message_dict) from error


def renew_secret(*, endpoint_id: int) -> WebhookEndpoint:
    """Sign with a new secret; with the old one too, for a day, so that receivers can change over. Raises NotFound."""
    with slot_transaction():
        endpoint = _locked(endpoint_id)
        endpoint.old_secret, endpoint.old_secret_until = endpoint.secret, timezone.now() + OLD_SECRET_KEPT
        endpoint.secret = new_secret()
        endpoint.save(update_fields=["secret", "old_secret", "old_secret_until"])
        return endpoint


def resume_webhook(*, endpoint_id: int, sends_kept: bool) -> int:
    """Send to a paused endpoint again; with ``sends_kept`` also what was kept meanwhile. Returns how many of these.

    Raises NotAllowed if it is not paused, NotFound, Busy.
    """
    with slot_transaction():
        endpoint = _locked(endpoint_id)
        if endpoint.paused_at is None:
            raise NotAllowed(_("This webhook is not paused."))
        endpoint.paused_at, endpoint.paused_reason, endpoint.failing_since = None, "", None
        endpoint.save(update_fields=["paused_at", "paused_reason", "failing_since"])
        if not (sends_kept and endpoint.is_active):
            return 0
        return _send_again(endpoint.deliveries.filter(status=_Status.KEPT))


def send_webhook_again(*, delivery_id: int) -> None:
    """Send an event again, from the first attempt on, with the same id and content.

    Raises NotAllowed when the endpoint is paused or off, or the event is on its way, NotFound, Busy.
    """
    with slot_transaction():
        row = WebhookDelivery.objects.select_related("endpoint").filter(pk=delivery_id).first()
        if row is None:
            raise NotFound(_("There is no such delivery."))
        if not row.endpoint.is_sending:
            raise NotAllowed(_("This webhook is paused or not active. Resume it first."))
        if not _send_again(WebhookDelivery.objects.filter(pk=delivery_id)):
            raise NotAllowed(_("This event is on its way."))


def _send_again(rows: QuerySet[WebhookDelivery]) -> int:
    """All that do not wait for an attempt within moments anyway, in two statements."""
    now = timezone.now()
    soon = Q(status=_Status.WAITING, attempts=0) | Q(status=_Status.WAITING, next_attempt_at__lte=now)
    ids = list(rows.exclude(soon).order_by("pk").values_list("pk", flat=True))
    WebhookDelivery.objects.filter(pk__in=ids).update(status=_Status.WAITING, next_attempt_at=now, attempts=0)
    queue_attempts([WebhookDelivery(pk=pk, status=_Status.WAITING, next_attempt_at=now) for pk in ids])
    return len(ids)


def send_test_webhook(*, endpoint_id: int) -> WebhookDelivery:
    """Send a test event, once. Raises NotAllowed when the endpoint is paused or off, NotFound, Busy."""
    with slot_transaction():
        endpoint = _locked(endpoint_id)
        if not endpoint.is_sending:
            raise NotAllowed(_("This webhook is paused or not active. Resume it first."))
        now = timezone.now()
        body = payloads.payload(EventType.TEST, now, {"organization": endpoint.organization.slug})
        row = make_delivery(endpoint, new_event_id(), EventType.TEST, body, now)
        row.save(force_insert=True)
        queue_attempts([row])
        return row


def delete_webhook(*, endpoint_id: int) -> None:
    """Delete an endpoint with its log. What is on its way ends. Raises NotFound, Busy."""
    with slot_transaction():
        _locked(endpoint_id).delete()


def _locked(endpoint_id: int) -> WebhookEndpoint:
    rows = WebhookEndpoint.objects.select_for_update(no_key=True, of=["self"]).select_related("organization")
    endpoint = rows.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise NotFound(_("There is no such webhook."))
    return endpoint
