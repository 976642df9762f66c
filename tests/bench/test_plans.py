"""With many experts and slots, pages are read along indexes: no growing table from end to end, no long sort.

A few thousand of each are enough for PostgreSQL to choose as it does for millions (`python -m bench.size`).
"""

import pytest
from django.db import connection

from bench.size import looks, staff
from bench.size.fill import LARGE, Size, insert
from bench.size.plans import cost_of, explain, nodes_of, recorded
from experts.models import Expert
from experts.ordering import MOST_LISTED, Selection
from tests.database import renew

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
    "sweep, finished ever",
    "sweep, horizons",
)


@pytest.fixture
def filled():
    renew(Expert)
    insert(SIZE, lambda _text: None)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(LARGE)}, experts_organization, experts_category")


def indexes_of(ask) -> set[str]:
    """The indexes that PostgreSQL reads for what is asked."""
    with recorded() as asked:
        ask()
    plans = [explain(sql, parameters) for sql, parameters in asked]
    return {node["Index Name"] for plan in plans for node in nodes_of(plan) if "Index Name" in node}


def test_pages_read_no_growing_table_and_sort_no_more_than_a_page(filled):
    everybody = Selection(Expert.objects.active(), MOST_LISTED + 1, is_all=True)
    assert "slot_open_by_start_and_day" in indexes_of(lambda: everybody.soonest(9))
    assert "expert_in_order" in indexes_of(lambda: everybody.by_name(9))
    asked = [*looks.discovery(), *looks.pages(), *looks.sweeps()]
    costs = {name: cost_of(look) for name, look in asked if not name.startswith(LEFT_OUT) and "last page" not in name}
    assert len(costs) > 20
    assert {name: cost.faults for name, cost in costs.items() if cost.faults} == {}


def test_an_expert_pays_for_the_own_bookings_and_not_for_what_all_others_are_asked(filled):
    asked = [(name, look) for name, look in staff.admin() if name in ("expert, Requests", "expert, Bookings")]
    costs = {name: cost_of(look).blocks for name, look in asked}
    assert len(costs) == 2
    assert max(costs.values()) < 900, costs  # 1,713 where each request reads all the own bookings again
