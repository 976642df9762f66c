"""Read when any of those who offer a type is free: a week as a strip of days, a day as tiles, and whom to choose."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.addresses import waitlist_url
from bookings.selectors.day_strip import earlier_label
from bookings.selectors.days_to_choose import DaysToChoose
from bookings.selectors.month import length_of_month
from bookings.selectors.type_version import TypeKey, read_type_versions
from bookings.selectors.week import DAYS_OF_WEEK, PLAIN_STATES, Week, week_of
from experts import formatting
from experts.clocks import Clocks, clocks_for
from experts.models import Expert, OfferedType, SessionType
from experts.models.slot import BOOKABLE_STATES
from experts.parts_of_day import part_of_day
from experts.scheduling.anyone import Start, free_starts, starts_of_any, starts_with
from experts.timezones import city, day_bounds

LOOK_AHEAD = timedelta(days=14)  # in which the next free time of each person is looked for
MOST_FACES = 3


class WeekOfStarts(Week):
    """As a Week, of starts of any of several experts: each stands for the slots that begin at one instant.

    ``horizon``: how far ahead any of them can be booked.
    """

    def __init__(
        self, first: date, zone: ZoneInfo, starts: list[Start], now: datetime, horizon: timedelta, length: int
    ):
        self.first, self.zone, self.now, self._length = first, zone, now, length
        self.today = now.astimezone(zone).date()
        self.slots, self.states, self.opens = {}, {}, {}
        self.starts: dict[date, list[Start]] = {}
        self._horizon = horizon
        for start in reversed(starts):  # the first of each day has the last word
            day = start.starts_at.astimezone(zone).date()
            if now < min(session.bookable_from for session in start.sessions):
                self.opens[day] = min(session.bookable_from for session in start.sessions)
            self.slots.setdefault(day, []).insert(0, start.sessions[0])
            self.starts.setdefault(day, []).insert(0, start)
            self.states[start.sessions[0].pk] = start.state


@dataclass(frozen=True)
class StartTile:
    """An instant with those who are free then. ``faces``: at most three; ``who``: a name, or ``3 free``."""

    start: Start
    url: str
    faces: list[Expert]
    who: str
    other_clock: str

    @property
    def is_button(self) -> bool:
        return self.start.state in BOOKABLE_STATES

    @property
    def key(self) -> int:
        """By which the page knows it: seconds since 1970."""
        return int(self.start.starts_at.timestamp())


@dataclass(frozen=True)
class TakenStart:
    """An instant that is taken with everybody, and each for whom one can wait then, with the address to do so."""

    start: Start
    ways: list[tuple[Expert, str]]


@dataclass(frozen=True)
class Person:
    """Somebody to choose, or anyone (``expert`` is None). ``next``: ``Next: today 15:00``; ``brief``: ``today``."""

    expert: Expert | None
    name: str
    next: str
    brief: str
    url: str
    is_chosen: bool


@dataclass
class PartOfStarts:
    name: str
    icon: str
    tiles: list[StartTile]


class CalendarOfAny(DaysToChoose):
    """A type's week around ``day``, of all who offer it, or with those of ``chosen``, by the leading clock.

    Four queries at most, for any number of experts: two of its version, one of the days ahead, and one of a week beyond
    them, or of what is free later where these have nothing. ``frame_query``: what addresses carry in a frame on another
    site; None on a page of our own.
    """

    week: WeekOfStarts

    def __init__(
        self,
        session_type: SessionType,
        offers: list[OfferedType],
        day: date | None,
        visitor_zone: ZoneInfo | None,
        *,
        chosen: list[Expert],
        month: date | None = None,
        frame_query: dict[str, str] | None = None,
    ):
        self._month = month
        self.type, self.offers, self.chosen = session_type, offers, chosen
        self._frame_query, self.now = frame_query, timezone.now()
        self.clocks = clocks_of_type(session_type, offers, visitor_zone)
        self.zone = self.clocks.leading
        today = self.clocks.today(self.now)
        begins = day_bounds(today, self.zone)[0]
        length = length_of_month(month) if month else DAYS_OF_WEEK
        first = month or (week_of(day, today) if day else today)
        last = first + timedelta(days=length - 1)
        is_ahead = today <= first and last < today + LOOK_AHEAD
        # The days of which the page is told, with a key of what it shows. Read before the starts: whatever changes in
        # between is told again.
        self._told = TypeKey(
            session_type.pk,
            today if is_ahead else first,
            today + LOOK_AHEAD - timedelta(days=1) if is_ahead else last,
        )
        self.grid_key = read_type_versions([self._told])[self._told].grid
        self._never = begins + timedelta(days=9999)  # after all others
        self._ahead = starts_of_any(session_type, offers, begins, begins + LOOK_AHEAD, self.now)
        first_free = next((start for start in self._narrowed(self._ahead) if start.free), None)
        self.soonest = first_free
        self.day = day or (first_free.starts_at.astimezone(self.zone).date() if first_free else today)
        first = month or week_of(self.day, today)
        last = first + timedelta(days=length - 1)
        week_begins, week_ends = day_bounds(first, self.zone)[0], day_bounds(last, self.zone)[1]
        starts = self._ahead
        if week_begins < begins or week_ends > begins + LOOK_AHEAD:
            starts = starts_of_any(session_type, offers, week_begins, week_ends, self.now)
        shown = [start for start in self._narrowed(starts) if week_begins <= start.starts_at < week_ends]
        horizon = timedelta(
            days=max((session_type.policy("horizon_days", offer.expert) for offer in offers), default=0)
        )
        self._begins, self._horizon = begins, horizon
        self.week = WeekOfStarts(first, self.zone, shown, self.now, horizon, length)
        if month and day is None:
            self.day = self.week.first_open_day or max(first, min(today, last))

    def _narrowed(self, starts: list[Start]) -> list[Start]:
        """Of starts those with who was chosen; of two together, in which the chosen one is free."""
        return starts_with(starts, [expert.pk for expert in self.chosen], self.type)

    def address(self, day: date | None, month: date | None = None) -> str:
        return self._url(day, self.chosen, month)

    def _url(self, day: date | None, chosen: list[Expert], month: date | None = None) -> str:
        query = {"month": f"{month:%Y-%m}"} if month else {}
        query |= {"day": day.isoformat()} if day else {}
        return anyone_url(self.type, chosen, query, self._frame_query)

    @cached_property
    def later_url(self) -> str:
        """The address of the first free day beyond those ahead, where none of these has a time; "" for none at all."""
        if self.soonest is not None:
            return ""
        experts = [expert.pk for expert in self.chosen]
        begins, ends = self._begins + LOOK_AHEAD, self._begins + self._horizon + timedelta(days=1)
        found = free_starts(self.type, begins, ends, experts, most=1)
        return self.address(found[0].starts_at.astimezone(self.zone).date()) if found else ""

    @property
    def socket_url(self) -> str:
        """Return the WebSocket (bookings/live/routing.py) that tells when the page is to look again."""
        days = {"from": self._told.first.isoformat(), "to": self._told.last.isoformat()}
        return f"/ws/o/{self.type.organization.slug}/book/{self.type.slug}/?{urlencode(days)}"

    @property
    def all_url(self) -> str:
        return anyone_url(self.type, [], {}, self._frame_query)

    @cached_property
    def people(self) -> list[Person]:
        """Return anyone, and then each who offers the type, by the next time that is free."""
        found: dict[int, datetime] = {}
        for start in self._ahead:
            for session in start.free:
                found.setdefault(session.expert_id, start.starts_at)
        first = min(found.values(), default=None)
        people = [
            Person(None, _("Anyone"), self._next(first), self._brief(first), self._people_url([]), not self.chosen)
        ]
        experts = [offer.expert for offer in self.offers]
        for expert in sorted(experts, key=lambda expert: (expert.pk not in found, found.get(expert.pk), expert.name)):
            at, is_chosen = found.get(expert.pk), expert in self.chosen
            people.append(
                Person(expert, expert.name, self._next(at), self._brief(at), self._people_url([expert]), is_chosen)
            )
        return people

    def _people_url(self, chosen: list[Expert]) -> str:
        """Beside the month that is shown; else on the first day that is free with them."""
        return self._url(None, chosen, self._month)

    def _next(self, at: datetime | None) -> str:
        if at is None:
            return _("Not in the next two weeks")
        return _("Next: %(when)s") % {"when": formatting.soon(at, self.zone, self.now)}

    def _brief(self, at: datetime | None) -> str:
        if at is None:
            return _("Later")
        day = at.astimezone(self.zone).date()
        is_near = day <= self.week.today + timedelta(days=1)
        return formatting.day_name(day, self.week.today) if is_near else date_format(day, "BRIEF_MONTH_DAY_FORMAT")

    @property
    def soonest_tile(self) -> StartTile | None:
        return self._tile(self.soonest) if self.soonest else None

    @property
    def soonest_when(self) -> str:
        if self.soonest is None:
            return ""
        starts = formatting.soon(self.soonest.starts_at, self.zone, self.now)
        return f"{starts} – {formatting.clock(self.soonest.ends_at, self.zone)}"

    @property
    def open_count(self) -> int:
        return self.week.open_count(self.day)

    @property
    def parts(self) -> list[PartOfStarts]:
        """Return the starts of the day that can be booked, or may soon be again, by part of day.

        Those of several people overlap: with all that are taken a day would be full of what nobody can press.
        """
        parts: list[PartOfStarts] = []
        for start in self.week.starts.get(self.day, []):
            if start.state in PLAIN_STATES or start.state == "full":
                continue
            part = part_of_day(start.starts_at.astimezone(self.zone))
            if not parts or parts[-1].name != str(part.name):
                parts.append(PartOfStarts(str(part.name), part.icon, []))
            parts[-1].tiles.append(self._tile(start))
        return parts

    @cached_property
    def earlier_tiles(self) -> list[StartTile]:
        """Return the starts of the day that are over, which the page folds away."""
        return [self._tile(start) for start in self.week.starts.get(self.day, []) if start.state == "past"]

    @property
    def earlier_label(self) -> str:
        return earlier_label(len(self.earlier_tiles), is_today=self.day == self.week.today)

    @cached_property
    def taken(self) -> list[TakenStart]:
        """Return the starts of the day that are taken with everybody, with those for whom one can wait.

        None in a frame, where nobody can be known again, and of two together, for whom nobody can wait.
        """
        if self._frame_query is not None or self.type.experts_needed == 2:
            return []
        found = []
        for start in self.week.starts.get(self.day, []):
            if start.state == "full":
                full = [session for session in start.sessions if session.state_at(self.now) == "full"]
                found.append(TakenStart(start, [(session.expert, waitlist_url(session)) for session in full]))
        return found

    @property
    def is_taken(self) -> bool:
        """Whether there were times on the day, all of which are taken."""
        return any(start.state == "full" for start in self.week.starts.get(self.day, []))

    def _tile(self, start: Start) -> StartTile:
        free = [session.expert for session in start.free]
        count = len(free)
        who = (
            free[0].short_name if count == 1 else ngettext("%(count)d free", "%(count)d free", count) % {"count": count}
        )
        if self._frame_query is None:
            url = hold_anyone_url(self.type, start.starts_at, self.chosen)
        else:
            url = anyone_url(self.type, self.chosen, {"day": self.day.isoformat()}, None)
        other = formatting.visitors_clock(self.clocks, start.starts_at)
        return StartTile(start, url, free[:MOST_FACES], who, other)

    @property
    def clock_line(self) -> tuple[str, str, str]:
        """Return by which clock the times are, in words; how the other one differs, in a sentence; its city.

        The last two are "" where there is no other.
        """
        clock = formatting.clock_of_day(self.zone, self.day)
        starts = self.week.starts.get(self.day)
        other = self.clocks.beside(starts[0].starts_at) if starts else None
        if not starts or other is None:
            return clock, "", ""
        at = starts[0].starts_at
        times = {"time": formatting.clock(at, self.zone), "other": formatting.clock(at, other), "city": city(other)}
        return clock, _("%(time)s is %(other)s in %(city)s.") % times, city(other)


def clocks_of_type(session_type: SessionType, offers: list[OfferedType], visitor_zone: ZoneInfo | None) -> Clocks:
    """Return the clocks of a type that several offer: the place's is theirs where they share it, else the house's."""
    zones = {offer.expert.timezone for offer in offers}
    zone = ZoneInfo(zones.pop()) if len(zones) == 1 else session_type.organization.zone
    return clocks_for(venue_of_type(session_type, offers), zone, visitor_zone)


def venue_of_type(session_type: SessionType, offers: list[OfferedType]) -> str:
    """Return how a type takes place: as it says itself, else as with all who offer it; "" where they differ."""
    venues = {offer.expert.venue for offer in offers}
    return session_type.venue or (venues.pop() if len(venues) == 1 else "")


def anyone_url(
    session_type: SessionType, chosen: list[Expert], query: dict[str, str], frame_query: dict[str, str] | None
) -> str:
    """Return the page of all who offer a type, with those who were chosen. Needs the organisation."""
    name = "anyone" if frame_query is None else "embed_anyone"
    return _url(name, session_type, [*_with(chosen), *query.items(), *(frame_query or {}).items()])


def hold_anyone_url(session_type: SessionType, starts_at: datetime, chosen: list[Expert]) -> str:
    """Return where a session that begins at an instant is held with whoever is free (POST)."""
    at = starts_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return _url("hold_anyone", session_type, [*_with(chosen), ("at", at)])


def _with(chosen: list[Expert]) -> list[tuple[str, str]]:
    return [("with", expert.slug) for expert in chosen]


def _url(name: str, session_type: SessionType, query: list[tuple[str, str]]) -> str:
    address = reverse(name, args=[session_type.organization.slug, session_type.slug])
    return f"{address}?{urlencode(query)}" if query else address
