"""Weekly hours and time off through the API: seen before they are written."""

import pytest

from experts.models import Slot, TimeOff, WeeklyHours
from tests.api.caller import Caller, make_token
from tests.cast import make_booking, make_expert, make_session_type

pytestmark = pytest.mark.django_db
MORNINGS = {"weekday": "monday", "start": "09:00", "end": "12:00", "slot_minutes": 60}


@pytest.fixture
def expert():
    return make_expert(horizon_days=28)


@pytest.fixture
def staff(expert):
    return Caller(make_token(expert.organization))


def put(staff, expert, hours, seen=""):
    return staff.send("PUT", f"/admin/experts/{expert.slug}/hours", {"hours": hours, "seen": seen})


def put_seen(staff, expert, hours):
    return put(staff, expert, hours, put(staff, expert, hours).json()["seen"])


def test_nothing_is_written_that_nobody_has_seen(staff, expert):
    answer = put(staff, expert, [MORNINGS])
    body = answer.json()
    assert (answer.status_code, body["code"]) == (409, "preview_needed")
    assert body["preview"]["added"] in (12, 13, 14, 15)  # four Mondays, and today if it is one
    assert not Slot.objects.exists()
    assert not WeeklyHours.objects.exists()
    done = put(staff, expert, [MORNINGS], body["seen"])
    assert done.status_code == 200
    stored = MORNINGS | {"buffer_minutes": 0, "capacity": 1, "title": "", "valid_from": None, "valid_to": None}
    assert done.json() == {"items": [stored], "count": 1}
    assert staff.get(f"/admin/experts/{expert.slug}/hours").json() == done.json()
    assert Slot.objects.count() == body["preview"]["added"]


def test_types_stay_where_nothing_is_said_of_them(staff, expert):
    kind = make_session_type(expert.organization, expert)
    put_seen(staff, expert, [MORNINGS | {"types": [kind.slug]}])
    assert put(staff, expert, [MORNINGS]).status_code == 200, "as a program sends that knows of no types"
    assert WeeklyHours.objects.get().for_types == [kind.pk]
    put_seen(staff, expert, [MORNINGS | {"end": "13:00"}])
    assert WeeklyHours.objects.get().for_types == [kind.pk], "of the stretch that begins then"
    put_seen(staff, expert, [MORNINGS | {"types": []}])
    assert WeeklyHours.objects.get().for_types == [], "unless it is said"


def test_what_is_the_same_stays_and_what_is_missing_goes(staff, expert):
    afternoons = MORNINGS | {"weekday": "tuesday", "start": "13:00", "end": "00:00"}
    put_seen(staff, expert, [MORNINGS, afternoons])
    row = WeeklyHours.objects.get(weekday=0)
    booked = Slot.objects.filter(time="13:00").latest("starts_at")
    make_booking(booked)
    answer = put(staff, expert, [MORNINGS])
    assert answer.json()["preview"]["kept"] == 1
    assert put_seen(staff, expert, [MORNINGS]).status_code == 200
    assert WeeklyHours.objects.get() == row
    assert row.events.count() == 1
    booked.refresh_from_db()
    assert booked.is_closed
    assert put(staff, expert, [MORNINGS]).status_code == 200  # nothing changes, so there is nothing to see


@pytest.mark.parametrize(
    "change",
    [
        {"weekday": "someday"},
        {"start": "9:00"},
        {"end": "08:00"},
        {"slot_minutes": 0},
        {"slot_minutes": 240},
        {"valid_from": "2027-02-01", "valid_to": "2027-01-01"},
        {"title": "A\u0000"},
        {"colour": "red"},
    ],
)
def test_nonsense_is_refused(staff, expert, change):
    answer = put(staff, expert, [MORNINGS | change])
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_hours_that_overlap_are_refused(staff, expert):
    assert put(staff, expert, [MORNINGS, MORNINGS | {"start": "11:00"}]).status_code == 422
    assert put(staff, expert, [MORNINGS, MORNINGS]).status_code == 422


def test_another_time_zone_must_be_seen_as_well(staff, expert):
    put_seen(staff, expert, [MORNINGS])
    path = f"/admin/experts/{expert.slug}"
    answer = staff.send("PATCH", path, {"timezone": "America/New_York"})
    assert answer.json()["code"] == "preview_needed"
    done = staff.send("PATCH", path, {"timezone": "America/New_York", "seen": answer.json()["seen"]})
    assert (done.status_code, done.json()["timezone"]) == (200, "America/New_York")


class TestTimeOff:
    def test_it_is_seen_and_taken_back(self, staff, expert):
        put_seen(staff, expert, [MORNINGS])
        before = Slot.objects.count()
        day = Slot.objects.latest("starts_at").date.isoformat()
        body = {"expert": expert.slug, "first_day": day, "last_day": day, "to_time": "11:00", "reason": "Holiday"}
        preview = staff.post("/admin/time-off", body).json()
        assert preview["preview"]["removed"] == 2
        added = staff.post("/admin/time-off", body | {"seen": preview["seen"]})
        assert added.status_code == 201, added.content
        assert added.json() == body | {"id": TimeOff.objects.get().pk, "from_time": None}
        assert Slot.objects.count() == before - 2
        assert staff.get("/admin/time-off", {"expert": expert.slug}).json()["items"] == [added.json()]
        path = f"/admin/time-off/{added.json()['id']}"
        preview = staff.send("DELETE", path).json()
        assert preview["preview"]["added"] == 2
        assert staff.send("DELETE", f"{path}?seen={preview['seen']}").status_code == 204
        assert Slot.objects.count() == before

    def test_a_holiday_of_all(self, staff, expert):
        day = expert.today().isoformat()
        added = staff.post("/admin/time-off", {"first_day": day, "last_day": day})
        assert (added.status_code, added.json()["expert"]) == (201, None)
        assert TimeOff.objects.get().organization == expert.organization
        assert staff.get("/admin/time-off", {"expert": expert.slug, "from": day}).json()["count"] == 1

    def test_nonsense_is_said_at_its_field(self, staff, expert):
        answer = staff.post("/admin/time-off", {"first_day": "2027-02-02", "last_day": "2027-02-01"})
        assert (answer.status_code, list(answer.json()["fields"])) == (422, ["last_day"])
