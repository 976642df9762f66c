"""What becomes of a webhook on its way: to a receiver that takes it, fails, hangs, talks for ever, or is gone."""

import json
import time
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import tasks
from bookings.errors import NotAllowed
from bookings.models import WebhookDelivery, WebhookEndpoint
from bookings.models.webhook import EventType
from bookings.services import cleanup
from bookings.webhooks import attempts, endpoints, http_client, signing
from bookings.webhooks import worker as webhook_worker
from tests.cast import book, make_expert, make_slot, make_webhook
from tests.jobs import arguments_of
from tests.receiver import Receiver, drip, hang, say

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _receivers_are_on_this_machine(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True


def make_delivery(url: str, **values) -> WebhookDelivery:
    """An event that is due now, at an endpoint of its own."""
    now = timezone.now()
    defaults = {
        "endpoint": values.pop("endpoint", None) or make_webhook(url=url),
        "event_id": "msg_1",
        "type": EventType.BOOKING_CREATED,
        "payload": {"type": "booking.created", "data": {"reference": "EB-1"}},
        "status": WebhookDelivery.Status.WAITING,
        "next_attempt_at": now,
    }
    return WebhookDelivery.objects.create(**defaults | values)


def attempt(delivery: WebhookDelivery, due=None) -> WebhookDelivery:
    """Run its job. Returns the delivery as it is after that."""
    due = (due or delivery.next_attempt_at).isoformat()
    run_job(delivery_id=delivery.pk, due=due)
    return WebhookDelivery.objects.select_related("endpoint").get(pk=delivery.pk)


run_job = async_to_sync(tasks.deliver_webhook.func)


def jobs() -> list[ProcrastinateJob]:
    return list(ProcrastinateJob.objects.filter(queue_name="webhooks").order_by("pk"))


def test_from_a_booking_to_the_receiver():
    with Receiver() as receiver:
        slot = make_slot(make_expert())
        endpoint = make_webhook(slot.expert.organization, url=receiver.url, event_types=["booking.created"])
        booking = book(slot)
        [job] = jobs()
        run_job(**arguments_of(job))
        [got] = receiver.received
    row = WebhookDelivery.objects.get()
    assert got.path == "/hook"
    assert got.headers["content-type"] == "application/json"
    assert got.json["type"] == "booking.created"
    assert got.json["data"]["reference"] == booking.reference
    assert got.headers["webhook-id"] == row.event_id
    sent_at = int(got.headers["webhook-timestamp"])
    assert abs(sent_at - time.time()) < 60
    assert got.headers["webhook-signature"] == signing.signature(endpoint.secret, row.event_id, sent_at, got.body)
    assert (row.status, row.response_status, row.attempts, row.next_attempt_at) == ("delivered", 204, 1, None)


def test_a_renewed_secret_signs_beside_the_old_one_for_a_day():
    with Receiver() as receiver:
        delivery = make_delivery(receiver.url)
        old = delivery.endpoint.secret
        new = endpoints.renew_secret(endpoint_id=delivery.endpoint_id).secret
        attempt(delivery)
        WebhookEndpoint.objects.update(old_secret_until=timezone.now())
        attempt(make_delivery(receiver.url, endpoint=delivery.endpoint, event_id="msg_2"))
        first, second = receiver.received
    for got, secrets in ((first, [new, old]), (second, [new])):
        sent_at, event = int(got.headers["webhook-timestamp"]), got.headers["webhook-id"]
        expected = [signing.signature(secret, event, sent_at, got.body) for secret in secrets]
        assert got.headers["webhook-signature"].split() == expected


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 502, 503, 301])
def test_anything_but_2xx_is_a_failure_that_is_tried_again(status):
    with Receiver(say(status, "Sorry, no", Location="/elsewhere")) as receiver:
        delivery = attempt(make_delivery(receiver.url))
        assert len(receiver.received) == 1
    assert (delivery.status, delivery.response_status, delivery.response) == ("waiting", status, "Sorry, no")
    wait = delivery.next_attempt_at - delivery.last_attempt_at
    assert timedelta(seconds=5) <= wait <= timedelta(seconds=5.5)
    [job] = jobs()
    assert (job.scheduled_at, job.args["due"]) == (delivery.next_attempt_at, delivery.next_attempt_at.isoformat())


