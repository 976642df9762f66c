"""People who work for the first organisation of the demo site: one in each role, to log in as."""

from django.contrib.auth.hashers import make_password

from bookings.demo.organizations import organizations
from experts.models import Expert, Membership, Organization, Role, User


def add_members(*, password: str) -> list[str]:
    """Make owner@example.com, scheduler@ and expert@, who has a calendar. Returns the addresses; none if no demo site.

    For laptops only: they share a password that is printed.
    """
    organization = Organization.objects.filter(slug=organizations()[0].slug).first()
    if organization is None:
        return []
    stored = make_password(password)  # slow by design, and the same for all
    for role in Role:
        user, is_new = User.objects.get_or_create(
            email=address_of(role), defaults={"password": stored, "is_staff": True}
        )
        if not is_new:
            continue
        Membership.objects.create(user=user, organization=organization, role=role)
        if role == Role.EXPERT:
            first = Expert.objects.filter(organization=organization, user=None).order_by("pk").values("pk")[:1]
            Expert.objects.filter(pk__in=first).update(user=user)
    return [address_of(role) for role in Role]


def address_of(role: Role) -> str:
    return f"{role.value}@example.com"
