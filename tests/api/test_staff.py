"""What programs of an organisation do with its experts, slots and bookings."""

from datetime import time, timedelta

import pytest
from django.utils import timezone

from bookings.api import staff as bookings_api
from bookings.models import Booking, Source, Status
from experts.admin.history import read_history
from experts.api import pagination
from experts.api import staff as staff_api
from experts.models import Expert, Slot
from experts.timezones import instant_of
from tests.api.caller import LENA, Caller, make_token, with_key
from tests.cast import day_ahead, make_booking, make_category, make_expert, make_organization, make_slot

pytestmark = pytest.mark.django_db


@pytest.fixture
def northgate():
    return make_organization(timezone="Europe/London")


@pytest.fixture
def staff(northgate):
    return Caller(make_token(northgate))


@pytest.fixture
def expert(northgate):
    return make_expert(organization=northgate)


def items(answer) -> list[dict]:
    assert answer.status_code == 200, answer.content
    return answer.json()["items"]


class TestExperts:
    def test_adding_one_with_little(self, staff, northgate):
        make_category(slug="health")
        answer = staff.post("/admin/experts", {"name": "Dr Zoë Müller", "category": "health"})
        assert answer.status_code == 201, answer.content
        expert = Expert.objects.get(organization=northgate)
        assert (expert.slug, expert.timezone, expert.search_text[:14]) == (
            "dr-zoe-muller",
            "Europe/London",
            "dr zoe muller ",
        )
        assert staff.get("/admin/experts/dr-zoe-muller").json() == answer.json()
        again = staff.post("/admin/experts", {"name": "Dr Zoë Müller", "category": "health"})
        assert again.json()["slug"] == "dr-zoe-muller-2"

    def test_adding_one_with_everything(self, staff, northgate):
        make_category(slug="health")
        values = {
            "name": "Amara Okafor",
            "slug": "amara",
            "category": "health",
            "headline": "Physiotherapist",
            "bio": "Helps.\nAlways.",
            "timezone": "America/New_York",
            "languages": ["en", "fr"],
            "session_minutes": 45,
            "default_capacity": 3,
            "venue": "video",
            "venue_note": "https://meet.example.com/amara",
            "is_active": False,
            "requires_approval": True,
            "move_approval": "same_day",
            "hold_minutes": 10,
            "approval_hours": 48,
            "horizon_days": 90,
            "max_party": 2,
            "min_notice_minutes": 90,
            "cancel_until_minutes": 0,
        }
        answer = staff.post("/admin/experts", values)
        assert answer.json() == values | {"organization": northgate.slug}
        expert = Expert.objects.get(slug="amara")
        assert (expert.min_notice, expert.cancel_until) == (timedelta(minutes=90), timedelta(0))

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"category": "nothing"}, "category"),
            ({"slug": "taken"}, "slug"),
            ({"slug": "with space"}, "slug"),
            ({"timezone": "Mars/Olympus"}, "timezone"),
            ({"languages": ["xx"]}, "languages.0"),
            ({"session_minutes": 0}, "session_minutes"),
            ({"name": "A\u0000"}, "name"),
            ({"name": "A\ud800"}, "name"),
            ({"bio": "A\u202e"}, "bio"),
            ({"organization": "another"}, "organization"),
        ],
    )
    def test_nonsense_is_said_at_its_field(self, staff, change, field):
        make_category(slug="health")
        make_expert(slug="taken")
        answer = staff.post("/admin/experts", {"name": "Amara", "category": "health"} | change)
        assert answer.status_code == 422, answer.content
        assert list(answer.json()["fields"]) == [field]

    def test_changing_one(self, staff, expert):
        category = make_category(slug="coaching")
        path = f"/admin/experts/{expert.slug}"
        body = staff.send("PATCH", path, {"headline": "Coach", "max_party": 4, "category": "coaching"}).json()
        assert (body["headline"], body["max_party"], body["category"]) == ("Coach", 4, "coaching")
        assert staff.send("PATCH", path, {"max_party": None}).json()["max_party"] is None
        expert.refresh_from_db()
        assert (expert.headline, expert.category, expert.name) == ("Coach", category, body["name"])
        assert staff.send("PATCH", path, {"name": None}).status_code == 422
        assert staff.send("PATCH", path, {"slug": "another"}).status_code == 422

    def test_what_a_colleague_changes_at_the_same_moment_stays(self, staff, expert, monkeypatch):
        read = staff_api.own_expert

        def read_before_a_colleague_writes(request, slug):
            found = read(request, slug)
            Expert.objects.filter(pk=expert.pk).update(bio="Written by a colleague")
            return found

        monkeypatch.setattr(staff_api, "own_expert", read_before_a_colleague_writes)
        body = staff.send("PATCH", f"/admin/experts/{expert.slug}", {"headline": "Coach"}).json()
        assert (body["headline"], body["bio"]) == ("Coach", "Written by a colleague")
        expert.refresh_from_db()
        assert expert.bio == "Written by a colleague"

    def test_the_list(self, staff, northgate, monkeypatch):
        monkeypatch.setattr(pagination, "PAGE_SIZE", 2)
        experts = [make_expert(organization=northgate, is_active=n != 1) for n in range(5)]
        seen, after = [], None
        for _ in range(3):
            page = staff.get("/admin/experts", {"after": after} if after else {}).json()
            seen += [item["slug"] for item in page["items"]]
            assert page["count"] == 5
            after = page["next"]
        assert seen == [row.slug for row in experts]
        assert after is None
        assert len(items(staff.get("/admin/experts", {"is_active": "false"}))) == 1
        assert staff.get("/admin/experts", {"search": "nobody"}).json()["items"] == []


