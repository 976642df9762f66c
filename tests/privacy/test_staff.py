"""Owners give out and erase what belongs to an address, in their own organisation."""

import json

import pytest
from django.contrib.admin.models import LogEntry

from bookings.models import Block, Booking, Erasure, Status
from experts.models import Role
from tests.cast import book, make_expert, make_organization, make_slot
from tests.privacy.planting import let_erasing_end
from tests.staff import admin_url, logged_in, make_member, make_superuser

pytestmark = pytest.mark.django_db
LENA, PAGE = "lena@example.com", "/admin/bookings/erasure/address/"


@pytest.fixture
def houses():
    return [make_organization(name=name) for name in ("Here Clinic", "There Law")]


@pytest.fixture
def bookings(houses):
    rows = [book(make_slot(make_expert(organization=house)), email=LENA, notes=f"In {house}") for house in houses]
    return [Booking.objects.with_slot().get(pk=row.pk) for row in rows]


def ask(client, do: str, organization=None, email="Lena@Example.com"):
    return client.post(PAGE, {"email": email, "do": do} | ({"organization": organization.pk} if organization else {}))


def test_an_owner_sees_gives_out_and_erases_their_own_part_only(houses, bookings):
    here, there = houses
    user = make_member(here)
    owner = logged_in(user)
    assert owner.get(PAGE).status_code == 200
    looked = ask(owner, "look").content.decode()
    assert "Here Clinic" in looked
    data = json.loads(ask(owner, "json", here).content)["data"]
    assert [row["notes"] for row in data["bookings"]] == ["In Here Clinic"]
    read = ask(owner, "read", here).content.decode()
    assert "In Here Clinic" in read
    asked = ask(owner, "ask", here).content.decode()
    assert bookings[0].reference in asked
    for answer in (looked, read, asked, *(ask(owner, do, there).content.decode() for do in ("json", "read", "erase"))):
        assert "There" not in answer
        assert bookings[1].reference not in answer
    assert not Erasure.objects.exists()

    assert ask(owner, "erase", here)["Location"] == admin_url(Erasure)
    let_erasing_end()
    mine, other = (Booking.objects.get(pk=booking.pk) for booking in bookings)
    assert (mine.email, mine.notes, mine.status) == ("", "", Status.CANCELLED)
    assert (other.email, other.notes, other.status) == (LENA, "In There Law", Status.CONFIRMED)
    log = Erasure.objects.get()
    assert (log.user, log.asked_by, log.organization, log.stage, log.address) == (user, "staff", here, "done", "")
    page = owner.get(admin_url(Erasure)).content.decode()
    assert user.shown_name in page
    assert LENA not in page
    assert "Nothing here belongs" in ask(owner, "look").content.decode()
    assert "Erased" in owner.get(admin_url(Booking)).content.decode()
    assert owner.get(admin_url(Booking, "change", mine.pk)).status_code == 200


@pytest.mark.parametrize("role", [Role.SCHEDULER, Role.EXPERT])
def test_nobody_else_on_staff_may(houses, bookings, role):
    member = logged_in(make_member(houses[0], role))
    assert member.get(PAGE).status_code == ask(member, "erase", houses[0]).status_code == 403
    assert member.get(admin_url(Erasure)).status_code == 403
    assert not Erasure.objects.exists()


def test_the_log_of_the_admin_calls_nobody_by_their_address(houses):
    owner = logged_in(make_member(houses[0]))
    owner.post(admin_url(Block, "add"), {"organization": houses[0].pk, "kind": "address", "value": LENA, "lasts": 7})
    assert Block.objects.get().value == LENA
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.object_repr) == (str(Block.objects.get().pk), "")


def test_a_superuser_may_anywhere(houses, bookings):
    looked = ask(logged_in(make_superuser()), "look").content.decode()
    assert "Here Clinic" in looked
    assert "There Law" in looked