def test_it_is_tried_for_three_days_and_then_given_up():
    with Receiver(say(500)) as receiver:
        delivery, waits = make_delivery(receiver.url), []
        while delivery.status == "waiting":
            delivery = attempt(delivery)
            if delivery.next_attempt_at:
                waits.append(delivery.next_attempt_at - delivery.last_attempt_at)
        ids = {got.headers["webhook-id"] for got in receiver.received}
        assert len(receiver.received) == len(attempts.DELAYS) + 1
    assert delivery.status == "failed"
    assert ids == {"msg_1"}, "a receiver can tell that it is the same event"
    assert timedelta(days=3) < sum(waits, timedelta()) < timedelta(days=4)
    assert waits == sorted(waits)


def test_a_receiver_may_ask_for_more_time():
    with Receiver(say(503, Retry_After="7200")) as receiver:
        delivery = attempt(make_delivery(receiver.url))
    assert delivery.next_attempt_at - delivery.last_attempt_at == timedelta(hours=2)
    with Receiver(say(429, Retry_After="99999999999")) as receiver:
        delivery = attempt(make_delivery(receiver.url))
    assert delivery.next_attempt_at - delivery.last_attempt_at == timedelta(hours=24)


@pytest.mark.parametrize("wish", ["soon", "-5", "Thu, 01 Jan 1970 00:00:00 GMT", "²", ""])
def test_nonsense_as_retry_after_is_no_wish(wish):
    assert http_client._seconds(wish) == 0


# Receivers that do harm


def test_one_that_hangs_is_left_when_its_time_is_over(monkeypatch):
    monkeypatch.setattr(http_client, "TOTAL_SECONDS", 0.3)
    with Receiver(hang) as receiver:
        start = time.monotonic()
        delivery = attempt(make_delivery(receiver.url))
        assert time.monotonic() - start < 5
    assert (delivery.status, delivery.response_status, delivery.error) == ("waiting", None, "No answer in time.")


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Long: "], ids=["status", "header"])
def test_one_that_drips_cannot_hold_the_line(monkeypatch, head):
    """Each byte comes in time; all of them never do."""
    monkeypatch.setattr(http_client, "TOTAL_SECONDS", 0.3)
    with Receiver(drip(head)) as receiver:
        start = time.monotonic()
        outcome = http_client.post(receiver.url, b"{}", {})
        assert time.monotonic() - start < 5
    assert outcome == http_client.Outcome(error="No answer in time.")


def test_an_answer_without_end_is_read_to_its_limit():
    with Receiver(_flood) as receiver:
        delivery = attempt(make_delivery(receiver.url))
    assert delivery.status == "delivered", "the status is what counts"
    assert len(delivery.response) == attempts.RESPONSE_KEPT


def _flood(handler, done) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not done.is_set():
        handler.wfile.write(b"x" * 65536)


def test_a_slow_text_after_a_good_status_is_good(monkeypatch):
    monkeypatch.setattr(http_client, "TOTAL_SECONDS", 0.3)
    with Receiver(drip(b"HTTP/1.1 200 OK\r\n\r\n")) as receiver:
        outcome = http_client.post(receiver.url, b"{}", {})
    assert outcome.is_success
    assert set(outcome.text) == {"x"}


@pytest.mark.parametrize(
    "garbage", [b"\x00\x01\x02 no http\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 99999 OK\r\n\r\n"]
)
def test_garbage_is_a_failure(garbage):
    with Receiver(lambda handler, done: handler.wfile.write(garbage)) as receiver:
        delivery = attempt(make_delivery(receiver.url))
    assert (delivery.status, delivery.error) == ("waiting", "The answer is not HTTP.")


