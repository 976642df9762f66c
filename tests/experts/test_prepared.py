"""Prepared queries: the rows of the queryset, its SQL put together once."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.db.models import F, QuerySet

from experts.models import Expert, Slot
from experts.prepared import PreparedQuery, PreparedValues
from tests.cast import make_expert, make_slot
from tests.concurrency.contention import run_together

pytestmark = pytest.mark.django_db
made = []


@PreparedQuery
def slots_of(slug: str, capacity: int) -> QuerySet[Slot]:
    made.append((slug, capacity))
    slots = Slot.objects.select_related("expert").only("capacity", "expert__slug").order_by("starts_at")
    return slots.filter(expert__slug=slug, capacity__gte=capacity, is_closed=False).annotate(zone=F("expert__timezone"))


@PreparedQuery
def forgetful(slug: str, capacity: int) -> QuerySet[Slot]:
    return Slot.objects.filter(expert__slug=slug)


def test_gives_the_rows_with_what_the_queryset_joins_annotates_and_defers(django_assert_num_queries):
    one, two = make_expert(timezone="Europe/Berlin"), make_expert()
    late = make_slot(one, at="15:00", capacity=2)
    early = make_slot(one, at="09:00", capacity=3)
    make_slot(one, at="11:00", capacity=1)
    make_slot(one, at="12:00", capacity=4, is_closed=True)
    other = make_slot(two, capacity=5)
    with django_assert_num_queries(2):
        rows = slots_of(one.slug, 2)
        assert rows == [early, late]
        assert [(row.capacity, row.expert.slug, row.zone) for row in rows] == [
            (3, one.slug, "Europe/Berlin"),
            (2, one.slug, "Europe/Berlin"),
        ]
        assert slots_of(capacity=2, slug=two.slug) == [other]
    with django_assert_num_queries(1):
        assert rows[0].date == early.date, "what was left out is read when it is asked for"


@PreparedValues
def capacities(slug: str, first: date, ids: list[int]) -> QuerySet:
    slots = Slot.objects.filter(expert__slug=slug, date__gte=first, pk__any_of=ids).order_by("starts_at")
    return slots.values_list("pk", "expert__slug").annotate(more=F("capacity") + 1)


def test_values_come_as_tuples_what_is_annotated_last(django_assert_num_queries):
    early, late = make_slot(at="09:00", capacity=3), make_slot(at="15:00")
    slug, day = early.expert.slug, early.date
    with django_assert_num_queries(4):
        assert capacities(slug, day, [early.pk, late.pk]) == [(early.pk, slug, 4)]
        assert capacities(slug, day, []) == []
        assert capacities(slug, day + timedelta(days=1), [early.pk]) == []
        assert capacities(late.expert.slug, day, [early.pk, late.pk]) == [(late.pk, late.expert.slug, 2)]


def test_values_are_values_and_never_sql():
    make_slot()
    assert slots_of("' OR true --", 1) == []
    assert slots_of("100%s", 1) == []


def test_it_is_put_together_once():
    make_slot()
    slots_of("a", 1)
    before = len(made)
    slots_of("b", 2)
    assert len(made) == before


def test_a_value_that_the_query_does_not_use_is_a_mistake():
    with pytest.raises(AssertionError, match="capacity"):
        forgetful("a", 1)


@pytest.mark.django_db(transaction=True)
def test_threads_share_it_each_with_its_connection():
    experts = [make_expert() for _ in range(8)]
    for expert in experts:
        make_slot(expert)
    found = run_together(lambda n: [slots_of(experts[n].slug, 1)[0].expert for _ in range(20)][-1], count=8)
    assert found == experts
    assert all(isinstance(expert, Expert) for expert in found)


@PreparedQuery
def slots_among(slot_ids: list[int], titles: list[str]) -> QuerySet[Slot]:
    return Slot.objects.filter(pk__any_of=slot_ids, title__any_of=titles).order_by("pk")


def test_lists_of_any_length_are_one_parameter(django_assert_num_queries):
    slots = [make_slot(title=title) for title in ("First visit", "It's", "Class")]
    keys = [slot.pk for slot in slots]
    slots_among([], [])
    with django_assert_num_queries(3):
        assert slots_among(keys, ["It's", "Class"]) == slots[1:]
        assert slots_among(keys[:1], ["First visit", "{a,b}"]) == slots[:1]
        assert slots_among(keys, []) == []


def kept_plans() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%%experts_slot%%'")
        return [statement for (statement,) in cursor.fetchall()]


@pytest.fixture
def fresh_connection(transactional_db):
    """A connection that was asked nothing yet."""
    connection.close()
    connection.ensure_connection()
    return connection.connection


def test_postgresql_keeps_the_plan_and_not_what_it_found(fresh_connection):
    expert = make_expert()
    for capacity in range(1, 9):
        assert len(slots_of(expert.slug, 1)) == capacity - 1
        assert slots_of(expert.slug, capacity) == []
        make_slot(expert, capacity=capacity, at=f"{capacity + 8:02}:00")
    assert len([plan for plan in kept_plans() if "capacity" in plan and "timezone" in plan]) == 1


def test_a_short_list_is_planned_once_as_well(fresh_connection):
    for length in (1, 2, 3) * 5:
        slots_among(list(range(length)), ["First visit"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%%title%%'"
        )
        [(generic, custom)] = cursor.fetchall()
    assert generic >= 3 and custom <= 5


def test_no_plan_is_kept_where_that_is_turned_off(fresh_connection):
    fresh_connection.prepare_threshold = None  # DATABASE_PREPARED=off
    for _ in range(9):
        slots_of("a", 1)
    assert kept_plans() == []


def test_a_log_of_statements_has_the_sql_of_prepared_ones_too(fresh_connection, settings):
    settings.DEBUG = True  # as CaptureQueriesContext, only that the log is not emptied
    for _ in range(9):
        slots_of("a", 1)
    assert all('FROM "experts_slot"' in query["sql"] for query in connection.queries[-9:])


@PreparedValues
def halved(slug: str) -> QuerySet:
    return Slot.objects.filter(expert__slug=slug, title="50% off").values_list("pk")


def test_what_the_query_says_itself_is_known_when_it_is_planned(fresh_connection):
    """A plan for any value could not use the index of those that are 50% off."""
    slot = make_slot(title="50% off")
    for _ in range(9):
        assert halved(slot.expert.slug) == [(slot.pk,)]
    assert any("'50% off'" in plan and "$1" in plan and "$2" not in plan for plan in kept_plans())
