"""What becomes of a booking after it was made: approved, rejected, cancelled, moved, expired, completed, missed."""

from collections.abc import Collection
from datetime import timedelta

import pghistory
from django.utils.translation import gettext as _

from bookings.errors import NotAllowed, NotFound, SlotTaken
from bookings.mail.rules import MailKind
from bookings.models import Booking, CancelReason, EventType, Status
from bookings.policy import MAIL_WAITS, WEBHOOK_WAITS, approval_ends, asks_again, change_deadline
from bookings.selectors.own_slots import without_hold
from bookings.services.checks import check_party, refusal_of
from bookings.services.effects import publish, queue_mail, queue_mails
from bookings.services.locking import lock_booking, lock_move, publish_slots
from bookings.services.sessions import TAKEN_FIELDS, take, without_booking
from bookings.services.waitlist import lapse_and_serve, serve_waitlists
from bookings.transitions import OCCUPYING, TRANSITIONS, in_sentence
from bookings.webhooks.events import booking_events, queue_webhooks, slot_left, slot_taken
from experts import publisher
from experts.locking import repeated, slot_transaction
from experts.models import Slot
from experts.scheduling.sessions import offers_type

_MOVED_FIELDS = ("sequence", "arrived_at", "reason", "of_expert", "status", "expires_at", "broken_rule")
# Whoever is told. That a session is over, or was missed, is nothing to write about.
_MAIL_OF = {
    Status.CONFIRMED: MailKind.CONFIRMED,
    Status.REJECTED: MailKind.REJECTED,
    Status.CANCELLED: MailKind.CANCELLED,
}
_EVENT_OF = {
    Status.CONFIRMED: EventType.BOOKING_CONFIRMED,
    Status.REJECTED: EventType.BOOKING_REJECTED,
    Status.CANCELLED: EventType.BOOKING_CANCELLED,
    Status.COMPLETED: EventType.BOOKING_COMPLETED,
    Status.NO_SHOW: EventType.BOOKING_NO_SHOW,
}


@repeated
def approve(*, booking_id: int, can_undo: bool = False) -> Booking:
    """Confirm a request. Locks slot and booking. Raises NotAllowed once it is no request any more, NotFound, Busy.

    With ``can_undo`` its mail and webhook wait for some seconds, in which ``undo_decision`` takes it back.
    """
    return _decide(booking_id, Status.CONFIRMED, only_from=(Status.PENDING,), can_undo=can_undo)


@repeated
def reject(*, booking_id: int, reason: str = "", can_undo: bool = False) -> Booking:
    """Decline a request and free its seats; the customer reads ``reason``. Locks and raises as ``approve``.

    ``can_undo`` as for ``approve``; who waits for the seats is served at once.
    """
    return _decide(booking_id, Status.REJECTED, reason=reason, can_undo=can_undo)


@repeated
def cancel(
    *,
    booking_id: int,
    by_customer: bool,
    reason: str = "",
    cancel_reason: CancelReason | str = "",
    seen_sequence: int | None = None,
    can_undo: bool = False,
    at_any_time: bool = False,
) -> Booking:
    """Cancel a request or a confirmed booking and free its seats. Locks and raises as ``approve``.

    Customers may do so up to ``cancel_until`` before the start, or ``at_any_time`` what cannot take place; staff
    always. ``reason`` is read by the customer, ``cancel_reason``, a CancelReason or "", by staff. The history keeps
    which of the two cancelled.
    With ``seen_sequence``, NotAllowed when the booking was moved since somebody saw it with that sequence. ``can_undo``
    as for ``reject``, until ``undo_cancellation``.
    """
    with pghistory.context(by="customer" if by_customer else "staff"):
        return _decide(
            booking_id,
            Status.CANCELLED,
            within_policy=by_customer and not at_any_time,
            reason=reason,
            cancel_reason=CancelReason(cancel_reason).value if cancel_reason else "",
            seen_sequence=seen_sequence,
            can_undo=can_undo,
        )


@repeated
def cancel_for_recipient(*, booking_id: int) -> Booking:
    """Cancel what somebody else booked with an address, as its reader says so. At any time; else as ``cancel``."""
    with pghistory.context(by="recipient"):
        return _decide(booking_id, Status.CANCELLED)


@repeated
def complete(*, booking_id: int) -> Booking:
    """The session took place. Locks and raises as ``approve``; NotAllowed before its end."""
    return _decide(booking_id, Status.COMPLETED, after_end=True)


@repeated
def mark_no_show(*, booking_id: int) -> Booking:
    """The booker did not come. Locks and raises as ``approve``; NotAllowed before the start."""
    return _decide(booking_id, Status.NO_SHOW, after_start=True)


