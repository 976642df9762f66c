from experts.models.expert import Category, Expert
from experts.models.hours import TimeOff, WeeklyHours
from experts.models.invitation import Invitation
from experts.models.membership import Membership, Role
from experts.models.organization import Organization
from experts.models.slot import Slot
from experts.models.user import User

__all__ = [
    "Category",
    "Expert",
    "Invitation",
    "Membership",
    "Organization",
    "Role",
    "Slot",
    "TimeOff",
    "User",
    "WeeklyHours",
]
