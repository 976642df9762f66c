"""Book a session of a type at an instant, with whoever of those who offer it is free then, or with two together.

Who it is with is chosen under a lock of the organisation, so that what one request counts no other one changes; then
the slots of the chosen are locked, and no others, by the very services that hold and book. Where somebody was faster
there, their locks are let go and the next is tried in the same request.
"""

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils.translation import ngettext

from bookings.errors import InvalidDetails, NotFound, NotHeld, SlotTaken
from bookings.models import Booking, Source, Status
from bookings.networks import network_of
from bookings.services.booking import book, check_key
from bookings.services.checks import check_details, check_party, check_phone, refusal_of
from bookings.services.holds import hold_slot, lock_visitor, release_under_lock
from bookings.services.idempotency import Booked, KeyedAnswer, find_given, keep_bookings, keep_refusals, sha256
from bookings.services.turned_away import Refusal, keep_turned_away
from experts.locking import lock_slots, slot_transaction
from experts.models import OfferedType, Session, SessionType
from experts.scheduling.anyone import offers_of, sessions_at

Made = TypeVar("Made")
_SEEN = (Status.CONFIRMED, Status.COMPLETED)


class _Wish:
    """What somebody wants: a session of a type at an instant, for so many seats, and with certain experts if at all."""

    def __init__(self, session_type: int, starts_at: datetime, seats: int, experts: Collection[int]) -> None:
        found = SessionType.objects.active().select_related("organization").filter(pk=session_type).first()
        if found is None or not found.organization.is_active:
            raise NotFound
        self.type, self.starts_at, self.seats, self.experts = found, starts_at, seats, frozenset(experts)
        self.offers: list[OfferedType] = list(offers_of(found))
        if not self.experts.issubset(offer.expert_id for offer in self.offers):
            raise NotFound
        if len(self.experts) > found.experts_needed:
            most = {"most": found.experts_needed}
            raise InvalidDetails({"with": [ngettext("Name %(most)d.", "Name at most %(most)d.", most["most"]) % most]})

    def choices(self) -> list[Session]:
        """Read with whom it could be, free or not: sessions of one expert, or of each two. One query.

        Raises NotFound where nobody has a session then.
        """
        sessions = sessions_at(self.type, self.offers, self.starts_at)
        if self.type.experts_needed == 2:
            sessions = [Session.together(one, second) for one, second in combinations(sessions, 2)]
        found = [session for session in sessions if self.experts <= _experts(session)]
        if not found:
            raise NotFound
        return found


def _experts(session: Session) -> set[int]:
    return {session.expert_id} if session.second is None else {session.expert_id, session.second.expert_id}


def hold_anyone(
    *,
    session_type: int,
    starts_at: datetime,
    visitor: str,
    experts: Collection[int] = (),
    seats: int = 1,
    source: str = Source.WEB,
    client_address: str = "",
    work: str = "",
) -> Booking:
    """Keep a session of a type (an id) that begins at an instant for a visitor, with whoever is free. As ``hold_slot``.

    ``experts``: ids of those whom it has to be with. The hold names who it is with (``Booking.experts``). A hold of the
    visitor for the same type moves here, whoever it was with; one that begins at this very instant is returned again.

    Raises SlotTaken only where nobody was free when it was looked at under the lock, and as ``hold_slot``.
    """
    wish = _Wish(session_type, starts_at, seats, experts)
    if not _held(wish, visitor):  # one's own is no obstacle
        _refuse_early(wish, wish.choices())

    def hold(chosen: Session) -> Booking:
        lock_slots({each.pk for each in chosen.covered}.union(*(held.slot_ids for held in _held(wish, visitor))))
        for held in _held(wish, visitor):  # again: it may have been booked while we waited
            release_under_lock(held)
        return hold_slot(
            slot_id=chosen.pk,
            visitor=visitor,
            seats=seats,
            session_type=wish.type.pk,
            second_expert=chosen.second.expert_id if chosen.second is not None else None,
            source=source,
            client_address=client_address,
            work=work,
        )

    with slot_transaction():
        _lock_choice(wish.type.organization_id)
        lock_visitor(visitor)
        for held in _held(wish, visitor):
            is_with = {held.slot.expert_id, held.second_expert_id}
            if held.slot.starts_at == starts_at and held.seats == seats and wish.experts <= is_with:
                return held
        return _first_to_have(wish, visitor, hold)


