"""Tell search engines which pages there are to find, and which addresses lead them nowhere (sitemaps.org, RFC 9309)."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from experts.addresses import absolute_url
from experts.models import Expert, Organization

MOST_PAGES = 50_000  # in one file, as the protocol has it
MOST_FILES = 1_000  # that are asked of the database
AT_ONCE = 5_000  # rows read from the database
HOUR = 3600  # seconds; who asks again within it has the answer already
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'

# What belongs to one visitor or to staff, changes something, or shows in a frame what has a page of its own.
NOT_TO_VISIT = ("/account/", "/admin/", "/api/", "/bookings/", "/embed/", "/feeds/", "/preferences/", "/slots/")


@require_safe
@cache_control(public=True, max_age=HOUR)
def robots(request):
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in NOT_TO_VISIT), f"Allow: {reverse('api:openapi-view')}"]
    return HttpResponse("\n".join([*lines, "", f"Sitemap: {absolute_url('sitemap')}", ""]), content_type="text/plain")


# What is listed, by the name in the address of its file, and the name of the page's address.
LISTED: dict[str, tuple[Callable[[], QuerySet[Any]], str]] = {
    "organizations": (lambda: Organization.objects.filter(is_active=True), "organization"),
    "experts": (Expert.objects.active, "expert"),
}


@require_safe
@cache_control(public=True, max_age=HOUR)
def index(request):
    """Lead to the files, of which each lists the next MOST_PAGES by id."""
    files = (
        absolute_url("sitemap_section", kind, number)
        for kind, (rows, _page) in LISTED.items()
        for number in range(1, -(-rows().count() // MOST_PAGES) + 1)
    )
    found = "".join(f"<sitemap><loc>{url}</loc></sitemap>\n" for url in files)
    content = f"{HEAD}<sitemapindex {NAMESPACE}>\n{found}</sitemapindex>\n"
    return HttpResponse(content, content_type="application/xml")


@require_safe
@cache_control(public=True, max_age=HOUR)
def section(request, kind: str, number: int):
    """List the pages of one file. Streamed and read in turns, so that memory does not grow with how many there are."""
    if kind not in LISTED or not 0 < number <= MOST_FILES:
        raise Http404
    rows, page = LISTED[kind]
    first = (number - 1) * MOST_PAGES
    start = next(iter(rows().order_by("pk").values_list("pk", flat=True)[first : first + 1]), None)
    if start is None:
        raise Http404
    # Built once: to reverse the address of each page would take longer than to read it. Slugs need no escaping.
    before, after = absolute_url(page, "SLUG").split("SLUG")
    lines = (f"<url><loc>{before}{slug}{after}</loc></url>\n" for slug in _slugs(rows(), start))
    content = chain([f"{HEAD}<urlset {NAMESPACE}>\n"], lines, ["</urlset>\n"])
    return StreamingHttpResponse(content, content_type="application/xml")


def _slugs(rows: QuerySet[Any], start: int) -> Iterator[str]:
    """Yield the slugs of a file's rows, which begin with the id ``start``."""
    ordered, left = rows.order_by("pk").values_list("pk", "slug"), MOST_PAGES
    while found := list(ordered.filter(pk__gte=start)[: min(AT_ONCE, left)]):
        yield from (slug for _pk, slug in found)
        start, left = found[-1][0] + 1, left - len(found)
