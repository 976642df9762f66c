"""Take part in the changes of slots that experts/services/ makes."""

from bookings.services import serve_waitlists
from bookings.webhooks.events import queue_capacity_events
from experts.hooks import SlotChange, on_slots_changed


@on_slots_changed
def serve_who_waits(changes: list[SlotChange]) -> None:
    """Offer seats that a change has freed to the first in line."""
    serve_waitlists([change.after.pk for change in changes])


@on_slots_changed
def tell_webhooks(changes: list[SlotChange]) -> None:
    """Tell endpoints of slots that a change has made full or free."""
    queue_capacity_events(changes)
