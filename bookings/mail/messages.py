"""Build all e-mails, each as text and as HTML, and send those that are not about a booking. Called by workers only."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Required, TypedDict, Unpack
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bookings.access import links
from bookings.addresses import again_page
from bookings.icalendar import event
from bookings.mail import limits, log
from bookings.mail.patterns import Pattern, Rendered, Shown, Times, marks_for, patterns, render, times_of
from bookings.mail.rules import FOR_STAFF, NOTICES
from bookings.mail.transport import Transport
from bookings.models import Booking, LookupRequest, MailKind, MailText, Rescue, Status, WaitlistEntry, WebhookEndpoint
from bookings.models.mail_text import WORDED
from bookings.placeholders import fill_placeholders
from bookings.policy import cancel_line
from bookings.selectors.answers import answers_to, in_staff_mail
from bookings.selectors.awaited import session_awaited
from bookings.selectors.mail_texts import MailTexts, mail_texts
from bookings.selectors.place import Place, place_of, public_place
from bookings.selectors.rescue_times import Proposal
from experts.addresses import absolute_url
from experts.clocks import Clocks, clocks_for
from experts.formatting import by_clock_of, zone_label, zone_line
from experts.models import Invitation, Organization, SessionTerms, Slot, User
from experts.models.organization import Accent
from experts.timezones import known_zone

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


# They tell that nothing is booked any more.
_ENDS = {MailKind.CANCELLED, MailKind.REJECTED, MailKind.EXPIRED}


class Mail(EmailMultiAlternatives):
    """An e-mail that brings the lines between its parts along."""

    metadata: dict[str, str]

    def message(self, **options: Any) -> Any:  # the types are those of Django 6
        # Else Python draws them, and looks through all parts for each by an expression of its own: a third of the time
        # that it takes to write a mail. Nobody can guess these.
        message = super().message(**options)
        for part in message.walk():
            if part.is_multipart():
                part.set_boundary(f"=_{secrets.token_hex(16)}")
        return message


class Before(NamedTuple):
    """What a booking was: its slot before it moved, and whether it was confirmed once."""

    slot: Slot | None = None
    was_approved: bool = False


_NOTHING = Before()


class _About(TypedDict, total=False):
    """What ``_build`` wants to know besides the words."""

    to: Required[str]
    language: Required[str]
    clocks: Required[Clocks]
    at: Required[datetime]
    organization: Required[Organization | None]
    message_id: Required[str]
    texts: MailTexts | None
    reply_to: str
    not_me_url: str


class _Letter(NamedTuple):
    """A mail that is about no booking of its own, before it is built: what it is called, says and is about."""

    name: str
    kind: MailKind
    context: dict[str, Any]
    about: _About


def booking_mail(
    booking: Booking,
    kind: MailKind,
    to: str,
    message_id: str,
    before: Before = _NOTHING,
    *,
    invites: bool = True,
    texts: MailTexts | None = None,
) -> Mail:
    """Return the mail of that kind about a booking, to its booker or to staff. Needs ``with_slot()``.

    Unless it ``invites``, its calendar file is one to open: no program enters an appointment that a stranger made.
    ``texts``: the words that its organisation has of its own; without them they are read, in one query.
    """
    if kind in FOR_STAFF:
        return _mail_to_staff(booking, kind, to, message_id, before)
    return _mail_to_booker(booking, kind, to, message_id, before, invites, texts)


def _mail_to_booker(
    booking: Booking,
    kind: MailKind,
    to: str,
    message_id: str,
    before: Before,
    invites: bool,
    texts: MailTexts | None,
) -> Mail:
    """Return the mail with the link that opens the booking, and a calendar file."""
    slot, expert = booking.session, booking.slot.expert
    clocks = _clocks_of(booking)
    with translation.override(booking.language):
        policy_line = cancel_line(slot, clocks, timezone.now()) if booking.is_open else ""
    keeps = kind == MailKind.PROVE
    mail = _build(
        "prove" if keeps else "booking",
        kind,
        {
            "booking": booking,
            "slot": slot,
            "old_slot": before.slot and booking.session_at(before.slot),
            "expert": expert,
            "is_pending": booking.status == Status.PENDING,
            "is_kept": booking.status == Status.HELD,
            "facts": "emails/_facts.txt" if _has_facts(booking, kind) else "",
            "policy_line": policy_line,
            "place": place_of(booking, timezone.now()),
            "url": links.link_url(links.keeping_token(booking) if keeps else links.booking_token(booking)),
            "again_url": absolute_url(*again_page(expert, booking.session_type)) if kind in _ENDS else "",
        },
        to=to,
        language=booking.language,
        clocks=clocks,
        at=slot.starts_at,
        organization=expert.organization,
        message_id=message_id,
        texts=texts,
        reply_to=expert.organization.contact_email,
        not_me_url=links.not_me_url(booking),
    )
    if method := _calendar_method(booking, kind, before):
        method = method if invites else event.PUBLISH
        mail.attach("booking.ics", event.calendar_file(booking, method).decode(), f"text/calendar; method={method}")
    return mail


def _has_facts(booking: Booking, kind: MailKind) -> bool:
    """Say whether the product's first sentence has something that the heading and the lists do not say."""
    return kind == MailKind.EXPIRED or (kind == MailKind.RESCHEDULED and booking.status == Status.PENDING)


