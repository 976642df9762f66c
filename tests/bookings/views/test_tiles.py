"""Tiles that are filled into a pattern are, byte for byte, what their templates render."""

from datetime import UTC, datetime, timedelta
from itertools import product
from types import SimpleNamespace

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from django.utils import timezone, translation

from bookings.selectors.expert_calendar import Tile
from bookings.templatetags import tiles
from experts import patterns
from experts.templatetags import expertbook
from tests.languages.pseudo import pseudo_language

STATES = ("open", "few", "held", "full", "past", "closed")
WORDS = ("", "Group <b> & 'all' \"seats\" {{ x }} %(n)s ⟦é⟧")
INSTANT = datetime(2031, 3, 4, 17, 5, tzinfo=UTC)


@pytest.fixture(params=["English", "pseudo"])
def _language(request):
    with translation.override("en") if request.param == "English" else pseudo_language():
        yield


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch):
    monkeypatch.setattr(tiles, "_tiles", patterns.Patterns(1000))
    monkeypatch.setattr(expertbook, "_states", patterns.Patterns(1000))


def slot(number, **values):
    found = {"pk": number, "version": 7, "capacity": 1, "seats_left": 0, "title": "", "starts_at": INSTANT}
    return SimpleNamespace(**found | values)


def rendered_state(slot, state):
    return render_to_string("experts/_slot_state.html", {"slot": slot, "state": state})


@pytest.mark.usefixtures("_language")
def test_states():
    capacities = [(1, 0), (1, 1), (2, 1), (2, 2), (8, 3), (9, 1), (1200, 1199), (40, 0)]
    for number, (state, (capacity, left)) in enumerate(product(STATES, capacities)):
        for at in (number, 10**15 + number):
            shown = slot(at, version=at + 3, capacity=capacity, seats_left=left)
            assert expertbook.slot_state(shown, state) == rendered_state(shown, state)


@pytest.mark.usefixtures("_language")
@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Kathmandu"])
def test_tiles(zone):
    template = Template("{% load tiles %}{% slot_tile tile %}")
    ends = (None, INSTANT + timedelta(minutes=95))
    shapes = product(STATES, (False, True), (False, True), ends, WORDS, WORDS, WORDS)
    with timezone.override(zone):
        for number, (state, is_button, embedded, end, offset, other_clock, title) in enumerate(shapes):
            for at in (number, 1000 + number):
                shown = slot(at, title=title, starts_at=INSTANT + timedelta(minutes=at))
                url = f"/slots/{at}/hold/?type=a&x=<{at}>"
                tile = Tile(shown, state, is_button, url, offset, other_clock, end)
                filled = template.render(Context({"tile": tile, "embedded": embedded}))
                assert filled == rendered_tile(tile, embedded)
    assert len(tiles._tiles._known) == 2 * 2 * 2 * 2 * 2 * 2  # of 768 shapes; what is said of the state is filled in


def rendered_tile(tile, embedded):
    """By Django's own filters, as a template would say it."""
    words = Template(
        "{{ slot.starts_at|date:'c' }}\n{{ slot.starts_at|date:'TIME_FORMAT' }}\n{{ end|date:'TIME_FORMAT' }}"
    )
    instant, start, end = words.render(Context({"slot": tile.slot, "end": tile.ends_at})).split("\n")
    values = {
        "slot_id": tile.slot.pk,
        "url": tile.url,
        "instant": instant,
        "time": start,
        "end": end,
        "offset": tile.offset,
        "other_clock": tile.other_clock,
        "title": tile.slot.title,
        "state": rendered_state(tile.slot, tile.state),
    }
    return render_to_string("bookings/_tile.html", values | {"is_button": tile.is_button, "embedded": embedded})


def test_only_so_many_are_kept():
    few = patterns.Patterns(2)
    for number in range(5):
        assert few.fill(number, {"x": "<"}, lambda values, n=number: f"{n}{values['x']}") == f"{number}&lt;"
        assert len(few._known) <= 2


def test_a_change_to_a_template_shows_at_once_to_a_developer(settings):
    settings.DEBUG = True
    some = patterns.Patterns(10)
    assert some.fill("", {}, lambda _values: "old") == "old"
    assert some.fill("", {}, lambda _values: "new") == "new"
