"""What logs must not hold: tokens in addresses, each of which opens bookings or an organisation."""

import logging
import re

_TOKEN = re.compile(r"(/bookings/link/|/start/invitation/|/feeds/)[^/\s\"'?]+")


class TokenlessFormatter(logging.Formatter):
    """Writes ``…`` in place of tokens, wherever they come from: Django's messages about requests quote the path.

    A formatter and not a filter, so that it sees the whole text, tracebacks included.
    """

    def format(self, record):
        return _TOKEN.sub(r"\1…", super().format(record))
