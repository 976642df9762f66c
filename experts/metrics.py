"""Figures for Prometheus (docs/operations.md, "Figures").

Every process of a machine counts into files of its own in METRICS_DIR, and /metrics of any `web` or `live` process adds
them up. Without METRICS_DIR a process knows only what it has counted itself. Nothing here asks the database.
"""

import contextlib
import fcntl
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from django.conf import settings

logger = logging.getLogger(__name__)


def _folder() -> Path | None:
    """METRICS_DIR, if this process may count there. No process has to do without its work because of that."""
    if not settings.METRICS_DIR:
        return None
    try:
        Path(settings.METRICS_DIR).mkdir(parents=True, exist_ok=True)
        Path(settings.METRICS_DIR, "lock").touch()
    except OSError as error:
        logger.warning("This process counts for itself: METRICS_DIR cannot be written (%s).", error.strerror)
        return None
    return Path(settings.METRICS_DIR)


FOLDER = _folder()
if FOLDER:  # prometheus_client looks for it when it is imported
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(FOLDER)

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values  # noqa: E402 (see above)
from prometheus_client.core import Metric  # noqa: E402
from prometheus_client.mmap_dict import MmapedDict  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402
from prometheus_client.registry import Collector  # noqa: E402

Given = ParamSpec("Given")
Result = TypeVar("Result")
_HOST = socket.gethostname().replace("_", "-")  # containers that share a folder count their processes from 1 each
_GONE = f"{_HOST}-gone"
if FOLDER:
    values.ValueClass = values.MultiProcessValue(lambda: f"{_HOST}-{os.getpid()}")

registry = CollectorRegistry()  # of this process
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10)

requests = Counter(
    "expertbook_requests", "Requests by the name of their view, method and status.", ["view", "method", "status"],
    registry=registry,
)  # fmt: skip
request_seconds = Histogram(
    "expertbook_request_seconds", "How long requests took.", ["kind"], buckets=_SECONDS, registry=registry
)
refusals = Counter(
    "expertbook_refusals", "Requests that were refused as a part is broken or busy.", ["cause"], registry=registry
)
bookings = Counter("expertbook_bookings", "Tries to book, by what came of them.", ["outcome"], registry=registry)
lock_seconds = Histogram(
    "expertbook_lock_wait_seconds", "How long the locks of slots took to come.", buckets=_SECONDS, registry=registry
)
push_seconds = Histogram(
    "expertbook_push_seconds",
    "From hearing of a change until open pages are told.",
    buckets=_SECONDS,
    registry=registry,
)
sockets = Gauge(
    "expertbook_sockets", "Open pages that listen.", multiprocess_mode="livesum", registry=registry
)  # fmt: skip
mails = Counter("expertbook_mails", "E-mails by what came of an attempt.", ["result"], registry=registry)
webhooks = Counter("expertbook_webhooks", "Webhooks by what came of an attempt.", ["result"], registry=registry)
jobs = Counter("expertbook_jobs", "Jobs that workers did, by what came of them.", ["task", "result"], registry=registry)


@contextlib.contextmanager
def timed(histogram: Histogram) -> Iterator[None]:
    """Observe how long the block takes, in seconds."""
    began = time.perf_counter()
    try:
        yield
    finally:
        histogram.observe(time.perf_counter() - began)


def count_outcome(act: Callable[Given, Result]) -> Callable[Given, Result]:
    """Count what comes of tries to book, which is what this decorates: "booked", or the code of the refusal."""

    @wraps(act)
    def counted(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            result = act(*args, **kwargs)
        except Exception as error:
            bookings.labels(getattr(error, "code", "error")).inc()
            raise
        bookings.labels("booked").inc()
        return result

    return counted


def everything() -> CollectorRegistry:
    """Return a registry with what all processes of this machine have counted, those that have ended included."""
    if FOLDER is None:
        return registry
    folder = FOLDER
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _fold(folder)
        together = CollectorRegistry()
        metrics = list(MultiProcessCollector(None, str(folder)).collect())
    together.register(_Collected(metrics))
    return together


class _Collected(Collector):
    """Metrics as a collector, read while nobody folds files."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def _fold(folder: Path) -> None:
    """Put what processes of this host have counted that have ended into one file, so that files do not pile up."""
    for path in folder.glob(f"*_{_HOST}-*.db"):
        kind, _, pid = path.stem.rpartition(f"_{_HOST}-")
        if not pid.isdigit() or Path(f"/proc/{pid}").exists() or not Path("/proc/self").exists():
            continue
        if not kind.startswith("gauge"):
            into, dead = MmapedDict(str(folder / f"{kind}_{_GONE}.db")), MmapedDict(str(path), read_mode=True)
            for key, value, _timestamp in dead.read_all_values():
                before, _at = into.read_value(key)
                into.write_value(key, before + value, 0.0)
            into.close()
            dead.close()
        path.unlink()
