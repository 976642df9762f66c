"""The staff's day: what stands in whose column, and that its numbers are those of what stands there."""

import random
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bookings import services
from bookings.models import Booking, Status
from bookings.selectors import staff_experts
from bookings.selectors.rescue import cannot_take_place
from bookings.selectors.staff_columns import Away, Count, Look
from bookings.selectors.staff_day import read_day
from bookings.selectors.staff_experts import choose_columns, experts_to_choose
from experts.models import Expert, Role, Slot, TimeOff, WeeklyHours
from experts.permissions import reach_of
from tests.cast import (
    day_ahead,
    make_booking,
    make_category,
    make_expert,
    make_organization,
    make_row_of_slots,
    make_session_type,
    make_slot,
    make_type,
)
from tests.staff import make_member, make_superuser
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db
DAY = day_ahead()


def read(organization, *, day=DAY, now=None, user=None):
    reach = reach_of(user or make_member(organization))
    experts = choose_columns(experts_to_choose(reach, organization, day), ())
    return read_day(organization=organization, experts=experts, day=day, now=now or timezone.now(), reach=reach)


def looks(column) -> list[tuple[str, str]]:
    """What stands in a column: what it is, and when it starts by the clock of its expert."""
    zone = column.expert.zone
    return [(entry.look.value, f"{entry.starts_at.astimezone(zone):%H:%M}") for entry in column.entries]  # a clock


def away(column) -> list[tuple[Away, str, str]]:
    zone = column.expert.zone
    return [
        (it.why, f"{it.starts_at.astimezone(zone):%H:%M}", f"{it.ends_at.astimezone(zone):%H:%M}")  # a clock
        for it in column.away
    ]


def test_each_state_has_a_look_of_its_own():
    expert = make_expert()
    slots = make_row_of_slots(expert, start="09:00", end="13:00", minutes=30, day=DAY)
    now = timezone.now()
    states = {
        "09:00": {"status": Status.CONFIRMED},
        "09:30": {"status": Status.CONFIRMED, "arrived_at": now},
        "10:00": {"status": Status.COMPLETED},
        "10:30": {"status": Status.NO_SHOW},
        "11:00": {"status": Status.PENDING},
        "11:30": {"status": Status.HELD, "name": ""},
    }
    for at, values in states.items():
        make_booking(slots[at], **values)
    for status in (Status.CANCELLED, Status.REJECTED, Status.EXPIRED):
        make_booking(slots["12:00"], status=status)
    make_booking(slots["12:30"], status=Status.HELD, name="", expires_at=now - timedelta(minutes=1))
    [column] = read(expert.organization).columns
    names = ["confirmed", "arrived", "done", "no-show", "pending", "held", "free", "free"]
    assert looks(column) == list(zip(names, slots, strict=True))


def test_a_session_of_several_slots_is_one_block():
    expert = make_expert()
    slots = make_row_of_slots(expert, start="09:00", end="10:20", day=DAY)
    kind = make_type(expert, minutes=40)
    services.book(slot_id=slots["09:20"].pk, session_type=kind.pk, name="Lena", email="lena@example.com")
    [column] = read(expert.organization).columns
    assert looks(column) == [("free", "09:00"), ("confirmed", "09:20"), ("free", "10:00")]
    assert column.entries[1].ends_at == slots["10:00"].starts_at


def test_a_session_with_two_experts_is_in_both_columns_and_counts_once():
    organization = make_organization()
    one, other = (make_expert(organization=organization, name=name) for name in ("Amara", "Priya"))
    first, second = make_slot(one, at="10:00"), make_slot(other, at="10:00")
    kind = make_session_type(organization, one, other, minutes=30)
    Booking.objects.create(
        slot=first,
        more_slots=[second.pk],
        second_expert=other,
        session_type=kind,
        session_ends_at=first.ends_at,
        agreed={"name": "Both", "minutes": 30},
        name="Lena",
        email="lena@example.com",
        status=Status.CONFIRMED,
    )
    found = read(organization)
    assert [looks(column) for column in found.columns] == [[("confirmed", "10:00")]] * 2
    assert found.numbers[Count.BOOKED] == 1
    # Also where only the second of them is looked at.
    other.user = make_member(organization, Role.EXPERT)
    other.save()
    [column] = read(organization, user=other.user).columns
    assert (column.expert, looks(column)) == (other, [("confirmed", "10:00")])


