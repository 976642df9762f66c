"""Find bookings by a few typed words, at a cost that does not grow with the bookings that share them.

Up to ``MOST_MATCHES`` bookings are found wherever they are. Of more, the newest: of a name that thousands have nobody
reads all, and whoever wants an older one says a day, an expert or an address, too.
"""

from datetime import datetime
from typing import NamedTuple

from django.db.models import F, Q

from bookings.models import Booking
from bookings.models.booking_queryset import BookingQuerySet
from bookings.references import read_reference
from bookings.selectors.staff_experts import experts_seen, sees_all_of
from experts.models import Organization
from experts.permissions import Reach

MOST_MATCHES = 500
MOST_LISTED = 30  # of what staff look for from their day
# Of the newest rows of a list: that many are looked through for each that is found where words are shared by one in 20,
# then four times as many, until enough are found.
_LOOKED_THROUGH = (20, 80, 320)
_TOLD_BY_NEWEST = 10  # one in so many


class Found(NamedTuple):
    """The keys of what was found, in no order; ``is_part``: whether there is more, and these are the newest."""

    keys: list[int]
    is_part: bool


def found_among(rows: BookingQuerySet, text: str) -> Found | None:
    """Return what matches (``BookingQuerySet.matching``) among these rows; None where nothing was typed.

    One query, three where more than ``MOST_MATCHES`` match.
    """
    if not text.strip():
        return None
    rows = rows.order_by()
    keys = _keys(rows.called(text))
    if len(keys) <= MOST_MATCHES:
        return Found(keys, is_part=False)
    newest = list(rows.order_by("-pk").values_list("pk", flat=True)[: MOST_MATCHES // _TOLD_BY_NEWEST + 1])
    # Rows of an organisation, or of some days, lie between all others: how far apart, some of the newest tell.
    span, above = (newest[0] - newest[-1] + 1) * _TOLD_BY_NEWEST, newest[0]
    parts = []
    for times in _LOOKED_THROUGH:
        below = newest[0] - span * times
        part = rows.filter(pk__gt=below, pk__lte=above).called(text)
        # Not by the key alone, along which PostgreSQL would walk from row to row instead of reading the index of words.
        parts.append(part.order_by((F("pk") + 0).desc()).values_list("pk", flat=True)[:MOST_MATCHES])
        above = below
    # One after the other: no more parts are read than it takes to find enough.
    first, *others = parts
    return Found(list(first.union(*others, all=True)[:MOST_MATCHES]), is_part=True)


def _keys(rows: BookingQuerySet) -> list[int]:
    return list(rows.values_list("pk", flat=True)[: MOST_MATCHES + 1])


def find_bookings(reach: Reach, organization: Organization, text: str, now: datetime) -> list[Booking]:
    """Bookings of whatever day by name, address, end of the phone number or reference; nearest to now first.

    Of the newest that match, at most ``MOST_LISTED``. Two queries, four where very many match.
    """
    rows = Booking.objects.shown()
    if sees_all_of(reach, organization):
        rows = rows.filter(of_organization=organization)
    else:
        rows = rows.of_experts(experts_seen(reach, organization))
    by_words = found_among(rows, text)
    matching = Q(pk__in=[] if by_words is None else sorted(by_words.keys)[-MOST_LISTED:])
    if reference := read_reference(text):
        matching |= Q(reference=reference)
    found = rows.filter(matching).select_related("slot__expert").order_by("-pk")[:MOST_LISTED]
    return sorted(found, key=lambda booking: (booking.ends_at <= now, abs(booking.slot.starts_at - now)))
