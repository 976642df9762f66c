"""A crowd that wants one slot has a few threads of `web`, and nobody else waits behind it."""

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from bookings.models import Booking, TurnedAway
from bookingsite.devserver import processes
from bookingsite.fair_share import FEW, FairShare, line_of
from tests.bookingsite.test_probes import get, waiting_for_locks
from tests.cast import make_slot
from tests.database import address_of

BODY = b'{"name": "Ann"}'
HEAD = b"POST /slots/1/book HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\n\r\n"


@pytest.mark.parametrize(
    ("start", "line"),
    [
        (b"GET /experts/ HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
        (b"DELETE /api/v1/1 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"DELETE /api/v1/1 HTTP/1.1"),
        (HEAD + BODY, b"POST /slots/1/book HTTP/1.1"),
        (HEAD + BODY + b"GET / HTTP/1.1\r\n", b"POST /slots/1/book HTTP/1.1"),
        (HEAD.replace(b"Content-Length: 15", b"content-length:\t15 ") + BODY, b"POST /slots/1/book HTTP/1.1"),
        # Of these there is more to come, perhaps slowly.
        (HEAD + BODY[:-1], b""),
        (HEAD.replace(b"Content-Length: 15", b"Transfer-Encoding: chunked") + BODY, b""),
        (HEAD[:-2], b""),
        (b"", b""),
    ],
)
def test_the_first_line_of_what_writes_counts_once_all_of_the_request_is_there(start, line):
    assert line_of(start) == line


def test_those_of_one_line_wait_in_order_and_those_of_another_do_not():
    shares: FairShare[str] = FairShare(2)
    assert [shares.enter(b"a", person) for person in ("Ann", "Ben", "Cem", "Dora")] == [True, True, False, False]
    assert shares.enter(b"b", "Eve")
    following = [shares.leave(b"a") for _answered in range(4)]
    assert [person and person[0] for person in following] == ["Cem", "Dora", None, None]
    assert shares.leave(b"b") is None
    assert [shares.enter(b"a", person) for person in ("Fay", "Gus", "Hal")] == [True, True, False]


def test_more_than_a_few_are_a_crowd():
    shares: FairShare[str] = FairShare(2)
    assert not shares.is_crowd(b"a")
    for number in range(FEW):
        shares.enter(b"a", f"person {number}")
    assert not shares.is_crowd(b"a")
    shares.enter(b"a", "one more")
    assert shares.is_crowd(b"a")
    shares.leave(b"a")
    assert not shares.is_crowd(b"a")


def test_a_place_is_lent_while_its_thread_waits_for_others():
    shares: FairShare[str] = FairShare(1, most_lent=1)
    assert [shares.enter(b"a", person) for person in ("Ann", "Ben", "Cem", "Dora")] == [True, False, False, False]
    lent = shares.lend(b"a")
    assert lent and lent[0] == "Ben"
    assert shares.lend(b"a") is None, "as many are lent as may be"
    assert not shares.enter(b"a", "Eve"), "nobody passes those who wait"
    shares.take_back(b"a")
    shares.take_back(b"a")
    following = [shares.leave(b"a") for _answered in range(5)]
    assert [person and person[0] for person in following] == [None, "Cem", "Dora", "Eve", None]
    assert [shares.enter(b"a", person) for person in ("Fay", "Gus")] == [True, False]


def book(site, slot, person: int) -> tuple[int, dict]:
    client = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    asked = {"name": f"Person {person}", "email": f"person{person}@example.org"}
    client.request("POST", f"/api/v1/slots/{slot.pk}/book", json.dumps(asked), {"Content-Type": "application/json"})
    answer = client.getresponse()
    found = answer.status, json.loads(answer.read())
    client.close()
    return found


@pytest.fixture
def site(site_with):
    """`web` with four threads, which wait for a lock for as long as it is held."""
    return site_with("web", DATABASE_STATEMENT_SECONDS="0")


@pytest.mark.processes
def test_whoever_wants_another_slot_does_not_wait_behind_a_crowd(site, worker_database):
    wanted, other = make_slot(), make_slot()
    with psycopg.connect(address_of(worker_database)) as somebody, ThreadPoolExecutor(12) as people:
        somebody.execute("SELECT FROM experts_slot WHERE id = %s FOR UPDATE", [wanted.pk])
        crowd = [people.submit(book, site, wanted, person) for person in range(12)]
        assert processes.wait_until(lambda: waiting_for_locks() >= 1, seconds=20)
        status, _booking = book(site, other, 99)
        assert status == 201
        assert get(site, "/experts/")[0] == 200
        assert not any(one.done() for one in crowd), "the lock was not held until then"
        somebody.rollback()
        statuses = sorted(one.result()[0] for one in crowd)
    assert statuses == [201] + [409] * 11
    assert Booking.objects.filter(slot=wanted).count() == 1
    # Each of those who were refused counts as demand, whether or not somebody else's reading told them.
    assert processes.wait_until(lambda: demand_of(wanted) == 11, seconds=20), demand_of(wanted)


def demand_of(slot) -> int:
    return sum(TurnedAway.objects.filter(slot=slot).values_list("people", flat=True))


@pytest.mark.processes
def test_whoever_sends_slowly_takes_no_place_of_a_crowd(site):
    """As many connections as a crowd has threads, none of which ever ends its request for a slot: it can be booked."""
    slot = make_slot()
    asked = f"POST /api/v1/slots/{slot.pk}/book HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{{".encode()
    slow = [socket.create_connection(("127.0.0.1", site.port), timeout=30) for _one in range(2)]
    for one in slow:
        one.sendall(asked)
    assert book(site, slot, 1)[0] == 201
    for one in slow:
        one.close()
