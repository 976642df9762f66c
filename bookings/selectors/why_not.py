"""Say why a time of an expert is not offered, in words for staff. By the very rules that hide it from visitors."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import Booking, RescueTime, Status, WaitlistEntry
from experts import formatting
from experts.models import Expert, OfferedType, Session, Slot, TimeOff, WeeklyHours
from experts.models.hours import MIDNIGHT
from experts.models.session_type import Audience, SessionTerms
from experts.models.slot import Obstacle
from experts.scheduling.fitting import Misfit, cover
from experts.scheduling.occurrences import off_instants, wanted_slots
from experts.scheduling.sessions import read_session_of_two, slots_touching
from experts.timezones import edge_of, instant_of

MOST_SECONDS = 20  # experts who are asked whether they could be the second of two
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Reason:
    """One thing that keeps visitors from booking a time. ``bookings``: those that take its seats."""

    code: str
    text: str
    bookings: Sequence[Booking] = ()


@dataclass(frozen=True)
class WhyNotAnswer:
    """Whether a time is offered, as a session of a type or (None) as the slot is. ``notes`` hide it from some only."""

    offer: OfferedType | None
    reasons: list[Reason]
    notes: list[Reason] = field(default_factory=list)

    @property
    def is_offered(self) -> bool:
        return not self.reasons


def why_not(expert: Expert, day: date, at: time, now: datetime) -> list[WhyNotAnswer]:
    """Say for each type that an expert has, or of the slot without any, why nobody can book a time of a day at ``now``.

    Day and time are the expert's. Needs the expert with the organisation. Six queries, and two for each other expert
    where two are needed.
    """
    asked = _Asked(expert, day, at, now)
    offers = list(OfferedType.objects.filter(expert=expert).select_related("session_type"))
    return [asked.about(offer) for offer in offers] or [asked.about(None)]


class _Asked:
    """One time of one expert, with all that is near it."""

    def __init__(self, expert: Expert, day: date, at: time, now: datetime) -> None:
        self.expert, self.day, self.at, self.now = expert, day, at, now
        self.zone = expert.zone
        self.instant = instant_of(day, at, self.zone)
        around = self.instant or edge_of(day, at, self.zone)
        self.slots = list(slots_touching(around - _DAY, around + _DAY, expert.pk))
        for slot in self.slots:
            slot.expert = expert
        self.place = next((n for n, slot in enumerate(self.slots) if slot.starts_at == self.instant), None)
        self.hours = list(WeeklyHours.objects.filter(expert=expert))
        rows = TimeOff.objects.of_expert(expert).filter(first_day__lte=day + _DAY, last_day__gte=day - _DAY)
        self.off = [(row, *off_instants(row, self.zone)) for row in rows]

    def about(self, offer: OfferedType | None) -> WhyNotAnswer:
        notes = list(_notes(offer)) if offer is not None else []
        return WhyNotAnswer(offer, list(self._reasons(offer)), notes)

    def _reasons(self, offer: OfferedType | None) -> Iterator[Reason]:
        if offer is not None and not offer.session_type.is_active:
            yield Reason("type_retired", _("This type is not active any more."))
        if self.place is None:
            yield from self._why_there_is_none()
            return
        slot = self.slots[self.place]
        if offer is None:
            yield from self._obstacles(slot)
            return
        found = cover(self.place, self.slots, offer.session_type_id, offer.terms)
        if isinstance(found, Misfit):
            yield self._misfit(found, offer.terms)
            yield from self._obstacles(slot)
            return
        session = Session.of(slot, found, offer.session_type, offer.terms)
        own = list(self._obstacles(session))
        yield from own
        if offer.session_type.experts_needed == 2 and not own and not self._has_second(slot, offer):
            yield Reason("second_expert", _("It needs two experts, and no other who offers it is free then."))

    # What there is

    def _obstacles(self, slot: Slot) -> Iterator[Reason]:
        for obstacle in slot.obstacles_at(self.now):
            yield self._reason(obstacle, slot)

    def _reason(self, obstacle: Obstacle, slot: Slot) -> Reason:
        words = {"name": self.expert.name, "organization": self.expert.organization.name}
        match obstacle:
            case Obstacle.STARTED:
                return Reason(obstacle.code, _("It has started."))
            case Obstacle.NOTICE:
                words["when"] = formatting.soon(slot.bookable_until, self.zone, self.now)
                words["span"] = formatting.duration(slot.starts_at - slot.bookable_until)
                text = _("Too short notice: visitors could book it until %(when)s, %(span)s before.")
                return Reason(obstacle.code, text % words)
            case Obstacle.CLOSED:
                return self._why_closed(slot)
            case Obstacle.EXPERT_HIDDEN:
                return _hidden_expert(self.expert)
            case Obstacle.ORGANIZATION_HIDDEN:
                return _hidden_organization(self.expert)
            case Obstacle.HORIZON:
                words["when"] = formatting.full_day_and_time(slot.bookable_from, self.zone)
                return Reason(obstacle.code, _("Too far ahead: visitors can book it from %(when)s.") % words)
        return self._why_taken(obstacle, slot)

    def _why_closed(self, slot: Slot) -> Reason:
        closed = [each for each in slot.covered if each.is_closed]
        for each in closed:
            if (off := self._time_off(each.starts_at, each.ends_at)) is not None:
                return off
        words = {"times": self._starts(closed)}
        if all(each.closed_by_hours for each in closed):
            text = _("Outside the weekly hours by now, and kept closed as it was booked once: %(times)s.")
            return Reason("closed_by_hours", text % words)
        return Reason(Obstacle.CLOSED.code, _("Closed by hand: %(times)s.") % words)

    def _why_taken(self, obstacle: Obstacle, slot: Slot) -> Reason:
        full = [each for each in slot.covered if each.seats_left_at(self.now) <= 0]
        bookings = _bookings_in(full)
        held = [booking for booking in bookings if booking.status == Status.HELD]
        count = len(bookings) - len(held)
        words = {"times": self._starts(full), "count": count}
        if obstacle == Obstacle.FULL:
            text = ngettext("Taken by a booking: %(times)s.", "Taken by %(count)d bookings: %(times)s.", count)
            return Reason(obstacle.code, text % words, bookings)
        expiries = [booking.expires_at for booking in held if booking.expires_at is not None]
        if not expiries:  # somebody let go of it between the statements
            return Reason(obstacle.code, _("The last seat is held at this moment."), bookings)
        words |= {"until": formatting.clock(max(expiries), self.zone), "why": _why_held(held[0])}
        return Reason(obstacle.code, _("Held until %(until)s: %(why)s") % words, bookings)

    def _misfit(self, misfit: Misfit, terms: SessionTerms) -> Reason:
        words = {"before": terms.buffer_before, "minutes": terms.minutes, "after": terms.buffer_after}
        match misfit:
            case Misfit.NOTHING_BEFORE:
                text = _("%(before)d minutes have to be free before it, and there is no slot for them.")
            case Misfit.OTHER_TYPES:
                text = _("These hours are for other types only.")
            case _ if terms.buffer_after:
                text = _(
                    "It takes %(minutes)d minutes and %(after)d free ones after it; the slots from then on do not last "
                    "that long without a gap."
                )
            case _:
                text = _("It takes %(minutes)d minutes; the slots from then on do not last that long without a gap.")
        return Reason(misfit.value, text % words)

    def _has_second(self, slot: Slot, offer: OfferedType) -> bool:
        others = OfferedType.objects.filter(session_type=offer.session_type_id, expert__is_active=True)
        for other in others.exclude(expert=self.expert).values_list("expert_id", flat=True)[:MOST_SECONDS]:
            both = read_session_of_two(slot, other, offer.session_type, offer.terms)
            if both is not None and next(both.obstacles_at(self.now), None) is None:
                return True
        return False

    # What there is not

    def _why_there_is_none(self) -> Iterator[Reason]:
        words = {"name": self.expert.name, "time": formatting.wall_clock(self.at), "city": self.expert.zone_city}
        if self.instant is None:
            yield Reason("skipped", _("The clocks in %(city)s leave out %(time)s on that day.") % words)
            return
        if self.instant <= self.now:
            yield Reason(Obstacle.STARTED.code, _("It is over."))
        if not self.expert.is_active:
            yield _hidden_expert(self.expert)
        if not self.expert.organization.is_active:
            yield _hidden_organization(self.expert)
        around = next((it for it in self.slots if it.starts_at < self.instant < it.ends_at), None)
        if around is not None:
            words["span"] = formatting.time_span(around.starts_at, around.ends_at, self.zone)
            yield Reason("within_slot", _("No slot begins then: there is one from %(span)s.") % words)
        elif (off := self._time_off(self.instant, self.instant + timedelta(minutes=1))) is not None:
            yield off
        else:
            yield self._why_hours_make_none(self.instant)

    def _why_hours_make_none(self, instant: datetime) -> Reason:
        words = {"name": self.expert.name, "time": formatting.wall_clock(self.at)}
        words["day"] = date_format(self.day, "WEEKDAY_FORMAT")
        if not self.hours:
            return Reason("no_slot", _("%(name)s has no weekly hours, and no slot was added for then.") % words)
        of_day = sorted((row for row in self.hours if row.holds_on(self.day)), key=lambda row: row.start)
        if not of_day:
            return Reason("no_hours", _("%(name)s does not work on %(day)s that week.") % words)
        if not any(row.start <= self.at and (row.end == MIDNIGHT or self.at < row.end) for row in of_day):
            words["hours"] = formatting.listed(
                _("%(start)s to %(end)s")
                % {"start": formatting.wall_clock(row.start), "end": formatting.wall_clock(row.end)}
                for row in of_day
            )
            return Reason("outside_hours", _("The hours on %(day)s are %(hours)s.") % words)
        starts = [it.starts_at for it in wanted_slots(self.hours, [], self.zone, self.day, self.day)]
        if instant in starts:
            until = self.expert.slots_until
            if until is None or until < self.day:
                return Reason("not_made", _("No slots have been made that far ahead yet."))
            return Reason("deleted", _("There was a slot by the weekly hours, and it was deleted or moved."))
        near = sorted(sorted(starts, key=lambda it: abs(it - instant))[:2])
        words["near"] = formatting.listed(formatting.clock(it, self.zone) for it in near)
        return Reason("between_starts", _("By the weekly hours no session begins then; near it %(near)s.") % words)

    def _time_off(self, start: datetime, end: datetime) -> Reason | None:
        row = next((row for row, begins, ends in self.off if begins < end and start < ends), None)
        if row is None:
            return None
        words = {"name": self.expert.name, "organization": self.expert.organization.name, "reason": row.reason}
        if row.expert_id is None:
            text = _("Holiday of %(organization)s (%(reason)s).") if row.reason else _("Holiday of %(organization)s.")
        else:
            text = _("%(name)s has time off (%(reason)s).") if row.reason else _("%(name)s has time off.")
        return Reason("time_off", text % words)

    def _starts(self, slots: Iterable[Slot]) -> str:
        return formatting.listed(formatting.time_span(slot.starts_at, slot.ends_at, self.zone) for slot in slots)


def _notes(offer: OfferedType) -> Iterator[Reason]:
    match offer.session_type.audience:
        case Audience.LINK:
            yield Reason("link_only", _("Only people with the link of this type see it."))
        case Audience.RETURNING:
            yield Reason("returning_only", _("Only people who have been before can book it."))


def _hidden_expert(expert: Expert) -> Reason:
    return Reason(Obstacle.EXPERT_HIDDEN.code, _("%(name)s is not active.") % {"name": expert.name})


def _hidden_organization(expert: Expert) -> Reason:
    text = _("%(organization)s is not active.") % {"organization": expert.organization.name}
    return Reason(Obstacle.ORGANIZATION_HIDDEN.code, text)


def _bookings_in(slots: Sequence[Slot]) -> list[Booking]:
    """All that take seats of these slots, by what they are: ``is_offer`` of a waitlist, ``is_rescue``. One query."""
    ids = [slot.pk for slot in slots]
    rows = Booking.objects.occupying().filter(Q(slot__in=ids) | (Q(more_slots__overlap=ids) & ~Q(more_slots=[])))
    rows = rows.annotate(
        is_offer=Exists(WaitlistEntry.objects.filter(hold=OuterRef("pk"))),
        is_rescue=Exists(RescueTime.objects.filter(hold=OuterRef("pk"))),
    )
    return list(rows.select_related("slot__expert").order_by("slot__starts_at", "pk"))


def _why_held(hold: Booking) -> str:
    if getattr(hold, "is_offer", False):
        return _("offered to somebody who waited for it.")
    if getattr(hold, "is_rescue", False):
        return _("offered to somebody whose session cannot take place.")
    if hold.awaits_proof:
        return _("booked by somebody who has not opened the link in the e-mail yet.")
    return _("somebody is filling in the form.")
