"""Say what each e-mail is about and tells, and send those that are not about a booking. Called by workers only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Unpack
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone, translation

from bookings.access import links
from bookings.addresses import again_page
from bookings.icalendar import event
from bookings.mail import limits, log
from bookings.mail.building import About, Mail, build
from bookings.mail.rules import FOR_STAFF
from bookings.mail.transport import Transport
from bookings.models import Booking, LookupRequest, MailKind, Rescue, Status, WaitlistEntry, WebhookEndpoint
from bookings.policy import cancel_line
from bookings.selectors.answers import answers_to, in_staff_mail
from bookings.selectors.awaited import session_awaited
from bookings.selectors.mail_texts import MailTexts
from bookings.selectors.place import place_of, public_place
from bookings.selectors.rescue_times import Proposal
from experts.addresses import absolute_url
from experts.clocks import Clocks, clocks_for
from experts.formatting import zone_label
from experts.models import Invitation, Slot, User
from experts.timezones import known_zone

# They tell that nothing is booked any more.
_ENDS = {MailKind.CANCELLED, MailKind.REJECTED, MailKind.EXPIRED}


class Before(NamedTuple):
    """What a booking was: its slot before it moved, and whether it was confirmed once."""

    slot: Slot | None = None
    was_approved: bool = False


_NOTHING = Before()


class _Letter(NamedTuple):
    """A mail that is about no booking of its own, before it is built: what it is called, says and is about."""

    name: str
    kind: MailKind
    context: dict[str, Any]
    about: About


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
    mail = build(
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
    return build(
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


def _about_entry(entry: WaitlistEntry, slot: Slot, message_id: str) -> About:
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
    about: About = {
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
    return build(letter.name, letter.kind, letter.context, **about)


def _send(
    name: str, kind: MailKind, context: dict[str, Any], *, booking: Booking | None = None, **about: Unpack[About]
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
            transport.hand_over(build(name, kind, context, **about))
    except Exception as error:
        log.failed({message_id: error})
        raise
    log.sent([message_id])
