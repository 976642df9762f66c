"""An organisation keeps an owner and has its own address, and a link works once, whoever comes at the same moment."""

import pytest

from bookingsite.onboarding import services as onboarding
from experts import services
from experts.errors import LastOwner
from experts.models import Invitation, Organization, Role
from tests.cast import make_organization
from tests.concurrency.contention import pile_up
from tests.staff import make_member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _patience(settings):
    settings.LOCK_TIMEOUT_MS = 60_000


def test_of_owners_who_remove_each_other_one_stays():
    organization = make_organization()
    for _ in range(4):
        make_member(organization, password=None)
    memberships = list(organization.memberships.values_list("pk", flat=True))
    results = pile_up(lambda n: services.remove_member(membership_id=memberships[n]), behind=organization, count=4)
    assert [type(result) for result in results if result is not None] == [LastOwner]
    assert organization.memberships.filter(role=Role.OWNER).count() == 1


def test_of_organisations_by_one_name_each_gets_an_address():
    results = pile_up(lambda n: onboarding.create_organization(name="Northgate Clinic"), behind=Organization, count=3)
    slugs = sorted(organization.slug for organization in results)
    assert slugs == ["northgate-clinic", "northgate-clinic-2", "northgate-clinic-3"]


def test_of_two_who_ask_for_one_address_one_is_refused():
    results = pile_up(
        lambda n: onboarding.create_organization(name=f"Clinic {n}", slug="clinic"), behind=Organization, count=2
    )
    assert sorted(type(result).__name__ for result in results) == ["AddressTaken", "Organization"]
    assert Organization.objects.get().slug == "clinic"


def test_a_link_that_is_used_twice_at_once_works_once():
    organization = make_organization()
    invitation = Invitation.objects.create(organization=organization, email="noor@example.com", role=Role.SCHEDULER)
    users = [make_member(make_organization(), password=None) for _ in range(4)]
    token = onboarding.token_of(invitation)
    results = pile_up(lambda n: onboarding.accept(token=token, user=users[n]), behind=invitation, count=4)
    assert sum(isinstance(result, onboarding.InvitationOver) for result in results) == 3
    assert organization.memberships.count() == 1
