"""Write who works for an organisation, and in which role."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from experts.errors import LastOwner, NotFound
from experts.locking import slot_transaction
from experts.models import Invitation, Membership, Organization, Role, User
from experts.services.sign_ins import end_sessions


def add_member(*, user: User, organization: Organization, role: Role) -> Membership:
    """Make somebody a member, and let them into the admin. A member keeps the role they have. Raises Busy."""
    with slot_transaction():
        membership, _made = Membership.objects.get_or_create(
            user=user, organization=organization, defaults={"role": role}
        )
        if not user.is_staff:
            user.is_staff = True
            user.save(update_fields=["is_staff"])
    return membership


def change_role(*, membership_id: int, role: Role) -> None:
    """Give a member another role. Locks the organisation's row. Raises LastOwner, NotFound, Busy."""
    with slot_transaction():
        _give(_locked(membership_id), role)


def withdraw_invitations(*, email: str) -> None:
    """End all invitations to an address that nobody has accepted yet: whoever reads its mails wants none."""
    Invitation.objects.open().filter(email__iexact=email).delete()


def remove_member(*, membership_id: int) -> None:
    """End a membership, and the person's sessions; the account stays.

    Locks the organisation's row. Raises LastOwner, NotFound, Busy.
    """
    with slot_transaction():
        membership = _locked(membership_id)
        _end_ownership(membership)
        membership.delete()
        end_sessions(user_id=membership.user_id)


def sync_members(*, user: User, roles: Mapping[int, Role]) -> None:
    """Make somebody a member of these organisations (ids) as a provider of single sign-on says, and of no others.

    Memberships that came otherwise stay as they are. The provider may take away the last owner: it names the next.
    """
    with slot_transaction():
        there = {membership.organization_id: membership for membership in Membership.objects.filter(user=user)}
        for organization_id, membership in there.items():
            if membership.from_sso and organization_id not in roles:
                membership.delete()
        for organization_id, role in roles.items():
            known = there.get(organization_id)
            if known is None:
                Membership.objects.create(user=user, organization_id=organization_id, role=role, from_sso=True)
            elif known.from_sso and known.role != role:
                known.role = role
                known.save(update_fields=["role"])


def _give(membership: Membership, role: Role) -> None:
    if role != Role.OWNER:
        _end_ownership(membership)
    membership.role = role
    membership.save(update_fields=["role"])


def _locked(membership_id: int) -> Membership:
    """Lock the organisation and read the membership, so that of two owners who remove each other one stays."""
    organization = Membership.objects.filter(pk=membership_id).values_list("organization_id", flat=True).first()
    _lock(organization)
    membership = Membership.objects.filter(pk=membership_id).first()
    if membership is None:
        raise NotFound(_("This person is no longer a member."))
    return membership


def _lock(organization_id: int | None) -> None:
    if organization_id is None:
        return
    # Only changes of members take this lock; bookings read the organisation's policy without one.
    list(Organization.objects.select_for_update(no_key=True).filter(pk=organization_id).values_list("pk"))


def _end_ownership(membership: Membership) -> None:
    """Raise LastOwner for the only owner; delete invitations that the member could use to come back."""
    owners = Membership.objects.in_force().filter(organization=membership.organization_id, role=Role.OWNER)
    if membership.role == Role.OWNER and not owners.exclude(pk=membership.pk).exists():
        raise LastOwner(field="role")
    Invitation.objects.filter(
        organization=membership.organization_id, invited_by=membership.user_id, accepted_at=None
    ).delete()
