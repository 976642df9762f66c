"""Jobs of the worker. Each reads again what it is about before it acts, and may run more than once.

Arguments are ids only: procrastinate logs them and keeps them in its table. What frees seats goes before mails, so that
a mail server that hangs holds nothing up, and reminders come last: thousands of them lie ahead.
"""

import logging
from typing import Any

from django.conf import settings
from django.utils import timezone
from procrastinate import RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy

from bookings import services
from bookings.access import links
from bookings.mail import log, messages
from bookings.mail.recipients import owner_recipients, recipients
from bookings.mail.rules import MailKind, still_true
from bookings.models import Booking, LookupRequest, WaitlistEntry, WebhookEndpoint
from bookings.queue import FIRST
from bookings.services.catch_up import settle_overdue
from bookings.services.cleanup import delete_old
from bookings.webhooks.worker import deliver

logger = logging.getLogger(__name__)


class BackOff(BaseRetryStrategy):
    """Again after 2, 4, 8 … seconds and then every half hour, for a day and a few hours in all.

    So whatever was away for an hour has what waited for it half an hour later, and a day without it loses nothing.
    """

    LONGEST_WAIT = 30 * 60  # seconds
    MOST_ATTEMPTS = 60

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if job.attempts >= self.MOST_ATTEMPTS or getattr(exception, "for_good", False):
            return None
        return RetryDecision(retry_in={"seconds": self.wait_after(job.attempts)})

    def wait_after(self, attempts: int) -> int:
        """Seconds until the next attempt; ``attempts`` were made before the one that failed."""
        return min(1 << min(attempts + 1, 30), self.LONGEST_WAIT)


@app.task(queue="mail", retry=BackOff())
def send_booking_mail(*, booking_id: int, kind: str, sequence: int) -> None:
    """Tell the booker, or staff, what became of the booking, or remind of it; nothing if that is not so any more.

    ``kind`` is a MailKind, ``sequence`` the booking's when the job was queued. Each recipient has a mail of their own.
    """
    booking, kind = Booking.objects.shown().with_slot().filter(pk=booking_id).first(), MailKind(kind)
    if booking is None:
        return
    is_true, failure = still_true(kind, booking, sequence, timezone.now()), None
    for address in recipients(booking, kind):
        if not is_true:
            log.skip(kind=kind, to=address, booking=booking, sequence=sequence)
            continue
        try:
            messages.send_booking_mail(booking, kind, address)
        except log.MailNotSentError as error:  # one bad address keeps the mail from none of the others
            if failure is None or failure.for_good:
                failure = error
    if failure is not None:
        raise failure


@app.task(queue="mail", retry=BackOff())
def send_lookup_link(*, request_id: int) -> None:
    """Send a link to the bookings of an address, if it has any, and no more than three in an hour.

    Only here it is found out whether the address is known: whoever asked has had the answer by now.
    """
    request = LookupRequest.objects.filter(pk=request_id).first()
    if request is None or not Booking.objects.of_address(request.email).exists() or links.too_many_sent(request):
        return
    token, link = links.make_lookup_token(request)
    messages.send_lookup_link(request, links.link_url(token), link.expires_at)


@app.task(queue="mail", retry=BackOff())
def send_waitlist_offer(*, entry_id: int) -> None:
    """Tell the first in line that a seat is kept for them; nothing if it is not any more."""
    entry = WaitlistEntry.objects.with_slot().filter(pk=entry_id).first()
    offer = entry.offer if entry is not None else None
    if entry is not None and offer is not None and offer.runs_out_at > timezone.now():
        messages.send_waitlist_offer(entry)


@app.task(queue="mail", retry=BackOff())
def send_webhook_paused(*, endpoint_id: int) -> None:
    """Tell the owners of a webhook that it was paused; nothing if it is not any more."""
    endpoint = WebhookEndpoint.objects.select_related("organization").filter(pk=endpoint_id).first()
    if endpoint is None or endpoint.paused_at is None:
        return
    addresses, failure = owner_recipients(endpoint.organization), None
    if not addresses:
        logger.warning("Webhook %s was paused, and its organisation has no address to be told at.", endpoint_id)
    for address in addresses:
        try:
            messages.send_webhook_paused(endpoint, address)
        except log.MailNotSentError as error:
            if failure is None or failure.for_good:
                failure = error
    if failure is not None:
        raise failure


@app.task(queue="webhooks", retry=BackOff())
async def deliver_webhook(*, delivery_id: int, due: str) -> None:
    """Make the attempt that is due at that time (ISO 8601); nothing if that has changed. Retries are jobs of their own.

    In a queue and a worker of its own, as receivers may hang.
    """
    await deliver(delivery_id, due)


@app.task(queue="expiry", priority=FIRST, retry=BackOff())
def expire_booking(*, booking_id: int) -> None:
    """Free the seats of a hold or a request when its time is over; nothing if it went on, moved or was renewed."""
    services.expire(booking_id=booking_id)


@app.periodic(cron="* * * * *")
@app.task(queue="expiry", priority=FIRST)
def catch_up(timestamp: int) -> None:
    """Every minute: end what the queue missed, and complete the sessions that are over."""
    settle_overdue()


@app.periodic(cron="* * * * *")
@app.task(queue="housekeeping", priority=FIRST)
async def recover(timestamp: int) -> None:
    """Every minute: have the jobs of workers that died in the middle of them done by others."""
    seconds: Any = settings.PROCRASTINATE_WORKER_DEFAULTS["stalled_worker_timeout"]
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=seconds):
        await app.job_manager.retry_job(job)


@app.periodic(cron="17 * * * *")
@app.task(queue="housekeeping")
def tidy_up(timestamp: int) -> None:
    """Every hour: delete what is no longer needed, and complete sessions that no worker was there to complete."""
    delete_old()
    settle_overdue(looking_back=None)
