"""Write slots, the experts and organisations whose rules they follow, and memberships.

Bookings are written by bookings/services/; a slot's counters of taken seats by a trigger only.
"""

from experts.services.copies import hold_sending, let_send, record_backup
from experts.services.experts import ensure_category, save_expert, save_organization
from experts.services.exports import log_export
from experts.services.horizons import extend_horizons
from experts.services.hours import (
    apply_hours,
    check_hours,
    delete_time_off,
    extend_horizon,
    hours_values,
    preview_hours,
    save_time_off,
)
from experts.services.members import add_member, change_role, remove_member, sync_members, withdraw_invitations
from experts.services.pictures import (
    delete_expert,
    delete_organization,
    remove_logo,
    remove_photo,
    set_logo,
    set_photo,
)
from experts.services.search_words import count_search_words
from experts.services.series import add_series
from experts.services.session_types import (
    add_example_types,
    delete_session_type,
    move_session_type,
    save_offers,
    save_session_type,
)
from experts.services.sign_ins import (
    begin_session,
    count_try,
    end_session,
    end_sessions,
    forget_tries,
    log_lock,
    log_sign_in,
    running_sessions,
)
from experts.services.slots import (
    LONGEST_MINUTES,
    add_slots,
    close_slot,
    delete_slot,
    reopen_slot,
    set_capacity,
    set_title,
    set_types,
)
from experts.services.stretches import (
    Stretch,
    StretchPlan,
    WayBack,
    block_stretch,
    open_stretch,
    plan_block,
    plan_opening,
)
from experts.services.unblock import unblock_stretch

__all__ = [
    "LONGEST_MINUTES",
    "Stretch",
    "StretchPlan",
    "WayBack",
    "add_example_types",
    "add_member",
    "add_series",
    "add_slots",
    "apply_hours",
    "begin_session",
    "block_stretch",
    "change_role",
    "check_hours",
    "close_slot",
    "count_search_words",
    "count_try",
    "delete_expert",
    "delete_organization",
    "delete_session_type",
    "delete_slot",
    "delete_time_off",
    "end_session",
    "end_sessions",
    "ensure_category",
    "extend_horizon",
    "extend_horizons",
    "forget_tries",
    "hold_sending",
    "hours_values",
    "let_send",
    "log_export",
    "log_lock",
    "log_sign_in",
    "move_session_type",
    "open_stretch",
    "plan_block",
    "plan_opening",
    "preview_hours",
    "record_backup",
    "remove_logo",
    "remove_member",
    "remove_photo",
    "reopen_slot",
    "running_sessions",
    "save_expert",
    "save_offers",
    "save_organization",
    "save_session_type",
    "save_time_off",
    "set_capacity",
    "set_logo",
    "set_photo",
    "set_title",
    "set_types",
    "sync_members",
    "unblock_stretch",
    "withdraw_invitations",
]
