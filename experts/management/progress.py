"""Show how far a long command is."""

import sys
import time
from typing import TextIO

_WIDTH = 30  # characters
_EVERY = 0.2  # seconds between two drawings on a terminal


class ProgressBar:
    """``[=====     ]  17%  17,000 of 100,000, 4 min left``, on a terminal; elsewhere a line for each tenth."""

    def __init__(self, total: int, out: TextIO = sys.stderr) -> None:
        self._total, self._out, self._drawn, self._tenths = total, out, 0.0, 0
        self._began = time.monotonic()

    def show(self, done: int) -> None:
        """Say that so many are done. Cheap enough for each of them."""
        now, share = time.monotonic(), min(done / self._total, 1) if self._total else 1.0
        left = (now - self._began) * (1 - share) / share if share else 0.0
        text = f"{share:4.0%}  {done:,} of {self._total:,}" + (f", {_span(left)} left" if share < 1 else "")
        if self._out.isatty():
            if now - self._drawn >= _EVERY or share == 1:
                self._drawn = now
                self._out.write(f"\r[{'=' * int(share * _WIDTH):{_WIDTH}}] {text:60}")
        elif int(share * 10) > self._tenths:
            self._tenths = int(share * 10)
            self._out.write(f"{text}\n")
        self._out.flush()

    def close(self) -> None:
        """End the line, however far it came."""
        if self._out.isatty():
            self._out.write("\n")


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
