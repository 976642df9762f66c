"""A job that kills whoever does it, as one does that needs more memory than there is."""

import os
import signal

from procrastinate.contrib.django import app


@app.task(queue="housekeeping")
def poison() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
