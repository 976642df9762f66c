"""With many experts and slots, pages are read along indexes: no growing table from end to end, no long sort.

A few thousand of each are enough for PostgreSQL to choose as it does for millions (`python -m bench.size`).
"""

import pytest
from django.db import connection

from bench.size import looks, staff
from bench.size.fill import LARGE, Size, insert
from bench.size.plans import cost_of, explain, nodes_of, recorded
from bookings.models import Booking, Notification, Status, TurnedAway, WaitlistEntry
from bookings.selectors.booking_search import found_among
from experts.models import Category, Expert, Organization, Slot, TimeOff, User
from experts.ordering import MOST_LISTED, Selection
from tests.database import lasting_rows, renew

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
SIZE = Size(experts=4000, slots=60_000, bookings=18_000)
# A few thousand experts are searched as quickly from end to end, for a language that all speak, too; by name on a day
# all are put in order who are free then. At an hour that few offer many slots are passed over. What is looked at each
# hour may take its time. The map of the site counts all whom it names, at this size from end to end.
LEFT_OUT = (
    "search",
    "experts free today, soonest, 6th page",  # depends on the hour, and with these few thousand on nothing else
    "experts free today, name",
    "experts free tomorrow, name",
    "experts of a category free tomorrow, name",
    "experts by video free tomorrow morning, name",
    "experts of a frequent language",
    "experts free in an evening",
    "sitemap",
    "sweep, clean-up",
    "sweep, horizons",
)


@pytest.fixture(scope="module")
def _lasting_rows(django_db_setup, django_db_blocker):
    """The same for all tests of this file: to make them takes longer than most of these."""
    with lasting_rows(django_db_blocker):
        renew(Expert)
        insert(SIZE, lambda _text: None)
        with connection.cursor() as cursor:
            rest = (
                "experts_organization, experts_category, experts_timeoff, bookings_turnedaway, bookings_waitlistentry"
            )
            cursor.execute(f"ANALYZE {', '.join(LARGE)}, {rest}")
        yield


@pytest.fixture
def filled(_lasting_rows, db):
    """So many rows that PostgreSQL plans as it does for millions. What a test does to them is undone."""


def test_an_organisation_is_the_same_in_a_database_of_any_size(db):
    def rows_of_it() -> list[int]:
        mine = Booking.objects.filter(of_organization__slug=staff.ORGANIZATION)
        experts = Expert.objects.filter(organization__slug=staff.ORGANIZATION)
        ways = (TimeOff, "expert"), (Slot, "expert"), (TurnedAway, "slot__expert"), (WaitlistEntry, "slot__expert")
        others = [model.objects.filter(**{f"{way}__in": experts}).count() for model, way in ways]
        by_status = [mine.filter(status=status).count() for status in Status]
        return [experts.count(), Notification.objects.filter(booking__in=mine).count(), *others, *by_status]

    counted = []
    for times in (1, 2):
        renew(Expert, Organization, Category, User)
        insert(Size(experts=100 * times, slots=5_000 * times, bookings=1_500 * times), lambda _text: None)
        counted.append(rows_of_it())
    assert counted[0] == counted[1]
    assert min(counted[0][:5]) > 0


def indexes_of(ask) -> set[str]:
    """The indexes that PostgreSQL reads for what is asked."""
    with recorded() as asked:
        ask()
    plans = [explain(sql, parameters) for sql, parameters in asked]
    return {node["Index Name"] for plan in plans for node in nodes_of(plan) if "Index Name" in node}


def test_pages_read_no_growing_table_and_sort_no_more_than_a_page(filled):
    everybody = Selection(Expert.objects.active(), MOST_LISTED + 1, is_all=True)
    assert "slot_open_by_start_day_time" in indexes_of(lambda: everybody.soonest(9))
    assert "expert_in_order" in indexes_of(lambda: everybody.by_name(9))
    asked = [*looks.discovery(), *looks.pages(), *looks.sweeps()]
    costs = {name: cost_of(look) for name, look in asked if not name.startswith(LEFT_OUT) and "last page" not in name}
    assert len(costs) > 20
    assert {name: cost.faults for name, cost in costs.items() if cost.faults} == {}


# Blocks, by what somebody of staff looks at: about half as many again as there are today.
ENOUGH = {
    "superuser, Bookings that are rejected (none)": 180,
    "superuser, Feeds": 175,
    "owner, Bookings of this week": 1100,
    "owner, Turned away": 250,
    "owner, E-mails": 850,
    "owner, Waitlist": 160,
    "owner, Feeds": 135,
    "owner, Requests": 150,
    "expert, Today": 650,
    "staff API, bookings of a day": 560,
    "staff API, time off": 90,
}


def test_staff_pay_for_what_is_theirs_and_not_for_what_all_others_have(filled):
    asked = [(name, look) for name, look in (*staff.admin(), *staff.api()) if name in ENOUGH]
    costs = {name: cost_of(look) for name, look in asked}
    assert costs.keys() == ENOUGH.keys()
    assert {name: cost.blocks for name, cost in costs.items() if cost.blocks > ENOUGH[name]} == {}
    assert {name: cost.faults for name, cost in costs.items() if cost.faults} == {}


def test_a_list_of_a_large_organisation_does_not_read_the_slots_of_all_its_experts(filled):
    [look] = [look for name, look in staff.admin() if name == "large organisation's owner, Bookings"]
    assert cost_of(look).blocks < 2500


def test_an_expert_pays_for_the_own_bookings_and_not_for_what_all_others_are_asked(filled):
    asked = [(name, look) for name, look in staff.admin() if name in ("expert, Requests", "expert, Bookings")]
    costs = {name: cost_of(look).blocks for name, look in asked}
    assert len(costs) == 2
    assert max(costs.values()) < 900, costs  # 1,713 where each request reads all the own bookings again


def test_a_search_for_what_thousands_share_reads_neither_all_of_them_nor_all_bookings(filled):
    names = ("owner, Bookings by a frequent name", "owner, Requests by name", "owner, Day, found by a frequent name")
    costs = {name: cost_of(look).blocks for name, look in staff.admin() if name in names}
    assert len(costs) == 3
    assert max(costs.values()) < 3000, costs
    everywhere = {name: found_among(Booking.objects.all(), name) for name in ("karim", "karim aa")}
    assert [found.is_part for found in everywhere.values()] == [True, False]
    for name in everywhere:
        assert cost_of(lambda name=name: found_among(Booking.objects.all(), name)).blocks < 1000


def test_what_is_looked_for_each_minute_is_found_by_indexes_of_little_else(filled):
    asked = {name: look for name, look in looks.sweeps() if name in ("sweep, finished ever", "sweep, waited for")}
    assert set().union(*map(indexes_of, asked.values())) >= {"booking_over", "slot_waited_for"}
    costs = {name: cost_of(look).blocks for name, look in asked.items()}
    assert max(costs.values()) < 50, costs


def test_slots_of_all_are_listed_without_looking_up_the_expert_of_each(filled):
    [look] = [look for name, look in looks.api() if name == "API, slots, 20th page"]
    with recorded() as asked:
        look()
    nodes = [node for sql, parameters in asked for node in nodes_of(explain(sql, parameters))]
    assert "slot_by_start_and_day" in {node.get("Index Name") for node in nodes}
    of_experts = [node["Actual Loops"] for node in nodes if node.get("Relation Name") == "experts_expert"]
    assert max(of_experts) <= 50, of_experts
