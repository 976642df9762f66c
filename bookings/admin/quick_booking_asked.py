"""What the form of a quick booking holds, as it was sent."""

import re
import secrets
from dataclasses import dataclass

from bookings.forms import new_key
from bookings.selectors.times_for_staff import Pick
from experts.admin.base import read_key

NEW = "new"  # instead of the booking of a person
LONGEST = 200
_DESK = re.compile(r"[0-9a-f]{16}")


@dataclass
class QuickBookingQuery:
    """What the form holds: see templates/admin/_quick_booking.html."""

    organization: int = 0
    who: str = ""
    sought: str = ""  # the words for which the person was chosen
    person: str = ""
    name: str = ""
    phone: str = ""
    email: str = ""
    what: str = ""
    kind: str = ""
    pick: Pick | None = None
    seats: int = 1
    desk: str = ""
    key: str = ""
    tell: bool = True

    @classmethod
    def read(cls, data) -> "QuickBookingQuery":
        texts = ("who", "sought", "person", "name", "phone", "email", "what", "kind", "desk", "key")
        asked = cls(**{name: data.get(name, "").strip()[:LONGEST] for name in texts})
        asked.organization, asked.seats = read_key(data.get("organization", "")), read_key(data.get("seats", "")) or 1
        asked.pick = Pick.read(data.get("pick", ""))
        asked.tell = "tell" in data or "tells" not in data  # the box is there only where somebody has an address
        if not _DESK.fullmatch(asked.desk):
            asked.desk = secrets.token_hex(8)
        if not asked.key:
            asked.key = new_key()
        return asked
