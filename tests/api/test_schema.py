"""The OpenAPI document: complete, and true of the running server."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import jsonschema_rs
import pytest
from django.utils import timezone

from bookings.api.authentication import token_of
from bookings.models import Status
from bookingsite.api import api
from tests.api.caller import Caller, make_token
from tests.cast import make_booking, make_category, make_expert, make_organization, make_slot

DECISIONS = ("approve", "reject", "cancel", "reschedule")
# A booking that there is not and a token that does not fit must look the same: 404, and never 401.
ALWAYS_404 = "\nchecks.ignored_auth.enabled = false\nchecks.missing_required_header.enabled = false"
CONFIG = Path(__file__).with_name("schemathesis.toml")


def operations():
    document = api.get_openapi_schema()
    return [
        pytest.param(operation, id=operation["operationId"])
        for path in document["paths"].values()
        for operation in path.values()
    ]


@pytest.mark.parametrize("operation", operations())
def test_each_answer_has_an_example_that_is_one(operation):
    components = api.get_openapi_schema()["components"]
    assert operation["summary"]
    for status, answer in operation["responses"].items():
        if status in (204, 304):
            continue
        content = answer["content"]["application/json"]
        schema = {"components": components, **content["schema"]}
        jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(content["example"])
    if body := operation.get("requestBody"):
        assert body["content"]["application/json"]["schema"]


@pytest.mark.django_db
def test_it_is_served():
    answer = Caller().get("/openapi.json")
    assert answer.json()["openapi"] == "3.1.0"
    assert Caller().get("/openapi.json", **{"If-None-Match": answer["ETag"]}).status_code == 304


def test_schemathesis_finds_nothing(live_site, tmp_path):
    """No 5xx, and each answer as the document says, whatever is sent."""
    organization = make_organization(max_party=50)
    expert = make_expert(organization=organization, category=make_category(slug="health"))
    slot, changed, deleted = (make_slot(expert, at=at, capacity=1000) for at in ("10:00", "11:00", "12:00"))
    over = make_slot(expert, capacity=3, starts_at=timezone.now() - timedelta(days=1))
    # What may be decided about a booking changes with the first decision: each call has a booking of its own.
    references = {name: make_booking(slot, status=Status.PENDING).reference for name in DECISIONS}
    references |= {name: make_booking(over, status=Status.CONFIRMED).reference for name in ("complete", "no-show")}
    references["undo-attendance"] = make_booking(over, status=Status.NO_SHOW).reference
    booking = make_booking(slot)
    lines = [
        CONFIG.read_text(),
        parameters("/slots/", f"slot_id = {slot.pk}"),
        parameters("/admin/slots/", f"slot_id = {changed.pk}"),
        parameters("/admin/slots/", f"slot_id = {deleted.pk}", method="DELETE"),
        parameters(".*/experts/", f'slug = "{expert.slug}"'),
        parameters("/admin/bookings/[^/]+$", f'reference = "{booking.reference}"'),
        parameters("/bookings/", f'reference = "{booking.reference}"') + ALWAYS_404,
        *(parameters(f"/admin/bookings/.*/{name}$", f'reference = "{value}"') for name, value in references.items()),
    ]
    config = tmp_path / "schemathesis.toml"
    config.write_text("\n".join(lines))
    environ = os.environ | {"STAFF_TOKEN": make_token(organization), "BOOKING_TOKEN": token_of(booking)}
    program = [sys.executable, "-m", "schemathesis.cli", "--config-file", config]
    done = subprocess.run(
        [*program, "run", "--seed", "1", f"{live_site.url}/api/v1/openapi.json"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def parameters(path: str, line: str, method: str = "") -> str:
    """What is sent in the address of the calls whose path fits."""
    lines = ["[[operations]]", f'include-path-regex = "^/api/v1{path}"', f"parameters.{line}"]
    if method:
        lines.insert(2, f'include-method = "{method}"')
    return "\n".join(lines)