def test_an_answer_that_no_text_column_takes():
    with Receiver(lambda handler, done: handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\na\x00b\xff")) as receiver:
        delivery = attempt(make_delivery(receiver.url))
    assert delivery.response == "a\ufffdb\ufffd"


def test_nobody_there():
    with Receiver() as receiver:
        url = receiver.url
    delivery = attempt(make_delivery(url))
    assert (delivery.status, delivery.error) == ("waiting", "Connection refused")


def test_the_setting_is_asked_at_each_attempt(settings):
    with Receiver() as receiver:
        delivery = make_delivery(receiver.url.replace("http:", "https:"))
        settings.WEBHOOKS_ALLOW_PRIVATE = False
        delivery = attempt(delivery)
        assert receiver.received == []
    assert delivery.error == "Not sent: this name does not lead to a public address."


# Jobs that come twice, late, or in vain


def test_a_job_that_is_out_of_date_does_nothing():
    with Receiver(say(500)) as receiver:
        delivery = make_delivery(receiver.url)
        first = delivery.next_attempt_at
        attempt(delivery)
        attempt(delivery, due=first)
        run_job(delivery_id=delivery.pk + 1, due=first.isoformat())
        assert len(receiver.received) == 1


@pytest.mark.parametrize("change", [{"is_active": False}, {"paused_at": timezone.now(), "paused_reason": "gone"}])
def test_what_was_queued_before_a_pause_is_kept(change):
    with Receiver() as receiver:
        delivery = make_delivery(receiver.url)
        WebhookEndpoint.objects.update(**change)
        delivery = attempt(delivery)
        assert receiver.received == []
    assert (delivery.status, delivery.next_attempt_at) == ("kept", None)


def test_a_deleted_webhook_ends_what_is_on_its_way():
    with Receiver() as receiver:
        delivery = make_delivery(receiver.url)
        endpoints.delete_webhook(endpoint_id=delivery.endpoint_id)
        run_job(delivery_id=delivery.pk, due=delivery.next_attempt_at.isoformat())
        assert receiver.received == []


def test_one_endpoint_does_not_take_all_lines(monkeypatch):
    with Receiver() as receiver:
        delivery = make_delivery(receiver.url)
        monkeypatch.setitem(webhook_worker._under_way, delivery.endpoint_id, webhook_worker.MOST_TO_ONE)
        before = delivery.next_attempt_at
        delivery = attempt(delivery)
        assert receiver.received == []
    assert (delivery.status, delivery.attempts) == ("waiting", 0), "it does not count as an attempt"
    assert delivery.next_attempt_at > before + timedelta(seconds=webhook_worker.PUT_OFF_SECONDS[0] - 1)
    assert [job.args["due"] for job in jobs()] == [delivery.next_attempt_at.isoformat()]


def test_an_attempt_that_is_over_takes_no_line():
    with Receiver() as receiver:
        attempt(make_delivery(receiver.url))
    assert not webhook_worker._under_way


# Pauses


def failing_for(delivery: WebhookDelivery, span: timedelta) -> None:
    WebhookEndpoint.objects.filter(pk=delivery.endpoint_id).update(failing_since=timezone.now() - span)


def test_three_days_without_success_pause_it_and_tell_its_owners():
    with Receiver(say(500)) as receiver:
        delivery = make_delivery(receiver.url)
        other = make_delivery(receiver.url, endpoint=delivery.endpoint, event_id="msg_2")
        failing_for(delivery, timedelta(days=2, hours=23))
        delivery = attempt(delivery)
        assert delivery.endpoint.paused_at is None
        failing_for(delivery, timedelta(days=3))
        delivery = attempt(delivery)
    assert delivery.endpoint.paused_at is not None
    assert delivery.endpoint.paused_reason == "failing"
    other.refresh_from_db()
    assert (delivery.status, other.status) == ("kept", "kept"), "nothing is lost"
    [job] = ProcrastinateJob.objects.filter(queue_name="mail")
    assert job.args == {"endpoint_id": delivery.endpoint_id}


def test_the_event_that_was_tried_for_three_days_is_kept_too():
    with Receiver(say(500)) as receiver:
        delivery = make_delivery(receiver.url, attempts=len(attempts.DELAYS))
        failing_for(delivery, timedelta(days=3))
        delivery = attempt(delivery)
    assert (delivery.status, delivery.endpoint.paused_reason) == ("kept", "failing")
    assert endpoints.resume_webhook(endpoint_id=delivery.endpoint_id, sends_kept=True) == 1


def test_one_success_ends_the_count():
    with Receiver() as receiver:
        delivery = make_delivery(receiver.url)
        failing_for(delivery, timedelta(days=4))
        delivery = attempt(delivery)
    assert delivery.endpoint.failing_since is None
    assert delivery.endpoint.is_sending


def test_gone_pauses_it_at_once():
    with Receiver(say(410)) as receiver:
        delivery = attempt(make_delivery(receiver.url))
    assert (delivery.status, delivery.response_status) == ("kept", 410)
    assert delivery.endpoint.paused_reason == "gone"
    assert ProcrastinateJob.objects.filter(queue_name="mail").count() == 1


def test_resumed_it_sends_what_was_kept_if_that_is_wanted():
    with Receiver() as receiver:
        endpoint = make_webhook(url=receiver.url, paused_at=timezone.now(), paused_reason="failing")
        kept = [
            make_delivery("", endpoint=endpoint, event_id=f"msg_{n}", status="kept", next_attempt_at=None)
            for n in range(2)
        ]
        assert endpoints.resume_webhook(endpoint_id=endpoint.pk, sends_kept=True) == 2
        with pytest.raises(NotAllowed):
            endpoints.resume_webhook(endpoint_id=endpoint.pk, sends_kept=True)
        for job in jobs():
            run_job(**arguments_of(job))
        assert [got.headers["webhook-id"] for got in receiver.received] == ["msg_0", "msg_1"]
    assert {WebhookDelivery.objects.get(pk=row.pk).status for row in kept} == {"delivered"}


def test_resumed_without_what_was_kept():
    endpoint = make_webhook(paused_at=timezone.now(), paused_reason="gone", failing_since=timezone.now())
    make_delivery("", endpoint=endpoint, status="kept", next_attempt_at=None)
    assert endpoints.resume_webhook(endpoint_id=endpoint.pk, sends_kept=False) == 0
    endpoint.refresh_from_db()
    assert (endpoint.paused_at, endpoint.paused_reason, endpoint.failing_since) == (None, "", None)
    assert jobs() == []


def test_sent_again_with_the_same_id_and_content_and_all_its_attempts():
    with Receiver() as receiver:
        delivery = attempt(make_delivery(receiver.url, attempts=3))
        endpoints.send_webhook_again(delivery_id=delivery.pk)
        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempts) == ("waiting", 0)
        with pytest.raises(NotAllowed, match="on its way"):
            endpoints.send_webhook_again(delivery_id=delivery.pk)
        [job] = jobs()
        run_job(**arguments_of(job))
        one, other = receiver.received
    assert one.body == other.body
    assert one.headers["webhook-id"] == other.headers["webhook-id"]


