"""The people and things that tests are about. Plain functions; every default can be overridden by name."""

from datetime import date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from django.utils import timezone

from bookings import services
from bookings.models import Booking, Question, QuestionKind, Status, WaitlistEntry, WebhookEndpoint
from bookings.models.webhook import CHOSEN_EVENTS
from experts.models import Category, Expert, OfferedType, Organization, SessionType, Slot
from experts.timezones import instant_of

_numbers = count(1)


def make_organization(**values) -> Organization:
    n = next(_numbers)
    return Organization.objects.create(
        **{"name": f"Northgate {n}", "slug": f"northgate-{n}", "timezone": "Europe/London"} | values
    )


def make_category(**values) -> Category:
    n = next(_numbers)
    return Category.objects.create(**{"name": f"Health {n}", "slug": f"health-{n}", "icon": "stethoscope"} | values)


def make_expert(**values) -> Expert:
    n = next(_numbers)
    defaults = {
        "name": f"Amara Okafor {n}",
        "slug": f"amara-{n}",
        "headline": "Physiotherapist",
        "timezone": "Europe/London",
    }
    if "organization" not in values:
        defaults["organization"] = make_organization()
    if "category" not in values:
        defaults["category"] = make_category()
    return Expert.objects.create(**defaults | values)


def make_tax_adviser() -> Expert:
    """Priya Raman of Hale & Partners, a house that has an accent and an address to write to."""
    organization = make_organization(
        name="Hale & Partners", slug="hale", accent="ocean", contact_email="desk@hale.example.com"
    )
    return make_expert(
        name="Priya Raman",
        slug="priya-raman",
        headline="Chartered tax adviser",
        organization=organization,
        category=make_category(name="Law and tax", slug="law"),
    )


def make_session_type(organization: Organization, *experts: Expert, **values) -> SessionType:
    """A type of the organisation that these experts offer; 40 minutes unless told otherwise."""
    n = next(_numbers)
    session_type = SessionType.objects.create(
        organization=organization, **{"name": f"First visit {n}", "slug": f"first-visit-{n}", "minutes": 40} | values
    )
    OfferedType.objects.bulk_create(OfferedType(expert=expert, session_type=session_type) for expert in experts)
    return session_type


_TODAY = timezone.now().date()  # read once: constants of modules and what is made later agree in a run over midnight


def day_ahead(days: int = 2) -> date:
    """A day that lies within every notice and horizon."""
    return _TODAY + timedelta(days=days)


def make_slot(expert: Expert | None = None, *, day: date | None = None, at: str = "10:00", **values) -> Slot:
    """A slot on the expert's wall clock, in two days at 10:00 unless told otherwise; or one that starts at an instant.

    Read back: counters are real.
    """
    expert = expert or make_expert()
    starts_at = values.pop("starts_at", None) or instant_of(
        day or day_ahead(), time.fromisoformat(at), ZoneInfo(expert.timezone)
    )
    minutes = values.pop("minutes", expert.session_minutes)
    slot = Slot.objects.create(
        expert=expert,
        **when(expert, first_showing(expert, starts_at)),
        ends_at=starts_at + timedelta(minutes=minutes),
        **values,
    )
    return fresh(slot)


def when(expert: Expert, starts_at: datetime) -> dict:
    """What a slot of the expert says about its start."""
    clock = starts_at.astimezone(ZoneInfo(expert.timezone))
    return {"date": clock.date(), "time": clock.time(), "starts_at": starts_at}


def first_showing(expert: Expert, starts_at: datetime) -> datetime:
    """The instant, or an hour sooner where the expert's clock shows its time for the second time that day.

    No slot is put there, and "30 days ago" may be such an instant.
    """
    fold = starts_at.astimezone(ZoneInfo(expert.timezone)).fold
    return starts_at - timedelta(hours=1) if fold else starts_at


def move_slot(slot: Slot, starts_at: datetime, ends_at: datetime | None = None) -> None:
    """Let a slot take place at another time, whoever has booked it; as long as before unless told otherwise."""
    ends_at = ends_at or starts_at + (slot.ends_at - slot.starts_at)
    if starts_at != slot.starts_at:
        starts_at = first_showing(slot.expert, starts_at)
    Slot.objects.filter(pk=slot.pk).update(**when(slot.expert, starts_at), ends_at=ends_at)


