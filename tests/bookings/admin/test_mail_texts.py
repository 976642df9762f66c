"""The page of a mail's words: shows the mail while they are typed, saves them, sends a test, and keeps others out."""

import re
from html import unescape

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services, tasks
from bookings.models import Booking, MailKind, MailText
from bookings.models.mail_text import WORDED
from experts.models import Organization, Role
from tests.cast import make_organization
from tests.forms import filled_in
from tests.staff import admin_url, logged_in, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return make_organization(name="Northgate Clinic")


@pytest.fixture
def owner(organization):
    return logged_in(make_member(organization, email="maya@example.com", name="Maya Brandt"))


def url(organization, kind="confirmed", page="mail") -> str:
    return reverse(f"admin:experts_organization_{page}", args=[organization.pk, kind])


def typed(client, organization, kind="confirmed", **changes) -> dict:
    return filled_in(client.get(url(organization, kind)).text, **changes)


def preview(client, organization, kind="confirmed", **data):
    return client.post(url(organization, kind, "mail_preview"), data)


@pytest.mark.parametrize("kind", WORDED)
def test_each_mail_is_shown_whole_with_what_is_typed(owner, organization, kind):
    page = owner.get(url(organization, kind.value)).text
    assert "Hello Sam Sample, " in page
    words = {"subject": "Hi <{name}>", "opening": "Own & {expert}"}
    shown = preview(owner, organization, kind.value, **words)
    assert "<h1>Hi &lt;Sam Sample&gt;</h1>" in shown.text
    [html] = re.findall(r'srcdoc="([^"]*)"', shown.text)
    assert "Own &amp; Dr Sample" in unescape(html)
    assert "This was not me" in unescape(html)
    text = preview(owner, organization, kind.value, **words, _preview="text").text
    assert "srcdoc" not in text
    assert "Own &amp; Dr Sample" in text
    assert "This was not you?" in unescape(text).replace("’", "’")
    assert not MailText.objects.exists()
    assert not Booking.objects.exists()


def test_what_cannot_stand_there_is_told_and_shown_as_saved(owner, organization):
    services.save_mail_text(organization_id=organization.pk, kind=MailKind.CONFIRMED, subject="Saved", opening="")
    shown = preview(owner, organization, subject="{nmae}", opening="x").text
    assert "There is no placeholder {nmae}." in shown
    assert "Shown as it is saved." in shown
    assert "<h1>Saved</h1>" in shown
    answer = owner.post(url(organization), typed(owner, organization, subject="{nmae}", opening="www.example.com"))
    assert answer.status_code == 422
    assert "There is no placeholder {nmae}." in answer.text
    assert "Leave out web addresses." in answer.text
    assert 'value="{nmae}"' in answer.text
    assert MailText.objects.get().subject == "Saved"


def test_words_are_saved_told_in_the_history_and_taken_back(owner, organization):
    answer = owner.post(url(organization), typed(owner, organization, subject="See you, {name}"), follow=True)
    assert "Saved. “Confirmed” is sent like this from now on." in answer.text
    assert MailText.objects.get().subject == "See you, {name}"
    history = owner.get(admin_url(Organization, "history", organization.pk)).text
    assert "E-mail “Confirmed”: Added" in history
    assert "See you, {name}" in history
    assert "Maya Brandt" in history
    owner.post(url(organization), typed(owner, organization, subject="{nmae}", _standard="1"))
    assert not MailText.objects.exists()
    assert "E-mail “Confirmed”: Deleted" in owner.get(admin_url(Organization, "history", organization.pk)).text


def test_an_older_page_takes_nothing_back(owner, organization):
    before = typed(owner, organization, subject="Mine")
    colleague = logged_in(make_member(organization, name="Jonas Weber"))
    colleague.post(url(organization), typed(colleague, organization, subject="Theirs", opening="Line\nLine"))
    answer = owner.post(url(organization), before)
    assert answer.status_code == 422
    assert "Jonas Weber changed this while you had it open." in answer.text
    assert "Jonas Weber wrote “Theirs”." in answer.text
    assert 'value="Mine"' in answer.text
    assert MailText.objects.get().subject == "Theirs"
    owner.post(url(organization), filled_in(answer.text))
    assert MailText.objects.get().subject == "Mine"


def test_it_stands_in_frames_of_this_site_alone(owner, organization):
    answer = preview(owner, organization)
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in answer["Content-Security-Policy"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "script-src" not in answer["Content-Security-Policy"]
    assert owner.get(url(organization))["X-Frame-Options"] == "DENY"


def test_others_see_and_change_nothing(organization):
    for who, status in (
        (make_member(organization, Role.SCHEDULER), 403),
        (make_member(organization, Role.EXPERT), 404),
        (make_member(make_organization()), 404),
    ):
        client = logged_in(who)
        for page in ("mail", "mail_preview", "mail_test"):
            assert client.post(url(organization, page=page), {"subject": "x"}).status_code == status
    assert Client().post(url(organization), {"subject": "x"}).status_code == 302
    assert not MailText.objects.exists()


@pytest.mark.parametrize("kind", ["lookup", "password", "staff_request", "nothing"])
def test_other_mails_have_no_words_of_an_organisation(owner, organization, kind):
    for page in ("mail", "mail_preview", "mail_test"):
        assert owner.post(url(organization, kind, page), {"subject": "x"}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_test_goes_to_oneself_as_it_is_saved(owner, organization):
    services.save_mail_text(
        organization_id=organization.pk, kind=MailKind.RESCUE_OFFER, subject="{name}!", opening="Hm"
    )
    test = url(organization, "rescue_offer", "mail_test")
    answer = owner.post(test, {"subject": "typed", "to": "x@example.com"}, headers={"HX-Request": "true"})
    assert "on its way to maya@example.com" in answer.text
    tasks.send_test_mail(**ProcrastinateJob.objects.get(task_name="bookings.tasks.send_test_mail").args)
    [sent] = mail.outbox
    assert (sent.to, sent.subject) == (["maya@example.com"], "Test: Sam Sample!")
    assert sent.body.startswith("Hm\n")
    assert owner.post(test).headers["Location"] == url(organization, "rescue_offer")
