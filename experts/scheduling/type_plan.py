"""Work out what a change of session types means for those who offer them, to show to staff before it is written."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from experts.hooks import sessions_booked
from experts.models import Expert, OfferedType, SessionTerms, SessionType, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.scheduling.anyone import starts_of_any
from experts.scheduling.fitting import sessions_of
from experts.scheduling.type_fit import Fit, fit_into

COUNTED_DAYS = 14
MOST_COUNTED = 20  # changes whose starts are counted; of others it is only said that they are concerned

Offers = dict[tuple[int, int], OfferedType]  # by expert and type


@dataclass(frozen=True)
class OfferChange:
    """What an expert offers otherwise than before; None where the type is not offered then.

    ``starts_before`` and ``starts_after`` are the starts in the next ``COUNTED_DAYS`` that can be booked with the
    expert alone, and ``fit`` is how the type fits into the slots of these days; all are None where nobody counted.
    """

    expert: Expert
    session_type: SessionType
    before: SessionTerms | None
    after: SessionTerms | None
    starts_before: int | None = None
    starts_after: int | None = None
    fit: Fit | None = None


@dataclass(frozen=True)
class TogetherChange:
    """What a change means for a type that two experts do together, before it or after it.

    ``needed_before`` and ``needed_after`` say how many experts a session takes, 0 where nobody offers it; ``experts``
    how many offer it from now on. ``starts_before`` and ``starts_after`` are the times in the next ``COUNTED_DAYS`` at
    which enough of them are free, by the first ``MOST_COUNTED`` of them.
    """

    session_type: SessionType
    needed_before: int
    needed_after: int
    experts: int
    starts_before: int
    starts_after: int


@dataclass
class TypePlan:
    """What a change of session types means. ``booked``: sessions ahead that stay as they were booked.

    ``together``: what it means for those of two experts, of which ``changes`` count nothing. ``begin``: experts who
    took bookings of their slots as they are until now, and from now on of types; ``end``: the other way round.
    """

    changes: list[OfferChange] = field(default_factory=list)
    together: list[TogetherChange] = field(default_factory=list)
    begin: list[Expert] = field(default_factory=list)
    end: list[Expert] = field(default_factory=list)
    booked: int = 0

    @property
    def key(self) -> str:
        """Return a hash of what staff agree to: not of what others book meanwhile, which changes by the minute."""
        rows = [
            (change.expert.pk, change.session_type.name, _lengths(change.before), _lengths(change.after))
            for change in self.changes
        ]
        never = sorted(change.expert.pk for change in self.changes if change.fit is not None and change.fit.never)
        pairs = [(each.session_type.name, each.needed_before, each.needed_after) for each in self.together]
        agreed = (sorted(rows, key=repr), never, *([sorted(pairs)] if pairs else []))
        return hashlib.sha256(repr(agreed).encode()).hexdigest()


def read_offers(*, experts: Collection[int] = (), types: Collection[int] = ()) -> Offers:
    """Return what is offered now, of active types: by these experts, or of these types. One query."""
    rows = OfferedType.objects.filter(session_type__is_active=True, expert__is_active=True)
    rows = rows.filter(expert__in=experts) if experts else rows.filter(session_type__in=types)
    rows = rows.select_related("session_type", "expert__organization", "expert__category").order_by(
        "expert__name", "pk"
    )
    return {(row.expert_id, row.session_type_id): row for row in rows}


def plan_offers(before: Offers, after: Offers, now: datetime | None = None) -> TypePlan:
    """Work out what the change means where lengths differ, a type is offered or not any more, or takes more experts.

    Writes nothing. ``after`` must be what the database has now: the other types of the experts are read, and who else
    offers a type of two.
    """
    now = now or timezone.now()
    plan = TypePlan()
    keys = [key for key in {**before, **after} if _needs(before.get(key)) != _needs(after.get(key))]
    if not keys:
        return plan
    offers = {key: after.get(key) or before[key] for key in keys}
    _say_who_begins(plan, before, after, offers.values())
    plan.together = _changes_together(keys, before, after, now)
    slots = _slots_of([offer.expert for offer in list(offers.values())[:MOST_COUNTED]], now)
    for key, offer in offers.items():
        old, new = before.get(key), after.get(key)
        plan.changes.append(_change(offer, old, new, slots.get(offer.expert_id), plan, now))
    plan.booked = sessions_booked([(expert_id, type_id) for expert_id, type_id in keys])
    return plan


def _say_who_begins(plan: TypePlan, before: Offers, after: Offers, offers: Iterable[OfferedType]) -> None:
    experts = {offer.expert_id: offer.expert for offer in offers}
    offering = _alone(read_offers(experts=list(experts)))
    for expert_id, expert in experts.items():
        now_offered = {key for key in offering if key[0] == expert_id}
        then = {key for key in _alone(before) if key[0] == expert_id} | (now_offered - set(after))
        if now_offered and not then:
            plan.begin.append(expert)
        elif then and not now_offered:
            plan.end.append(expert)


def _alone(offers: Offers) -> set[tuple[int, int]]:
    """Of what is offered what is booked on the experts' own pages."""
    return {key for key, offer in offers.items() if offer.session_type.experts_needed == 1}


