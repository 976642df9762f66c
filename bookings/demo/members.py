"""People who work for the first organisation of the demo site: one in each role, to log in as."""

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

from bookings.demo.organizations import organizations
from experts.models import Expert, Membership, Organization, Role


def add_members(*, password: str) -> list[str]:
    """Make "owner", "scheduler" and "expert", who has a calendar. Returns their names; none if it is no demo site.

    For laptops only: they share a password that is printed.
    """
    organization = Organization.objects.filter(slug=organizations()[0].slug).first()
    if organization is None:
        return []
    stored = make_password(password)  # slow by design, and the same for all
    for role in Role:
        user, is_new = User.objects.get_or_create(
            username=role.value,
            defaults={"email": f"{role.value}@northgate.example.com", "password": stored, "is_staff": True},
        )
        if not is_new:
            continue
        Membership.objects.create(user=user, organization=organization, role=role)
        if role == Role.EXPERT:
            first = Expert.objects.filter(organization=organization, user=None).order_by("pk").values("pk")[:1]
            Expert.objects.filter(pk__in=first).update(user=user)
    return [role.value for role in Role]