def _mail_to_staff(booking: Booking, kind: MailKind, to: str, message_id: str, before: Before) -> Mail:
    """Return the mail in the expert's zone, with a link to the admin.

    Without the customer's e-mail and phone, as mail gets forwarded; of the answers, those that the organisation wants.
    """
    slot, expert = booking.session, booking.slot.expert
    return _build(
        "staff",
        kind,
        {
            "booking": booking,
            "slot": slot,
            "old_slot": before.slot and booking.session_at(before.slot),
            "expert": expert,
            "answers": in_staff_mail(booking, answers_to(booking)) if booking.is_open else [],
            "place": public_place(expert, booking.terms),  # a link of its own is for who comes, and for the admin
            # A label of its own, as the clocks may change between the deadline and the session.
            "deadline_zone": zone_label(expert.zone, booking.expires_at) if booking.expires_at else "",
            "url": absolute_url("admin:bookings_booking_change", booking.pk),
        },
        to=to,
        language=settings.LANGUAGE_CODE,
        clocks=Clocks(expert.zone),
        at=slot.starts_at,
        organization=expert.organization,
        message_id=message_id,
    )


def _clocks_of(about: Booking | WaitlistEntry) -> Clocks:
    return clocks_for(about.venue, about.slot.expert.zone, known_zone(about.timezone))


def _calendar_method(booking: Booking, kind: MailKind, before: Before) -> str:
    """Return the method of the calendar file (iTIP); "" for no file, as a request is no appointment yet."""
    if booking.status in (Status.CANCELLED, Status.REJECTED, Status.EXPIRED):
        return event.CANCEL if kind == MailKind.CANCELLED or before.was_approved else ""
    return event.REQUEST if booking.status == Status.CONFIRMED or before.was_approved else ""


def send_lookup_link(request: LookupRequest, url: str, expires_at: datetime) -> None:
    """Send the link that opens all bookings of the address."""
    _send(
        "lookup",
        MailKind.LOOKUP,
        {"url": url, "expires_at": expires_at},
        to=request.email,
        language=request.language,
        clocks=Clocks(known_zone(request.timezone) or ZoneInfo("UTC")),
        at=expires_at,
        organization=None,
        message_id=log.lookup_message_id(request),
    )


def send_waitlist_link(entry: WaitlistEntry) -> None:
    """Send the link that puts somebody in line. Needs ``with_slot()``."""
    _post(_waitlist_link(entry))


def waitlist_link_mail(entry: WaitlistEntry, texts: MailTexts) -> Mail:
    """Return what ``send_waitlist_link`` sends."""
    return _built(_waitlist_link(entry), texts)


def _waitlist_link(entry: WaitlistEntry) -> _Letter:
    slot, expert = session_awaited(entry), entry.slot.expert
    context = {"entry": entry, "slot": slot, "expert": expert, "url": links.link_url(links.offer_token(entry))}
    about = _about_entry(entry, slot, log.waitlist_message_id(entry))
    return _Letter("waitlist_prove", MailKind.WAITLIST_PROVE, context, about)


def send_waitlist_offer(entry: WaitlistEntry) -> None:
    """Send the offer of a seat: until when it is kept, and the link to take it or give it back.

    Needs ``with_slot()``.
    """
    _post(_waitlist_offer(entry), booking=entry.hold)


