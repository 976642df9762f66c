"""docs/api.md: its commands run as they stand, and its tables are true."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bookings.models import Booking, Status
from bookingsite.api import api
from experts.models import Expert, Slot
from tests.api.caller import LENA, Caller, make_token
from tests.cast import day_ahead, make_category, make_expert, make_organization, make_slot

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def run(command: list[str], folder, site, **environ: str) -> str:
    code = command.pop().replace("http://127.0.0.1:8000", site.url)
    done = subprocess.run(
        [*command, code],
        cwd=folder,
        env=os.environ | {"NO_PROXY": "127.0.0.1"} | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def northgate(live_site):
    organization = make_organization(timezone="UTC")
    expert = make_expert(name="Amara Okafor", organization=organization, category=make_category(slug="health"))
    make_slot(expert)
    make_slot(expert, at="11:00")
    return organization


def test_with_curl(live_site, northgate, tmp_path):
    assert shutil.which("curl"), "curl is needed to try what the page says"
    booking, staff = blocks("sh")
    said = run(["bash", "-euo", "pipefail", "-c", booking], tmp_path, live_site)
    assert '"status": "CANCELLED"' in said
    assert Booking.objects.get().status == Status.CANCELLED
    said = run(["bash", "-euo", "pipefail", "-c", staff], tmp_path, live_site, EXPERTBOOK_TOKEN=make_token(northgate))
    assert '"code"' not in said
    assert Slot.objects.get(expert__slug="dr-noor-haddad").time.hour == 16


def test_with_python(live_site, northgate, tmp_path):
    (code,) = blocks("python")
    assert run([sys.executable, "-c", code], tmp_path, live_site) == "CONFIRMED\nCANCELLED\n"


def seed_calls() -> list[tuple[str, str]]:
    table = PAGE.read_text().partition("## Coming from")[2]
    return re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", table, re.MULTILINE)


@pytest.mark.django_db
class TestComingFromAnotherSystem:
    """Each row of the table: the call that replaces the old one does what that was there for."""

    @staticmethod
    def call(old: str, body=None, *, by: Caller | None = None, **values):
        """Make the call that the table names in the place of an old one."""
        method, path = dict(seed_calls())[old].split()
        return (by or Caller()).send(method, path.removeprefix("/api/v1").format(**values), body)

    def test_each_call_is_named_and_exists(self):
        paths = api.get_openapi_schema()["paths"]
        known = {f"{method.upper()} {re.sub(r'{.*?}', '{id}', path)}" for path in paths for method in paths[path]}
        there = [old for old, _new in seed_calls()]
        assert there == [
            "GET /slots",
            "POST /book/:slotId",
            "POST /api/book",
            "POST /admin/doctor",
            "POST /admin/slot",
            "POST /api/admin/slots",
        ]
        assert {new for _old, new in seed_calls()} <= known

    def test_get_slots(self):
        slot = make_slot()
        listed = self.call("GET /slots").json()
        assert [item["id"] for item in listed["items"]] == [slot.pk]

    @pytest.mark.parametrize("row", ["POST /book/:slotId", "POST /api/book"])
    def test_post_book(self, row):
        slot, near = make_slot(), None
        near = make_slot(slot.expert, at="11:00")
        first = self.call(row, LENA, id=slot.pk)
        assert (first.status_code, first.json()["status"]) == (201, "CONFIRMED")
        second = self.call(row, LENA | {"email": "priya@example.com"}, id=slot.pk)
        assert (second.status_code, second.json()["alternatives"][0]["id"]) == (409, near.pk)
        assert Booking.objects.count() == 1

    def test_post_admin_doctor(self):
        make_category(slug="health")
        organization = make_organization()
        body = {"name": "Dr Noor Haddad", "category": "health"}
        assert self.call("POST /admin/doctor", body).status_code == 401
        assert self.call("POST /admin/doctor", body, by=Caller(make_token(organization))).status_code == 201
        assert Expert.objects.get().organization == organization

    @pytest.mark.parametrize("row", ["POST /admin/slot", "POST /api/admin/slots"])
    def test_post_admin_slot(self, row):
        expert = make_expert(timezone="America/New_York")
        body = {"expert": expert.slug, "date": day_ahead().isoformat(), "time": "09:00", "minutes": 30}
        assert self.call(row, body).status_code == 401
        staff = Caller(make_token(expert.organization))
        added = self.call(row, body, by=staff)
        assert (added.status_code, added.json()["time"], added.json()["capacity"]) == (201, "09:00", 1)
        overlapping = self.call(row, body | {"time": "09:15"}, by=staff)
        assert overlapping.status_code == 422
