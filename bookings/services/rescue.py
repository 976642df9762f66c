"""Rescue what cannot take place: offer other times, move to one, cancel with a way to book again, note who was reached.

Other times are offered instead of a request, too, which staff cannot take as it is.

An offered time is a hold that belongs to the offer, so that the counters and the database keep it like any other; it
ends by itself, and so nobody has to be awake for it. Everything about one booking happens under the locks of its slots
and of all that is kept for it, in one transaction.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

import pghistory
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.errors import NotAllowed, NotFound, OfferOver, Refused, SlotTaken
from bookings.mail.rules import MailKind
from bookings.models import Booking, OutboxMail, Rescue, RescueTime, Source, Status
from bookings.models.rescue import RescueState
from bookings.queue import defer
from bookings.selectors.rescue_times import is_alike, may_take
from bookings.services.checks import refusal_of
from bookings.services.effects import publish, queue_mails
from bookings.services.lifecycle import approve, cancel, check_hand_over, reschedule
from bookings.services.locking import lock_booking
from bookings.services.sessions import must_be_locked, session_agreed, take
from bookings.services.waitlist import lapse_and_serve, serve_waitlists
from experts.locking import read_slot, repeated, slot_transaction
from experts.models import Slot, User

MOST_TIMES = 3  # in one offer
UNDO_FOR = timedelta(seconds=60)  # after a move
_MAIL_WAITS = UNDO_FOR + timedelta(seconds=2)  # so that a click in the last second is in time


class _Locked(NamedTuple):
    """A booking under the locks of its slots and of all that is kept for it. ``kept``: the holds of its offer."""

    booking: Booking
    slot: Slot
    offer: Rescue | None
    kept: list[Booking]
    locked: frozenset[int]


@repeated
def offer_times(
    *,
    booking_id: int,
    slot_ids: Sequence[int],
    until: datetime,
    by: User | None,
    message: str = "",
    why: str = "",
    seen_sequence: int | None = None,
    of_request: bool = False,
) -> Rescue:
    """Keep up to three times for the person of a booking until an instant, and mail a link that takes each by a click.

    Of the times (keys of slots) those that are still free are kept, in that order; an earlier offer is taken back. Who
    has no e-mail address is not written to. ``why``: a RescueReason to tell, or "". Locks the slots of the booking, of
    all times and of an earlier offer. Raises SlotTaken where none is free, NotAllowed, NotFound, Busy.

    ``of_request``: instead of a request that staff cannot take. It stays one for as long as the times are kept, and
    staff may still answer it, which ends the offer. One of these times is confirmed once it is chosen.
    """
    with slot_transaction():
        here = _lock(booking_id, slot_ids)
        booking = here.booking
        _check_open(booking, seen_sequence)
        if of_request and (booking.status != Status.PENDING or booking.runs_out_at <= here.slot.read_at):
            raise NotAllowed(_("This is no request any more."))
        # A request runs out when it begins, at the latest.
        until = min(until, here.slot.starts_at if of_request else booking.ends_at)
        if until <= here.slot.read_at:
            raise NotAllowed(_("Choose a later time until which they are kept."))
        freed = _let_go(here.kept)
        _close(here.offer, RescueState.WITHDRAWN)
        holder = secrets.token_hex(16)
        holds: list[Booking] = []
        refusal: SlotTaken | None = None
        for slot_id in dict.fromkeys(slot_ids):
            if len(holds) == MOST_TIMES:
                break
            try:
                holds.append(_keep(here, slot_id, holder, until))
            except SlotTaken as error:
                refusal = error
        if not holds:
            raise refusal or SlotTaken(here.slot, "full")
        if of_request and booking.runs_out_at < until:
            booking.expires_at = until
            booking.save(update_fields=["expires_at"])
        rescue = _note(here, RescueState.OFFERED, by=by, until=until, message=message, why=why, of_request=of_request)
        RescueTime.objects.bulk_create(
            RescueTime(rescue=rescue, slot_id=hold.slot_id, hold=hold, position=place)
            for place, hold in enumerate(holds)
        )
        if booking.email:
            defer("bookings.tasks.send_rescue_offer", rescue_id=rescue.pk)
        publish(booking)
        serve_waitlists(freed)
        return rescue


@repeated
def move_lost(
    *, booking_id: int, slot_id: int, by: User | None, message: str = "", seen_sequence: int | None = None
) -> Rescue:
    """Move a booking that cannot take place, also to a time that is kept for it; its offer ends.

    The mail leaves when the move cannot be undone any more (``undo_move``). Locks and raises as ``reschedule``.
    """
    with slot_transaction():
        here = _lock(booking_id, [slot_id])
        _check_open(here.booking, seen_sequence)
        booking, others = _move(here, slot_id, message=message)
        queue_mails([(booking, MailKind.RESCHEDULED)], wait=_MAIL_WAITS)
        _close(here.offer, RescueState.WITHDRAWN)
        rescue = _note(here, RescueState.MOVED, sequence=booking.sequence, by=by, message=message)
        serve_waitlists(others)
        return rescue


@repeated
def undo_move(*, rescue_id: int) -> Booking:
    """Put a booking back where it was before a move of a moment ago. Its person was not told of the move, and is not.

    Raises NotAllowed when a minute has passed or it was moved since, SlotTaken when its seats are taken, Busy.
    """
    rescue = Rescue.objects.filter(pk=rescue_id).first()
    if rescue is None:
        raise NotFound(_("There is no such move."))
    with slot_transaction():
        here = _lock(rescue.booking_id, [rescue.was_slot_id] if rescue.was_slot_id else [])
        rescue.refresh_from_db()
        if rescue.state != RescueState.MOVED or rescue.was_slot_id is None or not rescue.is_about(here.booking):
            raise NotAllowed(_("This move cannot be undone any more."))
        # Not by the clock alone: whoever sends mails may have been faster.
        unsent = OutboxMail.objects.unsent([MailKind.RESCHEDULED]).filter(booking=rescue.booking_id)
        deleted, _each = unsent.filter(sequence=rescue.sequence).delete()
        if not deleted or here.slot.read_at > rescue.created_at + UNDO_FOR:
            raise NotAllowed(_("This move cannot be undone any more: its e-mail has left."))
        booking = reschedule(
            booking_id=rescue.booking_id, slot_id=rescue.was_slot_id, by_customer=False, tell=False, puts_back=True
        )
        _close(rescue, RescueState.WITHDRAWN)
        return booking


@repeated
def cancel_lost(*, booking_id: int, by: User | None, message: str = "", seen_sequence: int | None = None) -> Rescue:
    """Cancel a booking that cannot take place. Its mail has a link to book again; its offer ends. As ``cancel``."""
    with slot_transaction():
        here = _lock(booking_id)
        _check_open(here.booking, seen_sequence)
        freed = _let_go(here.kept)
        _close(here.offer, RescueState.WITHDRAWN)
        booking = cancel(booking_id=booking_id, by_customer=False, reason=message)
        rescue = _note(here, RescueState.CANCELLED, sequence=booking.sequence, by=by, message=message)
        serve_waitlists(freed)
        return rescue


@repeated
def mark_reached(*, booking_id: int, by: User | None) -> Rescue:
    """Note that staff have told the person, or settled it otherwise, so that nothing is left to do about the booking.

    Locks the slots. Raises NotFound, Busy.
    """
    with slot_transaction():
        here = _lock(booking_id)
        last = Rescue.objects.current().filter(booking=booking_id).order_by("-pk").first()
        if last is None or last.state not in (RescueState.MOVED, RescueState.CHOSEN, RescueState.CANCELLED):
            freed = _let_go(here.kept)
            _close(here.offer, RescueState.WITHDRAWN)
            last = _note(here, RescueState.SETTLED, by=by)
            serve_waitlists(freed)
        last.reached_at = timezone.now()
        last.save(update_fields=["reached_at"])
        publish(here.booking)
        return last


@repeated
def take_back_offer(*, booking_id: int) -> bool:
    """Let the times go that are kept for a booking, so that staff decide anew. False without any. Locks the slots."""
    with slot_transaction():
        here = _lock(booking_id)
        freed = _let_go(here.kept)
        _close(here.offer, RescueState.WITHDRAWN)
        publish(here.booking)
        serve_waitlists(freed)
        return here.offer is not None


@repeated
def choose_time(*, rescue_id: int, slot_id: int) -> Booking:
    """Move a booking to a time that its person has chosen: one that is kept, or any that is free by now.

    All that was kept besides goes at once. A request is confirmed with a time that staff have offered; with any other
    it stays a request. Chosen twice, the same again. Raises OfferOver where the booking is not what the offer was about
    any more, SlotTaken, NotAllowed, NotFound, Busy; the booking stays as it is then.
    """
    rescue = Rescue.objects.filter(pk=rescue_id).first()
    if rescue is None:
        raise NotFound(_("There is no such offer."))
    with slot_transaction(), pghistory.context(by="customer"):
        here = _lock(rescue.booking_id, [slot_id])
        rescue.refresh_from_db()
        is_done = here.booking.is_open and here.booking.sequence == rescue.sequence and here.booking.slot_id == slot_id
        if rescue.state == RescueState.CHOSEN and is_done:
            return here.booking
        if rescue.state not in (RescueState.OFFERED, RescueState.DECLINED) or not rescue.is_about(here.booking):
            raise OfferOver
        if here.booking.ends_at <= here.slot.read_at:
            raise OfferOver
        chosen = Slot.objects.get(pk=slot_id)
        fits = here.booking.session_type_id is not None or is_alike(chosen, here.booking)
        if not (fits and may_take(here.booking, chosen.expert_id)):
            raise NotFound
        booking, others = _move(here, slot_id, message=rescue.message)
        if rescue.of_request and rescue.times.filter(slot=slot_id).exists():
            booking = approve(booking_id=booking.pk)
        else:
            queue_mails([(booking, MailKind.RESCHEDULED)])
        rescue.sequence = booking.sequence
        _close(rescue, RescueState.CHOSEN)
        serve_waitlists(others)
        return booking


@repeated
def decline_times(*, rescue_id: int) -> bool:
    """Let all times of an offer go, as none suits its person. False if it was over. Locks the slots."""
    rescue = Rescue.objects.offers().filter(pk=rescue_id).first()
    if rescue is None:
        return False
    with slot_transaction():
        here = _lock(rescue.booking_id)
        if here.offer is None or here.offer.pk != rescue_id:
            return False
        freed = _let_go(here.kept)
        _close(here.offer, RescueState.DECLINED)
        publish(here.booking)
        serve_waitlists(freed)
        return True


@repeated
def cancel_offered(*, rescue_id: int) -> Booking:
    """Cancel a booking that cannot take place, as its person wishes: at any time, whatever the policy is.

    Raises OfferOver where it is not what the offer was about any more, NotAllowed, NotFound, Busy.
    """
    rescue = Rescue.objects.filter(pk=rescue_id).first()
    if rescue is None:
        raise NotFound(_("There is no such offer."))
    with slot_transaction():
        here = _lock(rescue.booking_id)
        rescue.refresh_from_db()
        if rescue.state not in (RescueState.OFFERED, RescueState.DECLINED) or not rescue.is_about(here.booking):
            raise OfferOver
        freed = _let_go(here.kept)
        booking = cancel(booking_id=rescue.booking_id, by_customer=True, at_any_time=True)
        rescue.sequence = booking.sequence
        _close(rescue, RescueState.CANCELLED)
        serve_waitlists(freed)
        return booking


def let_stale_offers_go() -> int:
    """Let times go that are kept for bookings which were moved or ended otherwise meanwhile. Returns how many offers.

    Nothing depends on it: an offer counts only while its booking is as it was, and its holds end by themselves.
    """
    is_stale = ~Q(booking__sequence=F("sequence")) | ~Q(booking__status__in=[Status.PENDING, Status.CONFIRMED])
    is_stale |= Q(of_request=True) & ~Q(booking__status=Status.PENDING)
    stale = Rescue.objects.offers().filter(is_stale, until__gt=Now()).values_list("booking_id", flat=True)
    count = 0
    for booking_id in stale[:_MOST_AT_ONCE]:
        with suppress(Refused):
            count += take_back_offer(booking_id=booking_id)
    return count


_MOST_AT_ONCE = 100


def _lock(booking_id: int, wanted: Collection[int] = ()) -> _Locked:
    """Lock a booking's slots, those of all that is kept for it, and those that it would take at ``wanted`` (keys).

    In order of time. Raises SlotTaken where its session fits at none of these, NotFound, Busy.
    """
    booking = Booking.objects.select_related("session_type").filter(pk=booking_id).first()
    if booking is None:
        raise NotFound(_("There is no such booking."))
    others: set[int] = set()
    refusal: SlotTaken | None = None
    for slot_id in wanted:
        try:
            others.update(each.pk for each in session_agreed(read_slot(slot_id), booking).covered)
        except SlotTaken as error:
            refusal = error
    if refusal is not None and not others:
        raise refusal
    for hold in _kept_for(booking_id):
        others.update(hold.slot_ids)
    booking, slot = lock_booking(booking_id, *others)
    locked = frozenset([*booking.slot_ids, *others])
    kept = _kept_for(booking_id)
    must_be_locked((pk for hold in kept for pk in hold.slot_ids), locked)  # another offer was made while we waited
    offer = Rescue.objects.offers().filter(booking=booking_id).first()
    return _Locked(booking, slot, offer, kept, locked)


def _kept_for(booking_id: int) -> list[Booking]:
    """Read the holds of a booking's offer, those that have just run out among them."""
    holds = Booking.objects.filter(status=Status.HELD, rescue_time__rescue__booking=booking_id)
    return list(holds.select_related("slot", "session_type"))


