"""PostgreSQL goes away under the running site and comes back: what people, programs and probes are told."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection

from bookingsite.devserver import paths, processes
from tests.bookingsite.test_probes import get
from tests.cast import make_slot
from tests.chaos.proxy import Proxy
from tests.database import address_of
from tests.http import ask
from tests.live import LiveSite
from tests.private_postgres import PrivatePostgres

pytestmark = pytest.mark.processes


@pytest.fixture
def postgres(tmp_path, transactional_db):
    make_slot()
    postgres = PrivatePostgres(tmp_path / "postgres")
    postgres.fill(address_of(connection.settings_dict["NAME"]))
    yield postgres
    postgres.remove()


def test_every_page_says_so_within_a_second_and_works_again_at_once(postgres, tmp_path, worker_database):
    site = LiveSite(tmp_path / "site.log", worker_database, "web", DATABASE_URL=postgres.url)
    try:
        pages = ["/", "/experts/", "/api/v1/experts"]
        assert [get(site, page)[0] for page in pages] == [200] * 3
        postgres.stop()
        for page in pages:
            for _time in range(2):
                status, body, seconds, headers = get(site, page)
                assert (status, headers["Retry-After"]) == (503, "5"), page
                assert seconds < 1
                assert b"on our side" in body
        assert get(site, "/healthz")[:2] == (200, b"ok")
        status, body, *_rest = get(site, "/readyz")
        assert (status, json.loads(body)["parts"]["database"]["why"]) == (503, "PostgreSQL does not answer")
        assert b'expertbook_up{part="database"} 0.0' in get(site, "/metrics")[1]
        assert site.log.read_text().count("Requests are refused") <= 2  # it was stopped, and it is away
        assert "Traceback" not in site.log.read_text()
        postgres.start()
        began = time.monotonic()
        assert [get(site, page)[0] for page in pages] == [200] * 3
        assert time.monotonic() - began < 10
    finally:
        site.stop()


@pytest.fixture
def line(postgres):
    """A network between the site and PostgreSQL, in which packets can vanish."""
    line = Proxy(postgres.where.sockets / ".s.PGSQL.5432")
    yield line
    line.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="packets are dropped by a filter of Linux")
def test_a_network_that_swallows_packets_is_noticed_and_found_again(postgres, line, tmp_path, worker_database):
    """Nobody says that a connection is over: what is sent has no answer, and what is waited for never comes."""
    url = f"postgresql://{paths.NAME}@127.0.0.1:{line.port}/{paths.NAME}?sslmode=disable"
    site = LiveSite(tmp_path / "site.log", worker_database, "web", DATABASE_URL=url)
    pages = ["/", "/experts/", "/api/v1/experts"]

    def look(page: str) -> tuple[int | str, bool]:
        told = ask(site.port, "GET", page, seconds=40)
        return told.status, "retry-after" in told.headers

    patient = psycopg.connect(url, keepalives=0, tcp_user_timeout=0)
    try:
        assert [look(page) for page in pages] == [(200, False)] * 3
        with ThreadPoolExecutor(8) as threads:
            with psycopg.connect(postgres.url) as holder:
                holder.execute("LOCK TABLE experts_expert IN ACCESS EXCLUSIVE MODE")
                waiting = threads.submit(look, "/experts/")
                waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                assert processes.wait_until(lambda: postgres.execute(waits), seconds=30)
                line.swallow()
            without_bounds = threads.submit(patient.execute, "SELECT 1")
            refused = list(threads.map(look, pages * 2))
            assert [waiting.result(), *refused] == [(503, True)] * 7
            assert get(site, "/healthz")[:2] == (200, b"ok")
            told = ask(site.port, "GET", "/readyz")
            assert (told.status, json.loads(told.body)["parts"]["database"]["ok"]) == (503, False)
            assert "Traceback" not in site.log.read_text()
            # The control: TCP by itself does not notice.
            assert not without_bounds.done()
            line.let_through()
            assert without_bounds.result(60).fetchone() == (1,)
            assert [look(page) for page in pages] == [(200, False)] * 3
    finally:
        line.let_through()
        patient.close()
        site.stop()
