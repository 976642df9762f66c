"""Limits on booking requests: on by default, per visitor and per address, and no obstacle when Valkey is down."""

import pytest
from django.test import Client

from bookings.access import rate_limits
from bookings.access.process_counts import ProcessCounts
from bookings.access.visitor import client_address
from bookings.errors import TooMany
from bookings.models import Booking, TurnedAway
from tests.cast import details, make_booking, make_expert, make_organization, make_slot
from tests.private_valkey import PrivateValkey

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("limits_on")]


def test_a_visitor_who_tries_too_often_has_to_wait(client):
    slot = make_slot(make_expert(organization=make_organization(proof="never")), capacity=30)
    for n in range(10):
        assert client.post(f"/slots/{slot.pk}/book/", details(step="confirm", key=f"k{n}")).status_code == 302
    response = client.post(f"/slots/{slot.pk}/book/", details(step="confirm", key="k10", notes="Kept"))
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 61
    assert "Kept" in response.content.decode()
    assert Booking.objects.count() == 10


def test_an_address_has_a_limit_of_its_own():
    for n in range(60):
        rate_limits.check_booking_limits(visitor=f"visitor {n}", address="203.0.113.1")
    with pytest.raises(TooMany):
        rate_limits.check_booking_limits(visitor="another", address="203.0.113.1")
    rate_limits.check_booking_limits(visitor="another", address="203.0.113.2")


def test_what_one_limit_refuses_counts_for_no_other():
    for n in range(60):
        rate_limits.check_booking_limits(visitor=f"visitor {n}", address="203.0.113.1")
    for _ in range(10):
        with pytest.raises(TooMany):
            rate_limits.check_booking_limits(visitor="another", address="203.0.113.1")
    rate_limits.check_booking_limits(visitor="another", address="203.0.113.2")


def test_the_setting_turns_them_off(settings):
    settings.RATE_LIMITS = False
    for _ in range(100):
        rate_limits.check_booking_limits(visitor="v", address="a")


class TestChangesOfABooking:
    """Cancelling and moving count together, and not as booking."""

    @pytest.fixture
    def booking(self, client):
        client.get("/bookings/link/x/")  # gives an identity
        return make_booking(make_slot(), holder=client.cookies["visitor"].value.split(":")[0])

    @pytest.mark.parametrize("headers", [{}, {"HX-Request": "true", "HX-Request-Type": "partial"}])
    def test_too_many_in_a_short_time(self, client, booking, headers):
        url = f"/bookings/{booking.reference}"
        other = make_slot(booking.slot.expert, at="11:00").pk
        for action in ("cancel", "reschedule") * 10:
            assert client.post(f"{url}/{action}/", {"slot": other, "sequence": "9"}).status_code == 409
        for action, kept in (("cancel", "Keep booking"), ("reschedule", "Move to another time")):
            fields = {"slot": other, "sequence": "0", "reason": "plans"}
            response = client.post(f"{url}/{action}/", fields, headers=headers)
            assert response.status_code == 429
            assert 1 <= int(response["Retry-After"]) <= 3601
            body = response.content.decode()
            assert "You have tried very often" in body
            assert kept in body, "the same may be sent again"
        assert Booking.objects.get().status == "CONFIRMED"
        assert client.get(f"{url}/").status_code == 200

    def test_nobodys_mailbox_is_flooded_by_moving_to_and_fro(self):
        for n in range(20):
            rate_limits.check_change_limits(visitor=f"v{n}", address=f"203.0.113.{n}", booking_id=7)
        with pytest.raises(TooMany):
            rate_limits.check_change_limits(visitor="another", address="203.0.113.99", booking_id=7)
        rate_limits.check_change_limits(visitor="another", address="203.0.113.99", booking_id=8)

    def test_an_address_that_tries_many(self):
        for n in range(60):
            rate_limits.check_change_limits(visitor=f"v{n}", address="203.0.113.1", booking_id=n)
        with pytest.raises(TooMany):
            rate_limits.check_change_limits(visitor="another", address="203.0.113.1", booking_id=99)

    def test_strangers_learn_nothing_from_them(self, booking):
        stranger = Client()
        stranger.get("/bookings/link/x/")
        for _ in range(25):
            assert stranger.post(f"/bookings/{booking.reference}/cancel/", {"sequence": 0}).status_code == 404


