"""A type for people who have been before: known by what they have proven, and no answer tells who is known."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings import services
from bookings.access.proven import mark_proven
from bookings.errors import NotReturning
from bookings.models import Booking, Status
from experts.models import Audience
from tests.cast import book, fresh, make_booking, make_expert, make_row_of_slots, make_slot, make_type

VISITOR, OTHER = "a" * 32, "b" * 32
LENA = "lena@example.org"
pytestmark = pytest.mark.django_db


@pytest.fixture
def expert():
    return make_expert()


@pytest.fixture
def slots(expert):
    return make_row_of_slots(expert)


@pytest.fixture
def kind(expert):
    return make_type(expert, audience=Audience.RETURNING)


def was_here(expert, status=Status.COMPLETED, **values):
    slot = make_slot(expert, starts_at=timezone.now() - timedelta(days=3, minutes=Booking.objects.count() * 90))
    return make_booking(slot, status=status, **{"email": LENA, "holder": VISITOR} | values)


def ask(slots, kind, at="10:00", **values):
    return book(slots[at], session_type=kind.pk, **{"email": LENA} | values)


def test_no_answer_tells_whether_an_address_is_known(expert, slots, kind):
    was_here(expert)
    known, unknown = ask(slots, kind, "09:00"), ask(slots, kind, "10:00", email="omar@example.org")
    assert known.awaits_proof is unknown.awaits_proof is True
    assert (known.status, known.proof_reason) == (unknown.status, unknown.proof_reason)


def test_the_reader_of_an_address_that_has_been_books_by_the_link(expert, slots, kind):
    was_here(expert)
    asked = ask(slots, kind, visitor=OTHER)
    assert services.book_by_link(booking_id=asked.pk).status == Status.CONFIRMED


def test_others_are_told_after_the_link_was_opened(expert, slots, kind):
    asked = ask(slots, kind)
    with pytest.raises(NotReturning):
        services.book_by_link(booking_id=asked.pk)
    assert fresh(slots["10:20"]).seats_booked == 0


def test_a_browser_that_was_here_books_at_once(expert, slots, kind):
    was_here(expert)
    assert ask(slots, kind, visitor=VISITOR, email="new@example.org").status == Status.CONFIRMED


def test_so_does_one_for_which_the_reader_of_the_address_has_vouched(expert, slots, kind):
    was_here(expert)
    mark_proven(visitor=OTHER, email=LENA)
    assert ask(slots, kind, visitor=OTHER).status == Status.CONFIRMED


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.NO_SHOW, Status.CONFIRMED])
def test_only_a_session_that_took_place_counts(expert, slots, kind, status):
    was_here(expert, status=status)
    assert ask(slots, kind, visitor=VISITOR).awaits_proof


def test_with_another_organisation_is_not_here(expert, slots, kind):
    was_here(make_expert())
    assert ask(slots, kind, visitor=VISITOR).awaits_proof


def test_staff_book_for_whom_they_like(slots, kind):
    assert ask(slots, kind, source="staff").status == Status.CONFIRMED


@pytest.mark.parametrize("audience", [Audience.EVERYBODY, Audience.LINK])
def test_other_types_ask_nobody(expert, slots, audience):
    assert ask(slots, make_type(expert, audience=audience)).status == Status.CONFIRMED
