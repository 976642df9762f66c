"""Who looks at the pages of bookings."""

import pytest


@pytest.fixture
def visitor(client):
    """The identity of the browser that ``client`` is."""
    client.get("/bookings/link/x/")  # gives an identity
    return client.cookies["visitor"].value.split(":")[0]
