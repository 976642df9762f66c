"""Single sign-on, at a real provider on loopback (tests/oidc_provider.py)."""

import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookingsite.accounts import oidc
from bookingsite.accounts.secrets import decrypt
from experts.models import Membership, Organization, Role, SignIn, StaffSession, TwoFactor, User
from tests.cast import make_organization
from tests.log_in import is_in, log_in
from tests.oidc_provider import CLIENT, KEY, SECRET, Provider
from tests.staff import PASSWORD, admin_url, make_member, make_superuser

pytestmark = pytest.mark.django_db
SIGN_ON = "/account/oidc/sso/"
NOOR = {"sub": "noor-1", "email": "noor@northgate.example", "email_verified": True, "name": "Noor Haddad"}


@pytest.fixture(scope="module")
def server():
    provider = Provider()
    yield provider
    provider.stop()


@pytest.fixture
def provider(server, settings):
    """Noor, who is in the group "desk", which makes people schedulers of Northgate, as "heads" makes them owners."""
    server.person, server.id_claims, server.down = NOOR | {"groups": ["staff", "desk"]}, {}, False
    server.ended.clear()
    oidc._provider.forget()
    settings.OIDC_ISSUER = server.issuer
    settings.OIDC_ROLES = [("desk", "northgate", "scheduler"), ("heads", "northgate", "owner"), ("law", "law", "owner")]
    app = {"provider_id": "sso", "name": "Northgate", "client_id": CLIENT, "secret": SECRET}
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "SCOPE": ["openid", "email", "groups"],
            "APPS": [app | {"settings": {"server_url": server.issuer}}],
        }
    }
    make_organization(slug="northgate")
    make_organization(slug="law")
    return server


def sign_on(client: Client, following: str = ""):
    """There and back."""
    there = client.post(SIGN_ON, {"next": following} if following else {})
    back = requests.get(there["Location"], allow_redirects=False, timeout=5).headers["Location"]
    return client.get(urlsplit(back)._replace(scheme="", netloc="").geturl())


def roles() -> list[tuple[str, str]]:
    return list(Membership.objects.order_by("organization_id").values_list("organization__slug", "role"))


def next_check() -> None:
    """Let the moment pass in which the provider is not asked again."""
    StaffSession.objects.update(checked_at=timezone.now() - timedelta(minutes=2))


def test_a_group_gives_a_role_and_an_account(provider):
    client = Client()
    page = client.get(reverse("account_login"))
    assert "Log in with Single sign-on" in page.text
    assert f"form-action 'self' {provider.issuer}" in page["Content-Security-Policy"]
    assert sign_on(client, "/admin/experts/slot/")["Location"] == "/admin/experts/slot/"
    assert is_in(client)
    noor = User.objects.get()
    assert (noor.email, noor.name, noor.has_usable_password()) == (NOOR["email"], "Noor Haddad", False)
    assert roles() == [("northgate", "scheduler")]
    assert SignIn.objects.get().means == "oidc"
    assert sign_on(Client(), "https://evil.example/")["Location"] == reverse("admin:index")
    assert User.objects.count() == 1
    assert list(SocialAccount.objects.values_list("uid", "extra_data")) == [("noor-1", {})]
    session = StaffSession.objects.first()
    assert set(json.loads(decrypt(session.tokens))) == {"access", "refresh"}


def test_a_lost_group_ends_access_at_the_next_request_and_a_changed_one_changes_it(provider):
    client = Client()
    sign_on(client)
    assert is_in(client)
    provider.person = NOOR | {"groups": ["heads", "desk", "law"]}
    assert is_in(client)
    assert roles() == [("northgate", "owner"), ("law", "owner")]
    provider.person = NOOR | {"groups": ["staff"]}
    assert not is_in(client)
    assert roles() == []
    assert not StaffSession.objects.exists()
    provider.person = NOOR | {"groups": ["desk"]}
    assert not is_in(client), "they have to log in again"
    sign_on(client)
    assert is_in(client)


def test_the_provider_is_asked_one_question_each_time_or_once_a_minute(provider, settings):
    client = Client()
    sign_on(client)
    assert is_in(client)
    asked, all_asked = provider.asked, provider.all_asked
    for _ in range(3):
        assert is_in(client)
    assert (provider.asked - asked, provider.all_asked - all_asked) == (3, 3), "its addresses are remembered"
    settings.OIDC_CHECK_EVERY = timedelta(minutes=1)
    assert is_in(client)
    assert provider.asked == asked + 3
    next_check()
    assert is_in(client)
    assert provider.asked == asked + 4


def test_the_provider_may_be_away_for_a_while_and_few_requests_wait_for_it(provider):
    client = Client()
    sign_on(client)
    provider.down = True
    all_asked = provider.all_asked
    for _ in range(3):
        assert is_in(client)
    assert provider.all_asked == all_asked + 1
    provider.down = False
    oidc._provider.forget()  # ten seconds go by
    provider.person = NOOR | {"groups": []}
    assert not is_in(client), "it counts again"
    provider.person = NOOR | {"groups": ["desk"]}
    sign_on(client)
    provider.down = True
    assert is_in(client)
    StaffSession.objects.update(checked_at=timezone.now() - timedelta(minutes=16))
    assert not is_in(client)


