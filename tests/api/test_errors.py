"""Whatever goes wrong below /api/, the answer has one shape."""

import json
import logging

import pytest
from django.db import OperationalError

import experts.api.public
from bookings.models import Booking
from tests.api.caller import LENA, Caller
from tests.cast import make_slot

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return Caller()


def check(answer, status: int, code: str) -> dict:
    assert answer.status_code == status, answer.content
    body = answer.json()
    assert body["code"] == code
    assert body["detail"]
    assert body.keys() <= {"code", "detail", "fields"}
    assert answer["Cache-Control"] == "no-store"
    return body


@pytest.mark.parametrize("path", ["/", "/nothing", "/experts/", "/slots/-1", "/slots/x", "/../../x"])
def test_an_unknown_address(api, path):
    check(api.get(path), 404, "not_found")
    check(api.post(path, {}), 404, "not_found")


def test_another_method(api):
    answer = api.send("DELETE", "/experts")
    check(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "GET"


@pytest.mark.parametrize("body", ["", "{", "[1]", "null", '"text"', "\x00"])
def test_a_body_that_is_no_object(api, body):
    answer = api.post(f"/slots/{make_slot().pk}/book", body)
    check(answer, 400 if body in ("{", "\x00") else 422, "bad_request" if body in ("{", "\x00") else "invalid")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_of_another_site_could_send(api, client, kind):
    """Browsers send these to anybody without asking (CORS), so their visitors would book without knowing."""
    slot = make_slot()
    check(
        client.generic("POST", f"/api/v1/slots/{slot.pk}/book", json.dumps(LENA), kind), 415, "unsupported_media_type"
    )
    assert not Booking.objects.exists()


def test_a_body_that_is_too_large(api):
    check(api.post(f"/slots/{make_slot().pk}/book", {"name": "x" * 3_000_000}), 413, "too_large")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "Le\u0000na"}, "name"),
        ({"name": "Le\ud800na"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"email": "lena"}, "email"),
        ({"email": "lena@example.com\nBcc: x@example.com"}, "email"),
        ({"seats": 0}, "seats"),
        ({"seats": 2}, "seats"),
        ({"seats": True}, "seats"),
        ({"seats": "1"}, "seats"),
        ({"notes": "x" * 2001}, "notes"),
        ({"note": "x"}, "note"),
    ],
)
def test_what_cannot_be_accepted_is_said_at_its_field(api, change, field):
    body = check(api.post(f"/slots/{make_slot().pk}/book", LENA | change), 422, "invalid")
    assert list(body["fields"]) == [field]


@pytest.mark.parametrize("key", ["with space", "x" * 201, "ü"])
def test_a_key_that_is_none(api, key):
    body = check(api.post(f"/slots/{make_slot().pk}/book", LENA, **{"Idempotency-Key": key}), 422, "invalid")
    assert list(body["fields"]) == ["Idempotency-Key"]


def test_a_missing_field(api):
    body = check(api.post(f"/slots/{make_slot().pk}/book", {"name": "Lena"}), 422, "invalid")
    assert body["fields"] == {"email": ["This is missing."]}


def test_a_database_that_is_away(api, monkeypatch, caplog):
    monkeypatch.setattr(experts.api.public, "count_of", _raising(OperationalError("secret address")))
    answer = api.get("/experts")
    check(answer, 503, "busy")
    assert answer["Retry-After"] == "5"
    assert "secret" not in caplog.text


def test_a_mistake_of_ours_is_in_the_log_and_not_in_the_answer(api, monkeypatch, caplog):
    monkeypatch.setattr(experts.api.public, "count_of", _raising(RuntimeError("secret")))
    body = check(api.get("/experts"), 500, "error")
    assert "secret" not in str(body)
    assert "RuntimeError: secret" in caplog.text
    assert caplog.records[0].levelno == logging.ERROR


def test_a_foreign_host_name(client):
    answer = client.get("/api/v1/experts", headers={"Host": "evil.example.com"})
    check(answer, 400, "bad_request")


def _raising(error):
    def fail(*args):
        raise error

    return fail
