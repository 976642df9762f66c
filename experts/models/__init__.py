from experts.models.expert import Category, Expert
from experts.models.hours import TimeOff, WeeklyHours
from experts.models.organization import Organization
from experts.models.slot import Slot

__all__ = ["Category", "Expert", "Organization", "Slot", "TimeOff", "WeeklyHours"]