def _changes_together(
    keys: Iterable[tuple[int, int]], before: Offers, after: Offers, now: datetime
) -> list[TogetherChange]:
    pairs = {key[1] for key in keys for offers in (before, after) if key in offers and key not in _alone(offers)}
    if not pairs:
        return []
    others = {key: offer for key, offer in read_offers(types=pairs).items() if key not in after and key not in before}
    return [_change_together(type_id, {**others, **before}, {**others, **after}, now) for type_id in sorted(pairs)]


def _change_together(type_id: int, before: Offers, after: Offers, now: datetime) -> TogetherChange:
    old, new = ([offer for key, offer in offers.items() if key[1] == type_id] for offers in (before, after))
    (needed_before, starts_before), (needed_after, starts_after) = (_count_of_any(each, now) for each in (old, new))
    kind = (new or old)[0].session_type
    return TogetherChange(kind, needed_before, needed_after, len(new), starts_before, starts_after)


def _count_of_any(offers: list[OfferedType], now: datetime) -> tuple[int, int]:
    """Return how many experts a session takes, and at how many times so many of these are free. One query."""
    if not offers:
        return 0, 0
    kind = offers[0].session_type
    starts = starts_of_any(kind, offers[:MOST_COUNTED], now, now + timedelta(days=COUNTED_DAYS), now)
    return kind.experts_needed, sum(bool(start.free) for start in starts)


def _change(
    offer: OfferedType,
    before: OfferedType | None,
    after: OfferedType | None,
    slots: list[Slot] | None,
    plan: TypePlan,
    now: datetime,
) -> OfferChange:
    expert, session_type = offer.expert, offer.session_type
    old, new = _terms(before), _terms(after)
    if slots is None:
        return OfferChange(expert, session_type, old, new)
    if any(each is not None and each.session_type.experts_needed > 1 for each in (before, after)):
        fit = fit_into(slots, session_type.pk, new) if new else None
        return OfferChange(expert, session_type, old, new, fit=fit)

    def starts(offered: OfferedType | None, without_types: bool) -> int:
        if offered is None:
            return _count_slots(slots, now) if without_types else 0
        return _count(slots, offered, now)

    return OfferChange(
        expert,
        session_type,
        old,
        new,
        starts_before=starts(before, expert in plan.begin),
        starts_after=starts(after, expert in plan.end),
        fit=fit_into(slots, session_type.pk, new) if new else None,
    )


def _slots_of(experts: Iterable[Expert], now: datetime) -> dict[int, list[Slot]]:
    by_expert: dict[int, list[Slot]] = {expert.pk: [] for expert in experts}
    rows = Slot.objects.filter(
        expert__in=by_expert, starts_at__gt=now, starts_at__lt=now + timedelta(days=COUNTED_DAYS)
    )
    for slot in rows.with_expert().order_by("starts_at"):
        by_expert[slot.expert_id].append(slot)
    return by_expert


def _count_slots(slots: list[Slot], now: datetime) -> int:
    return sum(slot.state_at(now) in BOOKABLE_STATES for slot in slots)


def _count(slots: list[Slot], offer: OfferedType, now: datetime) -> int:
    sessions = sessions_of(slots, offer.session_type, offer.terms)
    return sum(session.state_at(now) in BOOKABLE_STATES for session in sessions)


def _needs(offer: OfferedType | None) -> tuple[int, tuple[int, int, int] | None] | None:
    """How many experts a session takes, and how long it takes them."""
    return (offer.session_type.experts_needed, _lengths(_terms(offer))) if offer else None


def _terms(offer: OfferedType | None) -> SessionTerms | None:
    """What a session is with the expert; of two together what the type says."""
    if offer is None:
        return None
    return offer.terms if offer.session_type.experts_needed == 1 else offer.session_type.terms


def _lengths(terms: SessionTerms | None) -> tuple[int, int, int] | None:
    return (terms.minutes, terms.buffer_before, terms.buffer_after) if terms else None
