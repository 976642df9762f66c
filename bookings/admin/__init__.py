from bookings.admin.bookings import BookingAdmin
from bookings.admin.turned_away import TurnedAwayAdmin
from bookings.admin.webhooks import WebhookDeliveryAdmin, WebhookEndpointAdmin

__all__ = ["BookingAdmin", "TurnedAwayAdmin", "WebhookDeliveryAdmin", "WebhookEndpointAdmin"]
