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
