"""Booking whoever is free, by programs."""

import pytest

from bookings.models import Booking, Source
from tests.api.caller import LENA, Caller
from tests.bookings.services.test_anyone import House

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return House(experts=2)


def book(house, **values):
    address = f"/organizations/{house.type.organization.slug}/types/{house.type.slug}/book"
    key = values.pop("key", None)
    headers = {"Idempotency-Key": key} if key else {}
    return Caller().post(address, LENA | {"starts_at": house.at().isoformat()} | values, **headers)


def test_each_once_and_then_nobody(house):
    answers = [book(house) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert {answer.json()["slot"]["expert"] for answer in answers[:2]} == {expert.slug for expert in house.experts}
    assert (answers[2].json()["code"], answers[2].json()["reason"]) == ("slot_taken", "full")
    assert set(Booking.objects.values_list("source", flat=True)) == {Source.API}


def test_whom_they_ask_for(house):
    assert book(house, experts=[house.experts[1].slug]).json()["slot"]["expert"] == house.experts[1].slug
    assert book(house, experts=[house.experts[1].slug]).status_code == 409
    assert book(house, experts=["nobody"]).status_code == 404


def test_the_same_key_gets_the_same_answer(house):
    first, again = (book(house, key="k" * 16) for _ in range(2))
    assert (again.status_code, again.content) == (201, first.content)
    assert book(house, key="k" * 16, notes="Knee").json()["code"] == "idempotency_mismatch"


def test_what_there_is_not(house):
    assert book(house, starts_at="2031-01-01T10:00:00Z").status_code == 404
    assert book(house, starts_at="2031-01-01T10:00:00").status_code == 422
    house.type.is_active = False
    house.type.save()
    assert book(house).status_code == 404
