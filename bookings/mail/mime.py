"""Write an e-mail as bytes, as Django and Python's library do, in a tenth of the time.

They parse and fold each header and copy each part several times; of a mail of ours the parts and most headers are the
same each time. tests/bookings/mail/test_mime.py holds every mail against theirs. What is out of the ordinary is left to
them: a line that is too long, a header that has to be folded or encoded.
"""

import re
import secrets
import smtplib
from email._policybase import Compat32
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import (
    RFC5322_EMAIL_LINE_LENGTH_LIMIT,
    SafeMIMEText,
    forbid_multi_line_headers,
    sanitize_address,
)

_END = "\r\n"
_POLICY = Compat32(linesep=_END)
_MOST = 78  # characters of a line of a header
_WORDS = re.compile(r"[!-~]+(?: [!-~]+)*")  # printable, with single blanks
_ONE_WORD = re.compile(r"[!-+\-.-:<-~]+")  # nothing at which a header may be broken
_PLAIN_ADDRESS = re.compile(r"[\w+-]+(\.[\w+-]+)*@([a-zA-Z0-9-]{1,63}\.)+[a-zA-Z0-9-]{1,63}", re.ASCII)
_HANDLED = {"from", "to", "cc", "reply-to"}  # as Django does, before the other headers


def as_bytes(mail: EmailMultiAlternatives) -> bytes:
    """Return what ``mail.message().as_bytes(linesep="\\r\\n")`` does, with other lines between its parts."""
    written = _written(mail)
    if written is not None:
        return written
    message: Any = mail.message()  # the stubs know it as one of Python's
    return bytes(message.as_bytes(linesep=_END))


def envelope_address(address: str) -> str:
    """Return an address as it is told to the mail server: without a name, in angle brackets."""
    return f"<{address}>" if _PLAIN_ADDRESS.fullmatch(address) else _sanitized(address)


@lru_cache(maxsize=256)  # the sender's is always the same
def _sanitized(address: str) -> str:
    return smtplib.quoteaddr(sanitize_address(address, settings.DEFAULT_CHARSET))


def _written(mail: EmailMultiAlternatives) -> bytes | None:
    """Return the mail; None where it is out of the ordinary."""
    if not mail.body or not mail.alternatives or mail.encoding or mail.bcc or mail.cc:
        return None
    others: Any = mail.alternatives  # the stubs know them as plain tuples
    bodies = [("text/plain", mail.body, ""), *((each.mimetype, each.content, "") for each in others)]
    files = [(str(file[2]), file[1], str(file[0] or "")) for file in mail.attachments if isinstance(file, tuple)]
    texts: list[bytes] = []
    for mimetype, content, name in [*bodies, *files]:
        part = _part(str(mimetype), content, name)
        if part is None:
            return None
        texts.append(part)
    if len(files) != len(mail.attachments) or "message-id" not in {name.lower() for name in mail.extra_headers}:
        return None
    head, body = _joined("alternative", texts[: len(bodies)])
    if files:
        head, body = _joined("mixed", [f"{head}{_END}".encode() + body, *texts[len(bodies) :]])
    return f"{head}{''.join(_headers(mail))}{_END}".encode() + body


def _headers(mail: EmailMultiAlternatives) -> list[str]:
    """The headers in the order in which Django writes them."""
    extra = mail.extra_headers
    headers = [_header("Subject", str(mail.subject)), _header("From", extra.get("From", mail.from_email))]
    for name, addresses in (("To", mail.to), ("Reply-To", mail.reply_to)):
        if value := extra.get(name) or ", ".join(map(str, addresses)):
            headers.append(_header(name, value))
    if "date" not in {name.lower() for name in extra}:
        headers.append(f"Date: {formatdate(localtime=settings.EMAIL_USE_LOCALTIME)}{_END}")
    return headers + [_header(name, value) for name, value in extra.items() if name.lower() not in _HANDLED]


def _header(name: str, value: str) -> str:
    value = str(value)
    length = len(name) + 2 + len(value)
    if length <= _MOST - 2 and _WORDS.fullmatch(value) and "=?" not in value:
        return f"{name}: {value}{_END}"
    if length > _MOST and name.lower() != "subject" and _ONE_WORD.fullmatch(value) and "=?" not in value:
        return f"{name}: {_END} {value}{_END}"
    return _folded(name, value)


@lru_cache(maxsize=1024)
def _folded(name: str, value: str) -> str:
    """A header as Django and Python encode and fold it. Raises BadHeaderError for line breaks."""
    return _POLICY.fold_binary(*forbid_multi_line_headers(name, value, settings.DEFAULT_CHARSET)).decode()


def _part(mimetype: str, content: object, filename: str) -> bytes | None:
    """A part with its headers; None for what is no text, or has lines that would have to be broken."""
    if not isinstance(content, str) or not mimetype.startswith("text/"):
        return None
    if "\r" in content:
        content = content.replace("\r\n", "\n").replace("\r", "\n")
    text = content.replace("\n", _END)
    try:
        written = text.encode()
    except UnicodeEncodeError:
        return None
    if len(written) > RFC5322_EMAIL_LINE_LENGTH_LIMIT and any(
        len(line) > RFC5322_EMAIL_LINE_LENGTH_LIMIT for line in written.split(b"\n")
    ):
        return None
    return _part_head(mimetype, filename, text.isascii()) + written


@lru_cache(maxsize=64)
def _part_head(mimetype: str, filename: str, is_ascii: bool) -> bytes:
    """The headers of a part, with the empty line after them, as Django writes them."""
    part = SafeMIMEText("a" if is_ascii else "ä", mimetype.partition("/")[2], settings.DEFAULT_CHARSET)
    if filename:
        value: str | tuple[str, str, str] = filename if filename.isascii() else ("utf-8", "", filename)
        part.add_header("Content-Disposition", "attachment", filename=value)
    head, _empty_line, _content = part.as_bytes(linesep=_END).partition(b"\r\n\r\n")
    return head + b"\r\n\r\n"


def _joined(subtype: str, parts: list[bytes]) -> tuple[str, bytes]:
    """The first headers of parts that belong together; the parts, with a line between them that nobody can guess."""
    boundary = f"=_{secrets.token_hex(16)}"
    start = f"Content-Type: multipart/{subtype};"
    fold = " " if len(start) + len(boundary) + len(' boundary=""') <= _MOST else f"{_END} "
    head = f'{start}{fold}boundary="{boundary}"{_END}MIME-Version: 1.0{_END}'
    line = f"--{boundary}".encode()
    body = b"".join([line + b"\r\n" + part + b"\r\n" for part in parts])
    return head, body + line + b"--\r\n"
