"""While the database hangs: probes are answered, pages are calm and soon there, and the log names the cause once.

And which thread of `web` answers whom.
"""

import http.client
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
from django.db import connection

from bookingsite.devserver import processes
from tests.cast import make_slot
from tests.database import address_of

pytestmark = pytest.mark.processes


def get(site, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, float, dict]:
    """Status, body, seconds that it took, headers; over a connection of its own."""
    client = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    began = time.monotonic()
    client.request(method, path, headers=headers)
    answer = client.getresponse()
    body = answer.read()
    client.close()
    return answer.status, body, time.monotonic() - began, dict(answer.headers)


@pytest.fixture
def locked(transactional_db, worker_database):
    """Somebody has locked the tables that every page of experts reads, and does not let go."""
    make_slot()
    with psycopg.connect(address_of(worker_database)) as somebody:
        somebody.execute("LOCK TABLE experts_expert, experts_organization IN ACCESS EXCLUSIVE MODE")
        yield somebody
        somebody.rollback()


def waiting_for_locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]


@pytest.mark.parametrize("server", ["web", "live_server"])
def test_a_probe_is_answered_while_every_thread_waits_for_the_database(site_with, locked, server):
    site = site_with(server, DATABASE_STATEMENT_SECONDS="0")  # so that they wait for as long as the lock is held
    with ThreadPoolExecutor(12) as people:
        # Each another one: looks at one list that come together share one reading.
        pages = [people.submit(get, site, f"/experts/?utm={person}") for person in range(12)]
        assert processes.wait_until(lambda: waiting_for_locks() >= 4, seconds=20)
        times = [get(site, "/healthz") for _probe in range(20)]
        assert {(status, body) for status, body, _seconds, _headers in times} == {(200, b"ok")}
        assert not any(page.done() for page in pages)
        locked.rollback()
        assert [page.result()[0] for page in pages] == [200] * 12
    # The machine of the tests does other things, too: half of all are told of, and none is near what it waited for.
    assert sorted(seconds for _status, _body, seconds, _headers in times)[10] < 0.1
    assert max(seconds for _status, _body, seconds, _headers in times) < 2


def test_a_table_that_is_locked_is_a_calm_page_after_two_seconds(site_with, locked):
    site = site_with("web")
    said = len(site.log.read_text())
    with ThreadPoolExecutor(3) as people:
        answers = list(people.map(lambda _person: get(site, "/experts/"), range(3)))
    for status, body, seconds, headers in answers:
        assert (status, headers["Retry-After"]) == (503, "2")
        assert b"busy right now" in body
        assert seconds < 8
    log = site.log.read_text()[said:]
    assert log.count("Requests are refused: a lock of the database did not come in time.") == 1
    assert "Traceback" not in log
    assert "Service Unavailable" not in log
    locked.rollback()
    assert get(site, "/experts/")[0] == 200


def test_threads_that_wait_for_nothing_are_used_first(site_with, transactional_db):
    """Many probes at once, and a connection that says nothing for a while: all are answered."""
    site = site_with("web")
    silent = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    silent.connect()
    done = threading.Barrier(9)

    def probe(_number: int) -> int:
        done.wait()
        return get(site, "/healthz")[0]

    with ThreadPoolExecutor(9) as people:
        assert list(people.map(probe, range(9))) == [200] * 9
    silent.request("GET", "/healthz")
    assert silent.getresponse().read() == b"ok"
    silent.close()


def wakes_of_main_thread(site) -> int:
    """How often the first thread of the one worker of `web` has waited for something until now."""
    [worker] = psutil.Process(site.process.pid).children()
    status = Path(f"/proc/{worker.pid}/task/{worker.pid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.MULTILINE)[1])


def test_a_thread_stays_with_a_connection_that_asks_again_at_once(site_with, transactional_db):
    site = site_with("web")
    asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as client:
        client.sendall(asked)
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        before = wakes_of_main_thread(site)
        client.sendall(asked * 200)
        came = b""
        while came.count(b"HTTP/1.1 200 ") < 200 or not came.endswith(b"ok"):
            part = client.recv(65536)
            assert part, came[-300:]
            came += part
        woken = wakes_of_main_thread(site) - before
    assert woken < 50, "the main thread was asked for each"


def test_nobody_waits_for_a_thread_that_stays(site_with, transactional_db):
    """Three times as many connections as threads, all kept, each asking when all others have: all are answered."""
    site = site_with("web")
    clients = [http.client.HTTPConnection("127.0.0.1", site.port, timeout=30) for _client in range(12)]
    for _round in range(5):
        for client in clients:
            client.request("GET", "/healthz")
        assert [client.getresponse().read() for client in clients] == [b"ok"] * 12
    for client in clients:
        client.close()


def test_nobody_waits_for_those_who_do_not_close_what_is_over(site_with, transactional_db):
    """A dozen who were answered, and keep their side open: gunicorn alone waits two seconds for each."""
    site = site_with("web")
    asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    clients = [socket.create_connection(("127.0.0.1", site.port), timeout=30) for _client in range(12)]
    for client in clients:
        client.sendall(asked)
    for client in clients:
        while client.recv(65536):
            pass
    _status, _body, seconds, _headers = get(site, "/healthz")
    assert seconds < 5
    clients[0].sendall(b"more")  # nobody minds
    assert all(is_closed(client) for client in clients)
    assert get(site, "/healthz")[0] == 200


def is_closed(client: socket.socket) -> bool:
    """Whether the other side gives up soon on a connection that this one keeps open."""

    def fails() -> bool:
        try:
            client.sendall(b"x")
        except OSError:
            return True
        return False

    return processes.wait_until(fails, seconds=20)
