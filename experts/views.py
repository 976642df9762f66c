"""Show lists of experts. The page of one expert is in bookings/views/expert.py, as it shows the viewer's bookings."""

from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from experts.discovery import Query, cards, filters
from experts.embedding import frame_query, let_frame
from experts.htmx import is_partial
from experts.models import Organization

PAGE_SIZE = 9


@require_safe
def discover(request):
    """Show the experts of all organisations, searched, filtered and paged by the address."""
    return _list(request, None, reverse("discover"))


@require_safe
def organization(request, slug):
    """Show one organisation's experts, in its accent."""
    found = get_object_or_404(Organization, slug=slug, is_active=True)
    return _list(request, found, reverse("organization", args=[slug]))


@require_safe
def embed_organization(request, slug):
    """Show one organisation's experts for a frame on its own site."""
    found = get_object_or_404(Organization, slug=slug, is_active=True)
    frame = {"embedded": True, "frame_query": frame_query(request)}
    response = _list(request, found, reverse("embed_organization", args=[slug]), "embed/organization.html", frame)
    return let_frame(response, found.embed_origins)


def _list(request, organization, base_url, template="experts/discover.html", more=None):
    experts, categories, organizations = filters(organization)
    query = Query.from_request(request, categories=categories, organizations=organizations)
    found = query.experts(experts, request.zone) if query.can_match else experts.none()
    paginator = Paginator(found, PAGE_SIZE)
    page = paginator.get_page(request.GET.get("page"))
    page.object_list = cards(list(page.object_list), request.zone)
    context = {
        "query": query,
        "base_url": base_url,
        "organization": organization,
        "organizations": organizations,
        "categories": categories,
        "total": sum(category.expert_count for category in categories),
        "page": page,
        "page_range": paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
        "other_days": 0,
        **(more or {}),
    }
    if paginator.count == 0 and query.when and query.can_match:
        context["other_days"] = query.experts(experts, request.zone, any_day=True).count()
    if organization is not None:
        context["accent"] = organization.accent
    return render(request, "experts/_results.html" if is_partial(request) else template, context)
