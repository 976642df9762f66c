"""Write a booking as a calendar entry: a file by RFC 5545 and iTIP (RFC 5546), or a link to Google Calendar.

An entry holds nothing secret, as people share calendars. It links to the booking's page, which opens only for those who
have proven the booking.
"""

from datetime import UTC, datetime
from email.utils import parseaddr
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bookings.icalendar.lines import content_line, parameter, text
from bookings.models import Booking
from bookings.selectors.place import Place, place_of
from bookings.transitions import Status
from experts.addresses import absolute_url
from experts.clocks import clocks_for
from experts.formatting import zone_line
from experts.timezones import known_zone

REQUEST, CANCEL, PUBLISH = "REQUEST", "CANCEL", "PUBLISH"
STATUS: dict[str, str] = {Status.PENDING: "TENTATIVE", Status.CONFIRMED: "CONFIRMED", Status.COMPLETED: "CONFIRMED"}


def uid(booking: Booking) -> str:
    """Return the entry's identifier. It never changes, so that a later file updates the entry."""
    return f"{booking.reference}@expertbook"


def calendar_file(booking: Booking, method: str) -> bytes:
    """Return the file. Needs ``with_slot()``. ``method``: REQUEST or CANCEL for e-mails, PUBLISH for downloads."""
    slot, organization = booking.session, booking.slot.expert.organization
    with translation.override(booking.language):
        place = place_of(booking, timezone.now())
        summary, description = _summary(booking), _description(booking, place)
    organizer = organization.contact_email or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    lines = [
        ("BEGIN", "VCALENDAR"),
        ("VERSION", "2.0"),
        ("PRODID", "-//ExpertBook//ExpertBook//EN"),
        ("METHOD", method),
        ("BEGIN", "VEVENT"),
        ("SUMMARY", text(summary)),
        ("DTSTART", _instant(slot.starts_at)),
        ("DTEND", _instant(slot.ends_at)),
        ("DTSTAMP", _instant(timezone.now())),
        ("UID", uid(booking)),
        ("SEQUENCE", str(booking.sequence)),
        ("DESCRIPTION", text(description)),
        ("LOCATION", text(place.location)),
        (f"ORGANIZER;CN={parameter(organization.name)}", f"mailto:{organizer}"),
        ("STATUS", "CANCELLED" if method == CANCEL else STATUS.get(booking.status, "CANCELLED")),
        ("URL", page_url(booking)),
        ("END", "VEVENT"),
        ("END", "VCALENDAR"),
    ]
    if place.join_url:
        lines.insert(-7, (f"CONFERENCE;FEATURE=AUDIO,VIDEO;LABEL={parameter(place.kind)};VALUE=URI", place.join_url))
    if method != PUBLISH and booking.email:
        name = f"ATTENDEE;CN={parameter(booking.name)};PARTSTAT=ACCEPTED;RSVP=FALSE"
        lines.insert(-7, (name, f"mailto:{booking.email}"))
    return "".join(content_line(name, value) for name, value in lines).encode()


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def download_method(booking: Booking) -> str:
    """Return the method of a file to download: CANCEL, which removes the entry, if the booking was cancelled or so."""
    return PUBLISH if booking.status in STATUS else CANCEL


def google_url(booking: Booking) -> str:
    """Return a link that opens Google Calendar with the entry filled in. Needs ``with_slot()``."""
    slot, place = booking.session, place_of(booking, timezone.now())
    span = f"{_instant(slot.starts_at)}/{_instant(slot.ends_at)}"
    query = {
        "action": "TEMPLATE",
        "text": _summary(booking),
        "dates": span,
        "details": _description(booking, place),
        "location": place.location,
    }
    return f"https://calendar.google.com/calendar/render?{urlencode(query)}"


def page_url(booking: Booking) -> str:
    """Return the whole address of the booking's page."""
    return absolute_url("booking", booking.reference)


def _summary(booking: Booking) -> str:
    return _("%(session)s with %(name)s") % {
        "session": booking.title or _("Session"),
        "name": booking.with_whom,
    }


def _description(booking: Booking, place: Place) -> str:
    slot, expert = booking.slot, booking.slot.expert
    clocks = clocks_for(booking.venue, expert.zone, known_zone(booking.timezone))
    start = date_format(slot.starts_at.astimezone(clocks.leading), "DAY_YEAR_TIME_FORMAT")
    words = {"start": start, "zone_line": zone_line(clocks, slot.starts_at), "kind": place.kind, "note": place.note}
    lines = [
        expert.organization.name,
        # Calendars show the clock of wherever the reader is.
        _("%(start)s, %(zone_line)s") % words,
        _("%(kind)s: %(note)s") % words if place.note else place.kind,
        *([_("Price: %(price)s") % {"price": booking.price}] if booking.price else []),
        _("Reference: %(reference)s") % {"reference": booking.reference},
        page_url(booking),
    ]
    return "\n".join(lines)
