"""Correct who a booking is for."""

from contextlib import suppress

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from bookings.access.proven import vouches
from bookings.errors import InvalidDetails, NotFound
from bookings.mail.rules import kind_of
from bookings.models import Booking, Proof
from bookings.phones import read_phone
from bookings.services.caution import may_count
from bookings.services.checks import check_details
from bookings.services.effects import publish_to_booker, queue_mail
from experts.locking import slot_transaction


def change_details(
    *,
    booking_id: int,
    name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    notes: str | None = None,
    by_customer: bool = False,
) -> Booking:
    """Correct who a booking is for; what is None stays, as do slot, seats and status. Locks the booking's row.

    A new address gets the booking's mail, as its links are bound to the address; the old one's open nothing any more,
    and browsers that they have opened it in see it no longer. The browser that booked does. What a proven address has
    made count keeps it, unless staff correct it or the reader of the new one has vouched for the browser.

    Raises InvalidDetails, NotFound, Busy.
    """
    with slot_transaction():
        booking = Booking.objects.not_erased().select_for_update(no_key=True).filter(pk=booking_id).first()
        if booking is None:
            raise NotFound(_("There is no such booking."))
        old_email = booking.email
        given = {"name": name, "email": email, "phone": phone, "notes": notes}
        wanted = {field: text.strip() for field, text in given.items() if text is not None}
        if phone is not None:
            with suppress(ValidationError):  # staff may write what is no number
                wanted["phone"] = read_phone(phone, [booking.slot.expert.timezone, booking.timezone])
        for field, text in wanted.items():
            setattr(booking, field, text)
        check_details(booking)
        if by_customer and booking.email.lower() != old_email.lower():
            _check_address(booking)
        booking.save(update_fields=[*wanted, "of_expert"])
        if booking.email.lower() != old_email.lower():
            Proof.objects.filter(booking=booking).delete()
        if booking.email and booking.email != old_email:
            queue_mail(booking, kind_of(booking), by_visitor=by_customer)
        publish_to_booker(booking)
    return booking


def _check_address(booking: Booking) -> None:
    """Raise InvalidDetails where the new address would count as proven, or as nobody's, and is not."""
    if vouches(visitor=booking.holder, email=booking.email):
        return
    expert = booking.slot.expert
    is_counted = booking.of_expert_id is not None or may_count(booking, booking.slot)
    if booking.is_vouched or booking.proof_reason or not is_counted:
        text = _("Please ask %(name)s to change the address: this booking counts because the one before was proven.")
        raise InvalidDetails({"email": [text % {"name": expert.organization.name}]})
    booking.of_expert = expert
