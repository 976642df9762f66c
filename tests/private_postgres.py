"""A PostgreSQL of a test's own, that it can stop and start under a running process."""

import contextlib
import shutil
from pathlib import Path

import psycopg

from bookingsite.devserver import paths, servers


class PrivatePostgres:
    """``url`` stays the same over ``stop()`` and ``start()``, as with a service that restarts. Data is kept."""

    def __init__(self, folder: Path):
        self._where = paths.place(folder)
        self._running = contextlib.ExitStack()
        self.url = self._where.database_url()
        self.start()

    def start(self) -> None:
        only_this = {"REDIS_URL": "elsewhere"}
        self._running.enter_context(servers.running(self._where, environ=only_this, durable=False))

    def stop(self) -> None:
        """As an operator does: sessions are ended, whatever they are about."""
        self._running.close()

    def remove(self) -> None:
        self.stop()
        for folder in (self._where.sockets, self._where.folder.parent):
            shutil.rmtree(folder, ignore_errors=True)

    def execute(self, statement: str, *values) -> list[tuple]:
        """Carry out one statement in a session of its own; the rows that it gives."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description is not None else []
