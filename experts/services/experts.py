"""Write experts and organisations, whose rules the slots follow."""

from collections.abc import Collection

from django.db import IntegrityError
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from experts.errors import AddressTaken, InvalidExpert
from experts.locking import slot_transaction, violated_constraint
from experts.models import Category, Expert, Organization, Slot, WeeklyHours
from experts.scheduling.plan import Calendar
from experts.services.hours import carry_out, hours_values, replace_hours
from experts.services.slots import refusals_as_messages


def save_expert(
    *, expert: Expert, fields: Collection[str] = (), hours: list[WeeklyHours] | None = None, seen: str = ""
) -> Expert:
    """Add an expert, or write those of its ``fields`` (names) that were changed. Locks the expert's row.

    ``hours``, if they are given, become its weekly hours, all of them. Returns the expert as it is now.

    When the zone or the hours change, so do the slots that came from hours (``apply_hours``). Slots that were added by
    hand stay at their times: raises InvalidExpert when the zone changes although such slots lie ahead. Raises
    PreviewNeeded unless ``seen`` is the key of what happens to slots, ValidationError, InvalidHours, InvalidSlot, Busy.
    """
    with refusals_as_messages(), slot_transaction():
        # A full lock (not NO KEY), so that slots cannot be added to the expert at the same time: they refer to it.
        stored = Expert.objects.select_for_update().filter(pk=expert.pk).first() if expert.pk else None
        if stored is None:
            expert.save()
            return expert
        before = Calendar.of(stored)
        changes_zone = "timezone" in fields and stored.timezone != expert.timezone
        if changes_zone and Slot.objects.filter(expert=expert, from_hours=False, ends_at__gt=Now()).exists():
            raise InvalidExpert(
                _("There are slots ahead at %(zone)s times. Delete them first, then change the time zone.")
                % {"zone": stored.timezone},
                field="timezone",
            )
        # Onto the row as it is under the lock: what somebody else has changed meanwhile stays.
        for name in fields:
            setattr(stored, name, getattr(expert, name))
        expert = stored
        expert.full_clean(exclude=["organization", "category", "user"])
        vars(expert).pop("zone", None)  # worked out from the zone it had
        if fields:
            expert.save(update_fields=fields)
        if hours is not None:
            replace_hours(expert, hours)
        if changes_zone or (hours is not None and hours_values(hours) != hours_values(before.hours)):
            carry_out([(expert, before)], seen)
    return expert


def save_organization(*, organization: Organization, fields: Collection[str] | None = None) -> Organization:
    """Add an organisation, or write those of its ``fields`` (names) that were changed; all without it.

    Its policy counts from the next request on. Raises AddressTaken, also when somebody else took the address a moment
    ago, Busy.
    """
    try:
        with slot_transaction():
            stored = Organization.objects.select_for_update().filter(pk=organization.pk).first()
            if stored is not None and fields is not None:
                # Onto the row as it is under the lock: what somebody else has changed meanwhile stays.
                for name in fields:
                    setattr(stored, name, getattr(organization, name))
                organization = stored
            organization.save()
    except IntegrityError as error:
        if violated_constraint(error) != "experts_organization_slug_key":
            raise
        raise AddressTaken(field="slug") from error
    return organization


def ensure_category() -> None:
    """Create a first category in a new installation, as an expert needs one. Superusers can rename it."""
    if not Category.objects.exists():
        # Two requests at the same time create one category.
        Category.objects.bulk_create([Category(name=_("General"), slug="general")], ignore_conflicts=True)
