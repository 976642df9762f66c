"""Refuse bodies that nobody expects before anything else is done for the request: by its headers, unread."""

import re

from django.core.exceptions import SuspiciousMultipartForm
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpResponse
from django.utils.translation import gettext as _

from experts.pictures import MOST_BYTES

KIB = 1024
FORM, MULTIPART, JSON = "application/x-www-form-urlencoded", "multipart/form-data", "application/json"
_DIGITS = 15
WITHOUT_BODY = ("GET", "HEAD", "OPTIONS", "TRACE")
# The only addresses that take a file: one, of what a photo or a logo may have (experts/admin/pictures.py), or a table
# to import, of 5 MiB (bookings/admin/imports.py). Their views read the body last of all.
PICTURES = re.compile(r"/admin/experts/(?:expert|organization)/[0-9]{1,19}/picture/")
TABLES = re.compile(r"/admin/import/")
UPLOADS = re.compile(f"{PICTURES.pattern}|{TABLES.pattern}")
# By the beginning of the address, the first that fits: what a body may be, and its most bytes. Of all that people type
# the notes are longest: 2,000 characters, each of which may take 12 bytes in a form.
EXPECTED = [
    # With what a form needs around the file.
    (PICTURES, {MULTIPART}, MOST_BYTES + 64 * KIB),
    (TABLES, {FORM, MULTIPART}, 6 * 1024 * KIB),
    # Nothing but JSON: a form of another site is sent without asking us first, JSON is not (CORS).
    ("/api/", {JSON}, 128 * KIB),
    ("/admin/", {FORM, MULTIPART}, 512 * KIB),
    # What mail services tell: each in its own way, some about many mails at once, Amazon as text.
    ("/mail/events/", {FORM, MULTIPART, JSON, "text/plain"}, 1024 * KIB),
    ("/", {FORM, MULTIPART}, 64 * KIB),
]


class BodyMiddleware:
    """Answers 400, 411, 413 or 415 to a body where none belongs, of unknown or too great a length, or of another type.

    A form that brings a file is refused (400), whatever is in it, but at ``UPLOADS``.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self._refusal(request) or self.get_response(request)

    def _refusal(self, request) -> HttpResponse | None:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return _refuse(411, _("Say how long the body is, with Content-Length."))
        if not (length.isascii() and length.isdecimal()):
            return _refuse(400, _("Content-Length must be a number."))
        size = int(length[:_DIGITS])  # Python refuses to read thousands of digits
        if not size:
            return None
        if request.method in WITHOUT_BODY:
            return _refuse(400, _("A request that only reads has no body."))
        types, most = next((types, most) for where, types, most in EXPECTED if _is_at(request.path, where))
        if request.content_type not in types:
            return _refuse(415, _("We cannot read a body of this type here."))
        if request.content_type == MULTIPART and not UPLOADS.fullmatch(request.path):
            request.upload_handlers = [NoFiles(request)]
        if size > most:
            return _refuse(413, _("This is too large to send."))
        return None


class NoFiles(FileUploadHandler):
    """Refuses the first file of a form, before anything of it is kept."""

    def new_file(self, *args, **kwargs):
        raise SuspiciousMultipartForm("a file that no field asks for")

    def receive_data_chunk(self, raw_data, start):
        raise AssertionError("new_file has refused it")

    def file_complete(self, file_size):
        return None


def _is_at(path: str, where: str | re.Pattern[str]) -> bool:
    return path.startswith(where) if isinstance(where, str) else bool(where.fullmatch(path))


def _refuse(status: int, text: str) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
