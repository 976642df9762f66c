"""What is noted of each request: its name, for logs, jobs and webhooks, and how long it took, for operators."""

import time

from bookings.access.visitor import is_trusted_proxy
from bookingsite.probes import PROBES
from experts import metrics, request_ids


class ObservingMiddleware:
    """Outermost. Answers probes itself: they come by an address, and not by a name that the site is known by."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if (probe := PROBES.get(request.path)) and not request.META.get("CONTENT_LENGTH"):
            response = probe(request)
            # Nothing else of what is on the way of other answers sees this one.
            for name, value in {"Content-Length": str(len(response.content)), **_OF_PROBES}.items():
                response.headers[name] = value
            return response
        name = request_ids.make(_given_name(request))
        began = time.perf_counter()
        with request_ids.under(name):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = name
        _count(request, response, time.perf_counter() - began)
        return response


def _given_name(request) -> str:
    """What a trusted proxy calls the request: anybody else could have our logs say what they like."""
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if given and is_trusted_proxy(request.META.get("REMOTE_ADDR", "")) else ""


def _count(request, response, seconds: float) -> None:
    match = request.resolver_match
    view = match.view_name if match else "none"
    kind = "api" if request.path.startswith("/api/") else "staff" if request.path.startswith("/admin/") else "page"
    method = request.method if request.method in _METHODS else "other"
    metrics.requests.labels(view, method, str(response.status_code)).inc()
    metrics.request_seconds.labels(kind).observe(seconds)


_OF_PROBES = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
