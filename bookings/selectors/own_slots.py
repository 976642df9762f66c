"""Read a visitor's own holds, bookings and places on waitlists."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zlib import crc32

from django.db.models import F, IntegerField, Q, QuerySet, Value
from django.db.models.functions import Lower, Now
from django.utils import timezone

from bookings.addresses import type_of
from bookings.models import Booking, Proof, Status, WaitlistEntry
from bookings.models.booking_queryset import BookingQuerySet
from bookings.selectors.countdown import Countdown
from experts.models import Slot


@dataclass(frozen=True)
class Mark:
    """What a viewer has in a slot. ``kind``: ``booked``, ``held`` (``until`` an instant), or ``waiting`` for a seat.

    ``session_type``: the id of the type whose session starts there.
    """

    kind: str
    until: datetime | None = None
    session_type: int | None = None

    @property
    def countdown(self) -> Countdown | None:
        return Countdown(self.until) if self.until else None

    def is_over(self, now: datetime) -> bool:
        return self.until is not None and self.until <= now


_RANKS = {"booked": 2, "held": 1, "waiting": 0}


def marks_on(own: dict[int, list[Mark]], session_type: int | None) -> dict[int, Mark]:
    """Return what a page marks of what one visitor has, slot id -> Mark: where it shows a type, what is of that."""
    shown = {}
    for slot_id, marks in own.items():
        of_type = [mark for mark in marks if session_type is None or mark.session_type in (session_type, None)]
        if of_type:
            shown[slot_id] = max(of_type, key=lambda mark: _RANKS[mark.kind])
    return shown


def own_slots(
    visitors: Collection[str], *, expert_ids: Collection[int], first: date, last: date
) -> dict[str, dict[int, list[Mark]]]:
    """Read what each visitor has in the slots of these experts from day to day: visitor -> slot id -> marks.

    Days are the experts', ``first`` and ``last`` included. A slot is that in which a session starts. Two queries for
    any number of browsers.
    """
    found: dict[str, dict[int, list[Mark]]] = {visitor: defaultdict(list) for visitor in visitors}
    waiting = WaitlistEntry.objects.waiting_of(*visitors).filter(
        slot__expert__in=expert_ids, slot__date__range=(first, last)
    )
    for visitor, slot_id, session_type in waiting.values_list("visitor", "slot_id", "session_type_id"):
        found[visitor][slot_id].append(Mark("waiting", session_type=session_type))
    taken = Booking.objects.occupying().filter(slot__expert__in=expert_ids, slot__date__range=(first, last))
    mine = taken.filter(Q(status=Status.HELD, expires_at__gt=Now()) | ~Q(status=Status.HELD) & ~Q(name=""))
    columns = ("slot_id", "session_type_id", "status", "expires_at")
    for visitor, rows in rows_by_visitor(visitors, mine, *columns).items():
        for slot_id, session_type, status, expires_at in rows.values():
            is_held = status == Status.HELD
            mark = Mark("held", expires_at, session_type) if is_held else Mark("booked", None, session_type)
            found[visitor][slot_id].append(mark)
    return found


def find_hold(visitor: str, expert_ids: Collection[int]) -> Booking | None:
    """Read the viewer's last hold with one of these experts, on whatever day it is, with its slot as ``session``.

    ``offer_id`` is set where the waitlist offered it.
    """
    if not visitor:
        return None
    holds = Booking.objects.running_holds(visitor).filter(slot__expert__in=expert_ids)
    holds = holds.select_related("slot__expert__organization", "session_type", "second_expert")
    hold = holds.annotate(offer_id=F("offer__id")).order_by("-pk").first()  # type: ignore[no-redef]  # as the model says
    if hold is not None:
        hold.slot = hold.session
    return hold


def without_hold(slot: Slot, own: Booking | None) -> Slot:
    """Return a copy of the slot with the seats of the visitor's hold ``own`` free; the slot itself without a hold."""
    return slot if own is None else slot.with_seats(held=-own.seats, only=own.slot_ids)


def find_own_entry(slot: Slot, visitor: str, kind: str | None = None) -> WaitlistEntry | None:
    """Read the visitor's entry in the waitlist of the slot or Session, with its ``place``.

    The place means nothing while UNPROVEN. ``kind``: the slug of the type, where there is no Session of it any more.
    """
    mine = WaitlistEntry.objects.joined_by(visitor).with_place().filter(slot=slot)
    kind = kind or type_of(slot)
    return (mine.filter(session_type__slug=kind) if kind else mine.filter(session_type=None)).first()


