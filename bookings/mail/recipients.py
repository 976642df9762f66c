"""Choose who gets an e-mail."""

from collections.abc import Collection, Mapping, Sequence

from bookings.mail.rules import ABOUT_MOVES, FOR_STAFF, MailKind
from bookings.models import Booking
from experts.models import Expert, Membership, Organization, Role, Slot


def recipients(booking: Booking, kind: MailKind) -> list[str]:
    """Return the addresses for a mail about a booking. Each gets its own mail. Needs slot, expert and organisation."""
    return recipients_of_each([(booking, kind)])[0]


def recipients_of_each(
    mails: Sequence[tuple[Booking, MailKind]], left: Mapping[int, Slot] | None = None
) -> list[list[str]]:
    """Return what ``recipients`` does for each, in one query at most.

    ``left``: by booking, the slot that it had before it was moved, with its expert, who is told of that as well.
    """
    concerned: dict[tuple[int, MailKind], list[Expert]] = {}
    for booking, kind in mails:
        if kind in FOR_STAFF:
            experts = list(booking.experts)
            if kind in ABOUT_MOVES and left is not None and booking.pk in left:
                experts.append(left[booking.pk].expert)
            for expert in experts:
                expert.organization = booking.slot.expert.organization  # all are of one, which was read with the first
            concerned[booking.pk, kind] = experts
    staff = staff_recipients({expert for experts in concerned.values() for expert in experts})
    return [
        list(dict.fromkeys(address for expert in concerned[booking.pk, kind] for address in staff[expert]))
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
