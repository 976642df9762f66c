"""PostgreSQL is stopped under the running site and comes back: what people, programs and probes are told."""

import json
import time

import pytest
from django.db import connection

from tests.bookingsite.test_probes import get
from tests.cast import make_slot
from tests.database import address_of
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
