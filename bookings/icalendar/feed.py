"""Write the bookings of an expert or an organisation as a calendar to subscribe to (RFC 5545, RFC 7986).

Subscribed calendars are copied to phones and to other companies' servers. An entry therefore holds name, seats, time,
place and price; e-mail, phone and notes stay in the admin, which the entry links to.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from icalendar import Calendar, Event

from bookings.icalendar.event import STATUS, uid
from bookings.icalendar.vtimezone import vtimezone
from bookings.models import Booking, CalendarFeed
from bookings.selectors.place import whole_place
from bookings.transitions import BOOKED
from experts.addresses import absolute_url
from experts.permissions import VIEW, reach_of

DAYS_BACK = timedelta(days=30)
MOST_AHEAD, MOST_BACK = 2000, 500
_LOOK_AGAIN = timedelta(minutes=15)  # a wish, which some programs ignore
_STAMP = re.compile(rb"^DTSTAMP:.*\r\n", re.MULTILINE)


def feed_url(token: str) -> str:
    """Return the whole address of a feed. Whoever has it can read the feed."""
    return absolute_url("feed", token)


def is_open(feed: CalendarFeed) -> bool:
    """Return whether the feed works: it is not revoked, and whoever made it may still see these bookings."""
    if feed.revoked_at is not None:
        return False
    creator = reach_of(feed.created_by)
    everywhere, own = creator.with_right("bookings.booking", VIEW)
    if creator.everything or feed.organization_id in everywhere:
        return True
    return feed.organization_id in own and feed.expert is not None and feed.expert.user_id == feed.created_by_id


def bookings_of(feed: CalendarFeed, now: datetime) -> list[Booking]:
    """Return the requests and bookings of the feed by start, from 30 days back; the nearest if there are too many.

    Those that were cancelled, declined, ran out or erased are left out: calendars remove what a feed does not hold any
    more.
    """
    shown = Booking.objects.not_erased().filter(status__in=BOOKED)
    bookings = shown.filter(slot__expert__organization=feed.organization_id)
    if feed.expert_id:
        lately = Booking.objects.order_by().filter(slot__starts_at__gte=now - DAYS_BACK)
        first, second = lately.filter(slot__expert=feed.expert_id), lately.filter(second_expert=feed.expert_id)
        # A union rather than an OR: each branch has its index.
        bookings = bookings.filter(pk__in=first.values("pk").union(second.values("pk"), all=True))
    bookings = bookings.with_slot().defer("notes")
    back = _nearest(bookings.filter(slot__starts_at__lt=now, slot__starts_at__gte=now - DAYS_BACK), "-", MOST_BACK)
    return back[::-1] + _nearest(bookings.filter(slot__starts_at__gte=now), "", MOST_AHEAD)


def _nearest(bookings: QuerySet[Booking], direction: str, most: int) -> list[Booking]:
    return list(bookings.order_by(f"{direction}slot__starts_at", f"{direction}id")[:most])


def calendar(feed: CalendarFeed, now: datetime | None = None) -> bytes:
    """Return the feed as a file, as it is at ``now``. Two queries."""
    now = now or timezone.now()
    bookings = bookings_of(feed, now)
    result = Calendar()
    result.add("prodid", "-//ExpertBook//ExpertBook//EN")
    result.add("version", "2.0")
    result.add("name", str(feed))
    result.add("x-wr-calname", str(feed))
    result.add("refresh-interval", _LOOK_AGAIN, parameters={"VALUE": "DURATION"})
    result.add("x-published-ttl", "PT15M")
    events = [_event(booking, feed, now) for booking in bookings]
    for zone, (first, last) in sorted(_zones(events).items(), key=lambda item: item[0].key):
        result.add_component(vtimezone(zone, first, last))
    for event in events:
        result.add_component(event)
    file: bytes = result.to_ical()
    return file


def etag(file: bytes) -> str:
    """Return a weak ETag, which ignores DTSTAMP, the time at which the file was written."""
    return f'W/"{hashlib.sha256(_STAMP.sub(b"", file)).hexdigest()[:32]}"'


def _event(booking: Booking, feed: CalendarFeed, now: datetime) -> Event:
    starts_at, ends_at = _on_the_clock(booking)
    event = Event()
    event.add("uid", uid(booking))
    event.add("sequence", booking.sequence)
    event.add("dtstamp", now.astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", starts_at)
    event.add("dtend", ends_at)
    event.add("status", STATUS.get(booking.status, "CONFIRMED"))
    event.add("summary", _summary(booking, feed))
    event.add("description", _description(booking))
    event.add("location", whole_place(booking).location)
    event.add("class", "PRIVATE")
    return event


def _on_the_clock(booking: Booking) -> tuple[datetime, datetime]:
    """Return start and end in the expert's zone; in UTC when one falls into an hour that the clocks show twice.

    There, a time with TZID would always mean the first of the two (RFC 5545 3.3.5).
    """
    slot = booking.session
    zone = slot.expert.zone
    local = slot.starts_at.astimezone(zone), slot.ends_at.astimezone(zone)
    if zone.key == "UTC" or any(at.fold for at in local):
        return slot.starts_at.astimezone(UTC), slot.ends_at.astimezone(UTC)
    return local


def _zones(events: list[Event]) -> dict[ZoneInfo, tuple[int, int]]:
    """Return the zones of the entries, each with the first and the last year in which it is used."""
    years: dict[ZoneInfo, list[int]] = {}
    for event in events:
        for at in (event.decoded("dtstart"), event.decoded("dtend")):
            if at.tzinfo is not UTC:
                years.setdefault(at.tzinfo, []).append(at.year)
    return {zone: (min(found), max(found)) for zone, found in years.items()}


def _summary(booking: Booking, feed: CalendarFeed) -> str:
    who = booking.name
    if booking.seats > 1:
        who = ngettext("%(name)s (%(seats)d seat)", "%(name)s (%(seats)d seats)", booking.seats) % {
            "name": who,
            "seats": booking.seats,
        }
    if feed.expert_id is None:
        who = _("%(customer)s with %(expert)s") % {"customer": who, "expert": booking.with_whom}
    return f"{booking.title}: {who}" if booking.title else who


def _description(booking: Booking) -> str:
    page = absolute_url("admin:bookings_booking_change", booking.pk)
    reference = _("Reference: %(reference)s") % {"reference": booking.reference}
    price = [_("Price: %(price)s") % {"price": booking.price}] if booking.price else []
    return "\n".join([str(booking.get_status_display()), reference, *price, page])