class TestSlots:
    def test_adding_one(self, staff, expert):
        day = day_ahead()
        answer = staff.post("/admin/slots", {"expert": expert.slug, "date": day.isoformat(), "time": "09:15"})
        assert answer.status_code == 201, answer.content
        slot = Slot.objects.get()
        assert (slot.date, f"{slot.time:%H:%M}", slot.minutes, slot.capacity) == (day, "09:15", 30, 1)
        assert answer.json() == staff.get(f"/admin/slots/{slot.pk}").json()
        assert (answer.json()["id"], answer.json()["state"]) == (slot.pk, "open")
        values = {"expert": expert.slug, "date": day.isoformat(), "time": "10:00", "minutes": 60, "capacity": 4}
        body = staff.post("/admin/slots", values | {"title": "Class"}).json()
        assert (body["capacity"], body["title"], body["seats_left"]) == (4, "Class", 4)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"time": "10:15"}, "time"),
            ({"time": "25:00"}, "time"),
            ({"time": 900}, "time"),
            ({"date": "2026-02-30"}, "date"),
            ({"date": 20000}, "date"),
            ({"date": "9999-12-31"}, "date"),
            ({"minutes": 1441}, "minutes"),
            ({"capacity": 0}, "capacity"),
            ({"title": "A\u0000"}, "title"),
        ],
    )
    def test_nonsense_is_said_at_its_field(self, staff, expert, change, field):
        slot = make_slot(expert, at="10:00")
        values = {"expert": expert.slug, "date": slot.date.isoformat(), "time": "12:00"}
        answer = staff.post("/admin/slots", values | change)
        assert answer.status_code == 422, answer.content
        assert list(answer.json()["fields"]) == [field]
        assert Slot.objects.count() == 1

    def test_a_time_that_the_day_skips(self, staff, expert):
        """The change to summer time in London."""
        days = (expert.today() + timedelta(days=n) for n in range(400))
        day = next(day for day in days if instant_of(day, time(1, 30), expert.zone) is None)
        answer = staff.post("/admin/slots", {"expert": expert.slug, "date": day.isoformat(), "time": "01:30"})
        assert (answer.status_code, list(answer.json()["fields"])) == (422, ["time"])

    def test_changing_one(self, staff, expert):
        slot = make_slot(expert, capacity=2)
        path = f"/admin/slots/{slot.pk}"
        body = staff.send("PATCH", path, {"capacity": 5, "title": "Class", "closed": True}).json()
        assert (body["capacity"], body["title"], body["closed"], body["state"]) == (5, "Class", True, "closed")
        assert staff.send("PATCH", path, {"closed": False}).json()["state"] == "open"

    def test_all_or_nothing(self, staff, expert):
        slot = make_slot(expert, capacity=3)
        make_booking(slot, seats=3)
        answer = staff.send("PATCH", f"/admin/slots/{slot.pk}", {"title": "Class", "closed": True, "capacity": 2})
        assert (answer.status_code, list(answer.json()["fields"])) == (422, ["capacity"])
        slot.refresh_from_db()
        assert (slot.title, slot.is_closed) == ("", False)

    def test_deleting_one(self, staff, expert):
        slot, booked = make_slot(expert), make_slot(expert, at="11:00")
        make_booking(booked)
        assert staff.send("DELETE", f"/admin/slots/{slot.pk}").status_code == 204
        assert staff.send("DELETE", f"/admin/slots/{slot.pk}").status_code == 404
        assert staff.send("DELETE", f"/admin/slots/{booked.pk}").status_code == 422
        assert list(Slot.objects.all()) == [booked]

    def test_the_list(self, staff, northgate, expert, monkeypatch):
        monkeypatch.setattr(pagination, "PAGE_SIZE", 2)
        other = make_expert(organization=northgate, is_active=False)
        slots = [make_slot(expert), make_slot(other), make_slot(expert, at="11:00", is_closed=True)]
        first = staff.get("/admin/slots").json()
        second = staff.get("/admin/slots", {"after": first["next"]}).json()
        assert [item["id"] for item in first["items"] + second["items"]] == [slot.pk for slot in slots]
        assert (first["count"], second["next"]) == (3, None)
        assert len(items(staff.get("/admin/slots", {"expert": expert.slug, "to": slots[0].date}))) == 2
        assert items(staff.get("/admin/slots", {"from": day_ahead(20)})) == []


