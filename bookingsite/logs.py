"""How logs are written: without tokens of addresses, each of which opens bookings, and without crowds of lines."""

import json
import logging
import re
import threading
import time
from datetime import UTC, datetime

from experts import request_ids

_TOKEN = re.compile(r"(/bookings/link/|/start/invitation/|/feeds/)[^/\s\"'?]+")


def without_tokens(text: str) -> str:
    """Return the text with ``…`` in place of tokens of addresses."""
    return _TOKEN.sub(r"\1…", text)


class TokenlessFormatter(logging.Formatter):
    """Writes ``…`` in place of tokens, wherever they come from: Django's messages about requests quote the path.

    At the end of each line stands the name of the request that it is about (experts/request_ids.py).

    A formatter and not a filter, so that it sees the whole text, tracebacks included.
    """

    def format(self, record):
        text = without_tokens(super().format(record))
        name = request_ids.current.get()
        return f"{text} [{name}]" if name else text


class JsonFormatter(logging.Formatter):
    """Writes each line as one object of JSON, for programs that collect logs. Without tokens, too."""

    def format(self, record):
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_tokens(record.getMessage()),
            "process": record.process,
        }
        if name := request_ids.current.get():
            line["request_id"] = name
        if record.exc_info:
            line["traceback"] = without_tokens(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class WithoutRefusals(logging.Filter):
    """Leaves out Django's line for an answer that is part of the product: taken (409), too many requests (429), or
    that has a cause (503), which is logged once a minute (experts/outages.py).

    A thousand people who want one seat would be a thousand warnings. Who was turned away is counted (TurnedAway).
    """

    _ANSWERS = frozenset({409, 429, 503})

    def filter(self, record):
        return getattr(record, "status_code", 0) not in self._ANSWERS


class OnceAMinute(logging.Filter):
    """Lets a line through once a minute, where whoever logs says ``extra={"seldom": True}``, or as libraries do that
    repeat themselves while a server is away: ``loggers`` are theirs, and of these no traceback is written.

    The next one that comes through says how many did not.
    """

    SECONDS = 60.0

    def __init__(self, loggers: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._loggers = tuple(loggers)
        self._lock = threading.Lock()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}  # when, and how often since

    def filter(self, record):
        repeats_itself = record.name.startswith(self._loggers) if self._loggers else False
        if not repeats_itself and not getattr(record, "seldom", False):
            return True
        text = record.getMessage()
        if repeats_itself and record.exc_info and record.exc_info[0]:
            text = f"{text} ({record.exc_info[0].__name__})"
            record.exc_info = record.exc_text = None
        now, key = time.monotonic(), (record.name, text)
        with self._lock:
            said, more = self._said.get(key, (-self.SECONDS, 0))
            is_due = now - said >= self.SECONDS
            if len(self._said) > 1000:  # of which most are old
                self._said = {known: value for known, value in self._said.items() if now - value[0] < self.SECONDS}
            self._said[key] = (now, 0) if is_due else (said, more + 1)
        if is_due:
            record.msg, record.args = f"{text} ({more} more like this since)" if more else text, ()
        return is_due
