"""Prove that a browser may see a booking or an address's bookings, ask for a link, and forget it all again."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from bookings.access import links, proven
from bookings.errors import LinkGone, NoSuchBooking
from bookings.models import Booking, LookupRequest, Proof, Status, WaitlistEntry
from bookings.queue import defer

ADDRESS_PROOF_LASTS = timedelta(minutes=60)
FRESH_FOR = timedelta(minutes=15)  # for what cannot be undone


def prove_booking(*, visitor: str, booking: Booking) -> Proof:
    """Let a browser see one booking until its links end (``booking_link_ends``)."""
    ends = links.booking_link_ends(booking)
    proof, _made = Proof.objects.update_or_create(visitor=visitor, booking=booking, defaults={"expires_at": ends})
    return proof


def prove_address(*, visitor: str, email: str) -> Proof:
    """Let a browser see all bookings of an address for 60 minutes from now."""
    ends = timezone.now() + ADDRESS_PROOF_LASTS
    proof, _made = Proof.objects.update_or_create(
        visitor=visitor, email=email.lower(), booking=None, defaults={"expires_at": ends}
    )
    return proof


def is_fresh(proof: Proof) -> bool:
    """Whether the link to an address was opened a moment ago, and not by whoever sat here an hour ago."""
    proven_at = proof.expires_at - ADDRESS_PROOF_LASTS
    return bool(proof.email) and timezone.now() - proven_at < FRESH_FOR


def open_by_reference(*, visitor: str, reference: str, email: str) -> Booking:
    """Let a browser see the booking with this reference and address, for as long as the links in its mails work.

    Raises NoSuchBooking, which does not tell which of the two is wrong.
    """
    booking = Booking.objects.of_address(email).with_slot().filter(reference=reference).first()
    if booking is None or links.booking_link_ends(booking) <= timezone.now():
        raise NoSuchBooking
    prove_booking(visitor=visitor, booking=booking)
    return booking


def request_link(
    *, visitor: str, email: str, language: str = "en", timezone: str = "", is_for_data: bool = False
) -> LookupRequest:
    """Queue a link to the bookings of an address, or to its data.

    The same is done for every address; the worker looks it up.
    """
    with transaction.atomic():
        request = LookupRequest.objects.create(
            visitor=visitor, email=email, language=language, timezone=timezone, is_for_data=is_for_data
        )
        defer("bookings.tasks.send_lookup_link", request_id=request.pk)
    return request


def open_link(*, visitor: str, token: str) -> Booking | None:
    """Let a browser see what the link of an e-mail opens: a booking, which is returned, or an address (None).

    The browser and the address have proven themselves with that. Raises LinkUnknown for a forged link, LinkGone for a
    used or expired one. In one transaction, so that a failure does not use a look-up link up.
    """
    if links.opens_one_booking(token):
        booking = links.read_booking_token(token)
        with transaction.atomic():
            prove_booking(visitor=visitor, booking=booking)
            proven.mark_proven(visitor=visitor, email=booking.email, booker=booking.holder)
        return booking
    try:
        with transaction.atomic():
            email = links.use_lookup_token(token)
            prove_address(visitor=visitor, email=email)
            proven.mark_proven(visitor=visitor, email=email)
    except LinkGone:
        # A double click: the first click opened it for this browser, and the second must not say that it is used.
        email = links.address_of_used(token)
        if not email or not Proof.objects.live(visitor).filter(email=email.lower()).exists():
            raise
    return None


def forget_browser(*, visitor: str) -> None:
    """Delete a browser's proofs and its claim to what it booked, so that a copy of its cookie opens nothing.

    Its holds are for ``services.release_holds``, but for those that the waitlist offered: their e-mail has a link.
    """
    with transaction.atomic():
        Proof.objects.filter(visitor=visitor).delete()
        proven.forget_proven_browser(visitor=visitor)
        LookupRequest.objects.filter(visitor=visitor).update(visitor="")
        own = Booking.objects.filter(holder=visitor)
        own.shown_or_awaiting().update(holder="")
        own.filter(status=Status.HELD, offer__isnull=False).update(holder="")
        WaitlistEntry.objects.filter(visitor=visitor).update(visitor="")
