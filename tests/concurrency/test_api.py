"""Programs that repeat themselves, all at once, against the running server."""

import json
import urllib.error
import urllib.request
from collections import Counter

import pytest

from bookings.models import Booking, Idempotency
from tests.cast import fresh, make_slot
from tests.concurrency.contention import run_together

pytestmark = pytest.mark.django_db(transaction=True)
PARALLEL = 200


def send(site, slot, key: str, **details) -> tuple[int, bytes]:
    body = json.dumps({"name": "Lena Fischer", "email": "lena@example.com"} | details).encode()
    request = urllib.request.Request(
        f"{site.url}/api/v1/slots/{slot.pk}/book",
        data=body,
        headers={"Content-Type": "application/json", "Idempotency-Key": key},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _attempt in range(20):
        try:
            with opener.open(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 503:  # busy: as told, the same request again
                return error.code, error.read()
    raise AssertionError("busy for ever")


def test_one_key_sent_by_many_at_once_books_once(live_site):
    slot = make_slot(capacity=5)
    answers = run_together(lambda n: send(live_site, slot, "k"), count=PARALLEL)
    assert Counter(status for status, _body in answers) == {201: PARALLEL}
    assert len({body for _status, body in answers}) == 1
    assert Booking.objects.count() == fresh(slot).seats_booked == Idempotency.objects.count() == 1


def test_one_key_for_the_last_seat_is_not_told_that_somebody_was_faster(live_site):
    slot = make_slot()
    answers = run_together(lambda n: send(live_site, slot, "k"), count=32)
    assert {status for status, _body in answers} == {201}
    assert Booking.objects.count() == 1


def test_one_key_with_two_bodies_books_one_of_them(live_site):
    slot = make_slot(capacity=5)
    answers = run_together(lambda n: send(live_site, slot, "k", notes=f"{n % 2}"), count=32)
    assert Counter(status for status, _body in answers) == {201: 16, 422: 16}
    assert Booking.objects.count() == 1


def test_many_programs_and_one_seat(live_site):
    slot = make_slot()
    answers = run_together(lambda n: send(live_site, slot, "k", email=f"lena{n}@example.com"), count=32)
    assert Counter(status for status, _body in answers) == {201: 1, 409: 31}
    assert {json.loads(body)["reason"] for status, body in answers if status == 409} == {"full"}
