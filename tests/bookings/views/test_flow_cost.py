"""What booking by HTML asks of the database, from the tile to "You're booked": exact numbers.

When one of them changes, the failing test lists every statement with the lines that asked it. Fewer: lower the number.
More: read what is needed in a statement that is there already (bookings/selectors/slot_for_visitor.py), or say in the
commit why it is worth a statement in every booking. `pytest -rP` on this file lists all of them.
"""

import pytest

from bookings import services
from tests.cast import details, make_expert, make_slot
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db(transaction=True)  # so that transactions are seen as they are
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}

# (statements, round trips) of each step.
HOLD = (4, 6)  # slot and own · visitor's lock and time-out, slot with lock, hold
DETAILS = (1, 1)  # slot and own
REVIEW = (1, 1)  # slot and own
CONFIRM = (7, 9)  # slot and own · slot with lock and time-out, hold, key, booking, answer, mail
DONE = (2, 2)  # slot and own, booking
OTHER_TIME = (6, 8)  # as a hold; the slot and one's holds again; whether somebody waits for the one that is left


@pytest.fixture
def slots(client):
    expert = make_expert(max_party=2)
    slots = [make_slot(expert, at=f"{hour:02}:00", capacity=3) for hour in (9, 10, 11)]
    client.get(f"/experts/{expert.slug}/")  # the browser has its identity from here
    # Whatever is loaded or put together once in a process.
    services.hold_slot(slot_id=make_slot().pk, visitor="w" * 32)
    services.book(slot_id=make_slot().pk, name="Omar", email="omar@example.com", visitor="w" * 32)
    return slots


def costs(expected, step):
    """Do a step, and hold what it asks against what it may ask. Returns its answer."""
    with asked_of_database() as asked:
        response = step()
    print(asked)  # noqa: T201 (shown when the test fails, and by -rP)
    assert response.status_code < 400
    assert (asked.statements, asked.round_trips) == expected, __doc__
    return response


def press(client, slot, **options):
    return client.post(f"/slots/{slot.pk}/hold/", **options)


def send(client, slot, step, **options):
    return client.post(f"/slots/{slot.pk}/book/", details(step=step), **options)


def test_in_the_dialog(client, slots):
    slot = slots[0]
    costs(HOLD, lambda: press(client, slot, headers=PARTIAL))
    costs(REVIEW, lambda: send(client, slot, "review", headers=PARTIAL))
    done = costs(CONFIRM, lambda: send(client, slot, "confirm", headers=PARTIAL))
    assert "You’re booked" in done.content.decode()


def test_all_of_the_dialog(client, slots):
    """As `make bench` counts it, of a visitor whom nobody knows; its proxy finds one more for a known mailbox."""
    with asked_of_database() as asked:
        press(client, slots[0], headers=PARTIAL)
        for step in ("review", "confirm"):
            send(client, slots[0], step, headers=PARTIAL)
    assert (asked.executed, asked.round_trips) == (12, 16), asked


def test_without_javascript(client, slots):
    slot = slots[0]
    held = costs(HOLD, lambda: press(client, slot))
    costs(DETAILS, lambda: client.get(held["Location"]))
    costs(REVIEW, lambda: send(client, slot, "review"))
    booked = costs(CONFIRM, lambda: send(client, slot, "confirm"))
    done = costs(DONE, lambda: client.get(booked["Location"]))
    assert "You’re booked" in done.content.decode()


def test_another_time(client, slots):
    press(client, slots[0], headers=PARTIAL)
    costs(OTHER_TIME, lambda: press(client, slots[1], headers=PARTIAL))


def test_limits_cost_no_statement(client, slots, settings):
    settings.RATE_LIMITS = True
    costs(HOLD, lambda: press(client, slots[0], headers=PARTIAL))
    costs(REVIEW, lambda: send(client, slots[0], "review", headers=PARTIAL))


def test_a_hold_that_goes_on(client, slots):
    press(client, slots[0], headers=PARTIAL)
    costs(DETAILS, lambda: press(client, slots[0], headers=PARTIAL))
