"""One's own account: the way in and out, passwords, sessions, second factors. Attacks: tests/abuse/test_log_in.py."""

import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings.models import NoteReading, Notification
from bookingsite.accounts.tasks import send_password_link
from experts import services
from experts.models import Role, SignIn, StaffSession, User
from tests.api.caller import Caller, make_token
from tests.cast import make_booking, make_organization, make_slot
from tests.jobs import arguments_of
from tests.log_in import add_app, code_of, is_in, link_in, log_in, send_code
from tests.staff import PASSWORD, admin_url, logged_in, make_member, make_superuser

pytestmark = pytest.mark.django_db
NEW = "quite another one"


def age(minutes: int, *columns: str) -> None:
    """Let all sessions be so much older."""
    StaffSession.objects.update(**{c: timezone.now() - timedelta(minutes=minutes) for c in columns})


# In and out


def test_the_old_address_of_the_log_in_page_leads_to_the_new_one_and_on_to_where_they_wanted():
    answer = Client().get("/admin/experts/expert/?q=maya", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/account/login/?next=")
    assert answer.context["redirect_field_value"] == "/admin/experts/expert/?q=maya"
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
    assert reverse("account_reset_password") in answer.text


def test_visitors_find_no_way_to_make_an_account():
    for address in ("/account/signup/", "/account/email/", "/account/second/passkeys/signup/", "/accounts/"):
        assert Client().get(address).status_code == 404
    assert "/account/" not in Client().get("/experts/").text


def test_whoever_logs_in_is_told_nothing_of_it():
    client, maya = Client(), make_superuser()
    answer = log_in(client, maya.email, PASSWORD, "/admin/day/", follow=True)
    assert answer.status_code == 200
    assert not list(answer.context["messages"])


def test_logging_out_ends_the_session_here_and_in_the_list():
    maya = make_superuser()
    for page in ("account_logout", "admin:logout"):
        client = logged_in(maya)
        assert client.post(reverse(page))["Location"] == reverse("account_login")
        assert not is_in(client)
    assert not StaffSession.objects.exists()
    assert list(SignIn.objects.order_by("id").values_list("outcome", flat=True)) == ["in", "out"] * 2


def test_somebody_who_may_no_longer_enter_the_admin_is_not_sent_round_in_circles():
    maya = make_superuser()
    client = logged_in(maya)
    User.objects.filter(pk=maya.pk).update(is_staff=False)
    answer = client.get(reverse("admin:index"), follow=True)
    assert answer.status_code == 200
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))


@override_settings(
    PASSWORD_HASHERS=[
        "bookingsite.accounts.hashers.SmallArgon2Hasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
)
def test_an_older_hash_becomes_argon2_at_the_next_log_in():
    maya = make_superuser()
    User.objects.filter(pk=maya.pk).update(password=PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1))
    assert log_in(Client(), maya.email, PASSWORD).status_code == 302
    maya.refresh_from_db()
    assert maya.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert log_in(Client(), maya.email, PASSWORD).status_code == 302


# Passwords


def test_a_new_password_by_mail_logs_all_browsers_out_and_the_link_works_once():
    maya = make_superuser()
    client, elsewhere = Client(), logged_in(maya)
    assert client.post(reverse("account_reset_password"), {"email": maya.email.upper()}).status_code == 303
    job = ProcrastinateJob.objects.get(task_name="bookingsite.accounts.tasks.send_password_link")
    assert arguments_of(job).keys() == {"user_id", "asked_at"} and job.args["user_id"] == maya.pk, (
        "no link in the queue"
    )
    send_password_link(**arguments_of(job))
    send_password_link(**arguments_of(job))
    [sent] = mail.outbox
    logged = Notification.objects.get()
    assert (logged.kind, logged.to, logged.status) == ("password", maya.email, "sent")
    assert link_in(sent.body) not in str(Notification.objects.values())
    assert sent.to == [maya.email]
    link = link_in(sent.body)
    assert Client().get(link, follow=True).status_code == 200, "a program that looks at mails uses nothing up"
    form = client.get(link, follow=True)
    where = form.request["PATH_INFO"]
    assert link not in form.text, "the key is not in the address of the page any more"
    assert client.post(where, {"password1": "short", "password2": "short"}).context["form"].errors
    assert client.post(where, {"password1": NEW, "password2": NEW}, follow=True).status_code == 200
    assert not is_in(elsewhere)
    assert "This link is over" in Client().get(link, follow=True).text
    assert log_in(client, maya.email, PASSWORD).status_code == 200
    assert log_in(client, maya.email, NEW).status_code == 302


