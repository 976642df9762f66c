"""The waitlist of a full slot: joined, left, and served whenever a seat is free.

An offer is a hold with a longer time than others, made in the very transaction that freed the seat: nobody can be
faster than who is first in line. Where no service freed it (an abandoned hold while every worker is down, raw SQL), the
seat is open to all until somebody serves the line.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from bookings.access.proven import vouches
from bookings.errors import Busy, InvalidDetails, NotFound, OfferOver, Refused, SeatFree, SlotTaken, WaitlistFull
from bookings.models import Booking, Source, Status, TurnedAway, WaitlistEntry
from bookings.models.recipient import normalised
from bookings.networks import network_of
from bookings.queue import defer
from bookings.selectors.blocks import blocks_of, is_blocked
from bookings.services.checks import check_details, check_not_blocked, check_party, refusal_of
from bookings.services.effects import publish, publish_to_visitor
from bookings.services.locking import lapse_holds_of, read_again, tries
from bookings.services.sessions import must_be_locked, session_wanted, take
from experts.locking import LOCK_ORDER, lock_slots, read_slot, read_slots, repeated, slot_transaction
from experts.models import Slot
from experts.models.slot import BOOKABLE_STATES

LONGEST_LINE = 500  # of one slot
MOST_ENTRIES = 20  # of one visitor
WORTH_WAITING = frozenset({TurnedAway.Reason.FULL, TurnedAway.Reason.HELD, TurnedAway.Reason.PARTY})


@repeated
def join_waitlist(
    *,
    slot_id: int,
    name: str,
    email: str,
    seats: int = 1,
    session_type: int | None = None,
    visitor: str = "",
    client_address: str = "",
    language: str = "en",
    timezone: str = "",
) -> WaitlistEntry:
    """Wait for seats of a slot that has too few. Joining twice keeps one entry. Locks the slot.

    With ``session_type`` (an id) for a session of that type, which begins with the slot: for seats of all its slots.

    Returns it with its ``place``. It is UNPROVEN, and mailed a link to ``take_place``, unless this browser has proven
    the address before. The answer is the same whether or not the address is in line already, has booked or is known at
    all (see WaitlistEntry). The network of ``client_address`` may be blocked.

    Raises InvalidDetails, Blocked, SeatFree (they can be booked now), SlotTaken (closed or past),
    WaitlistFull, NotFound, Busy.
    """
    network = network_of(client_address)
    asked = Booking(
        slot_id=slot_id, name=name.strip(), email=email.strip(), seats=seats, timezone=timezone, network=network
    )
    check_details(asked)
    is_proven = vouches(visitor=visitor, email=asked.email)
    with slot_transaction():
        wanted = session_wanted(read_slot(slot_id), session_type) if session_type is not None else None
        locked = [slot_id] if wanted is None else [each.pk for each in wanted.covered]
        lock_slots(locked)
        slot = session_wanted(read_slot(slot_id), session_type)
        must_be_locked([each.pk for each in slot.covered], locked)
        slot = lapse_and_serve(slot)
        _check_is_worth_waiting(slot, asked)
        entry = _find_own(asked, session_type, visitor)
        if entry is None:
            entry = WaitlistEntry(
                slot_id=slot_id,
                session_type_id=session_type,
                more_slots=slot.more_slots,
                name=asked.name,
                email=asked.email,
                seats=seats,
                status=WaitlistEntry.Status.UNPROVEN,
                visitor=visitor,
                language=language,
                timezone=timezone,
            )
        if is_proven:
            _take_place(entry, slot)
        elif entry.pk is None:
            _check_length(slot)
            entry.save()
            defer("bookings.tasks.send_waitlist_link", entry_id=entry.pk)
        publish_to_visitor(visitor)
        return WaitlistEntry.objects.with_place().get(pk=entry.pk)


def _check_is_worth_waiting(slot: Slot, asked: Booking) -> None:
    """Raise InvalidDetails, Blocked, SeatFree or SlotTaken where nobody can or need wait for the seats asked for."""
    check_party(slot, asked)
    check_not_blocked(slot, asked)
    if asked.seats > slot.capacity:
        raise InvalidDetails({"seats": [_("This slot never has so many seats.")]})
    reason = refusal_of(slot, asked.seats)
    if reason is None:
        raise SeatFree
    if reason not in WORTH_WAITING:
        raise SlotTaken(slot, reason)


def _find_own(asked: Booking, session_type: int | None, visitor: str) -> WaitlistEntry | None:
    """The entry that this browser has with the address. Raises WaitlistFull where it has none and can have no more."""
    mine = WaitlistEntry.objects.joined_by(visitor)
    own = _of_address(asked.email).filter(pk__in=mine.values("pk"), slot=asked.slot_id, session_type=session_type)
    entry = own.first()
    if entry is None and mine.count() >= MOST_ENTRIES:
        raise WaitlistFull
    return entry


@repeated
def take_place(*, entry_id: int) -> WaitlistEntry:
    """Put an entry in line, as the link of its mail was opened; last, whenever it was asked for. Locks the slot.

    A seat that is free by then is offered at once. Returns the entry with its ``place``; called again, the same one.
    Raises WaitlistFull, NotFound, Busy.
    """
    with slot_transaction():
        entry = _locked(entry_id)
        if entry.status == WaitlistEntry.Status.UNPROVEN:
            _take_place(entry, entry.slot)
            publish_to_visitor(entry.visitor)
            serve_waitlists([entry.slot_id, *entry.more_slots])
        return WaitlistEntry.objects.with_place().get(pk=entry_id)


def take_places(entry: WaitlistEntry) -> None:
    """Put all that a browser asked for with the address of ``entry`` in line: one link has proven it for all.

    Locks the slots, one after another. Raises WaitlistFull, NotFound or Busy, if at all, for ``entry`` itself, which
    comes first; others that find no place are left as they are.
    """
    take_place(entry_id=entry.pk)
    others = _of_address(entry.email).filter(status=WaitlistEntry.Status.UNPROVEN, visitor=entry.visitor)
    for entry_id in others.exclude(visitor="").values_list("pk", flat=True):
        with suppress(Refused):
            take_place(entry_id=entry_id)


def _take_place(entry: WaitlistEntry, slot: Slot) -> None:
    """Under the slot's lock: put an entry in line, saved or not, behind all others."""
    if entry.pk is not None and entry.status != WaitlistEntry.Status.UNPROVEN:
        return
    _check_length(slot)
    entry.is_echo = any(normalised(other.email) == normalised(entry.email) for other in _active(slot))
    entry.status, entry.in_line_at = WaitlistEntry.Status.WAITING, slot.read_at
    entry.save()


