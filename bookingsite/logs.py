"""What logs must not hold: tokens in addresses, each of which opens bookings or an organisation, and crowds."""

import logging
import re

_TOKEN = re.compile(r"(/bookings/link/|/start/invitation/|/feeds/)[^/\s\"'?]+")


class TokenlessFormatter(logging.Formatter):
    """Writes ``…`` in place of tokens, wherever they come from: Django's messages about requests quote the path.

    A formatter and not a filter, so that it sees the whole text, tracebacks included.
    """

    def format(self, record):
        return _TOKEN.sub(r"\1…", super().format(record))


class WithoutRefusals(logging.Filter):
    """Leaves out Django's line for an answer that is part of the product: taken (409), too many requests (429).

    A thousand people who want one seat would be a thousand warnings. Who was turned away is counted (TurnedAway).
    """

    _ANSWERS = frozenset({409, 429})

    def filter(self, record):
        return getattr(record, "status_code", 0) not in self._ANSWERS