def test_the_answer_is_the_same_for_every_address_and_mails_are_few():
    maya = make_superuser()
    for email in (maya.email, "nobody@example.com"):
        for _ in range(10):
            answer = Client().post(reverse("account_reset_password"), {"email": email})
            assert (answer.status_code, answer["Location"]) == (303, reverse("account_reset_password_done"))
    jobs = ProcrastinateJob.objects.filter(task_name="bookingsite.accounts.tasks.send_password_link")
    assert [job.args["user_id"] for job in jobs.order_by("id")] == [maya.pk] * 8 + [None] * 8
    send_password_link(user_id=None)
    assert not mail.outbox


def test_a_changed_password_logs_all_other_browsers_out():
    maya = make_superuser()
    client, elsewhere = logged_in(maya), logged_in(maya)
    form = {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    assert client.post(reverse("account_change_password"), form).context["form"].errors
    assert is_in(elsewhere)
    assert client.post(reverse("account_change_password"), form | {"oldpassword": PASSWORD})["Location"] == "/account/"
    assert is_in(client)
    assert not is_in(elsewhere)
    assert len(client.get(reverse("account")).context["sessions"]) == 1


# Sessions


def test_the_list_of_sessions_ends_each_and_all_others():
    maya = make_superuser()
    here, phone, tablet, desk = (logged_in(maya) for _ in range(4))
    page = here.get(reverse("account"))
    assert [is_here for _session, is_here, _browser in page.context["sessions"]].count(True) == 1
    phones = StaffSession.objects.filter(user=maya).order_by("pk")[1]
    here.post(reverse("end_session", args=[phones.pk]))
    assert [is_in(client) for client in (here, phone, tablet, desk)] == [True, False, True, True]
    here.post(reverse("end_other_sessions"))
    assert [is_in(client) for client in (here, tablet, desk)] == [True, False, False]


@pytest.mark.parametrize(
    "minutes, columns, running",
    [
        (59, ["seen_at"], True),
        (61, ["seen_at"], False),
        (11 * 60 + 59, ["started_at"], True),
        (12 * 60 + 1, ["started_at"], False),
    ],
)
def test_a_session_ends_after_an_hour_idle_and_after_twelve(minutes, columns, running):
    client = logged_in(make_superuser())
    age(minutes, *columns)
    assert is_in(client) == running
    assert StaffSession.objects.exists() == running


def test_working_keeps_a_session_by_one_statement_and_a_write_a_minute():
    client = logged_in(make_superuser())
    is_in(client)
    for minutes, expected in ((0, ["SELECT"]), (50, ["SELECT", "UPDATE"]), (0, ["SELECT"])):
        if minutes:
            age(minutes, "seen_at")
        with CaptureQueriesContext(connection) as captured:
            assert is_in(client)
        ours = [q["sql"] for q in captured.captured_queries if "experts_staffsession" in q["sql"]]
        assert [sql.split()[0] for sql in ours] == expected


def test_what_an_open_page_loads_by_itself_keeps_no_session():
    client = logged_in(make_superuser())
    age(50, "seen_at")
    before = StaffSession.objects.get().seen_at
    assert client.get(reverse("admin:day"), headers={"X-By-Itself": "1"}).status_code == 200
    assert StaffSession.objects.get().seen_at == before


def test_sessions_end_with_the_membership_and_with_the_account():
    organization = make_organization()
    client = logged_in(make_member(organization))
    member = make_member(organization, Role.SCHEDULER)
    gone = logged_in(member)
    client.post(admin_url(type(member.memberships.get()), "delete", member.memberships.get().pk), {"post": "yes"})
    assert not is_in(gone)
    maya = make_superuser()
    theirs, staff = logged_in(maya), logged_in(make_superuser())
    form = {"email": maya.email, "name": "", "is_staff": "on", "is_superuser": "on"}
    assert staff.post(admin_url(User, "change", maya.pk), form).status_code == 302
    User.objects.filter(pk=maya.pk).update(is_active=True)
    assert not is_in(theirs), "nor when the account is active again"


def test_visitors_pages_know_nothing_of_sessions_that_are_over():
    maya = make_superuser()
    client = logged_in(maya)
    services.end_sessions(user_id=maya.pk)
    assert client.get("/experts/").status_code == 200
    assert not is_in(client)


# Second factors


def test_an_app_is_set_up_shown_its_recovery_codes_once_and_removed(django_capture_on_commit_callbacks):
    maya = make_superuser()
    client, elsewhere = logged_in(maya), logged_in(maya)
    page = client.get(reverse("mfa_activate_totp"))
    assert "<svg" in page.text
    assert "unsafe" not in page["Content-Security-Policy"]
    assert client.post(reverse("mfa_activate_totp"), {"code": "000000"}).context["form"].errors
    code = code_of(client.session["mfa.totp.secret"])
    with django_capture_on_commit_callbacks(execute=True):
        codes = client.post(reverse("mfa_activate_totp"), {"code": f"{code[:3]} {code[3:]}"}, follow=True)
    listed = re.findall(r"<li>(\d{8})</li>", codes.text)
    assert len(listed) == 10
    assert listed[0] not in client.get(reverse("mfa_view_recovery_codes")).text
    assert not is_in(elsewhere), "it has to log in by the new rule"

    other = Client()
    log_in(other, maya.email, PASSWORD)
    assert send_code(other, code).status_code == 200, "the code that set it up logs nobody in"
    assert send_code(other, listed[0]).status_code == 302
    assert SignIn.objects.filter(outcome="in").latest("pk").means == "recovery_codes"
    assert "9 are left" in other.get(reverse("mfa_index")).text
    other.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.filter(user=maya).exists()


def test_the_organisations_owners_turn_it_on():
    organization = make_organization()
    client = logged_in(make_member(organization))
    page = client.get(admin_url(type(organization), "change", organization.pk))
    assert page.context["adminform"].form.fields["two_factor"].label == "Second factor needed to log in"


def test_an_operator_helps_somebody_who_lost_all_of_it():
    maya = make_superuser()
    add_app(maya)
    client = logged_in(maya)
    call_command("remove_second_factor", maya.email)
    assert not is_in(client)
    assert log_in(Client(), maya.email, PASSWORD)["Location"] == reverse("admin:index")


# Who read notes


def test_reading_notes_is_logged_once_an_hour_and_only_where_there_are_some():
    organization = make_organization()
    owner = make_member(organization)
    slot = make_slot(capacity=2)
    slot.expert.organization = organization
    slot.expert.save()
    noted, plain = make_booking(slot, notes="Wobbleknee"), make_booking(slot)
    client = logged_in(owner)
    for booking in (noted, plain, noted):
        client.get(admin_url(type(booking), "change", booking.pk))
    assert list(NoteReading.objects.values_list("who", "booking_id")) == [(owner.email, noted.pk)]
    client.get(admin_url(type(noted)))
    assert NoteReading.objects.count() == 1, "the list shows none"
    Caller(make_token(organization, name="Till")).get("/admin/bookings")
    assert NoteReading.objects.first().who == "API: Till"
    assert NoteReading.objects.count() == 2
