"""Limit how often one visitor or network address may try something.

Counted in Valkey for all processes together; while it is away, by each process for itself (process_counts.py).
"""

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

import redis
from django.conf import settings
from limits import RateLimitItem, parse
from redis.commands.core import Script
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bookings.access.process_counts import ProcessCounts
from bookings.errors import TooMany
from experts.outages import SELDOM
from experts.valkey import connection_pool
from experts.waiting import AskedTogether, current_visit

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
# Opening a full slot again and again counts once, and a crawler hardly at all.
WISHES_PER_VISITOR_AND_SLOT = (parse("1/hour"),)
WISHES_PER_ADDRESS = (parse("60/hour"),)

# A picture takes some 50 ms of CPU. Messengers ask for those of all their people from a few addresses.
PICTURES_PER_ADDRESS = (parse("60/minute"), parse("1200/hour"))

# Nobody needs many organisations.
SIGN_UPS_PER_ADDRESS = (parse("10/hour"),)


def check_booking_limits(*, visitor: str = "", address: str) -> None:
    """Count one try to book. Raises TooMany, with the seconds to wait, when it is one too many.

    Programs have no ``visitor``. Nothing is counted for the e-mail address: the answers would tell whether somebody has
    booked with it. Its mails are limited where they leave (bookings/mail/limits.py).
    """
    _count("book", {"visitor": (visitor, PER_VISITOR), "address": (address, PER_ADDRESS)})


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


def check_sign_up_limits(*, address: str) -> None:
    """Count one try to set up an organisation. Raises TooMany, as for booking; the mails as for booking, too."""
    _count("sign-up", {"address": (address, SIGN_UPS_PER_ADDRESS)})


def check_picture_limits(*, address: str) -> None:
    """Count one picture that is drawn. Raises TooMany, as for booking."""
    _count("picture", {"address": (address, PICTURES_PER_ADDRESS)})


def _count(action: str, who: Mapping[str, tuple[str, tuple[RateLimitItem, ...]]]) -> None:
    """Count one try for each limit, unless one of them refuses it: then it counts for none."""
    if not settings.RATE_LIMITS:
        return
    limits = [(limit, kind, name) for kind, (name, allowed) in who.items() if name for limit in allowed]
    keys = [f"{settings.REDIS_KEY_PREFIX}:limits:{limit.key_for(action, kind, name)}" for limit, kind, name in limits]
    arguments = [number for limit, _kind, _name in limits for number in (limit.amount, limit.get_expiry())]
    try:
        wait: Any = _ask_together((keys, arguments)) if current_visit() else _ask([(keys, arguments)])[0]
    except RedisError as error:
        name = type(error).__name__
        logger.warning("This process counts for itself, Valkey did not answer: %s", name, extra=SELDOM)
        counted = zip(keys, (limit for limit, _kind, _name in limits), strict=True)
        wait = _own_counts.count([(key, limit.amount, limit.get_expiry()) for key, limit in counted])
    if wait:
        raise TooMany(retry_after=int(wait))


_own_counts = ProcessCounts()
# One question for all limits of a request. Answers 0, or the seconds until the first limit that refuses has room again.
_SCRIPT = """
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[2 * i - 1]) then
        return math.max(1, redis.call('TTL', key) + 1)
    end
end
for i, key in ipairs(KEYS) do
    if redis.call('INCR', key) == 1 then
        redis.call('EXPIRE', key, ARGV[2 * i])
    end
end
return 0
"""


_Question = tuple[list[str], list[int]]  # the script's keys and arguments


def _ask(questions: list[_Question]) -> list[Any]:
    """Run the script for each: by hand, which takes half the CPU, and in the client's own way where something is odd.

    A Valkey that does not answer in time is not asked again: everybody would wait twice as long.
    """
    script = _script()
    client: Any = script.registered_client  # redis has no types for its pool
    pool = client.connection_pool
    connection = pool.get_connection()
    try:
        commands = [("EVALSHA", script.sha, len(keys), *keys, *arguments) for keys, arguments in questions]
        connection.send_packed_command(connection.pack_commands(commands))
        return [connection.read_response() for _command in commands]
    except RedisError as error:
        connection.disconnect()
        if isinstance(error, RedisTimeoutError):
            raise
    finally:
        pool.release(connection)
    return [script(keys, arguments) for keys, arguments in questions]


_ask_together: AskedTogether[Any] = AskedTogether(_ask)


@cache
def _script() -> Script:
    pool = connection_pool(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
    return redis.Redis(connection_pool=pool).register_script(_SCRIPT)
