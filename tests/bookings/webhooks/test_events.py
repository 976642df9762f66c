"""Which events an organisation is told of: each with its change, in the same transaction, and to nobody else."""

import random
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services
from bookings.errors import SlotTaken
from bookings.models import Booking, Status, WebhookDelivery, WebhookEndpoint
from bookings.services import new_booking
from bookings.webhooks import endpoints, events
from experts import services as slot_services
from experts.models import Slot
from tests.bookings.life import World
from tests.cast import book, day_ahead, make_booking, make_expert, make_organization, make_slot, make_webhook

pytestmark = pytest.mark.django_db


def told() -> list[str]:
    """What was queued since the last time, in order."""
    types = list(WebhookDelivery.objects.order_by("pk").values_list("type", flat=True))
    WebhookDelivery.objects.all().delete()
    return types


@pytest.fixture
def expert():
    expert = make_expert()
    make_webhook(expert.organization)
    return expert


def test_the_life_of_a_confirmed_booking(expert):
    slot, other = make_slot(expert, capacity=2), make_slot(expert, at="15:00", capacity=2)
    booking = book(slot)
    assert told() == ["booking.created", "booking.confirmed"]
    services.reschedule(booking_id=booking.pk, slot_id=other.pk, by_customer=True)
    assert told() == ["booking.rescheduled"]
    services.cancel(booking_id=booking.pk, by_customer=True)
    assert told() == ["booking.cancelled"]


def test_the_lives_of_requests():
    expert = make_expert(requires_approval=True)
    make_webhook(expert.organization)
    approved, rejected, late = (book(make_slot(expert, day=day_ahead(2 + n), capacity=2)) for n in range(3))
    assert told() == ["booking.created"] * 3
    services.approve(booking_id=approved.pk)
    assert told() == ["booking.confirmed"]
    services.reject(booking_id=rejected.pk)
    assert told() == ["booking.rejected"]
    Booking.objects.filter(pk=late.pk).update(expires_at=timezone.now())
    services.expire(booking_id=late.pk)
    assert told() == ["booking.expired"]


def test_what_became_of_a_session(expert):
    slot = make_slot(expert, starts_at=timezone.now() - timedelta(hours=2), capacity=2)
    booking = make_booking(slot)
    services.complete(booking_id=booking.pk)
    services.mark_no_show(booking_id=booking.pk)
    assert told() == ["booking.completed", "booking.no_show"]


def test_a_slot_is_full_with_its_last_seat_and_freed_with_the_first(expert):
    slot = make_slot(expert, capacity=2)
    first, second = book(slot), book(slot)
    assert told() == ["booking.created", "booking.confirmed"] * 2 + ["slot.full"]
    services.cancel(booking_id=first.pk, by_customer=False)
    assert told() == ["booking.cancelled", "slot.freed"]
    services.cancel(booking_id=second.pk, by_customer=False)
    assert told() == ["booking.cancelled"]


def test_more_seats_free_a_full_slot_and_fewer_fill_it(expert):
    slot = make_slot(expert)
    booking = book(slot)
    told()
    slot_services.set_capacity(slot_id=slot.pk, capacity=3)
    assert told() == ["slot.freed"]
    slot_services.set_capacity(slot_id=slot.pk, capacity=2)
    slot_services.close_slot(slot_id=slot.pk)
    slot_services.reopen_slot(slot_id=slot.pk)
    assert told() == []
    slot_services.set_capacity(slot_id=slot.pk, capacity=1)
    assert told() == ["slot.full"]
    services.cancel(booking_id=booking.pk, by_customer=False)
    assert told() == ["booking.cancelled", "slot.freed"]


def test_a_move_frees_one_slot_and_fills_another(expert):
    booking = book(make_slot(expert))
    told()
    services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at="15:00").pk, by_customer=False)
    rows = {row.type: row.payload["data"] for row in WebhookDelivery.objects.all()}
    moved = rows["booking.rescheduled"]
    assert moved["previous_slot"] == rows["slot.freed"]
    assert moved["slot"] == rows["slot.full"]
    assert (moved["previous_slot"]["time"], moved["slot"]["time"]) == ("10:00", "15:00")
    assert (rows["slot.freed"]["seats_left"], rows["slot.full"]["seats_left"]) == (1, 0)
    assert (rows["slot.freed"]["state"], rows["slot.full"]["state"]) == ("open", "full")


def test_holds_fill_and_free_nothing(expert):
    slot = make_slot(expert)
    services.hold_slot(slot_id=slot.pk, visitor="v" * 32)
    services.release_hold(slot_id=slot.pk, visitor="v" * 32)
    assert told() == []
    services.hold_slot(slot_id=slot.pk, visitor="v" * 32)
    book(slot, visitor="v" * 32)
    assert told() == ["booking.created", "booking.confirmed", "slot.full"]


def test_a_refused_booking_is_no_event(expert):
    slot = make_slot(expert)
    book(slot)
    told()
    with pytest.raises(SlotTaken):
        book(slot)
    assert told() == []


