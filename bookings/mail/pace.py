"""Let those who wait for an answer go first: mails can wait a few seconds while the processors are busy."""

import time
from collections.abc import Callable
from pathlib import Path

# Seconds for which mails give way, without a pause between; then they leave as quickly as they can. For as long they do
# when they gave way and nobody used the processors.
PATIENCE = 15.0
_ALL = Path("/proc/stat")  # Linux: what all processors have done since they began, in hundredths of a second
_OWN = Path("/proc/thread-self/schedstat")  # Linux: nanoseconds for which this thread has run, and has waited to run


def run_and_waited() -> tuple[int, int]:
    """Return for how long this thread has run and has waited for a processor, in nanoseconds; zeros if unknown."""
    try:
        ran, waited, _times = map(int, _OWN.read_text().split())
    except (OSError, ValueError):
        return 0, 0
    return ran, waited


def idle_and_all() -> tuple[int, int]:
    """Return for how long the processors had nothing to do, and that with all they did, in hundredths of a second.

    Zeros if unknown.
    """
    try:
        _cpu, *did = _ALL.read_text().partition("\n")[0].split()
        times = [int(one) for one in did[:8]]  # the two that follow are counted among them already
    except (OSError, ValueError):
        return 0, 0
    return sum(times[3:5]), sum(times)


class Pace:
    """Of one thread that sends one batch after the other.

    ``read``: as ``run_and_waited``; ``read_processors``: as ``idle_and_all``; ``clock``: seconds that only grow.
    """

    def __init__(
        self,
        read: Callable[[], tuple[int, int]] = run_and_waited,
        read_processors: Callable[[], tuple[int, int]] = idle_and_all,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._read_processors, self._clock = read, read_processors, clock
        self._ran, self._waited = read()
        self._idle, self._all = 0, 0  # when it last gave way
        self._gives_way_since: float | None = None
        self._nobody_until = 0.0

    def goes_on(self, *, is_more: bool) -> bool:
        """Return whether to send the next batch at once. To be asked after each; ``is_more``: whether more is due.

        Not where nothing is, and for a while not where this thread had to wait for a processor for half as long as it
        ran: then pages and answers wait for one, too. Unless it was the mails themselves for which it waited, and their
        database and mail server: then the processors have little to do while it gives way.
        """
        ran, waited = self._read()
        had_to_wait = (waited - self._waited) * 2 > ran - self._ran
        self._ran, self._waited = ran, waited
        if not (is_more and had_to_wait):
            self._gives_way_since = None
            return is_more
        now = self._clock()
        if now < self._nobody_until:
            return True
        idle, all_of_it = self._read_processors()
        if self._gives_way_since is None:
            self._gives_way_since = now
        elif (idle - self._idle) * 2 > all_of_it - self._all:
            self._gives_way_since, self._nobody_until = None, now + PATIENCE
            return True
        self._idle, self._all = idle, all_of_it
        return now - self._gives_way_since > PATIENCE
