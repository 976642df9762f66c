"""gunicorn's worker with threads, changed in two ways.

It answers probes while all of its threads wait for something. A database that hangs keeps every thread; a probe that
waited behind them would have a good process killed, and metrics would be missing just when they tell most. So what
looks like a probe is given to threads of its own when no other is free.

And a thread that has answered waits a moment for the next request of its connection, unless somebody waits for a
thread. To hand each connection back to the main thread, and have that wake a thread for it again, took a third of the
CPU of a booking (docs/decisions/0055-fewer-microseconds.md).
"""

import functools
import select
import selectors
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

# How a request for each begins. What never waits comes first, and has a thread that nothing else uses.
ALIVE = (b"GET /healthz", b"HEAD /healthz")
LOOKS = (b"GET /readyz", b"HEAD /readyz", b"GET /metrics")
_LONGEST = max(map(len, (*ALIVE, *LOOKS)))

STAY_MS = 20  # whoever comes meanwhile and finds all threads waiting like this waits no longer


class Worker(ThreadWorker):
    """See the module. Overrides parts of gunicorn's: tests/bookingsite/test_probes.py forces what is relied on."""

    def init_process(self) -> None:
        self._alive = ThreadPoolExecutor(1, thread_name_prefix="alive")
        self._looks = ThreadPoolExecutor(1, thread_name_prefix="looks")
        self._under_way = 0  # requests that a usual thread answers or will answer; the main thread's alone
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Have a request answered. Called in the main thread, which waits for nothing."""
        if self._under_way < self.cfg.threads:
            self._submit(conn, self.tpool)
        elif not conn.initialized and not conn.data_ready:
            # A connection of which nothing has been read: look at it again when there is something.
            conn.sock.setblocking(False)
            conn.timeout = time.monotonic() + self.cfg.keepalive
            self.pending_conns.append(conn)
            readable = functools.partial(self.on_pending_socket_readable, conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, readable)
        else:
            self._submit(conn, self._threads_for(conn))

    def _threads_for(self, conn: TConn) -> ThreadPoolExecutor:
        try:
            start = conn.sock.recv(_LONGEST, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            start = b""
        if start.startswith(ALIVE):
            return self._alive
        return self._looks if start.startswith(LOOKS) else self.tpool

    def handle(self, conn: TConn) -> Any:
        """Answer the requests of a connection that follow each other closely. Called in a usual thread."""
        result = super().handle(conn)
        while result is True and self._is_asked_again(conn):
            result = super().handle(conn)
        return result

    def _is_asked_again(self, conn: TConn) -> bool:
        if not self.alive or self._under_way > self.cfg.threads:
            return False
        if conn.parser.unreader.buf.getvalue():
            return True
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        return bool(poll.poll(STAY_MS))

    def _submit(self, conn: TConn, threads: Any) -> None:
        is_usual = threads is self.tpool
        self._under_way += is_usual
        # A probe's thread stays with nobody: the next request of the connection may be one that waits.
        future = threads.submit(self.handle if is_usual else super().handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self._finish, conn, done, is_usual))

    def _finish(self, conn: TConn, done: "Future[Any]", is_usual: bool) -> None:
        self._under_way -= is_usual
        self.finish_request(conn, done)
