"""Jobs of the worker. Each reads the booking again before it acts, and may run more than once."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone, translation
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from bookings.models import Booking, Status
from experts.zones import city, offset_label

_RETRY = RetryStrategy(max_attempts=12, exponential_wait=2)


@app.task(queue="mail", retry=_RETRY)
def send_booking_mail(*, booking_id: int) -> None:
    """Tell the booker that the booking is confirmed or waits for approval; nothing if neither is true any more."""
    booking = Booking.objects.with_slot().filter(pk=booking_id).first()
    if booking is None or not booking.email or booking.status not in (Status.CONFIRMED, Status.PENDING):
        return
    slot, expert = booking.slot, booking.slot.expert
    zone = ZoneInfo(booking.timezone) if booking.timezone else expert.zone
    with translation.override(booking.language), timezone.override(zone):
        context = {
            "booking": booking,
            "slot": slot,
            "expert": expert,
            "zone_label": f"{city(zone)} ({offset_label(zone, slot.starts_at)})",
            "is_pending": booking.status == Status.PENDING,
            "my_bookings_url": f"{settings.SITE_URL.rstrip('/')}/bookings/",
        }
        subject = " ".join(render_to_string("emails/booking_subject.txt", context).split())
        body = render_to_string("emails/booking.txt", context)
    EmailMessage(
        subject,
        body,
        to=[booking.email],
        reply_to=[expert.organization.contact_email] if expert.organization.contact_email else None,
        # The same for every attempt, so that a mail sent twice is one mail to the reader's program.
        headers={"Message-ID": f"<{booking.reference.lower()}.{booking.status.lower()}@expertbook>"},
    ).send()
