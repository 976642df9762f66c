"""docs/webhooks.md: what it tells receivers to do works with what is sent, and what it shows is what is sent."""

import json
import re
import time

import pytest

from bookings import services
from bookings.models import EventType, WebhookDelivery
from bookings.models.webhook import new_secret
from bookings.webhooks import signing
from bookingsite.devserver import paths
from tests.cast import book, make_expert, make_slot, make_webhook

GUIDE = (paths.BASE_DIR / "docs" / "webhooks.md").read_text()
BODY = b'{"type":"booking.created"}'


@pytest.fixture(scope="module")
def is_genuine():
    names = {}
    exec(re.search(r"```python\n(.*?)```", GUIDE, re.S)[1], names)
    return names["is_genuine"]


def test_what_we_sign_is_genuine(is_genuine):
    secret, old = new_secret(), new_secret()
    headers = signing.headers([secret, old], "msg_1", int(time.time()), BODY)
    assert is_genuine(secret, headers, BODY)
    assert is_genuine(old, headers, BODY)


def test_what_was_changed_or_is_old_or_by_others_is_not(is_genuine):
    secret, now = new_secret(), int(time.time())
    headers = signing.headers([secret], "msg_1", now, BODY)
    assert not is_genuine(new_secret(), headers, BODY)
    assert not is_genuine(secret, headers, BODY + b" ")
    assert not is_genuine(secret, headers | {"webhook-id": "msg_2"}, BODY)
    assert not is_genuine(secret, headers | {"webhook-timestamp": str(now + 1)}, BODY)
    assert not is_genuine(secret, signing.headers([secret], "msg_1", now - 301, BODY), BODY)


def test_it_names_every_event():
    assert set(re.findall(r"`((?:booking|slot|webhook)\.[a-z_]+)`", GUIDE)) >= set(EventType.values)


@pytest.mark.django_db
def test_the_example_has_what_an_event_has():
    example = json.loads(re.search(r"```json\n(.*?)```", GUIDE, re.S)[1])
    expert = make_expert()
    make_webhook(expert.organization)
    booking = book(make_slot(expert))
    services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at="15:00").pk, by_customer=False)
    payload = WebhookDelivery.objects.get(type="booking.rescheduled").payload
    assert _shape(payload) == _shape(example)


def _shape(value):
    if isinstance(value, dict):
        return {name: _shape(part) for name, part in value.items()}
    return type(value)
