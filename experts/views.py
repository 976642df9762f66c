"""Show lists of experts. The page of one expert is in bookings/views/expert.py, as it shows the viewer's bookings.

A list is rendered once and kept for as long as what is read for each request is the same (experts/page_cache.py).
"""

import re
from datetime import datetime
from urllib.parse import urlencode

from csp.constants import NONE
from csp.decorators import csp_replace
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from experts.crowds import FreshReads
from experts.discovery import PAGE_SIZE, Listing, cards, read_listing
from experts.embedding import frame_query, let_frame
from experts.filters import FILTERS, PARTS, Query, days_to_choose
from experts.htmx import is_partial
from experts.metadata import of_listing
from experts.models import Organization
from experts.models.expert import LANGUAGES, Venue
from experts.page_cache import PAGES, Page, render_shared
from experts.parts_of_day import PARTS_OF_DAY
from experts.replicas import may_read_replica, reading
from experts.scheduling.anyone import types_to_choose
from experts.scheduling.listed_starts import starts_of_cards

KEPT_SECONDS = 365 * 24 * 3600  # of pictures: another one has another name
_PICTURE = re.compile(r"(experts|logos)/\d{1,19}/[0-9a-f]{32}-\d{1,4}(x\d{1,4})?\.(webp|png)", re.ASCII)


@require_safe
@may_read_replica
def discover(request):
    """Show the experts of all organisations, searched, filtered and paged by the address."""
    return _list(request, None, reverse("discover"))


@require_safe
@may_read_replica
def organization(request, slug):
    """Show one organisation's experts, in its accent."""
    found = get_object_or_404(Organization, slug=slug, is_active=True)
    return _list(request, found, reverse("organization", args=[slug]))


@require_safe
def embed_organization(request, slug):
    """Show one organisation's experts for a frame on its own site."""
    found = get_object_or_404(Organization, slug=slug, is_active=True)
    frame = frame_query(request)
    response = _list(request, found, reverse("embed_organization", args=[slug]), "embed/organization.html", frame)
    return let_frame(response, found.embed_origins)


@require_safe
@cache_control(public=True, max_age=KEPT_SECONDS, immutable=True)
@csp_replace({"default-src": [NONE], "sandbox": True})
def picture(request, name):
    """Answer with a photo or a logo that was made here (experts/pictures.py), and with no other file there may be."""
    if not _PICTURE.fullmatch(name):
        raise Http404
    try:
        with default_storage.open(name) as file:
            content = file.read()
    except FileNotFoundError:
        raise Http404 from None
    return HttpResponse(content, content_type=f"image/{name.rpartition('.')[2]}")


def _list(request, organization, base_url, template="experts/discover.html", frame: dict[str, str] | None = None):
    if any(not value for name in FILTERS for value in request.GET.getlist(name)):
        return _without_empty_fields(request, base_url)
    template = "experts/_results.html" if is_partial(request) else template
    # Read after the request has come, by this one or another that came at the same moment and looks for the same.
    asked = (organization and organization.pk, request.META["QUERY_STRING"], request.zone, get_language(), reading())
    listing, now = _LISTINGS.get(asked, lambda: _read(request, organization))
    types = () if organization is None else types_to_choose(organization)
    # The organisation is read for each request anyway; name, accent, logo and origins are all that pages show of it.
    shown = organization and (
        organization.pk,
        organization.name,
        organization.accent,
        organization.logo.name,
        tuple(organization.embed_origins),
        types,
    )
    of_frame = None if frame is None else tuple(frame.items())
    key = (template, base_url, listing.query, listing.number, request.zone, of_frame, get_language())

    def make() -> Page:
        starts = starts_of_cards(listing.with_types, request.zone, now)
        times = listing.query.times(request.zone, now)
        found, until = cards(listing.rows, listing.open_counts, request.zone, now, starts, times)
        if starts and listing.query.sort == "soonest":
            # They were put in order by their slots, of which not each is a start.
            found.sort(key=lambda card: (card.next_slot is None, card.next_slot and card.next_slot.starts_at))
        html = render_shared(
            template, _context(listing, found, organization, base_url, frame) | {"types": types}, request.zone
        )
        return Page.of(html, (listing, shown), now, until)

    # What one person looks for is not worth the room of what many look at.
    page = make() if listing.query.search else PAGES.get(key, (listing, shown), make)
    return page.response(request, {})


_LISTINGS = FreshReads[tuple[Listing, datetime]]()


def _read(request, organization) -> tuple[Listing, datetime]:
    now = timezone.now()
    return read_listing(request, organization, request.zone, now), now


def _without_empty_fields(request, base_url: str) -> HttpResponseRedirect:
    """A form without script sends all its fields. Addresses that people share carry only what was chosen."""
    given = [(name, value) for name, values in request.GET.lists() for value in values]
    chosen = [it for it in given if it[1] and it != ("sort", Query.sort)]
    return HttpResponseRedirect(f"{base_url}?{urlencode(chosen)}" if chosen else base_url)


def _context(listing: Listing, found, organization, base_url: str, frame: dict[str, str] | None) -> dict:
    paginator = Paginator(range(listing.count), PAGE_SIZE)
    page = paginator.page(listing.number)
    page.object_list = found
    by_visitor = [card for card in found if not card.clocks.is_of_place]
    is_first = page.number == 1 and page.paginator.count > 1 and listing.query.sort == "soonest"
    context = {
        "query": listing.query,
        "soonest": found[0] if found and is_first and found[0].next_slot else None,
        "base_url": base_url,
        "organization": organization,
        "organizations": listing.organizations,
        "cities": listing.cities if len(listing.cities) > 1 else (),
        "categories": listing.categories,
        "total": listing.total,
        "page": page,
        "is_least": listing.is_least,
        "page_range": paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
        # Before the visitor's zone is known: by which clocks the times are, and whether some will be by the visitor's.
        "clocks": " ".join(sorted({card.expert.timezone for card in found} | {timezone.get_default_timezone_name()})),
        "by_visitor": bool(by_visitor or listing.query.when or listing.query.part),
        "meant": listing.meant,
        "ways_out": listing.ways_out,
        "days": days_to_choose(listing.query, listing.today),
        "languages": LANGUAGES,
        "venues": [
            (Venue.IN_PERSON, _("In person"), Venue.IN_PERSON.icon),
            (Venue.VIDEO, _("Video"), Venue.VIDEO.icon),
            (Venue.PHONE, _("Phone"), Venue.PHONE.icon),
        ],
        "parts": [(part.value, part.name, part.icon) for part in PARTS_OF_DAY if part.value in PARTS],
    }
    if frame is not None:
        context |= {"embedded": True, "frame_query": frame}
    else:
        named = next((it for it in listing.organizations if it.slug == listing.query.organization), None)
        context["metadata"] = of_listing(listing.query, listing.number, listing.categories, organization or named)
    if organization is not None:
        context["accent"] = organization.accent
    return context