def test_an_access_token_that_ran_out_is_renewed_and_one_that_was_ended_ends_the_session(provider):
    client = Client()
    sign_on(client)

    def tokens() -> dict[str, str]:
        return json.loads(decrypt(StaffSession.objects.get().tokens))

    first = tokens()
    provider.ended.add(first["access"])
    next_check()
    assert is_in(client)
    assert tokens()["access"] != first["access"]
    provider.ended.update(tokens().values())
    next_check()
    assert not is_in(client)


REFUSED = {
    "no group that means a role": ({"groups": ["staff"]}, {}),
    "no groups": ({"groups": None}, {}),
    "groups that are none": ({"groups": [{"desk": 1}, 7]}, {}),
    "an address that is not proven": ({"groups": ["desk"], "email_verified": False}, {}),
    "an address that is said to be proven": ({"groups": ["desk"], "email_verified": "true"}, {}),
    "no address": ({"groups": ["desk"], "email": None}, {}),
    "somebody else's userinfo": ({"groups": ["desk"]}, {"sub": "somebody-else"}),
    "a token for another site": ({"groups": ["desk"]}, {"aud": "another"}),
    "a token of another provider": ({"groups": ["desk"]}, {"iss": "https://evil.example"}),
    "a token that ran out": ({"groups": ["desk"]}, {"exp": 1}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_lets_nobody_in_with(provider, what):
    claims, id_claims = REFUSED[what]
    provider.person, provider.id_claims = NOOR | claims, id_claims
    client = Client()
    answer = sign_on(client)
    assert answer["Location"] == reverse("account_login")
    assert "You could not be logged in there." in client.get(answer["Location"]).text
    assert not is_in(client)
    assert not User.objects.exists()
    assert [row.outcome for row in SignIn.objects.all()] == ([] if what.startswith("a token") else ["refused"])


def test_a_signature_of_somebody_else_is_none(provider):
    provider.signs_with = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    client = Client()
    assert sign_on(client)["Location"] == reverse("account_login")
    assert not is_in(client)
    provider.signs_with = KEY
    sign_on(client)
    assert is_in(client), "control"


def test_an_answer_that_this_browser_did_not_ask_for_is_none(provider):
    there = Client().post(SIGN_ON)
    back = requests.get(there["Location"], allow_redirects=False, timeout=5).headers["Location"]
    victim = Client()
    answer = victim.get(urlsplit(back)._replace(scheme="", netloc="").geturl())
    assert answer["Location"] == reverse("account_login")
    assert not is_in(victim)


def test_an_account_with_that_address_is_theirs_but_never_a_superusers(provider):
    here = make_member(make_organization(), Role.EXPERT, email=NOOR["email"])
    client = Client()
    sign_on(client)
    assert is_in(client)
    assert {role for _slug, role in roles()} == {"expert", "scheduler"}
    provider.person = NOOR | {"groups": []}
    next_check()
    assert not is_in(client)
    assert [role for _slug, role in roles()] == ["expert"], "what came otherwise stays"
    assert log_in(Client(), here.email, PASSWORD).status_code == 302

    make_superuser(email="root@northgate.example")
    provider.person = {**NOOR, "sub": "root-1", "email": "root@northgate.example", "groups": ["heads"]}
    client = Client()
    assert sign_on(client)["Location"] == reverse("account_login")
    assert not is_in(client)


def test_the_second_factor_is_the_providers_and_asking_again_leads_back_there(provider):
    northgate = Organization.objects.get(slug="northgate")
    northgate.two_factor = TwoFactor.EVERYBODY
    northgate.save()
    provider.person = NOOR | {"groups": ["heads"]}
    client = Client()
    sign_on(client)
    assert is_in(client)
    StaffSession.objects.update(proven_at=timezone.now() - timedelta(minutes=16))
    answer = client.post(admin_url(Membership, "change", Membership.objects.get().pk), {"role": "scheduler"})
    page = client.get(answer["Location"])
    assert "Log in with Single sign-on" in page.text
    assert "prompt%3Dlogin" in page.text
    provider.id_claims = {"auth_time": int(timezone.now().timestamp()) - 3600}
    sign_on(client)
    refused = client.post(admin_url(Membership, "change", Membership.objects.get().pk), {"role": "scheduler"})
    assert refused["Location"].startswith("/account/reauthenticate/"), "the provider let them through without asking"
    provider.id_claims = {"auth_time": int(timezone.now().timestamp())}
    sign_on(client)
    done = client.post(admin_url(Membership, "change", Membership.objects.get().pk), {"role": "owner"})
    assert done["Location"] == admin_url(Membership)


def test_without_a_provider_there_is_no_such_page():
    assert Client().post(SIGN_ON).status_code == 404
    page = Client().get(reverse("account_login"))
    assert "/oidc/" not in page.text