def _check_open(booking: Booking, seen_sequence: int | None) -> None:
    if not booking.is_open or booking.erased_at is not None:
        raise NotAllowed(_("This booking cannot be moved any more."))
    if seen_sequence is not None and booking.sequence != seen_sequence:
        raise NotAllowed(_("This booking was moved to another time meanwhile. Look at it again first."))


def _keep(here: _Locked, slot_id: int, holder: str, until: datetime) -> Booking:
    """Under the locks: hold a time for the person of the booking. Raises SlotTaken, NotAllowed, NotFound, Busy."""
    booking = here.booking
    slot = session_agreed(read_slot(slot_id), booking)
    must_be_locked([each.pk for each in slot.covered], here.locked)
    slot = lapse_and_serve(slot)
    if slot.expert_id != here.slot.expert_id:
        check_hand_over(booking, here.slot, slot, by_customer=False)
    if refusal := refusal_of(slot, booking.seats):
        raise SlotTaken(slot, refusal)
    hold = Booking(
        seats=booking.seats,
        status=Status.HELD,
        holder=holder,
        language=booking.language,
        timezone=booking.timezone,
        source=Source.STAFF,
        expires_at=min(until, slot.bookable_until),
    )
    take(hold, slot)
    hold.save(force_insert=True)
    publish(hold)
    return hold


