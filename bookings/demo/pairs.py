"""Free slots of two experts -> bookings of both together."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import combinations
from random import Random

from bookings.demo.clients import regulars
from bookings.models import Booking, Source, Status
from bookings.references import REFERENCE_ALPHABET, reference_of
from experts.models import Expert, OfferedType, Slot
from experts.scheduling.fitting import covered_slots

BOOKED_OF_EACH_TYPE = 3
_DAYS_APART = 2


def bookings_of_two(offers: list[OfferedType], *, now: datetime, seed: str) -> list[Booking]:
    """Return some of the next sessions that two experts have together, confirmed, on different days.

    ``offers``: those of types for two. What is free is read, so the diaries of all have to be written.
    """
    made: list[Booking] = []
    for session_type in sorted({offer.session_type for offer in offers}, key=lambda it: it.pk):
        mine = [offer for offer in offers if offer.session_type == session_type]
        random = Random(f"{seed} {session_type.slug}")
        clients = iter(random.sample(regulars(random, session_type.organization.slug, 60), BOOKED_OF_EACH_TYPE))
        after, count = now.date(), 0
        for first, second in sorted(_together(mine, now), key=lambda it: (it[0][0].starts_at, it[0][0].pk)):
            if first[0].date <= after or count == BOOKED_OF_EACH_TYPE:
                continue
            client, start, terms = next(clients), first[0], mine[0].terms
            reference = reference_of(random.choices(REFERENCE_ALPHABET, k=8))
            made.append(
                Booking(
                    slot=start,
                    more_slots=[slot.pk for slot in [*first[1:], *second]],
                    second_expert_id=second[0].expert_id,
                    session_type=session_type,
                    session_ends_at=start.starts_at + terms.length,
                    agreed=terms.as_json(),
                    status=Status.CONFIRMED,
                    name=client.name,
                    email=client.email,
                    phone=client.phone,
                    reference=reference,
                    timezone=session_type.organization.timezone,
                    source=Source.WEB,
                    created_at=(now - timedelta(hours=3 + count)).replace(microsecond=0),
                )
            )
            after, count = start.date + timedelta(days=_DAYS_APART), count + 1
    return made


def _together(offers: list[OfferedType], now: datetime) -> Iterator[tuple[list[Slot], list[Slot]]]:
    """Both the slots of the one and those of the other, for each start at which both are free."""
    free = [_free_starts(offer, offer.expert, now) for offer in offers]
    for one, other in combinations(free, 2):
        for starts_at in one.keys() & other.keys():
            yield one[starts_at], other[starts_at]


def _free_starts(offer: OfferedType, expert: Expert, now: datetime) -> dict[datetime, list[Slot]]:
    """What a session takes, by each start at which all of that is free."""
    until = now + timedelta(days=14)
    slots = list(Slot.objects.filter(expert=expert, starts_at__gt=now, starts_at__lt=until).order_by("starts_at"))
    found = {}
    for place, slot in enumerate(slots):
        covered = covered_slots(place, slots, offer.session_type_id, offer.terms)
        if covered and all(not (each.is_closed or each.seats_held or each.seats_booked) for each in covered):
            found[slot.starts_at] = [slot, *(each for each in covered if each.pk != slot.pk)]
    return found