def _held(wish: _Wish, visitor: str) -> list[Booking]:
    """Read the visitor's holds for the type, but for offers and what awaits its proof."""
    holds = Booking.objects.running_holds(visitor).filter(session_type=wish.type, offer=None, awaits_proof=False)
    return list(holds.select_related("slot__expert__organization", "session_type"))


def book_anyone(
    *,
    session_type: int,
    starts_at: datetime,
    name: str,
    email: str,
    phone: str = "",
    notes: str = "",
    answers: Mapping[str, Any] | None = None,
    seats: int = 1,
    experts: Collection[int] = (),
    visitor: str = "",
    idempotency_key: str = "",
    idempotency_scope: str = "",
    client_address: str = "",
    work: str = "",
    language: str = "en",
    timezone: str = "",
    source: str = Source.WEB,
) -> Booked:
    """Book a session of a type (an id) that begins at an instant, with whoever is free; the rest as ``book``.

    ``experts``: ids of those whom it has to be with. By default the scope of a key is the type, the instant and the
    e-mail. Raises SlotTaken only where nobody was free when it was looked at under the lock, and as ``book``.
    """
    check_key(idempotency_key)
    wish = _Wish(session_type, starts_at, seats, experts)
    network = network_of(client_address)
    values = {"name": name.strip(), "email": email.strip(), "phone": phone.strip(), "notes": notes.strip()}
    asked = Booking(**values, seats=seats, session_type_id=session_type, holder=visitor, source=source, network=network)
    check_details(asked)
    choices = wish.choices()
    check_phone(asked, choices[0])
    wanted = sha256("anyone", wish.type.pk, starts_at.isoformat(), sorted(wish.experts))
    answer = KeyedAnswer.for_request(asked, idempotency_key, idempotency_scope, client_address, answers, wanted=wanted)

    def take(chosen: Session) -> Booked:
        return book(
            slot_id=chosen.pk,
            session_type=wish.type.pk,
            second_expert=chosen.second.expert_id if chosen.second is not None else None,
            name=name,
            email=email,
            phone=asked.phone,
            notes=notes,
            answers=answers,
            seats=seats,
            visitor=visitor,
            client_address=client_address,
            work=work,
            language=language,
            timezone=timezone,
            source=source,
        )

    try:
        if not idempotency_key:
            _refuse_early(wish, choices)
        with slot_transaction():
            _lock_choice(wish.type.organization_id)
            if given := find_given([answer]):
                assert answer.name is not None, "what was given has a key"
                return answer.repeat(given[answer.name], wish.choices()[0])
            booked = _first_to_have(wish, visitor, take)
            keep_bookings([(answer, booked)])
            return booked
    except SlotTaken as error:
        if all(keep_refusals([(answer, error.reason)])):
            keep_turned_away({Refusal(error.slot.pk, error.reason, source): 1})
        raise


def _refuse_early(wish: _Wish, choices: list[Session]) -> None:
    """Refuse what can already be seen to be impossible, before any lock: most of a hundred losers end here.

    Raises SlotTaken, InvalidDetails (party).
    """
    check_party(choices[0], Booking(seats=wish.seats))
    refusals = [refusal_of(choice, wish.seats, holds_may_lapse=True) for choice in choices]
    if all(refusals):
        raise SlotTaken(choices[0], _kindest(refusals))


def _kindest(refusals: Iterable[str | None]) -> str:
    """Return the reason that leaves most hope: for all of them together."""
    reasons = set(refusals)
    return next(reason for reason in ("party", "held", "full", "past", "closed") if reason in reasons)