def test_a_paused_webhook_sends_nothing_again():
    delivery = make_delivery("", status="kept", next_attempt_at=None)
    WebhookEndpoint.objects.update(paused_at=timezone.now(), paused_reason="gone")
    with pytest.raises(NotAllowed, match="Resume"):
        endpoints.send_webhook_again(delivery_id=delivery.pk)
    with pytest.raises(NotAllowed, match="Resume"):
        endpoints.send_test_webhook(endpoint_id=delivery.endpoint_id)


def test_a_test_is_tried_once_and_pauses_nothing():
    with Receiver(say(410)) as receiver:
        endpoint = make_webhook(url=receiver.url)
        row = endpoints.send_test_webhook(endpoint_id=endpoint.pk)
        row = attempt(row)
        assert receiver.received[0].json["data"] == {"organization": endpoint.organization.slug}
    assert (row.type, row.status) == ("webhook.test", "failed")
    assert row.endpoint.is_sending
    assert row.endpoint.failing_since is None


def test_the_log_is_deleted_after_thirty_days():
    old, new = (make_delivery("", event_id=f"msg_{n}") for n in range(2))
    WebhookDelivery.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=31))
    assert cleanup.delete_old()["webhooks"] == 1
    assert list(WebhookDelivery.objects.all()) == [new]


def test_the_content_is_the_same_at_every_attempt():
    with Receiver(say(500)) as receiver:
        delivery = make_delivery(receiver.url, payload={"type": "x", "timestamp": "y", "data": {"b": "ü", "a": 1}})
        attempt(attempt(delivery))
        one, other = receiver.received
    assert one.body == other.body
    assert json.loads(one.body)["data"] == {"a": 1, "b": "ü"}
