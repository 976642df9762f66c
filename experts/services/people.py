"""Experts and organisations, whose rules the slots follow."""

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from experts.errors import InvalidExpert
from experts.locking import slot_transaction
from experts.models import Expert, Organization, Slot


def save_expert(*, expert: Expert) -> Expert:
    """Add an expert, or write what was changed. Locks the expert's row.

    Raises InvalidExpert when the time zone changes although slots lie ahead: their wall-clock times would no longer be
    the expert's. Raises Busy.
    """
    with slot_transaction():
        if expert.pk:
            # The full lock: a slot that is being added refers to the expert and waits, or is waited for.
            zone = Expert.objects.select_for_update().filter(pk=expert.pk).values_list("timezone", flat=True).first()
            changes_zone = zone is not None and zone != expert.timezone
            if changes_zone and Slot.objects.filter(expert=expert, ends_at__gt=Now()).exists():
                raise InvalidExpert(
                    _("There are slots ahead at %(zone)s times. Delete them first, then change the time zone.")
                    % {"zone": zone},
                    field="timezone",
                )
        expert.save()
    return expert


def save_organization(*, organization: Organization) -> Organization:
    """Add an organisation, or write what was changed. Its policy counts from the next request on. Raises Busy."""
    with slot_transaction():
        organization.save()
    return organization