def test_who_is_booked_in_time_off_is_to_be_rescued_on_the_hatch():
    expert = make_expert()
    slots = make_row_of_slots(expert, start="09:00", end="11:00", minutes=30, day=DAY)
    make_booking(slots["09:30"])
    make_booking(slots["10:30"])
    TimeOff.objects.create(expert=expert, first_day=DAY, last_day=DAY, from_time=time(10))
    Slot.objects.filter(pk__in=[slots["10:00"].pk, slots["10:30"].pk]).update(is_closed=True)
    found = read(expert.organization)
    [column] = found.columns
    assert looks(column) == [("free", "09:00"), ("confirmed", "09:30"), ("rescue", "10:30")]
    assert away(column) == [(Away.OFF, "10:00", "11:00")]
    assert found.numbers[Count.RESCUE] == 1


def test_breaks_and_what_is_outside_the_hours_are_away():
    expert = make_expert()
    for start, end in ((9, 12), (13, 17)):
        WeeklyHours.objects.create(
            expert=expert, weekday=DAY.weekday(), start=time(start), end=time(end), slot_minutes=60, capacity=1
        )
    make_slot(expert, at="10:00", minutes=60)
    make_slot(expert, at="14:00", minutes=60, is_closed=True)
    colleague = make_expert(organization=expert.organization, name="Zoe")
    make_slot(colleague, at="08:00", minutes=60)
    first, second = read(expert.organization).columns
    assert away(first) == [
        (Away.NOT_WORKING, "08:00", "09:00"),
        (Away.BREAK, "12:00", "13:00"),
        (Away.CLOSED, "14:00", "15:00"),
    ]
    assert away(second) == [(Away.NOT_WORKING, "09:00", "17:00")]


def test_a_slot_of_several_seats_is_one_block_with_all_who_come():
    slot = make_slot(at="10:00", capacity=12, title="Back class")
    for seats in (1, 2):
        make_booking(slot, seats=seats)
    make_booking(slot, status=Status.PENDING)
    found = read(slot.expert.organization)
    [[entry]] = [column.entries for column in found.columns]
    assert (entry.look, entry.seats_taken, len(entry.bookings), entry.is_bookable) == (Look.CLASS, 4, 3, True)
    assert (found.numbers[Count.BOOKED], found.numbers[Count.PENDING], found.numbers[Count.FREE]) == (2, 1, 1)
    assert (found.columns[0].seats_taken, found.columns[0].seats) == (4, 12)


def test_the_day_is_the_organisations_and_each_column_has_its_experts_clock():
    organization = make_organization(timezone="Europe/London")
    nepal = make_expert(organization=organization, name="Sunita Gurung", timezone="Asia/Kathmandu")
    starts_at = datetime.combine(DAY, time(23), tzinfo=ZoneInfo("Europe/London"))
    make_booking(make_slot(nepal, starts_at=starts_at, minutes=30))
    make_slot(nepal, starts_at=starts_at + timedelta(hours=2), minutes=30)
    found = read(organization)
    assert [entry.starts_at for entry in found.columns[0].entries] == [starts_at]
    assert found.opens_at == starts_at


def test_what_goes_on_past_midnight_is_part_of_both_days():
    expert = make_expert()
    make_booking(make_slot(expert, at="23:30", day=DAY, minutes=60))
    for day in (DAY, DAY + timedelta(days=1)):
        assert [looks(column) for column in read(expert.organization, day=day).columns] == [[("confirmed", "23:30")]]


def test_what_overlaps_stands_side_by_side():
    expert = make_expert()
    slots = make_row_of_slots(expert, start="09:00", end="10:00", day=DAY, capacity=2)
    kind = make_type(expert, minutes=40)
    for at in ("09:00", "09:20"):
        services.book(slot_id=slots[at].pk, session_type=kind.pk, name=at, email="lena@example.com")
    [column] = read(expert.organization).columns
    sessions = [entry for entry in column.entries if entry.bookings]
    assert sorted(entry.lane for entry in sessions) == [0, 1]
    assert {entry.lanes for entry in sessions} == {2}


def test_no_more_columns_than_there_is_room_for_and_those_who_work_first():
    organization, category = make_organization(), make_category()
    experts = [make_expert(organization=organization, category=category, name=f"Expert {n:02}") for n in range(14)]
    for expert in experts[1:]:
        make_slot(expert)
    reach = reach_of(make_member(organization))
    found = experts_to_choose(reach, organization, DAY)
    assert found == experts
    assert choose_columns(found, ()) == experts[1:13]
    assert choose_columns(found, [experts[0].pk, experts[13].pk, experts[13].pk + 1]) == [experts[0], experts[13]]
    assert choose_columns(experts_to_choose(reach, organization, DAY + timedelta(days=9)), ()) == experts[:12]


