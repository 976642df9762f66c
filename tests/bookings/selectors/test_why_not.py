"""Why a time is not offered: each reason by its code, and offered where visitors can book, and nowhere else."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bookings import services
from bookings.models import Booking, Status
from bookings.selectors.why_not import why_not
from experts.models import Slot, TimeOff, WeeklyHours
from experts.models.hours import MIDNIGHT
from experts.models.session_type import Audience
from tests.cast import book, day_ahead, make_booking, make_expert, make_row_of_slots, make_slot, make_type

pytestmark = pytest.mark.django_db
DAY = day_ahead(7)


@pytest.fixture
def expert():
    return make_expert(timezone="Europe/London", min_notice=timedelta(hours=2), horizon_days=30)


def codes(expert, day=DAY, at="10:00", now=None) -> list[str]:
    [answer] = why_not(expert, day, time.fromisoformat(at), now or timezone.now())
    return [reason.code for reason in answer.reasons]


def reason(expert, **values):
    [answer] = why_not(expert, values.get("day", DAY), time.fromisoformat(values.get("at", "10:00")), timezone.now())
    [found] = answer.reasons
    return found


def work(expert, start="09:00", end="12:00", **values):
    hours = {"weekday": DAY.weekday(), "slot_minutes": 60, "capacity": 1} | values
    return WeeklyHours.objects.create(
        expert=expert, start=time.fromisoformat(start), end=time.fromisoformat(end), **hours
    )


def test_a_free_slot_is_offered(expert):
    make_slot(expert, day=DAY)
    assert codes(expert) == []


def test_what_is_wrong_with_a_slot(expert):
    slot = make_slot(expert, day=DAY)
    assert codes(expert, now=slot.starts_at - timedelta(hours=1)) == ["notice"]
    assert codes(expert, now=slot.starts_at) == ["started"]
    assert codes(expert, now=slot.starts_at - timedelta(days=31)) == ["horizon"]
    Slot.objects.update(is_closed=True)
    assert codes(expert) == ["closed"]
    expert.is_active = False
    expert.organization.is_active = False
    assert codes(expert) == ["closed", "expert_hidden", "organization_hidden"], "all of them, not only the first"
    Slot.objects.update(closed_by_hours=True)
    assert codes(expert)[0] == "closed_by_hours"
    TimeOff.objects.create(expert=expert, first_day=DAY, last_day=DAY, reason="Conference")
    [answer] = why_not(expert, DAY, time(10), timezone.now())
    assert answer.reasons[0].code == "time_off"
    assert "Conference" in answer.reasons[0].text


def test_by_whom_it_is_taken_and_until_when_it_is_held(expert):
    slot = make_slot(expert, day=DAY)
    booking = book(slot, name="Lena Fischer")
    found = reason(expert)
    assert (found.code, [it.name for it in found.bookings]) == ("full", ["Lena Fischer"])
    services.cancel(booking_id=booking.pk, by_customer=False)
    hold = services.hold_slot(slot_id=slot.pk, visitor="a" * 32)
    found = reason(expert)
    assert found.code == "held"
    assert hold.runs_out_at.astimezone(expert.zone).strftime("%H:%M") in found.text
    assert "filling in the form" in found.text
    Booking.objects.filter(pk=hold.pk).update(awaits_proof=True, name="Noah")
    assert "has not opened the link" in reason(expert).text


def test_why_there_is_no_slot(expert):
    assert codes(expert) == ["no_slot"]
    work(expert)
    assert codes(expert) == ["not_made"]
    expert.slots_until = DAY
    assert codes(expert) == ["deleted"]
    assert codes(expert, at="10:20") == ["between_starts"]
    assert codes(expert, at="14:00") == ["outside_hours"]
    assert "09:00 to 12:00" in reason(expert, at="14:00").text
    assert codes(expert, day=DAY + timedelta(days=1)) == ["no_hours"]
    make_slot(expert, day=DAY, at="10:00", minutes=60)
    assert codes(expert, at="10:20") == ["within_slot"]
    TimeOff.objects.create(organization=expert.organization, first_day=DAY, last_day=DAY)
    assert codes(expert, at="11:00") == ["time_off"]
    assert expert.organization.name in reason(expert, at="11:00").text
    work(expert, "22:00", "00:00")
    TimeOff.objects.all().delete()
    assert codes(expert, at="23:00") == ["deleted"], f"an end at {MIDNIGHT} is that of the day"


def test_a_time_that_the_clocks_leave_out(expert):
    assert codes(expert, day=date(2027, 3, 28), at="01:30") == ["skipped"]


def test_types_are_answered_one_by_one(expert):
    slots = make_row_of_slots(expert, day=DAY)  # of 20 minutes, from 09:00 to 12:00
    short = make_type(expert, name="Short", minutes=20)
    make_type(expert, name="Long", minutes=60, buffer_before=10)
    make_type(expert, name="Secret", minutes=20, audience=Audience.LINK)
    make_type(expert, name="Old", minutes=20, is_active=False)

    def answers(at):
        found = why_not(expert, DAY, time.fromisoformat(at), timezone.now())
        return {it.offer.session_type.name: [reason.code for reason in it.reasons] for it in found}

    assert answers("09:20") == {"Short": [], "Long": [], "Secret": [], "Old": ["type_retired"]}
    assert answers("09:00")["Long"] == ["nothing_before"]
    assert answers("11:20")["Long"] == ["too_short"]
    Slot.objects.filter(time=time(9, 40)).update(for_types=[short.pk])
    assert answers("09:20")["Long"] == ["other_types"]
    Slot.objects.update(for_types=[])
    book(slots["10:00"], name="Lena", session_type=short.pk)
    found = {it.offer.session_type.name: it for it in why_not(expert, DAY, time(9, 20), timezone.now())}
    assert found["Short"].is_offered
    [taken] = found["Long"].reasons
    assert (taken.code, [it.name for it in taken.bookings]) == ("full", ["Lena"])
    assert [it.code for it in found["Secret"].notes] == ["link_only"]


def test_two_experts_need_a_second_who_is_free(expert):
    other = make_expert(organization=expert.organization, timezone="Europe/London")
    both = make_type(expert, minutes=20, experts_needed=2)
    other.offered_types.create(session_type=both)
    make_row_of_slots(expert, day=DAY)
    assert codes(expert) == ["second_expert"]
    theirs = make_row_of_slots(other, day=DAY)
    assert codes(expert) == []
    make_booking(theirs["10:00"], status=Status.CONFIRMED)
    assert codes(expert) == ["second_expert"]


def test_offered_is_what_can_be_booked_and_nothing_else(expert):
    """Of every minute quarter of a day, at every hour: as the rule says by which visitors book."""
    zone = ZoneInfo(expert.timezone)
    slots = list(make_row_of_slots(expert, day=DAY, minutes=30).values())
    Slot.objects.filter(pk=slots[1].pk).update(is_closed=True)
    book(slots[2])
    services.hold_slot(slot_id=slots[3].pk, visitor="b" * 32)
    start = datetime.combine(DAY, time(8), tzinfo=zone)
    for now in (timezone.now(), slots[4].starts_at - timedelta(hours=2), start - timedelta(days=40)):
        bookable = {slot.time for slot in Slot.objects.bookable(now)}
        for quarter in range(20):
            at = (start + timedelta(minutes=15 * quarter)).time()
            assert (codes(expert, at=at.isoformat(), now=now) == []) == (at in bookable), (now, at)
