"""Show the picture that messengers and other sites put beside a link to an expert's page."""

from django.http import Http404, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from bookings.access.rate_limits import check_picture_limits
from bookings.access.visitor import client_address
from bookings.errors import Busy, TooMany
from bookings.views.responses import with_retry_after
from experts import formatting
from experts.free_starts import correct_starts, with_next_start
from experts.models import Expert
from experts.replicas import may_read_replica
from experts.share_card import ShareCard

KEPT_SECONDS = 300  # by others, who may show a time for so long that is no longer free


@require_safe
@may_read_replica
@cache_control(public=True, max_age=KEPT_SECONDS)
def share_card(request, slug):
    """Answer with a PNG of who it is and when they are free next. Who has it already is not sent it, nor counted."""
    experts = with_next_start(Expert.objects.active().filter(slug=slug)).select_related("organization")
    if not (found := correct_starts(experts)):
        raise Http404
    card = _card(found[0])
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
