"""Attacks on the log-in of staff. Each has a control: the same thing done rightly gets in."""

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from django.db import DatabaseError, connection, transaction
from django.test import Client, override_settings
from django.urls import reverse

from bookings.models import ApiToken, NoteReading
from experts.models import Membership, Organization, Outcome, Role, SignIn, SignInTry, StaffSession, TwoFactor
from experts.services import sign_ins
from tests.api.caller import Caller, make_token
from tests.cast import make_booking, make_organization, make_slot
from tests.log_in import add_app, code_of, is_in, log_in, send_code
from tests.staff import PASSWORD, admin_url, logged_in, make_member, make_superuser, make_user

pytestmark = pytest.mark.django_db
OTHER = {"REMOTE_ADDR": "192.0.2.7"}


@pytest.fixture
def low_limits(monkeypatch):
    """A third of the real ones for addresses and for names, which takes a third of the time."""
    monkeypatch.setattr(sign_ins, "PER_ADDRESS", 12)
    monkeypatch.setattr(sign_ins, "PER_NAME", 12)


def later(minutes: int) -> None:
    """Let so many minutes pass for all that is counted and all who are logged in."""
    with connection.cursor() as cursor:
        for table, columns in {
            SignInTry: ["at"],
            StaffSession: ["started_at", "seen_at", "proven_at", "checked_at"],
        }.items():
            changes = ", ".join(f"{column} = {column} - interval '{minutes} minutes'" for column in columns)
            cursor.execute(f"UPDATE {table._meta.db_table} SET {changes}")


# Guessing


def test_guessing_one_name_from_one_address_ends_after_eight_and_for_a_quarter_of_an_hour():
    maya, client = make_superuser(), Client()
    assert [log_in(client, maya.email, "wrong").status_code for _ in range(8)] == [200] * 8
    locked = log_in(client, maya.email, PASSWORD)
    assert locked.status_code == 429, "the right one, too"
    assert locked["Retry-After"] == "900"
    assert "You can try again in 15 minutes." in locked.text
    assert "unsafe" not in locked["Content-Security-Policy"]
    assert log_in(Client(), make_superuser().email, PASSWORD).status_code == 302, "somebody else from there"
    assert log_in(Client(), maya.email, PASSWORD, **OTHER).status_code == 302, "the same person from elsewhere"
    later(minutes=16)
    assert log_in(client, maya.email, PASSWORD).status_code == 302


def test_capital_letters_are_no_further_tries_and_the_right_password_forgets_wrong_ones():
    maya, client = make_superuser(email="maya@example.com"), Client()
    for _ in range(2):
        for name in ["maya@example.com", "Maya@example.com", "MAYA@example.com", "maya@Example.com"]:
            assert log_in(client, name, "wrong").status_code == 200
    assert log_in(client, "mAya@example.com", PASSWORD).status_code == 429
    later(minutes=16)
    for _ in range(3):
        client = Client()
        assert [log_in(client, maya.email, "wrong").status_code for _ in range(7)] == [200] * 7
        assert log_in(client, maya.email, PASSWORD).status_code == 302


def test_spraying_many_names_from_one_address_ends_and_does_not_shut_out_who_was_logged_in_there_before(low_limits):
    """An office shares its address with the one who sprays from it, or with a machine that somebody took over."""
    maya, noor, office = make_superuser(), make_superuser(), Client()
    assert log_in(office, maya.email, PASSWORD).status_code == 302
    office.post(reverse("account_logout"))
    answers = [log_in(Client(), f"name{n}@example.com", "Summer2026!").status_code for n in range(13)]
    assert answers == [200] * 12 + [429]
    assert log_in(Client(), noor.email, PASSWORD).status_code == 429, "control: a browser that nobody knows"
    assert log_in(office, maya.email, PASSWORD).status_code == 302
    assert log_in(Client(), noor.email, PASSWORD, **OTHER).status_code == 302


