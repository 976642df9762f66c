"""Connections to PostgreSQL: what a process does when there is none to be had, and when it is there again."""

import threading
import time

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from experts.postgresql.pool import Pool
from tests.private_postgres import PrivatePostgres

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    postgres = PrivatePostgres(tmp_path_factory.mktemp("postgres"))
    postgres.execute("CREATE ROLE visitor LOGIN CONNECTION LIMIT 2")
    yield postgres
    postgres.remove()


@pytest.fixture
def pool_of(postgres):
    pools = []

    def make(size: int = 3, **connects) -> Pool:
        pools.append(Pool(postgres.url, kwargs=connects, min_size=1, max_size=size, timeout=20, open=True))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def ask(pool) -> int:
    with pool.connection() as connection:
        return connection.execute("SELECT 1").fetchone()[0]


def test_a_database_that_is_away_is_said_at_once_and_found_at_once_when_it_is_back(postgres, pool_of):
    pool = pool_of()
    assert ask(pool) == 1
    postgres.stop()
    for _request in range(5):
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match=r"connection failed|failed to resolve|connection to server"):
            ask(pool)
        assert time.monotonic() - began < 1
    assert pool.is_away
    postgres.start()
    began = time.monotonic()
    assert ask(pool) == 1  # the very first
    assert time.monotonic() - began < 1
    assert not pool.is_away


def test_connections_that_the_server_has_ended_are_given_to_nobody(postgres, pool_of):
    pool = pool_of()
    taken = [pool.getconn() for _number in range(3)]
    for connection in taken:
        pool.putconn(connection)
    for connection in taken:
        postgres.execute("SELECT pg_terminate_backend(%s, 5000)", connection.info.backend_pid)
    assert [ask(pool) for _request in range(4)] == [1] * 4


def test_the_connection_that_came_back_last_is_given_first(pool_of):
    pool = pool_of()
    taken = [pool.getconn() for _number in range(3)]
    for connection in taken:
        pool.putconn(connection)
    again = [pool.getconn() for _number in range(3)]
    assert again == taken[::-1]
    for connection in again[:2]:
        pool.putconn(connection)
    with pool.connection() as one:
        assert one is again[1]
    pool.putconn(again[2])


def test_who_waits_when_the_server_has_no_connection_left_gets_one_that_comes_back(postgres, pool_of):
    """And when the load has gone, nobody waits for a pause between two attempts."""
    pool = pool_of(size=4, user="visitor")
    first, second = pool.getconn(), pool.getconn()
    got = []
    waiting = threading.Thread(target=lambda: got.append(ask(pool)))
    waiting.start()
    while not pool.get_stats().get("connections_errors"):  # PostgreSQL has refused a third
        threading.Event().wait(0.01)
    assert not got
    pool.putconn(first)
    waiting.join(5)
    assert got == [1]
    pool.putconn(second)


def test_a_process_without_a_connection_is_refused_at_once_and_served_when_others_have_gone(postgres, pool_of):
    """However long they had all: nobody waits for a pause between two attempts."""
    sessions = [psycopg.connect(postgres.url, user="visitor") for _number in range(2)]
    late = pool_of(user="visitor")
    for _request in range(3):
        with pytest.raises(psycopg.OperationalError, match="too many connections"):
            ask(late)
    for session in sessions:
        postgres.execute("SELECT pg_terminate_backend(%s, 5000)", session.info.backend_pid)
    began = time.monotonic()
    assert ask(late) == 1
    assert time.monotonic() - began < 1


def test_a_pool_in_use_says_so(pool_of):
    pool = pool_of(size=1)
    taken = pool.getconn()
    with pytest.raises(PoolTimeout):
        pool.getconn(0.05)
    pool.putconn(taken)
    assert ask(pool) == 1


def test_one_that_breaks_takes_the_idle_ones_with_it(postgres, pool_of):
    """A network that went silent is noticed once, and not by as many requests as there are connections."""
    pool = pool_of()
    broken, idle = pool.getconn(), pool.getconn()
    pool.putconn(idle)
    postgres.execute("SELECT pg_terminate_backend(%s, 5000)", broken.info.backend_pid)
    with pytest.raises(psycopg.OperationalError):
        broken.execute("SELECT 1")
    pool.putconn(broken)
    assert idle.closed
    assert ask(pool) == 1
