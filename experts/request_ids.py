"""The name of a request, by which what it caused is found in the logs: in other processes, too."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LONGEST = 100  # characters
current: ContextVar[str] = ContextVar("request_id", default="")  # "" outside of requests
_USUAL = re.compile(rf"[\w.:/+=@-]{{1,{LONGEST}}}")


def make(wanted: str = "") -> str:
    """Return ``wanted`` if it can be a name, else a new one."""
    return wanted if _USUAL.fullmatch(wanted) else secrets.token_hex(8)


@contextmanager
def under(name: str) -> Iterator[None]:
    """Do what the block does under the name of the request that caused it; "" for none."""
    token = current.set(name)
    try:
        yield
    finally:
        current.reset(token)
