"""A program that uses the API, through Django's test client."""

import json
from functools import partial

from django.test import Client

from bookings import services
from bookings.models import ApiToken
from bookingsite.web_worker import VISITS
from tests.household import Household


class Caller:
    """Calls below /api/v1; with a token, as its bearer. Answers have ``status_code`` and ``json()``."""

    def __init__(self, token: str = "", *, visits: bool = True, **environ: str):
        self._visits = visits  # as `web` answers some calls (bookingsite/web_worker.py)
        self._client = Client(headers={"Authorization": f"Bearer {token}"} if token else None, **environ)

    def get(self, path: str, query: dict | None = None, **headers: str):
        return self._client.get(f"/api/v1{path}", query, headers=headers)

    def send(self, method: str, path: str, body=None, **headers: str):
        data = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        call = partial(self._client.generic, method, f"/api/v1{path}", data, "application/json", headers=headers)
        is_visit = self._visits and VISITS.match(f"{method} /api/v1{path} ".encode())
        return Household().visit(call) if is_visit else call()

    def post(self, path: str, body=None, **headers: str):
        return self.send("POST", path, body, **headers)


def with_key(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


LENA = {"name": "Lena Fischer", "email": "lena@example.com"}


def make_token(organization, **values) -> str:
    """The secret of a new token that may write."""
    token = ApiToken(**{"organization": organization, "name": "Till", "scope": ApiToken.Scope.WRITE} | values)
    return services.create_token(token=token)
