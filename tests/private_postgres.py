"""A PostgreSQL of a test's own, that it can stop and start under a running process, and that others can follow."""

import contextlib
import shutil
from pathlib import Path

import psycopg

from bookingsite.devserver import paths, servers


class PrivatePostgres:
    """``url`` stays the same over ``stop()`` and ``start()``, as with a service that restarts. Data is kept."""

    def __init__(self, folder: Path, *, durable: bool = False):
        self.where = paths.place(folder)
        self._running, self._durable = contextlib.ExitStack(), durable
        self.url = self.where.database_url()
        self.start()

    @classmethod
    def following(cls, primary: "PrivatePostgres", folder: Path, *, name: str = "replica", durable: bool = False):
        """A streaming replica, which asks again soon when there is nothing new. ``primary`` has to be one."""
        primary.execute("ALTER SYSTEM SET wal_retrieve_retry_interval = '200ms'")  # copied with the rest
        servers.copy_as_replica(primary.where.sockets, paths.place(folder), name)
        return cls(folder, durable=durable)

    def start(self) -> None:
        only_this = {"REDIS_URL": "elsewhere"}
        running = self._running.enter_context(servers.running(self.where, environ=only_this, durable=self._durable))
        self.process = running.processes["PostgreSQL"]

    def stop(self) -> None:
        """As an operator does: sessions are ended, whatever they are about."""
        self._running.close()

    def kill(self) -> None:
        """As when a machine loses its power."""
        self.process.kill()
        self.stop()

    def remove(self) -> None:
        self.stop()
        for folder in (self.where.sockets, self.where.folder.parent):
            shutil.rmtree(folder, ignore_errors=True)

    def execute(self, statement: str, *values) -> list[tuple]:
        """Carry out one statement in a session of its own; the rows that it gives."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description is not None else []

    def fill(self, url: str) -> None:
        """Take over what the database of that address holds."""
        dump = servers.run_postgres_program(self.where, "pg_dump", "--dbname", url)
        servers.run_postgres_program(
            self.where, "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", self.url, input=dump
        )
