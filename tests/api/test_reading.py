"""Experts and slots, as anybody may read them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from experts.api import pagination
from experts.models import Expert
from tests.api.caller import Caller
from tests.cast import make_booking, make_category, make_expert, make_organization, make_slot

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return Caller()


def slugs(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["slug"] for item in answer.json()["items"]]


def test_experts_are_listed_with_what_a_program_needs(api):
    slot = make_slot()
    expert = slot.expert
    answer = api.get("/experts")
    assert answer.json() == {
        "items": [
            {
                "slug": expert.slug,
                "name": expert.name,
                "headline": "Physiotherapist",
                "category": expert.category.slug,
                "organization": expert.organization.slug,
                "timezone": "Europe/London",
                "languages": [],
                "session_minutes": 30,
                "venue": "in_person",
                "requires_approval": False,
                "max_party": 1,
                "photo": None,
                "next_slot_at": f"{slot.starts_at:%Y-%m-%dT%H:%M:%SZ}",
            }
        ],
        "count": 1,
    }


def test_a_photo_is_told_in_its_sizes_wherever_an_expert_is(api, settings):
    settings.SITE_URL = "https://book.example.org/"
    expert = make_expert()
    name = f"experts/{expert.pk}/{'a' * 32}"
    Expert.objects.filter(pk=expert.pk).update(photo=f"{name}-640.webp")
    sizes = {"small": 96, "medium": 192, "large": 640}
    photo = {size: f"https://book.example.org/media/{name}-{side}.webp" for size, side in sizes.items()}
    assert api.get("/experts").json()["items"][0]["photo"] == photo
    assert api.get("/experts", {"search": expert.name}).json()["items"][0]["photo"] == photo
    assert api.get(f"/experts/{expert.slug}").json()["photo"] == photo
    Expert.objects.filter(pk=expert.pk).update(photo="")
    assert api.get(f"/experts/{expert.slug}").json()["photo"] is None


def test_experts_can_be_searched_and_filtered(api):
    amara = make_expert(name="Amara Okafor", category=make_category(slug="health"))
    bruno = make_expert(name="Bruno Müller", organization=make_organization(slug="southside"))
    assert slugs(api.get("/experts", {"search": "MULLER"})) == [bruno.slug]
    assert slugs(api.get("/experts", {"search": "?!"})) == []
    assert slugs(api.get("/experts", {"category": "health"})) == [amara.slug]
    assert slugs(api.get("/experts", {"organization": "southside"})) == [bruno.slug]
    assert slugs(api.get("/experts", {"category": "nothing"})) == []


def test_lists_have_pages_and_count_to_a_bound(api, monkeypatch):
    experts = [make_expert() for _ in range(5)]
    monkeypatch.setattr(pagination, "PAGE_SIZE", 2)
    monkeypatch.setattr(pagination, "MOST_COUNTED", 4)
    pages = [api.get("/experts", {"page": page}) for page in (1, 2, 3, 4)]
    assert [slug for page in pages for slug in slugs(page)] == [expert.slug for expert in experts]
    assert {page.json()["count"] for page in pages} == {4}
    assert api.get("/experts", {"page": 0}).status_code == 422
    assert api.get("/experts", {"page": 201}).status_code == 422


def test_an_expert_who_is_not_offered_is_not_there(api):
    retired = make_slot(make_expert(is_active=False))
    closed = make_slot(make_expert(organization=make_organization(is_active=False)))
    assert slugs(api.get("/experts")) == []
    assert api.get("/slots").json() == {"items": [], "count": 0}
    for slot in (retired, closed):
        for path in (f"/experts/{slot.expert.slug}", f"/slots?expert={slot.expert.slug}", f"/slots/{slot.pk}"):
            answer = api.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


def test_one_expert(api):
    expert = make_expert(bio="Helps people move again.")
    answer = api.get(f"/experts/{expert.slug}").json()
    assert (answer["slug"], answer["bio"], answer["next_slot_at"]) == (expert.slug, "Helps people move again.", None)
    assert api.get("/experts/nobody").status_code == 404


def test_a_slot_says_the_same_time_twice(api):
    slot = make_slot(make_expert(timezone="America/New_York"), at="09:15", capacity=4, title="Class")
    make_booking(slot, seats=2)
    assert api.get(f"/slots/{slot.pk}").json() == {
        "id": slot.pk,
        "expert": slot.expert.slug,
        "date": slot.date.isoformat(),
        "time": "09:15",
        "timezone": "America/New_York",
        "starts_at": f"{slot.starts_at:%Y-%m-%dT%H:%M:%SZ}",
        "ends_at": f"{slot.ends_at:%Y-%m-%dT%H:%M:%SZ}",
        "title": "Class",
        "capacity": 4,
        "seats_left": 2,
        "state": "few",
    }
    assert api.get("/slots/0").status_code == 404
    assert api.get(f"/slots/{10**30}").status_code == 404


def test_slots_of_today_and_the_next_seven_days(api):
    expert = make_expert(timezone="Pacific/Auckland")
    today = expert.today()
    days = [today - timedelta(days=1), today, today + timedelta(days=7), today + timedelta(days=8)]
    slots = [make_slot(expert, day=day) for day in days]
    found = api.get("/slots", {"expert": expert.slug}).json()
    assert [item["id"] for item in found["items"]] == [slots[1].pk, slots[2].pk]
    assert found["count"] == 2
    chosen = {"expert": expert.slug, "from": days[2], "to": days[3]}
    assert [item["id"] for item in api.get("/slots", chosen).json()["items"]] == [slots[2].pk, slots[3].pk]


def test_only_what_can_be_booked(api):
    free, full = make_slot(), make_slot()
    make_booking(full)
    assert [item["id"] for item in api.get("/slots", {"bookable": "true"}).json()["items"]] == [free.pk]
    assert api.get("/slots").json()["count"] == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-13-01"}, "from"),
        ({"from": "1773331200"}, "from"),
        ({"from": "9999-12-31"}, "from"),
        ({"from": "2026-03-12", "to": "2026-03-11"}, "to"),
        ({"from": "2026-03-12", "to": "2026-09-11"}, "to"),
        ({"page": "two"}, "page"),
        ({"bookable": "perhaps"}, "bookable"),
        ({"expert": "no slug!"}, "expert"),
    ],
)
def test_nonsense_is_said_at_its_field(api, query, field):
    answer = api.get("/slots", query)
    assert answer.status_code == 422
    assert list(answer.json()["fields"]) == [field]


def test_the_number_of_queries_does_not_grow(api, django_assert_num_queries):
    def queries(path):
        with django_assert_num_queries(2):
            assert api.get(path).status_code == 200

    make_slot()
    queries("/experts")
    queries("/slots")
    for _ in range(3):
        make_slot()
    queries("/experts")
    queries("/slots")


def test_what_did_not_change_is_not_sent_again(api):
    slot = make_slot(capacity=3)
    for path in ("/experts", f"/experts/{slot.expert.slug}", "/slots", f"/slots/{slot.pk}"):
        first = api.get(path)
        again = api.get(path, **{"If-None-Match": first["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert first["Cache-Control"] == "private, no-cache"
    make_booking(slot)
    assert api.get(path, **{"If-None-Match": first["ETag"]}).status_code == 200


def test_head_is_get_without_a_body(api):
    answer = api.send("HEAD", "/experts")
    assert answer.status_code == 200
    assert answer["ETag"] == api.get("/experts")["ETag"]


def test_past_slots_say_so(api):
    slot = make_slot(starts_at=timezone.now() - timedelta(hours=1))
    assert api.get(f"/slots/{slot.pk}").json()["state"] == "past"