def _check_length(slot: Slot) -> None:
    if _active(slot).count() >= LONGEST_LINE:
        raise WaitlistFull


def _active(slot: Slot) -> QuerySet[WaitlistEntry]:
    return WaitlistEntry.objects.active().filter(slot=slot)


def _of_address(email: str) -> QuerySet[WaitlistEntry]:
    return WaitlistEntry.objects.annotate(address=Lower("email")).filter(address=email.lower())


@repeated
def leave_waitlist(*, entry_id: int) -> bool:
    """Leave the line, or give an offer back: the next in line gets it. False if it was over. Locks the slot."""
    with slot_transaction():
        entry = _locked(entry_id)
        if entry.status in (WaitlistEntry.Status.WAITING, WaitlistEntry.Status.UNPROVEN):
            _end(entry, WaitlistEntry.Status.LEFT)
        elif offer := entry.offer:
            offer.status = Status.EXPIRED
            offer.save(update_fields=["status"])
            _end(entry, WaitlistEntry.Status.LEFT)
            publish(offer)
        else:
            return False
        serve_waitlists([entry.slot_id, *entry.more_slots])
        return True


@repeated
def claim_offer(*, entry_id: int, visitor: str) -> Booking:
    """Hand the hold of an offer to the browser that opened its link. Returns the hold. Locks the slot.

    Raises OfferOver when it was taken, ran out or was given back, NotFound, Busy.
    """
    with slot_transaction():
        entry = _locked(entry_id)
        offer = entry.offer
        if offer is None or offer.runs_out_at <= entry.slot.read_at:
            raise OfferOver
        if offer.holder != visitor:
            publish(offer)  # to whoever had it until now
            offer.holder = entry.visitor = visitor
            offer.save(update_fields=["holder"])
            entry.save(update_fields=["visitor"])
            publish(offer)
        return offer


