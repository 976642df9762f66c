"""Somebody with one real mailbox is known, and never asked again; a calendar is not theirs for that.

The attacks of test_blocking.py, by people who have opened a link that was mailed to them.
"""

import secrets
from contextlib import suppress
from itertools import cycle

import pytest

from bookings import services
from bookings.access import links, proofs
from bookings.access.proven import is_proven, mark_proven
from bookings.errors import InvalidDetails, Refused
from bookings.models import Booking, ProofReason, Source, Status, WaitlistEntry
from bookings.services import caution
from experts.models import Expert, Organization, Slot
from tests.abuse.crowd import SEATS, defend, make_calendar
from tests.abuse.test_blocking import honest, kept, networks, pass_time
from tests.cast import details, make_booking, make_expert, make_organization, make_slot

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("defended")]
MAILBOX, MINE = "mallory@example.com", "a" * 32
MOST = 0.15 * SEATS


@pytest.fixture
def defended(settings):
    yield from defend(settings)


@pytest.fixture
def expert():
    return make_calendar()


def some_id():
    return secrets.token_hex(16)


def take_all(expert, *, visitor, email, opens=False):
    """Ask for each slot from many networks. ``visitor`` and ``email`` make those to use; ``opens`` each link that is
    mailed.
    """
    addresses = cycle(networks(100))
    for slot in expert.slots.all():
        try:
            asked = {"visitor": visitor(), "email": email(), "client_address": next(addresses)}
            booking = services.book(slot_id=slot.pk, name="Mallory", **asked).booking
            if opens and booking.awaits_proof:
                proofs.open_link(visitor=MINE, token=links.keeping_token(booking))
                services.book_by_link(booking_id=booking.pk)
        except Refused:
            continue
    pass_time()
    return len(kept(expert))


