"""Pages that everybody sees come from a streaming replica as long as it is fresh enough, and nobody ever notices."""

from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from django.db import connection, connections
from django.test import Client

from bookingsite.devserver import processes
from experts import replicas
from experts.models import Expert
from tests import database
from tests.cast import book, make_expert, make_slot
from tests.kept import body_of
from tests.private_postgres import PrivatePostgres

pytestmark = pytest.mark.processes
start_watching = replicas.Replica.start


@pytest.fixture(scope="module")
def servers(worker_database, tmp_path_factory):
    """A primary and a replica that follows it, with the tables of the site."""
    primary = PrivatePostgres(tmp_path_factory.mktemp("primary"))
    primary.fill(database.address_of(worker_database))
    primary.execute("ALTER SYSTEM SET wal_retrieve_retry_interval = '50ms'")  # its copy dials again at once
    replica = PrivatePostgres.following(primary, tmp_path_factory.mktemp("replica"))
    yield primary, replica
    replica.remove()
    primary.remove()


@pytest.fixture
def primary(servers):
    return servers[0]


@pytest.fixture
def replica(servers):
    return servers[1]


@pytest.fixture
def expert(servers, django_db_blocker, settings, monkeypatch):
    """An expert of a site whose database has a replica, which is fresh. The site is this process."""
    primary, replica = servers
    settings.DATABASE_REPLICAS = ["replica1"]
    settings.DATABASE_ROUTERS = ["experts.replicas.Router"]
    settings.DATABASE_REPLICA_LAG = 3600.0
    monkeypatch.setattr(replicas.Replica, "start", lambda self: None)  # a test says when it looks
    own = connection.settings_dict
    with django_db_blocker.unblock():
        connection.close()
        monkeypatch.setattr(connections["default"], "settings_dict", own | address_of(primary))
        monkeypatch.setitem(connections.settings, "default", connection.settings_dict)
        monkeypatch.setitem(connections.settings, "replica1", own | address_of(replica))
        expert = make_slot(make_expert(name="Amara Okafor", slug="amara"), capacity=1).expert
        catch_up(primary, replica)
        look_at_replica()
        yield expert
        if replica.process.poll() is not None:
            replica.start()
        replica.execute("SELECT pg_wal_replay_resume()")
        replicas.forget_replicas()
        database.empty()
        for alias in ("replica1", "default"):
            connections[alias].close()
        del connections["replica1"]


def address_of(server: PrivatePostgres) -> dict:
    parts = urlsplit(server.url)
    socket = parse_qs(parts.query)["host"][0]
    return {"NAME": parts.path.lstrip("/"), "USER": parts.username, "HOST": socket, "PORT": parts.port}


def catch_up(primary: PrivatePostgres, replica: PrivatePostgres) -> None:
    """Wait until the replica has all that is in the primary now."""
    # After a new segment was begun the position is behind its header, where nothing can be replayed yet.
    primary.execute("SELECT pg_logical_emit_message(true, 'tests', 'a record')")
    [(position,)] = primary.execute("SELECT pg_current_wal_insert_lsn()::text")
    has_replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    assert processes.wait_until(lambda: replica.execute(has_replayed, position)[0][0], seconds=20)


def pause(replica: PrivatePostgres) -> None:
    """Have it hear of nothing more, until pg_wal_replay_resume()."""
    replica.execute("SELECT pg_wal_replay_pause()")
    state = "SELECT pg_get_wal_replay_pause_state()"
    assert processes.wait_until(lambda: replica.execute(state) == [("paused",)], seconds=20)


def look_at_replica() -> replicas.Replica:
    [watched] = replicas._replicas()
    watched.check()
    return watched


def rename(expert: Expert) -> None:
    Expert.objects.filter(pk=expert.pk).update(name="Zadie Renamed")


@pytest.fixture
def old(expert, replica):
    """The expert, who has another name now, of which the replica has not heard."""
    pause(replica)
    rename(expert)
    return expert


