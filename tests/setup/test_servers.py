import os
import stat

import psycopg
import pytest
import redis

from bookingsite.devserver import paths, processes, servers
from bookingsite.startup import CannotStartError
from tests.setup.conftest import forget


def run(where: paths.Place, **options):
    """Run both servers without waiting for the disk, which is all that `durable` changes."""
    return servers.running(where, environ={}, durable=False, **options)


def connect(where: paths.Place):
    return psycopg.connect(where.database_url(), autocommit=True)


def write(where: paths.Place, word: str) -> None:
    with connect(where) as connection:
        connection.execute("DROP TABLE IF EXISTS word")
        connection.execute("CREATE TABLE word AS SELECT %s::text AS word", [word])
    with redis.Redis.from_url(where.redis_url) as client:
        client.set("word", word)


def read(where: paths.Place) -> str:
    with connect(where) as connection:
        return connection.execute("SELECT word FROM word").fetchone()[0]


def test_two_clones_run_side_by_side_and_share_nothing(tmp_path):
    first, second = paths.place(tmp_path / "first"), paths.place(tmp_path / "second")
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with run(first), run(second):
        write(first, "one")
        write(second, "two")
        assert (read(first), read(second)) == ("one", "two")
        assert redis.Redis.from_url(first.redis_url).get("word") == b"one"
    forget(tmp_path / "first")
    forget(tmp_path / "second")


def test_only_what_is_unset_is_started(checkout):
    environ = {"DATABASE_URL": "postgresql://elsewhere/db"}
    with servers.running(paths.place(checkout), environ=environ) as embedded:
        assert list(embedded.processes) == ["Valkey"]
        assert embedded.urls["DATABASE_URL"] == "postgresql://elsewhere/db"


def test_nothing_is_written_when_both_are_set(new_checkout):
    with servers.running(paths.place(new_checkout), environ={"DATABASE_URL": "a", "REDIS_URL": "b"}) as embedded:
        assert (embedded.urls, embedded.processes) == ({"DATABASE_URL": "a", "REDIS_URL": "b"}, {})
    assert not paths.place(new_checkout).folder.exists()


def test_both_are_stopped_and_data_is_kept(checkout):
    where = paths.place(checkout)
    with run(where) as embedded:
        write(where, "kept")
    assert all(process.poll() is not None for process in embedded.processes.values())
    with run(where):
        assert read(where) == "kept"


def test_no_other_user_and_no_network_reaches_them(checkout):
    where = paths.place(checkout)
    with run(where):
        for folder in (where.data, where.sockets):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert folder.stat().st_uid != 0
        with connect(where) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert redis.Redis.from_url(where.redis_url).config_get("port") == {"port": "0"}


def test_no_folder_that_exists_is_opened(new_checkout):
    where = paths.place(new_checkout)
    folders = [folder for folder in {new_checkout, *new_checkout.parents, *where.folder.parents} if folder.exists()]
    before = {folder: (folder.stat().st_mode, folder.stat().st_uid) for folder in folders}
    with run(where):
        write(where, "it works below a closed folder")
    assert {folder: (folder.stat().st_mode, folder.stat().st_uid) for folder in folders} == before


def test_a_folder_of_somebody_else_is_refused(new_checkout):
    where = paths.place(new_checkout)
    where.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    where.folder.symlink_to(new_checkout)
    with (
        pytest.raises(CannotStartError, match="belongs to somebody else"),
        run(where),
    ):
        pass


def test_a_second_start_is_told_about_the_first(checkout):
    where = paths.place(checkout)
    with run(where, note="http://127.0.0.1:8000/"):
        refusal = pytest.raises(CannotStartError, match=r"already runs in this checkout: http://127.0.0.1:8000/")
        with refusal, run(where):
            pass
        write(where, "the first is left alone")


def test_servers_end_with_a_killed_owner_and_start_again(checkout, owner):
    where = paths.place(checkout)
    first = owner(checkout)
    write(where, "kept")
    first.kill()
    assert processes.wait_until(lambda: not servers._database_answers(where), seconds=10)
    assert processes.wait_until(lambda: not servers._valkey_answers(where), seconds=10)
    with run(where):
        assert read(where) == "kept"


def test_servers_that_outlived_their_owner_are_replaced(checkout, owner):
    """Without the kernel's help (on macOS) a killed owner leaves its servers running."""
    where = paths.place(checkout)
    first = owner(checkout, before="processes.set_death_signal = lambda number: None")
    write(where, "kept")
    first.kill()
    orphan = servers._leftover_postgres(where)
    assert orphan
    assert servers._valkey_answers(where)
    with run(where) as embedded:
        assert not orphan.is_running() or orphan.status() == "zombie"
        assert servers._leftover_postgres(where).pid == embedded.processes["PostgreSQL"].pid
        assert read(where) == "kept"


def test_it_starts_after_a_crash_of_postgres_itself(checkout):
    where = paths.place(checkout)
    with servers.running(where, environ={}) as embedded:
        write(where, "kept")
        connection = connect(where)  # its session outlives the server for a moment
        embedded.processes["PostgreSQL"].kill()
        embedded.processes["PostgreSQL"].wait()
    assert (where.data / "postmaster.pid").exists()
    with run(where):
        assert read(where) == "kept"
    connection.close()


def test_the_number_of_a_dead_server_may_belong_to_another_process(checkout):
    where = paths.place(checkout)
    with run(where):
        lines = (where.data / "postmaster.pid").read_text().split("\n")
    (where.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]))
    with run(where):
        write(where, "and this process lives on")


@pytest.mark.parametrize("name", ["x" * 100, "a clone, with 'quotes', 100 % ü"])
def test_a_deep_or_oddly_named_checkout(tmp_path, name):
    checkout = tmp_path / name
    checkout.mkdir()
    where = paths.place(checkout)
    with run(where):
        write(where, "works")
        assert stat.S_IMODE(where.sockets.stat().st_mode) == 0o700
    forget(checkout)


def test_what_a_killed_test_run_left_is_removed(checkout, owner):
    home = paths.place(checkout).folder.parent
    first = owner(checkout, "running_for_tests(environ={}, checkout=checkout)")
    (dead,) = home.glob("tests-*")
    first.kill()
    owner(checkout, "running_for_tests(environ={}, checkout=checkout)")
    (live,) = home.glob("tests-*")
    assert live != dead
    with servers.running_for_tests(environ={}, checkout=checkout):
        assert live in home.glob("tests-*")


def test_a_secret_is_made_once_and_for_its_owner_only(tmp_path):
    path = tmp_path / ".data" / "secret"
    secret = paths.kept_secret(path)
    assert len(secret) == 64
    assert paths.kept_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*path.parent.iterdir()] == [path]