def make_booking(slot: Slot, **values) -> Booking:
    """A row as it is, without the service's rules: for states that the test needs to start from."""
    n = next(_numbers)
    defaults = {"name": f"Lena {n}", "email": f"lena{n}@example.com", "status": Status.CONFIRMED}
    if values.get("status") in (Status.HELD, Status.PENDING):
        defaults["expires_at"] = timezone.now() + timedelta(minutes=5)
    return Booking.objects.create(slot=slot, **defaults | values)


def book(slot: Slot, **values) -> Booking:
    """Through the service, with a name and an address of its own."""
    n = next(_numbers)
    return services.book(slot_id=slot.pk, **{"name": f"Lena {n}", "email": f"lena{n}@example.com"} | values).booking


def make_full_slot(**values) -> Slot:
    """A slot of which each seat is booked, by one person each."""
    slot = make_slot(make_expert(max_party=2), **values)
    for _ in range(slot.capacity):
        book(slot)
    return fresh(slot)


# Why a slot cannot be booked (``make_unbookable``), and the title of the page that says so.
UNBOOKABLE = [
    ("full", "This slot is full"),
    ("held", "Someone is booking this slot"),
    ("closed", "This slot is closed"),
    ("past", "It is too late for this slot"),
]


def make_unbookable(slot: Slot, reason: str) -> None:
    """Let a slot of one seat be one that nobody can book, for one of the reasons of ``UNBOOKABLE``."""
    if reason in ("full", "held"):
        make_booking(slot, status=Status.CONFIRMED if reason == "full" else Status.HELD)
    elif reason == "closed":
        Slot.objects.filter(pk=slot.pk).update(is_closed=True)
    else:
        move_slot(slot, timezone.now() - timedelta(hours=1))


def join_line(slot: Slot, **values) -> WaitlistEntry:
    """Wait for a seat, with the link of the mail opened."""
    n = next(_numbers)
    entry = services.join_waitlist(slot_id=slot.pk, **{"name": f"Lena {n}", "email": f"lena{n}@example.com"} | values)
    return services.take_place(entry_id=entry.pk)


def make_question(organization: Organization | None = None, **values) -> Question:
    """A short text that need not be answered."""
    n = next(_numbers)
    defaults = {"label": f"What is number {n}?", "kind": QuestionKind.TEXT}
    return services.save_question(
        question=Question(organization=organization or make_organization(), **defaults | values)
    )


def make_webhook(organization: Organization | None = None, **values) -> WebhookEndpoint:
    """An endpoint that asks for every event."""
    defaults = {
        "organization": organization or make_organization(),
        "url": "https://hooks.example.com/bookings",
        "event_types": [name for name, _label in CHOSEN_EVENTS],
    }
    return WebhookEndpoint.objects.create(**defaults | values)


def fresh(slot: Slot) -> Slot:
    """The slot as the database has it now."""
    return Slot.objects.with_expert().get(pk=slot.pk)


def details(**values) -> dict[str, str]:
    """The fields of the booking form, filled in."""
    return {"name": "Lena Fischer", "email": "lena@example.com", "agree": "on", "key": "key-1"} | values


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("UTC"))


def make_type(expert: Expert, **values) -> SessionType:
    """A session type of the expert's organisation that the expert offers."""
    return make_session_type(expert.organization, expert, **values)


def make_row_of_slots(expert: Expert, *, start: str = "09:00", end: str = "12:00", minutes: int = 20, **values):
    """Slots that follow each other without a gap, in order of time: by wall clock, ``HH:MM`` -> slot."""
    day, at = values.pop("day", None) or day_ahead(), datetime.strptime(start, "%H:%M")  # a clock
    slots = {}
    while at < datetime.strptime(end, "%H:%M"):  # a clock
        slots[f"{at:%H:%M}"] = make_slot(expert, day=day, at=f"{at:%H:%M}", minutes=minutes, **values)
        at += timedelta(minutes=minutes)
    return slots
