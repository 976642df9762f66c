"""Sessions of a type through the API: listed, booked and told with what was agreed. All else stays as it was."""

from datetime import datetime, timedelta

import pytest

from bookings.models import Booking
from experts.models import Audience
from tests.api.caller import LENA, Caller, make_token, with_key
from tests.cast import book, make_expert, make_row_of_slots, make_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return Caller()


@pytest.fixture
def expert():
    return make_expert(venue_note="12 High Street")


@pytest.fixture
def slots(expert):
    """From 9:00 to 11:00, 20 minutes each."""
    return make_row_of_slots(expert, end="11:00")


@pytest.fixture
def first_visit(expert):
    """45 minutes, and five kept free after them."""
    return make_type(expert, name="First visit", slug="first-visit", buffer_after=5, minutes=45, price_words="€60")


def starts(api, expert, **query) -> list[str]:
    """By the expert's clock."""
    answer = api.get("/slots", {"expert": expert.slug} | query)
    assert answer.status_code == 200, answer.content
    assert answer.json()["count"] == len(answer.json()["items"])
    return [item["time"] for item in answer.json()["items"]]


class TestListing:
    def test_what_an_expert_can_be_booked_for(self, api, expert, first_visit):
        call = make_type(expert, name="Call", slug="call", venue="video", venue_note="https://meet.example.org/1")
        call.offers.update(minutes=15)
        make_type(expert, slug="secret", audience=Audience.LINK)
        make_type(expert, slug="gone", is_active=False)
        make_type(make_expert(organization=expert.organization), slug="of-a-colleague")
        listed = api.get(f"/experts/{expert.slug}/session-types").json()
        assert listed["count"] == 2
        of = {item.pop("slug"): item for item in listed["items"]}
        assert of["first-visit"] == {
            "name": "First visit",
            "description": "",
            "minutes": 45,
            "price": "€60",
            "venue": "in_person",
            "address": "12 High Street",
            "audience": "everybody",
            "requires_approval": False,
            "max_party": 1,
        }
        assert (of["call"]["minutes"], of["call"]["venue"], of["call"]["address"]) == (15, "video", "")

    def test_none_of_an_expert_who_is_not_shown(self, api, expert, first_visit):
        type(expert).objects.update(is_active=False)
        assert api.get(f"/experts/{expert.slug}/session-types").status_code == 404


@pytest.mark.usefixtures("slots")
class TestStarts:
    def test_those_at_which_its_time_and_buffers_fit(self, api, expert, first_visit):
        listed = api.get("/slots", {"expert": expert.slug, "type": "first-visit"}).json()
        assert [item["time"] for item in listed["items"]] == ["09:00", "09:20", "09:40", "10:00"]
        first = listed["items"][0]
        assert datetime.fromisoformat(first["ends_at"]) - datetime.fromisoformat(first["starts_at"]) == timedelta(
            minutes=45
        )

    def test_a_booking_takes_all_starts_that_it_makes_impossible(self, api, expert, slots, first_visit):
        assert "10:00" in starts(api, expert, type="first-visit")
        book(slots["10:20"])
        assert starts(api, expert, type="first-visit", bookable="true") == ["09:00", "09:20"]
        assert starts(api, expert, bookable="true") == ["09:00", "09:20", "09:40", "10:00", "10:40"]

    def test_other_minutes_are_told_at_once(self, api, expert, first_visit):
        starts(api, expert, type="first-visit")
        first_visit.offers.update(minutes=100)
        assert starts(api, expert, type="first-visit") == ["09:00"]

    def test_a_type_on_no_list_is_found_by_its_name(self, api, expert):
        make_type(expert, slug="secret", audience=Audience.LINK)
        assert "09:00" in starts(api, expert, type="secret")

    @pytest.mark.parametrize(
        "query, status", [({"type": "none", "expert": "of"}, 404), ({"type": "first-visit"}, 422), ({"type": "?"}, 422)]
    )
    def test_refused(self, api, expert, first_visit, query, status):
        answer = api.get("/slots", query | ({"expert": expert.slug} if "expert" in query else {}))
        assert answer.status_code == status


