import secrets
from base64 import b64encode
from collections.abc import Iterable
from typing import Self
from urllib.parse import urlsplit

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bookings.validators import validate_webhook_url
from experts.constraints import known_value
from experts.models import Organization


class EventType(models.TextChoices):
    """What a webhook can tell. Described, with examples, in docs/webhooks.md."""

    BOOKING_CREATED = "booking.created", _("Booking made")
    BOOKING_CONFIRMED = "booking.confirmed", _("Booking confirmed")
    BOOKING_REJECTED = "booking.rejected", _("Request declined")
    BOOKING_EXPIRED = "booking.expired", _("Request expired")
    BOOKING_CANCELLED = "booking.cancelled", _("Booking cancelled")
    BOOKING_RESCHEDULED = "booking.rescheduled", _("Booking moved")
    BOOKING_COMPLETED = "booking.completed", _("Session took place")
    BOOKING_NO_SHOW = "booking.no_show", _("Nobody came")
    SLOT_FULL = "slot.full", _("Slot is full")
    SLOT_FREED = "slot.freed", _("Slot has a seat again")
    TEST = "webhook.test", _("Test")


# What an endpoint can ask for; a test is sent by its button.
CHOSEN_EVENTS = [choice for choice in EventType.choices if choice[0] != EventType.TEST]


def new_secret() -> str:
    """Signs what is sent to one endpoint: ``whsec_`` and 256 random bits, as Standard Webhooks writes them."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


def new_event_id() -> str:
    """Names an event, the same at every attempt. 156 random bits, without the full stop that ends it when signed."""
    return "msg_" + secrets.token_hex(13)


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def organizations_with_any(self, organization_ids: Iterable[int]) -> set[int]:
        """Which organisations have an active endpoint. Asked at each change of a booking, mostly for nothing.

        In SQL of our own, as making the statement would take the ORM eight times as long: 0.23 ms of a booking's 5.5.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT organization_id FROM bookings_webhookendpoint"
                " WHERE organization_id = ANY(%s) AND is_active",
                [list(organization_ids)],
            )
            return {organization_id for (organization_id,) in cursor.fetchall()}

    def asking_for(self, organization_id: int, types: list[str]) -> Self:
        """The active endpoints of an organisation that want to be told of any of these events, paused ones too."""
        return self.filter(organization_id=organization_id, is_active=True, event_types__overlap=types)


class PauseReason(models.TextChoices):
    FAILING = "failing", _("It has failed for three days")
    GONE = "gone", _("It answered 410 Gone")


class WebhookEndpoint(models.Model):
    """An address that an organisation wants to be told at. Written by bookings/webhooks/events.py only."""

    Pause = PauseReason

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="webhooks", verbose_name=_("organisation")
    )
    url = models.CharField(_("address"), max_length=500, validators=[validate_webhook_url])
    event_types = ArrayField(models.CharField(max_length=30, choices=CHOSEN_EVENTS), verbose_name=_("events"))
    sends_contacts = models.BooleanField(_("send names and contact details"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    # Kept as it is, for it must be read to sign: docs/decisions/0011-webhooks.md.
    secret = models.CharField(_("signing secret"), max_length=80, default=new_secret, editable=False)
    old_secret = models.CharField(max_length=80, blank=True, editable=False)
    old_secret_until = models.DateTimeField(null=True, editable=False)
    # Since when no attempt has gone well.
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    paused_at = models.DateTimeField(_("paused"), null=True, editable=False)
    paused_reason = models.CharField(_("why"), max_length=10, choices=Pause.choices, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        ordering = ["organization", "id"]
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        constraints = [
            known_value("paused_reason", PauseReason, blank=True),
            models.CheckConstraint(
                condition=Q(paused_at__isnull=True, paused_reason="")
                | Q(paused_at__isnull=False) & ~Q(paused_reason=""),
                name="webhook_paused_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        """Without what may be a key."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}{parts.path}"

    @property
    def is_sending(self) -> bool:
        return self.is_active and self.paused_at is None


# Where data goes to, and since when. Without secrets.
pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    fields=["organization", "url", "event_types", "sends_contacts", "is_active", "paused_at", "paused_reason"],
    model_name="WebhookEndpointEvent",
)(WebhookEndpoint)


class DeliveryStatus(models.TextChoices):
    WAITING = "waiting", _("On its way")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Given up")
    KEPT = "kept", _("Kept while paused")


class WebhookDelivery(models.Model):
    """An event on its way to one endpoint, and what came of it. Housekeeping deletes it after 30 days."""

    Status = DeliveryStatus

    # Without a constraint in the database: bookings would lock the endpoint's row for it, and fail if it is deleted
    # just then.
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="deliveries",
        verbose_name=_("webhook"),
    )
    event_id = models.CharField(_("event"), max_length=40, editable=False)
    type = models.CharField(_("type"), max_length=30, choices=EventType.choices)
    payload = models.JSONField(_("content"))
    status = models.CharField(_("status"), max_length=10, choices=Status.choices)
    # Since it was queued, or sent again.
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    # Of a waiting one. The job that carries this very time makes the attempt; any other is out of date.
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True)
    last_attempt_at = models.DateTimeField(_("last attempt"), null=True)
    response_status = models.PositiveSmallIntegerField(_("answer"), null=True)
    response = models.TextField(_("text of the answer"), blank=True)  # its first 2 kB
    error = models.CharField(_("error"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False, db_index=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        constraints = [
            known_value("type", EventType),
            known_value("status", DeliveryStatus),
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="webhook_event_once_per_endpoint"),
            models.CheckConstraint(
                condition=Q(status="waiting", next_attempt_at__isnull=False)
                | ~Q(status="waiting") & Q(next_attempt_at__isnull=True),
                name="webhook_waiting_has_a_time",
            ),
        ]
        indexes = [
            models.Index("endpoint", F("id").desc(), name="webhook_delivery_log"),
            # For whoever is erased.
            models.Index(KT("payload__data__reference"), name="webhook_delivery_of_booking"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
