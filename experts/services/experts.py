"""Write experts and organisations, whose rules the slots follow."""

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from experts.errors import InvalidExpert
from experts.locking import slot_transaction
from experts.models import Category, Expert, Organization, Slot, WeeklyHours
from experts.scheduling.plan import Calendar
from experts.services.hours import carry_out, hours_values, replace_hours
from experts.services.slots import refusals_as_messages


def save_expert(*, expert: Expert, hours: list[WeeklyHours] | None = None, seen: str = "") -> Expert:
    """Add an expert, or write what was changed, ``hours`` too if they are given (all of them). Locks the expert's row.

    When the zone or the hours change, so do the slots that came from hours (``apply_hours``). Slots that were added by
    hand stay at their times: raises InvalidExpert when the zone changes although such slots lie ahead. Raises
    PreviewNeeded unless ``seen`` is the key of what happens to slots, InvalidHours, InvalidSlot, Busy.
    """
    with refusals_as_messages(), slot_transaction():
        # A full lock (not NO KEY), so that slots cannot be added to the expert at the same time: they refer to it.
        stored = Expert.objects.select_for_update().filter(pk=expert.pk).first() if expert.pk else None
        if stored is None:
            expert.save()
            return expert
        before = Calendar.of(stored)
        changes_zone = stored.timezone != expert.timezone
        if changes_zone and Slot.objects.filter(expert=expert, from_hours=False, ends_at__gt=Now()).exists():
            raise InvalidExpert(
                _("There are slots ahead at %(zone)s times. Delete them first, then change the time zone.")
                % {"zone": stored.timezone},
                field="timezone",
            )
        expert.slots_until = stored.slots_until
        vars(expert).pop("zone", None)  # worked out from the zone it had
        expert.save()
        if hours is not None:
            replace_hours(expert, hours)
        if changes_zone or (hours is not None and hours_values(hours) != hours_values(before.hours)):
            carry_out([(expert, before)], seen)
    return expert


def save_organization(*, organization: Organization) -> Organization:
    """Add an organisation, or write what was changed. Its policy counts from the next request on. Raises Busy."""
    with slot_transaction():
        organization.save()
    return organization


def ensure_category() -> None:
    """Create a first category in a new installation, as an expert needs one. Superusers can rename it."""
    if not Category.objects.exists():
        # Two requests at the same time create one category.
        Category.objects.bulk_create([Category(name=_("General"), slug="general")], ignore_conflicts=True)