SHARED = ["/", "/o/{organization}/", "/experts/amara/", "/api/v1/experts", "/api/v1/experts/amara"]


def name_shown(browser: Client, address: str, expert: Expert, **headers: str) -> str:
    response = browser.get(address.format(organization=expert.organization.slug), headers=headers)
    assert response.status_code == 200
    [name] = [name for name in ("Amara Okafor", "Zadie Renamed") if name in response.content.decode()]
    return name


def seats_left(browser: Client, address: str, **headers: str) -> int:
    answer = browser.get(address, headers=headers).json()
    [slot] = answer.get("items", [answer])
    return slot["seats_left"]


class TestWhatEverybodySees:
    def test_comes_from_the_replica(self, client, old):
        for address in SHARED:
            assert name_shown(client, address, old) == "Amara Okafor", address

    def test_slots_of_the_api_do_too(self, client, old):
        slot = old.slots.get()
        book(slot)
        for address in (f"/api/v1/slots/{slot.pk}", "/api/v1/slots?expert=amara"):
            assert seats_left(client, address) == 1
            assert seats_left(client, address, **{"Cache-Control": "no-cache"}) == 0

    @pytest.mark.parametrize("asked", ["no-cache", "max-age=0"])
    def test_comes_from_the_primary_for_whoever_loads_it_again(self, client, old, asked):
        for address in SHARED:
            assert name_shown(client, address, old, **{"Cache-Control": asked}) == "Zadie Renamed"

    def test_comes_from_the_primary_until_somebody_has_looked_at_the_replica(self, client, old):
        replicas.forget_replicas()
        assert name_shown(client, "/", old) == "Zadie Renamed"

    def test_comes_from_the_primary_in_a_frame_which_sends_no_cookies(self, client, old):
        for address in ("/embed/expert/amara/", "/embed/{organization}/"):
            assert name_shown(client, address, old) == "Zadie Renamed"

    def test_is_kept_apart_from_what_others_have_read_of_the_primary(self, client, old):
        newest = {"Cache-Control": "no-cache"}
        for _ in range(2):
            assert name_shown(client, "/experts/amara/", old) == "Amara Okafor"
            assert name_shown(client, "/experts/amara/", old, **newest) == "Zadie Renamed"

    def test_and_is_too_old_is_refused_when_it_is_pressed(self, client, old):
        slot = old.slots.get()
        book(slot)
        assert "1 time free" in body_of(client.get("/experts/amara/", {"day": slot.date.isoformat()}))
        assert client.post(f"/slots/{slot.pk}/hold/").status_code == 409


class TestWhoHasJustChangedSomething:
    def test_reads_the_primary_and_nobody_else_does(self, client, old):
        slot = old.slots.get()
        held = client.post(f"/slots/{slot.pk}/hold/")
        assert held.status_code == 303
        assert held.cookies["recent"]["max-age"] >= 3600 + 2
        assert "Yours for" in body_of(client.get("/experts/amara/", {"day": slot.date.isoformat()}))
        assert name_shown(client, "/", old) == "Zadie Renamed"
        assert name_shown(Client(), "/", old) == "Amara Okafor"

    def test_a_program_that_keeps_cookies_does_too(self, client, old):
        slot = old.slots.get()
        who = {"name": "Lena", "email": "lena@example.com"}
        assert client.post(f"/api/v1/slots/{slot.pk}/book", who, "application/json").status_code == 201
        assert seats_left(client, "/api/v1/slots?expert=amara") == 0

    def test_looking_changes_nothing(self, client, old):
        assert "recent" not in client.get("/experts/amara/").cookies


