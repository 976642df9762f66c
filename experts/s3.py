"""Keep photos and logos in a bucket that speaks S3 (AWS, MinIO, Ceph, R2 …) instead of a folder.

Five calls of a protocol that does not change, signed by AWS Signature Version 4, over the HTTP client that is here
anyway (docs/decisions/0058-pictures-in-a-bucket.md). Names are ours (experts/pictures.py): letters, digits, `/`, `-`
and `.`.
"""

import hashlib
import hmac
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree

import requests
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils import timezone
from django.utils.deconstruct import deconstructible

TIMEOUT = (3, 15)  # seconds to connect, and between bytes of an answer
_EMPTY = hashlib.sha256(b"").hexdigest()
_NAMES = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@deconstructible
class S3Storage(Storage):
    """A bucket, named by MEDIA_S3_URL: ``https://key:secret@host/bucket/folder?region=eu-central-1``.

    Whatever goes wrong is an OSError; what is not there a FileNotFoundError. Addresses are those of this site, which
    serves the pictures: browsers need no way to the bucket, which may be closed to everybody else.
    """

    def __init__(self) -> None:
        parts = urlsplit(settings.MEDIA_S3_URL)
        self._key, self._secret = unquote(parts.username or ""), unquote(parts.password or "")
        self._host = parts.netloc.rpartition("@")[2]
        self._root = f"{parts.scheme}://{self._host}"
        bucket, _slash, folder = parts.path.strip("/").partition("/")
        self._bucket, self._folder = f"/{bucket}", f"{folder}/" if folder else ""
        self._region = parse_qs(parts.query).get("region", ["us-east-1"])[0]
        self._local = threading.local()

    def exists(self, name: str) -> bool:
        try:
            self._ask("HEAD", name)
        except FileNotFoundError:
            return False
        return True

    def delete(self, name: str) -> None:
        self._ask("DELETE", name)

    def size(self, name: str) -> int:
        return int(self._ask("HEAD", name).headers["Content-Length"])

    def get_modified_time(self, name: str) -> datetime:
        return parsedate_to_datetime(self._ask("HEAD", name).headers["Last-Modified"])

    def url(self, name: str | None) -> str:
        return f"{settings.MEDIA_URL}{name}"

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return the folders and the files in a folder; nothing in one that does not exist."""
        prefix = f"{self._folder}{path.strip('/')}/"
        folders, files = [], []
        for page in self._pages(prefix):
            folders += [it.text or "" for it in page.iterfind(f"{_NAMES}CommonPrefixes/{_NAMES}Prefix")]
            files += [it.text or "" for it in page.iterfind(f"{_NAMES}Contents/{_NAMES}Key")]
        return [it.removeprefix(prefix).rstrip("/") for it in folders], [it.removeprefix(prefix) for it in files]

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        return ContentFile(self._ask("GET", name).content, name)

    def _save(self, name: str, content: "File[bytes]") -> str:
        self._ask("PUT", name, body=content.read())
        return name

    def _pages(self, prefix: str) -> Iterator[ElementTree.Element]:
        query = {"list-type": "2", "prefix": prefix, "delimiter": "/"}
        while True:
            # What the bucket says, which the operator has chosen, and not what people send.
            page = ElementTree.fromstring(self._send("GET", self._bucket, query=query).content)
            yield page
            if page.findtext(f"{_NAMES}IsTruncated") != "true":
                return
            query["continuation-token"] = page.findtext(f"{_NAMES}NextContinuationToken") or ""

    def _ask(self, method: str, name: str, *, body: bytes = b"") -> requests.Response:
        return self._send(method, f"{self._bucket}/{self._folder}{name}", body=body)

    def _send(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: bytes = b""
    ) -> requests.Response:
        path, asked = quote(path), urlencode(sorted((query or {}).items()), quote_via=quote, safe="")
        headers = signed_headers(
            method,
            path,
            asked,
            {"host": self._host},
            body,
            key=self._key,
            secret=self._secret,
            region=self._region,
            now=timezone.now(),
        )
        address = f"{self._root}{path}{f'?{asked}' if asked else ''}"
        try:
            answer = self._session.request(method, address, headers=headers, data=body, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise OSError(f"The bucket does not answer ({type(error).__name__})") from None
        if answer.status_code == 404 and b"NoSuchBucket" not in answer.content:
            raise FileNotFoundError(path)
        if not answer.ok:
            raise OSError(f"The bucket says {answer.status_code} to {method}")
        return answer

    @property
    def _session(self) -> requests.Session:
        """One for each thread: connections are kept open."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        found: requests.Session = self._local.session
        return found


def signed_headers(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    key: str,
    secret: str,
    region: str,
    now: datetime,
) -> dict[str, Any]:
    """Return the headers of a request with its signature (AWS Signature Version 4).

    ``path`` and ``query`` as they are sent, the latter in order; ``headers`` by names in small letters, with ``host``.
    """
    at = now.astimezone(UTC)
    digest = hashlib.sha256(body).hexdigest() if body else _EMPTY
    stamp = at.isoformat(timespec="seconds").partition("+")[0].replace("-", "").replace(":", "") + "Z"
    sent = dict(headers) | {"x-amz-content-sha256": digest, "x-amz-date": stamp}
    names = ";".join(sorted(sent))
    lines = "".join(f"{name}:{sent[name].strip()}\n" for name in sorted(sent))
    asked = "\n".join((method, path, query, lines, names, digest))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(asked.encode()).hexdigest()))
    sign = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        sign = hmac.digest(sign, part.encode(), "sha256")
    signature = hmac.new(sign, text.encode(), "sha256").hexdigest()
    authorization = f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return sent | {"authorization": authorization}
