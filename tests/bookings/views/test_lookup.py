"""Looking bookings up: what is answered never tells whether an address or a reference is known."""

import json
import logging
import re
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services, tasks
from bookings.access import proofs, rate_limits
from bookings.models import Booking, Idempotency, LookupLink, LookupRequest, MailAllowance, Notification, Proof, Status
from bookings.services import cleanup
from tests.cast import book, fresh, join_line, make_booking, make_expert, make_organization, make_slot, move_slot
from tests.jobs import arguments_of

pytestmark = pytest.mark.django_db
KNOWN, UNKNOWN = "lena@example.com", "none@example.com"  # of one length: it is in a header


@pytest.fixture
def booking():
    expert = make_expert(name="Dr Secret Surgeon", organization=make_organization(name="Secret Clinic"))
    return make_booking(make_slot(expert), name="Lena Private", email="Lena@Example.com", notes="Very private")


def ask(client, email=KNOWN, **values):
    return client.post("/bookings/", {"email": email} | values)


def work():
    """Do the look-up jobs that wait, as the worker would, and forget them."""
    jobs = ProcrastinateJob.objects.filter(task_name__endswith="send_lookup_link", status="todo")
    arguments = list(jobs.order_by("id").values_list("args", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    for given in arguments:
        tasks.send_lookup_link(**arguments_of(given))
    return len(arguments)


def token_in(message) -> str:
    return re.search(r"/bookings/link/([^/\s]+)/", message.body)[1]


def shape(response, email) -> tuple:
    """An answer without what differs for every request and every address."""
    body = response.content.decode().replace(email, "EMAIL")
    body = re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken":")[^"]+', r"\1TOKEN", body)
    cookies = {name: morsel.OutputString().replace(morsel.coded_value, "") for name, morsel in response.cookies.items()}
    cookies = {name: re.sub("expires=[^;]+", "", text) for name, text in cookies.items()}
    headers = {name: value for name, value in response.headers.items() if name not in ("Expires", "X-Request-ID")}
    return response.status_code, headers, cookies, body


def statements(captured) -> list[str]:
    """The statements, without their values: numbers, texts and the names of savepoints."""
    return [
        re.sub(r"s\d+_x\d+", "S", re.sub(r"'(?:[^']|'')*'|\b\d+\b", "?", query["sql"]))
        for query in captured.captured_queries
    ]


def assert_nothing_private(response):
    body = response.content.decode()
    for private in ("Lena", "Private", "Secret", "Very private"):
        assert private not in body
    assert "example.com" not in body.replace("name@example.com", "").replace(UNKNOWN, "")


class TestTheSameAnswer:
    def asked(self, email):
        client = Client()
        client.get("/bookings/")
        with CaptureQueriesContext(connection) as queries:
            sent = ask(client, email)
            page = client.get(sent["Location"])
        jobs = ProcrastinateJob.objects.count()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")
        return shape(sent, email), shape(page, email), statements(queries), jobs

    def test_for_known_and_unknown_addresses(self, booking):
        known, unknown = self.asked(KNOWN), self.asked(UNKNOWN)
        assert known == unknown
        sent, page, queries, jobs = known
        assert (sent[0], page[0], jobs) == (303, 200, 1)
        assert "If <strong" in page[3]
        assert any('INSERT INTO "bookings_lookuprequest"' in query for query in queries)
        assert not any("bookings_booking" in query for query in queries), "only the worker looks"

    def test_the_control_tells_them_apart(self, booking):
        """The comparison above sees a difference of one statement, and of one letter of the page."""
        client = Client()
        with CaptureQueriesContext(connection) as one:
            Booking.objects.of_address(KNOWN).exists()
        with CaptureQueriesContext(connection) as other:
            Booking.objects.of_address(UNKNOWN).count()
        assert statements(one) != statements(other)
        assert shape(client.get("/bookings/"), KNOWN) != shape(client.get("/"), KNOWN)

    def test_asking_too_often_is_answered_the_same_but_no_mail_goes_out(self, booking, client, settings):
        answers = {str(shape(client.get(ask(client)["Location"]), KNOWN)) for _ in range(5)}
        assert len(answers) == 1
        settings.RATE_LIMITS = True  # of mails; how often one may ask is another limit
        assert work() == 5
        assert len(mail.outbox) == 3
        MailAllowance.objects.update(ends_at=timezone.now())
        ask(client)
        work()
        assert len(mail.outbox) == 4

    def test_the_address_is_in_no_url(self, client):
        sent = ask(client)
        assert "lena" not in sent["Location"]

    def test_only_the_browser_that_typed_it_is_told_the_address(self, client):
        ask(client)
        assert KNOWN in client.get("/bookings/?sent=1").content.decode()
        assert KNOWN not in Client().get("/bookings/?sent=1").content.decode()

    def test_a_reload_sends_nothing_again(self, client):
        page = ask(client)["Location"]
        client.get(page)
        client.get(page)
        assert ProcrastinateJob.objects.count() == 1


@pytest.mark.parametrize("path", ["/bookings/", "/bookings/data/"])
def test_a_slip_in_the_address_is_asked_about_once(client, path):
    """Whoever mistypes it waits for a mail that goes to somebody else."""
    page = client.post(path, {"email": "lena@gmial.com"})
    assert page.status_code == 200
    body = page.content.decode()
    assert "Did you mean lena@gmail.com?" in body
    assert work() == 0
    sent = {"email": "lena@gmial.com", "asked": page.context["form"]["asked"].value()}
    assert client.post(path, sent).status_code == 303
    assert LookupRequest.objects.latest("pk").email == "lena@gmial.com"
    assert client.post(path, sent | {"meant": "lena@gmail.com"}).status_code == 303
    assert LookupRequest.objects.latest("pk").email == "lena@gmail.com"


class TestTheWorker:
    def test_sends_a_link_to_a_known_address(self, booking, client):
        ask(client, "LENA@example.com")
        work()
        [message] = mail.outbox
        assert message.to == ["LENA@example.com"]
        link = LookupLink.objects.get()
        assert token_in(message) not in (link.token_hash, str(link.pk))
        assert timedelta(minutes=19) < link.expires_at - timezone.now() <= timedelta(minutes=20)

    def test_sends_nothing_to_an_unknown_one(self, booking, client):
        ask(client, UNKNOWN)
        work()
        assert mail.outbox == []
        assert not LookupLink.objects.exists()

    def test_holds_do_not_make_an_address_known(self, client):
        make_booking(make_slot(), status=Status.HELD, email=KNOWN)
        ask(client)
        work()
        assert mail.outbox == []

    def test_a_retry_sends_a_link_that_works_and_does_not_count_as_another_request(self, booking, client, settings):
        for _ in range(3):
            ask(client)
        settings.RATE_LIMITS = True
        request_ids = list(LookupRequest.objects.values_list("pk", flat=True))
        for request_id in request_ids:
            tasks.send_lookup_link(request_id=request_id)
        Notification.objects.filter(message_id__startswith=f"<lookup.{request_ids[-1]}@").update(status="failed")
        tasks.send_lookup_link(request_id=request_ids[-1])
        assert len(mail.outbox) == 4
        assert mail.outbox[3].extra_headers["Message-ID"] == mail.outbox[2].extra_headers["Message-ID"]
        assert client.post(f"/bookings/link/{token_in(mail.outbox[3])}/")["Location"] == "/bookings/"

    def test_nothing_is_queued_when_the_request_is_rolled_back(self, client, monkeypatch):
        monkeypatch.setattr(LookupRequest.objects, "create", _fails)
        with pytest.raises(RuntimeError):
            proofs.request_link(visitor="v" * 32, email=KNOWN)
        assert not ProcrastinateJob.objects.exists()

    def test_a_job_without_its_request_does_nothing(self):
        tasks.send_lookup_link(request_id=1)
        assert mail.outbox == []


def _fails(*args, **kwargs):
    raise RuntimeError


class TestByReference:
    def test_reference_and_address_open_that_booking_only(self, booking, client):
        other = make_booking(make_slot(), email=KNOWN)
        typed = booking.reference.lower().replace("-", " ")
        response = ask(client, "lena@EXAMPLE.com", reference=typed)
        assert (response.status_code, response["Location"]) == (303, f"/bookings/{booking.reference}/")
        assert client.get(response["Location"]).status_code == 200
        assert client.get(f"/bookings/{other.reference}/").status_code == 404
        assert not ProcrastinateJob.objects.exists()

    def test_what_is_wrong_is_not_told(self, booking, client):
        wrong = [
            ask(client, UNKNOWN, reference=booking.reference),
            ask(client, KNOWN, reference="EB-4444-4444"),
            ask(client, UNKNOWN, reference="EB-4444-4444"),
        ]
        assert {response.status_code for response in wrong} == {422}
        bodies = {
            shape(response, "EMAIL")[3]
            .replace(KNOWN, "EMAIL")
            .replace(UNKNOWN, "EMAIL")
            .replace(booking.reference, "REFERENCE")
            .replace("EB-4444-4444", "REFERENCE")
            for response in wrong
        }
        assert len(bodies) == 1
        assert "We found no booking with this reference and email" in bodies.pop()
        assert not Proof.objects.exists()
        for response in wrong:
            assert "Secret" not in response.content.decode()

    def test_typing_mistakes_are_explained(self, client):
        cases = [
            ("not an address", {}, "Enter an address like name@example.com."),
            ("", {}, "Enter the email address you booked with."),
            (KNOWN, {"reference": "EB-1"}, "A reference looks like EB-9FD4-K7TQ."),
            (KNOWN, {"by": "reference"}, "Enter the reference of your booking."),
            (KNOWN, {"reference": "EB\x00"}, "Null characters are not allowed."),
            ("lena\x00@example.com", {}, "Enter an address like name@example.com."),
        ]
        for email, values, text in cases:
            response = ask(client, email, **values)
            assert response.status_code == 422
            assert text in response.content.decode()
        assert not LookupRequest.objects.exists()

    def test_30_days_after_the_session_only_the_mail_opens_it(self, booking, client):
        past = timezone.now() - timedelta(days=30, minutes=1)
        move_slot(booking.slot, past - timedelta(minutes=30), past)
        assert ask(client, reference=booking.reference).status_code == 422


class TestLimits:
    def test_a_visitor_who_guesses_has_to_wait(self, client, booking, limits_on):
        client.post("/bookings/", {"email": KNOWN})  # from now on it has an identity
        answers = [ask(client, reference="EB-4444-4444").status_code for _ in range(10)]
        assert answers == [422] * 9 + [429]
        response = ask(client, reference=booking.reference)
        assert response.status_code == 429
        assert 1 <= int(response["Retry-After"]) <= 61
        assert "try again" in response.content.decode()
        assert not Proof.objects.exists()

    def test_new_cookies_do_not_help(self, booking, limits_on):
        answers = [ask(Client(), reference="EB-4444-4444").status_code for _ in range(31)]
        assert answers == [422] * 30 + [429]

    def test_booking_and_looking_up_are_counted_apart(self, limits_on):
        for _ in range(10):
            rate_limits.check_booking_limits(visitor="v", address="a")
        rate_limits.check_lookup_limits(visitor="v", address="a")


class TestMyBookings:
    def test_the_browser_that_booked_sees_its_bookings_at_once(self, client):
        client.get("/bookings/?find=1")
        client.post("/bookings/", {"email": UNKNOWN})
        visitor = client.cookies["visitor"].value.split(":")[0]
        booking = book(make_slot(), visitor=visitor)
        body = client.get("/bookings/").content.decode()
        assert f'href="/bookings/{booking.reference}/"' in body
        assert 'href="/bookings/?find=1"' in body
        assert "closes itself" not in body

    def test_with_nothing_to_see_it_is_the_look_up(self, client):
        assert "Find your bookings" in client.get("/bookings/").content.decode()

    def test_the_look_up_can_be_reached_with_bookings(self, client, booking):
        ask(client, reference=booking.reference)
        assert "Dr Secret Surgeon" in client.get("/bookings/").content.decode()
        assert "Email me a link" in client.get("/bookings/?find=1").content.decode()

    def test_after_an_address_proof_the_page_says_when_it_closes_and_does(self, client, booking):
        ask(client)
        work()
        client.post(f"/bookings/link/{token_in(mail.outbox[0])}/")
        page = client.get("/bookings/")
        assert "This page closes itself after 60 minutes" in page.content.decode()
        assert KNOWN in page.content.decode()
        seconds, _, url = page["Refresh"].partition("; url=")
        assert 3590 < int(seconds) <= 3601
        assert url == "/bookings/"
        assert client.get(f"/bookings/{booking.reference}/")["Refresh"]
        Proof.objects.update(expires_at=timezone.now())
        closed = client.get("/bookings/")
        assert_nothing_private(closed)
        assert "Refresh" not in closed

    def test_pages_with_bookings_are_kept_nowhere(self, client, booking):
        ask(client, reference=booking.reference)
        for url in ("/bookings/", f"/bookings/{booking.reference}/"):
            assert "no-store" in client.get(url)["Cache-Control"]

    def test_a_fragment_for_the_page_that_is_open(self, client, booking):
        partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
        ask(client, reference=booking.reference)
        body = client.get("/bookings/", headers=partial).content.decode()
        assert 'data-resync hx-get="/bookings/"' in body
        assert "<html" not in body
        Proof.objects.all().delete()
        closed = client.get("/bookings/", headers=partial)
        assert (closed.status_code, closed["HX-Redirect"], closed.content) == (204, "/bookings/", b"")

    @pytest.mark.parametrize("bookings", [1, 3])
    def test_a_constant_number_of_queries(self, client, django_assert_num_queries, bookings):
        for _ in range(bookings):
            make_booking(make_slot(), email=KNOWN)
            make_booking(make_slot(), email=KNOWN, status=Status.CANCELLED)
        ask(client)
        work()
        client.post(f"/bookings/link/{token_in(mail.outbox[0])}/")
        with django_assert_num_queries(6):  # awaiting a link, coming, waiting, earlier, proofs, key
            context = client.get("/bookings/").context
        assert (len(context["coming"]), len(context["earlier"])) == (bookings, bookings)


class TestSignOut:
    def test_forgets_bookings_and_proofs(self, client, booking):
        ask(client, reference=booking.reference)
        visitor = client.cookies["visitor"].value.split(":")[0]
        own = book(make_slot(), visitor=visitor)
        cookie = client.cookies["visitor"].value
        response = client.post("/bookings/sign-out/")
        assert (response.status_code, response["Location"]) == (303, "/bookings/?signed-out=1")
        assert response.cookies["visitor"]["max-age"] == 0
        page = client.get(response["Location"])
        assert "signed out" in page.content.decode()
        assert_nothing_private(page)
        # Not even with a copy of the cookie.
        client.cookies["visitor"] = cookie
        for reference in (booking.reference, own.reference):
            assert client.get(f"/bookings/{reference}/").status_code == 404

    def test_releases_running_holds_and_serves_who_waits(self, client):
        slots = [make_slot() for _ in range(2)]
        for slot in slots:
            client.post(f"/slots/{slot.pk}/hold/")
        waiting = join_line(slots[0], name="Mara", email="mara@example.com", visitor="m" * 32)
        client.post("/bookings/sign-out/")
        waiting.refresh_from_db()
        assert waiting.has_running_offer
        assert fresh(slots[1]).state == "open"
        assert not Booking.objects.filter(status=Status.HELD, offer=None).exists()

    def test_touches_nobody_elses_hold(self, client):
        slot = make_slot()
        client.post(f"/slots/{make_slot().pk}/hold/")
        services.hold_slot(slot_id=slot.pk, visitor="v" * 32)
        client.post("/bookings/sign-out/")
        assert fresh(slot).state == "held"

    def test_takes_a_form(self, client):
        assert client.get("/bookings/sign-out/").status_code == 405

    def test_without_an_identity_it_is_no_error(self, client):
        assert client.post("/bookings/sign-out/").status_code == 303

    def test_touches_nobody_else(self, client, booking):
        Booking.objects.update(holder="v" * 32)
        ask(client, reference=booking.reference)
        client.post("/bookings/sign-out/")
        assert Booking.objects.proven_to("v" * 32).get() == booking


class TestNothingLeaks:
    def test_logs_and_jobs_hold_no_address(self, client, booking, caplog, settings):
        caplog.set_level(logging.DEBUG)
        # As in production: Django logs statements with their values only for its own debugging.
        logging.getLogger("django.db.backends").setLevel(logging.INFO)
        ask(client)
        ask(client, reference=booking.reference)
        jobs = json.dumps(list(ProcrastinateJob.objects.values("args", "task_name", "lock", "queueing_lock")))
        work()
        client.post(f"/bookings/link/{token_in(mail.outbox[0])}/")
        client.get("/bookings/")
        client.get(f"/bookings/{booking.reference}/")
        assert caplog.records, "there is something to look at"
        for text in (caplog.text, jobs):
            assert "lena" not in text.lower()
            assert "example.com" not in text
        assert '"request_id"' in jobs

    def test_a_mail_server_that_repeats_the_address_is_not_quoted(self, client, booking, monkeypatch):
        def refuses(self, messages):
            raise OSError("550 <lena@example.com> unknown")

        monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuses)
        ask(client)
        with pytest.raises(Exception, match="OSError") as caught:
            work()
        assert "lena" not in str(caught.getrepr(style="native", chain=True, showlocals=False)).lower()
        assert "lena" not in str(caught.value)


class TestHousekeeping:
    def test_deletes_what_is_no_longer_needed(self, client, booking):
        ask(client)
        ask(client, reference=booking.reference)
        work()
        book(make_slot(), idempotency_key="k1")
        assert set(cleanup.delete_old().values()) == {0}
        now = timezone.now()
        LookupRequest.objects.update(created_at=now - timedelta(hours=25))
        Proof.objects.update(expires_at=now - timedelta(seconds=1))
        Idempotency.objects.update(created_at=now - timedelta(days=7, seconds=1))
        Notification.objects.update(created_at=now - timedelta(days=180, seconds=1))
        tasks.tidy_up(timestamp=0)
        for model in (LookupRequest, LookupLink, Proof, Idempotency, Notification):
            assert not model.objects.exists()
        assert Booking.objects.count() == 2
