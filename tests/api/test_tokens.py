"""Staff's tokens: that nothing of another organisation is ever seen or touched.

Who gets in at all: tests/abuse/test_matrix.py.
"""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import ApiToken, Booking, Status
from bookingsite.api import api as root
from experts.models import Expert, Slot, TimeOff, WeeklyHours
from tests.api.caller import LENA, Caller, make_token
from tests.cast import make_booking, make_category, make_expert, make_organization, make_slot, make_type

pytestmark = pytest.mark.django_db
READS_BY_POST = {"/admin/bookings/search"}
NAMED_IN_BODY = {
    ("POST", "/admin/slots"),
    ("POST", "/admin/bookings"),
    ("POST", "/admin/time-off"),
}
BODIES = {
    ("POST", "/admin/experts"): {"name": "Amara", "category": "health"},
    ("PATCH", "/admin/experts/{slug}"): {"headline": "Changed"},
    ("PUT", "/admin/experts/{slug}/hours"): {"hours": []},
    ("POST", "/admin/time-off"): {"expert": "{slug}", "first_day": "{free_day}", "last_day": "{free_day}"},
    ("POST", "/admin/session-types"): {"name": "First visit", "minutes": 40},
    ("POST", "/admin/slots"): {"expert": "{slug}", "date": "{free_day}", "time": "10:00"},
    ("PATCH", "/admin/slots/{slot_id}"): {"capacity": 7, "title": "Changed", "closed": True},
    ("POST", "/admin/bookings"): LENA | {"slot": "{slot_id}"},
    ("POST", "/admin/bookings/search"): {"email": "lena@example.com"},
    ("PATCH", "/admin/bookings/{reference}"): {"name": "Changed"},
    ("POST", "/admin/bookings/{reference}/reschedule"): {"slot": "{other_slot_id}"},
}
QUERIES = {("GET", "/admin/experts/{slug}/why-not"): "?day={free_day}&at=10:00"}


def staff_calls() -> list[tuple[str, str]]:
    """Every call of staff that the schema knows, so that a new one cannot be forgotten here."""
    paths = root.get_openapi_schema()["paths"]
    calls = [(method.upper(), path.removeprefix("/api/v1")) for path, methods in paths.items() for method in methods]
    return [call for call in calls if call[1].startswith("/admin/")]


CALLS = pytest.mark.parametrize(("method", "path"), staff_calls())


class Tenant:
    """An organisation with an expert, two slots, a request, and what the addresses of its things are."""

    def __init__(self, **values):
        self.organization = make_organization(**values)
        self.expert = make_expert(organization=self.organization)
        self.slot = make_slot(self.expert, capacity=5)
        self.other = make_slot(self.expert, at="12:00")
        self.booking = make_booking(self.slot, status=Status.PENDING, email="lena@example.com")
        self.time_off = TimeOff.objects.create(expert=self.expert, first_day=self.slot.date, last_day=self.slot.date)
        self.words = {
            "time_off_id": self.time_off.pk,
            "slug": self.expert.slug,
            "slot_id": self.slot.pk,
            "other_slot_id": self.other.pk,
            "reference": self.booking.reference,
            "free_day": (self.slot.date + timedelta(days=1)).isoformat(),
            "type_slug": make_type(self.expert, minutes=30).slug,
        }

    def call(self, caller: Caller, method: str, path: str):
        body = BODIES.get((method, path))
        if body is not None:
            body = {name: self._fill(value) for name, value in body.items()}
        words = self.words | ({"slug": self.organization.slug} if path.startswith("/organizations/") else {})
        return caller.send(method, (path + QUERIES.get((method, path), "")).format(**words), body)

    def _fill(self, value):
        if not isinstance(value, str) or not re.fullmatch(r"{\w+}", value):
            return value
        return self.words[value[1:-1]]


def everything() -> list:
    models = (Expert, WeeklyHours, TimeOff, Slot, Booking)
    return [list(model.objects.order_by("pk").values()) for model in models]


@CALLS
def test_the_calls_of_this_file_work_at_all(method, path):
    """The control: what is refused below is refused for whose it is, and not for how it is asked."""
    make_category(slug="health")
    tenant = Tenant()
    if path.endswith(("/complete", "/no-show", "/undo-attendance")):
        past = make_slot(tenant.expert, starts_at=timezone.now() - timedelta(days=3))
        status = Status.NO_SHOW if path.endswith("/undo-attendance") else Status.CONFIRMED
        tenant.words["reference"] = make_booking(past, status=status).reference
    if method == "DELETE":
        tenant.words["slot_id"] = tenant.other.pk
    answer = tenant.call(Caller(make_token(tenant.organization)), method, path)
    assert answer.status_code in (200, 201, 204), answer.content


@CALLS
def test_another_organisations_things_are_not_there(method, path):
    """With the token of A on each call of B: as if B did not exist, and nothing of it changes."""
    make_category(slug="health")
    mine, theirs = Tenant(), Tenant()
    before = everything()
    caller = Caller(make_token(mine.organization))
    answer = theirs.call(caller, method, path)
    if "{" in path or (method, path) in NAMED_IN_BODY:
        nothing = Tenant.__new__(Tenant)
        no = {"slug": "nobody", "slot_id": 999_999_999, "time_off_id": 999_999_999, "reference": "EB-3333-3333"}
        nothing.words = theirs.words | no
        unknown = nothing.call(caller, method, path)
        assert (answer.status_code, answer.content) == (404, unknown.content)
        assert everything() == before
    else:
        assert answer.status_code in (200, 201)
        body = answer.content.decode()
        assert not any(str(name) in body for name in (theirs.expert.slug, theirs.booking.reference))
        assert theirs.organization.slug not in body


def test_filters_do_not_reach_over():
    mine, theirs = Tenant(), Tenant()
    caller = Caller(make_token(mine.organization))
    words = theirs.words
    assert caller.get("/admin/slots", {"expert": words["slug"]}).status_code == 404
    assert caller.get("/admin/bookings", {"expert": words["slug"]}).status_code == 404
    assert caller.get("/admin/bookings", {"search": words["reference"]}).json()["items"] == []
    for path, after in (("experts", "slug"), ("slots", "slot_id"), ("bookings", "reference")):
        assert caller.get(f"/admin/{path}", {"after": words[after]}).status_code == 422
    move = f"/admin/bookings/{mine.booking.reference}/reschedule"
    unknown = caller.post(move, {"slot": 999_999_999})
    assert (unknown.status_code, caller.post(move, {"slot": theirs.slot.pk}).content) == (404, unknown.content)


def test_only_the_hash_of_a_token_is_kept():
    secret = make_token(make_organization())
    assert secret.startswith("ebs_")
    assert len(secret) == 47
    assert secret not in str(ApiToken.objects.values().get())
    assert secret not in str(list(ApiToken.objects.get().events.values()))
    assert ApiToken.objects.get().token_hash not in str(list(ApiToken.objects.get().events.values()))


def test_the_last_use_is_noted_once_a_minute_at_most():
    caller = Caller(make_token(make_organization()))
    caller.get("/admin/experts")
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    caller.get("/admin/experts")
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - ApiToken.USE_NOTED_EVERY - timedelta(seconds=1))
    caller.get("/admin/experts")
    assert ApiToken.objects.get().last_used_at > first
    assert ApiToken.objects.get().events.count() == 1


def test_a_cookie_is_no_token(admin_client):
    assert admin_client.get("/api/v1/admin/experts").status_code == 401
