"""The pages of imports: who may import what where, and what a file says before it is imported."""

import csv
import io

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from bookings import services
from bookings.models import Booking
from bookings.services import imports
from experts.models import Expert, ImportKind, ImportRun, Role, Slot
from tests.bookings.services.test_imports import DAY, HEAD, content
from tests.cast import make_category, make_expert, make_organization, make_slot
from tests.staff import logged_in, make_member, make_superuser, messages_of
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db
URL = "/admin/import/"


@pytest.fixture
def expert():
    expert = make_expert(name="Dr Amara Okafor")
    make_slot(expert, at="10:00")
    return expert


def a_file(*rows, name="bookings.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content(*rows))


def send(client, *rows, kind=ImportKind.BOOKINGS, **values):
    return client.post(URL, {"kind": kind, "file": a_file(*rows)} | values)


def row(expert, at="10:00"):
    return [expert.name, DAY, at, "Lena Quorlbath", "lena@example.com", "", "", ""]


def test_a_file_is_chosen_looked_at_and_imported(expert):
    client = logged_in(make_member(expert.organization, Role.SCHEDULER))
    response = send(client, HEAD, row(expert))
    run = ImportRun.objects.get()
    assert response.status_code == 302 and response["Location"] == reverse("admin:import_run", args=[run.pk])
    assert "The file is being checked" in client.get(response["Location"]).text
    imports.run_import(run_id=run.pk)
    page = client.get(response["Location"])
    assert "The file is in order" in page.text and "Import 1 booking" in page.text
    assert "Customers get no e-mail" in page.text and "Quorlbath" not in page.text
    assert not Booking.objects.exists()
    client.post(response["Location"])
    imports.run_import(run_id=run.pk)
    page = client.get(response["Location"])
    assert "1 added, 0 were there already." in page.text and reverse("admin:bookings_booking_changelist") in page.text
    assert Booking.objects.get().name == "Lena Quorlbath"
    assert client.post(response["Location"]).status_code == 302
    assert "cannot be imported any more" in " ".join(messages_of(client.post(response["Location"])))


def test_rows_that_need_a_fix_are_named(expert):
    client = logged_in(make_member(expert.organization))
    response = send(client, HEAD, row(expert), row(expert, "11:00"))
    imports.run_import(run_id=ImportRun.objects.get().pk)
    page = client.get(response["Location"])
    assert "1 row needs a fix" in page.text and "Row 3" in page.text and "has no slot at that date" in page.text
    assert "Import 1 booking" not in page.text
    with asked_of_database() as asked:
        fragment = client.get(response["Location"], headers={"HX-Request": "true"}).text
    assert not any("bookings_rescue" in sql or "PENDING" in sql for sql, _callers in asked.sent), "no menu is made"
    assert "<html" not in fragment and "Row 3" in fragment and "hx-get" not in fragment


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"", "empty"),
        (b"PK\x03\x04nonsense", "cannot be read"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "no table"),
    ],
)
def test_a_file_that_is_no_table_is_refused_on_the_form(expert, bad, said):
    client = logged_in(make_member(expert.organization))
    response = client.post(URL, {"kind": "slots", "file": SimpleUploadedFile("x.xlsx", bad)})
    assert response.status_code == 422 and said in response.text
    assert not ImportRun.objects.exists()
    assert client.post(URL, {"kind": "nonsense"}).status_code == 422


def test_owners_import_experts_and_schedulers_do_not(expert):
    make_category(name="Health", slug="health")
    rows = [["name", "category"], ["Ida Holm", "health"]]
    scheduler = logged_in(make_member(expert.organization, Role.SCHEDULER))
    assert send(scheduler, *rows, kind=ImportKind.EXPERTS).status_code == 422
    assert 'value="experts"' not in scheduler.get(URL).text and not ImportRun.objects.exists()
    owner = logged_in(make_member(expert.organization))
    assert send(owner, *rows, kind=ImportKind.EXPERTS).status_code == 302
    run = ImportRun.objects.get()
    imports.run_import(run_id=run.pk)
    # A colleague sees it, and may not do it.
    assert scheduler.post(reverse("admin:import_run", args=[run.pk])).status_code == 403
    owner.post(reverse("admin:import_run", args=[run.pk]))
    imports.run_import(run_id=run.pk)
    assert Expert.objects.filter(name="Ida Holm", organization=expert.organization).exists()


