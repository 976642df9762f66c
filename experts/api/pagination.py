"""Pages of lists whose cost does not grow with the tables."""

from collections.abc import Callable

from django.db.models import IntegerField, Model, QuerySet, Subquery

PAGE_SIZE = 50
LAST_PAGE = 200
MOST_COUNTED = 1000


def count_of(rows: QuerySet) -> int:
    """How many rows there are, counted to 1000 and no further."""
    return rows.order_by()[:MOST_COUNTED].count()


class CountOf(Subquery):
    """As ``count_of``, in a query of something else."""

    template = "(SELECT count(*) FROM (%(subquery)s) counted)"

    def __init__(self, rows: QuerySet) -> None:
        super().__init__(rows.order_by().values("pk")[:MOST_COUNTED], output_field=IntegerField())


def bounds(page: int) -> tuple[int, int]:
    """Which rows are on a page, by its number from 1: from the first to before the second."""
    return (page - 1) * PAGE_SIZE, page * PAGE_SIZE


def numbered(rows: QuerySet, page: int) -> list:
    """A page by its number, from 1."""
    first, end = bounds(page)
    return list(rows[first:end])


def numbered_by_key(rows: QuerySet, page: int) -> QuerySet:
    """As ``numbered``, in the order of the rows: what they refer to is read for those of the page only."""
    first, end = bounds(page)
    keys = rows.select_related(None).values("pk")[first:end]
    return rows.model._default_manager.filter(pk__in=keys).order_by(*rows.query.order_by)


def following(rows: QuerySet, cursor: Callable[[Model], object]) -> tuple[list, str | None]:
    """The first page of rows that were already cut to what follows a cursor; the cursor of the next page, if any."""
    page = list(rows[: PAGE_SIZE + 1])
    more = len(page) > PAGE_SIZE
    page = page[:PAGE_SIZE]
    return page, str(cursor(page[-1])) if more else None
