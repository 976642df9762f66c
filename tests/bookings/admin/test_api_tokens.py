"""API tokens in the admin: shown once, revoked for good."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from bookings import services
from bookings.errors import InvalidDetails
from bookings.models import ApiToken
from experts.models import Membership, Role
from tests.api.caller import Caller, make_token
from tests.cast import make_organization
from tests.staff import admin_url, errors_of, logged_in, make_member, make_superuser, messages_of, run_action

pytestmark = pytest.mark.django_db


@pytest.fixture
def maya():
    return make_superuser()


@pytest.fixture
def staff(maya):
    return logged_in(maya)


def add(client, organization, **values):
    return client.post(
        admin_url(ApiToken, "add"),
        {"organization": organization.pk, "name": "Till", "scope": "read", "lasts": "365"} | values,
    )


def test_a_new_token_is_shown_once_and_works(staff, maya):
    answer = add(staff, make_organization())
    token = ApiToken.objects.get()
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    secret = answer.context["secret"]
    assert secret in answer.content.decode()
    assert (token.created_by, token.scope, token.ending) == (maya, "read", secret[-4:])
    assert Caller(secret).get("/admin/experts").status_code == 200
    for page in (
        admin_url(ApiToken),
        admin_url(ApiToken, "change", token.pk),
        admin_url(ApiToken, "history", token.pk),
    ):
        shown = staff.get(page)
        assert shown.status_code == 200
        assert secret not in shown.content.decode()
        assert token.token_hash not in shown.content.decode()
        assert "Till" in shown.content.decode()


def test_it_needs_a_name(staff):
    answer = add(staff, make_organization(), name="")
    assert list(errors_of(answer)) == ["name"]
    assert not ApiToken.objects.exists()


def test_a_revoked_token_is_worth_nothing_at_once(staff):
    secret = make_token(make_organization())
    token = ApiToken.objects.get()
    page = admin_url(ApiToken, "change", token.pk)
    url = reverse("admin:bookings_apitoken_revoke", args=[token.pk])
    assert url in staff.get(page).content.decode()
    assert staff.get(url).status_code == 405
    answer = staff.post(url)
    assert messages_of(answer) == ["1 token revoked."]
    assert Caller(secret).get("/admin/experts").status_code == 401
    assert url not in staff.get(page).content.decode()
    before = ApiToken.objects.get().revoked_at
    staff.post(url)
    assert ApiToken.objects.get().revoked_at == before


def test_several_are_revoked_at_once(staff):
    make_token(make_organization())
    make_token(make_organization())
    run_action(staff, ApiToken, "revoke", ApiToken.objects.all())
    assert not ApiToken.objects.in_force().exists()


def test_a_token_is_neither_changed_nor_deleted(staff):
    make_token(make_organization())
    token = ApiToken.objects.get()
    staff.post(admin_url(ApiToken, "change", token.pk), {"name": "Changed", "scope": "write"})
    assert ApiToken.objects.get().name == "Till"
    assert staff.post(admin_url(ApiToken, "delete", token.pk), {"post": "yes"}).status_code == 403
    assert ApiToken.objects.exists()


def test_owners_make_and_revoke_those_of_their_organisation():
    mine, theirs = make_organization(), make_organization()
    owner = logged_in(make_member(mine))
    assert add(owner, mine).status_code == 200
    assert list(errors_of(add(owner, theirs))) == ["organization"]
    make_token(theirs, name="Theirs")
    own, foreign = ApiToken.objects.get(organization=mine), ApiToken.objects.get(organization=theirs)
    assert list(owner.get(admin_url(ApiToken)).context["cl"].result_list) == [own]
    assert owner.get(admin_url(ApiToken, "change", foreign.pk)).status_code == 302  # as if there were none
    owner.post(reverse("admin:bookings_apitoken_revoke", args=[foreign.pk]))
    run_action(owner, ApiToken, "revoke", [foreign])
    assert ApiToken.objects.in_force().filter(pk=foreign.pk).exists()
    owner.post(reverse("admin:bookings_apitoken_revoke", args=[own.pk]))
    assert not ApiToken.objects.in_force().filter(pk=own.pk).exists()


@pytest.mark.parametrize("role", [Role.SCHEDULER, Role.EXPERT])
def test_nobody_else_of_the_organisation_sees_them(role):
    organization = make_organization()
    make_token(organization)
    token = ApiToken.objects.get()
    member = logged_in(make_member(organization, role))
    assert member.get(admin_url(ApiToken)).status_code == 403
    assert add(member, organization).status_code == 403
    assert member.get(admin_url(ApiToken, "change", token.pk)).status_code in (302, 403)
    member.post(reverse("admin:bookings_apitoken_revoke", args=[token.pk]))
    assert ApiToken.objects.in_force().exists()
    assert ApiToken.objects.count() == 1


# How they end


def works(secret: str) -> bool:
    return Caller(secret).get("/admin/experts").status_code == 200


def test_a_token_ends_after_a_year_or_as_long_as_was_chosen(staff):
    add(staff, make_organization())
    usual = ApiToken.objects.get().expires_at - timezone.now()
    assert timedelta(days=364) < usual <= timedelta(days=365)
    secret = add(staff, make_organization(), lasts="30").context["secret"]
    assert "Ends in 30 days" in staff.get(admin_url(ApiToken)).content.decode()
    assert works(secret)
    ApiToken.objects.update(expires_at=timezone.now())
    assert not works(secret)
    assert "Over" in staff.get(admin_url(ApiToken)).content.decode()
    assert list(errors_of(add(staff, make_organization(), lasts="99999"))) == ["lasts"]
    with pytest.raises(InvalidDetails):
        make_token(make_organization(), expires_at=timezone.now())


@pytest.mark.parametrize("ending", ["leaves", "is an owner no more", "is locked", "is deleted"])
def test_a_token_ends_with_the_member_who_made_it(ending):
    organization = make_organization()
    colleague, maker = make_member(organization), make_member(organization)
    secret = add(logged_in(maker), organization).context["secret"]
    kept = make_token(organization, name="Kept", created_by=colleague)
    membership = Membership.objects.get(user=maker)
    assert works(secret)
    page = logged_in(colleague).get(admin_url(Membership, "delete", membership.pk)).content.decode()
    assert "The API token Till" in page, "who removes somebody is told what ends"
    assert "Kept" not in page
    assert "Till (…" in logged_in(colleague).get(admin_url(Membership, "change", membership.pk)).content.decode()
    if ending == "leaves":
        logged_in(colleague).post(admin_url(Membership, "delete", membership.pk), {"post": "yes"})
    elif ending == "is an owner no more":
        logged_in(colleague).post(admin_url(Membership, "change", membership.pk), {"role": "scheduler"})
    elif ending == "is locked":
        type(maker).objects.filter(pk=maker.pk).update(is_active=False)
    else:
        maker.delete()
    assert not works(secret)
    assert works(kept)
    shown = logged_in(colleague).get(admin_url(ApiToken)).content.decode()
    assert ("Revoked" if ending == "is deleted" else "Ended with its maker") in shown


def test_tokens_of_superusers_and_of_the_shell_belong_to_nobody_who_could_leave(staff):
    organization = make_organization()
    by_operator = add(staff, organization).context["secret"]
    assert works(by_operator)
    assert works(make_token(organization))
    assert services.revoke_token(token_id=ApiToken.objects.first().pk)
