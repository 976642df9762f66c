"""Nonsense in the admin's addresses and forms is refused or left out; never a traceback."""

from urllib.parse import quote

import pytest

from tests.cast import make_booking, make_slot

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
LONG, NUL = "9" * 5000, "\x00"


@pytest.mark.parametrize("action", ["close", "reopen", "delete_selected"])
@pytest.mark.parametrize("selected", ["x", LONG, NUL, "-1", ""])
def test_selections(admin_client, action, selected):
    make_slot()
    response = admin_client.post(
        "/admin/experts/slot/", {"action": action, "_selected_action": [selected]}, follow=True
    )
    assert response.status_code < 500


@pytest.mark.parametrize("page", ["x", LONG, NUL, "-1", "0"])
def test_pages_of_the_history(admin_client, page):
    slot = make_slot()
    response = admin_client.get(f"/admin/experts/slot/{slot.pk}/history/", {"page": page})
    assert response.status_code < 500


@pytest.mark.parametrize("value", ["x", LONG, NUL, "-1"])
@pytest.mark.parametrize(
    "path",
    [
        "/admin/bookings/booking/?status__exact={}",
        "/admin/bookings/booking/?source__exact={}",
        "/admin/bookings/turnedaway/?reason__exact={}",
        "/admin/experts/slot/?expert={}",
        "/admin/experts/slot/add/?expert={}",
        "/admin/bookings/booking/add/?slot={}",
        "/admin/bookings/booking/{}/change/",
        "/admin/experts/slot/?q={}",
        "/admin/bookings/booking/?q={}",
        "/admin/experts/slot/?p={}",
    ],
)
def test_addresses(admin_client, path, value):
    make_booking(make_slot())
    assert admin_client.get(path.format(quote(value)), follow=True).status_code < 500