@repeated
def mark_arrived(*, booking_id: int) -> Booking:
    """Note that the person has come; a no-show is one no longer. Locks and raises as ``approve``.

    From the session's day on, by its expert's calendar. Nothing happens when it is noted already.
    """
    with slot_transaction():
        booking, slot = lock_booking(booking_id)
        if booking.status not in (Status.CONFIRMED, Status.NO_SHOW, Status.COMPLETED):
            raise _not_possible(booking)
        if slot.date > slot.read_at.astimezone(slot.expert.zone).date():
            raise NotAllowed(_("The session is on another day."))
        if booking.arrived_at is None:
            if booking.status == Status.NO_SHOW:
                booking.status = Status.CONFIRMED
                queue_webhooks(booking_events(booking, EventType.BOOKING_CONFIRMED))
            booking.arrived_at = slot.read_at
            booking.save(update_fields=["status", "arrived_at"])
            publish(booking)
        return booking


@repeated
def undo_attendance(*, booking_id: int) -> Booking:
    """Take back that somebody came, did not come, or that the session took place. Locks and raises as ``approve``.

    It is confirmed again; a session that is over is completed by the next run of ``catch_up``. Nobody is written to.
    """
    with slot_transaction():
        booking, _slot = lock_booking(booking_id)
        attended = booking.status in (Status.NO_SHOW, Status.COMPLETED)
        if not attended and booking.arrived_at is None:
            raise _not_possible(booking)
        booking.status, booking.arrived_at = Status.CONFIRMED, None
        booking.save(update_fields=["status", "arrived_at"])
        if attended:
            queue_webhooks(booking_events(booking, EventType.BOOKING_CONFIRMED))
        publish(booking)
        return booking


@repeated
def expire(*, booking_id: int) -> bool:
    """Free the seats of a hold or a request whose time is over. Locks the slot. Raises Busy.

    False if there is nothing to expire: its time went on, it was decided about, or it is gone.
    """
    with slot_transaction():
        try:
            booking, slot = lock_booking(booking_id)
        except NotFound:
            return False
        if booking.status not in (Status.HELD, Status.PENDING) or booking.runs_out_at > slot.read_at:
            return False
        was_request = booking.status == Status.PENDING
        booking.reason = ""  # of an earlier move, and no reason for this
        _change(booking, Status.EXPIRED)
        if was_request:
            queue_mail(booking, MailKind.EXPIRED)
            queue_mail(booking, MailKind.STAFF_EXPIRED)
            queue_webhooks(booking_events(booking, EventType.BOOKING_EXPIRED) + slot_left(slot))
        return True


@repeated
def reschedule(
    *,
    booking_id: int,
    slot_id: int,
    by_customer: bool,
    reason: str = "",
    seen_sequence: int | None = None,
    tell: bool = True,
    kept: Booking | None = None,
    puts_back: bool = False,
) -> Booking:
    """Move a booking to another slot of the same expert, with the same reference, in one statement.

    Staff also move it to an expert of the same organisation who offers its type, one that is alone with its person.
    Locks all slots of both, in order of time, so that two moves in opposite directions wait for each other. A session
    keeps its type and the terms that were agreed, whatever became of the type. Raises NotAllowed (policy, status,
    another expert), SlotTaken (the booking stays where it is), InvalidDetails, NotFound, Busy.
    ``reason`` and ``seen_sequence`` as for ``cancel``. Without ``tell`` the customer gets no mail.
    ``kept``: a hold of that time, whose seats the booking takes. ``puts_back``: staff undo a move, so that the time may
    have been closed, or start too soon for anybody else.

    Where bookings need approval, an approved one that its customer moves is PENDING again, at the new time: the seat
    there is kept while staff decide, the old one is free for others. Staff are told of every move.
    """
    with slot_transaction():
        booking, old, new = lock_move(booking_id, slot_id)
        new = lapse_and_serve(new)
        if booking.status not in (Status.PENDING, Status.CONFIRMED) or booking.erased_at is not None:
            raise NotAllowed(_("This booking cannot be moved any more."))
        _check_seen(booking, seen_sequence)
        if old.pk == new.pk:
            raise NotAllowed(_("Choose another time."))
        if old.expert_id != new.expert_id and not puts_back:
            check_hand_over(booking, old, new, by_customer=by_customer)
        if by_customer:
            _check_window(old)
            check_party(new, booking)
        if kept is not None:
            new = _let_go_for(kept, new)
        free = without_booking(new, booking)
        if (refusal := refusal_of(free, booking.seats)) and not (puts_back and _has_room(free, booking.seats)):
            raise SlotTaken(new, refusal)
        publisher.slot_changed(old)
        publish_slots(booking)
        left = booking.slot_ids
        agreed = booking.agreed
        take(booking, without_booking(new, booking))
        booking.agreed = agreed  # with the link that was made for it
        booking.sequence += 1
        booking.arrived_at = None
        booking.broken_rule = ""  # it was broken at the old time
        booking.reason = reason.strip()
        if booking.of_expert_id is not None:
            booking.of_expert_id = new.expert_id
        if booking.status == Status.PENDING:
            booking.expires_at = min(booking.runs_out_at, new.starts_at)
        elif by_customer and asks_again(old, new.date):
            booking.status = Status.PENDING
            booking.expires_at = approval_ends(new)
        booking.save(update_fields=[*TAKEN_FIELDS, *_MOVED_FIELDS])
        kinds = [MailKind.STAFF_REQUEST if booking.status == Status.PENDING else MailKind.STAFF_MOVED]
        if tell:
            kinds.insert(0, MailKind.RESCHEDULED)
        queue_mails([(booking, kind) for kind in kinds], by_visitor=by_customer)
        queue_webhooks(
            booking_events(booking, EventType.BOOKING_RESCHEDULED, previous=old)
            + slot_left(old)
            + slot_taken(booking.slot, booking.seats)
        )
        publish(booking)
        serve_waitlists(left)
        return booking


