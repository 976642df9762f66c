"""What machines ask: does the process live (/healthz), can it do its work (/readyz), its figures (/metrics)."""

import ipaddress
from collections.abc import Iterator
from functools import cache

from django.conf import settings
from django.http import HttpResponse, HttpResponseForbidden, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from bookings.access.visitor import client_address, is_trusted_proxy
from bookingsite import health
from bookingsite.version import version
from experts import metrics
from experts.postgresql.base import free_connections


def healthz(request):
    """The process answers. Nothing is asked of anybody (see bookingsite/web_worker.py, too)."""
    return _uncached(HttpResponse("ok", content_type="text/plain"))


def readyz(request):
    """Whether the process can do its work: 503 where people cannot book, 200 with "degraded" where they can."""
    found = health.look()
    parts = {part.name: {"ok": part.is_well} | ({"why": part.why} if part.why else {}) for part in found.parts}
    status = 503 if found.state == "down" else 200
    response = _uncached(JsonResponse({"status": found.state, "parts": parts}, status=status))
    if status == 503:
        response["Retry-After"] = "5"
    return response


def metrics_page(request):
    """All figures, in Prometheus' form, for METRICS_NETWORKS alone."""
    if not _may_see_figures(request):
        return HttpResponseForbidden("Not from this address (METRICS_NETWORKS).", content_type="text/plain")
    registry = CollectorRegistry()
    registry.register(_Found())
    body = generate_latest(metrics.everything()) + generate_latest(registry)
    return _uncached(HttpResponse(body, content_type=CONTENT_TYPE_LATEST))


PROBES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics_page}


class _Found:
    """What is found when somebody asks, and counted by nobody."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found = health.look()
        yield _gauge("expertbook_up", "1 where it works.", "part", {p.name: p.is_well for p in found.parts})
        yield _gauge("expertbook_version", "The version that runs.", "version", {version(): 1})
        if pool := free_connections():
            yield _gauge("expertbook_pool", "Connections of the process that answers.", "state", pool)
        if found.knows_queues:  # else they are missing, and not zero
            ages = {queue.name: queue.age for queue in found.queues}
            waiting = {queue.name: queue.waiting for queue in found.queues}
            yield _gauge("expertbook_queue_age_seconds", "For how long the oldest has been due.", "queue", ages)
            yield _gauge("expertbook_queue_waiting", "How many are due.", "queue", waiting)
            live = sum(not sign.is_silent for sign in found.workers)
            yield _gauge("expertbook_workers", "Workers by signs of life.", "state", {
                "alive": live, "silent": len(found.workers) - live,
            })  # fmt: skip
            at = found.backed_up_at.timestamp() if found.backed_up_at else 0
            yield _gauge(
                "expertbook_last_backup_timestamp_seconds", "When the last backup was made; 0: none.", "", {"": at}
            )
            yield _gauge("expertbook_failed_jobs", "Jobs that were given up, up to 1000.", "", {"": found.failed_jobs})


def _gauge(name: str, words: str, label: str, by_label: dict) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=[label] if label else [])
    for key, value in by_label.items():
        family.add_metric([key] if label else [], float(value))
    return family


def _may_see_figures(request) -> bool:
    sender = request.META.get("REMOTE_ADDR") or ""
    if "HTTP_X_FORWARDED_FOR" in request.META and not is_trusted_proxy(sender):
        return False  # a proxy of which the settings do not know: whoever asks it would seem to be this machine
    try:
        asker = ipaddress.ip_network(client_address(request))  # of IPv6 the /64
    except ValueError:
        return False
    allowed = _networks(tuple(settings.METRICS_NETWORKS))
    return any(asker.version == network.version and asker.overlaps(network) for network in allowed)


@cache
def _networks(texts: tuple[str, ...]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(text, strict=False) for text in texts]


def _uncached(response):
    response["Cache-Control"] = "no-store"
    return response
