"""After somebody was erased, no row, no key and no kept page knows them."""

import pytest
from django.test import Client

from bookings.access import rate_limits
from bookings.models import Booking, Erasure, Proof
from experts.page_cache import PAGES
from tests.privacy.planting import EMAIL, MARK, let_erasing_end, live_a_life, make_house, prove_address, work
from tests.privacy.searching import kept_pages_with, keys_with, tables_with
from tests.receiver import Receiver, say

# Where the marker must have been before, so that the search is known to find it.
PLANTED = {
    "bookings_booking",
    "bookings_bookingevent",
    "bookings_lookuprequest",
    "bookings_notification",
    "bookings_proof",
    "bookings_waitlistentry",
    "bookings_webhookdelivery",
}


@pytest.fixture
def _as_in_production(settings):
    settings.RATE_LIMITS = settings.WEBHOOKS_ALLOW_PRIVATE = True
    rate_limits._script.cache_clear()
    yield
    rate_limits._script.cache_clear()


def erase(browser, **values) -> None:
    """Erase what belongs to the address that the browser has just proven."""
    proof = Proof.objects.get(visitor=browser.cookies["visitor"].value.split(":")[0], email=EMAIL.lower())
    answer = browser.post(f"/bookings/data/{proof.pk}/erase/", {"agree": "on"} | values)
    assert (answer.status_code, answer["Location"]) == (303, "/bookings/data/?asked=1")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_as_in_production")
def test_nothing_is_left_of_a_person_anywhere(settings, valkey):
    browser, elsewhere = Client(), Client()

    def echo(handler, done) -> None:
        """Fails, and says again what it was sent."""
        say(500, receiver.received[-1].body.decode())(handler, done)

    with Receiver(echo) as receiver:
        expert, owner = make_house(receiver.url)
        live_a_life(expert, owner, browser, settings)
        work()
        assert prove_address(elsewhere) == "/bookings/data/"
    before = tables_with(MARK)
    assert set(before) >= PLANTED
    stored = Booking.objects.count()
    elsewhere.get(f"/experts/{expert.slug}/")
    assert PAGES._pages, "there are pages to look at"

    erase(elsewhere, organizations=[expert.organization_id])
    let_erasing_end()

    assert tables_with(MARK) == {}
    assert keys_with(valkey, MARK) == []
    assert kept_pages_with(MARK) == 0
    assert Booking.objects.count() == stored, "what was booked still counts"
    log = list(Erasure.objects.values_list("asked_by", "stage", "address", "organization"))
    assert log == [("person", "done", "", None), ("person", "done", "", expert.organization_id)]
    counts = Erasure.objects.get(organization=expert.organization).counts
    assert (counts["bookings"], counts["cancelled"], counts["waitlist"]) == (5, 2, 1)