@repeated
def serve(*, slot_id: int) -> bool:
    """Offer what is free in a slot to those who wait for it. Whether there was anything to offer.

    Locks the slot, and all that the sessions would take for which people wait there.
    """
    with slot_transaction():
        wanted = {slot_id}
        for first, more in WaitlistEntry.objects.in_line().about(slot_id).values_list("slot_id", "more_slots"):
            wanted.update([first, *more])
        locked = list(Slot.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by(*LOCK_ORDER))
        if slot_id not in {slot.pk for slot in locked}:
            raise NotFound
        return serve_waitlists([slot.pk for slot in locked])


def serve_waitlists(slot_ids: Collection[int]) -> bool:
    """Under the locks of the slots, after what may have freed seats: hold them for the first in line, and tell them.

    Whether there was anything to offer. One query if nobody waits, as nearly always. A party that is too large for what
    is free, or a session that does not fit, keeps its place; the next that fits is served.
    """
    if not WaitlistEntry.objects.active().about(*slot_ids).exists():
        return False
    settle_offers(slot_ids)
    line = list(WaitlistEntry.objects.in_line().about(*slot_ids))
    if not line:
        return False
    slots = _lapsed(read_slots(slot_ids))
    blocks = blocks_of(slots.values())
    has_offered = False
    for entry in line:
        try:
            slot = _wanted(entry, slots)
        except _OthersAreBusy:
            defer("bookings.tasks.serve_slot", slot_id=entry.slot_id)
            break  # who comes after must not be faster
        if slot is None or slot.state_at(slot.read_at) not in BOOKABLE_STATES:
            continue
        if refusal_of(slot, entry.seats) is not None:
            continue
        if is_blocked(Booking(email=entry.email), slot, blocks):
            continue  # for now: a block ends by itself
        if _has_booked(entry):
            _end(entry, WaitlistEntry.Status.BOOKED)
            continue
        _offer(entry, slot)
        has_offered = True
        slots |= read_slots(each.pk for each in slot.covered)
    return has_offered


class _OthersAreBusy(Exception):
    """With slots that a session would take."""


def _wanted(entry: WaitlistEntry, slots: dict[int, Slot]) -> Slot | None:
    """What somebody in line waits for, as it is now, with all its slots locked; None where it cannot be had.

    ``slots``: those that are locked, by id; others that a session takes are locked, too, and added. Raises
    _OthersAreBusy where somebody else has locked one: they may wait for what is locked here, so nobody waits for them.
    """
    if entry.session_type_id is None:
        return slots.get(entry.slot_id)
    known = [slots[slot_id] for slot_id in (entry.slot_id, *entry.more_slots) if slot_id in slots]
    if any(slot.is_closed or slot.seats_left_at(slot.read_at) <= 0 for slot in known):
        return None  # as long as it is like that for most of a line, without a query
    try:
        session = session_wanted(slots.get(entry.slot_id) or read_slot(entry.slot_id), entry.session_type_id)
        missing = [each.pk for each in session.covered if each.pk not in slots]
        if missing:
            free = Slot.objects.select_for_update(no_key=True, skip_locked=True).filter(pk__in=missing)
            if len(free.order_by(*LOCK_ORDER).values_list("pk")) < len(missing):
                raise _OthersAreBusy
            slots.update(_lapsed(read_slots(missing)))
            entry.refresh_from_db(fields=["status"])
            if entry.status != WaitlistEntry.Status.WAITING:
                return None
        # What was read is from before the locks.
        session = session_wanted(slots[entry.slot_id], entry.session_type_id)
    except (NotFound, SlotTaken):
        return None  # the type is offered no more, or the hours have changed
    return session if all(each.pk in slots for each in session.covered) else None


def _lapsed(slots: dict[int, Slot]) -> dict[int, Slot]:
    """Free the seats of holds that ran out in these slots, which are locked. Returns them as they are then."""
    have_lapsed = [lapse_holds_of(slot) for slot in slots.values()]
    return read_slots(slots) if any(have_lapsed) else slots


