"""One HTTP request to somebody else's server, which may do as it likes: bounded in time and size, and never led astray.

The name is resolved here, each of its addresses is checked, and the connection goes to one of those very addresses:
a name that means another machine a moment later changes nothing. Redirects are not followed (Standard Webhooks
advises against it), so there is no second address to check.
"""

import functools
import http.client
import io
import socket
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.validators import is_public, split_url

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
MOST_READ = 16 * 1024  # bytes of an answer
MOST_ADDRESSES = 4  # of one name that are tried
# What socket.getaddrinfo tells of each: family, kind, protocol, name, address.
_Address = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt: the status and the beginning of the answer, or the error in words for people."""

    status: int | None = None
    text: str = ""
    error: str = ""
    retry_after: int = 0  # seconds that the receiver asked for

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class _NotPublicError(Exception):
    pass


def post(url: str, body: bytes, headers: dict[str, str]) -> Outcome:
    """Send ``body`` and read the beginning of the answer. Never raises for what the receiver does."""
    deadline = time.monotonic() + TOTAL_SECONDS
    try:
        return _post(url, body, headers, deadline)
    except ValidationError as error:  # the settings have changed since it was saved
        return Outcome(error=" ".join(error.messages))
    except _NotPublicError:
        return Outcome(error=_("Not sent: this name does not lead to a public address."))
    except socket.gaierror:
        return Outcome(error=_("There is no such name."))
    except TimeoutError:
        return Outcome(error=_("No answer in time."))
    except ssl.SSLCertVerificationError as error:
        return Outcome(error=_("The certificate is not valid: %(reason)s") % {"reason": error.verify_message})
    except ssl.SSLError as error:
        return Outcome(error=_("No secure connection: %(reason)s") % {"reason": error.reason or ""})
    except (http.client.HTTPException, ValueError):
        return Outcome(error=_("The answer is not HTTP."))
    except OSError as error:
        return Outcome(error=error.strerror or _("No connection."))


def _post(url: str, body: bytes, headers: dict[str, str], deadline: float) -> Outcome:
    parts = split_url(url)
    is_https = parts.scheme == "https"
    host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port or (443 if is_https else 80)
    sock = _connect(_addresses(host, port), deadline)
    try:
        sock.settimeout(_left(deadline))
        if is_https:
            sock = _tls().wrap_socket(sock, server_hostname=host)
        connection = (http.client.HTTPSConnection if is_https else http.client.HTTPConnection)(host, port)
        connection.sock = _Line(sock, deadline)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(
            "POST",
            target,
            body,
            {"Content-Type": "application/json", "User-Agent": "ExpertBook-Webhooks", "Connection": "close"} | headers,
        )
        response = connection.getresponse()
        return Outcome(
            status=response.status,
            text=_beginning(response),
            error=_("Redirects are not followed. Enter the final address.") if 300 <= response.status < 400 else "",
            retry_after=_seconds(response.headers.get("Retry-After", "")),
        )
    finally:
        sock.close()


def _addresses(host: str, port: int) -> list[_Address]:
    """What the name means, at this moment and for all that follows. Raises _NotPublicError if any of it is not public.

    Any and not all: a name that leads to inside and outside is no honest mistake.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not settings.WEBHOOKS_ALLOW_PRIVATE and not all(is_public(str(info[4][0])) for info in found):
        raise _NotPublicError
    return list(found[:MOST_ADDRESSES])


def _connect(addresses: list[_Address], deadline: float) -> socket.socket:
    error: OSError = ConnectionError()
    for family, kind, protocol, _name, address in addresses:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(min(CONNECT_SECONDS, _left(deadline)))
            sock.connect(address)
            return sock
        except OSError as failure:
            sock.close()
            error = failure
    raise error


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Line:
    """A socket whose every wait ends at one deadline: a time-out of each wait would let an answer drip for ever."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Received(self._sock, self._deadline))

    def close(self) -> None:
        """http.client closes before the answer is read; ``_post`` does after."""


class _Received(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)


def _beginning(response: http.client.HTTPResponse) -> str:
    """The first of the answer's text. The status counts, even when the text never ends."""
    received = b""
    try:
        while len(received) < MOST_READ and (part := response.read1(MOST_READ - len(received))):
            received += part
    except (OSError, http.client.HTTPException, ValueError):
        pass
    return received.decode(errors="replace").replace("\x00", "�")


def _seconds(retry_after: str) -> int:
    """``Retry-After`` in seconds, from either of its forms; 0 for none."""
    if retry_after.isascii() and retry_after.isdecimal():
        return int(retry_after[:9])
    try:
        return max(0, int((parsedate_to_datetime(retry_after) - timezone.now()).total_seconds()))
    except (ValueError, TypeError):
        return 0
