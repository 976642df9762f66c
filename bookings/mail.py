"""The one place that builds e-mails and sends them, each as text and as HTML. Called by jobs only."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation

from bookings import ics, links
from bookings.kinds import MailKind
from bookings.models import Booking, LookupRequest, Status
from bookings.policy import cancel_line
from experts.models import Invitation, Organization
from experts.models.organization import Accent
from experts.wording import zone_label
from experts.zones import known_zone

# The accents of static/src/app.css as sRGB, for programs that know no OKLCH: on light, on dark, and text on the latter.
ACCENT_COLOURS = {
    Accent.PETROL: ("#005f77", "#7dcae5", "#0a1b21"),
    Accent.OCEAN: ("#1b5598", "#85c1ff", "#0c1929"),
    Accent.INDIGO: ("#49489d", "#adb3ff", "#15162a"),
    Accent.PLUM: ("#7c376f", "#eea0dc", "#22121f"),
    Accent.BRICK: ("#873b26", "#fca48c", "#25130d"),
    Accent.OLIVE: ("#545b1c", "#bcc585", "#181a0c"),
    Accent.FOREST: ("#176449", "#88d0b0", "#0c1c15"),
    Accent.GRAPHITE: ("#4c575f", "#b3c0ca", "#16191b"),
}


class MailNotSentError(Exception):
    """A mail that could not be sent, without the words of the error: mail servers repeat the address in them."""


def send_booking_mail(booking: Booking, kind: MailKind) -> None:
    """Say what became of the booking, with the link that opens it and a calendar file. Needs ``with_slot()``."""
    slot, expert = booking.slot, booking.slot.expert
    zone = known_zone(booking.timezone) or expert.zone
    with translation.override(booking.language):
        policy_line = cancel_line(slot, zone, timezone.now()) if booking.is_open else ""
    _send(
        "booking",
        {
            "booking": booking,
            "slot": slot,
            "expert": expert,
            "kind": kind.value,
            "is_pending": booking.status == Status.PENDING,
            "policy_line": policy_line,
            "url": links.link_url(links.booking_token(booking)),
        },
        to=booking.email,
        language=booking.language,
        zone=zone,
        at=slot.starts_at,
        organization=expert.organization,
        message_id=f"{booking.reference}.{kind}.{booking.sequence}",
        calendar_method=_calendar_method(booking, kind),
        booking=booking,
    )


def _calendar_method(booking: Booking, kind: MailKind) -> str:
    """What the mail tells the reader's calendar; "" for nothing: a request is no appointment yet."""
    if kind == MailKind.CANCELLED:
        return ics.CANCEL
    return ics.REQUEST if booking.status == Status.CONFIRMED else ""


def send_lookup_link(request: LookupRequest, url: str, expires_at: datetime) -> None:
    """Send the link that opens all bookings of the address."""
    _send(
        "lookup",
        {"url": url, "expires_at": expires_at},
        to=request.email,
        language=request.language,
        zone=known_zone(request.timezone) or ZoneInfo("UTC"),
        at=expires_at,
        organization=None,
        message_id=f"lookup.{request.pk}",
    )


def send_invitation(invitation: Invitation, url: str) -> None:
    """Send the link with which somebody joins an organisation, or founds one."""
    organization = invitation.organization
    zone = known_zone(organization.timezone if organization else invitation.timezone) or ZoneInfo("UTC")
    _send(
        "invitation",
        {
            "url": url,
            "expires_at": invitation.expires_at,
            "joined": organization.name if organization else invitation.organization_name,
            "founds": organization is None,
        },
        to=invitation.email,
        language="en",
        zone=zone,
        at=invitation.expires_at,
        organization=organization,
        message_id=f"invitation.{invitation.pk}",
    )


def _send(
    name: str,
    context: dict,
    *,
    to: str,
    language: str,
    zone: ZoneInfo,
    at: datetime,
    organization: Organization | None,
    message_id: str,
    calendar_method: str = "",
    booking: Booking | None = None,
) -> None:
    """Render ``templates/emails/<name>`` in the reader's language and zone, and send it. Raises MailNotSentError.

    With ``calendar_method``, the ``booking`` goes along as a calendar file.
    """
    light, dark, on_dark = ACCENT_COLOURS[organization.accent if organization else Accent.PETROL]
    with translation.override(language), timezone.override(zone):
        context = {
            "language": language,
            "zone_label": zone_label(zone, at),
            "organization": organization,
            "accent": light,
            "accent_dark": dark,
            "on_accent_dark": on_dark,
            **context,
        }
        # A line break would end the header; names of experts are not checked for them.
        subject = " ".join(render_to_string(f"emails/{name}_subject.txt", context).split())
        text = render_to_string(f"emails/{name}.txt", context)
        html = render_to_string(f"emails/{name}.html", context | {"subject": subject})
    mail = EmailMultiAlternatives(
        subject,
        text,
        to=[to],
        reply_to=[organization.contact_email] if organization and organization.contact_email else None,
        headers={
            # The same for every attempt, so that a mail sent twice is one mail to the reader's program.
            "Message-ID": f"<{message_id.lower()}@expertbook>",
            "Auto-Submitted": "auto-generated",  # no answers from holiday notices
        },
    )
    mail.attach_alternative(html, "text/html")
    if calendar_method:
        calendar = ics.calendar_file(booking, calendar_method).decode()
        mail.attach("booking.ics", calendar, f"text/calendar; method={calendar_method}")
    try:
        mail.send()
    except Exception as error:
        # Whatever went wrong: the job's traceback is logged, and must not hold the address.
        code = getattr(error, "smtp_code", "")
        raise MailNotSentError(f"{type(error).__name__} {code}".strip()) from None
