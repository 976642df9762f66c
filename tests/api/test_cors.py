"""Which pages of other origins may use the API from a browser."""

import pytest

from tests.api.caller import LENA
from tests.cast import make_slot

pytestmark = pytest.mark.django_db
FRIEND = "https://www.example.org"
ASKING = {
    "Origin": FRIEND,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type, idempotency-key",
}


def test_nobody_unless_it_is_set(client):
    answer = client.get("/api/v1/experts", headers={"Origin": FRIEND})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer


def test_those_of_the_setting_read_and_book(client, settings):
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]
    slot = make_slot()
    path = f"/api/v1/slots/{slot.pk}/book"
    asked = client.options(path, headers=ASKING)
    assert asked["Access-Control-Allow-Origin"] == FRIEND
    assert "idempotency-key" in asked["Access-Control-Allow-Headers"]
    booked = client.post(path, LENA, "application/json", headers={"Origin": FRIEND})
    assert booked.status_code == 201
    assert booked["Access-Control-Allow-Origin"] == FRIEND
    assert "ETag" in booked["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in booked
    refused = client.post(path, LENA, "application/json", headers={"Origin": FRIEND})
    assert (refused.status_code, refused["Access-Control-Allow-Origin"]) == (409, FRIEND)
    unknown = client.get("/api/v1/nothing", headers={"Origin": FRIEND})
    assert (unknown.status_code, unknown["Access-Control-Allow-Origin"]) == (404, FRIEND)
    not_changed = client.get("/api/v1/experts", headers={"Origin": FRIEND})
    again = client.get("/api/v1/experts", headers={"Origin": FRIEND, "If-None-Match": not_changed["ETag"]})
    assert (again.status_code, again["Access-Control-Allow-Origin"]) == (304, FRIEND)


@pytest.mark.parametrize("path", ["/api/v1/admin/experts", "/", "/bookings/"])
def test_but_neither_staffs_calls_nor_pages(client, settings, path):
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]
    assert "Access-Control-Allow-Origin" not in client.options(path, headers=ASKING)
    assert "Access-Control-Allow-Origin" not in client.get(path, headers={"Origin": FRIEND})


def test_other_origins_do_not(client, settings):
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]
    answer = client.options("/api/v1/experts", headers=ASKING | {"Origin": "https://evil.example.com"})
    assert "Access-Control-Allow-Origin" not in answer
