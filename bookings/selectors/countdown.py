"""Say how much time a hold has left. Pages are told once; static/js/holds.js counts down from there."""

import math
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.timezone import get_current_timezone

from experts.formatting import clock


class Countdown:
    """``left`` of ``total`` seconds until ``until``. In seconds, as the visitor's clock may be wrong."""

    def __init__(self, until: datetime, span: timedelta | None = None):
        self.until = until
        self.left = max(0, math.ceil((until - timezone.now()).total_seconds()))
        self.total = max(self.left, int(span.total_seconds()) if span else 0)

    @property
    def key(self) -> str:
        """Identify the end of the hold (milliseconds since 1970), so that a page knows whether it counts it already."""
        return str(int(self.until.timestamp() * 1000))

    @property
    def time(self) -> str:
        """``16:04``, when it is over by the clock that the page goes by."""
        return clock(self.until, get_current_timezone())
