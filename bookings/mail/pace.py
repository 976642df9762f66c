"""Let those who wait for an answer go first: mails can wait a few seconds while the processors are busy."""

import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 15.0  # seconds for which mails give way, without a pause between; then they leave as quickly as they can
_OWN = Path("/proc/thread-self/schedstat")  # Linux: nanoseconds for which this thread has run, and has waited to run


def run_and_waited() -> tuple[int, int]:
    """Return for how long this thread has run and has waited for a processor, in nanoseconds; zeros if unknown."""
    try:
        ran, waited, _times = map(int, _OWN.read_text().split())
    except (OSError, ValueError):
        return 0, 0
    return ran, waited


class Pace:
    """Of one thread that sends one batch after the other.

    ``read``: as ``run_and_waited``; ``clock``: seconds that only grow.
    """

    def __init__(
        self,
        read: Callable[[], tuple[int, int]] = run_and_waited,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._clock = read, clock
        self._ran, self._waited = read()
        self._gives_way_since: float | None = None

    def goes_on(self, *, is_more: bool) -> bool:
        """Return whether to send the next batch at once. To be asked after each; ``is_more``: whether more is due.

        Not where nothing is, and for a while not where this thread had to wait for a processor for half as long as it
        ran: then pages and answers wait for one, too.
        """
        ran, waited = self._read()
        is_busy = (waited - self._waited) * 2 > ran - self._ran
        self._ran, self._waited = ran, waited
        if not (is_more and is_busy):
            self._gives_way_since = None
            return is_more
        now = self._clock()
        if self._gives_way_since is None:
            self._gives_way_since = now
        return now - self._gives_way_since > PATIENCE
