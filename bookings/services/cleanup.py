"""Deletes what has done its work and would only pile up, addresses of people among it."""

from datetime import timedelta

from django.utils import timezone

from bookings.models import Idempotency, LookupRequest, Notification, Proof, WaitlistEntry, WebhookDelivery

LOOKUPS_KEPT = timedelta(days=1)
WEBHOOKS_KEPT = timedelta(days=30)
ANSWERS_KEPT = timedelta(days=7)  # nobody retries a request with the same key after that
WAITLISTS_KEPT = timedelta(days=30)
MAILS_KEPT = timedelta(days=180)


def delete_old() -> dict[str, int]:
    """Delete look-ups with their links after a day, proofs that ran out, answers to idempotency keys after a
    week, waitlists and the log of webhooks after a month, and the log of e-mails after half a year.

    Returns how many of each.
    """
    now = timezone.now()
    old = {
        "lookups": LookupRequest.objects.filter(created_at__lt=now - LOOKUPS_KEPT),  # takes its links along
        "proofs": Proof.objects.filter(expires_at__lt=now),
        "answers": Idempotency.objects.filter(created_at__lt=now - ANSWERS_KEPT),
        "waitlists": WaitlistEntry.objects.filter(slot__ends_at__lt=now - WAITLISTS_KEPT),
        "mails": Notification.objects.filter(created_at__lt=now - MAILS_KEPT),
        "webhooks": WebhookDelivery.objects.filter(created_at__lt=now - WEBHOOKS_KEPT),
    }
    return {name: rows.delete()[0] for name, rows in old.items()}
