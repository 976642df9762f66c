"""Log every e-mail (Notification): attempts before they are made, and their results afterwards.

Each write is one statement for any number of mails and is committed on its own, so that it survives a job that fails
and a worker that is killed. A mail that was sent is not sent again when somebody wants to send it twice. When a worker
is killed after the mail server took the mail and before that is logged, the mail is sent once more with the same
Message-ID: mails are sent at least once.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Lower, Now

from bookings.mail.rules import FOR_STAFF, MailKind
from bookings.models import LookupRequest, Notification, Rescue, WaitlistEntry, WebhookEndpoint
from bookings.models.notification import HoldReason, MailStatus
from experts import metrics
from experts.models import Invitation, User

_Status = Notification.Status
_STAFF, _CUSTOMER = Notification.Audience.STAFF, Notification.Audience.CUSTOMER


@dataclass(frozen=True)
class Delivery:
    """A mail to one address, as the log knows it."""

    message_id: str
    kind: MailKind
    to: str
    booking_id: int | None = None


class MailNotSentError(Exception):
    """A mail that could not be sent, without the words of the error: mail servers repeat the address in them.

    ``is_held`` where nothing may be sent at all (experts/sending.py).

    ``code`` is the mail server's, if it gave one; ``for_good`` when it refuses the address for ever, so that nobody
    should try again; ``is_away`` when there is no mail server to be reached, so that no other mail would fare better.
    """

    def __init__(
        self,
        text: str,
        *,
        code: int | str = "",
        for_good: bool = False,
        is_away: bool = False,
        is_held: bool = False,
    ):
        self.code, self.for_good, self.is_away, self.is_held = code, for_good, is_away, is_held
        super().__init__(text)


def booking_message_id(reference: str, kind: MailKind, sequence: int, to: str) -> str:
    """Return the Message-ID of a mail about a booking at that ``sequence``: each move and address has its own."""
    address = hashlib.sha256(to.lower().encode()).hexdigest()[:12]
    return f"<{reference}.{kind}.{sequence}.{address}@expertbook>".lower()


def lookup_message_id(request: LookupRequest) -> str:
    return f"<lookup.{request.pk}@expertbook>"


def offer_message_id(entry: WaitlistEntry) -> str:
    return f"<waitlist.{entry.pk}@expertbook>"


def waitlist_message_id(entry: WaitlistEntry) -> str:
    return f"<waitlist-link.{entry.pk}@expertbook>"


def rescue_message_id(rescue: Rescue) -> str:
    return f"<rescue.{rescue.pk}@expertbook>"


def invitation_message_id(invitation: Invitation) -> str:
    return f"<invitation.{invitation.pk}@expertbook>"


def password_message_id(user: User, asked_at: str) -> str:
    """Return the Message-ID of a link to a new password; each request has its own."""
    asked = hashlib.sha256(asked_at.encode()).hexdigest()[:12]
    return f"<password.{user.pk}.{asked}@expertbook>"


def webhook_message_id(endpoint: WebhookEndpoint, to: str) -> str:
    """Return the Message-ID of the mail about a pause; each pause and each address has its own."""
    address = hashlib.sha256(to.lower().encode()).hexdigest()[:12]
    return f"<webhook.{endpoint.pk}.{endpoint.paused_at:%Y%m%d%H%M%S}.{address}@expertbook>"


class Begun(NamedTuple):
    """What is known of a mail whose attempt begins.

    ``is_counted``: it has been let go before and did not arrive, so that it counts for nothing new.
    ``was_asked_for``: staff or a visitor have just had it sent again, which is another one.
    """

    is_counted: bool = False
    was_asked_for: bool = False


def begin(deliveries: Iterable[Delivery]) -> dict[str, Begun]:
    """Log that attempts begin, in one statement. Returns the Message-IDs to send; the others were sent before."""
    return _write(deliveries, _Status.SENDING, attempts=1)


def skip(deliveries: Iterable[Delivery]) -> None:
    """Log that mails were not sent because they are out of date."""
    rows = list(deliveries)
    metrics.mails.labels("out of date").inc(len(rows))
    _write(rows, _Status.SKIPPED, attempts=0)


def sent(message_ids: Collection[str]) -> None:
    """Log that the mail server has taken the mails."""
    if message_ids:
        metrics.mails.labels("sent").inc(len(message_ids))
        _rows(message_ids).update(status=_Status.SENT, sent_at=Now(), last_error="")


def failed(errors: Mapping[str, Exception]) -> None:
    """Log which attempts failed, and why, without the mail server's words, which may hold the address."""
    by_words: dict[str, list[str]] = defaultdict(list)
    metrics.mails.labels("failed").inc(len(errors))
    for message_id, error in errors.items():
        by_words[words_of(error)[:100]].append(message_id)
    for words, message_ids in by_words.items():
        # Another worker may have sent it meanwhile; then it stays sent.
        _rows(message_ids).exclude(status=_Status.SENT).update(status=_Status.FAILED, last_error=words)