def waitlist_offer_mail(entry: WaitlistEntry, texts: MailTexts) -> Mail:
    """Return what ``send_waitlist_offer`` sends."""
    return _built(_waitlist_offer(entry), texts)


def _waitlist_offer(entry: WaitlistEntry) -> _Letter:
    slot, expert, hold = session_awaited(entry), entry.slot.expert, entry.hold
    assert hold is not None, "nothing was offered"
    context = {
        "entry": entry,
        "slot": slot,
        "expert": expert,
        "place": public_place(expert, hold.terms),  # it is not booked yet
        "until": hold.runs_out_at,
        "url": links.link_url(links.offer_token(entry)),
    }
    return _Letter("waitlist", MailKind.WAITLIST_OFFER, context, _about_entry(entry, slot, log.offer_message_id(entry)))


def _about_entry(entry: WaitlistEntry, slot: Slot, message_id: str) -> _About:
    organization = entry.slot.expert.organization
    return {
        "to": entry.email,
        "language": entry.language,
        "clocks": _clocks_of(entry),
        "at": slot.starts_at,
        "organization": organization,
        "message_id": message_id,
        "reply_to": organization.contact_email,
        "not_me_url": links.not_me_url(entry),
    }


def send_rescue_offer(rescue: Rescue, times: Sequence[Proposal]) -> None:
    """Send the times that are kept for somebody whose session cannot take place. Needs ``with_booking()``."""
    _post(_rescue_offer(rescue, times), booking=rescue.booking)


def rescue_offer_mail(rescue: Rescue, times: Sequence[Proposal], texts: MailTexts) -> Mail:
    """Return what ``send_rescue_offer`` sends."""
    return _built(_rescue_offer(rescue, times), texts)


def _rescue_offer(rescue: Rescue, times: Sequence[Proposal]) -> _Letter:
    booking, organization = rescue.booking, rescue.booking.slot.expert.organization
    url = links.link_url(links.rescue_token(rescue))
    context = {
        "rescue": rescue,
        "booking": booking,
        "slot": booking.session,
        "times": [(time, f"{url}?time={time.slot.pk}") for time in times],
        "until": rescue.until,
        "url": url,
    }
    about: _About = {
        "to": booking.email,
        "language": booking.language,
        "clocks": _clocks_of(booking),
        "at": booking.slot.starts_at,
        "organization": organization,
        "message_id": log.rescue_message_id(rescue),
        "reply_to": organization.contact_email,
        "not_me_url": links.not_me_url(booking),
    }
    return _Letter("rescue", MailKind.RESCUE_OFFER, context, about)


def send_invitation(invitation: Invitation, url: str) -> None:
    """Send the link with which somebody joins an organisation or founds one."""
    organization = invitation.organization
    zone = known_zone(organization.timezone if organization else invitation.timezone) or ZoneInfo("UTC")
    _send(
        "invitation",
        MailKind.INVITATION,
        {
            "url": url,
            "expires_at": invitation.expires_at,
            "joined": organization.name if organization else invitation.organization_name,
            "founds": organization is None,
        },
        to=invitation.email,
        language=settings.LANGUAGE_CODE,
        clocks=Clocks(zone),
        at=invitation.expires_at,
        organization=organization,
        message_id=log.invitation_message_id(invitation),
        reply_to=organization.contact_email if organization else "",
    )


def send_password_link(user: User, url: str, asked_at: str) -> None:
    """Send the link with which somebody on staff chooses a new password. The log has the mail and not the link.

    ``asked_at``: when it was asked for, so that it is one mail however often it is tried.
    """
    _send(
        "password",
        MailKind.PASSWORD,
        {"url": url},
        to=user.email,
        language=settings.LANGUAGE_CODE,
        clocks=Clocks(ZoneInfo("UTC")),
        at=timezone.now(),
        organization=None,
        message_id=log.password_message_id(user, asked_at),
    )


