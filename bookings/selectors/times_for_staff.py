"""Read the times that staff can book for somebody: a strip for each expert, also with what no visitor could book."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import combinations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import Booking
from bookings.policy import broken_rule
from bookings.selectors.staff_words import Wish
from experts import formatting
from experts.models import Expert, OfferedType, Session, SessionType, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.scheduling.fitting import sessions_of, shown_sessions
from experts.scheduling.sessions import slots_touching
from experts.timezones import day_bounds

MOST_STRIPS = 4
_MOST_TILES = 15  # of a strip that is not alone
_FEW = 6  # so many experts are looked through for LOOK_AHEAD, more for the days of a first look
_MOST_EXPERTS = 60
_FIRST_LOOK, LOOK_AHEAD = timedelta(days=2), timedelta(days=14)
AS_IT_IS = 0  # instead of the id of a type: the slot as it is


@dataclass(frozen=True)
class Pick:
    """What staff choose to book: a slot, the type of the session that begins there, and with whom else.

    Written as ``slot-type-second-rules``, with 0 for none; ``rules`` is 1 for what is outside of them.
    """

    slot_id: int
    type_id: int = AS_IT_IS
    second_id: int = 0
    is_beyond: bool = False

    def __str__(self) -> str:
        return f"{self.slot_id}-{self.type_id}-{self.second_id}-{int(self.is_beyond)}"

    @classmethod
    def read(cls, text: str) -> "Pick | None":
        """Return what is written there; None for anything else."""
        parts = text.split("-")
        if len(parts) != 4 or not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
            return None
        slot_id, type_id, second_id, is_beyond = map(int, parts)
        return cls(slot_id, type_id, second_id, bool(is_beyond))


@dataclass(frozen=True)
class Tile:
    """A time to choose. ``state``: open, few, held, full, own (kept by the asker) or outside the rules.

    ``text``: the state in words; ``hint``: all of it, for who hears it.
    """

    pick: Pick
    time: str
    state: str
    text: str
    hint: str

    @property
    def is_free(self) -> bool:
        return self.state in BOOKABLE_STATES or self.state == "own"

    @property
    def can_be_held(self) -> bool:
        return self.is_free or self.state == "outside"


@dataclass(frozen=True)
class Strip:
    """The times of an expert, or of two together, on a day. ``what``: the type in words; ``more``: tiles left out."""

    expert: Expert
    second: Expert | None
    day: date
    title: str
    about: str
    kind: OfferedType | None
    tiles: list[Tile]
    more: int = 0

    @property
    def expert_ids(self) -> list[int]:
        return [expert.pk for expert in (self.expert, self.second) if expert is not None]


@dataclass
class Times:
    """What was found. ``later``: whether nothing is free on the day that was asked for, so that these are the next.

    ``offers``: the types to choose from, of the experts who are shown; ``more_experts``: how many are not shown.
    """

    strips: list[Strip] = field(default_factory=list)
    offers: list[SessionType] = field(default_factory=list)
    is_later: bool = False
    more_experts: int = 0


def find_times(
    experts: Sequence[Expert],
    wish: Wish,
    now: datetime,
    *,
    type_id: int | None,
    usual_type: int | None = None,
    own: Booking | None = None,
    may_break_rules: Callable[[Expert], bool],
) -> Times:
    """Return the times of those of ``experts`` who fit what was asked for, who is free soonest first.

    ``type_id``: the type that was chosen, AS_IT_IS for slots as they are; None leaves it to each expert: what the words
    name, else ``usual_type``, else the first that they offer, else the slot as it is. ``own``: the asker's hold.
    ``may_break_rules``: whether the asker may book outside the rules of an expert. Each expert comes with the
    organisation. Two queries for a day; two more where nothing is free on it, or no day was named.
    """
    asked = [expert for expert in experts if wish.experts is None or expert.pk in wish.experts]
    offers = _offers([expert.pk for expert in experts])
    of_two = {it.session_type_id: it.session_type for each in offers.values() for it in each if _is_of_two(it)}
    together = of_two.get(type_id) if type_id else next((of_two[pk] for pk in wish.types or () if pk in of_two), None)
    if together is not None:
        kinds = {
            pk: next((it for it in each if it.session_type_id == together.pk), None) for pk, each in offers.items()
        }
        fitting = [expert for expert in experts if kinds.get(expert.pk) is not None]
    else:
        kinds = {expert.pk: _kind(offers.get(expert.pk, []), wish, type_id, usual_type) for expert in asked}
        fitting = [expert for expert in asked if kinds[expert.pk] is not _NOT_OFFERED]
    reader = _Reader(kinds, wish, now, own, may_break_rules)
    reader.together = together
    found, is_later = reader.strips(fitting), False
    if wish.day is not None and not any(tile.is_free for strip in found for tile in strip.tiles):
        later = reader.without_day().strips(fitting[:_FEW])
        found, is_later = [*found[:1], *later], bool(later)
    if together is not None and wish.experts is not None:
        found = [strip for strip in found if not wish.experts.isdisjoint(strip.expert_ids)]
    found.sort(key=_soonest)
    shown = found[:MOST_STRIPS]
    if len(shown) > 1:
        shown = [_cut(strip) for strip in shown]
    types = {offer.session_type_id: offer.session_type for strip in shown for offer in offers.get(strip.expert.pk, [])}
    return Times(
        shown, sorted(types.values(), key=lambda it: (it.position, it.name)), is_later, len(found) - len(shown)
    )


_NOT_OFFERED = OfferedType()
_Kind = OfferedType | None


def _offers(expert_ids: Collection[int]) -> dict[int, list[OfferedType]]:
    """The types that each expert offers, in the organisation's order."""
    rows = OfferedType.objects.filter(expert__in=expert_ids, session_type__is_active=True)
    found: dict[int, list[OfferedType]] = {}
    for offer in rows.select_related("session_type").order_by("session_type__position", "session_type__name"):
        found.setdefault(offer.expert_id, []).append(offer)
    return found


