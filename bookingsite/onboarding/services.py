"""How people come to work for an organisation: by an invitation, or by founding one.

An invitation's link proves that somebody reads the mail of the address, nothing else: whoever opens it joins, with a
new account or the one that they are logged in with. No answer to an address tells whether it has an account.
"""

from dataclasses import dataclass

from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from bookings.mail.limits import may_invite
from bookings.queue import defer
from experts import services
from experts.addresses import absolute_url
from experts.errors import AddressTaken, Busy, Refused
from experts.example_types import ExampleSet
from experts.locking import slot_transaction, violated_constraint
from experts.models import Expert, Invitation, Membership, Organization, Role, User
from experts.signed_tokens import SignedToken

_TOKEN = SignedToken("bookingsite.invitation")


# What an organisation that founded itself may send in a day, until an operator empties the fields in the admin.
NEW_INVITATIONS, NEW_STAFF_MAILS = 10, 200
MOST_ATTEMPTS = 5  # to find an address that nobody takes meanwhile


class InvitationOver(Refused):
    """Used, run out, withdrawn, or never sent: all in the same words."""

    code = "gone"
    status = 410
    message = _("This invitation is over.")


class QuotaReached(Refused):
    """A new organisation has sent the invitations of this day."""

    status = 429
    message = _(
        "A new organisation can invite a few people a day. Try again tomorrow, or ask whoever runs this site "
        "to lift that."
    )


class HasAccount(Refused):
    """There is an account with that address already."""

    message = _("There is an account with this address already. Log in, then open the link again.")


@dataclass(frozen=True)
class NewAccount:
    """What somebody without an account chooses."""

    name: str
    password: str


def invite(*, organization: Organization, email: str, role: Role, expert: Expert | None, invited_by: User | None):
    """Invite somebody by mail. The mail goes with the transaction. Raises Refused for a member, Busy."""
    with slot_transaction():
        members = Membership.objects.filter(organization=organization, user__email=email)
        if members.exists():
            raise Refused(_("This person is a member already."), field="email")
        if not may_invite(organization):
            raise QuotaReached
        # A second invitation takes the place of the first, which may have gone astray.
        Invitation.objects.filter(organization=organization, email__iexact=email, accepted_at=None).delete()
        invitation = Invitation.objects.create(
            organization=organization, email=email, role=role, expert=expert, invited_by=invited_by
        )
        defer("bookingsite.onboarding.tasks.send_invitation", invitation_id=invitation.pk)
    return invitation


def found_by_mail(*, name: str, email: str, zone: str) -> Invitation:
    """Ask the address to confirm that it wants to found an organisation; nothing is made before. Raises Busy."""
    with slot_transaction():
        invitation = Invitation.objects.create(
            organization_name=name, timezone=zone, email=email, role=Role.OWNER, invited_by=None
        )
        defer("bookingsite.onboarding.tasks.send_invitation", invitation_id=invitation.pk)
    return invitation


def token_of(invitation: Invitation) -> str:
    """Always the same one, so that a mail that is sent twice has one link."""
    return _TOKEN.of(invitation.pk, invitation.email)


def link_of(invitation: Invitation) -> str:
    """The whole address, for an e-mail."""
    return absolute_url("invitation", token_of(invitation))


def read_token(token: str) -> Invitation:
    """The invitation that can be accepted with it. Raises InvitationOver."""
    open_ones = Invitation.objects.open().select_related("organization")
    open_ones = open_ones.filter(Q(organization=None) | Q(organization__is_active=True))
    invitation = open_ones.filter(pk=_TOKEN.number_in(token)).first()
    if invitation is None or not _TOKEN.fits(token, invitation.pk, invitation.email):
        raise InvitationOver
    return invitation


def has_account(email: str) -> bool:
    """For the page of the link only: who opens it reads the mail of that address."""
    return User.objects.filter(email=email).exists()


def accept(
    *, token: str, user: User | None, account: NewAccount | None = None, example: ExampleSet | None = None
) -> Membership:
    """Join, once: as ``user``, or with a new account. A new organisation gets the session types of ``example``.

    Locks the invitation. Raises InvitationOver, HasAccount, Busy.
    """
    invitation = read_token(token)
    try:
        with slot_transaction():
            # Of two that come at the same time the second waits here, and then finds it used.
            if not Invitation.objects.open().filter(pk=invitation.pk).update(accepted_at=timezone.now()):
                raise InvitationOver
            user = user or _new_user(invitation.email, account)
            organization = invitation.organization or _found(invitation, example)
            if Membership.objects.filter(user=user, organization=organization).exists():
                raise Refused(_("You are a member already."))
            membership = services.add_member(user=user, organization=organization, role=Role(invitation.role))
            if invitation.expert_id and not Expert.objects.filter(user=user).exists():
                Expert.objects.filter(pk=invitation.expert_id, organization=organization, user=None).update(user=user)
    except IntegrityError as error:
        if violated_constraint(error) == "experts_user_email_key":
            raise HasAccount from error
        raise
    return membership


def create_organization(
    *, name: str, slug: str = "", zone: str = "UTC", contact_email: str = "", **quotas: int
) -> Organization:
    """A new organisation at an address of its own: ``slug``, or one made of the name. ``quotas`` by its fields' names.

    Raises AddressTaken for a ``slug`` that is taken, Busy.
    """
    services.ensure_category()
    for _attempt in range(MOST_ATTEMPTS):
        organization = Organization(
            name=name, slug=slug or _free_slug(name), timezone=zone, contact_email=contact_email, **quotas
        )
        try:
            return services.save_organization(organization=organization)
        except AddressTaken:
            if slug:
                raise
            # Somebody else took the free one at this moment. It can be seen now, and the next one is tried.
    raise Busy


def _free_slug(name: str) -> str:
    wanted = slugify(name)[:50] or "organisation"
    taken = set(Organization.objects.filter(slug__startswith=wanted).values_list("slug", flat=True))
    return next(s for n in range(1, len(taken) + 2) if (s := wanted if n == 1 else f"{wanted}-{n}") not in taken)


def _found(invitation: Invitation, example: ExampleSet | None) -> Organization:
    organization = create_organization(
        name=invitation.organization_name,
        zone=invitation.timezone,
        contact_email=invitation.email,
        invitation_quota=NEW_INVITATIONS,
        staff_mail_quota=NEW_STAFF_MAILS,
    )
    if example is not None:
        services.add_example_types(organization=organization, example=example)
    return organization


def _new_user(email: str, account: NewAccount | None) -> User:
    if account is None:
        raise InvitationOver
    if has_account(email):
        raise HasAccount
    return User.objects.create_user(email, account.password, name=account.name, is_staff=True)
