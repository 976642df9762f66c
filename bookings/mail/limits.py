"""Decide which mails leave: so many to one mailbox, for all senders together, counted in PostgreSQL.

What a limit holds back is the mail, never the booking. Strangers cannot use up what somebody's own bookings are told
with: each kind of cause has a purse of its own. docs/decisions/0031-mail-by-recipient.md.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from bookings.mail.log import Begun, Delivery
from bookings.mail.rules import FOR_STAFF, NOTICES, MailKind
from bookings.models import Booking, MailAllowance, Source
from bookings.models.notification import HoldReason
from bookings.models.proven import ProvenKind, pair_hash, proven_hash
from bookings.models.recipient import Purse, SuppressionReason, organization_key, recipient_key
from experts.models import Organization

_HOUR, _DAY = 3600, 86400  # seconds


class Limit(NamedTuple):
    """So many mails in so many seconds. What is too much is tried again, each day and so often, and dropped then."""

    mails: int
    seconds: int
    waits: int


LIMITS = {
    # A secretary books for an office, with one address.
    Purse.OWN: Limit(60, _HOUR, waits=24),
    Purse.KNOWN: Limit(10, _DAY, waits=1),
    # One until its link is opened, which empties the purse; or for as long as we remember who is known.
    Purse.UNKNOWN: Limit(1, 400 * _DAY, waits=30),
    # Somebody at a browser has pressed "Send it again".
    Purse.AGAIN: Limit(2, _DAY, waits=0),
    # A receptionist makes a series of bookings for somebody; reminders come in the end whatever strangers do.
    Purse.FOLLOW_UP: Limit(60, _DAY, waits=1),
    Purse.LINK: Limit(3, _HOUR, waits=0),
    Purse.NEW_LINK: Limit(3, _DAY, waits=0),
    # One of its own: who asks for links to somebody's bookings keeps nobody from their account.
    Purse.PASSWORD: Limit(3, _HOUR, waits=0),
    Purse.INVITATION: Limit(5, _DAY, waits=0),
    # All requests of a large house go to one desk.
    Purse.STAFF: Limit(600, _HOUR, waits=24),
}
TESTS = Limit(20, _HOUR, waits=0)  # mails to oneself, to see how they look
_ALONE = {
    MailKind.PASSWORD: Purse.PASSWORD,
    MailKind.WAITLIST_OFFER: Purse.OWN,  # who is in line has proven the address
    MailKind.INVITATION: Purse.INVITATION,
}
# These stop everything: the mail server would refuse it, or its reader has called us spam.
_STOPS_ALL = {SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED}
# These are never stopped: they are how an address proves itself, and how somebody gets back in.
_ASKED_FOR = {Purse.LINK, Purse.NEW_LINK, Purse.PASSWORD}
# These, whatever the reason is: strangers can cause them.
_CAUSED_BY_ANYBODY = {Purse.KNOWN, Purse.UNKNOWN, Purse.AGAIN, Purse.FOLLOW_UP, Purse.INVITATION}
# Purses of links that anybody can ask for who types an address.
_LINKS = {MailKind.LOOKUP: (Purse.LINK, Purse.NEW_LINK), MailKind.PASSWORD: (Purse.PASSWORD,)}


class Mail(NamedTuple):
    """A mail that is about to leave.

    ``by_visitor``: somebody at a browser or a program caused it, and not staff or the clock. ``waits``: how often it
    has waited. ``begun``: what the log knows of it. ``organization``: whose it is, where it is about no booking.
    """

    delivery: Delivery
    booking: Booking | None = None
    by_visitor: bool = False
    waits: int = 0
    begun: Begun = Begun()
    organization: Organization | None = None

    @property
    def organization_id(self) -> int | None:
        """Whose mail it is; None for one of the site."""
        organization = self.booking.slot.expert.organization if self.booking is not None else self.organization
        return organization.pk if organization is not None else None


class Refusal(NamedTuple):
    """Why a mail does not leave now, and after how many seconds it may be tried again; None: never."""

    reason: HoldReason
    seconds: int | None = None


@dataclass
class MailStanding:
    """What is known of some mailboxes and bookings, when their mails are about to leave."""

    proven: set[str] = field(default_factory=set)
    suppressed: dict[str, str] = field(default_factory=dict)
    told: set[int] = field(default_factory=set)
    notices_off: set[tuple[int | None, str]] = field(default_factory=set)

    def is_own(self, booking: Booking | None) -> bool:
        """Whether who reads the address has vouched for the browser that booked."""
        return booking is not None and pair_hash(booking.holder, booking.email) in self.proven

    def invites(self, booking: Booking) -> bool:
        """Whether a calendar entry may come as an invitation, which programs enter without asking."""
        return booking.source == Source.STAFF or self.is_own(booking)

    def purse_of(self, mail: Mail) -> Purse:
        """Return what the mail is paid from."""
        delivery, booking = mail.delivery, mail.booking
        is_proven = proven_hash(ProvenKind.ADDRESS, delivery.to) in self.proven
        if delivery.kind == MailKind.LOOKUP:
            return Purse.LINK if is_proven else Purse.NEW_LINK
        if purse := _ALONE.get(delivery.kind):
            return purse
        if delivery.kind in FOR_STAFF:
            return Purse.STAFF
        if self.is_own(booking):
            return Purse.OWN
        is_told = booking is not None and booking.pk in self.told and not mail.by_visitor
        if is_told or (booking is not None and booking.source == Source.STAFF):
            return Purse.FOLLOW_UP
        if is_proven:
            return Purse.KNOWN
        return Purse.AGAIN if mail.begun.was_asked_for else Purse.UNKNOWN

    def reason_to_stop(self, mail: Mail, purse: Purse) -> HoldReason | None:
        """Return why the mailbox is spared this mail, if it is. It never is one that was asked for: that proves it."""
        recipient = recipient_key(mail.delivery.to)
        if mail.delivery.kind in NOTICES and (mail.organization_id, recipient) in self.notices_off:
            return HoldReason.NO_NOTICES
        reason = self.suppressed.get(recipient)
        if reason is None or purse in _ASKED_FOR:
            return None
        return HoldReason.SPARED if reason in _STOPS_ALL or purse in _CAUSED_BY_ANYBODY else None


def read_standing(mails: Collection[Mail]) -> MailStanding:
    """Read what is known of the mailboxes and bookings of these mails, in one statement; none for no mails."""
    standing = MailStanding()
    if not mails:
        return standing
    bookings = [mail.booking for mail in mails if mail.booking is not None]
    hashes = {proven_hash(ProvenKind.ADDRESS, mail.delivery.to) for mail in mails}
    hashes |= {pair_hash(booking.holder, booking.email) for booking in bookings if booking.holder}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'proven', hash FROM bookings_proven WHERE hash = ANY(%s::text[])"
            " UNION ALL SELECT reason, recipient FROM bookings_suppression WHERE recipient = ANY(%s::text[])"
            " UNION ALL SELECT 'told', booking_id::text FROM bookings_notification"
            " WHERE booking_id = ANY(%s::bigint[]) AND audience = 'customer' AND status = 'sent'"
            " UNION ALL SELECT 'off', organization_id || ' ' || recipient FROM bookings_noticesoff"
            " WHERE recipient = ANY(%s::text[])",
            [
                list(hashes),
                list({recipient_key(mail.delivery.to) for mail in mails}),
                list({booking.pk for booking in bookings}),
                list({recipient_key(mail.delivery.to) for mail in mails if mail.delivery.kind in NOTICES}),
            ],
        )
        for what, key in cursor.fetchall():
            if what == "proven":
                standing.proven.add(key)
            elif what == "told":
                standing.told.add(int(key))
            elif what == "off":
                organization_id, _space, recipient = key.partition(" ")
                standing.notices_off.add((int(organization_id), recipient))
            else:
                standing.suppressed[key] = what
    return standing


def stop_links(address: str, kind: MailKind) -> None:
    """Send a mailbox no links of a kind that anybody can ask for who types its address, for a day."""
    for purse in _LINKS[kind]:
        most, lasts = LIMITS[purse].mails, timedelta(seconds=_DAY)
        MailAllowance.objects.use_up(recipient_key(address), purse, most=most, lasts=lasts)


def may_invite(organization: Organization) -> bool:
    """Count an invitation of an organisation. Returns whether it may be sent: a new one has a quota for each day."""
    if organization.invitation_quota is None:
        return True
    key = organization_key(organization.pk), Purse.INVITATION.value
    return MailAllowance.objects.spend([(*key, 1, _DAY)])[key].used <= organization.invitation_quota


def may_test(organization: Organization, address: str) -> bool:
    """Count a mail that somebody on staff sends to the own address to try it. Returns whether it may be sent.

    It counts against the mailbox and the organisation's quota as other mails to staff, and against a bound of its own.
    """
    delivery = Delivery("", MailKind.STAFF_MOVED, address)
    mail = Mail(delivery)
    if read_standing([mail]).reason_to_stop(mail, Purse.STAFF):
        return False
    if not settings.RATE_LIMITS:
        return True
    mailbox, tests = recipient_key(address), recipient_key(f"tests {address}")
    most = {mailbox: LIMITS[Purse.STAFF].mails, tests: TESTS.mails}
    purse = Purse.STAFF.value
    counts = [(mailbox, purse, 1, LIMITS[Purse.STAFF].seconds), (tests, purse, 1, TESTS.seconds)]
    if organization.staff_mail_quota is not None:
        house = organization_key(organization.pk)
        most[house] = organization.staff_mail_quota
        counts.append((house, purse, 1, _DAY))
    spent = MailAllowance.objects.spend(counts)
    return all(spent[key, purse].used <= number for key, number in most.items())


def hold_back(mails: Iterable[Mail], standing: MailStanding) -> dict[str, Refusal]:
    """Count the mails against their mailboxes, and against the quota of a new organisation. One statement.

    Returns those that must not leave now, by Message-ID.
    """
    refused: dict[str, Refusal] = {}
    to_count: dict[_Count, list[Mail]] = defaultdict(list)
    for mail in mails:
        purse = standing.purse_of(mail)
        if reason := standing.reason_to_stop(mail, purse):
            refused[mail.delivery.message_id] = Refusal(reason)
        elif settings.RATE_LIMITS and not mail.begun.is_counted:
            for count in _counts(mail, purse):
                to_count[count].append(mail)
    spent = MailAllowance.objects.spend(
        (count.key, count.purse.value, len(counted), count.limit.seconds) for count, counted in to_count.items()
    )
    for count, counted in to_count.items():
        now = spent[count.key, count.purse.value]
        free = max(0, count.limit.mails - (now.used - len(counted)))
        for mail in counted[free:]:
            seconds = min(now.seconds, _DAY) if mail.waits < count.limit.waits else None
            refused[mail.delivery.message_id] = Refusal(count.reason, seconds)
    return refused


class _Count(NamedTuple):
    """Against what a mail counts: a mailbox or an organisation, by its key."""

    key: str
    purse: Purse
    limit: Limit
    reason: HoldReason


def _counts(mail: Mail, purse: Purse) -> list[_Count]:
    reason = HoldReason.UNPROVEN if purse == Purse.UNKNOWN else HoldReason.OFTEN
    counts = [_Count(recipient_key(mail.delivery.to), purse, LIMITS[purse], reason)]
    if mail.booking is not None and purse in (Purse.STAFF, Purse.FOLLOW_UP):
        organization = mail.booking.slot.expert.organization
        if (quota := organization.staff_mail_quota) is not None:
            limit = Limit(quota, _DAY, waits=1)
            counts.append(_Count(organization_key(organization.pk), Purse.STAFF, limit, HoldReason.NEW))
    return counts
