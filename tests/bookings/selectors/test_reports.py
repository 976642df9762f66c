"""What reports count, held against the plainest count there is: a loop over all rows."""

import random
from collections import Counter
from datetime import date, time, timedelta
from statistics import median

import pytest
from django.utils import timezone

from bookings.models import Booking, Status, TurnedAway, WaitlistEntry
from bookings.selectors import reports
from bookings.selectors.reports import Figures, Scope
from experts.models import Slot
from tests.cast import make_booking, make_expert, make_organization, make_session_type, make_slot
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db
FIRST, LAST = date(2026, 9, 7), date(2026, 9, 20)
BEFORE = FIRST - timedelta(days=14)


def a_life(dice: random.Random) -> list:
    """Experts in far zones with slots around the edges of the period, and whatever can become of them."""
    house = make_organization()
    zones = ["Pacific/Kiritimati", "Europe/London", "Pacific/Pago_Pago"]
    experts = [make_expert(organization=house, timezone=zone, name=f"Expert {zone}") for zone in zones]
    kinds = [None, make_session_type(house, *experts, minutes=20)]
    for expert in experts:
        for _number in range(14):
            day = BEFORE - timedelta(days=2) + timedelta(days=dice.randrange(32))
            at = f"{dice.randrange(24):02}:{dice.choice(['00', '30'])}"
            if Slot.objects.filter(expert=expert, date=day, time=at).exists():
                continue
            slot = make_slot(expert, day=day, at=at, capacity=dice.randint(1, 5), minutes=dice.choice([20, 30]))
            for _each in range(dice.randint(0, slot.capacity)):
                kind = dice.choice(kinds)
                of_type = {"session_type": kind} if kind else {}
                if kind:
                    of_type |= {
                        "session_ends_at": slot.starts_at + timedelta(minutes=20),
                        "agreed": kind.terms.as_json(),
                    }
                booking = make_booking(slot, status=dice.choice(list(Status)), **of_type)
                made = slot.starts_at - timedelta(hours=dice.randint(-5, 900))
                came = slot.starts_at if booking.status == Status.CONFIRMED and dice.random() < 0.5 else None
                Booking.objects.filter(pk=booking.pk).update(created_at=made, arrived_at=came)
            if dice.random() < 0.2:
                Slot.objects.filter(pk=slot.pk).update(is_closed=True)
            for _each in range(dice.randint(0, 2)):
                TurnedAway.objects.create(slot=slot, reason="full", source="web", people=dice.randint(1, 9))
                name = f"wait{dice.randrange(10**9)}@example.com"
                status = dice.choice([WaitlistEntry.Status.WAITING, WaitlistEntry.Status.UNPROVEN])
                WaitlistEntry.objects.create(slot=slot, name="W", email=name, status=status)
    return experts


def brute(scope: Scope, keep=lambda slot: True, *, kind=...) -> Figures:
    """Count by hand what ``reports`` has PostgreSQL count."""
    figures, leads = Figures(), []
    for slot in Slot.objects.select_related("expert"):
        if slot.expert_id not in scope.experts or not scope.first <= slot.date <= scope.last or not keep(slot):
            continue
        minutes = int((slot.ends_at - slot.starts_at).total_seconds() / 60)
        taken = 0
        for booking in slot.bookings.all():
            if booking.status in ("PENDING", "CONFIRMED", "COMPLETED", "NO_SHOW"):
                taken += booking.seats
            if kind is not ... and booking.session_type_id != kind:
                continue
            if booking.status in ("CONFIRMED", "COMPLETED", "NO_SHOW", "CANCELLED"):
                figures.booked += 1
                leads.append(max(slot.starts_at - booking.created_at, timedelta(0)))
            came = booking.status == "CONFIRMED" and booking.arrived_at is not None
            figures.attended += booking.status == "COMPLETED" or came
            figures.no_shows += booking.status == "NO_SHOW"
            figures.cancelled += booking.status == "CANCELLED"
        figures.offered += minutes * (taken if slot.is_closed else slot.capacity)
        figures.used += minutes * taken
        figures.turned_away += sum(row.people for row in slot.turned_away.all())
    figures.lead = median(leads) if leads else None
    return figures


