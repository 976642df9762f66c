from bookings.transitions import OCCUPYING, TRANSITIONS, Status


def test_every_status_has_its_followers():
    assert set(TRANSITIONS) == {None, *Status}


def test_what_freed_its_seat_never_takes_one_again():
    for status in set(Status) - OCCUPYING:
        assert not TRANSITIONS[status]
