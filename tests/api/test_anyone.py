"""Booking whoever is free, by programs."""

import pytest

from bookings.models import Booking, Source
from tests.api.caller import LENA, Caller
from tests.bookings.services.test_anyone import House
from tests.statements import asked_of_database

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


def starts(house, **query):
    return Caller().get(f"/organizations/{house.type.organization.slug}/types/{house.type.slug}/starts", query)


def test_when_anyone_is_free(house):
    day = house.slots[0]["09:00"].date
    on_that_day = {"from": day.isoformat(), "to": day.isoformat()}
    answer = starts(house, **on_that_day).json()
    first = answer["items"][0]
    assert (first["starts_at"], len(answer["items"])) == (
        house.at().isoformat().replace("+00:00", "Z"),
        answer["count"],
    )
    assert first["experts"] == [expert.slug for expert in house.experts]
    assert (
        Caller()
        .post(
            f"/organizations/{house.type.organization.slug}/types/{house.type.slug}/book",
            LENA | {"starts_at": first["starts_at"]},
        )
        .status_code
        == 201
    )
    left = starts(house, **on_that_day).json()["items"][0]["experts"]
    assert len(left) == 1
    other = next(expert.slug for expert in house.experts if expert.slug not in left)
    assert first["starts_at"] not in [it["starts_at"] for it in starts(house, experts=other).json()["items"]]
    assert starts(house).json()["items"][0] == starts(house, **on_that_day).json()["items"][0], "a week from today"


def test_starts_of_what_there_is_not(house):
    assert starts(house, experts="nobody").status_code == 404
    assert starts(house, **{"from": "2027-01-02", "to": "2027-01-01"}).status_code == 422
    assert starts(house, **{"from": "2027-01-01", "to": "2027-12-01"}).status_code == 422
    house.type.is_active = False
    house.type.save()
    assert starts(house).status_code == 404


def test_who_finds_nobody_free_is_told_when_somebody_is(house):
    for _ in house.experts:
        book(house)
    alternatives = book(house).json()["alternatives"]
    assert alternatives == starts(house).json()["items"][:3]
    assert alternatives[0]["starts_at"] > house.at().isoformat()
    slug = house.experts[1].slug
    only = book(house, experts=[slug]).json()["alternatives"]
    assert only and all(it["experts"] == [slug] for it in only)


def test_starts_of_two_together():
    pair = House(experts=2, experts_needed=2, minutes=20)
    assert all(len(it["experts"]) == 2 for it in starts(pair).json()["items"])
    assert book(pair).status_code == 201
    assert house_at(pair) not in [it["starts_at"] for it in starts(pair).json()["items"]]


def house_at(house) -> str:
    return house.at().isoformat().replace("+00:00", "Z")


def test_starts_of_many_cost_as_much_as_of_one():
    """The type, and one statement for all starts, of which nothing but the answer is read."""
    few, many = House(experts=1), House(experts=6)
    for house in (few, many):
        with asked_of_database() as asked:
            assert starts(house).json()["items"]
        assert asked.statements == 2, asked
    for number in range(6):
        book(many, key=f"{number}" * 16)
    with asked_of_database() as asked:
        refused = book(many)
    assert refused.json()["alternatives"]
    of_slots = [sql for sql, callers in asked.sent if "nearest_starts" in callers]
    assert len(of_slots) == 1, asked
