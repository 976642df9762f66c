"""Keep the public lists as JSON, as pages are kept (experts/page_cache.py): each request reads their version first."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from pydantic import BaseModel

from experts.api.pagination import CountOf, bounds
from experts.free_starts import first_starts, with_next_start
from experts.models import Category, Expert, Organization
from experts.page_cache import PAGES, Page
from experts.prepared import PreparedValues
from experts.selectors import row_version, slots_version


def kept_json(
    request: HttpRequest, key: Hashable, version: Hashable, make: Callable[[datetime], tuple[BaseModel, datetime]]
) -> HttpResponse:
    """Return the answer that is kept of this version; else what ``make`` makes of what there is at an instant.

    ``make`` returns with it the next instant at which time alone changes the answer.
    """

    def make_page() -> Page:
        now = timezone.now()
        answer, until = make(now)
        return Page.of(answer.model_dump_json(), version, now, until)

    page = PAGES.get(key, version, make_page)
    return HttpResponse(page.filled(request, {}), content_type="application/json; charset=utf-8")


def experts_of(category: str | None, organization: str | None) -> QuerySet[Expert]:
    """Return those who can be booked, in the order in which they were added."""
    experts: QuerySet[Expert] = Expert.objects.active().order_by("pk")
    # By keys, which are read first: PostgreSQL knows then that an index has the order.
    if category:
        experts = experts.filter(category=Subquery(Category.objects.filter(slug=category).values("pk")[:1]))
    if organization:
        experts = experts.filter(organization=Subquery(Organization.objects.filter(slug=organization).values("pk")[:1]))
    return experts


_HAS_TYPES = 4  # of the columns that are read of an expert


@dataclass(frozen=True)
class ExpertsVersion:
    """What a page of experts is made of. ``count``: of all pages, as ``count_of`` says it."""

    rows: tuple[Any, ...]
    starts: tuple[tuple[int, datetime | None], ...] = ()  # of those with session types

    @property
    def count(self) -> int:
        count: int = self.rows[0][-1]
        return count


def experts_version(category: str | None, organization: str | None, page: int) -> ExpertsVersion | None:
    """Read the version of a page of ``experts_of``, with when each is free next. None of an empty one."""
    rows = tuple(_experts_versions(category, organization, *bounds(page))())
    starts = first_starts([row[0] for row in rows if row[_HAS_TYPES]])
    return ExpertsVersion(rows, tuple(starts.items())) if rows else None


@lru_cache(maxsize=200)
def _experts_versions(category: str | None, organization: str | None, first: int, end: int) -> PreparedValues[[], Any]:
    def versions() -> QuerySet[Any]:
        experts = experts_of(category, organization)
        # The slugs are read so that their tables are joined.
        columns = ("pk", "organization__slug", "category__slug", "next_slot_at", "has_types")
        # Those of the page first, along an index: else PostgreSQL would join all of an organisation, and sort them.
        page = Expert.objects.filter(pk__any_of=ArraySubquery(experts.values("pk")[first:end])).order_by("pk")
        listed: QuerySet[Any] = with_next_start(page).values_list(*columns)
        versioned: QuerySet[Any] = listed.annotate(
            expert_version=row_version(Expert),
            organization_version=row_version(Organization),
            category_version=row_version(Category),
            count=CountOf(experts),
        )
        return versioned

    return PreparedValues(versions)


@PreparedValues
def expert_slots_version(slug: str, first: date, last: date) -> QuerySet[Any]:
    """The version of an active expert's slots on these days; no row when there is no such expert."""
    experts: QuerySet[Any] = Expert.objects.active().filter(slug=slug).values_list("pk", "organization__slug")
    versioned: QuerySet[Any] = experts.annotate(
        expert_version=row_version(Expert),
        organization_version=row_version(Organization),
        slots_version=slots_version(first, last),
    )
    return versioned
