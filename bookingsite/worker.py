"""The `worker` processes: they do the jobs and send the mails that wait in PostgreSQL, and wait while it is away.

Procrastinate's own worker ends for good when a statement of its own fails: after a minute without the database
(30 seconds until a pool gives up a connection, twice), or at once when the connection is lost within the statement.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from django.db import DatabaseError, InterfaceError, connection
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from psycopg_pool import AsyncConnectionPool

from bookings.mail import outbox
from bookings.queue import under_its_request
from bookings.services import expiry, jobs
from bookingsite.version import version

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT = 5  # seconds for one attempt to connect
# Seconds until a statement without a connection fails, and until the pool ends a series of attempts to connect: each
# pause in a series is twice the last one, so that a long series would find the database back minutes late.
POOL_TIMEOUT = 5
PAUSE = 1  # seconds between two attempts of a statement
MAIL = "mail"  # the queue whose workers send what waits in the outbox, too
EXPIRY = "expiry"  # the queue whose workers end what ran out, too
# Conversations with the mail server at once: each waits for its answers most of the time, or hangs.
SENDERS = 4


class EndedError(Exception):
    """The worker has ended without being asked to."""


class PatientConnector(PsycopgConnector):
    """Repeats a statement of the worker until the database answers again, or the worker is to stop.

    ``came_back`` is set when the database answers after it did not. Once ``give_up`` was called, a statement that would
    wait raises CancelledError instead, by which procrastinate ends its worker without complaint.
    """

    def __init__(self):
        super().__init__()
        self.came_back = asyncio.Event()
        self._is_away = False
        self._given_up = asyncio.Event()

    def give_up(self) -> None:
        self._given_up.set()

    async def execute_query_async(self, query, **arguments):
        return await self._patiently(super().execute_query_async, query, arguments)

    async def execute_query_one_async(self, query, **arguments):
        return await self._patiently(super().execute_query_one_async, query, arguments)

    async def execute_query_all_async(self, query, **arguments):
        return await self._patiently(super().execute_query_all_async, query, arguments)

    async def _patiently(self, execute, query, arguments):
        while not (self._is_away and self._given_up.is_set()):
            try:
                result = await execute(query, **arguments)
            except ConnectorException as error:
                if not isinstance(error.__cause__, psycopg.OperationalError):
                    self._note_answer()
                    raise
                self._note_silence(error.__cause__)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._given_up.wait(), PAUSE)
            else:
                self._note_answer()
                return result
        raise asyncio.CancelledError

    def _note_silence(self, error: psycopg.Error) -> None:
        if not self._is_away:
            self._is_away = True
            logger.warning("The database does not answer (%s). Waiting for it.", type(error).__name__)

    def _note_answer(self) -> None:
        if self._is_away:
            self._is_away = False
            self.came_back.set()
            logger.warning("The database answers again.")


class Pulse:
    """Writes down that this worker lives (WorkerSign), for as long as its event loop goes round."""

    BEAT, SIGN = 2.0, 10.0  # seconds between two beats of the loop, and two signs
    STOPPED_AFTER = 15.0  # seconds without a beat

    def __init__(self, queues: Iterable[str] | None) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._queues = list(queues or [])
        self._beat_at = time.monotonic()

    async def keep_beating(self) -> None:
        while True:
            self._beat_at = time.monotonic()
            await asyncio.sleep(self.BEAT)

    def keep_signing(self, stop: threading.Event) -> None:
        """For a thread, until ``stop`` is set. Says nothing of a database that is away: others do."""
        while not stop.is_set():
            if time.monotonic() - self._beat_at < self.STOPPED_AFTER:
                self._write(lambda: jobs.sign(name=self.name, queues=self._queues, version=version()))
            stop.wait(self.SIGN)
        self._write(lambda: jobs.sign_off(name=self.name))

    def _write(self, write: Callable[[], None]) -> None:
        with contextlib.suppress(DatabaseError, InterfaceError):
            write()
        connection.close()


async def work(**options) -> None:
    """Do jobs until SIGTERM or SIGINT, or with ``wait=False`` until there are none. ``options`` are procrastinate's.

    Whoever does the jobs of the queue ``mail``, or of all, also sends what waits in the outbox; of ``expiry``, also
    ends holds and requests whose time is over.

    When the database is back, a new worker takes the place of the old one. The answer to the old one's last statement
    may have been lost, and with it a job that is now marked as being done: what a worker leaves behind is done again
    (bookings.tasks.recover). Raises EndedError when procrastinate's worker ends by itself.
    """
    # It says at each attempt what we say once.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    connector, stopping, pulse = PatientConnector(), asyncio.create_task(_asked_to_stop()), Pulse(options.get("queues"))
    stopping.add_done_callback(lambda _task: connector.give_up())
    queues, waits = options.get("queues") or [MAIL, EXPIRY], options.get("wait", True)
    looking = [outbox.keep_sending] * SENDERS * (MAIL in queues) + [expiry.keep_ending] * (EXPIRY in queues)
    beating = asyncio.create_task(pulse.keep_beating())
    pool = AsyncConnectionPool(
        kwargs={"connect_timeout": CONNECT_TIMEOUT} | connector_params(),
        min_size=1,
        max_size=4,
        timeout=POOL_TIMEOUT,
        reconnect_timeout=POOL_TIMEOUT,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    with _looking([*looking, pulse.keep_signing] if waits else [], stopping):
        await _do_jobs(pool, connector, stopping, options)
    beating.cancel()
    if not waits:
        await asyncio.to_thread(_do_what_is_due, queues)
    if not stopping.done() and waits:
        raise EndedError("The worker has ended by itself.")
    stopping.cancel()


@contextlib.contextmanager
def _looking(what: Iterable[Callable[[threading.Event], None]], stopping: asyncio.Task):
    """Do each in a thread, until the end of the block or, if that is sooner, of ``stopping``."""
    stop = threading.Event()
    threads = [threading.Thread(target=each, args=[stop], daemon=True) for each in what]
    stopping.add_done_callback(lambda _task: stop.set())
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _do_what_is_due(queues) -> None:
    if EXPIRY in queues:
        expiry.end_all_due()
    while MAIL in queues and outbox.send_due():
        pass


async def _do_jobs(pool, connector: PatientConnector, stopping: asyncio.Task, options) -> None:
    usual: dict[str, Any] = {"install_signal_handlers": False, "worker_middleware": [under_its_request]}
    async with pool:
        await connector.open_async(pool)
        with app.replace_connector(connector):
            while not stopping.done():
                connector.came_back.clear()
                worker = asyncio.create_task(app.run_worker_async(**usual | options))
                back = asyncio.create_task(connector.came_back.wait())
                await asyncio.wait({worker, back, stopping}, return_when=asyncio.FIRST_COMPLETED)
                back.cancel()
                has_ended = worker.done()
                worker.cancel()  # it finishes the jobs that it has begun
                try:
                    await worker
                except asyncio.CancelledError:
                    pass
                except ConnectorException:
                    # Others may have taken the worker for dead while it waited, and removed it.
                    if not connector.came_back.is_set():
                        raise
                else:
                    if has_ended:
                        break


async def _asked_to_stop() -> None:
    """Wait for SIGTERM or SIGINT. A second one ends the process at once, as if nobody waited."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
    for number in numbers:
        loop.remove_signal_handler(number)
