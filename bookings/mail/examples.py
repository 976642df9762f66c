"""Write mails that are not sent, so that staff see what people read: about a booking that does not exist, or a move.

By the same code as real ones (``booking_mail``). Nothing is stored: the reference has letters that none can have, so
the links of such a mail open nothing.
"""

import re
from copy import copy
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.mail.building import Mail
from bookings.mail.messages import (
    Before,
    booking_mail,
    rescue_offer_mail,
    waitlist_link_mail,
    waitlist_offer_mail,
)
from bookings.mail.transport import Transport
from bookings.models import Booking, MailKind, Rescue, Source, Status, WaitlistEntry
from bookings.models.mail_text import WORDED
from bookings.references import REFERENCE_ALPHABET
from bookings.selectors.mail_texts import MailTexts, mail_texts
from bookings.selectors.rescue_times import Proposal
from experts.models import Expert, Organization, Slot, User
from experts.models.expert import Venue
from experts.timezones import instant_of

REFERENCE = "EB-SAMP-LE00"
assert not set("SAMPLE0") <= set(REFERENCE_ALPHABET), "somebody's booking could be called so"
START, MINUTES = time(14), 45

# What a customer gets in the life of a booking.
SHOWN = WORDED
# How the booking stands then; in all others it is confirmed.
_STATUSES = {
    MailKind.PENDING: Status.PENDING,
    MailKind.REJECTED: Status.REJECTED,
    MailKind.EXPIRED: Status.EXPIRED,
    MailKind.CANCELLED: Status.CANCELLED,
    MailKind.PROVE: Status.HELD,
    MailKind.WAITLIST_OFFER: Status.HELD,
}
_WAITS = {MailKind.WAITLIST_PROVE, MailKind.WAITLIST_OFFER}


def example_booking(organization: Organization, to: str, now: datetime, status: Status = Status.CONFIRMED) -> Booking:
    """Return a booking of tomorrow at 14:00 with one of the organisation's experts; nothing of it is stored.

    ``organization`` may have values that nobody has saved.
    """
    expert = Expert.objects.filter(organization=organization.pk, is_active=True).order_by("name", "pk").first()
    if expert is None:
        expert = Expert(name=_("Dr Sample"), slug="sample", timezone=organization.timezone, venue=Venue.IN_PERSON)
    expert.organization = organization
    zone = ZoneInfo(expert.timezone)
    day = now.astimezone(zone).date() + timedelta(days=1)
    booking = Booking(
        slot=_slot(expert, day, zone, now),
        reference=REFERENCE,
        status=status,
        name=_("Sam Sample"),
        email=to,
        language=settings.LANGUAGE_CODE,
        timezone=expert.timezone,
        source=Source.WEB,
        created_at=now,
    )
    if status in (Status.PENDING, Status.HELD):
        hours = organization.approval_hours if status == Status.PENDING else 0
        booking.expires_at = min(now + (timedelta(hours=hours) or timedelta(minutes=15)), booking.slot.starts_at)
        booking.awaits_proof = status == Status.HELD
    return booking


def example_mail(
    organization: Organization,
    kind: MailKind,
    to: str,
    message_id: str,
    now: datetime,
    texts: MailTexts | None = None,
) -> Mail:
    """Return the mail of that kind, one of ``SHOWN``, about ``example_booking``.

    ``texts``: the organisation's own words, which nobody may have saved; without them they are read.
    """
    if texts is None:
        texts = mail_texts([organization.pk])
    booking = example_booking(organization, to, now, _STATUSES.get(kind, Status.CONFIRMED))
    if kind in _WAITS:
        entry = _entry(booking)
        mail = (waitlist_link_mail if kind == MailKind.WAITLIST_PROVE else waitlist_offer_mail)(entry, texts)
    elif kind == MailKind.RESCUE_OFFER:
        until = min(now + timedelta(hours=20), booking.slot.starts_at)
        rescue = Rescue(pk=0, booking=booking, sequence=0, until=until)
        mail = rescue_offer_mail(
            rescue, [Proposal(booking, _days_later(booking, days, now)) for days in (1, 2, 5)], texts
        )
    else:
        before = Before()
        if kind == MailKind.RESCHEDULED:
            before = Before(_days_later(booking, 1, now), was_approved=True)
        mail = booking_mail(booking, kind, to, message_id, before, invites=False, texts=texts)
    mail.extra_headers["Message-ID"] = message_id
    return mail


def words_of_move(booking: Booking, start: Slot, reason: str = "") -> tuple[str, str]:
    """Return subject and text of the mail that moving a booking to a slot or Session would cause.

    ``reason``: the message in it. Without the links of the real mail, by which whoever opens them is taken for its
    reader. The booking was read with its slot, ``start`` with its expert.
    """
    shown = copy(booking)
    shown.reference, shown.reason = REFERENCE, reason
    shown.slot, shown.session_ends_at = start, start.ends_at if booking.session_type_id else None
    mail = booking_mail(shown, MailKind.RESCHEDULED, booking.email, "<preview@expertbook>", Before(booking.slot))
    text = re.sub(rf"(?<=/){REFERENCE}[^/\s]+", "…", str(mail.body))
    return str(mail.subject), text.replace(REFERENCE, booking.reference)


def send_example(organization: Organization, user: User, kind: MailKind, asked_at: str) -> None:
    """Send ``example_mail`` to the user. It stands in no log: it tells nobody of anything. Raises MailNotSentError.

    ``asked_at``: so that each has a Message-ID of its own.
    """
    asked = sha256(f"{asked_at} {user.pk}".encode()).hexdigest()[:16]
    mail = example_mail(organization, kind, user.email, f"<example.{asked}@expertbook>", timezone.now())
    mail.subject = _("Test: %(subject)s") % {"subject": mail.subject}
    with Transport() as transport:
        transport.hand_over(mail)


def _entry(booking: Booking) -> WaitlistEntry:
    return WaitlistEntry(
        pk=0,
        slot=booking.slot,
        hold=booking,
        name=booking.name,
        email=booking.email,
        language=booking.language,
        timezone=booking.timezone,
        created_at=booking.created_at,
    )


def _days_later(booking: Booking, days: int, now: datetime) -> Slot:
    expert = booking.slot.expert
    return _slot(expert, booking.slot.date + timedelta(days=days), ZoneInfo(expert.timezone), now)


def _slot(expert: Expert, day: date, zone: ZoneInfo, now: datetime) -> Slot:
    starts_at = instant_of(day, START, zone)
    assert starts_at is not None, "no clock is changed at two in the afternoon"
    slot = Slot(
        expert=expert,
        date=day,
        time=START,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=MINUTES),
        capacity=1,
    )
    slot.read_at = now
    return slot
