"""Count tries in this process's memory: what limits go by while Valkey is away."""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

MOST_KEYS = 50_000  # some 10 MB


class ProcessCounts:
    """Counts within windows of time, the same rule as that of the script for Valkey (rate_limits.py).

    Bounded: beyond ``most_keys`` the oldest counts are forgotten. Who is refused makes no new ones, so nobody can have
    the own count forgotten faster than the limits of the own address let them.
    """

    def __init__(self, most_keys: int = MOST_KEYS) -> None:
        self._most = most_keys
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, and until when (monotonic clock)
        self._lock = threading.Lock()

    def count(self, limits: Sequence[tuple[str, int, int]]) -> int:
        """Count one try for each of ``limits`` (key, how many, in how many seconds), or for none when one refuses.

        Returns 0, or the seconds until the first limit that refuses has room again.
        """
        now = time.monotonic()
        with self._lock:
            current = [self._current(key, seconds, now) for key, _most, seconds in limits]
            for (_key, most, _seconds), (number, until) in zip(limits, current, strict=True):
                if number >= most:
                    return max(1, int(until - now) + 1)
            for (key, _most, _seconds), (number, until) in zip(limits, current, strict=True):
                self._counts[key] = (number + 1, until)
            while len(self._counts) > self._most:
                self._counts.popitem(last=False)
        return 0

    def _current(self, key: str, seconds: int, now: float) -> tuple[int, float]:
        number, until = self._counts.get(key, (0, 0.0))
        if until > now:
            return number, until
        self._counts.pop(key, None)  # a new window is the newest
        return 0, now + seconds
