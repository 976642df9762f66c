"""Links in e-mails: they open what they should, as often and as long as they should, and only for whoever presses."""

import io
import logging
import secrets
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings import services
from bookings.access import links, proofs
from bookings.models import Booking, LookupLink, LookupRequest, Proof, Status
from tests.bookings.views.test_lookup import assert_nothing_private, shape
from tests.cast import make_booking, make_expert, make_organization, make_slot, move_slot
from tests.concurrency.contention import run_together

pytestmark = pytest.mark.django_db


@pytest.fixture
def booking():
    expert = make_expert(name="Dr Secret Surgeon", organization=make_organization(name="Secret Clinic"))
    return make_booking(make_slot(expert), name="Lena Private", email="lena@example.com")


@pytest.fixture
def lookup_token(booking):
    request = LookupRequest.objects.create(visitor="w" * 32, email="Lena@example.com")
    return links.make_lookup_token(request)[0]


@pytest.fixture
def booking_token(booking):
    return links.booking_token(booking)


def url(token):
    return f"/bookings/link/{token}/"


class TestByButtonOnly:
    def test_a_scanner_that_follows_the_link_uses_nothing_up_and_sees_nothing(
        self, client, lookup_token, booking_token, django_assert_num_queries
    ):
        for token in (lookup_token, booking_token):
            for method in (client.get, client.head, client.get):
                with django_assert_num_queries(0):
                    response = method(url(token))
                assert response.status_code == 200
                assert_nothing_private(response)
        assert not Proof.objects.exists()
        assert client.post(url(lookup_token))["Location"] == "/bookings/"

    def test_the_page_is_the_same_for_real_and_forged_tokens(self, lookup_token, booking_token):
        for real, forged in [(lookup_token, "x" * 43), (booking_token, "EB-4444-4444.x")]:
            pages = [shape(Client().get(url(token)), "EMAIL") for token in (real, forged)]
            assert pages[0][3].replace(real, "") == pages[1][3].replace(forged, "")

    def test_the_address_is_told_to_nobody(self, client, lookup_token):
        for response in (client.get(url(lookup_token)), client.post(url(lookup_token))):
            assert response["Referrer-Policy"] == "strict-origin"
            assert "no-store" in response["Cache-Control"]


class TestLookupLink:
    def test_opens_all_bookings_of_the_address_for_an_hour(self, client, booking, lookup_token):
        other = make_booking(make_slot(), email="LENA@EXAMPLE.COM")
        stranger = make_booking(make_slot(), email="mara@example.com")
        assert client.post(url(lookup_token)).status_code == 303
        context = client.get("/bookings/").context
        assert {row.booking for row in context["coming"]} == {booking, other}
        assert client.get(f"/bookings/{stranger.reference}/").status_code == 404

    def test_never_looks_like_an_offers(self, client, booking, monkeypatch):
        """It is random: one in four thousand would begin as the token of an offer does, and be taken for one."""
        drawn = iter(["W-31w_flylQoSnYPG_A96QkKSe75P1coBvNF5bBBQm8", "EB-31w_flylQoSnYPG_A96QkKSe75P1coBvNF5bBBQ8"])
        monkeypatch.setattr(secrets, "token_urlsafe", lambda _bytes: next(drawn))
        request = LookupRequest.objects.create(visitor="w" * 32, email="Lena@example.com")
        token, _link = links.make_lookup_token(request)
        monkeypatch.undo()
        assert client.post(url(token))["Location"] == "/bookings/"

    def test_works_once(self, client, lookup_token):
        client.post(url(lookup_token))
        again = Client().post(url(lookup_token))
        assert again.status_code == 410
        assert_nothing_private(again)
        assert "Get a new link" in again.content.decode()
        assert Proof.objects.count() == 1

    def test_a_double_click_is_one_click(self, client, lookup_token):
        client.get(url(lookup_token))
        assert [client.post(url(lookup_token)).status_code for _ in range(2)] == [303, 303]
        Proof.objects.update(expires_at=timezone.now())
        assert client.post(url(lookup_token)).status_code == 410, "the link itself is used up"

    def test_works_for_20_minutes(self, client, lookup_token):
        LookupLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        response = client.post(url(lookup_token))
        assert response.status_code == 410
        assert_nothing_private(response)
        assert not Proof.objects.exists()

    def test_the_database_does_not_hold_the_token(self, lookup_token):
        [row] = LookupLink.objects.values()
        assert lookup_token not in str(row)

    def test_a_failure_does_not_use_it_up(self, lookup_token, monkeypatch):
        def fails(**values):
            raise RuntimeError

        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(proofs, "prove_address", fails)
            proofs.open_link(visitor="v" * 32, token=lookup_token)
        assert proofs.open_link(visitor="v" * 32, token=lookup_token) is None

    @pytest.mark.parametrize("forged", ["x", "x" * 43, "x" * 3000, "%00", "ü", "' OR 1=1", "..", "-"])
    def test_forged(self, client, booking, forged):
        response = client.post(f"/bookings/link/{forged}/")
        assert response.status_code == 404
        assert_nothing_private(response)
        assert not Proof.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_use_one_link_at_once_exactly_one_wins(booking, lookup_token):
    clients = [Client() for _ in range(12)]
    statuses = run_together(lambda n: clients[n].post(url(lookup_token)).status_code, count=12)
    assert sorted(statuses) == [303] + [410] * 11
    assert Proof.objects.count() == 1


