"""Bodies that nobody expects are refused early: without a session, a statement, or a file on the disk."""

import contextlib
import http.client
import json
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from bookings.models import Booking
from tests.api.caller import LENA
from tests.cast import details, make_slot
from tests.staff import admin_url, logged_in, make_superuser

FORM = "application/x-www-form-urlencoded"


def refused(response, status: int) -> None:
    assert response.status_code == status
    assert not response.cookies
    assert len(response.content) < 200


@pytest.mark.django_db
def test_refusals_ask_the_database_nothing(django_assert_num_queries):
    slot = make_slot()
    staff = logged_in(make_superuser())
    book, api, admin = f"/slots/{slot.pk}/book/", f"/api/v1/slots/{slot.pk}/book", "/admin/experts/slot/add/"
    with django_assert_num_queries(0):
        for client in (Client(), staff):
            for method in ("GET", "HEAD", "OPTIONS"):
                for path in (book, api, admin, "/", "/healthz"):
                    refused(client.generic(method, path, b"x", "application/json"), 400)
            refused(client.generic("POST", book, b"{}", "application/json"), 415)
            refused(client.generic("POST", admin, b"<x/>", "text/xml"), 415)
            refused(client.generic("POST", api, b"name=x", FORM), 415)
            refused(client.generic("POST", book, b"name=" + b"x" * 70_000, FORM), 413)
            refused(client.generic("POST", api, b"[" + b"1," * 70_000 + b"1]", "application/json"), 413)
            refused(client.generic("POST", admin, b"name=" + b"x" * 600_000, FORM), 413)
            for length in ("-1", "1e3", "٣", "9" * 5000):
                answer = client.generic("POST", book, b"name=x", FORM, CONTENT_LENGTH=length)
                refused(answer, 413 if length.startswith("9") else 400)
            answer = client.generic("POST", book, b"name=x", FORM, HTTP_TRANSFER_ENCODING="chunked")
            refused(answer, 411)
    assert Client().generic("POST", api, b"x", "text/plain").json()["code"] == "unsupported_media_type"


@pytest.mark.django_db
def test_a_file_is_refused_wherever_it_is_sent(settings, tmp_path):
    slot = make_slot()
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    file = SimpleUploadedFile("x.exe", b"x" * 20_000)
    for client, url in (
        (Client(), f"/slots/{slot.pk}/book/"),
        (logged_in(make_superuser()), admin_url(Booking, "add")),
    ):
        assert client.post(url, details(step="confirm", notes=file)).status_code == 400
    assert client.post(reverse("admin:login"), {"username": file}).status_code == 400
    assert not list(tmp_path.iterdir())
    assert not Booking.objects.exists()
    # The control: the same without the file.
    assert Client().post(f"/slots/{slot.pk}/book/", details(step="confirm")).status_code == 302


@pytest.mark.django_db
def test_the_longest_form_that_people_can_fill_in_fits():
    slot = make_slot()
    notes = "🙂" * 2000  # each takes 12 bytes in a form
    body = urlencode(details(step="confirm", notes=notes))
    assert len(body) > 24_000
    assert Client().generic("POST", f"/slots/{slot.pk}/book/", body, FORM).status_code == 302
    assert Booking.objects.get().notes == notes
    fields = "&".join(f"f{n}=1" for n in range(1001))
    assert Client().generic("POST", f"/slots/{slot.pk}/book/", fields, FORM).status_code == 400


def test_a_real_server_answers_before_the_body_has_come(site_with):
    """Whoever announces a gigabyte is answered at once, and a body of unknown length is not read to its end."""
    site, slot = site_with("web"), make_slot()

    def answer(name: str, value: str, first: bytes) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
        connection.putrequest("POST", f"/api/v1/slots/{slot.pk}/book")
        connection.putheader("Content-Type", "application/json")
        connection.putheader(name, value)
        connection.endheaders(first)
        with contextlib.closing(connection):
            return connection.getresponse().status

    assert answer("Content-Length", str(10**9), b"{") == 413
    assert answer("Transfer-Encoding", "chunked", b"5\r\nhello\r\n") == 411
    assert not Booking.objects.exists()
    body = json.dumps(LENA).encode()
    assert answer("Content-Length", str(len(body)), body) == 201, "the control"
