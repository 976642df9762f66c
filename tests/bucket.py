"""A bucket of our own that speaks as much of S3 as pictures need, over HTTP, and takes nothing unsigned."""

import threading
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from experts.s3 import signed_headers

KEY, SECRET, REGION = "AKIAEXAMPLE", "a secret/with+signs", "eu-test-1"


class Bucket:
    """``files``: what lies in it, by name. ``is_away``: answers 503. Lists ``page`` names at a time."""

    def __init__(self, page: int = 2) -> None:
        self.files: dict[str, bytes] = {}
        self.refused: list[str] = []
        self.is_away = False
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if bucket.is_away:
                    return self.answer(503)
                if not self.is_signed(parts, body):
                    bucket.refused.append(self.path)
                    return self.answer(403, b"<Code>SignatureDoesNotMatch</Code>")
                _empty, _name, *rest = unquote(parts.path).split("/", 2)
                name = rest[0] if rest else ""
                if not name:
                    return self.answer(200, bucket.listing(parse_qs(parts.query), page))
                if self.command == "PUT":
                    bucket.files[name] = body
                    return self.answer(200)
                if name not in bucket.files:
                    return self.answer(204 if self.command == "DELETE" else 404, b"<Code>NoSuchKey</Code>")
                if self.command == "DELETE":
                    del bucket.files[name]
                    return self.answer(204)
                return self.answer(200, bucket.files[name])

            do_GET = do_PUT = do_HEAD = do_DELETE = handle_one

            def is_signed(self, parts, body: bytes) -> bool:
                stamp = self.headers.get("x-amz-date", "")
                if not stamp:
                    return False
                at = datetime.strptime(stamp, "%Y%m%dT%H%M%S%z")  # a protocol's
                wanted = signed_headers(
                    self.command,
                    parts.path,
                    parts.query,
                    {"host": self.headers["Host"]},
                    body,
                    key=KEY,
                    secret=SECRET,
                    region=REGION,
                    now=at,
                )
                return wanted["authorization"] == self.headers.get("Authorization")

            def answer(self, status: int, content: bytes = b"") -> None:
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.send_header("Last-Modified", format_datetime(datetime.now(UTC), usegmt=True))
                self.end_headers()
                if self.command != "HEAD" and status != 204:
                    self.wfile.write(content)

            def log_message(self, *args) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def url(self, folder: str = "", secret: str = "a%20secret%2Fwith%2Bsigns") -> str:
        where = f"127.0.0.1:{self._server.server_address[1]}"
        return f"http://{KEY}:{secret}@{where}/pictures{folder}?region={REGION}"

    def listing(self, query: dict[str, list[str]], page: int) -> bytes:
        prefix = query["prefix"][0]
        below = sorted(name for name in self.files if name.startswith(prefix))
        found = {
            prefix + name.removeprefix(prefix).split("/")[0] + ("/" if "/" in name.removeprefix(prefix) else "")
            for name in below
        }
        start = int(query.get("continuation-token", ["0"])[0])
        shown, rest = sorted(found)[start : start + page], len(found) > start + page
        rows = "".join(
            f"<CommonPrefixes><Prefix>{escape(it)}</Prefix></CommonPrefixes>"
            if it.endswith("/")
            else f"<Contents><Key>{escape(it)}</Key></Contents>"
            for it in shown
        )
        more = f"<NextContinuationToken>{start + page}</NextContinuationToken>" if rest else ""
        return (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(rest).lower()}</IsTruncated>{more}{rows}</ListBucketResult>"
        ).encode()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
