"""Let other apps join in a change of slots. ``experts`` knows nobody above it, so they register here."""

from collections.abc import Callable
from dataclasses import dataclass

from experts.models import Slot


@dataclass(frozen=True)
class SlotChange:
    """A slot as it was, and as it is now, with its expert."""

    before: Slot
    after: Slot


_callbacks: list[Callable[[list[SlotChange]], None]] = []


def on_slots_changed(callback: Callable[[list[SlotChange]], None]) -> Callable[[list[SlotChange]], None]:
    """Register a function to be called by ``slots_changed``. Usable as a decorator; order is that of registration."""
    _callbacks.append(callback)
    return callback


def slots_changed(changes: list[SlotChange]) -> None:
    """Call what is registered, inside the transaction of the change and with the slots locked.

    Who books, waits or is told about a slot belongs to the same change. What a callback raises undoes it.
    """
    if changes:
        for callback in _callbacks:
            callback(changes)
