"""A visitor without a browser: plain HTTP to a running server, with cookies, and no redirects followed."""

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass


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
