"""`services.book`: one definite answer, once."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services
from bookings.errors import IdempotencyMismatch, InvalidDetails, NotFound, SlotTaken
from bookings.models import Booking, Idempotency, Status, TurnedAway
from bookings.services import new_booking
from experts.models import Expert, Slot
from tests.cast import book, fresh, make_booking, make_expert, make_organization, make_slot, move_slot
from tests.mail import waiting

pytestmark = pytest.mark.django_db


def test_books_and_queues_the_mail_in_one_go():
    slot = make_slot()
    booking = book(
        slot,
        name="  Lena Fischer ",
        email="lena@example.com",
        phone="020 7946 0958",
        notes="Back pain",
        visitor="v" * 32,
    )
    booking.refresh_from_db()
    assert (booking.status, booking.name, booking.holder, booking.expires_at) == (
        "CONFIRMED",
        "Lena Fischer",
        "v" * 32,
        None,
    )
    assert fresh(slot).state == "full"
    assert waiting() == [(booking.pk, "confirmed", 0)]
    assert not ProcrastinateJob.objects.exists(), "reminders are found when they are due"


def test_nothing_is_queued_when_the_transaction_rolls_back():
    slot = make_slot()
    with pytest.raises(RuntimeError), transaction.atomic():
        book(slot)
        raise RuntimeError
    assert not Booking.objects.exists()
    assert waiting() == []
    assert fresh(slot).state == "open"


def test_with_approval_it_is_pending_until_the_deadline():
    organization = make_organization(requires_approval=True, approval_hours=24)
    slot = make_slot(make_expert(organization=organization))
    booking = book(slot)
    assert booking.status == Status.PENDING
    assert abs(booking.expires_at - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)
    assert fresh(slot).state == "full", "a request keeps the seat"


def test_the_deadline_is_never_after_the_start():
    expert = make_expert(requires_approval=True, approval_hours=300)
    slot = make_slot(expert)
    assert book(slot).expires_at == slot.starts_at


@pytest.mark.parametrize("reason", ["full", "held", "closed", "past"])
def test_what_cannot_be_booked_is_refused_with_its_reason(reason):
    slot = make_slot()
    if reason == "full":
        make_booking(slot)
    elif reason == "held":
        make_booking(slot, status=Status.HELD)
    elif reason == "closed":
        Slot.objects.filter(pk=slot.pk).update(is_closed=True)
    else:
        move_slot(slot, timezone.now())
    before = Booking.objects.count()
    with pytest.raises(SlotTaken) as refused:
        book(slot)
    assert refused.value.reason == reason
    assert Booking.objects.count() == before
    assert waiting() == []
    assert list(TurnedAway.objects.values_list("slot", "reason", "source")) == [(slot.pk, reason, "web")]


def test_an_inactive_expert_cannot_be_booked():
    slot = make_slot()
    Expert.objects.update(is_active=False)
    with pytest.raises(SlotTaken):
        book(slot)


def test_an_unknown_slot():
    for slot_id in (0, 987654321, 10**30, -1):
        with pytest.raises(NotFound):
            services.book(slot_id=slot_id, name="Lena", email="lena@example.com")


def test_holds_that_ran_out_are_expired_and_their_seats_given():
    slot = make_slot(capacity=3)
    lapsed = make_booking(slot, status=Status.HELD, seats=2, expires_at=timezone.now() - timedelta(seconds=1))
    running = make_booking(slot, status=Status.HELD)
    assert fresh(slot).seats_left == 1
    slot.expert.max_party = 2
    slot.expert.save()
    book(slot, seats=2)
    lapsed.refresh_from_db()
    running.refresh_from_db()
    assert (lapsed.status, running.status) == (Status.EXPIRED, Status.HELD)
    slot = fresh(slot)
    assert (slot.seats_held, slot.seats_booked, slot.next_hold_expiry) == (1, 2, running.expires_at)


def test_a_party_is_all_or_nothing():
    expert = make_expert(max_party=4)
    slot = make_slot(expert, capacity=4)
    make_booking(slot, seats=2)
    with pytest.raises(SlotTaken) as refused:
        book(slot, seats=3)
    assert refused.value.reason == "party"
    book(slot, seats=2)
    assert fresh(slot).state == "full"


def test_the_policy_bounds_a_party_for_visitors_but_not_for_staff():
    slot = make_slot(capacity=4)
    with pytest.raises(InvalidDetails) as refused:
        book(slot, seats=2)
    assert "seats" in refused.value.fields
    book(slot, seats=2, source="staff")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "Nul\x00"}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "evil \u202egnp.exe"}, "name"),
        ({"email": ""}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b"}, "email"),
        ({"email": "a@example.com\nBcc: b@example.com"}, "email"),
        ({"email": f"{'x' * 250}@example.com"}, "email"),
        ({"phone": "1" * 41}, "phone"),
        ({"notes": "x" * 2001}, "notes"),
        ({"notes": "\x07"}, "notes"),
        ({"seats": 0}, "seats"),
        ({"seats": 10**9}, "seats"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"idempotency_key": "x" * 201}, "idempotency_key"),
        ({"idempotency_key": "nul\x00"}, "idempotency_key"),
    ],
)
def test_bad_details_name_the_field_and_write_nothing(wrong, field):
    slot = make_slot()
    with pytest.raises(InvalidDetails) as refused:
        book(slot, **wrong)
    assert list(refused.value.fields) == [field]
    assert not Booking.objects.exists()
    assert not TurnedAway.objects.exists()


@pytest.mark.parametrize(
    "name",
    [
        "Łukasz O'Brien-Şahin",
        "李小龙",
        "محمد علي",
        "👩‍⚕️ Dr Emoji",
        "<script>alert(1)</script>",
        "{{ 7*7 }}",
        "Robert'); DROP TABLE",
    ],
)
def test_names_of_all_scripts_are_kept_as_they_are(name):
    assert Booking.objects.get(pk=book(make_slot(), name=name).pk).name == name


class TestIdempotency:
    def test_the_same_request_gets_the_same_booking(self):
        slot = make_slot(capacity=5)
        first = book(slot, name="Lena", email="lena@example.com", idempotency_key="k")
        again = book(slot, name="Lena", email="LENA@example.com", idempotency_key="k")
        assert first == again
        assert Booking.objects.count() == 1
        assert [kind for _booking, kind, _sequence in waiting()] == ["confirmed"]

    def test_also_when_the_booking_itself_filled_the_slot(self):
        slot = make_slot()
        first = book(slot, name="Lena", email="lena@example.com", idempotency_key="k")
        assert book(slot, name="Lena", email="lena@example.com", idempotency_key="k") == first
        assert not TurnedAway.objects.exists()

    def test_another_request_with_the_key_is_refused(self):
        slot = make_slot(capacity=5)
        book(slot, name="Lena", email="lena@example.com", idempotency_key="k")
        with pytest.raises(IdempotencyMismatch):
            book(slot, name="Somebody else", email="lena@example.com", idempotency_key="k")
        assert Booking.objects.count() == 1

    def test_keys_of_different_people_do_not_meet(self):
        slot = make_slot(capacity=5)
        assert book(slot, idempotency_key="k") != book(slot, idempotency_key="k")

    def test_a_refusal_is_the_answer_for_its_key_even_if_the_slot_opens_again(self):
        slot = make_slot()
        blocking = make_booking(slot)
        values = {"name": "Lena", "email": "lena@example.com", "idempotency_key": "k"}
        for _ in range(2):
            with pytest.raises(SlotTaken) as refused:
                book(slot, **values)
            assert refused.value.reason == "full"
        assert TurnedAway.objects.count() == 1
        blocking.delete()
        with pytest.raises(SlotTaken):
            book(slot, **values)
        book(slot, **values | {"idempotency_key": "another"})

    def test_a_callers_scope_spans_slots(self):
        expert = make_expert()
        one, two = make_slot(expert, at="09:00"), make_slot(expert, at="10:00")
        values = {"name": "Lena", "email": "lena@example.com", "idempotency_key": "k", "idempotency_scope": "token:1"}
        book(one, **values)
        with pytest.raises(IdempotencyMismatch):
            book(two, **values)

    def test_no_address_is_kept_in_it(self):
        book(make_slot(), email="lena@example.com", idempotency_key="k")
        assert "lena" not in str(Idempotency.objects.values().get())


def test_a_booking_takes_a_bounded_number_of_statements(django_assert_num_queries):
    """Savepoint, time-out, slot, lock, key, slot, booking, answer, mail, savepoint.

    Nothing grows with the slot.
    """
    slot = make_slot(capacity=9)
    for _ in range(5):
        book(slot)
    with django_assert_num_queries(10):
        book(slot, idempotency_key="k")


def test_references_are_readable_and_differ():
    slot = make_slot(capacity=30)
    references = {book(slot).reference for _ in range(30)}
    assert len(references) == 30
    for reference in references:
        assert len(reference) == 12
        assert not set("01ILOSU") & set(reference[3:])


def test_history_has_no_notes_and_no_visitor():
    booking = book(make_slot(), notes="A secret", visitor="v" * 32)
    [event] = booking.events.values()
    assert event["status"] == "CONFIRMED"
    assert "A secret" not in str(event)
    assert "v" * 32 not in str(event)


def test_a_constraint_that_nobody_foresaw_is_a_fault_to_be_seen_and_not_a_busy_site():
    slot = make_slot()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE bookings_booking ADD CONSTRAINT nobody_is_lena CHECK (name <> 'Lena')")
    with pytest.raises(IntegrityError, match="nobody_is_lena"), transaction.atomic():
        book(slot, name="Lena")


def test_a_reference_that_is_taken_is_drawn_again(monkeypatch):
    taken = make_booking(make_slot()).reference
    drawn = iter([taken, "EB-9FD4-K7TQ"])
    monkeypatch.setattr(new_booking, "new_reference", lambda: next(drawn))
    assert book(make_slot()).reference == "EB-9FD4-K7TQ"
