"""Jobs of the worker. Each reads again what it is about before it acts, and may run more than once.

Arguments are ids only: procrastinate logs them and keeps them in its table.
"""

from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from bookings import housekeeping, links, mail
from bookings.kinds import MailKind, still_true
from bookings.models import Booking, LookupRequest, WebhookEndpoint

_RETRY = RetryStrategy(max_attempts=12, exponential_wait=2)


@app.task(queue="mail", retry=_RETRY)
def send_booking_mail(*, booking_id: int, kind: str, sequence: int) -> None:
    """Tell the booker what became of the booking; nothing if that is not how it is any more.

    ``kind`` is a MailKind, ``sequence`` the booking's when the job was queued.
    """
    booking = Booking.objects.shown().with_slot().filter(pk=booking_id).first()
    if booking is None or not booking.email:
        return
    if still_true(MailKind(kind), booking, sequence, timezone.now()):
        mail.send_booking_mail(booking, MailKind(kind))


@app.task(queue="mail", retry=_RETRY)
def send_lookup_link(*, request_id: int) -> None:
    """Send a link to the bookings of an address, if it has any, and no more than three in an hour.

    Only here it is found out whether the address is known: whoever asked has had the answer by now.
    """
    request = LookupRequest.objects.filter(pk=request_id).first()
    if request is None or not Booking.objects.of_address(request.email).exists() or links.too_many_sent(request):
        return
    token, link = links.make_lookup_token(request)
    mail.send_lookup_link(request, links.link_url(token), link.expires_at)


@app.task(queue="mail", retry=_RETRY)
def send_webhook_paused(*, endpoint_id: int) -> None:
    """Tell the owners of a webhook that it was paused; nothing if it is not any more."""
    endpoint = WebhookEndpoint.objects.select_related("organization").filter(pk=endpoint_id).first()
    if endpoint is not None and endpoint.paused_at is not None:
        mail.send_webhook_paused(endpoint)


@app.task(queue="webhooks", retry=_RETRY)
async def deliver_webhook(*, delivery_id: int, due: str) -> None:
    """Make the attempt that is due at that time (ISO 8601); nothing if that has changed. Retries are jobs of their own.

    In a queue and a worker of its own, as receivers may hang.
    """
    from bookings.webhooks.delivering import deliver  # it calls the services, which queue this job

    await deliver(delivery_id, due)


@app.task(queue="expiry", retry=_RETRY)
def expire_booking(*, booking_id: int) -> None:
    """Free the seats of a hold or a request when its time is over; nothing if it went on, moved or was renewed."""
    from bookings import services  # the services queue this job

    services.expire(booking_id=booking_id)


@app.periodic(cron="* * * * *")
@app.task(queue="expiry")
def catch_up(timestamp: int) -> None:
    """Every minute: end what the queue missed, and complete the sessions that are over."""
    from bookings.catching_up import catch_up  # it calls the services, which queue jobs

    catch_up()


@app.periodic(cron="17 * * * *")
@app.task(queue="housekeeping")
def tidy_up(timestamp: int) -> None:
    """Every hour: delete what is no longer needed."""
    housekeeping.delete_old()
