"""One expert's slots -> the bookings in them, in every status, each of them true at the time of making."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

from bookings.demo.clients import Client, note_for, regulars
from bookings.demo.profiles import Profile
from bookings.models import Booking, Source, Status
from bookings.references import REFERENCE_ALPHABET, reference_of
from experts.models import Expert, OfferedType, Slot
from experts.scheduling.fitting import covered_slots

LONGEST_LEAD = timedelta(days=12)  # people book that long before at most
WEEKS_UNTIL_QUIET = 5

# Seats taken in the slots of a showcase's today (of five), as often as the day has slots. HOLD is four, and a hold.
HOLD = -1
SHOWCASE_DAY = (5, 4, 2, 5, 0, 3, HOLD, 0, 4, 5, 1, 0, 3, 4, 1)


@dataclass(frozen=True)
class _Luck:
    """All that chance decides about one booking, drawn at once: what the clock decides must not shift it."""

    status: float
    lead: float
    source: float
    phone: float
    note: float

    @classmethod
    def draw(cls, random: Random) -> "_Luck":
        return cls(*(random.random() for _ in range(5)))


@dataclass(frozen=True)
class _Session:
    """What somebody books: the slot as it is, or a session of a type with all the slots that it takes."""

    offer: OfferedType | None = None
    covered: Sequence[Slot] = ()

    @property
    def takes_one(self) -> bool:
        return len(self.covered) == 1

    def ends_at(self, start: Slot) -> datetime:
        return start.starts_at + self.offer.terms.length if self.offer else start.ends_at

    def of_booking(self, start: Slot) -> dict[str, Any]:
        """The fields of a booking that tell it."""
        if self.offer is None:
            return {}
        return {
            "session_type": self.offer.session_type,
            "session_ends_at": self.ends_at(start),
            "agreed": self.offer.terms.as_json(),
            "more_slots": [slot.pk for slot in self.covered if slot.pk != start.pk],
        }


_AS_IT_IS = _Session()


class Diary:
    """Fills the slots of one expert.

    What is booked depends on the seed, the expert and today only. The clock, ``now``, decides what has become of it:
    the same booking is CONFIRMED in the morning and COMPLETED at night.
    """

    def __init__(
        self,
        *,
        expert: Expert,
        profile: Profile,
        offers: list[OfferedType],
        seed: str,
        today: date,
        now: datetime,
        references: set[str],
    ):
        self.expert, self.profile, self.offers, self.today, self.now = expert, profile, offers, today, now
        self.references = references  # all that are in use, of other experts' bookings too
        self.seed = f"{seed} {expert.slug}"
        random = Random(f"{self.seed} clients")
        self.clients = regulars(random, expert.organization.slug, max(60, 3 * expert.default_capacity))
        self.most = expert.policy("max_party")
        self.needs_approval = expert.policy("requires_approval")
        self.approval_time = timedelta(hours=expert.policy("approval_hours"))
        self.hold_time = timedelta(minutes=expert.policy("hold_minutes"))
        self.notice = expert.policy("min_notice")
        self.horizon = timedelta(days=expert.policy("horizon_days"))
        self.bookings: list[Booking] = []
        self.closed: list[Slot] = []
        self._free: list[tuple[Slot, int, _Session]] = []  # slots with seats left, how many, and what for

    def fill(self, slots: list[Slot]) -> None:
        if self.offers:
            self._fill_with_types([slot for slot in slots if self._can_have_been_booked(slot)])
            return
        day, whole_day, first = None, 1.0, 0
        for place, slot in enumerate(s for s in slots if self._can_have_been_booked(s)):
            if slot.date != day:
                day, first = slot.date, place
                whole_day = Random(f"{self.seed} {day}").random()
            random = Random(f"{self.seed} {slot.date} {slot.time}")
            if self.profile.showcase and day == self.today:
                self._fill_showcase(slot, place - first, random)
            elif self._is_closed(slot, whole_day, random):
                self.closed.append(slot)
            else:
                self._fill(slot, self._taken(slot, whole_day, random), random)

    def _fill_with_types(self, slots: list[Slot]) -> None:
        """Sessions of the expert's types one after another, with slots between them that nobody has taken."""
        whole_days = {day: Random(f"{self.seed} {day}").random() for day in {slot.date for slot in slots}}
        lucks = [Random(f"{self.seed} {slot.date} {slot.time}") for slot in slots]
        for slot, random in zip(slots, lucks, strict=True):
            if self._is_closed(slot, whole_days[slot.date], random):
                self.closed.append(slot)
        used = {slot.pk for slot in self.closed}
        for place, (slot, random) in enumerate(zip(slots, lucks, strict=True)):
            fitting = []
            for offer in self.offers:
                covered = covered_slots(place, slots, offer.session_type_id, offer.terms)
                if covered is not None and used.isdisjoint(each.pk for each in covered):
                    fitting.append(_Session(offer, covered))
            chosen = random.random()  # drawn whatever fits: chance goes on alike
            if not fitting:
                continue
            session = fitting[int(chosen * len(fitting))]
            taken = self._taken(slot, whole_days[slot.date], random)
            self._fill(slot, taken, random, session)
            if taken:
                used |= {each.pk for each in session.covered}
        self._free = [
            (slot, seats, session) for slot, seats, session in self._free if slot.pk not in used and session.takes_one
        ]

    def add_hold(self, *, running: bool) -> None:
        """Somebody is at the form right now, or left it and nobody has cleared up yet, in one of the next slots."""
        soonest = self.now + self.notice + self.hold_time
        ahead = ((s, session) for s, seats, session in self._free if seats and s.starts_at > soonest)
        for slot, session in islice(ahead, 1, 2):
            self._hold(slot, Random(f"{self.seed} hold"), session, running=running)

    def _can_have_been_booked(self, slot: Slot) -> bool:
        # Two days short of the horizon, so that the answer is the same all day in every zone.
        return slot.date <= self.today + self.horizon - timedelta(days=2)

    def _is_closed(self, slot: Slot, whole_day: float, random: Random) -> bool:
        closed = random.random() < 0.025
        return not self._is_booked_up(slot) and slot.date != self.today and (closed or whole_day < 0.03)

    def _is_booked_up(self, slot: Slot) -> bool:
        return slot.date < self.today + timedelta(days=self.profile.booked_up_days)

    def _taken(self, slot: Slot, whole_day: float, random: Random) -> int:
        """How many seats are taken: many around today, fewer the further away."""
        interest, seats = random.random(), random.random()
        if self._is_booked_up(slot) or whole_day > 0.96:
            return slot.capacity
        weeks_ahead = max(0, (slot.date - self.today).days) / 7
        share = self.profile.load * (1.2 - weeks_ahead / WEEKS_UNTIL_QUIET)
        if slot.capacity == 1:
            return int(interest < share)
        if interest < share * 0.3:
            return slot.capacity
        if interest < share * 0.7:  # nearly
            return slot.capacity - 1 - int(seats * min(2, slot.capacity // 3))
        return int(seats * share * slot.capacity)

    def _fill_showcase(self, slot: Slot, place: int, random: Random) -> None:
        taken = SHOWCASE_DAY[place % len(SHOWCASE_DAY)]
        if taken != HOLD:
            self._fill(slot, min(taken, slot.capacity), random)
            return
        self._fill(slot, slot.capacity - 1, random)
        if slot.starts_at > self.now + self.notice + self.hold_time:
            self._hold(slot, random, _AS_IT_IS, running=True)
            self._free.pop()

    def _fill(self, slot: Slot, taken: int, random: Random, session: _Session | None = None) -> None:
        session = session or _AS_IT_IS
        clients = iter(random.sample(self.clients, min(len(self.clients), slot.capacity + 4)))
        left = taken
        while left:
            party = min(left, self.most, 1 if random.random() < 0.75 else random.randint(1, self.most))
            self._occupy(slot, next(clients), party, random, session)
            left -= party
        if random.random() < 0.09:
            self._add(slot, Status.CANCELLED, next(clients), 1, random, session)
        if self.needs_approval and random.random() < 0.12:
            self._refuse(slot, next(clients), random, session)
        self._free.append((slot, slot.capacity - taken, session))

    def _occupy(self, slot: Slot, client: Client, party: int, random: Random, session: _Session) -> None:
        luck, reference = _Luck.draw(random), self._reference(random)
        if session.ends_at(slot) <= self.now:
            status = Status.COMPLETED if luck.status < 0.93 else Status.NO_SHOW
        elif self.needs_approval and luck.status < 0.35 and slot.starts_at > self.now + self.notice:
            status = Status.PENDING
        else:
            status = Status.CONFIRMED
        self._write(slot, status, client, party, luck, reference, session)

    def _refuse(self, slot: Slot, client: Client, random: Random, session: _Session) -> None:
        """A request that was turned down, or that nobody answered in time."""
        status = Status.REJECTED if random.random() < 0.6 else Status.EXPIRED
        self._add(slot, status, client, 1, random, session)

    def _add(self, slot: Slot, status: Status, client: Client, party: int, random: Random, session: _Session) -> None:
        self._write(slot, status, client, party, _Luck.draw(random), self._reference(random), session)

    def _write(
        self,
        slot: Slot,
        status: Status,
        client: Client,
        party: int,
        luck: _Luck,
        reference: str,
        session: _Session,
    ) -> None:
        # Booked before the notice began, after the horizon let it be booked, and not in the future.
        latest = min(self.now, slot.starts_at - self.notice)
        if status == Status.EXPIRED:
            latest -= self.approval_time
        longest = LONGEST_LEAD if status != Status.PENDING else 0.8 * self.approval_time
        earliest = max(slot.starts_at - self.horizon, latest - longest)
        if earliest > latest:
            return
        created_at = (latest - luck.lead**2 * (latest - earliest)).replace(microsecond=0)
        expires_at = None
        if status in (Status.PENDING, Status.EXPIRED):
            expires_at = min(created_at + self.approval_time, slot.starts_at)
        by_staff = luck.source < 0.1 and status in (Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW)
        self.bookings.append(
            Booking(
                slot=slot,
                seats=party,
                status=status,
                name=client.name,
                email="" if by_staff and luck.source < 0.03 else client.email,
                phone=client.phone if by_staff or luck.phone < 0.6 else "",
                notes=note_for(self.profile.category, luck.note),
                reference=reference,
                expires_at=expires_at,
                timezone=self.expert.organization.timezone,
                source=Source.STAFF if by_staff else Source.API if luck.source > 0.95 else Source.WEB,
                created_at=created_at,
                **session.of_booking(slot),
            )
        )

    def _hold(self, slot: Slot, random: Random, session: _Session, *, running: bool) -> None:
        age = self.hold_time * (random.uniform(0.1, 0.4) if running else random.uniform(1.5, 4))
        created_at = (self.now - age).replace(microsecond=0)
        self.bookings.append(
            Booking(
                slot=slot,
                status=Status.HELD,
                reference=self._reference(random),
                holder=f"{random.getrandbits(128):032x}",
                expires_at=created_at + self.hold_time,
                timezone=self.expert.organization.timezone,
                created_at=created_at,
                **session.of_booking(slot),
            )
        )

    def _reference(self, random: Random) -> str:
        while True:
            reference = reference_of(random.choices(REFERENCE_ALPHABET, k=8))
            if reference not in self.references:
                self.references.add(reference)
                return reference
