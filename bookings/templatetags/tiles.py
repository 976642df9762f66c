"""Tiles of a calendar, of which a page has dozens."""

from functools import partial

from django import template
from django.template.loader import render_to_string
from django.utils.timezone import get_current_timezone

from experts.formatting import clock
from experts.patterns import Patterns
from experts.templatetags.expertbook import slot_state

register = template.Library()
_tiles = Patterns(500)


@register.simple_tag(takes_context=True)
def slot_tile(context, tile):
    """A slot as everybody sees it (bookings/selectors/expert_calendar.py): ``templates/bookings/_tile.html``."""
    slot, zone = tile.slot, get_current_timezone()
    values = {
        "slot_id": str(slot.pk),
        "url": tile.url,
        "instant": slot.starts_at.astimezone(zone).isoformat(),
        "time": clock(slot.starts_at, zone),
        "end": clock(tile.ends_at, zone) if tile.ends_at else "",
        "offset": tile.offset,
        "other_clock": tile.other_clock,
        "title": slot.title,
        "state": slot_state(slot, tile.state),
    }
    about = tile.is_button, bool(context.get("embedded"))
    return _tiles.fill(about, values, partial(_render, *about))


def _render(is_button, embedded, values):
    return render_to_string("bookings/_tile.html", values | {"is_button": is_button, "embedded": embedded})
