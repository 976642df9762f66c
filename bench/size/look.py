"""A look: something that is done to see what it costs."""

from collections.abc import Callable
from typing import Any

from django.test import Client

Look = Callable[[], object]


def got(client: Client, path: str, **query: Any) -> Look:
    """Get a page, and be sure that it is one."""

    def look() -> None:
        response = client.get(path, query, follow=True)
        assert response.status_code == 200, (path, query, response.status_code)
        if response.streaming:
            b"".join(response.streaming_content)  # type: ignore[arg-type]  # of a WSGI client

    return look