def lapse_and_serve(slot: Slot) -> Slot:
    """Under the slot's lock: free the seats of holds that ran out, and offer them to who waits before anybody else.

    Returns the slot, read again if there were any. Where the caller is refused after this, and with that undoes it, the
    worker does it within a second.
    """
    if not lapse_holds_of(slot):
        return slot
    serve_waitlists([each.pk for each in slot.covered])
    return read_again(slot)


def settle_offers(slot_ids: Collection[int]) -> None:
    """Under the slots' locks: write down what became of offers whose hold is no hold any more."""
    over = Q(hold=None) | ~Q(hold__status=Status.HELD)
    for entry in WaitlistEntry.objects.offered().filter(over, slot__in=slot_ids).select_related("hold"):
        is_over = entry.hold is None or entry.hold.status == Status.EXPIRED
        _end(entry, WaitlistEntry.Status.MISSED if is_over else WaitlistEntry.Status.BOOKED)


def _offer(entry: WaitlistEntry, slot: Slot) -> None:
    organization = slot.expert.organization
    hold = Booking(
        seats=entry.seats,
        status=Status.HELD,
        holder=entry.visitor,
        language=entry.language,
        timezone=entry.timezone,
        source=Source.WEB,
        expires_at=min(slot.read_at + timedelta(minutes=organization.offer_minutes), slot.bookable_until),
    )
    take(hold, slot)
    hold.save(force_insert=True)
    entry.hold, entry.more_slots = hold, hold.more_slots
    entry.status = WaitlistEntry.Status.OFFERED
    entry.save(update_fields=["hold", "more_slots", "status"])
    defer("bookings.tasks.send_waitlist_offer", entry_id=entry.pk)
    publish(hold)


def _end(entry: WaitlistEntry, status: str) -> None:
    """End an entry. The next one with its address is in line itself then, unless the address has what it waited for."""
    was_in_line = entry.status != WaitlistEntry.Status.UNPROVEN and not entry.is_echo
    entry.status = status
    entry.save(update_fields=["status"])
    publish_to_visitor(entry.visitor)
    if not was_in_line:
        return
    echoes = WaitlistEntry.objects.filter(slot=entry.slot_id, is_echo=True, status=WaitlistEntry.Status.WAITING)
    mailbox, waiting = normalised(entry.email), echoes.order_by("in_line_at", "pk")
    echo = next((echo for echo in waiting if normalised(echo.email) == mailbox), None)
    if echo is not None:
        echo.is_echo = False
        echo.save(update_fields=["is_echo"])


def _has_booked(entry: WaitlistEntry) -> bool:
    """Whether the address got its seats in another way since it joined. Who joined has proven it, and may know."""
    booked = Booking.objects.occupying().of_address(entry.email).filter(slot=entry.slot_id)
    return booked.filter(created_at__gte=entry.created_at).exists()


def _locked(entry_id: int) -> WaitlistEntry:
    """The entry with its hold, read under the locks of all slots that it is about; its slot is ``read_slot``'s.

    An offer changes what other slots it is about. Raises NotFound, and Busy when that keeps happening while we wait.
    """
    entries = WaitlistEntry.objects.filter(pk=entry_id)
    for _try in tries():
        about = entries.values_list("slot_id", "more_slots").first()
        if about is None:
            raise NotFound(_("There is no such entry."))
        slot_id, more_slots = about
        try:
            with transaction.atomic():
                # Of its other slots some may have been deleted since it was looked at.
                rows = Slot.objects.select_for_update(no_key=True).filter(pk__in=[slot_id, *more_slots])
                locked = set(rows.order_by(*LOCK_ORDER).values_list("pk", flat=True))
                entry = entries.select_related("hold").get()
                if slot_id not in locked:
                    raise NotFound
                if entry.more_slots != more_slots:
                    raise _OfferedMeanwhile  # these locks must go before the next are taken, or their order is broken
        except _OfferedMeanwhile:
            continue
        entry.slot = read_slot(slot_id)
        if entry.hold is not None:
            entry.hold.slot = entry.slot
        return entry
    raise Busy


class _OfferedMeanwhile(Exception):
    pass