class TestBookingLink:
    def test_opens_that_booking_only_and_any_number_of_times(self, booking, booking_token):
        other = make_booking(make_slot(), email=booking.email)
        for client in (Client(), Client()):
            for _ in range(2):
                response = client.post(url(booking_token))
                assert (response.status_code, response["Location"]) == (303, f"/bookings/{booking.reference}/")
            assert client.get(response["Location"]).status_code == 200
            assert client.get(f"/bookings/{other.reference}/").status_code == 404
        assert set(Proof.objects.values_list("email", flat=True)) == {""}

    def test_works_until_30_days_after_the_session(self, client, booking, booking_token):
        end = timezone.now() - timedelta(days=30)
        move_slot(booking.slot, end - timedelta(minutes=30), end + timedelta(minutes=1))
        assert client.post(url(booking_token)).status_code == 303
        move_slot(booking.slot, end - timedelta(minutes=30), end - timedelta(minutes=1))
        response = Client().post(url(booking_token))
        assert response.status_code == 410
        assert_nothing_private(response)

    def test_follows_a_booking_that_was_moved(self, client, booking, booking_token):
        Booking.objects.update(slot=make_slot(booking.slot.expert, at="16:00"))
        assert client.post(url(booking_token)).status_code == 303

    @pytest.mark.parametrize(
        "forge",
        [
            lambda token, other: token[:-1] + ("A" if token[-1] != "A" else "B"),
            lambda token, other: token.partition(".")[0] + ".",
            lambda token, other: token.partition(".")[0] + ".:",
            lambda token, other: f"{other.reference}.{token.partition('.')[2]}",
            lambda token, other: f".{token.partition('.')[2]}",
            lambda token, other: f"%00.{token.partition('.')[2]}",
            lambda token, other: f"{token}.{token}",
        ],
    )
    def test_forged(self, client, booking_token, forge):
        other = make_booking(make_slot(), name="Lena Private")
        response = client.post(url(forge(booking_token, other)))
        assert response.status_code == 404
        assert_nothing_private(response)
        assert not Proof.objects.exists()

    def test_says_the_same_whether_or_not_a_forged_one_names_a_booking(self, booking):
        pages = [
            shape(Client().post(url(f"{reference}.x")), "EMAIL")[3].replace(reference, "")
            for reference in (booking.reference, "EB-4444-4444")
        ]
        assert pages[0] == pages[1]

    def test_opens_nothing_when_the_address_it_was_sent_to_was_wrong(self, client, booking, booking_token):
        Booking.objects.update(email="lena.fischer@example.com")
        assert client.post(url(booking_token)).status_code == 404

    def test_what_it_opened_closes_when_the_address_it_was_sent_to_was_wrong(self, client, booking, booking_token):
        client.post(url(booking_token))
        page = f"/bookings/{booking.reference}/"
        assert client.get(page).status_code == 200
        change = {"booking_id": booking.pk, "name": booking.name, "phone": "", "notes": ""}
        services.change_details(email=booking.email.upper(), **change)
        assert client.get(page).status_code == 200
        services.change_details(email="right@example.com", **change)
        assert client.get(page).status_code == 404

    def test_does_not_mind_a_change_of_case(self, client, booking, booking_token):
        Booking.objects.update(email="Lena@Example.com")
        assert client.post(url(booking_token)).status_code == 303

    def test_opens_no_hold(self, client, booking, booking_token):
        Booking.objects.update(status=Status.HELD, expires_at=timezone.now() + timedelta(minutes=5))
        assert client.post(url(booking_token)).status_code == 404

    def test_is_bound_to_the_secret_of_the_installation(self, client, booking_token, settings):
        settings.SECRET_KEY = "another-secret-" * 5
        assert client.post(url(booking_token)).status_code == 404


class TestLogs:
    @pytest.fixture
    def log(self):
        """What our own logging writes, at every level."""
        [handler] = [h for h in logging.getLogger().handlers if type(h.formatter).__name__ == "TokenlessFormatter"]
        stream = io.StringIO()
        logger, level, before = (
            logging.getLogger("django"),
            logging.getLogger("django").level,
            handler.setStream(stream),
        )
        logger.setLevel(logging.DEBUG)
        yield stream
        logger.setLevel(level)
        handler.setStream(before)

    def test_hold_no_tokens(self, log, lookup_token, booking_token):
        careful = Client(enforce_csrf_checks=True)
        for token in (lookup_token, booking_token):
            assert careful.post(url(token)).status_code == 403  # logged with its path, and the token still works
            assert Client().put(url(token)).status_code == 405
        Client().post(url("forged-token-1"))
        assert "/bookings/link/…/" in log.getvalue()
        for token in (lookup_token, booking_token, "forged-token-1"):
            assert token not in log.getvalue()

    def test_nor_do_tracebacks(self, log):
        try:
            raise ValueError("GET /bookings/link/abc/?x=1 failed")
        except ValueError:
            logging.getLogger("django.request").exception("Error at /bookings/link/abc/")
        assert log.getvalue().count("/bookings/link/…/") >= 2
        assert "abc" not in log.getvalue().replace('link/abc/?x=1 failed")', "")

    def test_django_has_no_handlers_of_its_own_that_would_print_them(self):
        assert logging.getLogger("django").handlers == []
