"""What the services have in common: reading under the lock, the rule applied to a party, and telling pages."""

from copy import copy

from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, Func
from django.utils.translation import gettext as _

from bookings import tasks
from bookings.errors import InvalidDetails, NotFound
from bookings.mail.rules import MailKind, reminders_due
from bookings.models import Booking, Source, Status, TurnedAway
from bookings.queue import defer, defer_jobs
from bookings.services.idempotency import sha256
from experts import publisher
from experts.models import Slot
from experts.models.slot import BOOKABLE_STATES


def read_slot(slot_id: int) -> Slot:
    """The slot with its expert, and ``read_at``: the database's clock at this very statement.

    Not ``now()``, which inside a transaction is as old as the wait for the lock.
    """
    clock = Func(function="clock_timestamp", output_field=DateTimeField())
    try:
        return Slot.objects.with_expert().annotate(read_at=clock).get(pk=slot_id)
    except Slot.DoesNotExist as error:
        raise NotFound from error


def lapse_holds(slot: Slot) -> Slot:
    """Free the seats of holds that ran out, whether or not a worker is alive. Under the slot's lock; reads it again."""
    if slot.next_hold_expiry is None or slot.next_hold_expiry > slot.read_at:
        return slot
    slot.bookings.filter(status=Status.HELD, expires_at__lte=slot.read_at).update(status=Status.EXPIRED)
    publisher.slot_changed(slot)
    return read_slot(slot.pk)


def own_hold(slot: Slot, visitor: str) -> Booking | None:
    """The visitor's hold in the slot that was still running when the slot was read."""
    if not visitor or not slot.seats_held:
        return None
    return slot.bookings.filter(status=Status.HELD, holder=visitor, expires_at__gt=slot.read_at).first()


def refusal_of(slot: Slot, seats: int, *, own: Booking | None = None, holds_may_lapse: bool = False) -> str | None:
    """Why ``seats`` of the slot could not be booked when it was read; None when they could.

    The seats of ``own``, the asker's hold, count as free to the asker.

    Before the lock it is not known how many seats the lapsed holds will free: parties get the benefit of the doubt.
    """
    now = slot.read_at
    slot = without_hold(slot, own)
    state = slot.state_at(now)
    if state not in BOOKABLE_STATES:
        return state
    if seats > slot.seats_left_at(now):
        lapsing = holds_may_lapse and slot.next_hold_expiry is not None and slot.next_hold_expiry <= now
        return None if lapsing else TurnedAway.Reason.PARTY
    return None


def without_hold(slot: Slot, own: Booking | None) -> Slot:
    """The slot as it is for the owner of the hold ``own``: those seats are free. The slot itself if there is none."""
    if own is None:
        return slot
    slot = copy(slot)
    slot.seats_held -= own.seats
    return slot


def check_party(slot: Slot, booking: Booking) -> None:
    """Raise InvalidDetails when more seats are asked for than the policy gives to one booking. Staff may."""
    most = slot.expert.policy("max_party")
    if booking.seats > most and booking.source != Source.STAFF:
        raise InvalidDetails({"seats": [_("At most %(most)d seats in one booking.") % {"most": most}]})


def check_details(booking: Booking) -> None:
    """Raise InvalidDetails unless the details are acceptable."""
    fields: dict[str, list[str]] = {}
    try:
        booking.clean_fields(exclude=["slot", "status", "reference", "expires_at"])
    except ValidationError as error:
        fields = error.message_dict
    if not booking.name:
        fields["name"] = [_("Enter your name.")]
    if not booking.email and booking.source != Source.STAFF:
        fields["email"] = [_("Enter your e-mail address.")]
    if fields:
        raise InvalidDetails(fields)


def visitor_group(visitor: str) -> str:
    """The group of a browser's own pages. Hashed: the identity itself opens bookings."""
    return f"visitor.{sha256('visitor', visitor)[:32]}"


def queue_mail(booking: Booking, kind: MailKind | None) -> None:
    """Queue the mail in this transaction, about the booking as it is written now. None: there is nothing to say."""
    if kind is not None:
        defer(tasks.send_booking_mail, booking_id=booking.pk, kind=kind.value, sequence=booking.sequence)


def queue_reminders(booking: Booking) -> None:
    """Queue the reminders of a confirmed booking for their times. Each is sent only if nothing has changed by then.

    Whether the organisation wants them is asked then, too, so that its switch works for what is booked already.
    """
    if booking.status != Status.CONFIRMED:
        return
    due = reminders_due(booking.slot.starts_at, booking.slot.read_at)
    jobs = [
        tasks.send_booking_mail.configure(schedule_at=at, priority=tasks.LAST).make_new_job(
            booking_id=booking.pk, kind=kind.value, sequence=booking.sequence
        )
        for kind, at in due.items()
    ]
    if jobs:
        defer_jobs(jobs)


def queue_expiry(booking: Booking) -> None:
    """Queue the end of a hold or a request for its time. The job does nothing if that time has moved on."""
    defer(tasks.expire_booking, at=booking.expires_at, booking_id=booking.pk)


def publish(booking: Booking) -> None:
    """After commit, tell everybody's pages about the slot, and the booker's about the booking."""
    publisher.slot_changed(booking.slot)
    publish_to_booker(booking)


def publish_to_booker(booking: Booking) -> None:
    publish_to_visitor(booking.holder)


def publish_to_visitor(visitor: str) -> None:
    """After commit, tell a browser's own pages that something of its own has changed."""
    if visitor:
        group = visitor_group(visitor)
        publisher.publish_on_commit(group, {"type": "bookings.changed", "visitor": group})
