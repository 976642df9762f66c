"""Find Valkey or Redis by REDIS_URL: one server, or whichever the sentinels say is the primary at the moment."""

from typing import Any
from urllib.parse import unquote

import redis

SENTINEL = "redis+sentinel://"


def connection_pool(url: str, **options: Any) -> redis.ConnectionPool:
    """Return a pool of connections. ``options`` as redis takes them, such as ``socket_timeout`` in seconds."""
    host = channel_host(url)
    if isinstance(host, str):
        return redis.ConnectionPool.from_url(host, **options)
    timeouts = {name: value for name, value in options.items() if name in ("socket_timeout", "socket_connect_timeout")}
    sentinels, name = host.pop("sentinels"), host.pop("master_name")
    sentinel = redis.Sentinel(sentinels, sentinel_kwargs=timeouts)  # type: ignore[no-untyped-call]  # redis has no types for it
    host.pop("sentinel_kwargs")
    return redis.SentinelConnectionPool(name, sentinel, **host, **options)  # type: ignore[no-untyped-call]  # redis has no types for it


class Pool(redis.ConnectionPool):
    """For Django's cache, which makes its pools so."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Any:
        return connection_pool(url, **options)


def channel_host(url: str) -> Any:
    """Return what channels-redis takes for a host: the address itself, or a dict for sentinels.

    ``redis+sentinel://user:password@host:26379,host:26379/name/0``: the sentinels, the name that they have for the
    primary, and its database. User and password are the primary's. Raises ValueError.
    """
    if not url.startswith(SENTINEL):
        return url
    server, _, path = url.removeprefix(SENTINEL).partition("/")
    login, _, hosts = server.rpartition("@")
    name, _, number = path.partition("/")
    if not name:
        raise ValueError("the name of the primary is missing")
    found: dict[str, Any] = {
        "sentinels": [_host_and_port(host) for host in hosts.split(",")],
        "master_name": name,
        "db": int(number or 0),
        "sentinel_kwargs": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
    if login:
        user, _, password = login.partition(":")
        found |= {"username": unquote(user) or None, "password": unquote(password)}
    return found


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host:
        raise ValueError(f"{text} has no port")
    return host.strip("[]"), int(port)
