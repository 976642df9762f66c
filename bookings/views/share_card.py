"""Show the picture that messengers and other sites put beside a link to an expert's page, or to a list of experts."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from bookings.access.rate_limits import check_picture_limits
from bookings.access.visitor import client_address
from bookings.errors import Busy, TooMany
from bookings.views.responses import with_retry_after
from experts import formatting
from experts.discovery import PAGE_SIZE
from experts.free_starts import correct_starts, with_next_start
from experts.models import Expert, Organization
from experts.models.organization import Accent
from experts.ordering import MOST_LISTED, Selection
from experts.replicas import may_read_replica
from experts.share_card import ShareCard

KEPT_SECONDS = 300  # by others, who may show a time for so long that is no longer free


@require_safe
@may_read_replica
@cache_control(public=True, max_age=KEPT_SECONDS)
def share_card(request, slug):
    """Answer with a PNG of who it is and when they are free next."""
    experts = with_next_start(Expert.objects.active().filter(slug=slug)).select_related("organization")
    if not (found := correct_starts(experts)):
        raise Http404
    return _answer(request, _card(found[0]))


@require_safe
@may_read_replica
@cache_control(public=True, max_age=KEPT_SECONDS)
def list_card(request, slug=None):
    """Answer with a PNG of an organisation, or of the site, and who of its experts is free soonest."""
    found = get_object_or_404(Organization, slug=slug, is_active=True) if slug else None
    experts = Expert.objects.active()
    if found:
        experts = experts.filter(organization=found)
    # As on the list's first page, of whose experts not each has a start where the first slot is.
    everybody = Selection(experts, MOST_LISTED + 1, is_all=found is None, organization_id=found.pk if found else None)
    first = with_next_start(experts.filter(pk__in=everybody.soonest(PAGE_SIZE)))
    free = [(row.next_slot_at, row) for row in correct_starts(first) if row.next_slot_at]
    next_free = _("No times are free right now")
    if free:
        starts_at, expert = min(free, key=lambda it: it[0])
        when = formatting.day_and_time(starts_at, expert.zone)
        next_free = _("Next free: %(when)s, with %(name)s") % {"when": when, "name": expert.name}
    card = ShareCard(
        name=found.name if found else _("Book time with an expert"),
        headline=_("See what is free now, pick a time, and book it."),
        organization="",
        initials="",
        next_free=next_free,
        accent=found.accent if found else Accent.PETROL,
    )
    return _answer(request, card)


def _answer(request, card: ShareCard) -> HttpResponse:
    """Answer with the picture; who has it already is not sent it, nor counted."""
    if (unchanged := get_conditional_response(request, etag=card.etag)) is not None:
        return unchanged
    try:
        check_picture_limits(address=client_address(request))
        picture = card.draw()
    except (Busy, TooMany) as error:
        return with_retry_after(HttpResponse(status=error.status), error)
    return HttpResponse(picture, content_type="image/png", headers={"ETag": card.etag})


def _card(expert: Expert) -> ShareCard:
    """Say in words what the picture shows, by the expert's clock: nobody knows who will look at it."""
    next_free = _("No times are free right now")
    if expert.next_slot_at:
        next_free = _("Next free: %(when)s") % {"when": formatting.day_and_time(expert.next_slot_at, expert.zone)}
    return ShareCard(
        name=expert.name,
        headline=expert.headline,
        organization=expert.organization.name,
        initials=expert.initials,
        next_free=next_free,
        accent=expert.organization.accent,
    )
