"""Offer other times instead of a request that staff cannot take. They are kept as those of a rescue are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.utils.translation import gettext as _

from bookings import services
from bookings.admin.offers import OfferForm, takers
from bookings.errors import NotFound
from bookings.models import Booking, Rescue
from bookings.selectors.rescue_times import Proposal, propose
from bookings.services.rescue import MOST_TIMES
from experts import formatting
from experts.admin.base import read_key

MOST_PROPOSED = 6


@dataclass(frozen=True)
class Choice:
    """A time to tick."""

    slot: int
    text: str
    why: str
    is_chosen: bool


@dataclass(frozen=True)
class AskedOffer:
    """What is asked before times are offered to somebody."""

    booking: Booking
    form: OfferForm
    choices: list[Choice]
    zone: str


def ask_offer(request: HttpRequest, booking: Booking, now: datetime, form: OfferForm | None = None) -> AskedOffer:
    """Return the best times for a request, the first of them ticked, with the form. Needs ``with_slot()``."""
    may_have = takers(request, booking.slot.expert.organization_id)
    found = propose([booking], may_have, now, each=MOST_TIMES, more=MOST_PROPOSED - MOST_TIMES)[booking.pk]
    chosen = request.POST.getlist("time") or [str(it.slot.pk) for it in found[:MOST_TIMES]]
    choices = [Choice(it.slot.pk, _named(it, now), it.why, str(it.slot.pk) in chosen) for it in found]
    zone = booking.slot.expert.organization.zone
    return AskedOffer(booking, form or offer_form(booking, now), choices, formatting.zone_name(zone))


def offer_form(booking: Booking, now: datetime, data=None) -> OfferForm:
    return OfferForm(data, zone=booking.slot.expert.organization.zone, now=now)


def offer_instead(request: HttpRequest, booking: Booking, form: OfferForm) -> Rescue:
    """Offer the ticked times. Raises NotFound for times of those to whom they may give nothing; else as the service."""
    times = [read_key(text) for text in request.POST.getlist("time")[:MOST_TIMES]]
    may_have = takers(request, booking.slot.expert.organization_id)
    if not times or may_have.filter(slots__in=times).values("slots").distinct().count() < len(set(times)):
        raise NotFound
    return services.offer_times(
        booking_id=booking.pk,
        slot_ids=times,
        until=form.cleaned_data["until"],
        by=request.user,
        message=form.cleaned_data["reason"],
        seen_sequence=booking.sequence,
        of_request=True,
    )


def offers_of(bookings: Iterable[Booking], now: datetime) -> dict[int, str]:
    """Return until when times are kept for these requests, in words, by booking. One query."""
    rows = {booking.pk: booking for booking in bookings}
    offers = Rescue.objects.offers().filter(booking__in=rows, of_request=True, until__gt=now)
    return {
        offer.booking_id: formatting.lately(offer.until, rows[offer.booking_id].slot.expert.zone, now)
        for offer in offers
        if offer.is_running(rows[offer.booking_id], now)
    }


def _named(proposal: Proposal, now: datetime) -> str:
    slot = proposal.slot
    words = {"when": formatting.soon(slot.starts_at, slot.expert.zone, now), "name": proposal.with_whom}
    return _("%(when)s, %(name)s") % words
