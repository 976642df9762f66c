"""Let those who wait for an answer go first: mails can wait a few seconds while the processors are busy."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PATIENCE = 15.0  # seconds for which mails give way, without a pause between; then they leave as quickly as they can
WINDOW = 0.5  # seconds at least over which it is seen what others do: Linux counts in hundredths of a second
_OWN = Path("/proc/thread-self/schedstat")  # Linux: of this thread; the second number, nanoseconds it waited to run
_ALL = Path("/proc/stat")  # Linux: what all processors have done since they began
_TICKS = os.sysconf("SC_CLK_TCK")  # of a second


class Use(NamedTuple):
    """What processors have done since some moment, in seconds. Zeros where the system does not tell."""

    ran: float = 0  # the calling thread
    waited: float = 0  # that thread, for a processor
    process: float = 0  # all threads of its process
    busy: float = 0  # all that ran on this machine
    processors: float = 0  # all of their time

    def since(self, earlier: "Use") -> "Use":
        return Use(*(now - then for now, then in zip(self, earlier, strict=True)))

    @property
    def is_needed_by_others(self) -> bool:
        """Whether the thread waited for half as long as it ran, while others than its process kept half of all busy."""
        return self.waited * 2 > self.ran and (self.busy - self.process) * 2 > self.processors


def read_use() -> Use:
    """Return what the processors have done until now."""
    try:
        _ran, waited, _times = map(int, _OWN.read_text().split())
        _cpu, *did = _ALL.read_text().partition("\n")[0].split()
        user, nice, system, idle, for_disks, *interrupts = (int(one) / _TICKS for one in did[:7])
    except (OSError, ValueError):
        return Use()
    busy = user + nice + system + sum(interrupts)
    # The clock of the thread, as what schedstat says of one that runs may be a tick old.
    return Use(time.thread_time(), waited / 1e9, time.process_time(), busy, busy + idle + for_disks)


class Pace:
    """Of one thread that sends one batch after the other.

    ``read``: as ``read_use``; ``clock``: seconds that only grow.
    """

    def __init__(self, read: Callable[[], Use] = read_use, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._gives_way_since: float | None = None
        self._begin()

    def _begin(self) -> None:
        self._use, self._began = self._read(), self._clock()

    def goes_on(self, *, is_more: bool) -> bool:
        """Return whether to send the next batch at once. To be asked after each; ``is_more``: whether more is due.

        Not where nothing is, and for a while not where others need the processors, of which this thread has to wait for
        one: then pages and answers wait for one, too. What mails themselves and their database take is not others'
        need: on two processors they make a thread wait, but keep less than half of them busy besides its process.
        """
        now = self._clock()
        if not is_more:
            self._gives_way_since = None
            self._begin()
            return False
        if now - self._began >= WINDOW:
            if not self._read().since(self._use).is_needed_by_others:
                self._gives_way_since = None
            elif self._gives_way_since is None:
                self._gives_way_since = now
            self._begin()
        return self._gives_way_since is None or now - self._gives_way_since > PATIENCE
