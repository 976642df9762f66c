"""A program that says what it has seen changes nothing that somebody else has changed since."""

import pytest

from bookings.models import Booking
from experts.errors import Busy
from experts.models import Expert, WeeklyHours
from tests.api.caller import Caller, make_token
from tests.cast import book, make_expert, make_organization, make_slot

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return make_organization()


@pytest.fixture
def expert(organization):
    return make_expert(organization=organization)


@pytest.fixture
def staff(organization):
    return Caller(make_token(organization))


HOURS = {"hours": [{"weekday": "monday", "start": "09:00", "end": "12:00", "slot_minutes": 30}]}


def things(expert) -> dict[str, tuple]:
    """Address -> how to change it by PATCH or PUT, and a change by somebody else."""
    slot, booking = make_slot(expert), book(make_slot(expert, at="12:00"))
    return {
        f"/admin/experts/{expert.slug}": (
            ("PATCH", {"headline": "Mine"}),
            lambda: Expert.objects.filter(pk=expert.pk).update(bio="Theirs"),
        ),
        f"/admin/slots/{slot.pk}": (("PATCH", {"title": "Mine"}), lambda: book(slot)),
        f"/admin/bookings/{booking.reference}": (
            ("PATCH", {"phone": "2"}),
            lambda: Booking.objects.filter(pk=booking.pk).update(name="Theirs"),
        ),
        f"/admin/experts/{expert.slug}/hours": (
            ("PUT", HOURS),
            lambda: WeeklyHours.objects.create(
                expert=expert, weekday=3, start="09:00", end="10:00", slot_minutes=30, capacity=1
            ),
        ),
    }


def send(staff, path, method, body, **headers):
    answer = staff.send(method, path, body, **headers)
    if answer.status_code == 409:  # seen, and agreed to
        answer = staff.send(method, path, body | {"seen": answer.json()["seen"]}, **headers)
    return answer


def test_what_changed_since_is_not_written_over(staff, expert):
    for path, ((method, body), by_others) in things(expert).items():
        seen = staff.get(path)["ETag"]
        by_others()
        refused = send(staff, path, method, body, **{"If-Match": seen})
        assert (refused.status_code, refused.json()["code"]) == (412, "changed"), path
        again = staff.get(path)
        assert send(staff, path, method, body, **{"If-Match": again["ETag"]}).status_code == 200, path
        assert send(staff, path, method, body).status_code == 200, "without it as ever"


def test_the_answer_to_a_change_says_what_to_send_with_the_next(staff, expert):
    path = f"/admin/experts/{expert.slug}"
    first = staff.send("PATCH", path, {"headline": "One"}, **{"If-Match": "*"})
    assert first["ETag"] == staff.get(path)["ETag"]
    assert staff.send("PATCH", path, {"headline": "Two"}, **{"If-Match": first["ETag"]}).status_code == 200
    assert staff.send("PATCH", path, {"headline": "Three"}, **{"If-Match": first["ETag"]}).status_code == 412
    weak = f"W/{staff.get(path)['ETag']}"
    assert staff.send("PATCH", path, {"headline": "Four"}, **{"If-Match": f'"x", {weak}'}).status_code == 200


def test_a_slot_is_deleted_only_as_it_was_seen(staff, expert):
    slot = make_slot(expert)
    path = f"/admin/slots/{slot.pk}"
    seen = staff.get(path)["ETag"]
    staff.send("PATCH", path, {"title": "Important"})
    assert staff.send("DELETE", path, **{"If-Match": seen}).status_code == 412
    assert staff.send("DELETE", path, **{"If-Match": staff.get(path)["ETag"]}).status_code == 204


def test_what_is_not_theirs_looks_unknown_whatever_they_have_seen(expert):
    stranger = Caller(make_token(make_organization()))
    path = f"/admin/experts/{expert.slug}"
    assert stranger.send("PATCH", path, {"headline": "Mine"}, **{"If-Match": '"x"'}).status_code == 404
    assert Caller().send("PATCH", path, {"headline": "Mine"}, **{"If-Match": '"x"'}).status_code == 401


def test_nothing_is_written_while_somebody_else_writes(staff, expert, monkeypatch):
    def busy(*args, **kwargs):
        raise Busy

    monkeypatch.setattr("bookingsite.middleware.slot_transaction", busy)
    answer = staff.send("PATCH", f"/admin/experts/{expert.slug}", {"headline": "Mine"}, **{"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
