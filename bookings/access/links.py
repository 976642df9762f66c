"""Links in e-mails, all under one address (``/bookings/link/<token>/``): what their tokens open, and for how long.

A look-up token is random, single-use and kept as a hash (LookupLink). A booking's token is its reference and a
signature; nothing is stored for it, and so it is with a seat that the waitlist offers. Both are bound to the address
that they were sent to: when staff correct a wrong one, the link in the stranger's mailbox opens nothing any more.
"""

from datetime import timedelta

from django.db.models import Value
from django.db.models.functions import Lower, Now
from django.utils import timezone

from bookings.errors import LinkGone, LinkUnknown
from bookings.models import Booking, LookupLink, LookupRequest, WaitlistEntry
from bookings.models.booking import read_reference
from bookings.models.hashed_secret import hash_of, random_secret
from experts.addresses import absolute_url
from experts.signed_tokens import SignedToken

LOOKUP_LINK_LASTS = timedelta(minutes=20)
MOST_LOOKUP_LINKS_PER_HOUR = 3  # to one address
BOOKING_LINK_LASTS = timedelta(days=30)  # after the end of the session
_BOOKING = SignedToken("bookings.link")
_OFFER = SignedToken("bookings.offer", prefix="W-")


def link_url(token: str) -> str:
    """The whole address of a link, for an e-mail."""
    return absolute_url("link", token)


def offer_token(entry: WaitlistEntry) -> str:
    """The token for the mail that offers a seat. It is bound to the address, as a booking's."""
    return _OFFER.of(entry.pk, entry.email)


def opens_offer(token: str) -> bool:
    """Whether it is an offer's token by its looks."""
    return token.startswith(_OFFER.prefix)


def read_offer_token(token: str) -> WaitlistEntry:
    """The entry of the waitlist that a token belongs to. Raises LinkUnknown for a forged one."""
    entry = WaitlistEntry.objects.with_slot().filter(pk=_OFFER.number_in(token)).first()
    if entry is None or not _OFFER.fits(token, entry.pk, entry.email):
        raise LinkUnknown
    return entry


def opens_one_booking(token: str) -> bool:
    """Which kind of token it is, by its looks only: whether it is a real one is not asked."""
    return "." in token


def booking_token(booking: Booking) -> str:
    """The token for a booking's own e-mails: always the same one."""
    return _BOOKING.of(booking.reference, booking.email)


def read_booking_token(token: str) -> Booking:
    """The booking that a token opens. Raises LinkUnknown for a forged one, LinkGone 30 days after the session."""
    reference = read_reference(_BOOKING.key_in(token))
    booking = Booking.objects.shown().with_slot().filter(reference=reference).first()
    if booking is None or not booking.email or not _BOOKING.fits(token, booking.reference, booking.email):
        raise LinkUnknown
    if booking_link_ends(booking) <= timezone.now():
        raise LinkGone
    return booking


def booking_link_ends(booking: Booking):
    """Until when (an instant) a booking's link works, and what it has opened stays open."""
    return booking.slot.ends_at + BOOKING_LINK_LASTS


def make_lookup_token(request: LookupRequest) -> tuple[str, LookupLink]:
    """A new token for the address of the request, with the link that remembers it. Each attempt to send has its own."""
    token = random_secret()
    link = LookupLink.objects.create(
        request=request, token_hash=hash_of(token), expires_at=timezone.now() + LOOKUP_LINK_LASTS
    )
    return token, link


def too_many_sent(request: LookupRequest) -> bool:
    """Whether the address has had its links of this hour, so that nobody can flood a mailbox from here.

    Other attempts to answer the same request do not count: they are retries of a mail that may never have left.
    """
    others = LookupRequest.objects.annotate(address=Lower("email")).filter(address=Lower(Value(request.email)))
    an_hour_ago = timezone.now() - timedelta(hours=1)
    answered = others.filter(links__created_at__gt=an_hour_ago).exclude(pk=request.pk)
    return answered.distinct().count() >= MOST_LOOKUP_LINKS_PER_HOUR


def use_lookup_token(token: str) -> str:
    """Use a look-up token up. Returns the address that it was sent to. Raises LinkUnknown, LinkGone.

    One statement decides: of two that come at the same time the second waits for the first and then finds it used.
    """
    mine = LookupLink.objects.filter(token_hash=hash_of(token))
    if not mine.filter(used_at=None, expires_at__gt=Now()).update(used_at=Now()):
        raise LinkGone if mine.exists() else LinkUnknown
    return mine.values_list("request__email", flat=True).get()


def address_of_used(token: str) -> str:
    """The address of a link that was used; "" for any other."""
    used = LookupLink.objects.filter(token_hash=hash_of(token), used_at__isnull=False)
    return used.values_list("request__email", flat=True).first() or ""
