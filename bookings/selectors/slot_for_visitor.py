"""Read a slot together with what a visitor has in it, in one statement: every step of booking begins with it."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.db.models import DateTimeField, Exists, F, FilteredRelation, Func, OuterRef, Q, QuerySet, Subquery

from bookings.models import Booking, Question, Status, WaitlistEntry
from bookings.models.proven import hashes_of
from bookings.selectors.answers import questions_for
from bookings.selectors.recent_demand import has_webhooks, known, lately, most_counted
from bookings.transitions import OCCUPYING
from experts.models import Expert, OfferedType, Session, Slot
from experts.prepared import PreparedQuery
from experts.scheduling.fitting import Offered
from experts.scheduling.sessions import offered_by, offered_together, read_session, read_session_of_two

# What the steps of booking show of an expert and an organisation, and what decides about a slot's state.
_POLICY = (
    "requires_approval",
    "hold_minutes",
    "approval_hours",
    "min_notice",
    "horizon_days",
    "cancel_until",
    "max_party",
)
_EXPERT = (
    "organization",
    "name",
    "slug",
    "headline",
    "photo",
    "timezone",
    "venue",
    "venue_note",
    "is_active",
    *_POLICY,
)
_ORGANIZATION = (
    "name",
    "slug",
    "accent",
    "is_active",
    "offer_minutes",
    "proof",
    "contact_email",
    "blocked_until",
    "has_questions",
    *_POLICY,
)
# What is needed of a hold, in the order of the model's columns.
_NEEDED = {
    "id",
    "slot_id",
    "seats",
    "status",
    "reference",
    "holder",
    "expires_at",
    "sequence",
    "created_at",
    "session_type_id",
    "session_ends_at",
    "more_slots",
    "second_expert_id",
    "agreed",
    "awaits_proof",
    "extensions",
}
_HOLD = [field.attname for field in Booking._meta.concrete_fields if field.attname in _NEEDED]


@dataclass(frozen=True)
class SlotForVisitor:
    """A slot with its expert, ``read_at``, and ``lately``, ``known`` and ``has_webhooks`` (recent_demand.py); and what
    the visitor had in it then.

    ``hold``: the visitor's hold, unless it had run out; it may be a booking that awaits its proof. ``is_offer``:
    whether the waitlist offered it.
    ``has_booked``: whether there is a booking that takes seats and that the visitor has proven. ``has_types``: whether
    the expert offers session types, so that it is to choose first what the slot is for. ``has_holds``: whether the
    visitor holds anything of the expert, be it that time has run out; True where nobody looked.
    """

    slot: Slot
    hold: Booking | None = None
    is_offer: bool = False
    has_booked: bool = False
    has_types: bool = False
    has_holds: bool = True

    @property
    def held(self) -> int:
        """The seats of the hold."""
        return self.hold.seats if self.hold else 0

    @property
    def lacks_type(self) -> bool:
        """Whether it has to be chosen first what the slot is for; not where the visitor has a hold already."""
        return self.has_types and self.hold is None and not isinstance(self.slot, Session)

    @cached_property
    def questions(self) -> list[Question]:
        """What whoever books it is asked: read when it is asked for, and only where there is any."""
        return questions_for(self.slot)

    def find_booking(self, visitor: str) -> Booking | None:
        """Read the visitor's booking of the slot, if ``has_booked``."""
        if not self.has_booked:
            return None
        return Booking.objects.proven_to(visitor).occupying().filter(slot=self.slot).first()

    def find_offer(self) -> WaitlistEntry | None:
        """Read the entry of the waitlist that the hold was offered to."""
        return WaitlistEntry.objects.filter(hold=self.hold).first() if self.is_offer else None


def slot_for_visitor(slot_id: int, visitor: str) -> SlotForVisitor | None:
    """Read the slot for a visitor, "" for a browser that has no identity yet. None when there is no such slot."""
    if not visitor:  # what nobody made belongs to nobody
        return next((_of_nobody(slot) for slot in _slot(slot_id, most_counted(), "")), None)
    return _first(_slot_with_own(slot_id, visitor, most_counted(), *hashes_of(visitor)))


def find_slot(slot_id: int, visitor: str) -> SlotForVisitor | None:
    """As ``slot_for_visitor``; one of an expert who is hidden is shown only to those who have a seat in it."""
    seen = slot_for_visitor(slot_id, visitor)
    if seen is None or (seen.slot.expert.is_active and seen.slot.expert.organization.is_active):
        return seen
    has_seat = seen.hold is not None or Booking.objects.proven_to(visitor).filter(slot=seen.slot).exists()
    return seen if has_seat else None


def find_session(seen: SlotForVisitor, kind: str) -> SlotForVisitor | None:
    """Read what the visitor sees of the session that begins with the slot, of the type that an address names (a slug).

    If it names none, of the type of the visitor's hold. The slot itself where there is no type at all; None where the
    expert does not offer that type. Where no session fits, it is closed. Two queries for a type.
    """
    hold = seen.hold
    if not kind and (hold is None or hold.session_type_id is None):
        return seen
    if "~" in kind or (hold is not None and not kind and hold.second_expert_id is not None):
        return _find_session_of_two(seen, kind)
    offers = offered_by(seen.slot.expert_id)
    offered: Offered | None
    if kind:
        offered = offers.filter(session_type__slug=kind).first()
    else:
        offered = offers.filter(session_type=hold.session_type_id).first() if hold else None
    if offered is None:
        return None
    session = read_session(seen.slot, offered.session_type, offered.terms)
    if session is None:
        session = Session.of(seen.slot, [seen.slot], offered.session_type, offered.terms)
        session.is_closed = True
    if hold is not None and hold.session_type_id == offered.session_type.pk:
        hold.slot = session
    return replace(seen, slot=session)


