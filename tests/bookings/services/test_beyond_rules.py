"""Staff book what no visitor can: what has begun, is closed, or is too soon or too far ahead. Never more than fits."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from bookings import services
from bookings.errors import NotAllowed, SlotTaken
from bookings.models import Booking, Source, Status
from bookings.selectors.rescue import cannot_take_place
from experts.models import Expert, Slot, TimeOff
from tests.api.caller import LENA, Caller, make_token
from tests.cast import (
    day_ahead,
    details,
    fresh,
    make_booking,
    make_expert,
    make_organization,
    make_row_of_slots,
    make_slot,
    make_type,
    move_slot,
)
from tests.staff import admin_url, logged_in, make_member

pytestmark = pytest.mark.django_db
RULES = ["started", "notice", "horizon", "closed"]


def make_outside(rule: str, **values) -> Slot:
    """A slot that is outside of that rule and has its seats."""
    organization = make_organization(min_notice=timedelta(hours=2), horizon_days=30)
    slot = make_slot(make_expert(organization=organization), minutes=60, **values)
    now = timezone.now()
    if rule == "closed":
        Slot.objects.filter(pk=slot.pk).update(is_closed=True)
    else:
        ahead = {"started": -timedelta(minutes=10), "notice": timedelta(hours=1), "horizon": timedelta(days=40)}
        move_slot(slot, now + ahead[rule])
    return fresh(slot)


def book(slot: Slot, **values) -> Booking:
    wanted = {"name": "Karim Aziz", "email": "", "source": Source.STAFF, "beyond_rules": True} | values
    return services.book(slot_id=slot.pk, **wanted).booking


def hold(slot: Slot, **values) -> Booking:
    wanted = {"visitor": "desk", "source": Source.STAFF, "beyond_rules": True} | values
    return services.hold_slot(slot_id=slot.pk, **wanted)


@pytest.mark.parametrize("rule", RULES)
def test_it_is_booked_and_says_which_rule_it_broke(rule):
    slot = make_outside(rule)
    booking = Booking.objects.get(pk=book(slot).pk)
    assert (booking.status, booking.broken_rule) == (Status.CONFIRMED, rule)
    assert fresh(slot).seats_booked == 1
    page = logged_in(make_member(slot.expert.organization)).get(admin_url(Booking, "change", booking.pk))
    assert str(booking.get_broken_rule_display()) in page.content.decode()


@pytest.mark.parametrize("rule", RULES)
def test_without_that_word_staff_are_refused_as_everybody_is(rule):
    slot = make_outside(rule)
    for refused in (lambda: book(slot, beyond_rules=False), lambda: hold(slot, beyond_rules=False)):
        with pytest.raises(SlotTaken) as error:
            refused()
        assert error.value.reason in ("past", "closed")
    assert not Booking.objects.exists()


@pytest.mark.parametrize("rule", RULES)
def test_a_hold_keeps_it_until_it_is_booked(rule):
    slot = make_outside(rule)
    held = hold(slot)
    assert timezone.now() < held.expires_at <= slot.ends_at
    with pytest.raises(SlotTaken) as error:
        book(slot)
    assert error.value.reason == "held"
    booking = book(slot, visitor="desk")
    assert (booking.pk, booking.broken_rule) == (held.pk, rule)


@pytest.mark.parametrize("rule", RULES)
def test_never_over_capacity_however_often_it_is_asked(rule):
    slot = make_outside(rule)
    book(slot)
    for refused in (lambda: book(slot), lambda: hold(slot)):
        with pytest.raises(SlotTaken) as error:
            refused()
        assert error.value.reason == "full"
    with pytest.raises(IntegrityError), transaction.atomic():
        make_booking(slot, source=Source.STAFF, broken_rule=rule)


def test_what_is_over_or_hidden_is_nobodys_to_book():
    slot = make_outside("started")
    move_slot(slot, timezone.now() - timedelta(hours=1, seconds=1))
    hidden = make_slot()
    Expert.objects.filter(pk=hidden.expert_id).update(is_active=False)
    for each, reason in ((slot, "past"), (hidden, "closed")):
        with pytest.raises(SlotTaken) as error:
            book(each)
        assert error.value.reason == reason


def test_what_is_within_the_rules_has_no_mark_and_still_needs_approval():
    slot = make_slot(make_expert(requires_approval=True))
    booking = book(slot)
    assert (booking.status, booking.broken_rule) == (Status.PENDING, "")
    walk_in = make_slot(slot.expert, at="15:00", minutes=60)
    move_slot(walk_in, timezone.now() - timedelta(minutes=5))
    assert book(walk_in).status == Status.CONFIRMED, "a request would have run out already"


def test_a_session_of_several_slots_may_have_begun():
    expert = make_expert()
    slots = list(make_row_of_slots(expert, end="10:00").values())
    kind = make_type(expert, minutes=40)
    begins = timezone.now() - timedelta(minutes=30)
    for n, slot in enumerate(slots):
        move_slot(slot, begins + timedelta(minutes=20 * n))
    booking = book(slots[0], session_type=kind.pk)
    assert (booking.broken_rule, booking.slot_ids) == ("started", [slot.pk for slot in slots[:2]])


# Nobody else, by any way


@pytest.mark.parametrize("source", [Source.WEB, Source.API])
def test_the_services_refuse_whoever_is_not_staff_and_the_database_does_too(source):
    slot = make_outside("closed")
    for refused in (lambda: book(slot, source=source, email="k@example.com"), lambda: hold(slot, source=source)):
        with pytest.raises(NotAllowed):
            refused()
    with pytest.raises(IntegrityError, match="booking_breaks_rules_only_by_staff"), transaction.atomic():
        make_booking(slot, source=source, broken_rule="closed")
    assert not Booking.objects.exists()


@pytest.mark.parametrize("rule", RULES)
def test_no_field_of_pages_and_programs_makes_it_happen(client, rule):
    slot = make_outside(rule)
    words = {"beyond_rules": "1", "broken_rule": rule, "source": "staff", "outside": "1"}
    client.post(reverse("hold", args=[slot.pk]), words)
    client.post(reverse("book", args=[slot.pk]), details(step="confirm", **words))
    typed = dict.fromkeys(words, True) | {"source": "staff"}
    assert Caller().post(f"/slots/{slot.pk}/book", LENA | typed).status_code in (409, 422)
    token = make_token(slot.expert.organization)
    answer = Caller(token).post("/admin/bookings", {"slot": slot.pk, "name": "Lena"} | typed)
    assert answer.status_code in (409, 422)
    assert not Booking.objects.exists()


def test_what_staff_book_outside_the_hours_is_meant_to_take_place():
    """Until its expert takes that time off later; and once it is moved, it is as any other."""
    slot = make_outside("closed")
    booking = book(slot)
    assert not cannot_take_place(Booking.objects.all()).exists()
    # A test's transaction is all of one moment.
    Booking.objects.update(created_at=timezone.now() - timedelta(days=1))
    TimeOff.objects.create(expert=slot.expert, first_day=slot.date, last_day=slot.date)
    assert cannot_take_place(Booking.objects.all()).exists()
    other = make_slot(slot.expert, day=day_ahead(5))
    moved = services.reschedule(booking_id=booking.pk, slot_id=other.pk, by_customer=False)
    moved.refresh_from_db()
    assert moved.broken_rule == ""
    Slot.objects.filter(pk=other.pk).update(is_closed=True)
    assert cannot_take_place(Booking.objects.all()).exists()
