"""Who looks at the pages of bookings, and how often they may."""

import pytest


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
def by_templates():
    """Have steps of booking rendered by their templates, for tests that look at what these are given.

    That what is filled in instead is the same, byte for byte, is held in views/test_steps_by_pattern.py.
    """
    from bookings.views import booking_flow

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(booking_flow, "fill_step", lambda *_step: None)
        yield
