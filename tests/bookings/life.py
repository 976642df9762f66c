"""Random lives of bookings: the moves that people, staff and time can make, and what must be true after each."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from django.db import transaction
from django.db.models import F, Q
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services
from bookings.errors import Refused
from bookings.models import Booking, Status, WaitlistEntry
from bookings.transitions import OCCUPYING, TRANSITIONS
from experts import services as slot_services
from experts.models import Slot
from tests.cast import day_ahead, make_expert, make_row_of_slots, make_slot, make_type, move_slot
from tests.mail import waiting

VISITORS = [letter * 32 for letter in "abcde"]
# A status -> the mail about it.
CUSTOMER_MAILS = {"pending", "confirmed", "rejected", "cancelled", "rescheduled", "expired"}
MAIL_ABOUT = {"PENDING": "pending", "CONFIRMED": "confirmed", "REJECTED": "rejected", "CANCELLED": "cancelled"}


def news_of(booking: Booking) -> Iterator[tuple[str, int, datetime]]:
    """Each thing that became of a booking and that its customer is written of: kind of the mail, sequence, when."""
    before = was_in = None
    history = booking.events.order_by("pgh_id").values_list("status", "slot", "sequence", "pgh_created_at")
    for status, slot, sequence, at in history:
        kind = ""
        if status == "EXPIRED":
            kind = "expired" if before == "PENDING" else ""  # a hold that ran out is no news
        elif slot != was_in and before in ("PENDING", "CONFIRMED"):
            kind = "rescheduled"  # also where a moved booking is a request again
        elif status != before:
            kind = MAIL_ABOUT.get(status, "")
        if kind:
            yield kind, sequence, at
        before, was_in = status, slot


@dataclass
class World:
    """One expert with slots of 1 to 4 seats a day apart, and everything that can happen to them.

    In one with ``types`` slots of one day follow each other instead, and most bookings are sessions that take several.
    ``dice`` chooses; a refusal is a fine answer, any other error is not. Time passes by moving all into the past.
    """

    dice: random.Random
    slots: list[int] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, dice: random.Random, capacities=(1, 2, 4), *, with_types=False) -> "World":
        expert = make_expert(
            max_party=2,
            requires_approval=dice.random() < 0.4,
            min_notice=timedelta(0),
            cancel_until=timedelta(0),
            approval_hours=3,
        )
        world = cls(dice)
        if with_types:
            world.slots = [slot.pk for slot in make_row_of_slots(expert, end="11:00", capacity=2).values()]
            world.types = [
                make_type(expert, minutes=40, buffer_after=5, requires_approval=True).pk,
                make_type(expert, minutes=30, buffer_before=10, is_group=True).pk,
            ]
        else:
            world.slots = [make_slot(expert, day=day_ahead(2 + n), capacity=c).pk for n, c in enumerate(capacities)]
        return world

    MOVES = ("hold", "book", "release", "expire", "approve", "reject", "cancel", "reschedule")
    WAITLIST_MOVES = ("join", "join", "leave", "claim", "serve", "take")
    RARE_MOVES = ("no_show", "complete", "close", "reopen", "reopen", "capacity")
    # Where few starts fit, and what is held matters more.
    MOVES_WITH_TYPES = ("hold", "book", "book_hold", "book_hold", "release_hold", "extend") * 3

    def step(self) -> None:
        moves = self.MOVES * 3 + self.WAITLIST_MOVES + self.RARE_MOVES
        move = self.dice.choice(moves + self.MOVES_WITH_TYPES if self.types else moves)
        try:
            getattr(self, move)()
        except Refused as refusal:
            self.refused.append(refusal.code)

    # ---------- People ----------

    def hold(self):
        services.hold_slot(
            slot_id=self._slot(), visitor=self._visitor(), seats=self.dice.randint(1, 2), session_type=self._type()
        )

    def release(self):
        services.release_hold(slot_id=self._slot(), visitor=self._visitor())

    def release_hold(self):
        if hold := self._hold():
            services.release_hold(slot_id=hold.slot_id, visitor=hold.holder)

    def extend(self):
        if hold := self._hold():
            services.extend_hold(slot_id=hold.slot_id, visitor=hold.holder, extensions=hold.extensions)

    def book_hold(self):
        if hold := self._hold():
            services.book(
                slot_id=hold.slot_id,
                session_type=hold.session_type_id,
                visitor=hold.holder,
                seats=hold.seats,
                name="Lena",
                email=f"lena{self.dice.randint(1, 9)}@example.com",
            )

    def book(self):
        services.book(
            slot_id=self._slot(),
            visitor=self._visitor(),
            seats=self.dice.randint(1, 2),
            name="Lena",
            email=f"lena{self.dice.randint(1, 9)}@example.com",
            idempotency_key=f"key-{self.dice.randint(1, 40)}",
            session_type=self._type(),
        )

    def cancel(self):
        if booking := self._booking():
            services.cancel(booking_id=booking, by_customer=self.dice.random() < 0.5)

    def reschedule(self):
        if booking := self._booking():
            services.reschedule(booking_id=booking, slot_id=self._slot(), by_customer=self.dice.random() < 0.5)

    def join(self):
        entry = services.join_waitlist(
            slot_id=self._slot(),
            session_type=self._type(),
            visitor=self._visitor(),
            seats=self.dice.randint(1, 2),
            name="Omar",
            email=f"omar{self.dice.randint(1, 6)}@example.com",
        )
        if self.dice.random() < 0.8:
            services.take_place(entry_id=entry.pk)

    def leave(self):
        if entry := self._entry():
            services.leave_waitlist(entry_id=entry)

    def claim(self):
        if entry := self._entry():
            services.claim_offer(entry_id=entry, visitor=self._visitor())

    def take(self):
        offers = WaitlistEntry.objects.offered().filter(slot__in=self.slots).select_related("hold").order_by("pk")
        if offers:
            offer = self.dice.choice(list(offers))
            services.book(
                slot_id=offer.slot_id,
                session_type=offer.session_type_id,
                visitor=offer.visitor,
                seats=offer.seats,
                name=offer.name,
                email=offer.email,
            )

    # ---------- Staff and worker ----------

    def approve(self):
        if booking := self._booking():
            services.approve(booking_id=booking)

    def reject(self):
        if booking := self._booking():
            services.reject(booking_id=booking)

    def no_show(self):
        if booking := self._booking(Status.CONFIRMED, Status.COMPLETED):
            services.mark_no_show(booking_id=booking)

    def complete(self):
        if booking := self._booking(Status.CONFIRMED, Status.NO_SHOW):
            services.complete(booking_id=booking)

    def expire(self):
        if booking := self._booking(Status.HELD, Status.PENDING):
            services.expire(booking_id=booking)

    def serve(self):
        services.serve(slot_id=self._slot())

    def close(self):
        slot_services.close_slot(slot_id=self._slot())

    def reopen(self):
        slot_services.reopen_slot(slot_id=self._slot())

    def capacity(self):
        slot_services.set_capacity(slot_id=self._slot(), capacity=self.dice.randint(1, 4))

    def let_time_pass(self, span: timedelta) -> None:
        # One by one, or they would overlap.
        for slot in Slot.objects.with_expert().filter(pk__in=self.slots).order_by("starts_at"):
            move_slot(slot, slot.starts_at - span)
        Booking.objects.filter(slot__in=self.slots).update(
            expires_at=F("expires_at") - span, session_ends_at=F("session_ends_at") - span
        )

    def _slot(self) -> int:
        return self.dice.choice(self.slots)

    def _type(self) -> int | None:
        return self.dice.choice([None, *self.types, *self.types]) if self.types else None

    def _visitor(self) -> str:
        return self.dice.choice(VISITORS)

    def _hold(self) -> Booking | None:
        holds = Booking.objects.filter(slot__in=self.slots, status=Status.HELD).order_by("pk")
        return self.dice.choice(list(holds) or [None])

    def _booking(self, *statuses: str) -> int | None:
        bookings = Booking.objects.filter(slot__in=self.slots, status__in=statuses or Status.values)
        keys = list(bookings.order_by("pk").values_list("pk", flat=True))
        return self.dice.choice(keys) if keys else None

    def _entry(self) -> int | None:
        keys = list(WaitlistEntry.objects.filter(slot__in=self.slots).order_by("pk").values_list("pk", flat=True))
        return self.dice.choice(keys) if keys else None

    # ---------- What must be true ----------

    def check(self) -> None:
        for slot in Slot.objects.with_expert().filter(pk__in=self.slots):
            rows = list(Booking.objects.filter(Q(slot=slot) | Q(more_slots__contains=[slot.pk])))
            holds = [b for b in rows if b.status == Status.HELD]
            booked = sum(b.seats for b in rows if b.status in OCCUPYING and b.status != Status.HELD)
            assert (slot.seats_held, slot.seats_booked) == (sum(b.seats for b in holds), booked)
            assert slot.next_hold_expiry == min((b.expires_at for b in holds), default=None)
            assert slot.seats_held + slot.seats_booked <= slot.capacity
        for booking in Booking.objects.select_related("slot").filter(slot__in=self.slots):
            assert booking.over_at == booking.ends_at
        self.check_sessions()
        self.check_transitions()
        self.check_mails()
        self.check_waitlist()

    def check_sessions(self) -> None:
        """Each takes what was agreed with its buffers, without a gap and nothing beyond."""
        slots = Slot.objects.in_bulk(self.slots)
        for booking in Booking.objects.filter(slot__in=self.slots, session_type__in=self.types):
            terms, start = booking.terms, slots[booking.slot_id]
            covered = sorted((slots[pk] for pk in booking.slot_ids), key=lambda slot: slot.starts_at)
            begins, ends = start.starts_at - terms.before, start.starts_at + terms.length + terms.after
            assert all(a.ends_at == b.starts_at for a, b in pairwise(covered))
            assert covered[0].starts_at <= begins < covered[0].ends_at
            assert covered[-1].starts_at < ends <= covered[-1].ends_at

    def check_mails(self) -> None:
        """Each thing that became of a booking has its one mail in the outbox, and there is none about anything else."""
        expected = Counter()
        for booking in Booking.objects.filter(slot__in=self.slots):
            expected.update((booking.pk, kind, sequence) for kind, sequence, _at in news_of(booking))
        queued = {key: n for key, n in Counter(waiting()).items() if key[1] in CUSTOMER_MAILS}
        mine = set(Booking.objects.filter(slot__in=self.slots).values_list("pk", flat=True))
        assert {key: n for key, n in queued.items() if key[0] in mine} == expected

    def check_waitlist(self) -> None:
        """Who is offered a seat has a hold and one mail about it; an address is in line once."""
        entries = WaitlistEntry.objects.filter(slot__in=self.slots).select_related("hold")
        offered = [entry for entry in entries if entry.hold_id]
        for entry in offered:
            assert entry.status != WaitlistEntry.Status.WAITING
            # What the trigger or a raw change did to the hold is written down when its slot is next touched.
            assert entry.status != WaitlistEntry.Status.OFFERED or entry.hold.status in (Status.HELD, Status.EXPIRED)
        jobs = ProcrastinateJob.objects.filter(task_name="bookings.tasks.send_waitlist_offer")
        mails = Counter(job["entry_id"] for job in jobs.values_list("args", flat=True))
        keys = {entry.pk for entry in entries}
        assert {key: n for key, n in mails.items() if key in keys} == dict.fromkeys([e.pk for e in offered], 1)
        line = Counter((entry.slot_id, entry.email) for entry in entries.in_line())
        assert all(n == 1 for n in line.values())

    def check_transitions(self) -> None:
        """The history holds allowed transitions only."""
        for booking in Booking.objects.filter(slot__in=self.slots):
            before = None
            for after in booking.events.order_by("pgh_id").values_list("status", flat=True):
                if after != before:
                    assert Status(after) in TRANSITIONS[before and Status(before)], f"{before} -> {after}"
                before = after

    def check_bookable(self) -> None:
        """What is shown as bookable is what a stranger can then book, and nothing else."""
        for slot_id in self.slots:
            shown = Slot.objects.bookable().filter(pk=slot_id).exists()
            try:
                with transaction.atomic():
                    services.book(slot_id=slot_id, name="Stranger", email="stranger@example.com")
                    transaction.set_rollback(True)
                got = True
            except Refused:
                got = False
            assert shown == got, f"shown as {'bookable' if shown else 'not bookable'}"


def make_shared_world(seed: int, *, with_types: bool = False) -> World:
    """A world for several threads: each plays on the same slots with dice of its own."""
    return World.make(random.Random(seed), capacities=(1, 2, 3, 4), with_types=with_types)
