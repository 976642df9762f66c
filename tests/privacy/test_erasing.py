"""After somebody was erased, no row, no key and no kept page knows them."""

import os
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from bookings import services
from bookings.access import rate_limits
from bookings.errors import Busy
from bookings.mail import log
from bookings.models import Booking, Erasure, MailKind, Proof, Proven, Status, WebhookDelivery
from bookings.privacy import erasing, of_addresses, of_bookings
from bookings.privacy.registry import Subject
from bookings.webhooks.attempts import end_attempt
from bookings.webhooks.http_client import Outcome
from tests.cast import book, make_slot, make_webhook
from tests.mail import send_mails
from tests.privacy.planting import (
    EMAIL,
    MARK,
    MARKS,
    ask_without_proof,
    let_erasing_end,
    live_a_life,
    make_house,
    prove_address,
    work,
)
from tests.privacy.searching import columns_with, kept_pages_with, keys_with, tables_with
from tests.receiver import Receiver, say
from tests.staff import make_member

# Where the marker must have been before, so that the search is known to find it.
PLANTED = {
    *(f"bookings_booking.{field}" for field in ("name", "email", "phone", "notes", "reason")),
    *(f"bookings_bookingevent.{field}" for field in ("name", "email", "phone", "reason")),
    *(f"bookings_waitlistentry.{field}" for field in ("name", "email")),
    *(f"bookings_webhookdelivery.{field}" for field in ("payload", "response")),
    "bookings_answer.value",
    "bookings_lookuprequest.email",
    "bookings_notification.to",
    "bookings_proof.email",
    "pghistory_context.metadata",
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
        ask_without_proof(expert)
        work()
        assert prove_address(elsewhere) == "/bookings/data/"
    assert columns_with(MARKS) >= PLANTED
    assert Proven.objects.of(email=EMAIL).exists()
    stored = Booking.objects.count()
    elsewhere.get(f"/experts/{expert.slug}/")
    assert kept_pages_with(expert.name), "there are pages to look at"
    valkey.set(f"{os.environ['REDIS_KEY_PREFIX']}control", f"of {MARK}")
    assert len(keys_with(valkey, MARKS)) == 1, "a key would be found"
    valkey.delete(f"{os.environ['REDIS_KEY_PREFIX']}control")

    erase(elsewhere, organizations=[expert.organization_id])
    let_erasing_end()

    assert tables_with(MARKS) == {}
    assert keys_with(valkey, MARKS) == []
    assert kept_pages_with(MARKS) == 0
    assert not Proven.objects.of(email=EMAIL).exists()
    assert Booking.objects.count() == stored, "what was booked still counts"
    log = list(Erasure.objects.values_list("asked_by", "stage", "address", "organization"))
    assert log == [("person", "done", "", None), ("person", "done", "", expert.organization_id)]
    counts = Erasure.objects.get(organization=expert.organization).counts
    assert (counts["bookings"], counts["cancelled"], counts["waitlist"]) == (9, 4, 1)


def step() -> None:
    """Do the next step of each order that waits, and leave the ones after it."""
    for order in Erasure.objects.unfinished().order_by("pk"):
        erasing.run(erasure_id=order.pk)


def order(slot) -> Erasure:
    house = slot.expert.organization
    [made] = erasing.ask_for_erasure(email=EMAIL, organizations=[house], by=Erasure.By.PERSON)
    return made


@pytest.mark.django_db(transaction=True)
def test_what_is_booked_after_asking_is_neither_lost_nor_half_erased():
    slot = make_slot(capacity=5)
    visitor = "a" * 32
    before = book(slot, email=EMAIL, name="Qzmarker")
    services.hold_slot(slot_id=slot.pk, visitor=visitor)  # its row is from before; its person is not
    order(slot)
    after = book(slot, email=EMAIL, name="Qzmarker", notes="Again")
    held = book(slot, email=EMAIL, name="Qzmarker", visitor=visitor)
    send_mails()
    let_erasing_end()
    assert Booking.objects.get(pk=before.pk).email == ""
    for booking in (after, held):
        row = Booking.objects.get(pk=booking.pk)
        assert (row.status, row.email, row.erased_at) == ("CONFIRMED", EMAIL, None)
        assert row.events.filter(email=EMAIL).exists()
        assert [mail.to for mail in row.notifications.all()] == [EMAIL]
    assert Booking.objects.get(pk=after.pk).notes == "Again"


@pytest.mark.django_db(transaction=True)
def test_what_was_being_booked_while_somebody_asked_is_cancelled_and_erased_as_well():
    slot = make_slot(capacity=3)
    book(slot, email=EMAIL, name="Qzmarker")
    made = order(slot)
    step()  # cancels what it can see
    late = book(slot, email=EMAIL, name="Qzmarker")
    began = made.asked_at - timedelta(seconds=1)  # its transaction
    Booking.objects.filter(pk=late.pk).update(created_at=began)
    late.events.update(pgh_created_at=began)
    step()
    assert Booking.objects.get(pk=late.pk).status == Status.CANCELLED
    let_erasing_end()
    assert tables_with(MARKS) == {}


@pytest.mark.django_db(transaction=True)
def test_what_was_under_way_is_found_by_the_second_look():
    slot = make_slot()
    make_webhook(slot.expert.organization, sends_contacts=True)
    booking = book(slot, email=EMAIL, name="Qzmarker")
    delivery = WebhookDelivery.objects.filter(type="booking.created").get()
    order(slot)
    step()  # cancels
    step()  # erases
    assert set(tables_with(MARKS)) == {"bookings_erasure"}
    # A mail that was handed over and a webhook that was answered when nobody was looking.
    log.begin([log.Delivery("<late@expertbook>", MailKind.CONFIRMED, EMAIL, booking.pk)])
    end_attempt(delivery=delivery, outcome=Outcome(status=500, text=f"Got {MARK}"))
    assert {"bookings_notification", "bookings_webhookdelivery"} <= set(tables_with(MARKS))
    step()
    assert tables_with(MARKS) == {}


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_cut_short_is_begun_again(monkeypatch):
    monkeypatch.setattr(erasing, "BATCH", 1)
    slot = make_slot(capacity=4)
    rows = [book(slot, email=EMAIL, name="Qzmarker") for _ in range(3)]
    made = order(slot)
    step()
    erase_bookings, calls = erasing.erase_bookings, []

    def fails_at_the_second(keys):
        calls.append(keys)
        if len(calls) == 2:
            raise Busy
        return erase_bookings(keys)

    monkeypatch.setattr(erasing, "erase_bookings", fails_at_the_second)
    with pytest.raises(Busy):
        step()
    assert sorted(bool(Booking.objects.get(pk=row.pk).email) for row in rows) == [False, True, True]
    let_erasing_end()
    made.refresh_from_db()
    assert (made.stage, made.counts["bookings"], made.counts["cancelled"]) == ("done", 3, 3)
    assert tables_with(MARKS) == {}


@pytest.mark.django_db(transaction=True)
def test_asking_again_is_one_order_that_takes_what_has_come_since():
    slot = make_slot(capacity=2)
    first = order(slot)
    book(slot, email=EMAIL, name="Qzmarker")
    user = make_member(slot.expert.organization)
    house = [slot.expert.organization]
    [again] = erasing.ask_for_erasure(email=EMAIL, organizations=house, by=Erasure.By.STAFF, user=user)
    assert (again.pk, again.user) == (first.pk, user)
    let_erasing_end()
    assert tables_with(MARKS) == {}
    assert Erasure.objects.get().counts["bookings"] == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (of_bookings.bookings_of, "booking_of_address"),
        (of_bookings.history_of, "booking_event_of_address"),
        (of_bookings.mails_of, "notification_to_address"),
        (of_addresses.waitlist_of, "waitlist_of_address"),
        (lambda subject: of_bookings.deliveries_of(["EB-9FD4-K7TQ"]), "webhook_delivery_of_booking"),
    ],
)
def test_what_belongs_to_an_address_is_found_by_an_index(rows, index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # the tables are empty
    assert index in rows(Subject(EMAIL.lower(), None, timezone.now())).explain()
