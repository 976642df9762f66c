from collections.abc import Collection, Mapping
from copy import copy
from datetime import datetime
from typing import Any, Self

from experts.models.session_type import SessionTerms, SessionType
from experts.models.slot import Slot


class Session(Slot):
    """A start at which a session of a type fits: the slot in which it starts, seen together with all that it takes.

    It reads like a slot that lasts as long as the session: ``ends_at`` is its end, its seats are the least of its
    slots', it is closed where one of them is, and the type decides about notice, horizon and the rest of the policy. It
    is made for reading (experts/scheduling/fitting.py) and never saved; what is written is written to ``covered``.

    Of two experts together it is one of them, seen with the session of the other (``second``) at the same time: it
    takes the slots of both, and can be booked while both can.
    """

    session_type: SessionType
    terms: SessionTerms
    second: "Session | None" = None
    _covered: list[Slot]

    class Meta:
        proxy = True

    @classmethod
    def of(cls, start: Slot, covered: list[Slot], session_type: SessionType, terms: SessionTerms) -> "Session":
        """Return the session that begins with the slot ``start``, which is one of ``covered``."""
        session = cls.__new__(cls)
        session.__dict__.update(start.__dict__)  # what was read with the slot (expert, read_at, annotations), too
        session._state = copy(start._state)
        session.session_type, session.terms = session_type, terms
        session.ends_at = start.starts_at + terms.length
        session._take(covered)
        return session

    @classmethod
    def together(cls, one: "Session", second: "Session") -> "Session":
        """Return the session of two experts, which begins with the slot of ``one``. Both begin and end together."""
        both = copy(one)
        both.second = second
        both._take(sorted([*one.covered, *second.covered], key=lambda slot: (slot.starts_at, slot.pk)))
        return both

    def anew(self, rows: Mapping[int, Slot]) -> "Session":
        """Return the same session of slots that were read again, by id, each with its expert."""
        covered = [rows[slot.pk] for slot in self.covered]
        if self.second is None:
            return Session.of(rows[self.pk], covered, self.session_type, self.terms)
        own = [slot for slot in covered if slot.expert_id == self.expert_id]
        return Session.together(Session.of(rows[self.pk], own, self.session_type, self.terms), self.second.anew(rows))

    def _take(self, covered: list[Slot]) -> None:
        self._covered = covered
        tightest = min(covered, key=lambda slot: slot.capacity - slot.seats_booked - slot.seats_held)
        self.capacity = min(slot.capacity for slot in covered)
        self.seats_booked, self.seats_held = tightest.seats_booked, tightest.seats_held
        expiries = [slot.next_hold_expiry for slot in covered if slot.next_hold_expiry is not None]
        self.next_hold_expiry = min(expiries, default=None)
        self.is_closed = any(slot.is_closed for slot in covered)
        # Each version only grows, so their sum does, and tells an older state from a newer one.
        self.version = sum(slot.version for slot in covered)

    @property
    def covered(self) -> list[Slot]:
        """The slots that it takes, those of its buffers included, in order of time."""
        return self._covered

    def with_seats(self, *, held: int = 0, booked: int = 0, only: Collection[int] | None = None) -> Self:
        other = copy(self)
        other._take([slot.with_seats(held=held, booked=booked, only=only) for slot in self._covered])
        return other

    def policy(self, name: str) -> Any:
        """As of a slot. Where the type has none of its own, the first of two decides, and both ask for approval."""
        value = self.session_type.policy(name, self.expert)
        if self.second is not None and name == "requires_approval":
            return value or self.second.policy(name)
        return value

    @property
    def bookable_from(self) -> datetime:
        own = super().bookable_from
        return own if self.second is None else max(own, self.second.bookable_from)

    @property
    def bookable_until(self) -> datetime:
        own = super().bookable_until
        return own if self.second is None else min(own, self.second.bookable_until)

    @property
    def has_active_experts(self) -> bool:
        return super().has_active_experts and (self.second is None or self.second.expert.is_active)

    @property
    def venue(self) -> str:
        return self.terms.venue_with(self.expert)

    @property
    def venue_note(self) -> str:
        return self.terms.note_with(self.expert)

    def seats_left_at(self, now: datetime) -> int:
        return min(slot.seats_left_at(now) for slot in self.covered)

    def may_open_at(self, now: datetime) -> bool:
        return all(slot.seats_held > 0 for slot in self.covered if slot.seats_left_at(now) <= 0)

    def changes_at(self, now: datetime) -> datetime | None:
        own = super().changes_at(now)
        holds = [slot.next_hold_expiry for slot in self.covered if slot.next_hold_expiry is not None]
        return min((at for at in [own, *holds] if at is not None and at > now), default=None)

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("a session is made for reading; its slots are written")
