"""Looking bookings up: what a browser proves, how it asks for a link, and how it forgets everything again."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from bookings.access import links
from bookings.errors import LinkGone, NoSuchBooking
from bookings.models import Booking, LookupRequest, Proof, WaitlistEntry
from bookings.queue import defer

ADDRESS_PROOF_LASTS = timedelta(minutes=60)


def prove_booking(*, visitor: str, booking: Booking) -> Proof:
    """Let a browser see one booking until 30 days after its session."""
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


def open_by_reference(*, visitor: str, reference: str, email: str) -> Booking:
    """Prove the booking that has this reference and address. Raises NoSuchBooking, which does not tell what is wrong.

    As with the link in its mails, only until 30 days after the session.
    """
    booking = Booking.objects.of_address(email).with_slot().filter(reference=reference).first()
    if booking is None or links.booking_link_ends(booking) <= timezone.now():
        raise NoSuchBooking
    prove_booking(visitor=visitor, booking=booking)
    return booking


def request_link(*, visitor: str, email: str, language: str = "en", timezone: str = "") -> LookupRequest:
    """Ask for a link to the bookings of an address. Does the same for every address: the worker looks it up."""
    with transaction.atomic():
        request = LookupRequest.objects.create(visitor=visitor, email=email, language=language, timezone=timezone)
        defer("bookings.tasks.send_lookup_link", request_id=request.pk)
    return request


def open_link(*, visitor: str, token: str) -> Booking | None:
    """Prove what the link of an e-mail opens: a booking, which is returned, or an address (None).

    Raises LinkUnknown for a forged link, LinkGone for a used or expired one. A look-up link and its proof are written
    together or not at all, so that a failure does not use the link up.
    """
    if links.opens_one_booking(token):
        booking = links.read_booking_token(token)
        prove_booking(visitor=visitor, booking=booking)
        return booking
    try:
        with transaction.atomic():
            prove_address(visitor=visitor, email=links.use_lookup_token(token))
    except LinkGone:
        # The second click of a double click: the first has opened it for this very browser.
        email = links.address_of_used(token)
        if not email or not Proof.objects.live(visitor).filter(email=email.lower()).exists():
            raise
    return None


def forget_browser(*, visitor: str) -> None:
    """End what a browser may see: its proofs, and its claim to what it booked. A copy of its cookie opens nothing."""
    with transaction.atomic():
        Proof.objects.filter(visitor=visitor).delete()
        LookupRequest.objects.filter(visitor=visitor).update(visitor="")
        Booking.objects.shown().filter(holder=visitor).update(holder="")
        WaitlistEntry.objects.filter(visitor=visitor).update(visitor="")
