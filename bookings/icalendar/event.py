"""Write a booking as a calendar entry: a file by RFC 5545 and iTIP (RFC 5546), or a link to Google Calendar.

An entry holds nothing secret, as people share calendars. It links to the booking's page, which opens only for those who
have proven the booking.
"""

from datetime import UTC
from email.utils import parseaddr
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from icalendar import Calendar, Event, vCalAddress, vText

from bookings.models import Booking
from bookings.transitions import Status
from experts.addresses import absolute_url
from experts.models.expert import Venue

REQUEST, CANCEL, PUBLISH = "REQUEST", "CANCEL", "PUBLISH"
STATUS: dict[str, str] = {Status.PENDING: "TENTATIVE", Status.CONFIRMED: "CONFIRMED", Status.COMPLETED: "CONFIRMED"}


def uid(booking: Booking) -> str:
    """Return the entry's identifier. It never changes, so that a later file updates the entry."""
    return f"{booking.reference}@expertbook"


def calendar_file(booking: Booking, method: str) -> bytes:
    """Return the file. Needs ``with_slot()``. ``method``: REQUEST or CANCEL for e-mails, PUBLISH for downloads."""
    slot, organization = booking.slot, booking.slot.expert.organization
    calendar, event = Calendar(), Event()
    calendar.add("prodid", "-//ExpertBook//ExpertBook//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    event.add("uid", uid(booking))
    event.add("sequence", booking.sequence)
    event.add("dtstamp", timezone.now().astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", slot.starts_at.astimezone(UTC))
    event.add("dtend", slot.ends_at.astimezone(UTC))
    event.add("status", "CANCELLED" if method == CANCEL else STATUS.get(booking.status, "CANCELLED"))
    with translation.override(booking.language):
        event.add("summary", _summary(booking))
        event.add("description", _description(booking))
        event.add("location", location(booking))
    event.add("url", page_url(booking))
    address = organization.contact_email or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    event.add("organizer", _person(address, organization.name))
    if method != PUBLISH and booking.email:
        attendee = _person(booking.email, booking.name)
        attendee.params["PARTSTAT"] = vText("ACCEPTED")
        attendee.params["RSVP"] = vText("FALSE")
        event.add("attendee", attendee)
    calendar.add_component(event)
    file: bytes = calendar.to_ical()
    return file


def download_method(booking: Booking) -> str:
    """Return the method of a file to download: CANCEL, which removes the entry, if the booking was cancelled or so."""
    return PUBLISH if booking.status in STATUS else CANCEL


def google_url(booking: Booking) -> str:
    """Return a link that opens Google Calendar with the entry filled in. Needs ``with_slot()``."""
    slot = booking.slot
    span = f"{slot.starts_at.astimezone(UTC):%Y%m%dT%H%M%SZ}/{slot.ends_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    query = {
        "action": "TEMPLATE",
        "text": _summary(booking),
        "dates": span,
        "details": _description(booking),
        "location": location(booking),
    }
    return f"https://calendar.google.com/calendar/render?{urlencode(query)}"


def page_url(booking: Booking) -> str:
    """Return the whole address of the booking's page."""
    return absolute_url("booking", booking.reference)


def _summary(booking: Booking) -> str:
    slot = booking.slot
    return _("%(session)s with %(name)s") % {"session": slot.title or _("Session"), "name": slot.expert.name}


def _description(booking: Booking) -> str:
    expert = booking.slot.expert
    lines = [
        expert.organization.name,
        str(expert.get_venue_display()) + (f": {expert.venue_note}" if expert.venue_note else ""),
        f"{_('Reference')}: {booking.reference}",
        page_url(booking),
    ]
    return "\n".join(lines)


def location(booking: Booking) -> str:
    """Return where the session takes place: an address, the link of a video session, or the words for a phone call."""
    expert = booking.slot.expert
    if expert.venue == Venue.PHONE:
        return str(expert.get_venue_display())
    return expert.venue_note or str(expert.get_venue_display())


def _person(address: str, name: str) -> vCalAddress:
    person = vCalAddress(f"mailto:{address}")
    # A parameter cannot hold control characters or quotes (RFC 5545 3.2).
    person.params["CN"] = vText("".join(c for c in name if c.isprintable() and c != '"'))
    return person
