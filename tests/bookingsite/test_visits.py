"""Programs that book are answered by the main thread of `web`, as visits; whoever sends or reads oddly harms nobody."""

import http.client
import io
import json
import selectors
import socket
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.gthread import PollableMethodQueue
from hypothesis import given
from hypothesis import strategies as st

from bookings.models import Booking
from bookingsite import web_worker
from bookingsite.fair_share import line_of
from bookingsite.web_worker import VISITS
from tests.bookingsite.test_fair_share import book
from tests.bookingsite.test_probes import get
from tests.cast import make_expert, make_organization, make_session_type, make_slot

BODY = {"name": "Lena Fischer", "email": "lena@example.com"}


def request(path: str, body: dict, **headers: str) -> bytes:
    text = json.dumps(body)
    given = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(text))} | headers
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n{text}".encode()


def answers(connection: socket.socket, number: int) -> list[tuple[int, dict]]:
    """Read so many answers, one after the other."""
    found = []
    for _one in range(number):
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        found.append((answer.status, json.loads(answer.read())))
    return found


@pytest.fixture
def site(site_with):
    return site_with("web")


@pytest.mark.processes
def test_what_programs_are_answered(site):
    organization = make_organization(max_party=2)
    expert = make_expert(organization=organization)
    slot, full = make_slot(expert, capacity=3), make_slot(expert, at="15:00")
    offered = make_session_type(organization, expert)
    assert book(site, full, 1)[0] == 201
    client = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)

    def ask(path: str, **details: object) -> tuple[int, dict]:
        headers = {"Content-Type": "application/json", "X-Request-ID": "abc"}
        key = {"Idempotency-Key": f"{details}".encode().hex() + "0" * 16}
        client.request("POST", path, json.dumps(BODY | details), headers | key)
        answer = client.getresponse()
        return answer.status, json.loads(answer.read())

    address = f"/api/v1/slots/{slot.pk}/book"
    status, first = ask(address)
    assert (status, first["status"]) == (201, "CONFIRMED")
    assert ask(address) == (201, first), "the key is the same"
    assert ask(f"{address}?utm=1", name="")[0] == 422
    assert ask(address, seats=3)[0] == 422
    assert ask(address, session_type="none")[0] == 404
    assert ask(address, phone="020 7946 0000")[0] == 201
    assert ask(address, session_type=offered.slug, email="other@example.com")[0] in (201, 409)
    status, refusal = ask(f"/api/v1/slots/{full.pk}/book")
    assert (status, refusal["reason"]) == (409, "full")
    assert [each["id"] for each in refusal["alternatives"]] == [slot.pk]
    assert ask("/api/v1/slots/999999999/book")[0] == 404
    booking = Booking.objects.get(reference=first["reference"])
    [event] = booking.events.all()
    assert event.pgh_context.metadata["source"] == "api", "the history knows it, although another thread wrote it"
    client.close()


@pytest.mark.processes
def test_requests_that_follow_each_other_unread_are_all_answered(site):
    """A client may send the next before it has read the answer to the one before."""
    slot = make_slot(capacity=9)
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as client:
        client.sendall(b"".join(request(f"/api/v1/slots/{slot.pk}/book", BODY | {"seats": 1}) for _one in range(3)))
        assert [status for status, _body in answers(client, 3)] == [201] * 3


@pytest.mark.processes
def test_whoever_reads_nothing_keeps_nobody_waiting(site):
    """Refusals are sent until there is no more room for them, and not read: whoever wants another slot is answered."""
    slot, other = make_slot(), make_slot(at="16:00")
    assert book(site, slot, 1)[0] == 201
    asked = request(f"/api/v1/slots/{slot.pk}/book", BODY)
    silent = socket.socket()
    silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    silent.connect(("127.0.0.1", site.port))
    silent.setblocking(False)
    ends, sent, since = time.monotonic() + 20, 0, time.monotonic()
    while time.monotonic() < ends and time.monotonic() - since < 2:  # until nothing more is taken
        try:
            sent += silent.send(asked)
            since = time.monotonic()
        except BlockingIOError:
            pass
        except OSError:
            break  # ended by the site
    assert sent > 50 * len(asked)
    with ThreadPoolExecutor(2) as people:
        status, _booking = people.submit(book, site, other, 2).result(timeout=10)
        assert status == 201
        assert people.submit(get, site, "/experts/").result(timeout=10)[0] == 200
    silent.close()


def test_others_have_their_turn_between_moments_of_a_crowd(monkeypatch):
    """What comes while the main thread works for a crowd is done before it goes on with that."""
    monkeypatch.setattr(web_worker, "CROWD_SECONDS", 0)  # each moment is over after one step
    done: list[str] = []
    worker = web_worker.Worker.__new__(web_worker.Worker)
    worker.poller, worker.method_queue = selectors.DefaultSelector(), PollableMethodQueue()
    worker.method_queue.init()
    worker.poller.register(worker.method_queue.fileno(), selectors.EVENT_READ, worker.method_queue.run_callbacks)

    def step(number: int) -> None:
        done.append(f"crowd {number}")
        worker.method_queue.defer(done.append, f"other {number}")

    worker._of_crowds = deque(partial(step, number) for number in range(3))
    for _round in range(4):
        worker.wait_for_and_dispatch_events(timeout=30)  # which it waits only where there is nothing to do
    assert done == ["crowd 0", "other 0", "crowd 1", "other 1", "crowd 2", "other 2"]
    worker.method_queue.close()
    worker.poller.close()


_heads = st.lists(
    st.sampled_from(
        [
            "Host: localhost",
            "Content-Length: 15",
            "content-length:\t15 ",
            "Content-Length: 3",
            "Content-Length: 40",
            "Content-Length : 15",
            "Content-Length: +15",
            "Content-Length: 15, 15",
            " Content-Length: 40",
            "X: Content-Length: 40",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding: identity",
            "Expect: 100-continue",
            "\tfolded",
            "Upgrade: h2c",
            "Connection: close",
            "X_Forwarded_For: 10.0.0.1",
            "Content_Length: 40",
            "",
        ]
    ),
    max_size=6,
)


@given(
    _heads,
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.binary(max_size=30),
    st.sampled_from([" HTTP/1.1", " HTTP/1.0", " HTTP/9", ""]),
)
def test_what_looks_whole_is_whole(heads, end, body, version):
    """Whatever is answered by a visit can be read without waiting for a byte more, or is refused."""
    start = f"POST /api/v1/slots/1/book{version}\r\n{end.join(heads)}\r\n\r\n".encode() + body
    if not (VISITS.match(start) and line_of(start)):
        return
    sent = io.BytesIO(start)

    class Connection:
        def recv(self, size: int) -> bytes:
            found = sent.read(size)
            assert found, "it waits for more"
            return found

    try:
        asked = next(get_parser(Config(), Connection(), ("127.0.0.1", 1)))
        asked.body.read()
    except (AssertionError, NoMoreData):
        raise
    except Exception:
        return  # refused