def _is_of_two(offer: OfferedType) -> bool:
    return offer.session_type.experts_needed > 1


def _kind(offers: Sequence[OfferedType], wish: Wish, type_id: int | None, usual_type: int | None) -> _Kind:
    if type_id == AS_IT_IS:
        return None
    offers = [offer for offer in offers if not _is_of_two(offer)]
    if type_id is not None:
        return next((offer for offer in offers if offer.session_type_id == type_id), _NOT_OFFERED)
    if wish.types is not None:
        return next((offer for offer in offers if offer.session_type_id in wish.types), _NOT_OFFERED)
    usual = next((offer for offer in offers if offer.session_type_id == usual_type), None)
    return usual or next(iter(offers), None)


def _soonest(strip: Strip) -> tuple[bool, date, str, str]:
    first = next((tile.time for tile in strip.tiles if tile.is_free), "")
    return not first, strip.day, first, strip.title


def _cut(strip: Strip) -> Strip:
    if len(strip.tiles) <= _MOST_TILES:
        return strip
    return replace(strip, tiles=strip.tiles[:_MOST_TILES], more=len(strip.tiles) - _MOST_TILES)


class _Reader:
    def __init__(
        self,
        kinds: dict[int, _Kind],
        wish: Wish,
        now: datetime,
        own: Booking | None,
        may_break_rules: Callable[[Expert], bool],
    ) -> None:
        self.kinds, self.wish, self.now, self.own = kinds, wish, now, own
        self.may_break_rules, self.day = may_break_rules, wish.day
        self.together: SessionType | None = None

    def without_day(self) -> "_Reader":
        """One that looks for the next free times, whatever day was asked for."""
        other = _Reader(self.kinds, self.wish, self.now, self.own, self.may_break_rules)
        other.day, other.together = None, self.together
        return other

    def strips(self, experts: Sequence[Expert]) -> list[Strip]:
        """A strip for each who has something to show on the day; without a day on the first that is free."""
        experts = experts[:_MOST_EXPERTS]
        if self.day is not None:
            return self._read(experts, timedelta(days=1))
        if len(experts) > _FEW and (found := self._read(experts, _FIRST_LOOK)):
            return found
        return self._read(experts[: 3 * _FEW], LOOK_AHEAD)

    def _read(self, experts: Sequence[Expert], span: timedelta) -> list[Strip]:
        if not experts:
            return []
        days = self.day or self.now.date()
        begins = min(day_bounds(days, expert.zone)[0] for expert in experts) - timedelta(days=1)
        ends = max(day_bounds(days, expert.zone)[1] for expert in experts) + span
        slots: dict[int, list[Slot]] = {expert.pk: [] for expert in experts}
        by_id = {expert.pk: expert for expert in experts}
        for slot in slots_touching(begins, ends, *slots):
            slot.expert = by_id[slot.expert_id]
            slots[slot.expert_id].append(slot)
        if self.together is not None:
            strips = self._of_two(experts, self.together, slots)
        else:
            strips = [
                self._strip(expert, None, self._shown(expert, slots[expert.pk], self.kinds[expert.pk]))
                for expert in experts
            ]
        return [strip for strip in strips if strip is not None]

    def _of_two(self, experts: Sequence[Expert], kind: SessionType, slots: dict[int, list[Slot]]) -> list[Strip | None]:
        """The sessions that two experts hold together, for each two of them, by the clock of the first."""
        starts: dict[int, dict[datetime, Session]] = {}
        for expert in experts:
            starts[expert.pk] = {it.starts_at: it for it in sessions_of(slots[expert.pk], kind, kind.terms)}
        strips = []
        for one, other in combinations(experts, 2):
            of_other = starts[other.pk]
            both = [Session.together(it, of_other[at]) for at, it in starts[one.pk].items() if at in of_other]
            strips.append(self._strip(one, other, both))
        return strips

    def _strip(self, expert: Expert, second: Expert | None, shown: Sequence[Slot]) -> Strip | None:
        kind = self.kinds[expert.pk]
        by_day: dict[date, list[Tile]] = {}
        for slot in shown:
            local = slot.starts_at.astimezone(expert.zone)
            if self.wish.allows(local.time()) and (tile := self._tile(slot, kind, second)):
                by_day.setdefault(local.date(), []).append(tile)
        if self.day is not None:
            day: date | None = self.day
        else:
            day = next((at for at in sorted(by_day) if any(tile.is_free for tile in by_day[at])), None)
        if day is None or day not in by_day:
            return None
        tiles = by_day[day]
        free = sum(tile.is_free for tile in tiles)
        count = ngettext("%(count)d free", "%(count)d free", free) % {"count": free} if free else _("nothing free")
        words = {"day": formatting.day_name(day, expert.today(self.now)), "free": count, "zone": expert.zone_city}
        about = _("%(day)s, %(free)s, %(zone)s time") % words
        title = expert.name
        if second is not None:
            title = _("%(one)s and %(other)s") % {"one": expert.name, "other": second.name}
        if kind is not None:
            about = _("%(what)s. %(about)s") % {"what": kind.terms.name, "about": about}
        return Strip(expert, second, day, title, about, kind, tiles)

    def _shown(self, expert: Expert, slots: list[Slot], kind: _Kind) -> Sequence[Slot]:
        """What visitors are shown and, where the rules may be broken, what is closed to them."""
        if kind is None:
            return slots
        shown: dict[int, Slot] = {
            slot.pk: slot for slot in shown_sessions(slots, kind.session_type, kind.terms, self.now)
        }
        if self.may_break_rules(expert):
            for session in sessions_of(slots, kind.session_type, kind.terms):
                if session.is_closed:
                    shown.setdefault(session.pk, session)
        if self.own is not None and self.own.slot_id not in shown:
            for session in sessions_of(slots, kind.session_type, kind.terms):
                if session.pk == self.own.slot_id and self.own.session_type_id == kind.session_type_id:
                    shown[session.pk] = session
        return sorted(shown.values(), key=lambda slot: slot.starts_at)

    def _tile(self, slot: Slot, kind: _Kind, second: Expert | None) -> Tile | None:
        type_id, second_id = kind.session_type_id if kind is not None else AS_IT_IS, second.pk if second else 0
        held = self.own and (self.own.slot_id, self.own.session_type_id or AS_IT_IS, self.own.second_expert_id or 0)
        is_own = held == (slot.pk, type_id, second_id)
        state = "own" if is_own else slot.state_at(self.now)
        rule = broken_rule(slot, self.now)
        if not is_own and rule is not None:
            if not self.may_break_rules(slot.expert) or slot.seats_left_at(self.now) <= 0:
                return None
            state = "outside"
        if state in ("past", "closed"):
            return None
        text = _words(slot, state, self.now) if state != "outside" or rule is None else str(rule.label)
        if state == "full" and second is not None:  # nobody can wait for two
            text = _("Full")
        at = formatting.clock(slot.starts_at, slot.expert.zone)
        shown = formatting.time_span(slot.starts_at, slot.ends_at, slot.expert.zone)
        hint = _("%(time)s with %(expert)s: %(state)s") % {"time": shown, "expert": slot.expert.name, "state": text}
        return Tile(Pick(slot.pk, type_id, second_id, rule is not None), at, state, text, hint)


def _words(slot: Slot, state: str, now: datetime) -> str:
    left = slot.seats_left_at(now)
    if state in BOOKABLE_STATES and slot.capacity > 1:
        return _("%(left)d of %(all)d free") % {"left": left, "all": slot.capacity}
    return {
        "own": _("Kept for you"),
        "held": _("Being booked"),
        "full": _("Full, waitlist"),
    }.get(state, _("Free"))


def session_of_pick(pick: Pick, slot: Slot) -> Slot:
    """Read what a pick is about, as far as it can still be said: the session that begins there, else the slot."""
    if pick.type_id == AS_IT_IS:
        return slot
    offer = OfferedType.objects.filter(expert=slot.expert_id, session_type=pick.type_id).select_related("session_type")
    for found in offer:
        return Session.of(slot, [slot], found.session_type, found.terms)
    return slot
