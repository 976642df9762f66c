"""Jobs of the worker. Each reads again what it is about before it acts, and may run more than once.

Arguments are ids only: procrastinate logs them and keeps them in its table. What frees seats goes before mails, so that
a mail server that hangs holds nothing up. Mails about bookings are no jobs: bookings/mail/outbox.py. What time it is
they ask the database: a worker whose clock is wrong would take an offer for over that runs.
"""

import logging
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db.models.functions import Now
from procrastinate.contrib.django import app

from bookings import services
from bookings.access import links
from bookings.mail import examples, log, messages
from bookings.mail.recipients import owner_recipients
from bookings.models import LookupRequest, MailKind, OutboxMail, Rescue, WaitlistEntry, WebhookEndpoint
from bookings.privacy import erasing
from bookings.privacy.retention import erase_what_is_over
from bookings.queue import FIRST, BackOff
from bookings.selectors.rescue_times import kept_times
from bookings.services import imports, jobs
from bookings.services.catch_up import complete_all_finished, settle_overdue
from bookings.services.cleanup import delete_old
from bookings.services.reminders import queue_reminders
from bookings.webhooks.worker import deliver
from experts import request_ids
from experts.models import Organization, User

logger = logging.getLogger(__name__)


@app.task(queue="mail", retry=BackOff())
def send_booking_mail(*, booking_id: int, kind: str, sequence: int) -> None:
    """Put into the outbox what versions of before the outbox have queued, also while they are being replaced."""
    OutboxMail.objects.create(
        booking_id=booking_id, kind=MailKind(kind), sequence=sequence, request_name=request_ids.current.get()
    )


@app.periodic(cron="* * * * *")
@app.task(queue="mail", priority=FIRST)
def remind(timestamp: int) -> None:
    """Every minute: put the reminders that have come due into the outbox."""
    queue_reminders()


@app.task(queue="mail", retry=BackOff())
def send_lookup_link(*, request_id: int) -> None:
    """Send a link to the bookings of an address, if it has any or waits for one.

    Only here it is found out whether the address is known: whoever asked has had the answer by now.
    """
    request = LookupRequest.objects.filter(pk=request_id).first()
    if request is None or not links.is_known(request.email):
        return
    token, link = links.make_lookup_token(request)
    url = links.link_url(token) + (links.TO_DATA if request.is_for_data else "")
    messages.send_lookup_link(request, url, link.expires_at)


@app.task(queue="mail", retry=BackOff())
def send_waitlist_link(*, entry_id: int) -> None:
    """Ask an address to open a link, which takes the place in line; nothing if that was done or given up."""
    unproven = WaitlistEntry.objects.with_slot().filter(status=WaitlistEntry.Status.UNPROVEN)
    entry = unproven.filter(pk=entry_id, slot__starts_at__gt=Now()).first()
    if entry is not None:
        messages.send_waitlist_link(entry)


@app.task(queue="mail", retry=BackOff())
def send_waitlist_offer(*, entry_id: int) -> None:
    """Tell the first in line that a seat is kept for them; nothing if it is not any more."""
    entry = WaitlistEntry.objects.with_slot().filter(pk=entry_id, hold__expires_at__gt=Now()).first()
    if entry is not None and entry.offer is not None:
        messages.send_waitlist_offer(entry)


@app.task(queue="mail", retry=BackOff())
def send_rescue_offer(*, rescue_id: int) -> None:
    """Tell somebody whose session cannot take place which times are kept; nothing if they are not any more."""
    rescue = Rescue.objects.offers().with_booking().filter(pk=rescue_id, until__gt=Now()).first()
    if rescue is not None and rescue.booking.email and rescue.is_offered_for(rescue.booking):
        messages.send_rescue_offer(rescue, kept_times(rescue))


@app.task(queue="mail", priority=FIRST, retry=BackOff())
def serve_slot(*, slot_id: int) -> None:
    """Offer what is free to those who wait for a slot, where somebody else was busy with what their sessions take."""
    services.serve(slot_id=slot_id)


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


@app.task(queue="mail")
def send_test_mail(*, organization_id: int, user_id: int, kind: str, asked_at: str) -> None:
    """Send staff a mail about a booking that does not exist, to look at. Not tried again: they would have gone on."""
    organization = Organization.objects.filter(pk=organization_id).first()
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if organization is not None and user is not None:
        examples.send_example(organization, user, MailKind(kind), asked_at)


@app.task(queue="webhooks", retry=BackOff())
async def deliver_webhook(*, delivery_id: int, due: str) -> None:
    """Make the attempt that is due at that time (ISO 8601); nothing if that has changed. Retries are jobs of their own.

    In a queue and a worker of its own, as receivers may hang.
    """
    await deliver(delivery_id, due)


@app.task(queue="expiry", priority=FIRST, retry=BackOff())
def expire_booking(*, booking_id: int) -> None:
    """End what versions of before have queued the end of, also while they are being replaced (services/expiry.py)."""
    services.expire(booking_id=booking_id)


@app.periodic(cron="* * * * *")
@app.task(queue="expiry", priority=FIRST)
def catch_up(timestamp: int) -> None:
    """Every minute: end what nobody has ended, and complete the sessions that are over."""
    settle_overdue()


@app.periodic(cron="* * * * *")
@app.task(queue="housekeeping", priority=FIRST)
async def recover(timestamp: int) -> None:
    """Every minute: have the jobs of workers that died in the middle of them done by others, but not for ever."""
    seconds: Any = settings.PROCRASTINATE_WORKER_DEFAULTS["stalled_worker_timeout"]
    stalled: Any = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=seconds)
    for job in stalled:
        if await sync_to_async(jobs.take_back)(job_id=job.id):
            logger.error(
                "Job %s (%s) was put aside: its workers died %s times.", job.id, job.task_name, jobs.MOST_DEATHS
            )


@app.task(queue="housekeeping", retry=BackOff())
def erase(*, erasure_id: int) -> None:
    """Do the next step of erasing what belongs to an address."""
    erasing.run(erasure_id=erasure_id)


@app.task(queue="housekeeping")
def run_import(*, run_id: int) -> None:
    """Try or import a file of somebody on staff."""
    imports.run_import(run_id=run_id)


@app.periodic(cron="17 * * * *")
@app.task(queue="housekeeping")
def tidy_up(timestamp: int) -> None:
    """Every hour: delete what is no longer needed, complete sessions that no worker was there to complete, and
    erase whom nobody needs to know any more.
    """
    delete_old()
    complete_all_finished()
    erasing.resume_unfinished()
    erase_what_is_over()
