"""Writes the demo site, all of it or nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from bookings.demo import hours
from bookings.demo.diary import Diary
from bookings.demo.organizations import categories, organizations
from bookings.demo.pairs import bookings_of_two
from bookings.demo.profiles import Profile, profiles
from bookings.demo.questions import questions
from bookings.demo.types import session_types
from bookings.models import Booking, Question, TurnedAway
from experts import services
from experts.inserting import insert_all
from experts.models import (
    Category,
    Expert,
    OfferedType,
    Organization,
    SearchWord,
    SessionType,
    Slot,
    WeeklyHours,
)

SEED = "expertbook demo 1"
DAYS_BACK, DAYS_AHEAD = 7, 28
_BATCH = 2000  # rows in one statement
_HOW_TO_JOIN = {"video": "https://meet.example.com/{slug}", "phone": "We call you on the number that you gave."}


class NotEmpty(Exception):
    """There are organisations already; demo data is never mixed with real data."""


@dataclass(frozen=True)
class Summary:
    organizations: int
    categories: int
    experts: int
    slots: int
    bookings: int


def plant(
    *, experts: int = 60, now: datetime | None = None, note: Callable[[int], None] = lambda _experts: None
) -> Summary:
    """Write the demo site as it looks at ``now``, in one transaction. Sends nothing. Raises NotEmpty.

    ``note`` is told after each expert how many have a diary.
    """
    now = now or timezone.now()
    with transaction.atomic():
        # Two first starts at once: the second waits here, and then finds the site made.
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {Organization._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
            # Otherwise each row's history trigger (its exception blocks are subtransactions) walks along all foreign
            # keys that wait to be checked at commit: four times the experts would take sixteen times as long.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if Organization.objects.exists():
            raise NotEmpty
        made_organizations = Organization.objects.bulk_create(organizations())
        Question.objects.bulk_create(questions(made_organizations))
        made_categories = Category.objects.bulk_create(categories())
        described = profiles(experts, SEED)
        made_experts = _make_experts(described, made_organizations, made_categories)
        made_types = SessionType.objects.bulk_create(session_types(made_organizations))
        offers = _make_offers(made_experts, described, made_types)
        slots, bookings = _fill_diaries(made_experts, described, offers, now, note)
        _turn_away(now)
    return Summary(len(made_organizations), len(made_categories), len(made_experts), slots, bookings)


def _make_experts(
    described: list[Profile], organizations: list[Organization], categories: list[Category]
) -> list[Expert]:
    organization_of = {organization.slug: organization for organization in organizations}
    category_of = {category.slug: category for category in categories}
    experts = []
    for profile in described:
        organization = organization_of[profile.organization]
        expert = Expert(
            organization=organization,
            category=category_of[profile.category],
            name=profile.name,
            slug=profile.slug,
            headline=profile.headline,
            bio=profile.bio,
            timezone=profile.timezone or organization.timezone,
            languages=profile.languages,
            session_minutes=profile.minutes,
            default_capacity=profile.seats,
            venue=profile.venue,
            venue_note=profile.address or _HOW_TO_JOIN.get(profile.venue, "").format(slug=profile.slug),
            city=profile.city,
            requires_approval=profile.approval,
            max_party=profile.party,
        )
        experts.append(expert)
    # Beforehand, as each row is written once then; bulk_create does not call save().
    for expert in experts:
        expert.search_text = expert.make_search_text()
    SearchWord.objects.learn(word for expert in experts for word in expert.search_text.split())
    return Expert.objects.bulk_create(experts, batch_size=_BATCH)


def _make_offers(
    experts: list[Expert], described: list[Profile], types: list[SessionType]
) -> dict[int, list[OfferedType]]:
    """Write what each expert offers; by expert, in the order of the profile."""
    type_of = {(session_type.organization_id, session_type.slug): session_type for session_type in types}
    offers: dict[int, list[OfferedType]] = {}
    for expert, profile in zip(experts, described, strict=True):
        for wanted in profile.types:
            slug, _, minutes = wanted.partition(":")
            session_type = type_of[expert.organization_id, slug]
            offer = OfferedType(expert=expert, session_type=session_type, minutes=int(minutes) if minutes else None)
            offers.setdefault(expert.pk, []).append(offer)
    OfferedType.objects.bulk_create(offer for mine in offers.values() for offer in mine)
    return offers


def _fill_diaries(
    experts: list[Expert],
    described: list[Profile],
    offers: dict[int, list[OfferedType]],
    now: datetime,
    note: Callable[[int], None],
) -> tuple[int, int]:
    """Make the slots and bookings of all experts. Returns how many there are of each."""
    today = now.date()
    slots = bookings = 0
    waiting: list[Booking] = []
    closed: list[Slot] = []
    references: set[str] = set()
    for place, (expert, profile) in enumerate(zip(experts, described, strict=True)):
        # Nobody alone is booked for a session of two.
        offered = [offer for offer in offers.get(expert.pk, []) if offer.session_type.experts_needed == 1]
        made = _add_slots(expert, profile, offered, today)
        diary = Diary(
            expert=expert,
            profile=profile,
            offers=offered,
            seed=SEED,
            today=today,
            now=now,
            references=references,
        )
        diary.fill(made)
        if place % 3 == 0:
            diary.add_hold(running=place % 2 == 0)
        slots += len(made)
        bookings += len(diary.bookings)
        waiting += diary.bookings
        closed += diary.closed
        if len(waiting) >= _BATCH:
            _write(waiting, closed)
        note(place + 1)
    _write(waiting, closed)
    of_two = [offer for mine in offers.values() for offer in mine if offer.session_type.experts_needed == 2]
    together = bookings_of_two(of_two, now=now, seed=SEED)
    bookings += len(together)
    _write(together, [])
    return slots, bookings


def _add_slots(expert: Expert, profile: Profile, offers: list[OfferedType], today: date) -> list[Slot]:
    days = [today + timedelta(days=offset) for offset in range(-DAYS_BACK, DAYS_AHEAD + 1)]
    starts = hours.starts(
        profile.hours,
        days,
        minutes=profile.minutes,
        pause=profile.pause,
        busy_day=today if profile.showcase else None,
    )
    # As if they had come from the hours, which staff can change, and which go on from there every night.
    rows = WeeklyHours.objects.bulk_create(_weekly_hours(expert, profile, offers))
    starts_for: dict[tuple[int, ...], list[tuple[date, time]]] = {}
    for day, at in starts:
        row = next((row for row in rows if row.weekday == day.weekday() and row.start <= at < row.end), None)
        starts_for.setdefault(tuple(row.for_types) if row else (), []).append((day, at))
    slots = [
        slot
        for types, some in starts_for.items()
        for slot in services.add_slots(expert=expert, starts=some, title=profile.title, for_types=types)
    ]
    slots.sort(key=lambda slot: slot.starts_at)
    by_hand = [today] if profile.showcase else []
    Slot.objects.filter(expert=expert).exclude(date__in=by_hand).update(from_hours=True)
    Expert.objects.filter(pk=expert.pk).update(slots_until=days[-1])
    return slots


def _weekly_hours(expert: Expert, profile: Profile, offers: list[OfferedType]) -> list[WeeklyHours]:
    in_the_morning = sorted(
        offer.session_type_id for offer in offers if offer.session_type.slug in profile.mornings_for
    )
    return [
        WeeklyHours(
            expert=expert,
            weekday=weekday,
            start=time(start // 60, start % 60),
            end=time(end // 60 % 24, end % 60),
            slot_minutes=profile.minutes,
            buffer_minutes=profile.pause,
            capacity=expert.default_capacity,
            title=profile.title,
            for_types=in_the_morning if start < 12 * 60 else [],
        )
        for weekday, spans in hours.parse(profile.hours).items()
        for start, end in spans
    ]


def _turn_away(now: datetime) -> None:
    """Say that people wanted times that were gone: rather often late in the day, as reports then show."""
    random = Random(f"{SEED} demand")
    full = Slot.objects.filter(seats_booked__gte=F("capacity"), starts_at__lt=now + timedelta(days=10))
    rows = []
    for slot in full.order_by("starts_at", "expert__slug"):
        luck, people, hours_before = random.random(), random.randint(1, 4), random.randint(1, 60)
        if luck < (0.3 if slot.time.hour >= 16 else 0.05):
            at = min(now, slot.starts_at) - timedelta(hours=hours_before)
            rows.append(TurnedAway(slot=slot, reason="full", source="web", people=people, created_at=at))
    insert_all(rows)


def _write(bookings: list[Booking], closed: list[Slot]) -> None:
    """Write and forget. Not through bookings.services: what is made up must not send e-mail."""
    insert_all(bookings)
    Slot.objects.filter(pk__in=[slot.pk for slot in closed]).update(is_closed=True)
    bookings.clear()
    closed.clear()