class TestAReplica:
    def test_that_lags_is_not_read_until_it_has_caught_up(self, client, old, primary, replica, settings):
        settings.DATABASE_REPLICA_LAG = 0.2
        watched = look_at_replica()
        assert processes.wait_until(lambda: not watched.is_fresh, seconds=20)
        look_at_replica()
        assert not watched.is_fresh
        assert name_shown(client, "/", old) == "Zadie Renamed"
        settings.DATABASE_REPLICA_LAG = 3600.0
        replica.execute("SELECT pg_wal_replay_resume()")
        catch_up(primary, replica)
        look_at_replica()
        pause(replica)
        Expert.objects.update(name="Amara Okafor")
        assert name_shown(client, "/", old) == "Zadie Renamed", "it is read again"

    def test_is_as_fresh_as_what_it_has_replayed_and_no_fresher(self, old):
        watched = look_at_replica()
        before = watched.complete_until
        for _ in range(3):
            watched.check()
        assert watched.complete_until == before

    def test_that_dies_costs_nobody_an_error(self, client, expert, replica, monkeypatch):
        monkeypatch.setattr(replicas, "PAUSE_SECONDS", 0.0)  # each asks it again
        rename(expert)
        assert client.get("/").status_code == 200  # there is a connection, which breaks
        replica.kill()
        for address in 2 * SHARED:
            assert name_shown(client, address, expert) == "Zadie Renamed"

    def test_that_was_dead_is_read_again_when_it_is_back(self, client, expert, primary, replica, monkeypatch):
        monkeypatch.setattr(replicas, "PAUSE_SECONDS", 0.0)
        replica.kill()
        with pytest.raises(psycopg.Error):
            look_at_replica()
        assert client.get("/").status_code == 200
        connections["replica1"].close()  # as at the end of each request
        replica.start()
        catch_up(primary, replica)
        look_at_replica()
        pause(replica)
        rename(expert)
        assert name_shown(client, "/", expert) == "Amara Okafor"

    def test_that_failed_is_not_asked_for_some_seconds(self, expert):
        watched = look_at_replica()
        assert watched.is_fresh
        watched.note_failure(psycopg.OperationalError())
        look_at_replica()
        assert not watched.is_fresh

    def test_does_not_know_yet_what_is_new(self, client, old):
        make_expert(name="Noor Newcomer", slug="noor", organization=old.organization)
        for address in ("/experts/noor/", "/api/v1/experts/noor"):
            assert b"Noor Newcomer" in client.get(address).content
        assert client.get("/experts/nobody/").status_code == 404

    def test_goes_on_while_the_primary_is_away(self, client, expert, primary):
        primary.stop()
        try:
            connection.close()
            look_at_replica()
            assert name_shown(client, "/", expert) == "Amara Okafor"
            assert client.post(f"/slots/{expert.slots.using('replica1').get().pk}/hold/").status_code == 503
        finally:
            primary.start()

    def test_is_watched_by_a_thread_that_outlives_its_death(self, expert, replica, monkeypatch):
        monkeypatch.setattr(replicas, "CHECK_SECONDS", 0.02)
        watched = replicas.Replica("replica1")
        start_watching(watched)
        assert processes.wait_until(lambda: watched.is_fresh, seconds=20)
        replica.kill()
        assert processes.wait_until(lambda: watched.is_away, seconds=20)
        assert not watched.is_fresh, "nobody is to find out anew that it is dead"
        replica.start()
        assert processes.wait_until(lambda: watched.is_fresh, seconds=20)
        watched.stop()

    def test_that_was_made_a_primary_is_a_replica_no_more(self, expert, servers, tmp_path, monkeypatch):
        primary, _replica = servers
        other = PrivatePostgres.following(primary, tmp_path)
        try:
            monkeypatch.setitem(connections.settings, "replica2", connections.settings["replica1"] | address_of(other))
            watched = replicas.Replica("replica2")
            catch_up(primary, other)
            watched.check()
            assert watched.is_fresh
            other.execute("SELECT pg_promote()")
            watched.check()
            assert not watched.is_fresh
            watched.stop()
        finally:
            other.remove()


def test_without_replicas_nothing_is_different(client, db):
    slot = make_slot()
    held = client.post(f"/slots/{slot.pk}/hold/")
    assert "recent" not in held.cookies
    assert client.get("/").status_code == 200
    assert replicas._current == (0, [])
