"""The time that is left of a hold, for pages: told once by the server, counted down by static/js/holds.js."""

import math
from datetime import datetime, timedelta

from django.utils import timezone


class Countdown:
    """``left`` of ``total``, in seconds: a page counts from there, so that a clock that is wrong does no harm."""

    def __init__(self, until: datetime, span: timedelta | None = None):
        self.until = until
        self.left = max(0, math.ceil((until - timezone.now()).total_seconds()))
        self.total = max(self.left, int(span.total_seconds()) if span else 0)

    @property
    def key(self) -> str:
        """Names the hold's end, for the page to know whether it is the one that it counts already."""
        return str(int(self.until.timestamp() * 1000))
