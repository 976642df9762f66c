"""A passkey in a real browser, with an authenticator of Chromium's own that nobody has to touch; single sign-on."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from bookings.models import ApiToken
from experts.models import SignIn, StaffSession
from tests.browser.test_accessibility import problems
from tests.cast import make_organization
from tests.oidc_provider import CLIENT, SECRET, Provider
from tests.staff import PASSWORD, make_member

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def test_a_passkey_is_set_up_because_it_must_be_and_then_logs_in_alone(make_context, live_site):
    owner = make_member(make_organization(name="Northgate Clinic", two_factor="owners"))
    # A passkey belongs to a name, which an address of numbers is none.
    page = make_context(base_url=live_site.url.replace("127.0.0.1", "localhost")).new_page()
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    phone = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": PHONE})["authenticatorId"]

    page.goto("/admin/")
    assert problems(page, "log in") == []
    assert page.get_by_role("button", name="Log in with a passkey").is_visible()
    page.get_by_label("E-mail address").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_text("Set one up to go on").wait_for()
    assert problems(page, "second factor") == []
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("My phone")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Keep these codes").wait_for()
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("region", name="The day by expert").wait_for()

    page.goto("/account/second/app/")
    assert problems(page, "app") == []
    page.goto("/account/")
    assert problems(page, "account") == []
    page.get_by_role("button", name="Log out", exact=True).click()
    page.get_by_role("button", name="Log in with a passkey").click()
    page.get_by_role("region", name="The day by expert").wait_for()
    assert SignIn.objects.filter(outcome="in").latest("pk").means == "passkey"

    # Asked again before what matters, by the passkey.
    session = StaffSession.objects.get(user=owner)
    StaffSession.objects.filter(pk=session.pk).update(proven_at=session.proven_at.replace(year=2020))
    page.goto(reverse("admin:bookings_apitoken_add"))
    page.locator(".select2-selection").first.click()
    page.get_by_role("option", name="Northgate Clinic").click()
    page.get_by_label("Name").fill("Till")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("heading", name="Is it you?").wait_for()
    page.get_by_role("link", name="Use a passkey").click()
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_text("This is the only time that the token for Till is shown").wait_for()
    assert ApiToken.objects.get().name == "Till"

    # Somebody else's finger.
    page.goto("/account/")
    page.get_by_role("button", name="Log out", exact=True).click()
    devtools.send("WebAuthn.setUserVerified", {"authenticatorId": phone, "isUserVerified": False})
    page.get_by_role("button", name="Log in with a passkey").click()
    page.get_by_text("That did not work.").wait_for()
    assert not StaffSession.objects.exists()


@pytest.fixture
def provider():
    provider = Provider()
    yield provider
    provider.stop()


def test_single_sign_on_at_the_provider_until_the_group_is_lost(make_context, start_site, provider):
    """There and back by forms, redirects and cookies as a browser sends them, and under our policy of content."""
    make_organization(name="Northgate Clinic", slug="northgate")
    noor = {"sub": "noor-1", "email": "noor@northgate.example", "email_verified": True, "name": "Noor Haddad"}
    provider.person, provider.asks = noor | {"groups": ["desk"]}, True
    site = start_site(
        OIDC_ISSUER=provider.issuer,
        OIDC_CLIENT_ID=CLIENT,
        OIDC_CLIENT_SECRET=SECRET,
        OIDC_NAME="Northgate",
        OIDC_ROLES="desk=northgate:scheduler",
    )
    page = make_context(base_url=site.url).new_page()
    page.goto("/admin/experts/slot/")
    page.get_by_role("button", name="Log in with Northgate").click()
    page.get_by_role("heading", name="Who are you?").wait_for()
    assert page.url.startswith(provider.issuer)
    page.get_by_role("link", name="Go on as Noor").click()
    page.wait_for_url(f"{site.url}/admin/experts/slot/")
    assert SignIn.objects.get().means == "oidc"

    provider.person = noor | {"groups": ["staff"]}
    page.reload()
    expect(page.get_by_role("button", name="Log in with Northgate")).to_be_visible()
    assert not StaffSession.objects.exists()
    page.get_by_role("button", name="Log in with Northgate").click()
    expect(page.get_by_text("You could not be logged in there")).to_be_visible()
