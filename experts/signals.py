"""What other apps may join in with. ``experts`` knows nobody above it, so they come to it."""

from django.dispatch import Signal

# Sent by experts/services/ inside the transaction that changed a slot, with its lock held: who books, waits or is told
# about it belongs to the same change. ``slot`` is the row as it is now.
slot_changing = Signal()
