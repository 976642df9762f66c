"""Make and read the tokens of links in e-mails (``/bookings/link/<token>/``).

A look-up token is random, works once, and only its hash is stored (LookupLink). The tokens of a booking, and of offers
of a seat or of other times, are signed (experts/signed_tokens.py), work as often as they are opened, and are stored
nowhere.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Value
from django.db.models.functions import Lower, Now
from django.utils import timezone

from bookings.errors import LinkGone, LinkUnknown
from bookings.models import (
    Booking,
    LookupLink,
    LookupRequest,
    Notification,
    Rescue,
    Suppression,
    WaitlistEntry,
)
from bookings.models.hashed_secret import hash_of, random_secret
from bookings.models.recipient import recipient_key
from bookings.references import read_reference
from experts.addresses import absolute_url
from experts.models import Organization
from experts.signed_tokens import SignedToken

LOOKUP_LINK_LASTS = timedelta(minutes=20)
TO_DATA = "?to=data"  # behind the link of a request for one's data; it says nothing that the token must guard
BOOKING_LINK_LASTS = timedelta(days=30)  # after the end of the session
_BOOKING = SignedToken("bookings.link")
_KEEPING = "K-"  # before a booking's token, in the mail whose link keeps it: the page of the link says so
_OFFER = SignedToken("bookings.offer", prefix="W-")
_RESCUE = SignedToken("bookings.rescue", prefix="R-")
_OUR_IDS = "@expertbook>"  # how each Message-ID of ours ends
# In each mail to a booker or to somebody who waits: they open nothing, and end what a stranger did with an address.
_NOT_ME, _NOT_ME_WAITING = SignedToken("bookings.not_me"), SignedToken("bookings.not_me", prefix="W-")
# In each other mail: it names the mail by its Message-ID, and the organisation that it came from.
_UNWANTED = SignedToken("bookings.unwanted")


def link_url(token: str) -> str:
    """Return the whole address of a link, for an e-mail."""
    return absolute_url("link", token)


def offer_token(entry: WaitlistEntry) -> str:
    """Return the token for the mail that offers a seat, always the same one."""
    return _OFFER.of(entry.pk, entry.email)


def opens_offer(token: str) -> bool:
    """Return whether a token has the form of an offer's. It may be forged."""
    return token.startswith(_OFFER.prefix)


def read_offer_token(token: str) -> WaitlistEntry:
    """Return the entry of the waitlist that a token belongs to. Raises LinkUnknown for a forged one."""
    entry = WaitlistEntry.objects.with_place().with_slot().filter(pk=_OFFER.number_in(token)).first()
    if entry is None or not _OFFER.fits(token, entry.pk, entry.email):
        raise LinkUnknown
    return entry


def rescue_token(rescue: Rescue) -> str:
    """Return the token for the mail that offers other times, always the same one. Needs the booking."""
    return _RESCUE.of(rescue.pk, rescue.booking.email)


def opens_rescue(token: str) -> bool:
    """Return whether a token has the form of one that offers other times. It may be forged."""
    return token.startswith(_RESCUE.prefix) and "." in token


def read_rescue_token(token: str) -> Rescue:
    """Return the offer that a token belongs to, with its booking. Raises LinkUnknown for a forged one."""
    rescue = Rescue.objects.with_booking().filter(pk=_RESCUE.number_in(token)).first()
    if rescue is None or not rescue.booking.email or not _RESCUE.fits(token, rescue.pk, rescue.booking.email):
        raise LinkUnknown
    return rescue


def not_me_url(about: Booking | WaitlistEntry) -> str:
    """Return the whole address of "this was not me", for an e-mail about a booking or an entry of the waitlist."""
    if isinstance(about, WaitlistEntry):
        return absolute_url("not_me", _NOT_ME_WAITING.of(about.pk, about.email))
    return absolute_url("not_me", _NOT_ME.of(about.reference, about.email))


def read_not_me_token(token: str) -> Booking | WaitlistEntry:
    """Return what a mail with "this was not me" was about, with its slot. Raises LinkUnknown, also if it is gone."""
    about: Booking | WaitlistEntry | None
    if token.startswith(_NOT_ME_WAITING.prefix):
        about = WaitlistEntry.objects.with_slot().filter(pk=_NOT_ME_WAITING.number_in(token)).first()
        fits = about is not None and _NOT_ME_WAITING.fits(token, about.pk, about.email)
    else:
        reference = read_reference(_NOT_ME.key_in(token))
        about = Booking.objects.shown_or_awaiting().with_slot().filter(reference=reference).first()
        fits = about is not None and bool(about.email) and _NOT_ME.fits(token, about.reference, about.email)
    if about is None or not fits:
        raise LinkUnknown
    return about