def test_a_right_password_of_ones_own_is_no_way_to_go_on_spraying(low_limits):
    mine = make_superuser()
    for n in range(12):
        if n % 5 == 0:
            assert log_in(Client(), mine.email, PASSWORD).status_code == 302
        assert log_in(Client(), f"name{n}@example.com", "Summer2026!").status_code == 200
    assert log_in(Client(), "one-more@example.com", "Summer2026!").status_code == 429


def test_many_addresses_cannot_guess_one_name_nor_lock_its_owner_out_where_they_work(low_limits):
    maya, own = make_superuser(), Client()
    assert log_in(own, maya.email, PASSWORD).status_code == 302
    own.post(reverse("account_logout"))
    answers = [log_in(Client(), maya.email, "wrong", REMOTE_ADDR=f"192.0.2.{n}").status_code for n in range(13)]
    assert answers == [200] * 12 + [429]
    assert log_in(Client(), maya.email, PASSWORD, REMOTE_ADDR="198.51.100.1").status_code == 429, "control"
    assert log_in(own, maya.email, PASSWORD).status_code == 302


def test_a_link_by_mail_lets_somebody_in_whose_name_others_guess_at(low_limits):
    maya, new_browser = make_superuser(), Client()
    for n in range(13):
        log_in(Client(), maya.email, "wrong", REMOTE_ADDR=f"192.0.2.{n}")
    assert log_in(new_browser, maya.email, PASSWORD).status_code == 429, "control"
    link = reverse(
        "account_reset_password_from_key", args=[user_pk_to_url_str(maya), default_token_generator.make_token(maya)]
    )
    form = new_browser.get(link, follow=True)
    words = {"password1": "quite another one", "password2": "quite another one"}
    new_browser.post(form.request["PATH_INFO"], words)
    assert log_in(new_browser, maya.email, "quite another one").status_code == 302
    assert log_in(Client(), maya.email, "quite another one").status_code == 429


def test_a_known_browser_is_no_way_round_the_limits_and_knows_its_own_accounts_only(low_limits):
    maya, noor, client = make_superuser(), make_superuser(), Client()
    log_in(client, maya.email, PASSWORD)
    client.post(reverse("account_logout"))
    assert [log_in(client, maya.email, "wrong").status_code for _ in range(9)] == [200] * 8 + [429]
    for n in range(12):
        log_in(Client(), f"name{n}@example.com", "wrong")
    assert log_in(client, noor.email, PASSWORD).status_code == 429, "not theirs"
    client.cookies["known"] = client.cookies["known"].value[:-3] + "abc"
    assert log_in(client, maya.email, PASSWORD).status_code == 429, "forged"


def test_the_answer_does_not_tell_whether_there_is_such_an_account():
    """Nor whether it is one that may not enter the admin, or not any more."""
    make_superuser(email="maya@example.com")
    make_user(email="customer@example.com")
    make_superuser(email="gone@example.com", is_active=False)

    def answers(email, password):
        client = Client()
        found = [log_in(client, email, password, REMOTE_ADDR=f"198.51.100.{len(email)}") for _ in range(9)]
        return [(answer.status_code, "Please enter the right e-mail address" in answer.text) for answer in found]

    nobody = answers("nobody@example.com", PASSWORD)
    assert nobody == [(200, True)] * 8 + [(429, False)]
    assert answers("maya@example.com", "wrong") == nobody
    assert answers("customer@example.com", PASSWORD) == nobody
    assert answers("gone@example.com", PASSWORD) == nobody


@pytest.mark.parametrize("address", ["2001:db8::1", "", "unix:"])
def test_addresses_of_every_kind_are_counted(address):
    maya, client = make_superuser(), Client()
    assert [log_in(client, maya.email, "wrong", REMOTE_ADDR=address).status_code for _ in range(9)][-1] == 429


