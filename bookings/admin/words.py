"""How the pages about bookings write things."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format

from experts.timezones import offset_label


def instant(at: datetime) -> str:
    """In the zone of this browser, which is named: it need not be the expert's."""
    zone = timezone.get_current_timezone()
    return f"{date_format(at.astimezone(zone), 'D j M Y, H:i')} ({offset_label(zone, at)})"