class UnwantedMail(NamedTuple):
    """A mail about no booking of its reader's, as the log has it, and whose it was; None where it was the site's."""

    mail: Notification
    organization: Organization | None


def unwanted_url(message_id: str, to: str, organization: Organization | None) -> str:
    """Return the whole address that stops mails of this kind, for an e-mail about no booking of its reader's."""
    name = message_id.removeprefix("<").removesuffix(_OUR_IDS).replace(".", "~")
    return absolute_url("unwanted", _UNWANTED.of(f"{organization.pk if organization else 0}~{name}", to))


def read_unwanted_token(token: str) -> UnwantedMail:
    """Return the mail that a token belongs to. Raises LinkUnknown, also when the log has forgotten it."""
    key = _UNWANTED.key_in(token)
    organization_id, _tilde, name = key.partition("~")
    mail = Notification.objects.filter(message_id=f"<{name.replace('~', '.')}{_OUR_IDS}").first()
    if mail is None or not _UNWANTED.fits(token, key, mail.to):
        raise LinkUnknown
    return UnwantedMail(mail, Organization.objects.filter(pk=organization_id).first())


def opens_one_booking(token: str) -> bool:
    """Return whether a token has the form of a booking's, and not of a look-up's. It may be forged."""
    return "." in token


def booking_token(booking: Booking) -> str:
    """Return the token for a booking's own e-mails, always the same one."""
    return _BOOKING.of(booking.reference, booking.email)


def keeping_token(booking: Booking) -> str:
    """Return the token for the mail that asks to open it, so that the booking counts. It opens the same booking."""
    return f"{_KEEPING}{booking_token(booking)}"


def keeps_booking(token: str) -> bool:
    """Return whether a token has the form of one that makes a booking count. It may be forged."""
    return token.startswith(_KEEPING) and opens_one_booking(token)


def read_booking_token(token: str) -> Booking:
    """Return the booking that a token opens, with its slot. Raises LinkUnknown if forged, LinkGone if it has ended.

    It may be one that awaits its proof.
    """
    token = token.removeprefix(_KEEPING)
    reference = read_reference(_BOOKING.key_in(token))
    booking = Booking.objects.shown_or_awaiting().with_slot().filter(reference=reference).first()
    if booking is None or not booking.email or not _BOOKING.fits(token, booking.reference, booking.email):
        raise LinkUnknown
    if booking_link_ends(booking) <= timezone.now():
        raise LinkGone
    return booking


def booking_link_ends(booking: Booking) -> datetime:
    """Return the instant at which a booking's links, and what they have opened, end: 30 days after the session."""
    return booking.ends_at + BOOKING_LINK_LASTS


def make_lookup_token(request: LookupRequest) -> tuple[str, LookupLink]:
    """Make a new token for the address of a request, and the row that knows its hash. Each attempt makes its own."""
    token = random_secret()
    while opens_offer(token):  # one in four thousand
        token = random_secret()
    link = LookupLink.objects.create(
        request=request, token_hash=hash_of(token), expires_at=timezone.now() + LOOKUP_LINK_LASTS
    )
    return token, link


def is_known(email: str) -> bool:
    """Return whether a link to the address's bookings is worth sending.

    Something was booked or asked for with it, it is on a waitlist, or its mails are stopped: the link lets them come.
    """
    waiting = WaitlistEntry.objects.order_by().annotate(address=Lower("email")).filter(address=Lower(Value(email)))
    asked_for = Booking.objects.order_by().annotate(address=Lower("email")).filter(address=Lower(Value(email)))
    return (
        Booking.objects.of_address(email).exists()
        or waiting.exists()
        or asked_for.filter(awaits_proof=True).exists()
        or Suppression.objects.filter(pk=recipient_key(email)).exists()
    )


def use_lookup_token(token: str) -> str:
    """Mark a look-up token as used. Returns the e-mail address that it was sent to. Raises LinkUnknown, LinkGone.

    One UPDATE decides: of two requests at the same time, the second waits for the first and then finds it used.
    """
    mine = LookupLink.objects.filter(token_hash=hash_of(token))
    if not mine.filter(used_at=None, expires_at__gt=Now()).update(used_at=Now()):
        raise LinkGone if mine.exists() else LinkUnknown
    return mine.values_list("request__email", flat=True).get()


def address_of_used(token: str) -> str:
    """Return the e-mail address of a link that was used already; "" for any other token."""
    used = LookupLink.objects.filter(token_hash=hash_of(token), used_at__isnull=False)
    return used.values_list("request__email", flat=True).first() or ""