class TestBooking:
    def book(self, api, slot, key="", **details):
        return api.post(
            f"/slots/{slot.pk}/book", LENA | {"session_type": "first-visit"} | details, **with_key(key or "k")
        )

    def test_the_answer_says_what_was_agreed(self, api, slots, first_visit):
        answer = self.book(api, slots["09:20"])
        assert answer.status_code == 201, answer.content
        body = answer.json()
        booking = Booking.objects.get()
        assert booking.more_slots == [slots["09:40"].pk, slots["10:00"].pk]
        ends_at = f"{slots['09:20'].starts_at + timedelta(minutes=45):%Y-%m-%dT%H:%M:%SZ}"
        assert {name: body[name] for name in ("session_type", "ends_at", "price", "place")} == {
            "session_type": {"slug": "first-visit", "name": "First visit"},
            "ends_at": ends_at,
            "price": "€60",
            "place": {"venue": "in_person", "note": "12 High Street"},
        }
        assert (body["slot"]["id"], body["slot"]["ends_at"]) == (slots["09:20"].pk, ends_at)
        assert self.book(api, slots["09:20"]).json() == body
        type(first_visit).objects.update(name="Else", minutes=20)
        mine = Caller(body["token"]).get(f"/bookings/{body['reference']}").json()
        assert (mine["session_type"]["name"], mine["ends_at"]) == ("First visit", ends_at)
        assert self.book(api, slots["09:20"], "other").json()["reason"] == "full"

    @pytest.mark.parametrize("changes", [{"minutes": 120}, {"is_active": False}])
    def test_a_retry_gets_the_first_answer_whatever_became_of_the_type(self, api, slots, first_visit, changes):
        body = self.book(api, slots["09:20"]).json()
        type(first_visit).objects.update(**changes)
        again = self.book(api, slots["09:20"])
        assert (again.status_code, again.json()) == (201, body)

    @pytest.mark.parametrize("at, reason", [("09:00", "full"), ("10:40", "closed")])
    def test_where_it_cannot_begin_the_nearest_starts_of_the_type_are_told(self, api, slots, first_visit, at, reason):
        book(slots["09:20"])
        answer = self.book(api, slots[at])
        assert (answer.status_code, answer.json()["reason"]) == (409, reason)
        free = {it["time"]: it["ends_at"] for it in answer.json()["alternatives"]}
        assert set(free) == {"09:40", "10:00"}
        assert datetime.fromisoformat(free["09:40"]) == slots["09:40"].starts_at + timedelta(minutes=45)

    def test_a_link_is_for_who_has_the_confirmed_booking(self, api, expert, slots):
        make_type(
            expert, slug="first-visit", venue="video", venue_note="https://meet.example.org/1", requires_approval=True
        )
        body = self.book(api, slots["09:20"]).json()
        assert body["place"] == {"venue": "video", "note": ""}
        staff = Caller(make_token(expert.organization))
        approved = staff.post(f"/admin/bookings/{body['reference']}/approve").json()
        assert approved["place"] == {"venue": "video", "note": "https://meet.example.org/1"}
        mine = Caller(body["token"]).get(f"/bookings/{body['reference']}").json()
        assert mine["place"] == approved["place"]

    @pytest.mark.parametrize("name, status", [("none", 404), ("retired", 404), ("no slug!", 422), ("of-others", 404)])
    def test_refused(self, api, expert, slots, name, status):
        make_type(expert, slug="retired", is_active=False)
        make_type(make_expert(), slug="of-others")
        assert self.book(api, slots["09:00"], session_type=name).status_code == status
        assert not Booking.objects.exists()

    def test_a_slot_as_it_is_is_told_as_ever(self, api, slots, first_visit):
        body = self.book(api, slots["09:20"], session_type=None).json()
        assert set(body) == {"reference", "token", "status", "seats", "expires_at", "slot"}
        told = Caller(body["token"]).get(f"/bookings/{body['reference']}").json()
        assert set(told) - set(body) == {"name", "email", "phone", "notes", "reason"}

    def test_staff_book_find_and_move_them(self, api, expert, slots, first_visit):
        staff = Caller(make_token(expert.organization))
        book(slots["10:40"])
        details = {"slot": slots["09:00"].pk, "name": "Lena", "session_type": "first-visit"}
        reference = staff.post("/admin/bookings", details).json()["reference"]
        found = staff.get("/admin/bookings", {"session_type": "first-visit"}).json()
        assert [(it["reference"], it["price"]) for it in found["items"]] == [(reference, "€60")]
        assert staff.get("/admin/bookings", {"session_type": "none"}).status_code == 404
        moved = staff.post(f"/admin/bookings/{reference}/reschedule", {"slot": slots["09:20"].pk}).json()
        assert moved["ends_at"] == f"{slots['09:20'].starts_at + timedelta(minutes=45):%Y-%m-%dT%H:%M:%SZ}"