def _let_go_for(hold: Booking, slot: Slot) -> Slot:
    """Under the locks: free the seats of a hold for the booking that takes them at once. Returns the slot without it.

    Nobody who waits is served in between. A hold that has just run out is none any more.
    """
    hold.refresh_from_db(fields=["status"])
    if hold.status != Status.HELD:
        return slot
    hold.status = Status.EXPIRED
    hold.save(update_fields=["status"])
    return without_hold(slot, hold)


def _has_room(slot: Slot, seats: int) -> bool:
    return slot.starts_at > slot.read_at and slot.seats_left_at(slot.read_at) >= seats


def check_hand_over(booking: Booking, old: Slot, new: Slot, *, by_customer: bool) -> None:
    """Raise NotAllowed unless staff may give a booking to the expert of another slot."""
    if by_customer:
        raise NotAllowed(_("Choose another time of the same expert."))
    if old.expert.organization_id != new.expert.organization_id:
        raise NotFound
    if booking.second_expert_id is not None:
        raise NotAllowed(_("This session is with two experts. Choose another time of both."))
    if booking.session_type_id is not None and not offers_type(new.expert_id, booking.session_type_id):
        raise NotAllowed(_("%(expert)s does not offer this type of session.") % {"expert": new.expert.name})


def _decide(
    booking_id: int,
    to: Status,
    *,
    only_from: Collection[Status] = tuple(Status),
    reason: str = "",
    cancel_reason: str = "",
    within_policy: bool = False,
    after_start: bool = False,
    after_end: bool = False,
    seen_sequence: int | None = None,
    can_undo: bool = False,
) -> Booking:
    with slot_transaction():
        booking, slot = lock_booking(booking_id)
        # A hold is nobody's booking yet: it becomes one by ``book`` or ``book_by_link`` and nothing else.
        before = Status(booking.status)
        if before == Status.HELD or before not in only_from or to not in TRANSITIONS[before]:
            raise _not_possible(booking)
        _check_seen(booking, seen_sequence)
        if within_policy:
            _check_window(slot)
        if after_start and slot.starts_at > slot.read_at:
            raise NotAllowed(_("The session has not begun."))
        if after_end and slot.ends_at > slot.read_at:
            raise NotAllowed(_("The session is not over."))
        if booking.status == Status.PENDING and to == Status.CONFIRMED and booking.runs_out_at <= slot.read_at:
            raise NotAllowed(_("The time to approve this request is over."))
        booking.reason = "" if booking.erased_at else reason.strip()  # there is nobody to write to
        booking.cancel_reason = cancel_reason
        _change(booking, to)
        queue_mail(
            booking,
            _MAIL_OF.get(to),
            by_visitor=within_policy,  # only customers are bound by it
            wait=MAIL_WAITS if can_undo else timedelta(0),
        )
        told = booking_events(booking, _EVENT_OF[to])
        left = [] if to in OCCUPYING else slot_left(slot)
        if can_undo:
            queue_webhooks(told, wait=WEBHOOK_WAITS)
            queue_webhooks(left)  # it is free, whatever staff think of next
        else:
            queue_webhooks(told + left)
        return booking


def _change(booking: Booking, to: Status) -> None:
    if booking.is_open and to not in OCCUPYING:
        booking.sequence += 1
    booking.status = to
    fields = ["status", "reason", "cancel_reason", "sequence"]
    if booking.arrived_at is not None and to != Status.COMPLETED:
        booking.arrived_at = None
        fields.append("arrived_at")
    booking.save(update_fields=fields)
    publish(booking)
    if to not in OCCUPYING:
        serve_waitlists(booking.slot_ids)


def _not_possible(booking: Booking) -> NotAllowed:
    return NotAllowed(
        _("This booking is %(status)s, so that is not possible any more.") % {"status": in_sentence(booking.status)}
    )


def _check_window(slot: Slot) -> None:
    """Raise NotAllowed when customers may not cancel or move any more."""
    if slot.read_at > change_deadline(slot):
        raise NotAllowed(_("It is too late to cancel or move this booking online. Please get in touch."))


def _check_seen(booking: Booking, seen_sequence: int | None) -> None:
    """Raise NotAllowed when somebody decides about a booking that is not what they saw any more."""
    if seen_sequence is not None and booking.sequence != seen_sequence:
        raise NotAllowed(_("This booking was moved to another time meanwhile. Look at it again first."))
