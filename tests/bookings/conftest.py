"""Who looks at the pages of bookings, and how often they may."""

import pytest
from django.template.loader import render_to_string
from django.test.signals import template_rendered


@pytest.fixture
def visitor(client):
    """The identity of the browser that ``client`` is."""
    client.get("/bookings/link/x/")  # gives an identity
    return client.cookies["visitor"].value.split(":")[0]


@pytest.fixture
def limits_on(settings):
    """Rate limits as outside of tests."""
    from bookings.access import rate_limits

    settings.RATE_LIMITS = True
    rate_limits._script.cache_clear()
    yield
    rate_limits._script.cache_clear()


@pytest.fixture
def steps_compared():
    """Compare each step of booking that is filled in with what its template makes of the same context, byte for byte.

    Gives the names of those that were. What the templates are given is in the ``context`` of the response then.
    """
    from bookings.views import booking_flow
    from bookings.views.step_patterns import NewForm

    by_pattern, filled_in = booking_flow.fill_step, []

    def fill(request, step, context):
        with pytest.MonkeyPatch.context() as unseen:  # the marks with which a pattern is made
            unseen.setattr(template_rendered, "send", lambda *_args, **_context: [])
            filled = by_pattern(request, step, context)
        if filled is None:
            return None
        filled_in.append(step)
        form = context.get("form")
        made = {"form": form.made()} if isinstance(form, NewForm) else {}
        assert filled == render_to_string(f"bookings/_book_{step}.html", context | made, request)
        return filled

    with pytest.MonkeyPatch.context() as patch:  # of its own, as a test may undo those that it has made
        patch.setattr(booking_flow, "fill_step", fill)
        yield filled_in