def send_webhook_paused(endpoint: WebhookEndpoint, to: str) -> None:
    """Tell owners that a webhook was paused, why, and what to do. Needs the organisation."""
    organization = endpoint.organization
    zone = known_zone(organization.timezone) or ZoneInfo("UTC")
    _send(
        "webhook_paused",
        MailKind.WEBHOOK_PAUSED,
        {
            "endpoint": endpoint,
            "host": urlsplit(endpoint.url).hostname,  # the rest of an address may be a secret
            "url": absolute_url("admin:bookings_webhookendpoint_change", endpoint.pk),
        },
        to=to,
        language=settings.LANGUAGE_CODE,
        clocks=Clocks(zone),
        at=endpoint.paused_at or timezone.now(),
        organization=organization,
        message_id=log.webhook_message_id(endpoint, to),
    )


def _post(letter: _Letter, *, booking: Booking | None = None) -> None:
    _send(letter.name, letter.kind, letter.context, booking=booking, **letter.about)


def _built(letter: _Letter, texts: MailTexts) -> Mail:
    about = letter.about | {"texts": texts}
    return _build(letter.name, letter.kind, letter.context, **about)


def _send(
    name: str, kind: MailKind, context: dict[str, Any], *, booking: Booking | None = None, **about: Unpack[_About]
) -> None:
    """Send ``templates/emails/<name>`` to one address, unless it was sent before. Raises MailNotSentError.

    Each attempt is logged. What is said about bookings goes many at a time: bookings/mail/outbox.py.
    """
    message_id = about["message_id"]
    delivery = log.Delivery(message_id, kind, about["to"], booking.pk if booking else None)
    begun = log.begin([delivery])
    if not begun:
        return
    organization = about["organization"]
    mail = [limits.Mail(delivery, booking, begun=begun[message_id], organization=organization)]
    if held := limits.hold_back(mail, limits.read_standing(mail)):
        log.held_back({message_id: held[message_id].reason})
        return
    try:
        with Transport() as transport:
            transport.hand_over(_build(name, kind, context, **about))
    except Exception as error:
        log.failed({message_id: error})
        raise
    log.sent([message_id])


