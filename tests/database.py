"""The databases of a test run: migrated once, copied for each of xdist's workers, emptied after a test that commits."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import psycopg
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.db.models import Model
from psycopg import sql
from psycopg.errors import DeadlockDetected

# What migrations write, and what Django adds after them. Its own flush makes content types and permissions anew, which
# takes longer than most tests, and with other keys than those that a running site remembers.
KEPT = ["auth_permission", "django_content_type", "django_migrations"]


def address_of(name: str) -> str:
    """DATABASE_URL with another database."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{quote(name, safe='')}").geturl()


def create(worker: str) -> None:
    """Make the database of a worker and connect Django to it.

    It is a copy of this run's template. The worker that comes first makes that, and the others wait.
    """
    template, unfinished, name = (f"{os.environ['TEST_RUN']}-{part}" for part in ("template", "unfinished", worker))
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
        _run(server, "CREATE DATABASE {} TEMPLATE {}", name, template)
    connection.settings_dict["NAME"] = name


@contextmanager
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


@contextmanager
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
