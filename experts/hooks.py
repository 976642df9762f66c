"""Let other apps join in what happens to slots, and in what organisations start from.

``experts`` knows nobody above it, so they register here.

Everything registered is called inside the transaction of the change: who books, waits or is told about a slot belongs
to the same change. What is raised undoes it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from experts.example_types import ExampleSet
from experts.models import Organization, SessionType, Slot


@dataclass(frozen=True)
class ChangedSlot:
    """A slot as it was, and as it is now, with its expert."""

    before: Slot
    after: Slot


OnChange = Callable[[list[ChangedSlot]], None]
FindUsed = Callable[[Collection[int]], set[int]]
OnDelete = Callable[[Collection[int]], None]
CountBooked = Callable[[Collection[tuple[int, int]]], int]
OnExample = Callable[[Organization, ExampleSet, list[SessionType]], None]
_on_change: list[OnChange] = []
_find_used: list[FindUsed] = []
_on_delete: list[OnDelete] = []
_count_booked: list[CountBooked] = []
_on_example: list[OnExample] = []


def on_slots_changed(callback: OnChange) -> OnChange:
    """Register a function (a decorator) that is called with the slots, locked, after they were changed."""
    _on_change.append(callback)
    return callback


def finds_slots_in_use(callback: FindUsed) -> FindUsed:
    """Register a function (a decorator) that says which of some slots (keys) are referred to and have to stay."""
    _find_used.append(callback)
    return callback


def on_slots_deleting(callback: OnDelete) -> OnDelete:
    """Register a function (a decorator) that removes what hangs on slots (keys) that are about to be deleted."""
    _on_delete.append(callback)
    return callback


def counts_sessions_booked(callback: CountBooked) -> CountBooked:
    """Register a function (a decorator) that counts the sessions ahead of some (expert, session type) (keys)."""
    _count_booked.append(callback)
    return callback


def on_example_added(callback: OnExample) -> OnExample:
    """Register a function (a decorator) that is called with an organisation, locked, and the types of its example."""
    _on_example.append(callback)
    return callback


def example_added(organization: Organization, example: ExampleSet, types: list[SessionType]) -> None:
    """Call what is registered for organisations that start from an example."""
    for callback in _on_example:
        callback(organization, example, types)


def slots_changed(changes: list[ChangedSlot]) -> None:
    """Call what is registered for changes, in the order of registration."""
    if changes:
        for callback in _on_change:
            callback(changes)


def slots_in_use(slot_ids: Collection[int]) -> set[int]:
    """Those of the slots that must not be deleted, as something that is worth keeping refers to them."""
    return set().union(*(callback(slot_ids) for callback in _find_used)) if slot_ids else set()


def slots_deleting(slot_ids: Collection[int]) -> None:
    """Call what is registered for deletions. The slots are locked."""
    if slot_ids:
        for callback in _on_delete:
            callback(slot_ids)


def sessions_booked(offers: Collection[tuple[int, int]]) -> int:
    """How many sessions ahead people have booked of these session types with these experts: (expert, type), keys."""
    return sum(callback(offers) for callback in _count_booked) if offers else 0
