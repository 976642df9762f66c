"""A visitor without a browser: plain HTTP to a running server, with cookies, and no redirects followed."""

import http.client
import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    def hidden(self, name: str) -> str:
        """The value of a form's hidden input."""
        tag = next(tag for tag in re.findall(r"<input[^>]*>", self.body) if f'name="{name}"' in tag)
        return re.search(r'value="([^"]*)"', tag)[1]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None


class Visitor:
    """One browser's worth of cookies."""

    def __init__(self, base_url: str):
        self.base_url = base_url
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies, _NoRedirect, urllib.request.ProxyHandler({}))

    def get(self, path: str) -> Answer:
        return self._send(urllib.request.Request(self.base_url + path))

    def post(self, path: str, **fields: str) -> Answer:
        data = urllib.parse.urlencode(fields).encode()
        return self._send(urllib.request.Request(self.base_url + path, data=data, headers={"Origin": self.base_url}))

    def open_form(self, slot) -> dict[str, str]:
        """Open the slot's booking page; the hidden fields that every later step needs."""
        page = self.get(f"/slots/{slot.pk}/book/")
        return {"csrfmiddlewaretoken": page.hidden("csrfmiddlewaretoken"), "key": page.hidden("key")}

    def confirm(self, slot, hidden: dict[str, str], **details: str) -> Answer:
        fields = {"name": "Lena Fischer", "email": "lena@example.com", "agree": "on", "step": "confirm"} | hidden
        return self.post(f"/slots/{slot.pk}/book/", **fields | details)

    def _send(self, request) -> Answer:
        try:
            response = self._opener.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            return Answer(response.status, dict(response.headers), response.read().decode())


@dataclass(frozen=True)
class Told:
    """What came of a request: a status, or instead of one the name of the error when there was no answer."""

    status: int | str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case


def ask(
    port: int,
    method: str,
    path: str,
    body: str | bytes = "",
    headers: Mapping[str, str] | None = None,
    *,
    seconds: float = 20,
) -> Told:
    """Send one request to 127.0.0.1, on a connection of its own. Never raises for what becomes of it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        said = {name.lower(): value for name, value in answer.getheaders()}
        return Told(answer.status, answer.read(), said)
    except (OSError, http.client.HTTPException) as error:
        return Told(type(error).__name__)
    finally:
        connection.close()
