"""What cards of a list tell of experts who offer session types: the starts that can be booked, for all of a page."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from experts.clocks import clocks_for
from experts.discovery import Starts, weeks_of_cards
from experts.models import OfferedType, Session, SessionType, Slot
from experts.models.slot import BOOKABLE_STATES
from experts.scheduling.fitting import sessions_of
from experts.scheduling.sessions import slots_touching


def starts_of_cards(expert_ids: Collection[int], zone: ZoneInfo | None, now: datetime) -> dict[int, Starts]:
    """Read the free starts of this week, or of both weeks of those who have none in this, for a visitor in a zone.

    Of the types that visitors may choose. Two queries, three where somebody has none this week; none for nobody.
    """
    if not expert_ids:
        return {}
    offers: dict[int, list[OfferedType]] = {pk: [] for pk in expert_ids}
    types = SessionType.objects.listed().filter(experts_needed=1)
    offered = OfferedType.objects.filter(expert__in=expert_ids, session_type__in=types.order_by().values("pk"))
    for offer in offered.select_related("session_type", "expert__organization"):
        offers[offer.expert_id].append(offer)
    weeks = weeks_of_cards(now)
    found = _read(offers, weeks.ends, zone, now)
    if later := {pk: offers[pk] for pk, starts in found.items() if not starts.any_until(weeks.sunday)}:
        found |= _read(later, weeks.next_ends, zone, now)
    return found


def _read(
    offers: dict[int, list[OfferedType]], ends: datetime, zone: ZoneInfo | None, now: datetime
) -> dict[int, Starts]:
    every = [offer for of_expert in offers.values() for offer in of_expert]
    slots: dict[int, list[Slot]] = defaultdict(list)
    if every:
        begins = now - max(offer.terms.before for offer in every)
        reach = max(offer.terms.length + offer.terms.after for offer in every)
        experts = {offer.expert_id: offer.expert for offer in every}
        for slot in slots_touching(begins, ends + reach, *experts):
            slot.expert = experts[slot.expert_id]
            slots[slot.expert_id].append(slot)
    return {pk: _starts(of_expert, slots[pk], ends, zone, now) for pk, of_expert in offers.items()}


def _starts(
    offers: Sequence[OfferedType], slots: Sequence[Slot], ends: datetime, zone: ZoneInfo | None, now: datetime
) -> Starts:
    free: dict[int, Session] = {}
    changes: list[datetime] = []
    for offer in offers:
        for session in sessions_of(slots, offer.session_type, offer.terms):
            if session.starts_at >= ends:
                continue
            if (change := session.changes_at(now)) is not None:
                changes.append(change)
            if session.state_at(now) in BOOKABLE_STATES:
                free.setdefault(session.pk, session)
    minutes = [offer.terms.minutes for offer in offers]
    clocks = None
    if len(offers) == 1:
        # With nothing to choose the expert's page shows the type's times at once, by the clock of its own place.
        expert = offers[0].expert
        clocks = clocks_for(offers[0].terms.venue_with(expert), expert.zone, zone)
    return Starts(
        sessions=sorted(free.values(), key=lambda session: session.starts_at),
        minutes=(min(minutes), max(minutes)) if minutes else None,
        clocks=clocks,
        changes_at=min(changes, default=None),
    )