@override_settings(TRUSTED_PROXIES=["127.0.0.1"])
def test_behind_a_proxy_the_caller_is_locked_and_not_the_proxy():
    maya = make_superuser()
    for _ in range(9):
        locked = log_in(Client(), maya.email, "wrong", HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert locked.status_code == 429
    assert log_in(Client(), maya.email, PASSWORD, HTTP_X_FORWARDED_FOR="203.0.113.10").status_code == 302


def test_without_valkey_limits_codes_and_log_in_work(settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    }
    maya, client = make_superuser(), Client()
    assert [log_in(client, maya.email, "wrong").status_code for _ in range(9)][-1] == 429
    noor, client = make_superuser(), Client()
    add_app(noor)
    assert log_in(client, noor.email, PASSWORD)["Location"] == reverse("mfa_authenticate")
    assert send_code(client, code_of()).status_code == 302
    assert is_in(client)


@pytest.mark.parametrize("name", ["x" * 300 + "@example.com", "9" * 5000, "nul\x00@example.com", ""])
def test_odd_names_are_wrong_names(name):
    answer = log_in(Client(), name, "wrong")
    assert answer.status_code == 200
    assert answer.context["form"].errors


# Where it leads, and whose session it is


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_a_foreign_next_leads_to_the_admin(where):
    maya = make_superuser()
    assert log_in(Client(), maya.email, PASSWORD, where)["Location"] == reverse("admin:index")
    first = Client().get(reverse("admin:login"), {"next": where})
    client = Client()
    client.get(first["Location"])
    assert log_in(client, maya.email, PASSWORD, where)["Location"] == reverse("admin:index")
    assert log_in(Client(), maya.email, PASSWORD, "/admin/experts/")["Location"] == "/admin/experts/", "control"


def test_a_session_that_was_planted_is_not_the_one_that_is_logged_in():
    planted, maya = Client(), make_superuser()
    planted.get(reverse("account_login"))
    planted.session.save()
    session = planted.session
    session["planted"] = True
    session.save()
    victim = Client()
    victim.cookies["sessionid"] = session.session_key
    log_in(victim, maya.email, PASSWORD)
    assert is_in(victim)
    thief = Client()
    thief.cookies["sessionid"] = session.session_key
    assert not is_in(thief)


def test_a_session_of_the_database_alone_is_no_log_in():
    """Whoever writes a session, but no row that it is open, is not in."""
    client = logged_in(make_superuser())
    assert is_in(client)
    StaffSession.objects.all().delete()
    assert not is_in(client)


# The second factor


def test_the_password_alone_is_not_enough_and_a_code_works_once():
    maya = make_superuser()
    add_app(maya)
    client, code = Client(), code_of()
    assert log_in(client, maya.email, PASSWORD)["Location"] == reverse("mfa_authenticate")
    assert not is_in(client)
    assert send_code(client, "000000").status_code == 200
    assert not is_in(client)
    assert send_code(client, code)["Location"] == reverse("admin:index")
    assert is_in(client)

    thief = Client()
    log_in(thief, maya.email, PASSWORD)
    assert send_code(thief, code).status_code == 200, "read over the shoulder, or from the line"
    assert send_code(thief, code_of(steps=-1)).status_code == 200, "nor one before it"
    assert not is_in(thief)
    assert send_code(thief, code_of(steps=1)).status_code == 302, "control: the next one"


def test_codes_cannot_be_guessed():
    maya = make_superuser()
    add_app(maya)
    client = Client()
    log_in(client, maya.email, PASSWORD)
    assert [send_code(client, f"{n:06}").status_code for n in range(9)] == [200] * 8 + [429]
    assert send_code(client, code_of()).status_code == 429
    later(minutes=16)
    assert send_code(client, code_of()).status_code == 302


def test_a_recovery_code_works_once():
    maya = make_superuser()
    add_app(maya)
    code = Authenticator.objects.get(user=maya, type="recovery_codes").wrap().get_unused_codes()[0]
    for expected in (302, 200):
        client = Client()
        log_in(client, maya.email, PASSWORD)
        assert send_code(client, code).status_code == expected


def test_secrets_of_apps_are_not_in_the_database_as_they_are():
    maya = make_superuser()
    app = add_app(maya)
    assert "JBSWY3DP" not in str(app.data)
    assert app.wrap().validate_code(code_of()), "control"


ASKED = [
    ("nobody", TwoFactor.NOBODY, Role.OWNER, False),
    ("nobody", TwoFactor.OWNERS, Role.OWNER, True),
    ("nobody", TwoFactor.OWNERS, Role.SCHEDULER, False),
    ("nobody", TwoFactor.EVERYBODY, Role.EXPERT, True),
    ("owners", TwoFactor.NOBODY, Role.OWNER, True),
    ("owners", TwoFactor.NOBODY, Role.SCHEDULER, False),
    ("owners", TwoFactor.EVERYBODY, Role.SCHEDULER, True),
    ("everybody", TwoFactor.NOBODY, Role.EXPERT, True),
]


@pytest.mark.parametrize("installation, organization, role, asked", ASKED)
def test_who_needs_a_second_factor_is_led_to_set_it_up(installation, organization, role, asked):
    member = make_member(make_organization(two_factor=organization), role)
    client = logged_in(member)
    with override_settings(TWO_FACTOR=installation):
        assert (client.get(reverse("admin:day")).get("Location") == reverse("mfa_index")) == asked
        add_app(member)
        assert is_in(client), "at once"


def test_and_reaches_nothing_of_the_admin_by_any_address():
    client = logged_in(make_member(make_organization(two_factor=TwoFactor.OWNERS)))
    for address in (admin_url(Organization), "/admin/search/", "/admin//", "/admin/nonsense/", "/admin/autocomplete/"):
        for answer in (client.get(address), client.post(address)):
            assert answer.get("Location") == reverse("mfa_index"), address
    for page in ("mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "account"):
        assert client.get(reverse(page)).status_code == 200


@pytest.mark.parametrize("installation, asked", [("nobody", False), ("owners", True), ("everybody", True)])
def test_superusers_are_asked_where_owners_are(installation, asked, settings):
    settings.TWO_FACTOR = installation
    assert is_in(logged_in(make_superuser())) != asked


def test_a_superuser_who_is_a_member_is_asked_by_that_organisation():
    maya = make_superuser()
    Membership.objects.create(user=maya, organization=make_organization(two_factor=TwoFactor.OWNERS), role=Role.EXPERT)
    assert not is_in(logged_in(maya))


@pytest.mark.parametrize(
    "credential", ["", "7", "[]", "{}", '{"id": 1}', '{"id":"x","rawId":"x","response":{}}', "null"]
)
def test_a_passkey_that_no_browser_sends_is_a_wrong_one(credential):
    maya = make_superuser()
    add_app(maya)
    client, half, whole = Client(), Client(), logged_in(maya)
    log_in(half, maya.email, PASSWORD)
    sent = {"credential": credential, "passwordless": "on"}
    answer = client.post(reverse("mfa_login_webauthn"), sent, follow=True)
    assert answer.redirect_chain == [(reverse("account_login"), 302)]
    assert 'class="note note-error' in answer.text
    half.get(reverse("mfa_authenticate"))
    assert half.post(reverse("mfa_authenticate"), sent).status_code == 200
    whole.get(reverse("mfa_add_webauthn"))
    assert "That did not work." in whole.post(reverse("mfa_add_webauthn"), sent).text
    assert not Authenticator.objects.filter(type="webauthn").exists()
    assert not is_in(client)
    assert not is_in(half)


def test_a_second_factor_cannot_be_taken_away_with_a_session_that_somebody_left_open():
    maya = make_superuser()
    add_app(maya)
    client = logged_in(maya)
    later(minutes=16)
    for page in ("mfa_deactivate_totp", "mfa_generate_recovery_codes", "mfa_add_webauthn"):
        answer = client.post(reverse(page), {"credential": "{}"})
        assert answer["Location"].startswith("/account/reauthenticate/"), page
    assert Authenticator.objects.filter(user=maya, type="totp").exists()
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.filter(user=maya).exists(), "control"


# Asking again before what matters


def test_changes_of_who_may_do_what_ask_for_the_password_again_and_then_go_on():
    organization = make_organization()
    owner = make_member(organization)
    colleague = make_member(organization, Role.SCHEDULER).memberships.get()
    client, page = logged_in(owner), admin_url(Membership, "change", colleague.pk)

    def role() -> str:
        colleague.refresh_from_db()
        return colleague.role

    assert client.post(page, {"role": "expert"})["Location"] == admin_url(Membership)
    assert role() == "expert", "control: they have just logged in"
    later(minutes=16)
    answer = client.post(page, {"role": "owner"})
    assert answer["Location"].startswith("/account/reauthenticate/?next=")
    assert role() == "expert"
    assert client.post(answer["Location"], {"password": "wrong"}).status_code == 200
    assert role() == "expert"
    assert client.post(answer["Location"], {"password": PASSWORD})["Location"] == admin_url(Membership)
    assert role() == "owner", "what was sent is not lost"
    assert client.post(page, {"role": "expert"})["Location"] == admin_url(Membership), "for a quarter of an hour"


@pytest.mark.parametrize(
    "address",
    [
        "/admin/experts/membership/1/delete/",
        "/admin/experts/invitation/add/",
        "/admin/bookings/apitoken/add/",
        "/admin/bookings/apitoken/1/revoke/",
        "/admin/bookings/webhookendpoint/add/",
        "/admin/bookings/webhookendpoint/1/change/",
        "/admin/bookings/webhookendpoint/",
        "/admin/experts/organization/1/change/",
        "/admin/experts/user/1/password/",
        "/admin/experts/user/add/",
    ],
)
def test_no_address_of_such_a_page_takes_a_form_without_it(address):
    client = logged_in(make_superuser())
    later(minutes=16)
    answer = client.post(address, {"post": "yes", "name": "x"})
    assert answer["Location"].startswith("/account/reauthenticate/")
    assert not ApiToken.objects.exists()
    kept = client.session.get("account_reauthentication_state")
    assert bool(kept) != address.startswith("/admin/experts/user/"), "a new password is not kept"
    assert client.get("/admin/bookings/apitoken/add/").status_code == 200, "to look asks for nothing"


def test_what_was_sent_is_done_by_who_sent_it_and_nobody_else():
    organization = make_organization()
    colleague = make_member(organization, Role.SCHEDULER).memberships.get()
    client, stranger = logged_in(make_member(organization)), make_member(make_organization())
    later(minutes=16)
    page = admin_url(Membership, "change", colleague.pk)
    answer = client.post(page, {"role": "owner"})
    client.post(reverse("account_logout"))
    log_in(client, stranger.email, PASSWORD)
    client.post(answer["Location"], {"password": PASSWORD})
    colleague.refresh_from_db()
    assert colleague.role == "scheduler"


# The logs


def test_the_log_says_who_came_in_and_who_tried_and_never_what_was_typed():
    organization = make_organization()
    owner = make_member(organization)
    log_in(Client(), owner.email, "wrong", **OTHER)
    log_in(Client(), owner.email, PASSWORD, **OTHER)
    log_in(Client(), "my-secret-passw0rd@example.com", "oops", **OTHER)
    rows = list(SignIn.objects.order_by("id").values_list("outcome", "means", "who", "address", "organization_id"))
    assert rows == [
        ("wrong", "password", owner.email, "192.0.2.7", organization.pk),
        ("in", "password", owner.email, "192.0.2.7", organization.pk),
        ("wrong", "password", "", "192.0.2.7", None),
    ]
    with connection.cursor() as cursor:
        for model in (SignIn, SignInTry):
            cursor.execute(f"SELECT count(*) FROM {model._meta.db_table} AS t WHERE t::text LIKE '%passw0rd%'")
            assert cursor.fetchone() == (0,)


def test_owners_read_the_logs_of_their_own_organisation_only():
    here, there = make_organization(), make_organization()
    owner, scheduler, stranger = make_member(here), make_member(here, Role.SCHEDULER), make_member(there)
    booking = make_booking(make_slot(), notes="Wobbleknee")
    booking.slot.expert.organization = here
    booking.slot.expert.save()
    clients = {user: logged_in(user) for user in (owner, scheduler, stranger)}
    assert "Wobbleknee" in clients[scheduler].get(admin_url(type(booking), "change", booking.pk)).text
    mine = clients[owner].get(admin_url(SignIn))
    assert {row.who for row in mine.context["cl"].result_list} == {owner.email, scheduler.email}
    assert {row.who for row in clients[stranger].get(admin_url(SignIn)).context["cl"].result_list} == {stranger.email}
    reading = clients[owner].get(admin_url(NoteReading)).context["cl"].result_list[0]
    assert (reading.who, reading.reference) == (scheduler.email, booking.reference)
    assert not clients[stranger].get(admin_url(NoteReading)).context["cl"].result_list
    for model in (SignIn, NoteReading):
        assert clients[scheduler].get(admin_url(model)).status_code == 403
        row = model.objects.filter(organization_id=here.pk).first()
        assert clients[stranger].get(admin_url(model, "change", row.pk)).status_code == 302, "as if it were not there"
        for page in ("change", "delete"):
            clients[owner].post(admin_url(model, page, row.pk), {"post": "yes", "who": "somebody else"})
        assert model.objects.get(pk=row.pk).who == row.who


def test_nobody_outside_fills_the_log_which_nobody_can_empty():
    maya, client = make_superuser(), Client()
    for _ in range(20):
        log_in(client, maya.email, "wrong")
        client.post(reverse("mfa_login_webauthn"), {"credential": '{"id": "x"}'})
        client.get("/account/oidc/sso/callback/", {"code": "x", "state": "y"})
    outcomes = list(SignIn.objects.order_by("id").values_list("outcome", "means"))
    assert outcomes.count(("wrong", "password")) == 8
    assert outcomes.count(("locked", "password")) == 1
    assert outcomes.count(("wrong", "passkey")) <= 8
    assert len(outcomes) <= 17


@pytest.mark.parametrize("statement", ["UPDATE {} SET who = 'x'", "DELETE FROM {}"])
def test_the_logs_are_append_only_for_whoever_writes(statement):
    logged_in(make_superuser())
    assert SignIn.objects.filter(outcome=Outcome.IN).exists()
    NoteReading.objects.create(organization_id=1, booking_id=1, reference="EB", who="maya")
    for model in (SignIn, NoteReading):
        with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement.format(model._meta.db_table))


# Sessions


def test_nobody_ends_or_sees_somebody_elses_sessions():
    maya, noor = make_superuser(), make_superuser()
    client, other = logged_in(maya), logged_in(noor)
    session = StaffSession.objects.get(user=noor)
    client.post(reverse("end_session", args=[session.pk]))
    client.post(reverse("end_other_sessions"))
    assert is_in(other)
    assert [row.user_id for row, _here, _browser in client.get(reverse("account")).context["sessions"]] == [maya.pk]
    elsewhere = logged_in(noor)
    other.post(reverse("end_session", args=[StaffSession.objects.filter(user=noor).latest("pk").pk]))
    assert not is_in(elsewhere), "control"


def test_tokens_of_programs_need_no_second_factor():
    """A program has no phone. What it may do is the token's; whoever made it is still led to set one up."""
    organization = make_organization(two_factor=TwoFactor.EVERYBODY)
    owner = make_member(organization)
    caller = Caller(make_token(organization, created_by=owner))
    assert caller.get("/admin/bookings").status_code == 200
    assert not is_in(logged_in(owner))