def own_keys(visitors: Collection[str]) -> dict[str, str]:
    """For each browser a name of what its pages show of bookings. A page whose own key differs loads itself again.

    One query for any number of browsers.
    """
    now = timezone.now()
    columns = (
        "status",
        "awaits_proof",
        "name",
        "slot_id",
        "slot__version",
        "slot__starts_at",
        "slot__ends_at",
        "session_ends_at",
        "expires_at",
    )
    entries = WaitlistEntry.objects.shown_to(*visitors).order_by()
    entry_columns = ("status", *_nothing(7), "hold__expires_at")
    told: dict[str, list[tuple[Any, ...]]] = {}
    bookings, waiting = _read_own(visitors, Booking.objects.shown_or_awaiting(), columns, (entries, entry_columns))
    for visitor, rows in bookings.items():
        # Time alone moves a booking from "coming up" to "earlier".
        told[visitor] = [(pk, *row, row[5] > now, (row[7] or row[6]) > now) for pk, row in sorted(rows.items())]
    for visitor, pk, status, *_blank, expires_at in sorted(waiting):
        told[visitor].append((pk, status, expires_at))
    return {visitor: f"{crc32(repr(rows).encode()):08x}" for visitor, rows in told.items()}


def own_key(visitor: str) -> str:
    """The key of one browser, as in ``own_keys``."""
    return own_keys([visitor])[visitor]


def rows_by_visitor(
    visitors: Collection[str], bookings: BookingQuerySet, *columns: str
) -> dict[str, dict[int, tuple[Any, ...]]]:
    """For each browser its own among ``bookings``: the id of each booking and its ``columns``. One query.

    Says for many browsers at once what ``Booking.objects.proven_to`` says for one, and leaves holds to their holders.
    """
    return _read_own(visitors, bookings, columns)[0]


def _nothing(count: int) -> list[str]:
    """In the place of as many columns that a kind of row does not have."""
    return [f"nothing_{number}" for number in range(count)]


def _read_own(
    visitors: Collection[str],
    bookings: BookingQuerySet,
    columns: tuple[str, ...],
    *others: tuple[QuerySet[Any], tuple[str, ...]],
) -> tuple[dict[str, dict[int, tuple[Any, ...]]], list[tuple[Any, ...]]]:
    """As ``rows_by_visitor``; and (visitor, pk, *columns) of what is among ``others``, with columns of theirs."""
    bookings, proofs = bookings.order_by(), Proof.objects.live(*visitors).order_by()
    shown, by_mail = bookings.shown(), proofs.exclude(email="")

    def rows(kind: str, found: QuerySet[Any], visitor: Any, address: Any, *names: str) -> QuerySet[Any]:
        nothing = {name: Value(None, IntegerField()) for name in names if name in blanks}
        found = found.annotate(kind=Value(kind), who=visitor, address=address, **nothing)
        return found.values_list("kind", "who", "address", *names)

    blanks, no_address, nobody = _nothing(1 + len(columns)), Value(""), Value("")
    one_by_one, of_address = proofs.filter(booking__in=shown.values("pk")), shown.annotate(at=Lower("email"))
    # A union: each branch has its index. What nobody made belongs to nobody: in the query, as the index says so, too.
    first, *more = [
        rows("own", bookings.filter(holder__in=visitors).exclude(holder=""), F("holder"), no_address, "pk", *columns),
        rows("own", one_by_one, F("visitor"), no_address, "booking_id", *(f"booking__{name}" for name in columns)),
        rows("of address", of_address.filter(at__in=by_mail.values("email")), nobody, F("at"), "pk", *columns),
        rows("address", by_mail, F("visitor"), F("email"), *blanks),
        *(rows("other", found, F("visitor"), no_address, "pk", *names) for found, names in others),
    ]
    own: dict[str, dict[int, tuple[Any, ...]]] = {visitor: {} for visitor in visitors}
    visitors_of, of_addresses, found_others = defaultdict(set), list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    for kind, visitor, address, pk, *row in first.union(*more, all=True):
        if kind == "own":
            own[visitor][pk] = tuple(row)
        elif kind == "address":
            visitors_of[address].add(visitor)
        elif kind == "of address":
            of_addresses.append((address, pk, tuple(row)))
        else:
            found_others.append((visitor, pk, *row))
    for address, pk, columns_of in of_addresses:
        for visitor in visitors_of[address]:
            own[visitor][pk] = columns_of
    return own, found_others
