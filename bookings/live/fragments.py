"""HTML for sockets: the same fragments as the page's, each rendered once for everybody who sees the same."""

from datetime import date

from django.template.loader import render_to_string
from django.utils import translation

from bookings.selectors.own_slots import Mark
from bookings.selectors.week import Week
from experts.models import Slot


def slot_state(slot: Slot, state: str, language: str, change: str = "") -> str:
    """The state of a tile; ``change`` ("opened", "changed" or "") has it highlighted."""
    with translation.override(language):
        return render_to_string(
            "experts/_slot_state.html", {"slot": slot, "state": state, "change": change, "oob": True}
        )


def gone(slot_id: int, language: str) -> str:
    """The state of a tile whose session has become impossible: it goes at once, before the page loads the day again."""
    with translation.override(language):
        return render_to_string("bookings/_gone.html", {"slot_id": slot_id})


def day_counts(week: Week, days: list[date], language: str) -> str:
    """The counts of days in the strip."""
    with translation.override(language):
        counts = [week.count(day) for day in days]
        return "".join(render_to_string("bookings/_day_count.html", {"item": item, "oob": True}) for item in counts)


def open_count(week: Week, day: date, language: str) -> str:
    """How many times are open on the chosen day."""
    with translation.override(language):
        return render_to_string("bookings/_open_count.html", {"open_count": week.open_count(day), "oob": True})


def mark(slot_id: int, mark: Mark | None, language: str) -> str:
    """What is the viewer's own on a tile; for that viewer alone. No time of day in it: the zone is the page's."""
    with translation.override(language):
        return render_to_string("bookings/_mark.html", {"slot_id": slot_id, "mark": mark, "oob": True})