def _find_session_of_two(seen: SlotForVisitor, kind: str) -> SlotForVisitor | None:
    """As ``find_session``, of two experts together; None where no session fits with both. Three queries."""
    name, _tilde, second = kind.partition("~")
    hold = seen.hold
    offers = offered_together().filter(expert__in=Expert.objects.active())
    if kind:
        offers = offers.filter(session_type__slug=name, expert__slug=second)
    elif hold is not None:
        offers = offers.filter(session_type=hold.session_type_id, expert=hold.second_expert_id)
    offer = offers.filter(session_type__offers__expert=seen.slot.expert_id).first()
    if offer is None:
        return None
    session = read_session_of_two(seen.slot, offer.expert_id, offer.session_type, offer.session_type.terms)
    if session is None:
        return None
    if hold is not None and hold.second_expert_id == offer.expert_id:
        hold.slot = session
    return replace(seen, slot=session)


def slot_and_holds(slot_id: int, visitor: str) -> list[SlotForVisitor]:
    """Read the slot, and after it the others in which the visitor has a hold. Empty when there is no such slot.

    For a visitor who is known. Leaves out what ``has_booked`` says.
    """
    rows = _slots_with_holds(slot_id, visitor)
    chosen = _first([row for row in rows if row.pk == slot_id])
    others = [_with_own(row) for row in rows if row.pk != slot_id]
    return [chosen, *(other for other in others if other.hold)] if chosen else []


def _slots() -> QuerySet[Slot]:
    """Slots as ``read_slot`` reads one, without what no step of booking shows."""
    columns = [field.attname for field in Slot._meta.concrete_fields]
    columns += [f"expert__{name}" for name in _EXPERT] + [f"expert__organization__{name}" for name in _ORGANIZATION]
    clock = Func(function="clock_timestamp", output_field=DateTimeField())
    slots = Slot.objects.select_related("expert__organization").only(*columns).order_by("pk")
    return slots.annotate(read_at=clock)  # type: ignore[no-redef]  # the model names it, for readers


def _offers() -> Exists:
    """Whether the expert of a slot offers types, alone."""
    types = OfferedType.objects.filter(session_type__is_active=True, session_type__experts_needed=1)
    return Exists(types.filter(expert=OuterRef("expert")))


def _of_nobody(row: Any) -> SlotForVisitor:
    return SlotForVisitor(row, has_types=row.has_types, has_holds=False)


def _with_hold_of(slots: QuerySet[Slot], visitor: str) -> QuerySet[Slot]:
    """Add the columns of the visitor's holds: a row for each, one without for a slot that has none."""
    own = FilteredRelation("bookings", condition=Q(bookings__holder=visitor, bookings__status=Status.HELD))
    columns = {f"own_{name}": F(f"own__{name}") for name in _HOLD}
    return slots.annotate(own=own, offer_id=F("own__offer__id"), **columns)


@PreparedQuery
def _slot(slot_id: int, most: int, browser: str) -> QuerySet[Slot]:
    return _to_book(_slots().filter(pk=slot_id), most, browser)


@PreparedQuery
def _slot_with_own(slot_id: int, visitor: str, most: int, browser: str) -> QuerySet[Slot]:
    booked = Booking.objects.proven_to(visitor).filter(status__in=OCCUPYING, slot=OuterRef("pk")).order_by()
    slots = _to_book(_with_hold_of(_slots().filter(pk=slot_id), visitor), most, browser)
    return slots.annotate(own_booking_id=Subquery(booked.values("pk")[:1]), has_holds=_has_holds(visitor))


def _has_holds(visitor: str) -> Exists:
    held = Booking.objects.order_by().held_by(visitor)
    return Exists(held.filter(slot__expert=OuterRef("expert")))


def _to_book(slots: QuerySet[Slot], most: int, browser: str) -> QuerySet[Slot]:
    """Add what a hold or a booking needs to know beside the slot (recent_demand.py), and whether there are types."""
    told = {"lately": lately(most), "known": known(browser), "has_webhooks": has_webhooks(), "has_types": _offers()}
    return slots.annotate(**told)


@PreparedQuery
def _slots_with_holds(slot_id: int, visitor: str) -> QuerySet[Slot]:
    held = Booking.objects.order_by().held_by(visitor)
    chosen = Slot.objects.order_by().filter(pk=slot_id)
    # A union rather than conditions joined by OR: each branch has its index.
    return _with_hold_of(_slots().filter(pk__in=chosen.values("pk").union(held.values("slot"), all=True)), visitor)


def _first(rows: list[Slot]) -> SlotForVisitor | None:
    """Of the rows of one slot the one with a running hold, else any. A hold that ran out may still have its row."""
    read = [_with_own(row) for row in rows]
    return next((row for row in read if row.hold), read[0] if read else None)


def _with_own(row: Any) -> SlotForVisitor:
    """``row`` is a Slot with the columns of ``_with_hold_of``."""
    hold = None
    if row.own_id is not None and row.own_expires_at > row.read_at:
        hold = Booking.from_db(None, _HOLD, [getattr(row, f"own_{name}") for name in _HOLD])
        hold.slot, hold.offer_id = row, row.offer_id
    is_offer = hold is not None and row.offer_id is not None
    has_booked = getattr(row, "own_booking_id", None) is not None
    has_types, has_holds = getattr(row, "has_types", False), getattr(row, "has_holds", True)
    return SlotForVisitor(row, hold, is_offer, has_booked, has_types, has_holds)