@pytest.mark.parametrize("seed", range(4))
def test_all_numbers_are_those_of_a_plain_count(seed):
    experts = a_life(random.Random(seed))
    make_booking(make_slot(day=FIRST))  # somebody else's
    scope = Scope([expert.pk for expert in experts[: 2 + seed % 2]], FIRST, LAST)
    before = Scope(scope.experts, BEFORE, FIRST - timedelta(days=1))
    report = reports.read_report(scope, before)
    assert report.total == brute(scope)
    assert report.before == brute(before)
    assert report.total.booked, "nothing was counted"
    by_expert = {pk: brute(scope, lambda slot, pk=pk: slot.expert_id == pk) for pk in scope.experts}
    assert report.rows == {pk: figures for pk, figures in by_expert.items() if figures != Figures()}
    days = [FIRST + timedelta(days=n) for n in range(14)]
    by_day = {day: brute(scope, lambda slot, day=day: slot.date == day) for day in days}
    assert reports.rows_by(scope, "day") == {day: figures for day, figures in by_day.items() if figures != Figures()}
    by_type = reports.rows_by(scope, "type")
    for kind, figures in by_type.items():
        wanted = brute(scope, kind=kind)
        assert [figures.booked, figures.attended, figures.lead] == [wanted.booked, wanted.attended, wanted.lead]
    assert sum(figures.booked for figures in by_type.values()) == report.total.booked
    for (weekday, hour), cell in report.heat.items():
        here = brute(scope, lambda slot, w=weekday, h=hour: (slot.date.isoweekday(), slot.time.hour) == (w, h))
        assert (cell.offered, cell.used) == (here.offered, here.used)
    assert sum(cell.used for cell in report.heat.values()) == report.total.used
    assert sum(demand.people for demand in report.demand) == report.total.turned_away
    wanted = Counter()
    for row in TurnedAway.objects.filter(slot__expert__in=scope.experts, slot__date__range=(FIRST, LAST)):
        wanted[row.slot.expert_id, row.slot.date.isoweekday(), row.slot.time.hour] += row.people
    for demand in report.demand:
        hours = range(demand.first_hour, demand.last_hour + 1)
        assert demand.people == sum(wanted[demand.expert_id, demand.weekday, hour] for hour in hours)
        assert all(wanted[demand.expert_id, demand.weekday, hour] for hour in hours)
        assert not wanted[demand.expert_id, demand.weekday, demand.first_hour - 1]
        assert not wanted[demand.expert_id, demand.weekday, demand.last_hour + 1]


def test_the_number_of_queries_depends_on_nothing():
    counts = []
    for _number in range(2):
        experts = a_life(random.Random(7))
        scope = Scope([expert.pk for expert in experts], FIRST, LAST)
        with asked_of_database() as asked:
            reports.read_report(scope, scope)
        counts.append(asked.statements)
    assert counts == [10, 10], asked


def test_a_time_to_add_is_the_first_gap_from_the_wanted_hour_on():
    expert = make_expert(session_minutes=30)
    today = expert.today(timezone.now())
    day = reports._next(today, 4)
    assert day.isoweekday() == 4 and today < day <= today + timedelta(days=7)
    for at in ("16:00", "16:40"):
        make_slot(expert, day=day, at=at, minutes=30)
    demand = reports.Demand(expert.pk, 4, 16, 17, 5)
    assert reports.where_to_add([(expert, demand)], {expert.pk: today}) == [(day, time(17, 10))]
    late = reports.Demand(expert.pk, 4, 23, 23, 5)
    make_slot(expert, day=day, at="23:00", minutes=45)
    assert reports.where_to_add([(expert, late)], {expert.pk: today}) == [(day, None)]
