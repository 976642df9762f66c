"""A request has a name, by which what it caused is found: in the log, in jobs, in webhooks."""

import asyncio
import io
import json
import logging
import os
import subprocess
import sys

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob
from prometheus_client.parser import text_string_to_metric_families

from bookings.queue import REQUEST_ID, new_job, under_its_request
from bookingsite import sentry
from bookingsite.devserver import paths
from bookingsite.logs import JsonFormatter, TokenlessFormatter
from experts import metrics, request_ids
from tests.live import site_environ


@pytest.mark.django_db
def test_a_request_is_named_by_a_trusted_proxy_or_by_us(client, settings):
    ours = client.get("/", headers={"X-Request-ID": "forged"})["X-Request-ID"]
    assert len(ours) == 16
    assert client.get("/")["X-Request-ID"] != ours
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert client.get("/", headers={"X-Request-ID": "7f3a-from-nginx"})["X-Request-ID"] == "7f3a-from-nginx"
    for odd in ("", "two words", "x" * 101, "line\nbreak", "<b>"):
        assert len(client.get("/", headers={"X-Request-ID": odd})["X-Request-ID"]) == 16


def written(formatter: logging.Formatter, error: bool = False) -> str:
    """What a logger with this formatter writes under a request's name."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger("bookings.test")
    logger.addHandler(handler)
    with request_ids.under("r-1"):
        if error:
            try:
                raise ValueError("at /bookings/link/secret-token/")
            except ValueError:
                logger.exception("Failed at %s", "/feeds/secret-token.ics")
        else:
            logger.warning("Opened %s", "/bookings/link/secret-token/")
    return stream.getvalue()


def test_lines_name_the_request_and_hold_no_token():
    assert written(TokenlessFormatter("%(message)s")) == "Opened /bookings/link/…/ [r-1]\n"


def test_json_is_one_object_a_line():
    line = json.loads(written(JsonFormatter(), error=True))
    assert line["request_id"] == "r-1"
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "bookings.test", "Failed at /feeds/…")
    assert "ValueError" in line["traceback"]
    assert "secret-token" not in json.dumps(line)
    assert "\n" not in written(JsonFormatter()).rstrip("\n")


@pytest.mark.django_db(transaction=True)
def test_a_job_is_done_under_the_name_of_its_request():
    with request_ids.under("r-1"):
        job = new_job("bookings.tasks.deliver_webhook", delivery_id=1, due="2026-01-01T00:00:00+00:00")
        # A worker of the version before would not take it, and nobody would try this one again.
        assert REQUEST_ID not in new_job("bookings.tasks.run_import", run_id=1).task_kwargs
    assert job.task_kwargs[REQUEST_ID] == "r-1"
    seen = []

    async def do():
        seen.append((request_ids.current.get(), dict(job.task_kwargs)))

    class Context:
        pass

    context = Context()
    context.job = job
    before = metrics.jobs.labels("bookings.tasks.deliver_webhook", "done")._value.get()
    asyncio.run(under_its_request(do, context, None))
    assert seen == [("r-1", {"delivery_id": 1, "due": "2026-01-01T00:00:00+00:00"})]
    assert metrics.jobs.labels("bookings.tasks.deliver_webhook", "done")._value.get() == before + 1
    assert not ProcrastinateJob.objects.exists()


def test_sentry_is_told_where_and_not_who(settings):
    sentry_sdk = pytest.importorskip("sentry_sdk")
    sent = []

    class Nowhere(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope):
            sent.append(envelope.get_event())

    settings.SENTRY_DSN = "https://key@sentry.example.org/1"
    before = sentry_sdk.get_client()
    sentry.start(transport=Nowhere())
    try:
        sentry_sdk.set_user({"email": "ada@example.com"})
        with sentry_sdk.isolation_scope() as scope:
            scope.add_event_processor(
                lambda event, hint: (
                    event
                    | {
                        "request": {
                            "url": "https://x/bookings/link/tok/?email=ada",
                            "cookies": {"a": "b"},
                            "method": "GET",
                        }
                    }
                )
            )
            try:
                secret = "ada@example.com"
                raise RuntimeError(secret)
            except RuntimeError as error:
                sentry_sdk.capture_exception(error)
        sentry_sdk.flush()
    finally:
        sentry_sdk.get_global_scope().set_client(before)
    [event] = sent
    assert event["exception"]["values"][0]["type"] == "RuntimeError"
    assert event["request"] == {"method": "GET", "url": "https://x/bookings/link/…/"}
    assert "ada@" not in json.dumps(event)


COUNTING = (
    "import django; django.setup()\n"
    "from experts import metrics\n"
    "metrics.mails.labels('sent').inc(2)\n"
    "metrics.lock_seconds.observe(0.3)\n"
    "metrics.sockets.inc()\n"
)
TELLING = (
    "import django; django.setup()\n"
    "from experts import metrics\n"
    "from prometheus_client import generate_latest\n"
    "metrics.sockets.inc(5)\n"
    "print(generate_latest(metrics.everything()).decode())\n"
)


def run(code: str, folder) -> str:
    environ = site_environ("none") | {"METRICS_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=paths.BASE_DIR, env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.processes
def test_what_several_processes_count_is_one_figure_and_files_do_not_pile_up(tmp_path):
    for _process in range(3):
        run(COUNTING, tmp_path)
    assert len(list(tmp_path.glob("counter_*.db"))) == 3
    for _look in range(2):
        told = run(TELLING, tmp_path)
        found = {s.name: s.value for f in text_string_to_metric_families(told) for s in f.samples}
        assert found["expertbook_mails_total"] == 6
        assert found["expertbook_lock_wait_seconds_count"] == 3
        assert found["expertbook_sockets"] == 5, "of those that have ended nothing is open"
    # One of those that have ended, and one of each that looked.
    assert len(list(tmp_path.glob("counter_*.db"))) <= 2
    assert os.environ.get("PROMETHEUS_MULTIPROC_DIR") is None
