"""The preview of an organisation's settings shows what is typed and saves nothing; a test goes to oneself alone."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import tasks
from bookings.mail import limits
from bookings.mail.examples import REFERENCE, SHOWN, example_mail
from bookings.models import Booking, MailKind, Notification, Suppression
from bookings.models.recipient import SuppressionReason, recipient_key
from bookings.references import read_reference
from experts.models import Organization, Role
from tests.cast import make_expert, make_organization
from tests.forms import filled_in
from tests.staff import admin_url, logged_in, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return make_organization(name="Northgate Clinic", accent="petrol", mail_footer="18 Northgate Row")


@pytest.fixture
def owner(organization):
    return logged_in(make_member(organization, email="maya@example.com"))


def typed(owner, organization, **changes) -> dict:
    page = owner.get(admin_url(Organization, "change", organization.pk)).text
    return filled_in(page, **changes)


def preview(client, organization, **data):
    url = reverse("admin:experts_organization_preview", args=[organization.pk])
    return client.post(url, data) if data else client.get(url)


def test_it_shows_what_is_typed_and_saves_nothing(owner, organization):
    assert 'data-accent="petrol"' in preview(owner, organization).text
    form = typed(owner, organization, accent="brick", name="Northgate House", cancel_until="1 d", max_party="3")
    answer = preview(owner, organization, **form)
    assert 'data-accent="brick"' in answer.text
    assert "Northgate House" in answer.text
    assert "up to 3 seats" in answer.text
    stored = Organization.objects.get(pk=organization.pk)
    assert (stored.accent, stored.name, stored.cancel_until) == ("petrol", "Northgate Clinic", timedelta(hours=2))


def test_policies_are_told_by_a_session_of_tomorrow_at_two(owner, organization):
    form = typed(owner, organization, cancel_until="2 h", min_notice="1 h", requires_approval="on", approval_hours="24")
    text = preview(owner, organization, **form).text
    assert "A session that begins Tomorrow 14:00, London time" in text
    assert ", 12:00" in text[text.index("Free to move or cancel until") :][:80]
    assert "Can be booked until Tomorrow 13:00." in text
    assert "yours to approve until" in text
    assert "so it can’t be moved or cancelled" in preview(owner, organization, **form | {"cancel_until": "5 d"}).text


def test_what_cannot_be_understood_is_named_and_shown_as_saved(owner, organization):
    form = typed(owner, organization, accent="pink", cancel_until="soon", name="Northgate House")
    answer = preview(owner, organization, **form)
    assert answer.status_code == 200
    assert 'data-accent="petrol"' in answer.text
    assert "Northgate House" in answer.text
    assert "As it is saved, where something has to be corrected: " in answer.text
    assert "Accent" in answer.text


@pytest.mark.parametrize("kind", SHOWN)
def test_each_mail_is_shown_as_it_would_be_sent(owner, organization, kind):
    form = typed(owner, organization, mail_footer="By the <river>", accent="brick", _preview=kind.value)
    answer = preview(owner, organization, **form)
    assert "By the &lt;river&gt;" in answer.text
    assert "Sam Sample" in answer.text
    assert "script-src" not in answer["Content-Security-Policy"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert not Booking.objects.exists()
    assert not mail.outbox


def test_it_stands_in_frames_of_this_site_alone(owner, organization):
    for data in ({}, {"_preview": "confirmed"}):
        answer = preview(owner, organization, **data)
        assert answer["X-Frame-Options"] == "SAMEORIGIN"
        assert "frame-ancestors 'self'" in answer["Content-Security-Policy"]
    page = owner.get(admin_url(Organization, "change", organization.pk))
    assert page["X-Frame-Options"] == "DENY"


def test_others_see_no_preview_and_send_no_test(organization):
    test = reverse("admin:experts_organization_test_mail", args=[organization.pk])
    for who, status in (
        (make_member(organization, Role.SCHEDULER), 403),
        (make_member(organization, Role.EXPERT), 404),
        (make_member(make_organization()), 404),
    ):
        client = logged_in(who)
        assert preview(client, organization).status_code == status
        assert client.post(test).status_code == status
    assert Client().post(test).status_code == 302
    assert (
        'name="look"'
        not in logged_in(make_member(organization, Role.SCHEDULER))
        .get(admin_url(Organization, "change", organization.pk))
        .text
    )


def test_the_example_is_of_an_expert_of_the_house_and_opens_nothing(owner, organization):
    expert = make_expert(organization=organization, name="Amara Okafor")
    make_expert(name="Aaron Elsewhere")
    made = example_mail(organization, MailKind.CONFIRMED, "x@example.com", "<x@y>", expert.created_at)
    assert "Amara Okafor" in made.body
    assert "Elsewhere" not in made.body
    assert read_reference(REFERENCE) == ""
    [link] = [word for word in made.body.split() if "/bookings/link/" in word]
    assert Client().post(link[link.index("/bookings/") :]).status_code in (400, 404, 410)


@pytest.mark.django_db(transaction=True)
class TestMailsToOneself:
    done = 0  # the last job that was run

    def send(self, client, organization, **data):
        url = reverse("admin:experts_organization_test_mail", args=[organization.pk])
        answer = client.post(url, data, headers={"HX-Request": "true"})
        jobs = ProcrastinateJob.objects.filter(task_name="bookings.tasks.send_test_mail", pk__gt=self.done)
        for job in jobs.order_by("pk"):
            self.done = job.pk
            tasks.send_test_mail(**job.args)
        return answer

    def test_one_goes_to_the_own_address_whatever_was_sent(self, owner, organization):
        answer = self.send(owner, organization, _preview="pending", to="other@example.com", email="o@example.com")
        assert "on its way to maya@example.com" in answer.text
        [sent] = mail.outbox
        assert sent.to == ["maya@example.com"]
        assert sent.subject.startswith("Test: Request sent")
        assert "18 Northgate Row" in sent.body
        assert not Notification.objects.exists()
        assert not Booking.objects.exists()
        unknown = owner.post(
            reverse("admin:experts_organization_test_mail", args=[organization.pk]), {"_preview": "password"}
        )
        assert unknown.status_code == 404

    def test_they_are_counted(self, owner, organization, settings, monkeypatch):
        settings.RATE_LIMITS = True
        monkeypatch.setattr(limits, "TESTS", limits.Limit(2, 3600, waits=0))
        for _n in range(4):
            answer = self.send(owner, organization)
        assert "very often" in answer.text
        assert len(mail.outbox) == 2

    def test_the_quota_of_a_new_organisation_holds(self, owner, organization, settings):
        settings.RATE_LIMITS = True
        Organization.objects.filter(pk=organization.pk).update(staff_mail_quota=1)
        for _n in range(3):
            self.send(owner, organization)
        assert len(mail.outbox) == 1

    def test_a_mailbox_that_bounces_is_spared(self, owner, organization):
        Suppression.objects.create(recipient=recipient_key("maya@example.com"), reason=SuppressionReason.BOUNCED)
        self.send(owner, organization)
        assert not mail.outbox
