"""A slot's date and time are what the expert's clock shows at its start, whoever writes them."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction

from experts import services
from experts.errors import InvalidSlot, PreviewNeeded
from experts.models import Expert, Slot, WeeklyHours
from tests.cast import day_ahead, fresh, make_booking, make_expert, make_slot, when

pytestmark = pytest.mark.django_db
REFUSED = "slot_clock_shows_its_start"


@pytest.fixture
def expert():
    return make_expert()


def sql(statement, *params):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def assert_refused(write, *args):
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        write(*args)
    assert refused.value.__cause__.diag.constraint_name == REFUSED


def insert(expert, day, at, starts_at):
    sql(
        "INSERT INTO experts_slot (expert_id, date, time, starts_at, ends_at, title, capacity, is_closed,"
        " seats_held, seats_booked, version) VALUES (%s, %s, %s, %s, %s::timestamptz + interval '10 minutes',"
        " '', 1, false, 0, 0, 1)",
        *(expert.pk, day, at, starts_at, starts_at),
    )


@pytest.mark.parametrize(
    "change",
    [
        "date = date + 1",
        "time = time + interval '1 second'",
        "starts_at = starts_at - interval '1 hour'",
        "starts_at = starts_at - interval '1 hour', time = time - interval '2 hours'",
    ],
)
def test_raw_sql_changes_neither_without_the_other(change):
    slot = make_slot()
    assert_refused(sql, f"UPDATE experts_slot SET {change} WHERE id = %s", slot.pk)
    assert fresh(slot).version == slot.version


def test_raw_sql_moves_a_slot_as_a_whole():
    slot = make_slot()
    sql("UPDATE experts_slot SET starts_at = starts_at - interval '1 hour', time = time - interval '1 hour'")
    assert fresh(slot).starts_at == slot.starts_at - timedelta(hours=1)


def test_a_slot_is_no_slot_of_an_expert_elsewhere():
    slot = make_slot()
    elsewhere = make_expert(timezone="Asia/Kathmandu")
    assert_refused(sql, "UPDATE experts_slot SET expert_id = %s WHERE id = %s", elsewhere.pk, slot.pk)


# The nights of the changes: a time that is skipped, one that is repeated (its first and its second instant).
SKIPPED = [
    ("Europe/London", "2027-03-28", "01:30", "2027-03-28T01:30"),
    ("Europe/London", "2027-03-28", "01:30", "2027-03-28T00:30"),
    ("Australia/Lord_Howe", "2027-10-03", "02:15", "2027-10-02T15:45"),
]
REPEATED = [
    ("Europe/London", "2027-10-31", "01:30", "2027-10-31T00:30", "2027-10-31T01:30"),
    ("America/New_York", "2027-11-07", "01:00", "2027-11-07T05:00", "2027-11-07T06:00"),
    ("Australia/Lord_Howe", "2027-04-04", "01:45", "2027-04-03T14:45", "2027-04-03T15:15"),
    ("Antarctica/Troll", "2027-10-31", "01:30", "2027-10-30T23:30", "2027-10-31T01:30"),
]


@pytest.mark.parametrize(("zone", "day", "at", "starts_at"), SKIPPED)
def test_no_slot_is_at_a_time_that_the_clock_skips(zone, day, at, starts_at):
    assert_refused(insert, make_expert(timezone=zone), day, at, f"{starts_at}Z")


@pytest.mark.parametrize(("zone", "day", "at", "first", "second"), REPEATED)
def test_a_time_that_the_clock_repeats_means_the_first(zone, day, at, first, second):
    expert = make_expert(timezone=zone)
    assert_refused(insert, expert, day, at, f"{second}Z")
    insert(expert, day, at, f"{first}Z")
    assert_refused(sql, "UPDATE experts_slot SET starts_at = %s, ends_at = %s", f"{second}Z", "2027-12-01")


# PostgreSQL has data about time zones of its own. Where rules have changed, they may differ from Python's.


def test_services_vouch_for_the_clock_of_the_zone_that_they_worked_with(expert):
    with transaction.atomic():
        services.add_slots(expert=expert, starts=[(day_ahead(), time(10))])
        assert setting("expertbook.zone") == expert.timezone
        # As if the rules had changed: an hour's difference that the database does not know.
        slot = expert.slots.get()
        sql("UPDATE experts_slot SET starts_at = starts_at + interval '1 hour', ends_at = ends_at + interval '1 hour'")
        assert fresh(slot).starts_at == slot.starts_at + timedelta(hours=1)


def test_they_vouch_for_no_other_zone(expert):
    """Somebody else changed it meanwhile."""
    Expert.objects.filter(pk=expert.pk).update(timezone="Asia/Tokyo")
    with pytest.raises(InvalidSlot, match="has changed meanwhile"):
        services.add_slots(expert=expert, starts=[(day_ahead(), time(10))])
    assert not expert.slots.exists()


@pytest.mark.django_db(transaction=True)
def test_they_vouch_for_one_transaction(expert):
    services.add_slots(expert=expert, starts=[(day_ahead(), time(10))])
    assert not setting("expertbook.zone")
    assert_refused(sql, "UPDATE experts_slot SET date = date + 1")


def setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s, true)", [name])
        return cursor.fetchone()[0]


def test_past_slots_keep_their_times_when_the_zone_changes():
    expert = make_expert()
    past = make_slot(expert, day=day_ahead(-100))
    Expert.objects.filter(pk=expert.pk).update(timezone="Asia/Tokyo")
    slot = Slot.objects.get(pk=past.pk)
    slot.title = "Written as a whole"
    slot.save()
    assert (fresh(slot).date, fresh(slot).time, fresh(slot).title) == (past.date, past.time, slot.title)


def test_a_booked_slot_keeps_its_instant_also_where_the_clock_shows_its_time_twice():
    day = next(day for n in range(2, 400) if _falls_back(day := day_ahead(n)))
    expert = make_expert(timezone="UTC", horizon_days=400)
    hours = WeeklyHours(
        weekday=day.weekday(), start=time(1), end=time(1, 30), slot_minutes=30, capacity=1, valid_from=day
    )
    save(lambda seen: services.apply_hours(expert_id=expert.pk, hours=[hours], seen=seen))
    slot = expert.slots.get(date=day)
    make_booking(slot)
    expert.refresh_from_db()
    expert.timezone = "Europe/London"
    save(lambda seen: services.save_expert(expert=expert, seen=seen))
    kept = fresh(slot)
    assert kept.starts_at == slot.starts_at
    assert (kept.date, f"{kept.time:%H:%M}") == (day, "01:00"), "shown for the second time"


def _falls_back(day: date) -> bool:
    zone = ZoneInfo("Europe/London")
    midnight, next_one = (datetime.combine(day + timedelta(days=n), time(0), zone) for n in (0, 1))
    return next_one.utcoffset() < midnight.utcoffset()


def save(write) -> None:
    """Write what has to be seen first."""
    try:
        write("")
    except PreviewNeeded as preview:
        write(preview.key)


def test_bookings_do_not_ask_for_the_zone():
    """Else each would pay for it: it counts seats, and the slot's start stays where it is."""
    slot = make_slot(capacity=2)
    Expert.objects.filter(pk=slot.expert_id).update(timezone="Asia/Tokyo")  # any check would refuse
    make_booking(slot)
    assert fresh(slot).seats_booked == 1


def test_slots_added_in_bulk_are_checked_too():
    expert = make_expert()
    starts = [datetime(2027, 7, 1, hour, tzinfo=UTC) for hour in (9, 10)]
    rows = [Slot(expert=expert, **when(expert, at), ends_at=at + timedelta(minutes=30)) for at in starts]
    rows[1].time = rows[0].time.replace(minute=1)
    assert_refused(Slot.objects.bulk_create, rows)
