"""Send the mails about bookings that wait in the outbox (OutboxMail), many at a time.

A batch takes a handful of statements and one connection to the mail server, whatever its size: its rows are claimed,
their bookings read, the attempts logged, the mails built and handed over, the results logged, and the rows deleted. A
row that is claimed is due again two minutes later, so that what a worker leaves behind when it is killed is sent by
another; what the mail server had taken of the batch by then is sent once more, with the same Message-ID.
"""

import logging
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import QuerySet

from bookings.mail import limits, log
from bookings.mail.messages import Before, booking_mail
from bookings.mail.pace import Pace
from bookings.mail.recipients import recipients_of_each
from bookings.mail.rules import ABOUT_MOVES, AFTER_APPROVAL, MailKind, still_true
from bookings.mail.transport import Transport
from bookings.models import Booking, OutboxMail, Postponed, Status
from bookings.polling import keep_looking, log_mistake
from bookings.queue import BackOff
from bookings.selectors.mail_texts import mail_texts
from experts import request_ids
from experts.prepared import PreparedQuery

logger = logging.getLogger(__name__)

BATCH = 25  # rows; as many mails, of each thread that sends, may be sent once more when a worker is killed
LEASE = timedelta(minutes=2)
# No mail of a batch is begun later than this after its rows were claimed: what is left of the lease is more than a mail
# server that hangs can take up.
LAST_BEGIN = 60.0  # seconds
# What has been read longer ago than this is read again before it is said: a slow mail server can keep a batch for long.
LOOK_AGAIN = 1.0  # seconds
_BACK_OFF = BackOff()


@dataclass
class _Batch:
    """What becomes of the mails of a batch, by Message-ID."""

    errors: dict[str, Exception] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    not_attempted: list[str] = field(default_factory=list)
    stale: list[log.Delivery] = field(default_factory=list)


def send_due(most: int = BATCH) -> int:
    """Send what is due, at most so many rows of the outbox. Returns how many there were.

    In no transaction: each step is committed on its own.
    """
    rows, read_at = OutboxMail.objects.claim(most, LEASE), time.monotonic()
    last_begin = time.monotonic() + LAST_BEGIN
    if not rows:
        return 0
    mails, stale, of_row = _mails(rows)
    log.skip(stale)
    begun = log.begin(mail.delivery for mail in mails)
    mails = [mail for mail in mails if mail.delivery.message_id in begun]
    asked = [
        limits.Mail(mail.delivery, mail.booking, mail.row.by_visitor, mail.row.attempts - 1, begun[message_id])
        for mail in mails
        if (message_id := mail.delivery.message_id)
    ]
    standing = limits.read_standing(asked)
    held = limits.hold_back(asked, standing)
    log.held_back({message_id: refusal.reason for message_id, refusal in held.items()})
    mails = [mail for mail in mails if mail.delivery.message_id not in held]
    batch = _hand_over(mails, standing, read_at, last_begin)
    log.sent(batch.sent)
    log.failed(batch.errors)
    log.not_attempted(batch.not_attempted + [delivery.message_id for delivery in batch.stale])
    log.skip(batch.stale)
    _settle(rows, of_row, batch, held)
    return len(rows)


@dataclass(frozen=True)
class _Mail:
    row: OutboxMail
    delivery: log.Delivery
    booking: Booking
    before: Before


def _mails(rows: list[OutboxMail]) -> tuple[list[_Mail], list[log.Delivery], dict[int, list[str]]]:
    """Return the mails that are true, one for each recipient; those that are out of date; the Message-IDs by row.

    A mail that two rows ask for is one. Nothing is said of a booking that is gone.
    """
    bookings = _bookings({row.booking_id for row in rows})
    moved = [
        row.booking_id
        for row in rows
        if row.kind in ABOUT_MOVES or (row.kind == MailKind.STAFF_REQUEST and row.sequence)
    ]
    old_slots = Booking.objects.slots_before_move(moved) if moved else {}
    unsure = [
        key
        for row in rows
        if row.kind in AFTER_APPROVAL
        and (key := row.booking_id) in bookings
        and bookings[key].status != Status.CONFIRMED
    ]
    once_approved = Booking.objects.once_approved(unsure) if unsure else set()
    mails: dict[str, _Mail] = {}
    stale: dict[str, log.Delivery] = {}
    of_row: dict[int, list[str]] = defaultdict(list)
    about = [(row, bookings[row.booking_id], MailKind(row.kind)) for row in rows if row.booking_id in bookings]
    to_each = recipients_of_each([(booking, kind) for _row, booking, kind in about], old_slots)
    for (row, booking, kind), addresses in zip(about, to_each, strict=True):
        is_true = still_true(kind, booking, row.sequence, booking.read_at)
        for to in addresses:
            message_id = log.booking_message_id(booking.reference, kind, row.sequence, to)
            delivery = log.Delivery(message_id, kind, to, booking.pk)
            if is_true:
                old = old_slots.get(booking.pk)
                # The same slot at another instant (services/zone_updates.py): its clock shows what it has shown.
                before = Before(old if old and old.pk != booking.slot_id else None, booking.pk in once_approved)
                mails[message_id] = _Mail(row, delivery, booking, before)
                of_row[row.pk].append(message_id)
            else:
                stale[message_id] = delivery
    return list(mails.values()), list(stale.values()), of_row


