"""gunicorn's worker with threads, changed in five ways.

It answers probes while all of its threads wait for something. A database that hangs keeps every thread; a probe that
waited behind them would have a good process killed, and metrics would be missing just when they tell most. So what
looks like a probe is given to threads of its own when no other is free.

A thread that has answered waits a moment for the next request of its connection, unless somebody waits for a thread.
To hand each connection back to the main thread, and have that wake a thread for it again, took a third of the CPU of a
booking (docs/decisions/0055-fewer-microseconds.md).

Its main thread, which hands out all work, waits for nobody: gunicorn's waits until whoever was answered has closed the
connection, up to two seconds each.

Programs that book have no thread: the main thread answers them, as visits (experts/waiting.py,
docs/decisions/0062-visits.md). All but the writing waits for others most of the time, and to hand it from thread to
thread took a third of what it cost. It works for a crowd in short moments, between which others have their turn.

And a crowd that wants one thing has a few threads and no more (fair_share.py): whoever wants another slot meanwhile
waits for nobody (docs/decisions/0061-a-crowd-has-its-share.md).
"""

import contextlib
import functools
import re
import resource
import select
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from django.db import close_old_connections
from gunicorn.workers.gthread import DEFAULT_WORKER_DATA_TIMEOUT, TConn, ThreadWorker

from bookingsite.fair_share import FairShare, line_of
from experts import arrivals
from experts.waiting import Visit

# How a request for each begins. What never waits comes first, and has a thread that nothing else uses.
ALIVE = (b"GET /healthz", b"HEAD /healthz")
LOOKS = (b"GET /readyz", b"HEAD /readyz", b"GET /metrics")
_LONGEST = max(map(len, (*ALIVE, *LOOKS)))

STAY_MS = 20  # whoever comes meanwhile and finds all threads waiting like this waits no longer
LOOK_SECONDS = 0.1
LINGER_SECONDS = 2.0  # for which the other side may take to end a connection that is over
LINES = 16  # that many crowds, each of which wants one thing, have a thread each at the least
OTHER_FILES = 256  # more than a process has open besides connections of visitors
READ_AHEAD = 4096  # more than a request to book takes; what is longer is in no crowd

# What is answered by a visit. Its view, and all that is on the way to it, waits by experts/waiting.py only.
VISITS = re.compile(rb"POST /api/v1/slots/\d{1,19}/book[ ?]")
MOST_VISITS = 512  # whoever comes when there are as many has a thread
VISITS_OF_A_CROWD = 64  # who share what is asked and read for them
CROWD_SECONDS = 0.002  # after which others have their turn, as all are in one thread
ACCEPTED_OF_A_CROWD = 8  # connections at a time
# The thread of all visits waits for nobody's connection: neither for what should be there, nor to be rid of an answer.
_AT_ONCE = struct.pack("ll", 0, 10_000)  # seconds and microseconds
_WITHOUT_END = struct.pack("ll", 0, 0)


