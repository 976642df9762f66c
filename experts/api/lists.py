"""Pages of lists whose cost does not grow with the tables."""

from django.db.models import QuerySet

PAGE_SIZE = 50
LAST_PAGE = 200
MOST_COUNTED = 1000


def count_of(rows: QuerySet) -> int:
    """How many rows there are, counted to 1000 and no further."""
    return rows.order_by()[:MOST_COUNTED].count()


def numbered(rows: QuerySet, page: int) -> list:
    """A page by its number, from 1."""
    return list(rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
