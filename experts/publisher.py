"""The only publisher of what pages show live.

A message is a hint that something changed, never the new state: whoever shows it reads the database again, so that
messages that are late, doubled, out of order or lost do no harm (docs/decisions/0007-live-hints.md).

Messages leave through the channel layer from an event loop in a thread of its own, which each process starts when it
first has something to say: a request never waits for Valkey, and works while Valkey is down.
"""

import asyncio
import atexit
import concurrent.futures
import logging
import os
import threading
import time
from typing import Any

from channels.layers import get_channel_layer
from django.db import transaction

from experts.models import Slot

logger = logging.getLogger(__name__)
GROUP = "live"  # one for all: who shows pages hears everything, by one subscription, and picks what concerns its pages
MOST_WAITING = 10_000  # messages; beyond that they are dropped, and pages find the change by themselves
MOST_AT_ONCE = 500  # messages that leave as one: each costs both sides, and Valkey, more than what is in it
SEND_SECONDS = 2.0
DRAIN_SECONDS = 2.0  # how long a process that ends waits for its last messages
_COMPLAIN_EVERY = 60.0  # seconds


def slot_changed(slot: Slot) -> None:
    """After commit, tell the pages that show the slot's day: seats, capacity, closing, a new or a deleted slot."""
    publish_on_commit({"type": "slot.changed", "expert": slot.expert_id, "day": slot.date.isoformat()})


def offers_changed(expert_id: int) -> None:
    """After commit, tell the pages that show the expert, on whatever day: what can be booked for is another."""
    publish_on_commit({"type": "offers.changed", "expert": expert_id})


def messages_in(heard: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages that were heard as one."""
    return list(heard["messages"]) if heard.get("type") == "several" else [heard]


def publish_on_commit(message: dict[str, Any]) -> None:
    """Send ``message`` to all who show pages once the transaction is committed, if it is. Never waits, never fails."""
    # Robust: even if a message could not be queued, the commit stands and the answer is given.
    transaction.on_commit(lambda: _publisher().send(message), robust=True)


class _Publisher:
    """An event loop in a daemon thread, and what is still to leave through it.

    The same message twice is one as long as it waits: whoever hears it reads the database after both changes.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._waiting: dict[frozenset[tuple[str, Any]], dict[str, Any]] = {}
        self._sending: concurrent.futures.Future[None] | None = None
        self._complained_at = 0.0
        threading.Thread(target=self._loop.run_forever, name="live-publisher", daemon=True).start()
        atexit.register(self.drain)

    def send(self, message: dict[str, Any]) -> None:
        """Queue a message, whose values can be hashed."""
        with self._lock:
            is_full = len(self._waiting) >= MOST_WAITING
            if not is_full:
                self._waiting[frozenset(message.items())] = message
                if self._sending is None:
                    self._sending = asyncio.run_coroutine_threadsafe(self._send_waiting(), self._loop)
        if is_full:
            self._complain("too many messages wait")

    def drain(self) -> None:
        """Wait, for a bounded time, until what was sent has left the process."""
        with self._lock:
            sending = self._sending
        if sending is not None:
            concurrent.futures.wait([sending], timeout=DRAIN_SECONDS)

    async def _send_waiting(self) -> None:
        while True:
            with self._lock:
                messages, self._waiting = self._waiting, {}
                if not messages:
                    self._sending = None
                    return
            await self._send(list(messages.values()))

    async def _send(self, messages: list[dict[str, Any]]) -> None:
        for first in range(0, len(messages), MOST_AT_ONCE):
            together = messages[first : first + MOST_AT_ONCE]
            message = together[0] if len(together) == 1 else {"type": "several", "messages": together}
            try:
                layer: Any = get_channel_layer()  # channels-redis has no types
                async with asyncio.timeout(SEND_SECONDS):
                    await layer.group_send(GROUP, message)
            except TimeoutError as error:
                self._complain(type(error).__name__)
                return  # what waited with it would be late; pages have looked by themselves by then
            except Exception as error:
                self._complain(type(error).__name__)

    def _complain(self, reason: str) -> None:
        now = time.monotonic()
        if now - self._complained_at >= _COMPLAIN_EVERY:
            self._complained_at = now
            logger.warning("Live messages are not sent (%s); pages look for changes by themselves.", reason)


_current: _Publisher | None = None
_starting = threading.Lock()


def _publisher() -> _Publisher:
    """This process's publisher. Started lazily: a thread does not survive the fork of a web server's worker."""
    global _current  # noqa: PLW0603
    with _starting:
        if _current is None or _current.pid != os.getpid():
            _current = _Publisher()
        return _current
