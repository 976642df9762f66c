"""Invitations, founding an organisation, and the command that sets one up."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings import services as booking_services
from bookings.errors import NotAllowed
from bookings.models import Notification
from bookingsite import logs
from bookingsite.onboarding import services as onboarding
from bookingsite.onboarding import tasks
from experts import services
from experts.errors import Refused
from experts.models import Category, Expert, Invitation, Membership, Organization, Role, User
from tests.cast import make_expert, make_organization
from tests.staff import admin_url, errors_of, logged_in, make_member

pytestmark = pytest.mark.django_db
ACCOUNT = {"name": "Noor Haddad", "password": "noor knows the way", "again": "noor knows the way"}


@pytest.fixture
def organization():
    return make_organization(name="Northgate Clinic")


def invite(organization, email="noor@example.com", role=Role.SCHEDULER, **values):
    return onboarding.invite(
        organization=organization, email=email, role=role, **{"expert": None, "invited_by": None} | values
    )


def path_of(invitation):
    return reverse("invitation", args=[onboarding.token_of(invitation)])


def send(invitation) -> str:
    """The path of the link in the mail of the invitation."""
    tasks.send_invitation(invitation_id=invitation.pk)
    return re.search(r"/start/invitation/\S+", mail.outbox[-1].body)[0]


# Inviting


def test_an_owner_invites_a_colleague_who_chooses_a_password_and_is_in(organization):
    owner = logged_in(make_member(organization, password=None))
    form = {"organization": organization.pk, "email": "noor@example.com", "role": "scheduler", "expert": ""}
    assert owner.post(admin_url(Invitation, "add"), form).status_code == 302
    path, noor = send(Invitation.objects.get()), Client()
    assert mail.outbox[0].to == ["noor@example.com"]
    assert "Northgate Clinic" in noor.get(path).text
    assert not Membership.objects.filter(role=Role.SCHEDULER).exists(), "opening the page uses nothing up"
    assert noor.post(path, ACCOUNT)["Location"] == reverse("admin:index")
    membership = Membership.objects.get(user__email="noor@example.com")
    assert (membership.role, membership.organization) == (Role.SCHEDULER, organization)
    assert noor.get(reverse("admin:day")).status_code == 200
    assert noor.get(path).status_code == 410, "once"


def test_nobody_becomes_an_owner_because_nothing_was_chosen(organization):
    owner = logged_in(make_member(organization, password=None))
    form = {"organization": organization.pk, "email": "noor@example.com", "role": "", "expert": ""}
    assert list(errors_of(owner.post(admin_url(Invitation, "add"), form))) == ["role"]


def test_an_expert_gets_their_own_calendar(organization):
    expert = make_expert(organization=organization)
    client = Client()
    client.post(path_of(invite(organization, role=Role.EXPERT, expert=expert)), ACCOUNT)
    assert list(client.get(admin_url(Expert)).context["cl"].result_list) == [expert]


def test_somebody_with_an_account_logs_in_and_accepts(organization):
    noor = make_member(make_organization(), email="noor@example.com")
    path = path_of(invite(organization))
    assert "You have an account already" in Client().get(path).text
    assert Client().post(path, ACCOUNT).status_code == 200
    assert noor.memberships.count() == 1, "nobody joins for somebody else"
    logged_in(noor).post(path)
    assert noor.memberships.filter(organization=organization, role=Role.SCHEDULER).exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"password": "short", "again": "short"}, "password"),
        ({"again": "another"}, "again"),
        ({"name": ""}, "name"),
        ({"name": "Noor\nHaddad"}, "name"),
    ],
    ids=str,
)
def test_an_account_that_cannot_be_is_a_message_at_the_field(organization, values, field):
    response = Client().post(path_of(invite(organization)), ACCOUNT | values)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not User.objects.exists()


@pytest.mark.parametrize("token", ["x", "1.x", "9" * 30 + ".x", ".", "1.", "%00.x"])
def test_what_is_no_link_is_over(organization, token):
    invite(organization)
    assert Client().get(f"/start/invitation/{token}/").status_code == 410


def test_a_link_ends(organization):
    late, withdrawn, replaced = (
        invite(organization),
        invite(organization, "b@example.com"),
        invite(organization, "c@x.io"),
    )
    Invitation.objects.filter(pk=late.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    Invitation.objects.filter(pk=withdrawn.pk).delete()
    invite(organization, "C@x.io")
    for invitation in (late, withdrawn, replaced):
        assert Client().post(path_of(invitation), ACCOUNT).status_code == 410
        tasks.send_invitation(invitation_id=invitation.pk)
    assert not mail.outbox
    Organization.objects.update(is_active=False)
    assert Client().get(path_of(Invitation.objects.latest("pk"))).status_code == 410


def test_the_mail_of_an_invitation_is_in_the_log_and_sent_once(organization):
    invitation = invite(organization)
    for _ in range(2):
        send(invitation)
    [row] = Notification.objects.all()
    assert (row.kind, row.audience, row.to, row.status, row.attempts) == (
        "invitation",
        "staff",
        "noor@example.com",
        "sent",
        1,
    )
    assert [m.extra_headers["Message-ID"] for m in mail.outbox] == [row.message_id]
    # It is about no booking: whoever is invited is no other organisation's business.
    owner = logged_in(make_member(organization, password=None))
    assert not list(owner.get(admin_url(Notification)).context["cl"].result_list)
    with pytest.raises(NotAllowed, match="Invite them again"):
        booking_services.send_again(notification_id=row.pk)


def test_an_owner_invites_only_into_their_own_organisation(organization):
    other, foreign = make_organization(), make_expert()
    owner = logged_in(make_member(organization, password=None))
    form = {"organization": other.pk, "email": "a@example.com", "role": "expert", "expert": foreign.pk}
    assert set(errors_of(owner.post(admin_url(Invitation, "add"), form))) == {"organization", "expert"}
    assert not Invitation.objects.exists()
    for role in (Role.SCHEDULER, Role.EXPERT):
        member = logged_in(make_member(organization, role, password=None))
        assert member.get(admin_url(Invitation, "add")).status_code == 403


def test_whether_an_address_has_an_account_is_not_told(organization):
    make_member(make_organization(), email="known@example.com", password=None)
    owner = logged_in(make_member(organization, password=None))
    for email in ("known@example.com", "new@example.com"):
        form = {"organization": organization.pk, "email": email, "role": "scheduler", "expert": ""}
        assert owner.post(admin_url(Invitation, "add"), form)["Location"] == admin_url(Invitation)


def test_a_member_is_not_invited_again(organization):
    make_member(organization, email="noor@example.com", password=None)
    with pytest.raises(Refused, match="member already"):
        invite(organization, "Noor@Example.com")


def test_nobody_comes_back_by_an_invitation_of_their_own(organization):
    owner, other = (make_member(organization, password=None) for _ in range(2))
    left = invite(organization, "backdoor@example.com", Role.OWNER, invited_by=owner)
    services.remove_member(membership_id=owner.memberships.get().pk)
    assert Client().post(path_of(left), ACCOUNT).status_code == 410
    assert list(organization.memberships.all()) == [other.memberships.get()]


def test_a_token_is_in_no_log(organization):
    path = path_of(invite(organization))
    record = logs.logging.LogRecord("x", 30, "f", 1, f"Gone: {path} ?next={path}", None, None)
    assert onboarding.token_of(Invitation.objects.get()) not in logs.TokenlessFormatter().format(record)


# Founding


START = {"organization": "Harbour Law", "email": "ida@example.com", "zone": "Europe/Berlin"}


def test_founding_an_organisation_ends_with_a_list_of_what_is_to_do():
    ida = Client()
    assert ida.post("/start/", START)["Location"] == "/start/?sent=1"
    assert not Organization.objects.exists(), "nothing before the address is confirmed"
    path = send(Invitation.objects.get())
    assert "Harbour Law" in ida.get(path).text
    page = ida.post(path, ACCOUNT, follow=True)
    organization = Organization.objects.get()
    assert (organization.slug, organization.timezone) == ("harbour-law", "Europe/Berlin")
    assert [step["done"] for step in page.context["checklist"]["steps"]] == [False, False, False, False]
    expert = make_expert(organization=organization)
    page = ida.get(reverse("admin:day"))
    steps = page.context["checklist"]["steps"]
    assert [step["done"] for step in steps] == [True, False, False, False]
    assert steps[1]["url"] == admin_url(Expert, "change", expert.pk) + "#hours-group"
    assert 'id="hours-group"' in ida.get(steps[1]["url"]).text


def test_a_new_organisation_starts_from_an_example_if_it_likes():
    for example, types in (("", 0), ("nonsense", 0), ("clinic", 3)):
        invitation = onboarding.found_by_mail(name="Harbour", email=f"ida{types}{example}@example.com", zone="UTC")
        path, ida = path_of(invitation), Client()
        assert "What will people book with you?" in ida.get(path).text
        page = ida.post(path, ACCOUNT | {"example": example}, follow=True)
        organization = Organization.objects.latest("pk")
        assert organization.session_types.count() == types
        labels = [str(step["label"]) for step in page.context["checklist"]["steps"]]
        assert ("Say who offers which session type" in labels) == bool(types)
    joining = invite(organization, email="noor@example.com")
    assert "What will people book" not in Client().get(path_of(joining)).text


@pytest.mark.parametrize("values", [{"organization": ""}, {"email": "x"}, {"zone": "Mars/Olympus"}], ids=str)
def test_what_cannot_be_founded_is_a_message_at_the_field(values):
    response = Client().post("/start/", START | values)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == list(values)


def test_the_answer_to_an_address_is_the_same_for_everybody():
    make_member(make_organization(), email="ida@example.com", password=None)
    known, new = (Client().post("/start/", START | {"email": email}) for email in ("ida@example.com", "new@x.io"))
    assert (known.status_code, known["Location"]) == (new.status_code, new["Location"])


def test_nobody_can_flood_a_mailbox_and_no_answer_tells_that_somebody_tried(settings):
    settings.RATE_LIMITS = True
    answers = [Client().post("/start/", START) for _ in range(8)]
    for invitation in Invitation.objects.all():
        tasks.send_invitation(invitation_id=invitation.pk)
    assert {answer.status_code for answer in answers} == {303}
    assert len(mail.outbox) == 5


def test_without_the_setting_nobody_founds_anything(settings):
    settings.SIGN_UP = False
    for answer in (Client().get("/start/"), Client().post("/start/", START)):
        assert answer.status_code == 404


# The command


def create(*args, **options) -> str:
    out = StringIO()
    call_command("create_organization", *args, stdout=out, **options)
    return out.getvalue()


def test_the_command_sets_up_an_organisation_with_its_owner():
    said = create("Northgate Clinic", owner="maya@example.com", timezone="Europe/London")
    organization = Organization.objects.get()
    assert (organization.slug, organization.timezone) == ("northgate-clinic", "Europe/London")
    Client().post(re.search(r"/start/invitation/\S+", said)[0], ACCOUNT)
    assert Membership.objects.get().role == Role.OWNER


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"slug": "taken"}, "at this address already"),
        ({"slug": "no slug"}, "--slug"),
        ({"owner": "nobody"}, "--owner"),
        ({"timezone": "Mars/Olympus"}, "--timezone"),
    ],
    ids=str,
)
def test_the_command_says_what_is_wrong_and_makes_nothing(options, words):
    make_organization(slug="taken")
    with pytest.raises(CommandError, match=words):
        create("Northgate Clinic", **{"owner": "maya@example.com"} | options)
    assert Organization.objects.count() == 1
    assert not Invitation.objects.exists()


def test_a_new_installation_has_a_category_to_put_the_first_expert_in():
    for name in ("Northgate Clinic", "Harbour Law"):
        onboarding.create_organization(name=name)
    assert Category.objects.get().name == "General"
