"""Write slots, the experts and organisations whose rules they follow, and memberships.

Bookings are written by bookings/services/; a slot's counters of taken seats by a trigger only.
"""

from experts.services.experts import ensure_category, save_expert, save_organization
from experts.services.horizons import extend_horizons
from experts.services.hours import (
    apply_hours,
    check_hours,
    delete_time_off,
    extend_horizon,
    save_time_off,
)
from experts.services.members import add_member, change_role, remove_member
from experts.services.series import add_series
from experts.services.slots import (
    LONGEST_MINUTES,
    add_slots,
    close_slot,
    delete_slot,
    reopen_slot,
    set_capacity,
    set_title,
)

__all__ = [
    "LONGEST_MINUTES",
    "add_member",
    "add_series",
    "add_slots",
    "apply_hours",
    "change_role",
    "check_hours",
    "close_slot",
    "delete_slot",
    "delete_time_off",
    "ensure_category",
    "extend_horizon",
    "extend_horizons",
    "remove_member",
    "reopen_slot",
    "save_expert",
    "save_organization",
    "save_time_off",
    "set_capacity",
    "set_title",
]