def test_experts_and_strangers_get_nowhere(expert):
    run = imports.start_import(
        organization=expert.organization,
        kind=ImportKind.BOOKINGS,
        content=content(HEAD, row(expert)),
        user=make_member(expert.organization),
    )
    imports.run_import(run_id=run.pk)
    url = reverse("admin:import_run", args=[run.pk])
    colleague = logged_in(make_member(expert.organization, Role.EXPERT))
    stranger = logged_in(make_member(make_organization()))
    for ask in (colleague.get, colleague.post):
        assert {ask(URL).status_code, ask(url).status_code} == {403}
    assert stranger.get(url).status_code == stranger.post(url).status_code == 404
    assert expert.organization.name not in stranger.get(URL).text
    assert send(stranger, HEAD, row(expert), organization=expert.organization.pk).status_code == 422
    send(stranger, HEAD, row(expert))
    theirs = ImportRun.objects.exclude(pk=run.pk).get()
    assert theirs.organization_id != expert.organization_id
    assert Client().get(url).status_code == 302
    run.refresh_from_db()
    assert run.status == "checked" and not Booking.objects.exists()


def test_who_works_for_several_says_for_which(expert):
    other = make_expert(name="Ida")
    client = logged_in(make_superuser())
    assert send(client, HEAD, row(expert)).status_code == 422
    send(client, HEAD, row(expert), organization=other.organization_id)
    assert ImportRun.objects.get().organization == other.organization


@pytest.mark.parametrize("kind", ImportKind.values)
def test_a_template_has_every_column_and_can_be_read_again(expert, kind):
    client = logged_in(make_member(expert.organization))
    response = client.get(reverse("admin:import_template", args=[kind]))
    head, example = csv.reader(io.StringIO(b"".join(response).decode("utf-8-sig")))
    assert head == [column.name for column in imports.COLUMNS[kind]] and len(example) == len(head)
    assert client.get(reverse("admin:import_template", args=["nonsense"])).status_code == 404


def test_what_was_exported_can_be_imported_and_changes_nothing(expert):
    make_slot(expert, at="11:00", title="=Class", capacity=4)
    client = logged_in(make_member(expert.organization))
    send(client, HEAD, row(expert), [expert.name, DAY, "11:00", "Karim", "", "+44 20 7946 0958", "2", "-"])
    run = ImportRun.objects.get()
    for _step in range(2):
        imports.run_import(run_id=run.pk)
        client.post(reverse("admin:import_run", args=[run.pk]))
    assert Booking.objects.count() == 2
    services.cancel(booking_id=Booking.objects.first().pk, by_customer=False)
    for model, kind in ((Slot, ImportKind.SLOTS), (Booking, ImportKind.BOOKINGS), (Expert, ImportKind.EXPERTS)):
        for file_format in ("csv", "xlsx"):
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{file_format}"
            exported = b"".join(client.get(reverse(name)))
            client.post(URL, {"kind": kind, "file": SimpleUploadedFile(f"x.{file_format}", exported)})
            run = ImportRun.objects.latest("pk")
            imports.run_import(run_id=run.pk)
            run.refresh_from_db()
            assert run.result["errors"] == [], (kind, file_format)
            assert (run.result["added"], run.result["unchanged"]) == (0, model.objects.count()), (kind, file_format)


def test_no_other_page_takes_a_file(expert):
    client = logged_in(make_member(expert.organization))
    file = {"file": a_file(HEAD)}
    assert client.post("/admin/experts/slot/add/", file).status_code == 400
    send(client, HEAD, row(expert))
    run_url = reverse("admin:import_run", args=[ImportRun.objects.get().pk])
    assert client.post(run_url, {"file": a_file(HEAD)}).status_code == 400
    large = SimpleUploadedFile("large.csv", b"name\n" + b"x" * (7 * 1024 * 1024))
    assert client.post(URL, {"kind": "slots", "file": large}).status_code == 413
    larger_than_a_table = SimpleUploadedFile("large.csv", b"name\n" + b"x\n" * (2_700_000))
    assert "larger than 5 MB" in client.post(URL, {"kind": "slots", "file": larger_than_a_table}).text


def test_the_file_of_who_may_not_import_is_not_read(expert):
    nobody = Client()
    nobody.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32  # anybody can send one of that name
    for client, status in (
        (nobody, 302),
        (logged_in(make_member(expert.organization, Role.EXPERT)), 403),
    ):
        response = send(client, HEAD, row(expert))
        assert response.status_code == status
        assert not response.wsgi_request._read_started
    # Without the token of the form nothing is read in, either, for whoever may.
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_member(expert.organization), "django.contrib.auth.backends.ModelBackend")
    assert send(strict, HEAD, row(expert)).status_code == 403
    assert not ImportRun.objects.exists()
    strict.get(URL)
    assert send(strict, HEAD, row(expert), csrfmiddlewaretoken=strict.cookies["csrftoken"].value).status_code == 302
    assert ImportRun.objects.exists()