class TestBookings:
    def test_booking_for_somebody_without_an_address(self, staff, expert):
        slot = make_slot(expert, capacity=5)
        answer = staff.post("/admin/bookings", {"slot": slot.pk, "name": "Lena Fischer", "seats": 3})
        assert answer.status_code == 201, answer.content
        booking = Booking.objects.get()
        assert (booking.source, booking.email, booking.seats) == (Source.STAFF, "", 3)
        assert answer.json()["slot"]["seats_left"] == 2
        mine = Caller(answer.json()["token"]).get(f"/bookings/{booking.reference}")
        assert mine.json()["name"] == "Lena Fischer"

    def test_a_key_is_the_tokens_own(self, staff, northgate, expert):
        slot = make_slot(expert, capacity=5)
        body = LENA | {"slot": slot.pk}
        first = staff.post("/admin/bookings", body, **with_key("k"))
        assert staff.post("/admin/bookings", body, **with_key("k")).content == first.content
        assert staff.post("/admin/bookings", body | {"seats": 2}, **with_key("k")).status_code == 422
        other = Caller(make_token(northgate)).post("/admin/bookings", body, **with_key("k"))
        assert other.json()["reference"] != first.json()["reference"]
        assert Booking.objects.count() == 2

    def test_taken(self, staff, expert):
        slot, near = make_slot(expert), make_slot(expert, at="11:00")
        make_booking(slot)
        answer = staff.post("/admin/bookings", LENA | {"slot": slot.pk})
        assert (answer.status_code, answer.json()["alternatives"][0]["id"]) == (409, near.pk)

    def test_the_list_and_its_filters(self, staff, northgate, expert, monkeypatch):
        monkeypatch.setattr(pagination, "PAGE_SIZE", 2)
        slot, later = make_slot(expert, capacity=9), make_slot(make_expert(organization=northgate), day=day_ahead(9))
        rows = [make_booking(slot), make_booking(slot, status=Status.PENDING), make_booking(later)]
        make_booking(slot, status=Status.HELD, name="", email="")
        references = [row.reference for row in reversed(rows)]
        first = staff.get("/admin/bookings").json()
        second = staff.get("/admin/bookings", {"after": first["next"]}).json()
        assert [item["reference"] for item in first["items"] + second["items"]] == references
        assert (first["count"], second["count"], second["next"]) == (3, 3, None)

        def found(**query):
            return {item["reference"] for item in items(staff.get("/admin/bookings", query))}

        assert found(status="PENDING") == {rows[1].reference}
        assert found(expert=later.expert.slug) == found(**{"from": later.date}) == {rows[2].reference}
        assert found(to=slot.date) == {rows[0].reference, rows[1].reference}
        assert found(search=rows[0].reference.lower().replace("-", " ")) == {rows[0].reference}
        assert found(search="nonsense") == set()
        assert staff.get("/admin/bookings", {"status": "HELD"}).status_code == 422
        assert staff.get("/admin/bookings", {"after": "EB-3333-3333"}).status_code == 422
        assert staff.get("/admin/bookings", {"expert": "nobody"}).status_code == 404

    def test_finding_a_person_without_naming_them_in_an_address(self, staff, expert):
        slot = make_slot(expert, capacity=9)
        lena = make_booking(slot, name="Lena Fischer", email="Lena@example.com")
        make_booking(slot, name="Priya Patel")
        for body in ({"email": "lena@EXAMPLE.com"}, {"name": "fisch"}, {"name": "lena", "email": "lena@example.com"}):
            found = staff.post("/admin/bookings/search", body)
            assert [item["reference"] for item in items(found)] == [lena.reference]
        assert staff.post("/admin/bookings/search", {}).status_code == 422
        assert items(staff.post("/admin/bookings/search", {"email": "nobody@example.com"})) == []

    def test_the_number_of_queries_does_not_grow(self, staff, expert, django_assert_max_num_queries):
        slot = make_slot(expert, capacity=9)
        for _ in range(5):
            make_booking(slot)
            staff.get("/admin/bookings")  # the first use of the token is noted
            with django_assert_max_num_queries(3) as queries:
                assert staff.get("/admin/bookings").status_code == 200
            assert not any("OFFSET" in query["sql"] for query in queries.captured_queries)

    def test_decisions(self, staff, expert):
        slot = make_slot(expert, capacity=9)
        requests = [make_booking(slot, status=Status.PENDING) for _ in range(3)]
        approve, reject, cancel = (f"/admin/bookings/{row.reference}" for row in requests)
        assert staff.post(f"{approve}/approve").json()["status"] == "CONFIRMED"
        again = staff.post(f"{approve}/approve")
        assert (again.status_code, again.json()["code"]) == (409, "not_allowed")
        body = staff.post(f"{reject}/reject", {"reason": "Dr Okafor is ill."}).json()
        assert (body["status"], body["reason"]) == ("REJECTED", "Dr Okafor is ill.")
        body = staff.post(f"{cancel}/cancel", {"reason": "Closed."}).json()
        assert (body["status"], body["slot"]["seats_left"]) == ("CANCELLED", 8)
        assert staff.post(f"{approve}/complete").status_code == 409
        assert staff.post(f"{approve}/no-show").status_code == 409
        past = make_slot(expert, starts_at=timezone.now() - timedelta(days=1))
        over = f"/admin/bookings/{make_booking(past).reference}"
        assert staff.post(f"{over}/complete").json()["status"] == "COMPLETED"
        assert staff.post(f"{over}/no-show").json()["status"] == "NO_SHOW"
        assert staff.post(f"{over}/undo-attendance").json()["status"] == "CONFIRMED"
        assert staff.post(f"{over}/undo-attendance").status_code == 409

    def test_changing_who_it_is_for(self, staff, expert):
        booking = make_booking(make_slot(expert), phone="1", notes="Knee")
        path = f"/admin/bookings/{booking.reference}"
        body = staff.send("PATCH", path, {"phone": "2", "email": "new@example.com"}).json()
        assert (body["phone"], body["email"], body["name"], body["notes"]) == (
            "2",
            "new@example.com",
            booking.name,
            "Knee",
        )
        answer = staff.send("PATCH", path, {"email": "nonsense"})
        assert (answer.status_code, list(answer.json()["fields"])) == (422, ["email"])

    def test_what_a_colleague_corrects_at_the_same_moment_stays(self, staff, expert, monkeypatch):
        booking, read = make_booking(make_slot(expert), phone="1"), bookings_api.own_booking

        def read_before_a_colleague_writes(request, reference):
            found = read(request, reference)
            Booking.objects.filter(pk=booking.pk).update(phone="2")
            return found

        monkeypatch.setattr(bookings_api, "own_booking", read_before_a_colleague_writes)
        staff.send("PATCH", f"/admin/bookings/{booking.reference}", {"notes": "Knee"})
        booking.refresh_from_db()
        assert (booking.phone, booking.notes) == ("2", "Knee")

    def test_moving_it(self, staff, northgate, expert):
        slot, free, full = (make_slot(expert, at=at) for at in ("10:00", "11:00", "12:00"))
        elsewhere = make_slot(make_expert(organization=northgate))
        make_booking(full)
        path = f"/admin/bookings/{make_booking(slot).reference}/reschedule"
        assert staff.post(path, {"slot": full.pk}).json()["code"] == "slot_taken"
        stranger = make_slot(make_expert())
        assert staff.post(path, {"slot": stranger.pk}).status_code == 404
        assert staff.post(path, {"slot": elsewhere.pk}).json()["code"] == "not_allowed"
        assert staff.post(path, {"slot": free.pk}).json()["slot"]["id"] == free.pk
        moved = staff.post(path, {"slot": elsewhere.pk, "any_expert": True}).json()
        assert (moved["slot"]["id"], moved["slot"]["expert"]) == (elsewhere.pk, elsewhere.expert.slug)

    def test_the_history_names_the_program(self, staff, expert):
        booking = make_booking(make_slot(expert))
        staff.post(f"/admin/bookings/{booking.reference}/cancel")
        context = booking.events.latest("pgh_id").pgh_context.metadata
        assert context == {"source": "api", "token": "Till", "by": "staff"}
        latest = read_history(booking).entries[0]
        assert (latest.who, latest.source) == ("Program “Till”", "API")
