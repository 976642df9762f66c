"""Choose who gets an e-mail."""

from collections.abc import Collection, Sequence

from bookings.mail.rules import FOR_STAFF, MailKind
from bookings.models import Booking
from experts.models import Expert, Membership, Organization, Role


def recipients(booking: Booking, kind: MailKind) -> list[str]:
    """Return the addresses for a mail about a booking. Each gets its own mail. Needs slot, expert and organisation."""
    return recipients_of_each([(booking, kind)])[0]


def recipients_of_each(mails: Sequence[tuple[Booking, MailKind]]) -> list[list[str]]:
    """Return what ``recipients`` does for each, in one query at most."""
    for_staff = [booking for booking, kind in mails if kind in FOR_STAFF]
    for booking in for_staff:
        if booking.second_expert is not None:  # of the same organisation, which was read with the first
            booking.second_expert.organization = booking.slot.expert.organization
    staff = staff_recipients({expert for booking in for_staff for expert in booking.experts})
    return [
        list(dict.fromkeys(address for expert in booking.experts for address in staff[expert]))
        if kind in FOR_STAFF
        else [booking.email]
        if booking.email
        else []
        for booking, kind in mails
    ]


def staff_recipients(experts: Collection[Expert]) -> dict[Expert, list[str]]:
    """Return the addresses of the staff who answer each expert's requests; without any, that of the organisation.

    Needs the organisations.
    """
    if not experts:
        return {}
    members = list(Membership.objects.in_force().who_answer_for(experts).order_by("pk").select_related("user"))
    return {
        expert: [member.user.email for member in members if member.answers_for(expert)] or _contact(expert.organization)
        for expert in experts
    }


def owner_recipients(organization: Organization) -> list[str]:
    """Return the addresses of the owners, for what only they can mend; without any, that of the organisation."""
    owners = Membership.objects.in_force().filter(organization=organization, role=Role.OWNER).order_by("pk")
    return list(owners.values_list("user__email", flat=True)) or _contact(organization)


def _contact(organization: Organization) -> list[str]:
    return [organization.contact_email] if organization.contact_email else []
