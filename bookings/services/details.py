"""Correct who a booking is for."""

from contextlib import suppress

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from bookings.errors import NotFound
from bookings.mail.rules import kind_of
from bookings.models import Booking, Proof
from bookings.phones import read_phone
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
    and browsers that they have opened it in see it no longer. The browser that booked does.

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
        booking.save(update_fields=list(wanted))
        if booking.email.lower() != old_email.lower():
            Proof.objects.filter(booking=booking).delete()
        if booking.email and booking.email != old_email:
            queue_mail(booking, kind_of(booking), by_visitor=by_customer)
        publish_to_booker(booking)
    return booking