def test_who_opens_a_full_slot_often_wants_it_once(client):
    slot = make_slot()
    make_booking(slot)
    for _ in range(5):
        client.get(f"/slots/{slot.pk}/book/")
        client.head(f"/slots/{slot.pk}/book/")
    assert TurnedAway.objects.count() == 1


class TestWithoutValkey:
    @pytest.fixture
    def private_valkey(self, settings, tmp_path, monkeypatch):
        """One that the site counts in, and that stops."""
        server = PrivateValkey(tmp_path)
        settings.REDIS_URL = server.url
        monkeypatch.setattr(rate_limits, "_own_counts", ProcessCounts())
        yield server
        server.stop()

    def test_booking_goes_on_and_a_flood_is_stopped_all_the_same(self, client, private_valkey):
        slot = make_slot(make_expert(organization=make_organization(proof="never")), capacity=40)
        url = f"/slots/{slot.pk}/book/"
        assert client.post(url, details(step="confirm", key="before")).status_code == 302
        private_valkey.stop()
        statuses = [client.post(url, details(step="confirm", key=f"k{n}")).status_code for n in range(15)]
        assert statuses == [302] * 10 + [429] * 5
        for n in range(60):  # new identities of one address, which still has 50 of 60
            Client().post(url, details(step="confirm", key=f"x{n}", email=f"{n}@example.com"))
        assert Booking.objects.count() == 1 + 10 + 29, "the slot is full, and nobody was refused for long"
        assert Client().post(url, details(step="confirm", key="y")).status_code == 429
        elsewhere = Client(REMOTE_ADDR="198.51.100.1")
        assert elsewhere.post(url, details(step="confirm", key="z", email="z@example.com")).status_code == 409
        private_valkey.start()
        assert client.post(url, details(step="confirm", key="after")).status_code == 409, "counted there again"

    def test_memory_is_bounded_and_windows_end(self):
        counts = ProcessCounts(most_keys=3)
        assert [counts.count([("a", 2, 60)]) for _ in range(3)][:2] == [0, 0]
        assert 0 < counts.count([("a", 2, 60), ("b", 9, 60)]) <= 61
        assert list(counts._counts) == ["a"], "what is refused counts for nothing else"
        for key in "bcd":
            counts.count([(key, 9, 60)])
        assert list(counts._counts) == ["b", "c", "d"]
        assert counts.count([("e", 1, 0)]) == counts.count([("e", 1, 0)]) == 0


class TestAddress:
    def address(self, rf, settings, remote, forwarded="", trusted=()):
        settings.TRUSTED_PROXIES = list(trusted)
        return client_address(rf.get("/", REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR=forwarded))

    def test_nobody_can_choose_an_address(self, rf, settings):
        assert self.address(rf, settings, "203.0.113.9", "10.0.0.1") == "203.0.113.9"

    def test_through_trusted_proxies_only(self, rf, settings):
        chain = "6.6.6.6, 198.51.100.7, 10.0.0.2"
        assert self.address(rf, settings, "10.0.0.1", chain, ["10.0.0.0/8"]) == "198.51.100.7"

    def test_ipv6_counts_by_household(self, rf, settings):
        assert self.address(rf, settings, "2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64"

    def test_ipv4_in_the_clothes_of_ipv6_is_ipv4(self, rf, settings):
        assert self.address(rf, settings, "::ffff:203.0.113.9") == "203.0.113.9"
        assert self.address(rf, settings, "::ffff:10.0.0.1", "198.51.100.7", ["10.0.0.0/8"]) == "198.51.100.7"

    def test_nonsense(self, rf, settings):
        assert self.address(rf, settings, "10.0.0.1", "<script>", ["10.0.0.0/8"]) == "unknown"
