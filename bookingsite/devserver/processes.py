"""Processes that this project starts: they end with the one that started them, and are stopped in good order."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

LIBC = ctypes.CDLL(None)  # loaded here, because a child must not load anything between fork and exec
PR_SET_PDEATHSIG = 1


def set_death_signal(number: int) -> None:
    """Have this process sent a signal when its parent dies, even by kill -9. Linux only, else nothing.

    The kernel means the thread that started the process: start children from the main thread.
    """
    if sys.platform.startswith("linux"):
        LIBC.prctl(PR_SET_PDEATHSIG, number)


def die_with_parent(number: int) -> Callable[[], None]:
    """A `preexec_fn` by which a child is sent a signal when this process dies. See `set_death_signal`."""
    parent = os.getpid()

    def preexec() -> None:
        set_death_signal(number)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return preexec


def stop(process: subprocess.Popen, *signals: int, seconds: float = 15) -> None:
    """Send one signal after the other until the process is gone, waiting `seconds` after each; SIGKILL is the last."""
    for number in (*signals, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Look every 20 ms whether `condition` has come true; False when it has not within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
