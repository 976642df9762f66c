"""A page that is kept is, byte for byte, what would be rendered for this very request, as if no page was ever kept."""

from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from experts import views as list_views
from experts.models import Slot
from tests.cast import day_ahead, make_booking, make_category, make_expert, make_organization, make_slot
from tests.kept import body_of, nothing_kept

pytestmark = pytest.mark.django_db
expert_views = import_module("bookings.views.expert")  # the package has a view of that name

PAGES = {
    "home": "/",
    "a category": "/experts/?category=health&sort=name",
    "a search": "/?search=ada",
    "an organisation": "/o/north/",
    "an expert": "/experts/ada/?day={day}",
    "a month": "/experts/ada/?month={month}",
}


@pytest.fixture
def paths():
    organization = make_organization(slug="north", name="North", min_notice=timedelta(0))
    category = make_category(slug="health", name="Health")
    ada = make_expert(organization=organization, category=category, name="Ada", slug="ada")
    make_expert(organization=organization, category=category, name="Adele")
    slots = [
        make_slot(ada, day=day_ahead(2), at=at, capacity=capacity) for at, capacity in (("09:00", 4), ("15:00", 1))
    ]
    make_booking(slots[0], seats=2)
    day = slots[0].date
    return {name: path.format(day=day, month=f"{day:%Y-%m}") for name, path in PAGES.items()}


@pytest.fixture
def look_anew(monkeypatch):
    """As if no page was ever kept: everything is rendered for whoever asks, without a hole in it."""

    @contextmanager
    def look():
        asked = []
        with monkeypatch.context() as patch, nothing_kept():
            for views in (list_views, expert_views):
                patch.setattr(views, "is_partial", asked.append)  # which is asked about each request, and says no
                patch.setattr(
                    views,
                    "render_shared",
                    lambda template, context, _zone: render_to_string(template, context, asked[-1]),
                )
            yield
        assert asked

    return look


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_what_would_be_rendered_for_this_request(client, paths, monkeypatch, rendered, look_anew, theme):
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    client.cookies["theme"], client.cookies["zone"] = theme, "Europe/Berlin"
    client.get("/")  # it has the site's cookies from here on
    for name, path in paths.items():
        client.get(path)
        count = len(rendered)
        kept = body_of(client.get(path))
        assert len(rendered) == count, f"{name} was not kept"
        with look_anew():
            assert kept == body_of(client.get(path)), name
    # The control: what changes is seen.
    Slot.objects.filter(time="09:00").update(title="Yoga", capacity=5)
    with look_anew():
        assert kept != body_of(client.get(path))