def _move(here: _Locked, slot_id: int, *, message: str) -> tuple[Booking, list[int]]:
    """Move the booking, into the hold of that time where there is one; let all others go.

    Returns it, with the slots of the others: who waits for these is to be served.
    """
    now = here.slot.read_at
    own = next((hold for hold in here.kept if hold.slot_id == slot_id and hold.runs_out_at > now), None)
    others = _let_go([hold for hold in here.kept if hold is not own])
    booking = reschedule(
        booking_id=here.booking.pk, slot_id=slot_id, by_customer=False, reason=message, tell=False, kept=own
    )
    return booking, others


def _let_go(holds: Iterable[Booking]) -> list[int]:
    """Free the seats of holds. Returns their slots: serve who waits for them when all is done."""
    freed: list[int] = []
    for hold in holds:
        hold.status = Status.EXPIRED
        hold.save(update_fields=["status"])
        publish(hold)
        freed += hold.slot_ids
    return freed


def _close(rescue: Rescue | None, state: RescueState) -> None:
    if rescue is not None:
        rescue.state = state
        rescue.changed_at = timezone.now()
        rescue.save(update_fields=["state", "sequence", "changed_at"])


def _note(
    here: _Locked,
    state: RescueState,
    *,
    by: User | None,
    sequence: int | None = None,
    until: datetime | None = None,
    message: str = "",
    why: str = "",
    of_request: bool = False,
) -> Rescue:
    """Write down what was done about a booking as it was under the locks."""
    rescue: Rescue = Rescue.objects.create(
        booking=here.booking,
        sequence=here.booking.sequence if sequence is None else sequence,
        state=state,
        expert_id=here.slot.expert_id,
        was_slot_id=here.slot.pk,
        was_at=here.slot.starts_at,
        until=until,
        message=message.strip(),
        why=why,
        of_request=of_request,
        created_by=by,
    )
    return rescue