WAYS = {
    "the browser that it vouches for": {"visitor": lambda: MINE, "email": lambda: MAILBOX},
    "new browsers and its address": {"visitor": some_id, "email": lambda: MAILBOX},
    "programs and its address": {"visitor": lambda: "", "email": lambda: MAILBOX},
    "its browser and invented addresses": {"visitor": lambda: MINE, "email": lambda: f"{some_id()}@example.com"},
    "new browsers, each link opened": {"visitor": some_id, "email": lambda: MAILBOX, "opens": True},
    "programs, each link opened": {"visitor": lambda: "", "email": lambda: MAILBOX, "opens": True},
    "its browser and plus parts": {
        "visitor": lambda: MINE,
        "email": lambda: f"mallory+{some_id()}@example.com",
        "opens": True,
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_one_real_mailbox_keeps_no_more_than_its_share(expert, way):
    mark_proven(visitor=MINE, email=MAILBOX)
    assert 0 < take_all(expert, **WAYS[way]) <= MOST
    # Whoever is real gets what is left.
    slot = next(slot for slot in expert.slots.all() if slot.pk not in kept(expert))
    assert honest(slot, "203.0.113.9").status == Status.CONFIRMED


def test_all_ways_of_one_mailbox_together_keep_no_more(expert):
    mark_proven(visitor=MINE, email=MAILBOX)
    ways = ["programs, each link opened", "the browser that it vouches for", "new browsers and its address"]
    assert [take_all(expert, **WAYS[way]) for way in ways][-1] <= MOST


def test_signing_out_in_between_makes_nobody_else(expert):
    """Seen: bookings of a browser that was signed out counted for nobody."""
    for _time in range(5):
        browser = some_id()
        mark_proven(visitor=browser, email=MAILBOX)
        take_all(expert, visitor=lambda browser=browser: browser, email=lambda: MAILBOX)
        proofs.forget_browser(visitor=browser)
    assert len(kept(expert)) <= MOST


@pytest.mark.parametrize("vouches", [True, False])
def test_correcting_the_address_in_between_makes_nobody_else(expert, vouches):
    """Seen: what was corrected to an invented address counted for nobody."""
    mark_proven(visitor="", email=MAILBOX)
    for _time in range(5):
        browser = some_id()
        if vouches:
            mark_proven(visitor=browser, email=MAILBOX)
        take_all(expert, visitor=lambda browser=browser: browser, email=lambda: MAILBOX)
        for booking in Booking.objects.filter(holder=browser, status=Status.CONFIRMED):
            with suppress(Refused):
                services.change_details(booking_id=booking.pk, email=f"{some_id()}@example.com", by_customer=True)
    # What strangers may have, and what one may type with a known address.
    assert len(kept(expert)) <= MOST + (0 if vouches else caution.FEW)


def test_what_a_link_made_count_keeps_its_address(expert):
    """Else "always" could be had for an address that nobody has proven, by proving another one first."""
    Organization.objects.update(proof="always")
    booking = services.book(slot_id=expert.slots.first().pk, name="Mallory", email=MAILBOX, visitor=MINE).booking
    proofs.open_link(visitor=MINE, token=links.keeping_token(booking))
    services.book_by_link(booking_id=booking.pk)
    with pytest.raises(InvalidDetails):
        services.change_details(booking_id=booking.pk, email="victim@example.com", by_customer=True)
    # By staff, who know whom they talk to; or to another address of whoever sits there.
    services.change_details(booking_id=booking.pk, email="mal@example.com")
    mark_proven(visitor=MINE, email="second@example.com")
    services.change_details(booking_id=booking.pk, email="second@example.com", by_customer=True)


def test_moving_a_small_hold_is_no_way_to_more_seats_than_may_be_kept(expert):
    Expert.objects.filter(pk=expert.pk).update(max_party=8)
    small, large = expert.slots.all()[:7], expert.slots.all()[10:17]
    Slot.objects.filter(pk__in=[slot.pk for slot in large]).update(capacity=8)  # 16 of 109 seats may be kept
    visitors = [some_id() for _ in small]
    for number, slot in enumerate(small):
        services.hold_slot(slot_id=slot.pk, visitor=visitors[number], client_address=f"192.0.{number}.7")
    for number, slot in enumerate(large):
        with suppress(Refused):
            services.hold_slot(slot_id=slot.pk, visitor=visitors[number], client_address=f"192.0.{number}.7", seats=8)
    assert sum(hold.seats for hold in Booking.objects.filter(status=Status.HELD)) <= 0.15 * 109


def test_one_mailbox_waits_once_in_a_line(expert):
    """Else its plus parts were offered a seat one after the other, and kept it from everybody for hours."""
    slot = expert.slots.first()
    make_booking(slot)
    for part in ("", "+a", "+b"):
        email = f"mallory{part}@example.com"
        mark_proven(visitor=MINE, email=email)
        services.join_waitlist(slot_id=slot.pk, name="Mallory", email=email, visitor=MINE)
    mark_proven(visitor="b" * 32, email="lena@example.com")
    services.join_waitlist(slot_id=slot.pk, name="Lena", email="lena@example.com", visitor="b" * 32)
    line = WaitlistEntry.objects.in_line().filter(slot=slot)
    assert [entry.email for entry in line] == [MAILBOX, "lena@example.com"]
    services.leave_waitlist(entry_id=line[0].pk)
    line = WaitlistEntry.objects.in_line().filter(slot=slot)
    assert [entry.email for entry in line] == ["mallory+a@example.com", "lena@example.com"], "where it has joined"


def test_the_control_without_a_share(expert, monkeypatch):
    mark_proven(visitor=MINE, email=MAILBOX)
    monkeypatch.setattr(caution, "OWN_UP_TO", 1.0)
    assert take_all(expert, **WAYS["the browser that it vouches for"]) == SEATS


def test_the_control_with_a_mailbox_for_each_booking(expert):
    """As people are: each has one."""
    for slot in expert.slots.all():
        assert honest(slot, "203.0.113.9").status == Status.CONFIRMED


def test_one_link_opened_in_many_browsers_makes_few_of_them_known(expert):
    """Else one mail were as many holds as somebody likes."""
    booking = services.book(slot_id=expert.slots.first().pk, name="Mallory", email=MAILBOX, visitor=MINE).booking
    browsers = [some_id() for _ in range(20)]
    for browser in browsers:
        proofs.open_link(visitor=browser, token=links.booking_token(booking))
    assert [is_proven(visitor=browser) for browser in browsers] == [False] * 15 + [True] * 5, "the last ones"
    assert is_proven(email=MAILBOX)
    for browser, slot in zip(browsers, expert.slots.all()[1:], strict=False):
        try:
            services.hold_slot(slot_id=slot.pk, visitor=browser, client_address="203.0.113.9")
        except Refused:
            continue
    assert Booking.objects.filter(status=Status.HELD, of_expert=None).count() == 5


def test_who_has_booked_their_share_is_told_whom_to_ask(expert, client):
    """And is not asked for a link, which would not help."""
    client.get("/bookings/link/x/")  # the browser has an identity from here on
    mine = client.cookies["visitor"].value.partition(":")[0]
    mark_proven(visitor=mine, email=MAILBOX)
    take_all(expert, visitor=lambda: mine, email=lambda: MAILBOX)
    last = expert.slots.last()
    page = client.post(f"/slots/{last.pk}/book/", details(step="confirm", email=MAILBOX))
    assert (page.status_code, "as one person can book online" in page.content.decode()) == (409, True)
    # Neither another expert nor staff are concerned.
    other, asked = make_slot(make_expert()), {"name": "Mallory", "email": MAILBOX}
    assert services.book(slot_id=other.pk, visitor=mine, **asked).booking.status == Status.CONFIRMED
    assert services.book(slot_id=last.pk, source=Source.STAFF, **asked).booking.status == Status.CONFIRMED


def test_strangers_who_type_somebodys_address_use_nothing_of_that_share_up(expert):
    mark_proven(visitor=MINE, email=MAILBOX)
    take_all(expert, **WAYS["new browsers and its address"])
    free = [slot for slot in expert.slots.all() if slot.pk not in kept(expert)]
    for slot in free[:3]:
        booked = services.book(slot_id=slot.pk, name="Lena", email=MAILBOX, visitor=MINE).booking
        assert booked.status == Status.CONFIRMED
    # At a browser of nobody a link says who it is, once strangers have used the address much.
    [booking] = [services.book(slot_id=free[4].pk, name="Lena", email=MAILBOX, visitor=some_id()).booking]
    assert (booking.awaits_proof, booking.proof_reason) == (True, ProofReason.ADDRESS)


@pytest.mark.parametrize("rule", ["always", "unusual"])
def test_who_is_known_is_not_asked_again(rule):
    """By a browser with another address, or by an address in another browser."""
    expert = make_expert(organization=make_organization(proof=rule))
    mark_proven(visitor=MINE, email=MAILBOX)
    for number, (visitor, email) in enumerate([(MINE, "else@example.com"), (some_id(), MAILBOX), ("", MAILBOX)]):
        slot = make_slot(expert, at=f"{10 + number}:00")
        asked = {"visitor": visitor, "email": email, "is_quick": True, "client_address": "203.0.113.9"}
        assert not services.book(slot_id=slot.pk, name="Lena", **asked).booking.awaits_proof
    assert caution.FEW == 3, "three seats are nobody's attack"
