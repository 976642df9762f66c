"""Look for something to do every second, in a thread of a worker."""

import logging
import threading
import traceback
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError, connection

from experts.outages import SELDOM, cause_of

logger = logging.getLogger(__name__)
PAUSE = 1.0  # seconds between two looks that find nothing, or not much


def keep_looking(name: str, look: Callable[[], bool], stop: threading.Event) -> None:
    """Call ``look`` until ``stop`` is set: at once again while it returns True, else after a second.

    Waits while the database is away. What goes wrong is logged, with ``name``, and ``look`` is called again.
    """
    while not stop.is_set():
        is_more = False
        try:
            is_more = look()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("%s waits: %s.", name, cause_of(error), extra=SELDOM)
            connection.close()
        except Exception as error:
            log_mistake(f"{name} waits", error)
        if not is_more:
            stop.wait(PAUSE)
    connection.close()


def log_mistake(what: str, error: Exception) -> None:
    """Log a mistake of ours, and where it happened, without its words: they may hold an address."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s: %s\n%s", what, type(error).__name__, where, extra=SELDOM)
