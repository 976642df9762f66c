"""A provider of OpenID Connect, as small as can be, on loopback: it says who somebody is and signs it."""

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CLIENT, SECRET = "expertbook", "the-client's-own-secret"


class Provider:
    """Whoever asks is ``person`` (their claims), at once. ``signs_with`` and ``id_claims`` make it lie.

    ``asks`` shows a page with a link first; ``down`` answers 503; ``ended`` tokens are known no more; ``asked`` counts
    the questions about somebody, and ``all_asked`` those about anything.
    """

    def __init__(self) -> None:
        self.person: dict[str, Any] = {}
        self.id_claims: dict[str, Any] = {}
        self.signs_with = KEY
        self.asks = self.down = False
        self.ended: set[str] = set()
        self.asked = self.all_asked = 0
        self.codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
        self._server.provider = self
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def tokens(self) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": self.person["sub"], "iat": now, "exp": now + 300}
        id_token = jwt.encode(claims | self.id_claims, self.signs_with, "RS256", {"kid": "one"})
        access, refresh = secrets.token_hex(8), secrets.token_hex(8)
        return {"access_token": access, "refresh_token": refresh, "id_token": id_token, "token_type": "Bearer"}


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        provider, address = self.server.provider, urlsplit(self.path)
        provider.all_asked += 1
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        if provider.down:
            return self._send({}, 503)
        if address.path == "/.well-known/openid-configuration":
            pages = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
            config = {f"{name}_endpoint": f"{provider.issuer}/{page}" for name, page in pages.items()}
            return self._send(config | {"issuer": provider.issuer, "jwks_uri": f"{provider.issuer}/keys"})
        if address.path == "/keys":
            public = json.loads(RSAAlgorithm.to_jwk(KEY.public_key()))
            return self._send({"keys": [public | {"kid": "one", "alg": "RS256", "use": "sig"}]})
        if address.path == "/authorize" and provider.asks:
            provider.asks = False
            return self._send_page(f'<h1>Who are you?</h1><a href="{html.escape(self.path)}">Go on as Noor</a>')
        if address.path == "/authorize":
            code = secrets.token_hex(8)
            provider.codes[code] = asked
            return self._redirect(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")
        provider.asked += 1
        if self.headers["Authorization"].removeprefix("Bearer ") in provider.ended:
            return self._send({}, 401)
        return self._send(provider.person)

    def do_POST(self) -> None:
        provider = self.server.provider
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if form.get("client_secret") != SECRET and self.headers.get("Authorization") != f"Basic {basic}":
            return self._send({"error": "invalid_client"}, 401)
        if form["grant_type"] == "refresh_token":
            return self._send({}, 400) if form["refresh_token"] in provider.ended else self._send(provider.tokens())
        asked = provider.codes.pop(form["code"])
        verifier = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert asked["code_challenge"] == base64.urlsafe_b64encode(verifier).decode().rstrip("="), "PKCE"
        return self._send(provider.tokens())

    def _send(self, content: dict[str, Any], status: int = 200) -> None:
        self._send_body(json.dumps(content), "application/json", status)

    def _send_page(self, content: str) -> None:
        self._send_body(content, "text/html", 200)

    def _send_body(self, content: str, type_: str, status: int) -> None:
        body = content.encode()
        self.send_response(status)
        self.send_header("Content-Type", type_)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self, url: str) -> None:
        self.send_response(302)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass
