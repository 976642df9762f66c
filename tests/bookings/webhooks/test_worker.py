"""Real workers, as the Procfile starts them."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import timezone

from bookings import tasks
from bookings.models import WebhookDelivery
from bookings.webhooks import worker as webhook_worker
from bookings.webhooks.events import queue_attempts
from bookingsite.devserver import paths, processes, run
from tests.cast import make_webhook
from tests.live import site_environ
from tests.receiver import Receiver, hang

PROCFILE = (Path(paths.BASE_DIR) / "Procfile").read_text()


def test_every_queue_has_a_worker_in_production_and_on_a_laptop():
    queues = {task.queue for task in tasks.app.tasks.values() if task.name.startswith("bookings.")}
    lines = re.findall(r"manage.py worker (.*)", PROCFILE)
    for commands in (lines, [" ".join(arguments) for arguments in run.WORKERS.values()]):
        served = [queue for line in commands for queue in re.search(r"--queues (\S+)", line)[1].split(",")]
        assert sorted(served) == sorted(queues), "each by one worker"
    assert f"--queues webhooks --concurrency {webhook_worker.MOST_AT_ONCE}" in lines


@pytest.mark.django_db(transaction=True)
def test_receivers_that_hang_hold_up_nobody_else(worker_database, tmp_path):
    """More events for one that hangs than there are lines for it, and one for another receiver behind them all."""
    with Receiver(hang) as bad, Receiver() as good:
        rows = [(make_webhook(url=bad.url), n) for n in range(6)] + [(make_webhook(url=good.url), 6)]
        bad_endpoint = rows[0][0]
        deliveries = [
            WebhookDelivery(
                endpoint=bad_endpoint if n < 6 else endpoint,
                event_id=f"msg_{n}",
                type="booking.created",
                payload={},
                status="waiting",
                next_attempt_at=timezone.now(),
            )
            for endpoint, n in rows
        ]
        queue_attempts(WebhookDelivery.objects.bulk_create(deliveries))
        environ = site_environ(worker_database) | {"WEBHOOKS_ALLOW_PRIVATE": "on"}
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "worker", "--queues", "webhooks", "--concurrency", "20"],
            cwd=paths.BASE_DIR,
            env=environ,
            stdout=(tmp_path / "worker.log").open("w"),
            stderr=subprocess.STDOUT,
            preexec_fn=processes.die_with_parent(signal.SIGKILL),  # noqa: PLW1509 (it makes one system call)
        )
        try:
            assert good.arrival.acquire(timeout=30), (tmp_path / "worker.log").read_text()
            delivered = WebhookDelivery.objects.filter(event_id="msg_6", status="delivered")
            assert processes.wait_until(delivered.exists, seconds=10)
            put_off = WebhookDelivery.objects.filter(endpoint=bad_endpoint, next_attempt_at__gt=timezone.now())
            assert put_off.count() == 6 - webhook_worker.MOST_TO_ONE
            assert len(bad.received) == webhook_worker.MOST_TO_ONE
        finally:
            bad.done.set()
            processes.stop(worker, signal.SIGTERM)
