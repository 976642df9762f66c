"""The databases of a test run: migrated once, copied for each of xdist's workers, emptied after a test that commits.

To migrate an empty database takes longer than most files of tests. PostgreSQL's data with the migrated database is kept
beside that of `make run`, under the name of all that it depends on, and is good for as long as none of that changes.
It is a copy of the files and no dump: of several constraints that a row breaks, PostgreSQL names the same one.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

import django
import psycopg
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.db.models import Model
from psycopg import sql
from psycopg.errors import DeadlockDetected

from bookingsite.devserver import paths, servers
from bookingsite.startup import CannotStartError

# What migrations write, and what Django adds after them. Its own flush makes content types and permissions anew, which
# takes longer than most tests, and with other keys than those that a running site remembers.
KEPT = ["auth_permission", "django_content_type", "django_migrations"]


# Migrations, models (Django adds a permission and a type of content for each), and all that migrations import of ours.
DEPENDS_ON = ("*/migrations/**/*.py", "*/models/**/*.py", "experts/*.py", "bookings/*.py", "bookingsite/*.py")


@contextlib.contextmanager
def running_servers(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run what ``environ`` does not name. Gives the settings that lead there.

    A PostgreSQL that is started here has the migrated database of an earlier run in it, or keeps that of this one.
    """
    if environ.get("DATABASE_URL"):
        with servers.running_for_tests(environ=environ) as embedded:
            yield embedded.urls
        return
    kept = _home() / f"migrated-{fingerprint()}"
    with servers.running_for_tests(environ=environ, data=kept if kept.exists() else None) as embedded:
        yield embedded.urls | {"KEPT_DATABASE": kept.name}


def fingerprint(project: Path = paths.BASE_DIR) -> str:
    """What a migrated database depends on, in short: our files, and what is installed (the server, too)."""
    digest = hashlib.sha256()
    installed = (path.name for path in Path(django.__file__).parents[1].glob("*.dist-info"))
    for text in (sys.version, *sorted(installed)):
        digest.update(f"{text}\0".encode())
    for path in sorted({path for pattern in DEPENDS_ON for path in project.glob(pattern)}):
        digest.update(f"{path.relative_to(project)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:24]


def address_of(name: str) -> str:
    """DATABASE_URL with another database."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{quote(name, safe='')}").geturl()


def create(worker: str) -> None:
    """Make the database of a worker and connect Django to it.

    It is a copy of the template, which was there from the start or which the worker that comes first makes, while the
    others wait.
    """
    unfinished, name = (f"{os.environ['TEST_RUN']}-{part}" for part in ("unfinished", worker))
    kept = os.environ.get("KEPT_DATABASE")
    template = kept or f"{os.environ['TEST_RUN']}-template"
    with _server() as server:
        server.execute("SET lock_timeout = 0")
        server.execute("SELECT pg_advisory_lock(hashtext(%s))", [template])
        if not server.execute("SELECT FROM pg_database WHERE datname = %s", [template]).rowcount:
            _run(server, "DROP DATABASE IF EXISTS {}", unfinished)
            _run(server, "CREATE DATABASE {}", unfinished)
            connection.settings_dict["NAME"] = unfinished
            call_command("migrate", interactive=False, verbosity=0)
            connection.close()
            _run(server, "ALTER DATABASE {} RENAME TO {}", unfinished, template)
            if kept:
                _keep(kept)
        _run(server, "CREATE DATABASE {} TEMPLATE {}", name, template)
    connection.settings_dict["NAME"] = name


def _keep(name: str) -> None:
    """Copy the data of the server that runs, in the place of those of before. Runs that go on have copies of theirs."""
    unfinished = paths.make_folder(_home() / f"{name}.{secrets.token_hex(4)}", 0o700, paths.server_user())
    options = ["--wal-method=fetch", "--checkpoint=fast", "--no-sync", "--no-manifest"]
    try:
        source = ["--dbname", os.environ["DATABASE_URL"]]
        servers.run_postgres_program(paths.place(), "pg_basebackup", "--pgdata", unfinished, *source, *options)
    except CannotStartError:  # no room, say: the next run migrates again
        shutil.rmtree(unfinished, ignore_errors=True)
        return
    for old in _home().glob("migrated-*"):
        if old != unfinished:
            shutil.rmtree(old, ignore_errors=True)
    with contextlib.suppress(OSError):  # another run of the same was faster
        unfinished.rename(_home() / name)


def _home() -> Path:
    return paths.home_of(paths.BASE_DIR)


@contextlib.contextmanager
def an_empty_one(name: str) -> Iterator[str]:
    """Make a database in which nothing is, and remove it at the end."""
    with _server() as server:
        _run(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        _run(server, "CREATE DATABASE {}", name)
        yield name
        _run(server, "DROP DATABASE {} WITH (FORCE)", name)


def drop_all() -> None:
    """Remove the databases of this run."""
    with _server() as server:
        mine = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        for (name,) in server.execute(mine, [f"{os.environ['TEST_RUN']}-"]).fetchall():
            _run(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def empty() -> None:
    """Delete all rows but those that were there from the start, once no other session writes any more."""
    with connection.cursor() as cursor:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL (%s) ORDER BY 1"
        cursor.execute(names, [KEPT])
        tables = [sql.Identifier(name) for (name,) in cursor.fetchall()]
        # Ten times faster than TRUNCATE, which makes new files for each table and index. As on a replica no trigger
        # runs: no foreign key is in the way, and no history is written.
        deletes = sql.SQL(" ").join(
            sql.SQL("IF EXISTS (SELECT FROM {0}) THEN DELETE FROM {0}; END IF;").format(table) for table in tables
        )
        block = sql.SQL(
            "BEGIN SET LOCAL lock_timeout = '20s'; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE;"
            " SET LOCAL session_replication_role = replica; {} END"
        ).format(sql.SQL(", ").join(tables), deletes)
        statement = sql.SQL("DO {}").format(sql.Literal(block.as_string(cursor.connection)))
        for tries_left in reversed(range(5)):
            try:
                cursor.execute(statement)
                break
            except OperationalError as error:
                # A site that still runs reads several tables, in an order of its own: one of both has to begin again.
                if not tries_left or not isinstance(error.__cause__, DeadlockDetected):
                    raise


@contextlib.contextmanager
def lasting_rows(django_db_blocker) -> Iterator[None]:
    """Have what is written in the block last until it ends, and not longer: for fixtures of a class or a file.

    Each test that asks for such a fixture and then for ``db`` is undone by itself; objects in memory it has to copy.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


def renew(*models: type[Model]) -> None:
    """Give the tables of models, and those that refer to them, new files until the test ends; their rows are gone.

    PostgreSQL plans by the size of a file, in which the rows of earlier tests still take room. Keys begin with 1.
    """
    tables = [sql.Identifier(model._meta.db_table) for model in models]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(sql.SQL(", ").join(tables)))


def _server() -> psycopg.Connection:
    return psycopg.connect(address_of("postgres"), autocommit=True)


def _run(server: psycopg.Connection, statement: str, *names: str) -> None:
    server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