def _first_to_have(wish: _Wish, visitor: str, make: Callable[[Session], Made]) -> Made:
    """Under the lock of the choice: make it with the best who can be had, one after the other.

    Who was refused is not asked twice; all others are looked at again each time.
    """
    tried: set[frozenset[int]] = set()
    refusal: SlotTaken | NotHeld | None = None
    while True:
        choices = wish.choices()
        left = [choice for choice in choices if frozenset(_experts(choice)) not in tried]
        free = [choice for choice in left if refusal_of(choice, wish.seats, holds_may_lapse=True) is None]
        if own := [choice for choice in left if choice not in free and _is_held_by(choice, visitor)]:
            free += own  # one's own hold is no obstacle
        if not free:
            reasons = [refusal_of(choice, wish.seats) for choice in choices]
            raise refusal or SlotTaken(choices[0], _kindest([*reasons, "closed"]))
        chosen = _best(wish, free, visitor)
        tried.add(frozenset(_experts(chosen)))
        try:
            with transaction.atomic():  # its end lets the locks go, so that the next are taken in order, too
                return make(chosen)
        except (SlotTaken, NotHeld) as error:
            refusal = error


def _is_held_by(session: Session, visitor: str) -> bool:
    """Whether the visitor has a hold among the slots of a session."""
    if not visitor or not any(slot.seats_held for slot in session.covered):
        return False
    ids = [slot.pk for slot in session.covered]
    return Booking.objects.running_holds(visitor).filter(Q(slot__in=ids) | Q(more_slots__overlap=ids)).exists()


def _best(wish: _Wish, free: list[Session], visitor: str) -> Session:
    """Return whom the visitor saw last, else who has fewest sessions in the week; by lot where that is the same.

    Of two together the one whom the visitor saw, or who has fewer, comes first. Two queries, three for a visitor.
    """
    experts = set().union(*(_experts(choice) for choice in free))
    if len(free) == 1 and len(experts) == 1:
        return free[0]
    seen = _seen_last(wish, visitor)
    sessions = _sessions_of_week(wish, experts)
    ranks = {expert: (expert != seen, sessions[expert], random.random()) for expert in experts}
    chosen = min(free, key=lambda choice: sorted(ranks[expert] for expert in _experts(choice)))
    if chosen.second is not None and ranks[chosen.second.expert_id] < ranks[chosen.expert_id]:
        return Session.together(chosen.second, _alone(chosen))
    return chosen


def _alone(session: Session) -> Session:
    """Return the part of the first of two."""
    own = [slot for slot in session.covered if slot.expert_id == session.expert_id]
    start = next(slot for slot in own if slot.pk == session.pk)
    return Session.of(start, own, session.session_type, session.terms)


def _seen_last(wish: _Wish, visitor: str) -> int | None:
    """Return the expert of the last session with the organisation that has begun, of those the browser has proven.

    By nothing that is typed: else the answer would tell whether an address is known.
    """
    rows = Booking.objects.proven_to(visitor).filter(status__in=_SEEN, slot__starts_at__lte=Now())
    rows = rows.filter(slot__expert__organization=wish.type.organization_id).order_by("-slot__starts_at")
    return rows.values_list("slot__expert_id", flat=True).first()


def _sessions_of_week(wish: _Wish, experts: Collection[int]) -> Counter[int]:
    """Count what each expert has in the week (Monday to Sunday, by the organisation's clock) of the session."""
    day = wish.starts_at.astimezone(wish.type.organization.zone).date()
    monday = day - timedelta(days=day.weekday())
    rows = Booking.objects.occupying().filter(slot__date__range=(monday, monday + timedelta(days=6))).order_by()
    rows = rows.exclude(status=Status.HELD, expires_at__lte=Now())
    counted: Counter[int] = Counter()
    for field in ("slot__expert", "second_expert"):
        found = rows.filter(**{f"{field}__in": experts}).values(field).annotate(sessions=Count("pk"))
        counted.update(dict(found.values_list(field, "sessions")))
    return counted


def _lock_choice(organization_id: int) -> None:
    """Have the choices of an organisation made one after another, in one process or many, until the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [choice_lock(organization_id)])


def choice_lock(organization_id: int) -> int:
    """The key of an organisation's advisory lock."""
    return int(sha256("choice", organization_id)[:15], 16)
