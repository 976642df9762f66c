"""/readyz and /metrics: what machines are told of the site's parts, and who is told."""

import json
import time

import pytest
from django.db import connection
from prometheus_client.parser import text_string_to_metric_families
from psycopg import errors

from bookings.models import OutboxMail, WorkerSign
from bookings.selectors.operations import QUEUES
from bookings.services import jobs
from bookingsite import health
from experts import outages
from experts.outages import busy_for
from tests.cast import book, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _look_again(monkeypatch):
    """Nothing is kept from look to look."""
    monkeypatch.setattr(health, "_last", None)
    monkeypatch.setattr(health, "_KEPT_SECONDS", -1.0)
    monkeypatch.setattr(outages, "_seen", {})


@pytest.fixture
def workers():
    jobs.sign(name="one:7", queues=["mail", "expiry", "housekeeping"], version="abc")
    jobs.sign(name="one:8", queues=["webhooks"], version="abc")


def ready(client) -> tuple[int, str, dict[str, str]]:
    """Status, word, and the parts that do not work, each with why."""
    answer = client.get("/readyz")
    told = json.loads(answer.content)
    assert set(told["parts"]) >= {"database", "migrations", "channel layer"}
    return answer.status_code, told["status"], {n: it["why"] for n, it in told["parts"].items() if not it["ok"]}


def test_ready_when_everything_works(client, workers):
    assert ready(client) == (200, "ready", {})
    assert client.get("/healthz").content == b"ok"


def test_without_a_worker_people_can_book_and_operators_are_told(client, workers):
    WorkerSign.objects.filter(name="one:8").delete()
    assert ready(client) == (200, "degraded", {"workers": "nobody works: webhooks"})
    with connection.cursor() as cursor:  # it went silent and never said that it ends
        cursor.execute("UPDATE bookings_workersign SET seen_at = now() - interval '50 seconds'")
    assert ready(client)[2] == {"workers": f"nobody works: {', '.join(QUEUES)}"}


def test_mails_that_wait_for_long_are_said(client, workers):
    booking = book(make_slot())
    OutboxMail.objects.all().delete()
    OutboxMail.objects.add([(booking.pk, "confirmed", 0, True, "")])
    assert ready(client)[2] == {}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bookings_outboxmail SET due_at = now() - interval '301 seconds'")
    assert ready(client) == (200, "degraded", {"queues": "something waits in outbox for 301 s"})


def test_jobs_that_nobody_does_are_said(client, workers, monkeypatch):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('mail', 'remind', '{}')")
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at)"
            " VALUES ('expiry', 'catch_up', '{}', now() - interval '400 seconds')"
        )
    assert ready(client)[2] == {"queues": "something waits in expiry for 400 s"}
    now = time.monotonic()
    monkeypatch.setattr(health.time, "monotonic", lambda: now + 500)
    assert ready(client)[2] == {"queues": "something waits in mail for 500 s, expiry for 400 s"}
    with connection.cursor() as cursor:  # it was done, and another one came
        cursor.execute("UPDATE procrastinate_jobs SET id = 999999 WHERE task_name = 'remind'")
    assert ready(client)[2] == {"queues": "something waits in expiry for 400 s"}


def test_a_migration_that_is_missing_is_down(client, workers, monkeypatch):
    monkeypatch.setattr(health, "_migrations", lambda: frozenset({("bookings", "9999_new")}))
    status, word, parts = ready(client)
    assert (status, word, parts["migrations"]) == (503, "down", "not applied: bookings.9999_new")


def test_without_valkey_people_can_book(client, workers, monkeypatch, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    health._valkey.cache_clear()
    try:
        assert ready(client) == (200, "degraded", {"channel layer": "Valkey does not answer (ConnectionError)"})
    finally:
        health._valkey.cache_clear()


def test_without_the_database_it_is_down_and_says_why(client, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    status, word, parts = ready(client)
    assert (status, word, parts["database"]) == (503, "down", "PostgreSQL does not answer")
    assert client.get("/readyz")["Retry-After"] == "5"


def test_what_requests_were_refused_for_is_said_for_a_minute(client, workers, monkeypatch):
    busy_for(errors.LockNotAvailable())  # a crowd, which is nobody's fault
    assert ready(client) == (200, "ready", {})
    busy_for(errors.DiskFull())
    why = "refused in the last minute: the disk of PostgreSQL is full"
    assert ready(client) == (200, "degraded", {"refusals": why})
    now = time.monotonic()
    monkeypatch.setattr(outages.time, "monotonic", lambda: now + 61)
    assert ready(client) == (200, "ready", {})


def test_probes_need_no_name_of_the_site(client):
    """They come to an address."""
    assert client.get("/healthz", headers={"Host": "10.1.2.3:8000"}).status_code == 200
    assert client.get("/metrics", headers={"Host": "10.1.2.3:8000"}).status_code == 200
    assert client.get("/", headers={"Host": "10.1.2.3:8000"}).status_code == 400


def test_figures_are_for_listed_networks_alone(client, settings):
    assert client.get("/metrics").status_code == 200  # 127.0.0.1
    assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 403
    # A proxy on this machine of which nobody has told us: its visitors are not this machine.
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}).status_code == 403
    settings.METRICS_NETWORKS = ["203.0.113.0/24"]
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 200


def figures(client) -> dict[tuple, float]:
    """All that is told, by name and labels."""
    families = text_string_to_metric_families(client.get("/metrics").content.decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_figures_tell_of_requests_bookings_queues_and_workers(client, workers):
    before = figures(client)
    slot = make_slot()
    book(slot)
    with pytest.raises(Exception, match="just taken"):
        book(slot)
    assert client.get("/").status_code == 200
    after = figures(client)

    def grown(*key: str) -> float:
        return after[key] - before.get(key, 0)

    assert grown("expertbook_bookings_total", "booked") == 1
    assert grown("expertbook_bookings_total", "slot_taken") == 1
    assert grown("expertbook_lock_wait_seconds_count") >= 1
    assert grown("expertbook_requests_total", "GET", "200", "home") == 1
    assert grown("expertbook_request_seconds_count", "page") == 1
    assert after["expertbook_up", "database"] == after["expertbook_up", "workers"] == 1
    assert after["expertbook_workers", "alive"] == 2
    assert after["expertbook_queue_waiting", "outbox"] == OutboxMail.objects.count()
    assert after["expertbook_failed_jobs",] == 0
