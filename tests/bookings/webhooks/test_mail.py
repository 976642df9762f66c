"""A pause is never silent: those who look after the organisation get a mail, once."""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import Notification, WebhookEndpoint
from bookings.tasks import send_webhook_paused
from experts.models import Role
from tests.cast import make_organization, make_webhook
from tests.staff import make_member

pytestmark = pytest.mark.django_db


def make_paused(reason: str = "failing", **values) -> WebhookEndpoint:
    organization = make_organization(**{"name": "Hale & Partners", "contact_email": "desk@example.com"} | values)
    url = "https://hooks.example.com/secret-path?key=secret"
    return make_webhook(organization, url=url, paused_at=timezone.now(), paused_reason=reason)


@pytest.mark.parametrize(("reason", "words"), [("failing", "for three days"), ("gone", "410 Gone")])
def test_it_says_why_and_what_to_do(mailoutbox, reason, words):
    endpoint = make_paused(reason)
    send_webhook_paused(endpoint_id=endpoint.pk)
    [mail] = mailoutbox
    html = mail.alternatives[0][0]
    assert mail.to == ["desk@example.com"]
    assert mail.subject == "Webhook paused: hooks.example.com"
    for body in (mail.body, html):
        assert words in body
        assert f"/admin/bookings/webhookendpoint/{endpoint.pk}/change/" in body
        assert "London time" in body
        assert "secret" not in body, "an address may hold a key, and mail is forwarded"
    assert "Hale & Partners" in mail.body
    assert Notification.objects.get().audience == "staff"


def test_once_for_each_pause(mailoutbox):
    endpoint = make_paused()
    for _ in range(2):
        send_webhook_paused(endpoint_id=endpoint.pk)
    assert len(mailoutbox) == 1
    WebhookEndpoint.objects.update(paused_at=timezone.now() + timedelta(days=4))
    send_webhook_paused(endpoint_id=endpoint.pk)
    assert len(mailoutbox) == 2


def test_not_when_it_was_resumed_or_deleted_meanwhile(mailoutbox):
    endpoint = make_paused()
    WebhookEndpoint.objects.update(paused_at=None, paused_reason="")
    send_webhook_paused(endpoint_id=endpoint.pk)
    send_webhook_paused(endpoint_id=endpoint.pk + 1)
    assert mailoutbox == []


def test_owners_are_told_rather_than_the_desk(mailoutbox):
    endpoint = make_paused()
    for email, role, is_active in [
        ("ola@example.com", Role.OWNER, True),
        ("omar@example.com", Role.OWNER, True),
        ("gone@example.com", Role.OWNER, False),
        ("sam@example.com", Role.SCHEDULER, True),
    ]:
        make_member(endpoint.organization, role, email=email, is_active=is_active)
    make_member(make_organization(), email="other@example.com")
    send_webhook_paused(endpoint_id=endpoint.pk)
    assert [mail.to for mail in mailoutbox] == [["ola@example.com"], ["omar@example.com"]]


def test_nobody_to_tell_is_in_the_log(mailoutbox, caplog):
    endpoint = make_paused(contact_email="")
    with caplog.at_level(logging.WARNING):
        send_webhook_paused(endpoint_id=endpoint.pk)
    assert mailoutbox == []
    assert f"Webhook {endpoint.pk} was paused" in caplog.text
