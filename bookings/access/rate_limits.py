"""Limit how often one visitor or network address may try something. Counted in Valkey; while it is down, no limits."""

import hashlib
import logging
import time
from collections.abc import Mapping
from functools import cache

from django.conf import settings
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from bookings.errors import TooMany

logger = logging.getLogger(__name__)
# A family books for its members; an office or a school shares one address.
PER_VISITOR = (parse("10/minute"), parse("60/hour"))
PER_ADDRESS = (parse("60/minute"), parse("600/hour"))
# Looking around moves a hold with each click.
HOLDS_PER_VISITOR = (parse("30/minute"), parse("300/hour"))
HOLDS_PER_ADDRESS = (parse("120/minute"), parse("1200/hour"))
# Somebody who guesses references can get a new identity for each guess, but not a new address.
LOOKUPS_PER_VISITOR = (parse("10/minute"), parse("50/hour"))
LOOKUPS_PER_ADDRESS = (parse("30/minute"), parse("300/hour"))
# Cancelling and moving one's own bookings.
CHANGES_PER_VISITOR = (parse("20/minute"), parse("100/hour"))
CHANGES_PER_ADDRESS = (parse("60/minute"), parse("600/hour"))
# Each move sends a mail, to an address that the visitor need not own.
CHANGES_PER_BOOKING = (parse("20/hour"),)
# Each booking sends a mail, and anybody can type anybody's address. A secretary books for a whole office.
PER_RECIPIENT = (parse("20/hour"),)
# Opening a full slot again and again counts once, and a crawler hardly at all.
WISHES_PER_VISITOR_AND_SLOT = (parse("1/hour"),)
WISHES_PER_ADDRESS = (parse("60/hour"),)

# A sign-up sends one mail, and nobody needs many organisations.
SIGN_UPS_PER_ADDRESS = (parse("10/hour"),)
SIGN_UPS_PER_RECIPIENT = (parse("3/hour"),)


def check_booking_limits(*, visitor: str = "", address: str, email: str) -> None:
    """Count one try to book. Raises TooMany, with the seconds to wait, when it is one too many.

    Programs have no ``visitor``.
    """
    recipient = hashlib.sha256(email.strip().casefold().encode()).hexdigest()
    _count(
        "book",
        {
            "visitor": (visitor, PER_VISITOR),
            "address": (address, PER_ADDRESS),
            "recipient": (recipient, PER_RECIPIENT),
        },
    )


def is_new_wish(*, visitor: str, address: str, slot_id: int) -> bool:
    """Whether opening a full slot counts as turned away: once an hour for each visitor and slot."""
    who = {
        "wish": (f"{visitor} {slot_id}", WISHES_PER_VISITOR_AND_SLOT),
        "address": (address, WISHES_PER_ADDRESS),
    }
    try:
        _count("wish", who)
    except TooMany:
        return False
    return True


def check_hold_limits(*, visitor: str, address: str) -> None:
    """Count one try to hold a slot. Raises TooMany, as for booking."""
    _count("hold", {"visitor": (visitor, HOLDS_PER_VISITOR), "address": (address, HOLDS_PER_ADDRESS)})


def check_change_limits(*, visitor: str = "", address: str, booking_id: int) -> None:
    """Count one try to cancel or to move a booking. Raises TooMany, as for booking."""
    _count(
        "change",
        {
            "visitor": (visitor, CHANGES_PER_VISITOR),
            "address": (address, CHANGES_PER_ADDRESS),
            "booking": (str(booking_id), CHANGES_PER_BOOKING),
        },
    )


def check_lookup_limits(*, visitor: str, address: str) -> None:
    """Count one try to look bookings up. Raises TooMany, as for booking."""
    _count("lookup", {"visitor": (visitor, LOOKUPS_PER_VISITOR), "address": (address, LOOKUPS_PER_ADDRESS)})


def check_sign_up_limits(*, address: str, email: str) -> None:
    """Count one try to set up an organisation. Raises TooMany, as for booking."""
    recipient = hashlib.sha256(email.strip().casefold().encode()).hexdigest()
    who = {"address": (address, SIGN_UPS_PER_ADDRESS), "recipient": (recipient, SIGN_UPS_PER_RECIPIENT)}
    _count("sign-up", who)


def _count(action: str, who: Mapping[str, tuple[str, tuple[RateLimitItem, ...]]]) -> None:
    if not settings.RATE_LIMITS:
        return
    try:
        for kind, (name, allowed) in who.items():
            for limit in allowed if name else ():
                if not _limiter().hit(limit, action, kind, name):
                    until = _limiter().get_window_stats(limit, action, kind, name).reset_time
                    raise TooMany(retry_after=max(1, int(until - time.time()) + 1))
    except StorageError as error:
        # Booking works while Valkey is down; a limit is not worth a refusal.
        logger.warning("Limits are off, Valkey did not answer: %s", type(error.storage_error).__name__)


@cache
def _limiter() -> FixedWindowRateLimiter:
    url = settings.REDIS_URL
    return FixedWindowRateLimiter(
        storage_from_string(
            f"redis+{url}" if url.startswith("unix://") else url,
            wrap_exceptions=True,
            key_prefix=f"{settings.REDIS_KEY_PREFIX}:limits",
            socket_timeout=0.5,
            socket_connect_timeout=0.5,
        )
    )