class Worker(ThreadWorker):
    """See the module. Overrides parts of gunicorn's: tests/bookingsite/test_probes.py forces what is relied on."""

    def init_process(self) -> None:
        self._alive = ThreadPoolExecutor(1, thread_name_prefix="alive")
        self._looks = ThreadPoolExecutor(1, thread_name_prefix="looks")
        self._under_way = 0  # requests that a usual thread answers or will answer
        self._counting = threading.Lock()
        # Connections that are over, but for what the other side still sends, and when to look at each; the main
        # thread's alone.
        self._closing: deque[tuple[TConn, float]] = deque()
        few = max(2, self.cfg.threads // LINES)
        # With those who wait for others a crowd has half of all threads at the most.
        self._shares: FairShare[TConn] = FairShare(few, max(0, self.cfg.threads // 2 - few))
        self._visits = 0
        self._visit_shares: FairShare[TConn] = FairShare(VISITS_OF_A_CROWD)
        self._to_resume: list[tuple[Visit, Any]] = []
        self._resuming = threading.Lock()
        self._of_crowds: deque[Callable[[], None]] = deque()  # what is to be done next for visits of crowds
        # A connection is an open file; often 1,024 are allowed.
        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.worker_connections = min(self.worker_connections, hard - OTHER_FILES)
        super().init_process()

    # What follows runs in the main thread, which waits for nothing.

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Do what has come, then go on with crowds for a moment: before the next one all others have had their turn."""
        super().wait_for_and_dispatch_events(0 if self._of_crowds else timeout)
        end = time.monotonic() + CROWD_SECONDS
        while self._of_crowds:
            self._of_crowds.popleft()()
            if time.monotonic() > end:
                break

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection; of a crowd several, as the main thread comes back only after having worked for it."""
        for _ in range(ACCEPTED_OF_A_CROWD if self._of_crowds else 1):
            known = self.nr_conns
            super().accept(listener)
            if not known < self.nr_conns < self.worker_connections:
                break

    def enqueue_req(self, conn: TConn) -> None:
        """Have a request answered."""
        conn.data_ready = conn.data_ready or conn.initialized or _is_readable(conn, 0)
        if not conn.data_ready:
            self._look_later(conn)
        elif line := self._line_of_visit(conn):
            if self._visit_shares.enter(line, conn):
                self._soon(functools.partial(self._visit, conn, line, None), is_patient=self.is_crowd(line))
        elif self._under_way < self.cfg.threads:
            self._submit(conn)
        elif probes := self._threads_of_probe(conn):
            # A probe's thread stays with nobody: the next request of the connection may be one that waits.
            done = probes.submit(self.handle, conn)
            done.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))
        else:
            self._submit(conn)

    def _submit(self, conn: TConn) -> None:
        self._count(1)
        self.tpool.submit(self._serve, conn)

    def _look_later(self, conn: TConn) -> None:
        """Look again at a connection of which nothing has been read, when there is something."""
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + DEFAULT_WORKER_DATA_TIMEOUT
        self.pending_conns.append(conn)
        readable = functools.partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def _threads_of_probe(self, conn: TConn) -> ThreadPoolExecutor | None:
        start = _peek(conn, _LONGEST)
        if start.startswith(ALIVE):
            return self._alive
        return self._looks if start.startswith(LOOKS) else None

    def finish_request(self, conn: TConn, done: "Future[Any]") -> None:
        """Keep a connection that was answered for its next request, or end it, waiting for nobody."""
        if done.exception() is None and done.result() is True and conn.parser.unreader.buf.getvalue():
            self.method_queue.defer(self.enqueue_req, conn)  # its next request has come already
            return
        is_over = not self.cfg.is_ssl and done.exception() is None and not done.result()
        if not is_over:
            super().finish_request(conn, done)
            return
        # As gunicorn does it: what was sent arrives whole only if what comes meanwhile is read. But it waits up to two
        # seconds for the other side, in this thread, and all others with it.
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
        else:
            conn.timeout = time.monotonic() + LINGER_SECONDS
            self._closing.append((conn, time.monotonic() + LOOK_SECONDS))

    def murder_pending(self) -> None:
        """End connections that are over or have waited for too long. gunicorn calls this after each round of events."""
        super().murder_pending()
        now = time.monotonic()
        while self._closing and self._closing[0][1] < now:
            conn, _look = self._closing.popleft()
            if conn.timeout < now or _has_ended(conn):
                self._close(conn)
            else:
                self._closing.append((conn, now + LOOK_SECONDS))

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    # Visits: in the main thread, too.

    def _line_of_visit(self, conn: TConn) -> bytes:
        """The first line of a request that is answered by a visit; empty if it has a thread."""
        if self.cfg.is_ssl or self._visits >= MOST_VISITS:
            return b""
        start = _start_of(conn)
        return line_of(start) if VISITS.match(start) and _takes_answers(conn) else b""

    def is_crowd(self, line: bytes) -> bool:
        """Whether more than a few want what this line of a request wants."""
        return self._visit_shares.is_crowd(line)

    def _soon(self, step: Callable[[], None], *, is_patient: bool) -> None:
        """Do something for a visit: now, unless it is one of a crowd."""
        if is_patient:
            self._of_crowds.append(step)
        else:
            step()

    def _visit(self, conn: TConn, line: bytes, came_at: float | None) -> None:
        self._visits += 1
        self._proceed(_Booking(self, functools.partial(self._answer_visit, conn, line, came_at), line), None)

    def _answer_visit(self, conn: TConn, line: bytes, came_at: float | None) -> tuple[TConn, bytes, "Future[Any]"]:
        _bound(conn, _AT_ONCE)
        done = self._answer(conn, b"", came_at)
        if not done.exception() and done.result():
            _bound(conn, _WITHOUT_END)
        return conn, line, done

    def _proceed(self, visit: Visit, told: Any) -> None:
        result = visit.proceed(told)
        if visit.dead:
            conn, line, done = result
            self._visits -= 1
            if isinstance(error := done.exception(), SystemExit):  # the process is to end (SIGABRT)
                raise error
            if following := self._visit_shares.leave(line):
                self._of_crowds.append(functools.partial(self._visit, following[0], line, following[1]))
            self.finish_request(conn, done)

    def _resume(self) -> None:
        with self._resuming:
            visits, self._to_resume = self._to_resume, []
        for visit, told in visits:
            self._soon(functools.partial(self._proceed, visit, told), is_patient=visit.is_patient)

    def resume(self, visit: Visit, told: Any) -> None:
        """Have the main thread go on with a visit. Called by any thread."""
        with self._resuming:
            self._to_resume.append((visit, told))
            is_first = len(self._to_resume) == 1
        if is_first:
            self.method_queue.defer(self._resume)

    def submit(self, task: Callable[[], None]) -> None:
        """Have a thread do what a visit must not wait for."""
        self._count(1)
        self.tpool.submit(self._do, task)

    def _do(self, task: Callable[[], None]) -> None:
        try:
            task()
        finally:
            close_old_connections()  # as at the end of a request
            self._count(-1)

    # And this in a usual thread.

    def _serve(self, conn: TConn) -> None:
        """Answer requests of a connection that follow each other closely; and of a crowd, if it belongs to one."""
        line = self._line_of(conn)
        if line and not self._shares.enter(line, conn):
            self._count(-1)
        else:
            self._serve_next(conn, line, None)

    def _serve_next(self, conn: TConn, line: bytes, came_at: float | None) -> None:
        """Answer as ``_serve`` does, from a request on whose turn it is."""
        while True:
            done = self._answer(conn, line, came_at)
            while line and (following := self._shares.leave(line)):
                self.method_queue.defer(self.finish_request, conn, done)
                conn, came_at = following
                done = self._answer(conn, line, came_at)
            if not (done.exception() is None and done.result() is True and self._is_asked_again(conn)):
                self._count(-1)
                self.method_queue.defer(self.finish_request, conn, done)
                return
            line, came_at = self._line_of(conn), None
            if line and not self._shares.enter(line, conn):
                self._count(-1)
                return

    def _answer(self, conn: TConn, line: bytes, came_at: float | None) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            with arrivals.answering(came_at=came_at, place=_Place(self, line) if line else None):
                done.set_result(self.handle(conn))
        except BaseException as error:
            done.set_exception(error)
        return done

    def lend(self, line: bytes) -> None:
        """Have another thread answer who is next in a line, as the calling one waits for others."""
        if following := self._shares.lend(line):
            conn, came_at = following
            self._count(1)
            self.tpool.submit(self._serve_next, conn, line, came_at)

    def take_back(self, line: bytes) -> None:
        """Go on after ``lend``."""
        self._shares.take_back(line)

    def _line_of(self, conn: TConn) -> bytes:
        """The first line of the next request of a connection that is readable; empty if it waits for no crowd."""
        if self.cfg.is_ssl:
            return b""
        return line_of(_start_of(conn))

    def _count(self, change: int) -> None:
        with self._counting:
            self._under_way += change

    def _is_asked_again(self, conn: TConn) -> bool:
        if not self.alive or self._under_way > self.cfg.threads:
            return False
        return bool(conn.parser.unreader.buf.getvalue()) or _is_readable(conn, STAY_MS / 1000)


class _Booking(Visit):
    """Somebody who books: ``line`` is the first line of the request."""

    def __init__(self, host: Worker, function: Callable[[], Any], line: bytes) -> None:
        super().__init__(host, function)
        self._worker, self._line = host, line

    @property
    def is_patient(self) -> bool:
        return self._worker.is_crowd(self._line)


class _Place(NamedTuple):
    worker: Worker
    line: bytes

    def lend(self) -> None:
        self.worker.lend(self.line)

    def take_back(self) -> None:
        self.worker.take_back(self.line)


def _is_readable(conn: TConn, seconds: float) -> bool:
    return _is_ready(conn, select.POLLIN, seconds)


def _is_ready(conn: TConn, event: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(conn.sock, event)
    return bool(poll.poll(seconds * 1000))


def _start_of(conn: TConn) -> bytes:
    """As much of the next request as is here."""
    start = conn.parser.unreader.buf.getvalue() if conn.parser else b""
    return start or _peek(conn, READ_AHEAD)


def _bound(conn: TConn, seconds: bytes) -> None:
    """Bound how long the kernel waits to read and to write."""
    with contextlib.suppress(OSError):  # the connection is over, as reading will show
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            conn.sock.setsockopt(socket.SOL_SOCKET, option, seconds)


def _takes_answers(conn: TConn) -> bool:
    """Whether there is room for an answer: not where many were sent that nobody reads."""
    return _is_ready(conn, select.POLLOUT, 0)


def _peek(conn: TConn, most: int) -> bytes:
    try:
        return conn.sock.recv(most, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return b""


def _has_ended(conn: TConn) -> bool:
    """Whether the other side has ended a connection that is over. What it still sends is read and forgotten."""
    try:
        return not conn.sock.recv(READ_AHEAD, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