def test_it_says_which_booking_and_which_slot(expert):
    booking = book(make_slot(expert, title="First visit"), notes="I cannot climb stairs", phone="+44 20 7946 0000")
    row = WebhookDelivery.objects.get(type="booking.created")
    slot = row.payload["data"]["slot"]
    assert row.event_id.startswith("msg_")
    assert row.payload["type"] == "booking.created"
    assert row.payload["data"] | {"slot": None} == {
        "reference": booking.reference,
        "status": "CONFIRMED",
        "seats": 1,
        "source": "web",
        "created_at": booking.created_at.isoformat().replace("+00:00", "Z"),
        "slot": None,
    }
    assert (slot["expert"], slot["title"], slot["time"], slot["timezone"]) == (
        expert.slug,
        "First visit",
        "10:00",
        "Europe/London",
    )


def test_nobody_is_named_unless_the_organisation_wants_that():
    expert = make_expert()
    make_webhook(expert.organization, event_types=["booking.created"])
    make_webhook(expert.organization, event_types=["booking.created"], sends_contacts=True)
    book(make_slot(expert), name="Lena Fischer", email="lena@example.com", notes="I cannot climb stairs")
    plain, named = WebhookDelivery.objects.order_by("pk")
    assert "ena" not in str(plain.payload)
    assert named.payload["data"]["contact"] == {"name": "Lena Fischer", "email": "lena@example.com", "phone": ""}
    assert "stairs" not in str(named.payload), "notes may hold what only the expert should read"
    assert plain.event_id == named.event_id, "one event, told twice"


def test_only_what_was_asked_for_and_only_of_ones_own_organisation(expert):
    WebhookEndpoint.objects.update(event_types=["slot.full", "booking.cancelled"])
    make_webhook(make_organization())
    make_webhook(expert.organization, is_active=False)
    booking = book(make_slot(expert))
    services.cancel(booking_id=booking.pk, by_customer=False)
    rows = WebhookDelivery.objects.select_related("endpoint")
    assert {row.endpoint.organization_id for row in rows} == {expert.organization_id}
    assert told() == ["slot.full", "booking.cancelled"]


def test_an_endpoint_that_is_deleted_just_then_fails_no_booking(expert, monkeypatch):
    """Between the moment in which a booking sees it and the one in which the event is written."""
    asking = WebhookEndpoint.objects.asking_for

    def and_gone(*args):
        found = list(asking(*args))
        endpoints.delete_webhook(endpoint_id=found[0].pk)
        return found

    monkeypatch.setattr(events.WebhookEndpoint.objects, "asking_for", and_gone)
    assert book(make_slot(expert)).status == Status.CONFIRMED
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as the commit does


def test_a_job_is_queued_for_each_in_the_same_transaction(expert):
    slot = make_slot(expert)
    with transaction.atomic():
        book(slot)
        assert WebhookDelivery.objects.count() == 3
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()
    assert not ProcrastinateJob.objects.exists()
    book(slot)
    jobs = ProcrastinateJob.objects.filter(queue_name="webhooks")
    assert {job.args["delivery_id"] for job in jobs} == set(WebhookDelivery.objects.values_list("pk", flat=True))
    assert all(set(job.args) == {"delivery_id", "due"} for job in jobs), "ids only"


def test_where_nobody_asks_a_booking_costs_no_query_more(django_assert_num_queries, monkeypatch):
    slot = make_slot(capacity=4)
    real, asked = new_booking.queue_webhooks, []

    def counted(*args):
        asked.append(args)
        with django_assert_num_queries(0):
            real(*args)

    monkeypatch.setattr(new_booking, "queue_webhooks", counted)
    book(slot)
    assert asked


def test_what_a_paused_webhook_would_have_been_told_is_kept(expert):
    WebhookEndpoint.objects.update(paused_at=timezone.now(), paused_reason="failing")
    book(make_slot(expert))
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"kept"}
    assert not ProcrastinateJob.objects.filter(queue_name="webhooks").exists()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_random_lives_are_told_without_gaps(seed):
    """Each change of status is told once, by the history; full and freed take turns, and the last of them is true."""
    world = World.make(random.Random(seed))
    make_webhook(Slot.objects.with_expert().first().expert.organization)
    for step in range(120):
        world.step()
        if step % 5 == 0:
            for slot_id in world.slots:
                slot_services.reopen_slot(slot_id=slot_id)
    told = {}
    for row in WebhookDelivery.objects.exclude(type="booking.rescheduled").order_by("pk"):
        told.setdefault(row.payload["data"].get("reference") or row.payload["data"]["id"], []).append(row.type)
    bookings = {booking.reference: _expected(booking) for booking in Booking.objects.all()}
    assert {name: types for name, types in bookings.items() if types} == {
        name: types for name, types in told.items() if isinstance(name, str)
    }
    for slot in Slot.objects.all():
        turns = told.get(slot.pk, [])
        assert turns == ["slot.full", "slot.freed"] * (len(turns) // 2) + ["slot.full"] * (len(turns) % 2)
        assert bool(len(turns) % 2) == (slot.seats_booked == slot.capacity)
    assert len(told) > 1


def _expected(booking: Booking) -> list[str]:
    types, before = [], None
    for after in booking.events.order_by("pgh_id").values_list("status", flat=True):
        if after != before:
            if before in (None, Status.HELD) and after in (Status.PENDING, Status.CONFIRMED):
                types.append("booking.created")
            if after not in (Status.HELD, Status.PENDING) and (before, after) != (Status.HELD, Status.EXPIRED):
                types.append(f"booking.{after.lower()}")
        before = after
    return types