def test_of_more_experts_than_can_be_chosen_those_are_cut_off_who_do_not_work(monkeypatch):
    monkeypatch.setattr(staff_experts, "MOST_TO_CHOOSE", 3)
    organization, category = make_organization(), make_category()
    experts = [make_expert(organization=organization, category=category, name=f"Expert {n}") for n in range(6)]
    reach = reach_of(make_member(organization))
    assert experts_to_choose(reach, organization, DAY) == experts[:3]
    make_slot(experts[1], is_closed=True)
    make_slot(experts[4])
    assert experts_to_choose(reach, organization, DAY) == [experts[0], experts[1], experts[4]]
    make_slot(experts[2]), make_slot(experts[5])
    found = experts_to_choose(reach, organization, DAY)
    assert found == [experts[2], experts[4], experts[5]]
    assert [expert.works for expert in found] == [True, True, True]


# By brute force


def make_random_day(chance: random.Random, organization):
    """Three experts in two zones with slots of one and of several seats, and bookings of every kind in them."""
    category, now = make_category(), timezone.now()
    for n, zone in enumerate(("Europe/London", "Asia/Kathmandu", "Europe/London")):
        expert = make_expert(organization=organization, category=category, name=f"Expert {n}", timezone=zone)
        if chance.random() < 0.4:
            hour = chance.randrange(8, 16)
            TimeOff.objects.create(expert=expert, first_day=DAY, last_day=DAY, from_time=time(hour))
        for hour in range(7, 20):
            if chance.random() < 0.3:
                continue
            capacity = chance.choice([1, 1, 1, 4])
            slot = make_slot(
                expert,
                day=DAY + timedelta(days=chance.choice([0, 0, 0, 1])),
                at=f"{hour:02}:00",
                minutes=chance.choice([30, 60]),
                capacity=capacity,
                is_closed=chance.random() < 0.2,
            )
            left = capacity
            for _ in range(chance.randrange(4)):
                status = chance.choice(list(Status))
                takes = status not in (Status.CANCELLED, Status.REJECTED, Status.EXPIRED)
                if takes and not left:
                    continue
                left -= takes
                came = status == Status.CONFIRMED and chance.random() < 0.3
                make_booking(slot, status=status, arrived_at=now if came else None)


@pytest.mark.parametrize("seed", range(6))
def test_the_numbers_are_those_of_the_bookings_counted_one_by_one(seed):
    organization = make_organization()
    make_random_day(random.Random(seed), organization)
    make_random_day(random.Random(seed + 100), make_organization())  # somebody else's
    found = read(organization, user=make_superuser())
    zone = ZoneInfo(organization.timezone)
    start = datetime.combine(DAY, time(0), tzinfo=zone)
    end = datetime.combine(DAY + timedelta(days=1), time(0), tzinfo=zone)
    of_day = [
        booking
        for booking in Booking.objects.with_slot()
        if booking.slot.expert.organization_id == organization.pk
        and booking.slot.starts_at < end
        and booking.ends_at > start
    ]
    lost = set(cannot_take_place(Booking.objects.all()).values_list("pk", flat=True))
    stand = (Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW)
    slots = [slot for slot in Slot.objects.with_expert() if slot.expert.organization_id == organization.pk]
    free = [slot for slot in slots if slot.starts_at < end and slot.ends_at > start and slot.is_bookable]
    assert found.numbers == {
        Count.BOOKED: sum(booking.status in stand for booking in of_day),
        Count.ARRIVED: sum(booking.arrived_at is not None for booking in of_day),
        Count.NO_SHOW: sum(booking.status == Status.NO_SHOW for booking in of_day),
        Count.PENDING: sum(booking.status == Status.PENDING for booking in of_day),
        Count.RESCUE: sum(booking.pk in lost for booking in of_day),
        Count.FREE: len(free),
    }
    shown = [key for column in found.columns for entry in column.entries for key in (it.pk for it in entry.bookings)]
    assert len(shown) == len(set(shown))
    pending = Booking.objects.filter(status=Status.PENDING, slot__expert__organization=organization)
    assert found.waiting.count == pending.count()


def test_the_number_of_queries_does_not_grow():
    organization, category = make_organization(), make_category()
    user = make_member(organization)

    def queries() -> int:
        reach = reach_of(user)
        with asked_of_database() as asked:
            experts = choose_columns(experts_to_choose(reach, organization, DAY), ())
            read_day(organization=organization, experts=experts, day=DAY, now=timezone.now(), reach=reach)
        return asked.statements

    counts = []
    for n in range(3):
        expert = make_expert(organization=organization, category=category, name=f"Expert {n}")
        TimeOff.objects.create(expert=expert, first_day=DAY, last_day=DAY, from_time=time(15))
        for slot in make_row_of_slots(expert, start="09:00", end="11:00", minutes=30, day=DAY, capacity=2).values():
            make_booking(slot)
        counts.append(queries())
    assert counts == [counts[0]] * 3
    assert counts[0] <= 9
    assert Expert.objects.count() == 3
