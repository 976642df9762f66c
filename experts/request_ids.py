"""The name of a request, by which what it caused is found in the logs: in other processes, too."""

import re
import secrets
from contextvars import ContextVar

current: ContextVar[str] = ContextVar("request_id", default="")  # "" outside of requests
_USUAL = re.compile(r"[\w.:/+=@-]{1,100}")


def make(wanted: str = "") -> str:
    """Return ``wanted`` if it can be a name, else a new one."""
    return wanted if _USUAL.fullmatch(wanted) else secrets.token_hex(8)
