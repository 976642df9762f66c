"""`python -m tests.chaos.clock manage.py worker ...`: a program of ours by a clock that can be stepped while it runs.

The file that CLOCK names holds the seconds by which the clock is ahead (or, below zero, behind). What the database says
about the time stays as it is: the clock is that of one machine.
"""

import os
import runpy
import sys
import time
from datetime import timedelta
from pathlib import Path

from django.utils import timezone
from procrastinate import utils

FILE = Path(os.environ["CLOCK"])
_true_time, _true_now, _true_utcnow = time.time, timezone.now, utils.utcnow


def ahead() -> float:
    return float(FILE.read_text() or 0)


def main() -> None:
    time.time = lambda: _true_time() + ahead()
    timezone.now = lambda: _true_now() + timedelta(seconds=ahead())
    utils.utcnow = lambda: _true_utcnow() + timedelta(seconds=ahead())
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
