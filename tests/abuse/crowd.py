"""A calendar to be attacked, with the limits of production."""

from datetime import timedelta

from bookings.services import caution
from experts.models import Expert, Slot
from tests.cast import day_ahead, make_expert, make_slot, when

SEATS = 60


def defend(settings):
    """Limits as in production; what other tests' experts had is forgotten. For a fixture, which it is."""
    settings.RATE_LIMITS = True
    caution._seats_ahead.forget()
    yield
    caution._seats_ahead.forget()


def make_calendar() -> Expert:
    """An expert with sixty seats in six days."""
    expert = make_expert()
    first = make_slot(expert, day=day_ahead(2), at="08:00")
    starts = [first.starts_at + timedelta(days=day, hours=hour) for day in range(6) for hour in range(10)]
    Slot.objects.bulk_create(
        Slot(expert=expert, ends_at=start + timedelta(minutes=30), **when(expert, start)) for start in starts[1:]
    )
    return expert
