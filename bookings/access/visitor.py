"""Identify a browser by a random identity in a signed cookie, and find the network address of a request."""

import hashlib
import ipaddress
import secrets
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from experts.requests import SiteRequest

_MAX_AGE = 400 * 24 * 3600  # seconds; browsers keep no cookie longer
_LENGTH = 32


class VisitorMiddleware:
    """Gives requests ``request.visitor``: the browser's identity, or "" for one that has none yet."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: SiteRequest) -> HttpResponseBase:
        request.visitor = identify(request.COOKIES)
        before = request.visitor
        response = self.get_response(request)
        if request.visitor and request.visitor != before:
            response.set_cookie(
                cookie_name(),
                _signer().sign(request.visitor),
                max_age=_MAX_AGE,
                httponly=True,
                samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )
        elif before and not request.visitor:
            response.delete_cookie(cookie_name(), samesite="Lax")
        return response


def cookie_name() -> str:
    """Return the cookie's name. With https, browsers take ``__Host-`` from this host only, not from a subdomain."""
    return "__Host-visitor" if settings.SESSION_COOKIE_SECURE else "visitor"


def identify(cookies: dict[str, str]) -> str:
    """Return the identity in a request's or a socket's cookies; "" when there is none, or a forged one."""
    try:
        known = _signer().unsign(cookies.get(cookie_name(), ""), max_age=_MAX_AGE)
    except signing.BadSignature:
        return ""
    return known if len(known) == _LENGTH else ""


def _signer() -> signing.TimestampSigner:
    """Return our own signer: ``request.get_signed_cookie`` cannot be used for a socket, which has no request."""
    return signing.TimestampSigner(salt="bookings.visitor")


def visitor_group(visitor: str) -> str:
    """Return the name by which messages speak of a browser. Hashed, as the identity itself opens bookings."""
    return f"visitor.{hashlib.sha256(f'group of {visitor}'.encode()).hexdigest()[:32]}"


def ensure_visitor(request: SiteRequest) -> str:
    """Return the browser's identity, made now if it has none. The response sets the cookie."""
    if not request.visitor:
        request.visitor = secrets.token_hex(_LENGTH // 2)
    return request.visitor


def forget_visitor(request: SiteRequest) -> None:
    """Drop the browser's identity. The response deletes the cookie."""
    request.visitor = ""


def client_address(request: HttpRequest) -> str:
    """Return the network address of the client, behind the proxies in TRUSTED_PROXIES and no others.

    An IPv6 address is cut to its /64, which usually belongs to one household. "unknown" if there is no address.
    """
    return address_behind_proxies(request.META.get("REMOTE_ADDR") or "", request.META.get("HTTP_X_FORWARDED_FOR", ""))


def address_behind_proxies(address: str, forwarded_for: str) -> str:
    """As ``client_address``, for a peer's address and its X-Forwarded-For header."""
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    while hops and is_trusted_proxy(address):
        address = hops.pop()
    parsed = _parse(address)
    if parsed is None:
        return "unknown"
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


def is_trusted_proxy(address: str) -> bool:
    """Whether a peer's address is one of TRUSTED_PROXIES, whose headers are believed."""
    return _is_among(address, tuple(settings.TRUSTED_PROXIES))


@lru_cache(maxsize=64)  # behind a proxy nearly all requests come from its address
def _is_among(address: str, proxies: tuple[str, ...]) -> bool:
    parsed = _parse(address)
    if parsed is None:
        return not address  # a Unix socket has no address; only our own proxy can reach it
    return any(parsed in ipaddress.ip_network(proxy, strict=False) for proxy in proxies)


def _parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address, None if it is none.

    IPv4 comes as ``::ffff:192.0.2.1`` from a server that listens on both; it is unpacked, as otherwise all such clients
    would be one /64.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if parsed.version == 6 else parsed