def words_of(error: Exception) -> str:
    """Return what may be kept and logged of an error: its own words may hold an address."""
    return str(error) if isinstance(error, MailNotSentError) else type(error).__name__


def not_attempted(message_ids: Collection[str]) -> None:
    """Take back that attempts began: they did not, and others will make them."""
    if message_ids:
        _rows(message_ids).filter(status=_Status.SENDING).update(attempts=F("attempts") - 1)


def held_back(reasons: Mapping[str, HoldReason]) -> None:
    """Log which mails do not leave now, by Message-ID. Their attempts did not begin."""
    metrics.mails.labels("held back").inc(len(reasons))
    by_reason: dict[HoldReason, list[str]] = defaultdict(list)
    for message_id, reason in reasons.items():
        by_reason[reason].append(message_id)
    for reason, message_ids in by_reason.items():
        begun = _rows(message_ids).filter(status=_Status.SENDING)
        begun.update(status=_Status.HELD, attempts=F("attempts") - 1, last_error=reason)


def not_delivered(*, message_ids: Collection[str], address: str, status: MailStatus, why: str) -> Notification | None:
    """Log what became of a mail that the mail service had taken. Returns its row; None for a mail that is not ours.

    Found by one of its ids, else the last mail to the address: some services name mails in their own way.
    """
    to_address = Notification.objects.annotate(address=Lower("to")).filter(address=address.lower())
    known = to_address.exclude(status__in=[_Status.SKIPPED, _Status.HELD])
    row = known.filter(message_id__in=message_ids).first() or known.order_by("-id").first()
    if row is not None:
        row.status, row.last_error = status, why[:100]
        row.save(update_fields=["status", "last_error"])
    return row


def _rows(message_ids: Collection[str]) -> QuerySet[Notification]:
    return Notification.objects.filter(message_id__in=message_ids)


def _write(deliveries: Iterable[Delivery], status: MailStatus, *, attempts: int) -> dict[str, Begun]:
    """Add or change the rows of mails that were not sent yet. Returns them as ``begin`` does."""
    rows = list(deliveries)
    if not rows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH before AS (SELECT message_id, status FROM bookings_notification"
            " WHERE message_id = ANY(%(ids)s::text[])),"
            " written AS (INSERT INTO bookings_notification AS row"
            ' (message_id, kind, audience, "to", booking_id, status, attempts, last_attempt_at, last_error)'
            # In one order, as each locks its booking against an expert who takes it along to another organisation.
            " SELECT mail.*, %(status)s, %(attempts)s, CASE WHEN %(attempts)s > 0 THEN statement_timestamp() END, ''"
            " FROM unnest(%(ids)s::text[], %(kinds)s::text[], %(audiences)s::text[], %(to)s::text[],"
            " %(bookings)s::bigint[]) AS mail (message_id, kind, audience, address, booking_id)"
            " ORDER BY mail.booking_id"
            " ON CONFLICT (message_id) DO UPDATE SET status = excluded.status,"
            " attempts = row.attempts + excluded.attempts,"
            " last_attempt_at = coalesce(excluded.last_attempt_at, row.last_attempt_at)"
            " WHERE row.status <> 'sent' RETURNING message_id)"
            " SELECT message_id, coalesce(before.status IN ('sending', 'failed'), false),"
            " coalesce(before.status = 'queued', false)"
            " FROM written LEFT JOIN before USING (message_id)",
            {
                "status": status.value,
                "attempts": attempts,
                "ids": [row.message_id for row in rows],
                "kinds": [row.kind.value for row in rows],
                "audiences": [(_STAFF if row.kind in FOR_STAFF else _CUSTOMER).value for row in rows],
                "to": [row.to for row in rows],
                "bookings": [row.booking_id for row in rows],
            },
        )
        return {message_id: Begun(*known) for message_id, *known in cursor.fetchall()}
