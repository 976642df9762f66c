"""Lists that are taken along: as they are filtered, with nothing that somebody may not read, and logged."""

import csv
import io

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from bookings.models import Booking, NoteReading, Status, TurnedAway, WaitlistEntry
from bookings.services import cleanup
from experts.admin import exports
from experts.models import Expert, ExportLog, Role, Slot
from tests.cast import make_booking, make_expert, make_organization, make_question, make_slot
from tests.staff import admin_url, logged_in, make_member, make_superuser, messages_of
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db
LISTS = [Booking, Slot, WaitlistEntry, Expert, TurnedAway]


def url_of(model, file_format="csv") -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{file_format}")


def lines_of(response) -> list[dict[str, str]]:
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(response).decode("utf-8-sig"), newline="")))


@pytest.fixture
def world():
    expert = make_expert(name="Dr Amara Okafor")
    slot = make_slot(expert, capacity=3, title="=SUM(A1)")
    make_booking(slot, name="Lena Fischer", phone="+442079460958", notes="Knee, left")
    make_booking(slot, name="=cmd|'/C calc'!A0", status=Status.CANCELLED)
    WaitlistEntry.objects.create(slot=slot, name="@Wilma", email="wilma@example.com")
    TurnedAway.objects.create(slot=slot, reason="full", source="web", people=4)
    stranger = make_slot(make_expert(name="Stranger"), title="Strange")
    make_booking(stranger, name="Stranger")
    WaitlistEntry.objects.create(slot=stranger, name="Stranger", email="s@example.com")
    TurnedAway.objects.create(slot=stranger, reason="full", source="web")
    return expert


@pytest.mark.parametrize("model", LISTS)
def test_every_list_can_be_taken_along_as_far_as_it_is_ones_own(world, model):
    owner = make_member(world.organization)
    client = logged_in(owner)
    page = client.get(admin_url(model))
    assert f'href="{url_of(model)}"' in page.text and f'href="{url_of(model, "xlsx")}"' in page.text
    lines = lines_of(client.get(url_of(model)))
    assert lines and "Strange" not in str(lines)
    for line in lines:
        assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r")) for text in line.values())
    book = load_workbook(io.BytesIO(b"".join(client.get(url_of(model, "xlsx")))))
    assert book.active.max_row == 1 + len(lines)
    assert all(cell.data_type != "f" for row in book.active.iter_rows() for cell in row)
    logged = ExportLog.objects.order_by("pk")
    assert [(it.subject, it.format, it.rows, it.organization, it.user) for it in logged] == [
        (model._meta.label_lower, kind, len(lines), world.organization, owner) for kind in ("csv", "xlsx")
    ]
    assert str(model._meta.verbose_name_plural) in client.get(admin_url(ExportLog)).text
    # Nobody else's staff, and nobody without logging in.
    assert not lines_of(logged_in(make_member(make_organization())).get(url_of(model)))
    assert Client().get(url_of(model)).status_code == 302


def test_times_name_their_zone_and_phones_stay_readable(world):
    [lena] = lines_of(logged_in(make_member(world.organization)).get(url_of(Booking), {"q": "Lena Fischer"}))
    slot = Slot.objects.get(title="=SUM(A1)")
    assert (lena["Date"], lena["Time"], lena["Time zone"]) == (str(slot.date), "10:00", "Europe/London")
    assert lena["Starts at"].endswith("+00:00") and lena["Phone"] == "'+44 20 7946 0958"


def test_an_export_is_what_the_list_shows(world):
    client = logged_in(make_superuser())
    asked = {"status__exact": "CANCELLED", "slot__expert__id__exact": world.pk, "q": "", "p": "3"}
    [line] = lines_of(client.get(url_of(Booking), asked))
    assert line["Status"] == "Cancelled"
    assert "status__exact=CANCELLED" in ExportLog.objects.get().filters
    assert client.get(url_of(Booking), {"nonsense__exact": "1"}).status_code == 302
    found = lines_of(client.get(url_of(Booking), {"q": "Lena Fischer"}))
    assert [it["Name"] for it in found] == ["Lena Fischer"]
    logged = ExportLog.objects.latest("pk")
    assert "Lena" not in logged.filters and "q=" in logged.filters, "what was searched for may be somebody's name"
    assert {it.organization_id for it in ExportLog.objects.all()} == {world.organization_id}


def test_what_customers_wrote_is_left_out_for_who_may_not_read_it_and_logged_for_who_may(world):
    world.organization.hides_notes = True
    world.organization.save()
    make_question(world.organization)
    lena = Booking.objects.get(name="Lena Fischer")
    scheduler = logged_in(make_member(world.organization, Role.SCHEDULER))
    assert {line["Notes"] for line in lines_of(scheduler.get(url_of(Booking)))} == {""}
    assert not NoteReading.objects.exists()
    owner = make_member(world.organization)
    assert {line["Notes"] for line in lines_of(logged_in(owner).get(url_of(Booking)))} == {"Knee, left", ""}
    assert [(it.booking_id, it.user) for it in NoteReading.objects.all()] == [(lena.pk, owner)]


def test_too_many_rows_are_refused_and_not_logged(world, monkeypatch):
    monkeypatch.setattr(exports, "MOST_EXPORTED", 1)
    response = logged_in(make_member(world.organization)).get(url_of(Booking), {"source__exact": "web"})
    assert response.status_code == 302 and response["Location"].endswith("?source__exact=web")
    assert "more than 1 rows" in messages_of(response)[0]
    assert not ExportLog.objects.exists()


def test_rows_are_read_together(world, monkeypatch):
    slot = make_slot(world, at="15:00", capacity=50)
    client = logged_in(make_member(world.organization))
    counts = []
    for _number in range(2):
        for _each in range(5):
            make_booking(slot)
        with asked_of_database() as asked:
            lines_of(client.get(url_of(Booking)))
        counts.append(asked.statements)
    assert counts[0] == counts[1], asked
    keys = [sql for sql, _callers in asked.sent if f"LIMIT {exports.MOST_EXPORTED + 1}" in sql]
    assert len(keys) == 1 and "COUNT(" not in keys[0], "the keys are read, and not counted before"


def test_nobody_changes_the_log(world):
    lines_of(logged_in(make_member(world.organization)).get(url_of(Booking)))
    for write in (
        lambda: ExportLog.objects.update(rows=0),
        lambda: ExportLog.objects.all().delete(),
        lambda: ExportLog.objects.create(who="x", subject="reports", format="pdf", rows=1),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            write()
    assert ExportLog.objects.get().rows == 2
    assert "exports" in cleanup.KEPT