def _build(
    name: str,
    kind: MailKind,
    context: dict[str, Any],
    *,
    to: str,
    language: str,
    clocks: Clocks,
    at: datetime,
    organization: Organization | None,
    message_id: str,
    texts: MailTexts | None = None,
    reply_to: str = "",
    not_me_url: str = "",
) -> Mail:
    """Return ``templates/emails/<name>`` as text and as HTML, to one address. Every mail is made here.

    In the reader's language, with all times by the leading clock; ``at`` is the instant that the other clock is told
    of, and whose offset from UTC the zone's label shows. Each mail has a link that stops such mails: ``not_me_url``, or
    one by the mail itself. ``texts``: as of ``booking_mail``.
    """
    own = _own_words(kind, organization, texts)
    not_me_url = not_me_url or links.unwanted_url(message_id, to, organization)
    with translation.override(language), timezone.override(clocks.leading):
        about = {
            "kind": kind.value,
            "clocks": clocks,
            "zone_label": zone_label(clocks.leading, at),
            "zone_line": zone_line(clocks, at),
            "not_me_url": not_me_url,
            "stop_label": _stop_label(kind),
        }
        context = _look(organization) | about | context
        if "slot" in context:
            context["in_words"] = times_of(context["slot"], clocks.leading)
        if own is None and (common := _common_of(name, context)) is not None:
            words = _by_pattern(context, common)
        else:
            subject = ""
            if own is not None:
                values = _values(context, clocks, at)
                subject = fill_placeholders(own.subject, values)
                context["opening"] = fill_placeholders(own.opening, values)
            words = render(name, context, subject)
    mail = Mail(words.subject, words.text)
    mail.attach_alternative(words.html, "text/html")
    mail.to = [to]
    mail.metadata = {"mail": message_id}  # mail services repeat it when they tell what became of the mail
    mail.reply_to = [reply_to] if reply_to else []
    mail.extra_headers |= {
        # The same for every attempt, so that a mail sent twice is one mail to the reader's program.
        "Message-ID": message_id,
        "Auto-Submitted": "auto-generated",  # no answers from holiday notices
        # The mail program's own button (RFC 8058) sends a form there without opening a page.
        "List-Unsubscribe": f"<{not_me_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    return mail


class _Common(NamedTuple):
    """What the words of a mail about a booking depend on, besides the values that are filled in (``_of_each``)."""

    name: str
    kind: str
    language: str
    look: tuple[str, str, str]  # the colour, and the logo with its width and height
    organization: str
    footer: str
    title: str
    terms: SessionTerms | None
    minutes: int
    seats: int
    is_of_two: bool
    is_pending: bool
    place: Place
    there_is: tuple[bool, ...]  # which of the values are not empty


def _common_of(name: str, context: dict[str, Any]) -> _Common | None:
    """Return what the mail has in common with others; None for one with words that few mails have."""
    booking: Booking | None = context.get("booking")
    if name != "booking" or booking is None or booking.reason or context["old_slot"] or booking.expires_at:
        return None
    organization: Organization = context["organization"]
    return _Common(
        name=name,
        kind=context["kind"],
        language=context["language"],
        look=(context["accent"], context["logo_url"], str(organization.logo_size) if context["logo_url"] else ""),
        organization=organization.name,
        footer=organization.mail_footer,
        title=booking.title,
        terms=booking.terms,
        minutes=context["slot"].minutes,
        seats=booking.seats,
        is_of_two=booking.second_expert_id is not None,
        is_pending=context["is_pending"],
        place=context["place"],
        there_is=tuple(map(bool, _of_each(context).values())),
    )


def _by_pattern(context: dict[str, Any], common: _Common) -> Rendered:
    """Return the words of the mail, by the pattern of those that have as much in common."""
    values = _of_each(context)
    pattern = patterns.get(common)
    if pattern is None:
        booking, marks = context["booking"], marks_for(values)
        times = Times(*(marks[name] for name in Times._fields))
        shown = Shown(
            **{each: marks[each] for each in ("name", "with_whom", "reference", "session_name")},
            title=common.title,
            terms=common.terms,
            seats=common.seats,
            second_expert_id=booking.second_expert_id,
            reason="",
            expires_at=None,
        )
        slot, expert = Shown(minutes=common.minutes, terms=common.terms), Shown(headline=marks["headline"])
        shown_things = {"booking": shown, "slot": slot, "expert": expert, "in_words": times}
        pattern = Pattern(common.name, context | marks | shown_things)
        patterns.put(common, pattern)
    return pattern.fill(values)


def _of_each(context: dict[str, Any]) -> dict[str, str]:
    """Return what is filled into a pattern of a mail about a booking."""
    booking: Booking = context["booking"]
    return {
        "name": booking.name,
        "with_whom": booking.with_whom,
        "headline": context["expert"].headline,
        "reference": booking.reference,
        "session_name": booking.session_name,
        **{each: context[each] for each in ("zone_line", "policy_line", "url", "again_url", "not_me_url")},
        **context["in_words"]._asdict(),
    }


def _own_words(kind: MailKind, organization: Organization | None, texts: MailTexts | None) -> MailText | None:
    if organization is None or kind not in WORDED:
        return None
    if texts is None:
        texts = mail_texts([organization.pk])
    return texts.get((organization.pk, kind))


def _values(context: dict[str, Any], clocks: Clocks, at: datetime) -> dict[str, str]:
    """Return what becomes of the placeholders in an organisation's own words (``PLACEHOLDERS``)."""
    booking: Booking | None = context.get("booking")
    values = {
        "organization": context["organization"].name,
        "time": by_clock_of(clocks.leading, date_format(at.astimezone(clocks.leading), "BRIEF_DAY_TIME_FORMAT")),
    }
    if booking is not None:
        values |= {"name": booking.name, "expert": booking.with_whom, "reference": booking.reference}
        return values | {"session": booking.title or _("Session")}
    entry: WaitlistEntry = context["entry"]
    title = entry.session_type.name if entry.session_type else entry.slot.title
    return values | {"name": entry.name, "expert": entry.slot.expert.name, "session": title or _("Session")}


def _stop_label(kind: MailKind) -> str:
    """Return what the link is called that stops such mails."""
    if kind in NOTICES:
        return _("No more of these emails")
    return _("This is not for me") if kind == MailKind.INVITATION else _("This was not me")


def _look(organization: Organization | None) -> dict[str, Any]:
    light, dark, on_dark = ACCENT_COLOURS[Accent(organization.accent) if organization else Accent.PETROL]
    return {
        "language": translation.get_language(),
        "organization": organization,
        "logo_url": urljoin(settings.SITE_URL, organization.logo_url) if organization and organization.logo_url else "",
        "accent": light,
        "accent_dark": dark,
        "on_accent_dark": on_dark,
    }
