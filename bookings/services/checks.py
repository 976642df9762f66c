"""Check a booking against what people typed, the policy and the slot."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from bookings.errors import Blocked, InvalidDetails, NotAllowed
from bookings.models import Booking, Source, TurnedAway
from bookings.phones import read_phone
from bookings.policy import broken_rule
from bookings.selectors.blocks import blocks_of, is_blocked
from bookings.selectors.own_slots import without_hold
from experts.models import Expert, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.waiting import in_thread


def refusal_of(
    slot: Slot,
    seats: int,
    *,
    own: Booking | None = None,
    holds_may_lapse: bool = False,
    beyond_rules: bool = False,
) -> str | None:
    """Why ``seats`` of the slot could not be booked when it was read (``read_slot``); None when they could.

    A refusal is the slot's state (held, full, closed, past) or ``party``: fewer seats are left than were asked for.
    The seats of ``own``, the asker's hold, count as free to the asker.

    Before the lock it is not known how many seats the lapsed holds will free: with ``holds_may_lapse`` parties get the
    benefit of the doubt. ``beyond_rules``: only seats count, of what is not over (``broken_rule``).
    """
    now = slot.read_at
    slot = without_hold(slot, own)
    state = slot.state_at(now)
    if beyond_rules and broken_rule(slot, now) is not None:
        has_seats = slot.seats_left_at(now) > 0
        state = "open" if has_seats else "held" if slot.may_open_at(now) else "full"
    if state not in BOOKABLE_STATES:
        return state
    if seats > slot.seats_left_at(now):
        lapsing = holds_may_lapse and slot.next_hold_expiry is not None and slot.next_hold_expiry <= now
        return None if lapsing else TurnedAway.Reason.PARTY
    return None


def check_party(slot: Slot, booking: Booking) -> None:
    """Raise InvalidDetails when more seats are asked for than the policy gives to one booking. Staff may."""
    most = slot.policy("max_party")
    if booking.seats > most and booking.source != Source.STAFF:
        raise InvalidDetails({"seats": [_("At most %(most)d seats in one booking.") % {"most": most}]})


def check_beyond_rules(source: str) -> None:
    """Raise NotAllowed unless a request comes from staff: nobody else is ever outside the rules."""
    if source != Source.STAFF:
        raise NotAllowed(_("Only staff can book outside the rules."))


def check_not_blocked(slot: Slot, wanted: Booking) -> None:
    """Raise Blocked where the slot's organisation blocks the address or network of ``wanted`` (services/blocks.py)."""
    if is_blocked(wanted, slot, blocks_of([slot])):
        raise Blocked(slot)


def check_phone(booking: Booking, slot: Slot | None) -> None:
    """Write the phone number of an unsaved booking as it is stored (bookings/phones.py).

    Raises InvalidDetails for what can be no number; what staff write is kept as it is then. ``slot``: the booking's, as
    the caller has read it; else its zone is read where the number does not name its country.
    """
    if not booking.phone:
        return
    zones = [slot.expert.timezone] if slot else []
    if slot is None and not booking.phone.startswith("+"):
        found = Expert.objects.filter(slots=booking.slot_id).values_list("timezone", flat=True)
        zones = in_thread(lambda: list(found))
    try:
        booking.phone = read_phone(booking.phone, [*zones, booking.timezone])
    except ValidationError as error:
        if booking.source != Source.STAFF:
            raise InvalidDetails({"phone": error.messages}) from error


# What a booking has that nobody types or chooses. To look at it all the same would be half of the look.
_OURS = frozenset(
    {
        *("agreed", "arrived_at", "awaits_proof", "broken_rule", "cancel_reason", "created_at", "erased_at"),
        *("expires_at", "extensions", "is_vouched", "more_slots", "network", "of_expert", "proof_reason", "reason"),
        *("reference", "sequence", "session_ends_at", "slot", "status"),
    }
)


def check_details(booking: Booking) -> None:
    """Raise InvalidDetails unless name, e-mail, phone, notes and seats are acceptable. Staff may omit the e-mail."""
    fields: dict[str, list[str]] = {}
    try:
        booking.clean_fields(exclude=_OURS)
    except ValidationError as error:
        fields = error.message_dict
    if not booking.name:
        fields["name"] = [_("Enter your name.")]
    if not booking.email and booking.source != Source.STAFF:
        fields["email"] = [_("Enter your e-mail address.")]
    if fields:
        raise InvalidDetails(fields)