def _hand_over(mails: list[_Mail], standing: limits.MailStanding, read_at: float, last_begin: float) -> _Batch:
    """Build and send mails. One that fails keeps none of the others, unless the mail server is away.

    ``read_at``: when they were found to be true (time.monotonic()). One that is not any more is left out.
    """
    batch = _Batch()
    texts = mail_texts({mail.booking.slot.expert.organization_id for mail in mails}) if mails else {}
    away: log.MailNotSentError | None = None
    stale: set[str] = set()
    with Transport(may_send=True) as transport:  # nothing was claimed otherwise
        for number, mail in enumerate(mails):
            delivery = mail.delivery
            if away is None and time.monotonic() > read_at + LOOK_AGAIN:
                read_at, stale = time.monotonic(), _stale(mails[number:])
            if delivery.message_id in stale:
                batch.stale.append(delivery)
                continue
            if away is not None:
                batch.errors[delivery.message_id] = away
                continue
            if time.monotonic() > last_begin:
                batch.not_attempted.append(delivery.message_id)
                continue
            with request_ids.under(mail.row.request_name):
                try:
                    built = booking_mail(
                        mail.booking,
                        delivery.kind,
                        delivery.to,
                        delivery.message_id,
                        mail.before,
                        invites=standing.invites(mail.booking),
                        texts=texts,
                    )
                    transport.hand_over(built)
                except log.MailNotSentError as error:
                    batch.errors[delivery.message_id] = error
                    away = error if error.is_away else None
                except Exception as error:
                    batch.errors[delivery.message_id] = error
                    log_mistake(f"The mail {delivery.message_id} could not be made", error)
                else:
                    batch.sent.append(delivery.message_id)
    return batch


def _stale(mails: list[_Mail]) -> set[str]:
    """Read the bookings of mails again. Returns the Message-IDs of what is not true any more."""
    bookings = _bookings({mail.booking.pk for mail in mails})
    return {
        mail.delivery.message_id
        for mail in mails
        if (booking := bookings.get(mail.booking.pk)) is None
        or not still_true(mail.delivery.kind, booking, mail.row.sequence, booking.read_at)
    }


def _bookings(keys: set[int]) -> dict[int, Booking]:
    """Read what mails say of bookings, by id."""
    return {booking.pk: booking for booking in _for_mails(list(keys))}


@PreparedQuery
def _for_mails(keys: list[int]) -> QuerySet[Booking]:
    return Booking.objects.shown_or_awaiting().for_mails().filter(pk__any_of=keys).order_by()


def _settle(
    rows: list[OutboxMail], of_row: dict[int, list[str]], batch: _Batch, held: dict[str, limits.Refusal]
) -> None:
    """Delete the rows that are done or given up, and let the others be due again."""
    done, postponed, not_attempted = [], [], set(batch.not_attempted)
    for row in rows:
        attempts_before = row.attempts - 1
        failures = [batch.errors[message_id] for message_id in of_row[row.pk] if message_id in batch.errors]
        waits = [held[message_id].seconds for message_id in of_row[row.pk] if message_id in held]
        if not_attempted.intersection(of_row[row.pk]):
            postponed.append(Postponed(row.pk, is_uncounted=True))
        elif any(_BACK_OFF.goes_on(attempts_before, failure) for failure in failures):
            postponed.append(Postponed(row.pk, _BACK_OFF.wait_after(attempts_before)))
        elif seconds := [wait for wait in waits if wait is not None]:
            postponed.append(Postponed(row.pk, max(seconds)))
        else:
            done.append(row.pk)
            if failures:
                words = log.words_of(failures[0])
                with request_ids.under(row.request_name):
                    logger.error("The mail “%s” about booking %s was given up: %s", row.kind, row.booking_id, words)
    if done:
        OutboxMail.objects.remove(done)
    if postponed:
        OutboxMail.objects.postpone(postponed)


def keep_sending(stop: threading.Event) -> None:
    """Send what is due, and look for more every second, until ``stop`` is set. For a thread of a worker."""
    pace = Pace()
    keep_looking("The outbox", lambda: pace.goes_on(is_more=send_due() == BATCH), stop)
