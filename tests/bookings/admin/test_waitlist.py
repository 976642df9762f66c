"""The waitlist in the admin: read, and somebody taken off."""

import pytest

from bookings.models import WaitlistEntry
from tests.cast import book, join_line, make_slot
from tests.staff import admin_url, logged_in, make_superuser, messages_of, run_action

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return logged_in(make_superuser())


def join(slot, name, **values):
    return join_line(slot, name=name, email=f"{name.lower()}@example.com", **values)


@pytest.fixture
def slot():
    slot = make_slot()
    book(slot)
    return slot


def test_shows_who_waits_once_for_each_address(staff, slot):
    entry = join(slot, "Lena")
    join(slot, "Lena", visitor="b" * 32)

    assert list(staff.get(admin_url(WaitlistEntry)).context["cl"].queryset) == [entry]
    assert "lena@example.com" in staff.get(admin_url(WaitlistEntry, "change", entry.pk)).text


def test_somebody_is_taken_off_and_the_next_keeps_the_turn(staff, slot):
    first, second = join(slot, "Lena"), join(slot, "Omar")
    [said] = messages_of(run_action(staff, WaitlistEntry, "leave", [first]))
    assert said == "1 is off the waitlist."
    first.refresh_from_db()
    assert first.status == "LEFT"
    assert WaitlistEntry.objects.in_line().get() == second


def test_nothing_is_written_by_hand(staff, slot):
    entry = join(slot, "Lena")
    staff.post(admin_url(WaitlistEntry, "change", entry.pk), {"name": "Eve", "email": "eve@example.com"})
    entry.refresh_from_db()
    assert entry.name == "Lena"
    assert staff.post(admin_url(WaitlistEntry, "delete", entry.pk), {"post": "yes"}).status_code == 403
