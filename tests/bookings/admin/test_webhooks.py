"""Webhooks in the admin: added and changed by owners, tested, resumed, renewed; events read and sent again."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings.models import WebhookDelivery, WebhookEndpoint
from experts.models import Role
from tests.cast import make_organization, make_webhook
from tests.staff import admin_url, errors_of, logged_in, make_member, make_superuser, messages_of, run_action

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.com/bookings"


@pytest.fixture
def staff():
    return logged_in(make_superuser())


def form(owner, **values) -> dict:
    return {"organization": owner.pk, "url": URL, "event_types": ["slot.full"], "is_active": "on"} | values


def make_delivery(endpoint: WebhookEndpoint, **values) -> WebhookDelivery:
    defaults = {
        "event_id": "msg_1",
        "type": "booking.created",
        "payload": {"data": {"reference": "EB-<1>"}},
        "status": "failed",
        "response_status": 500,
        "response": "<script>alert(1)</script>",
    }
    return WebhookDelivery.objects.create(endpoint=endpoint, **defaults | values)


def press(client, row, button: str):
    return client.post(admin_url(type(row), button, row.pk))


def test_one_is_added_with_a_secret_that_its_page_shows(staff):
    response = staff.post(admin_url(WebhookEndpoint, "add"), form(make_organization()))
    assert response["Location"] == admin_url(WebhookEndpoint)
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.url, endpoint.event_types, endpoint.sends_contacts) == (URL, ["slot.full"], False)
    page = staff.get(admin_url(WebhookEndpoint, "change", endpoint.pk)).content.decode()
    assert endpoint.secret in page.replace("&#x2B;", "+")
    assert endpoint.secret not in staff.get(admin_url(WebhookEndpoint)).content.decode()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "http://hooks.example.com/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://[::1/"}, "url"),
        ({"url": "https://hooks.example.com/" + "a" * 500}, "url"),
        ({"url": ""}, "url"),
        ({"event_types": []}, "event_types"),
        ({"event_types": ["webhook.test"]}, "event_types"),
        ({"event_types": ["no such event"]}, "event_types"),
        ({"organization": 0}, "organization"),
    ],
)
def test_what_cannot_be_used_is_said_at_its_field(staff, values, field):
    response = staff.post(admin_url(WebhookEndpoint, "add"), form(make_organization(), **values))
    assert list(errors_of(response)) == [field]
    assert not WebhookEndpoint.objects.exists()


def test_one_organisation_has_not_very_many(staff):
    organization = make_organization()
    for _ in range(20):
        make_webhook(organization)
    response = staff.post(admin_url(WebhookEndpoint, "add"), form(organization))
    assert errors_of(response) == {"url": ["An organisation has at most 20 webhooks."]}


def test_another_address_is_given_a_new_chance_and_the_organisation_stays(staff):
    endpoint = make_webhook(url="https://old.example.com/", failing_since=timezone.now())
    staff.post(admin_url(WebhookEndpoint, "change", endpoint.pk), form(make_organization(), sends_contacts="on"))
    changed = WebhookEndpoint.objects.get()
    assert (changed.url, changed.event_types, changed.sends_contacts) == (URL, ["slot.full"], True)
    assert changed.failing_since is None
    assert changed.organization == endpoint.organization
    assert changed.secret == endpoint.secret


def test_switched_off_it_keeps_what_was_on_its_way(staff):
    endpoint = make_webhook(failing_since=timezone.now())
    make_delivery(endpoint, status="waiting", next_attempt_at=timezone.now())
    staff.post(admin_url(WebhookEndpoint, "change", endpoint.pk), form(endpoint.organization, is_active=""))
    assert WebhookDelivery.objects.get().status == "kept"
    assert WebhookEndpoint.objects.get().failing_since is None, "an old failure must not pause it when it is on again"


def test_it_is_deleted_with_its_log(staff):
    endpoint = make_webhook()
    make_delivery(endpoint)
    staff.post(admin_url(WebhookEndpoint, "delete", endpoint.pk), {"post": "yes"})
    assert not WebhookEndpoint.objects.exists()
    assert not WebhookDelivery.objects.exists()


def test_a_test_leads_to_its_delivery(staff):
    endpoint = make_webhook()
    response = press(staff, endpoint, "send_test")
    row = WebhookDelivery.objects.get()
    assert response["Location"] == admin_url(WebhookDelivery, "change", row.pk)
    assert ProcrastinateJob.objects.get(queue_name="webhooks").args["delivery_id"] == row.pk


def test_a_pause_is_seen_and_ended(staff):
    endpoint = make_webhook(paused_at=timezone.now(), paused_reason="failing", failing_since=timezone.now())
    make_delivery(endpoint, status="kept")
    assert "Paused" in staff.get(admin_url(WebhookEndpoint)).content.decode()
    page = staff.get(admin_url(WebhookEndpoint, "change", endpoint.pk)).content.decode()
    assert "It has failed for three days" in page
    assert "Resume and send 1 event" in page
    assert "Send a test" not in page
    assert messages_of(press(staff, endpoint, "resume_and_send")) == ["1 kept event is on its way."]
    endpoint.refresh_from_db()
    assert endpoint.is_sending
    assert WebhookDelivery.objects.get().status == "waiting"
    assert messages_of(press(staff, endpoint, "resume"))[-1] == "This webhook is not paused."


def test_a_new_secret(staff):
    endpoint = make_webhook()
    press(staff, endpoint, "renew_secret")
    renewed = WebhookEndpoint.objects.get()
    assert renewed.secret != endpoint.secret == renewed.old_secret
    assert "signs beside it until" in staff.get(admin_url(WebhookEndpoint, "change", endpoint.pk)).content.decode()


def test_what_a_receiver_answered_is_shown_as_text(staff):
    row = make_delivery(make_webhook())
    page = staff.get(admin_url(WebhookDelivery, "change", row.pk)).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page
    assert "EB-&lt;1&gt;" in page


def test_events_are_sent_again_one_by_one_and_together(staff):
    endpoint = make_webhook()
    rows = [make_delivery(endpoint, event_id=f"msg_{n}") for n in range(3)]
    response = press(staff, rows[0], "send_one_again")
    assert response["Location"] == admin_url(WebhookDelivery, "change", rows[0].pk)
    response = run_action(staff, WebhookDelivery, "send_again", rows)
    assert "2 events are sent again." in messages_of(response)[-1]
    assert "This event is on its way." in messages_of(response)[-1]
    assert ProcrastinateJob.objects.filter(queue_name="webhooks").count() == 3


@pytest.mark.parametrize("button", ["send_test", "resume", "resume_and_send", "renew_secret"])
def test_buttons_want_a_post(staff, button):
    endpoint = make_webhook()
    assert staff.get(admin_url(WebhookEndpoint, button, endpoint.pk)).status_code == 405
    assert staff.post(admin_url(WebhookEndpoint, button, endpoint.pk + 1)).status_code == 302
    assert WebhookEndpoint.objects.get().secret == endpoint.secret


def test_the_log_is_not_written_to(staff):
    row = make_delivery(make_webhook())
    assert staff.post(admin_url(WebhookDelivery, "change", row.pk), {"status": "delivered"}).status_code == 403
    assert staff.post(admin_url(WebhookDelivery, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert staff.get(admin_url(WebhookDelivery, "add")).status_code == 403


def test_the_history_shows_where_data_went_and_no_secret(staff):
    endpoint = make_webhook(url="https://old.example.com/")
    staff.post(admin_url(WebhookEndpoint, "change", endpoint.pk), form(endpoint.organization))
    page = staff.get(admin_url(WebhookEndpoint, "history", endpoint.pk)).content.decode()
    assert "https://old.example.com/" in page
    assert "whsec_" not in page


@pytest.mark.parametrize("model", [WebhookEndpoint, WebhookDelivery])
def test_the_lists_take_a_fixed_number_of_queries(staff, model):
    numbers = []
    for n in range(3):
        make_delivery(make_webhook(), event_id=f"msg_{n}")
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(admin_url(model)).status_code == 200
        numbers.append(len(queries))
    assert numbers[1] == numbers[2]


# Whose they are


def test_owners_do_all_of_it_in_their_organisation():
    organization = make_organization()
    owner = logged_in(make_member(organization))
    owner.post(admin_url(WebhookEndpoint, "add"), form(organization))
    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.organization == organization
    row = make_delivery(endpoint)
    for model, pk in ((WebhookEndpoint, endpoint.pk), (WebhookDelivery, row.pk)):
        assert owner.get(admin_url(model)).status_code == 200
        assert owner.get(admin_url(model, "change", pk)).status_code == 200
    press(owner, endpoint, "send_test")
    press(owner, row, "send_one_again")
    run_action(owner, WebhookDelivery, "send_again", [make_delivery(endpoint, event_id="msg_2")])
    assert ProcrastinateJob.objects.filter(queue_name="webhooks").count() == 3


@pytest.mark.parametrize("who", ["owner of another", Role.SCHEDULER, Role.EXPERT])
def test_nobody_else_sees_or_does_anything(who):
    endpoint = make_webhook()
    row = make_delivery(endpoint)
    mine = make_organization() if who == "owner of another" else endpoint.organization
    client = logged_in(make_member(mine, Role.OWNER if who == "owner of another" else who))
    for model in (WebhookEndpoint, WebhookDelivery):
        assert "hooks.example.com" not in client.get(admin_url(model)).content.decode()
        one = endpoint if model is WebhookEndpoint else row
        for page in ("change", "history", "delete"):
            answer = client.get(admin_url(model, page, one.pk))
            assert answer.status_code in (302, 403)
            assert "whsec_" not in answer.content.decode()
    for button in ("send_test", "resume", "resume_and_send", "renew_secret"):
        press(client, endpoint, button)
    press(client, row, "send_one_again")
    run_action(client, WebhookDelivery, "send_again", [row])
    client.post(admin_url(WebhookEndpoint, "change", endpoint.pk), form(endpoint.organization, url=f"{URL}/stolen"))
    client.post(admin_url(WebhookEndpoint, "add"), form(endpoint.organization, url=f"{URL}/stolen"))
    client.post(admin_url(WebhookEndpoint, "delete", endpoint.pk), {"post": "yes"})
    unchanged = WebhookEndpoint.objects.get()
    assert (unchanged.url, unchanged.secret) == (endpoint.url, endpoint.secret)
    assert not ProcrastinateJob.objects.exists()
