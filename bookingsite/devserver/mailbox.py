"""The e-mails that were sent, for development: with DEBUG they are files, and these pages show them."""

import email
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import default as modern
from pathlib import Path

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp
from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

MOST_SHOWN = 100
SEPARATOR = b"\n" + b"-" * 79 + b"\n"  # written by Django's backend after each mail


@dataclass(frozen=True)
class Mail:
    """``key`` names it in addresses: its file, and its number in there."""

    key: str
    sent_at: datetime
    message: EmailMessage

    @property
    def subject(self) -> str:
        return self.message["Subject"] or ""

    @property
    def to(self) -> str:
        return self.message["To"] or ""

    @property
    def headers(self) -> list[tuple[str, str]]:
        names = ("From", "To", "Reply-To", "Date", "Message-ID")
        return [(name, self.message[name]) for name in names if self.message[name]]

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        body = self.message.get_body(preferencelist=(kind,))
        return body.get_content() if body else ""


@require_safe
@never_cache
def mailbox(request):
    return render(request, "dev/mailbox.html", {"mails": _mails(), "is_kept": bool(settings.EMAIL_FILE_PATH)})


@require_safe
@never_cache
def mail(request, key):
    return render(request, "dev/mail.html", {"mail": _find(key)})


@require_safe
@never_cache
@xframe_options_sameorigin
@csp(
    {
        "default-src": [NONE],
        "style-src": [UNSAFE_INLINE],  # mail programs know no other way
        "base-uri": [NONE],
        "form-action": [NONE],
        "frame-ancestors": [SELF],
        "sandbox": ["allow-top-navigation-by-user-activation"],
    }
)
def html(request, key):
    """The mail as it was sent, for a frame. Its links open in the window around the frame."""
    found = _find(key)
    if not found.html:
        raise Http404
    return HttpResponse(found.html.replace("<head>", '<head><base target="_top">', 1))


def _find(key: str) -> Mail:
    """The mail with this key. Looked for in the list: nothing that comes from an address is made a path."""
    for found in _mails():
        if found.key == key:
            return found
    raise Http404


def _mails() -> list[Mail]:
    """The latest mails, newest first."""
    folder = Path(settings.EMAIL_FILE_PATH or "-")
    if not settings.EMAIL_FILE_PATH or not folder.is_dir():
        return []
    files = sorted(((path.stat().st_mtime_ns, path) for path in folder.glob("*.log")), reverse=True)
    mails = []
    for changed, path in files[:MOST_SHOWN]:
        sent_at = datetime.fromtimestamp(changed / 1e9, tz=timezone.get_default_timezone())
        sources = [source for source in path.read_bytes().split(SEPARATOR) if source.strip()]
        for number, source in reversed(list(enumerate(sources))):
            mails.append(Mail(f"{path.stem}-{number}", sent_at, email.message_from_bytes(source, policy=modern)))
    return mails
