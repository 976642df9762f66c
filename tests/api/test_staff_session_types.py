"""Session types for staff's programs."""

import pytest

from experts.models import SessionType, Slot, WeeklyHours
from tests.api.caller import Caller, make_token
from tests.api.test_hours import MORNINGS, put_seen
from tests.cast import day_ahead, make_expert, make_row_of_slots, make_session_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def expert():
    return make_expert(slug="amara", session_minutes=20)


@pytest.fixture
def staff(expert):
    return Caller(make_token(expert.organization))


def test_a_type_is_added_once_it_was_seen_what_it_means(staff, expert):
    make_row_of_slots(expert, end="11:00")
    wanted = {"name": "First visit", "minutes": 40, "price_amount": 60, "price_currency": "EUR", "experts": ["amara"]}
    answer = staff.post("/admin/session-types", wanted)
    assert (answer.status_code, answer.json()["code"]) == (409, "preview_needed")
    assert answer.json()["starts"] == [{"expert": "amara", "before": 6, "after": 5}]
    assert not SessionType.objects.exists()
    made = staff.post("/admin/session-types", wanted | {"seen": answer.json()["seen"]})
    assert made.status_code == 201, made.content
    assert staff.get("/admin/session-types").json() == {"items": [made.json()], "count": 1}
    shown = {name: made.json()[name] for name in ("slug", "minutes", "price_amount", "experts")}
    assert shown == {"slug": "first-visit", "minutes": 40, "price_amount": "60.00", "experts": ["amara"]}


def test_of_a_type_of_two_times_are_counted_at_which_both_are_free(staff, expert):
    other = make_expert(slug="hannah", organization=expert.organization)
    make_row_of_slots(expert, end="11:00")
    make_row_of_slots(other, start="10:00", end="12:00")
    wanted = {"name": "Couples", "minutes": 40, "experts_needed": 2, "experts": ["amara", "hannah"]}
    answer = staff.post("/admin/session-types", wanted).json()
    assert answer["together"] == {"before": 0, "after": 2}
    assert [each["after"] for each in answer["starts"]] == [None, None]
    assert staff.post("/admin/session-types", wanted | {"seen": answer["seen"]}).status_code == 201


@pytest.mark.parametrize(
    ("values", "status"),
    [({"minutes": 0}, 422), ({"slug": "taken"}, 422), ({"experts": ["stranger"]}, 404), ({"buffer_after": 1440}, 422)],
)
def test_what_cannot_be_is_refused(staff, expert, values, status):
    make_session_type(expert.organization, slug="taken")
    make_expert(slug="stranger")
    answer = staff.post("/admin/session-types", {"name": "First visit", "minutes": 40} | values)
    assert answer.status_code == status, answer.content
    assert SessionType.objects.count() == 1


def test_slots_and_hours_name_the_types_that_they_are_for(staff, expert):
    kind = make_session_type(expert.organization, expert, slug="first-visit")
    make_session_type(make_expert().organization, slug="foreign")
    added = {"expert": "amara", "date": day_ahead().isoformat(), "time": "09:00", "types": ["first-visit"]}
    body = staff.post("/admin/slots", added).json()
    assert body["types"] == ["first-visit"]
    assert Slot.objects.get().for_types == [kind.pk]
    path = f"/admin/slots/{body['id']}"
    assert staff.send("PATCH", path, {"types": ["foreign"]}).json()["fields"] == {
        "types": ["There is no such session type."]
    }
    assert staff.send("PATCH", path, {"types": []}).json()["types"] == []
    answer = put_seen(staff, expert, [MORNINGS | {"types": ["first-visit"]}])
    assert answer.json()["items"][0]["types"] == ["first-visit"]
    assert WeeklyHours.objects.get().for_types == [kind.pk]
