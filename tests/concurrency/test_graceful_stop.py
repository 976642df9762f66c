"""Asked to stop under load, each process finishes what it has begun, and what comes next finds the one after it.

As with the sockets of deploy/systemd, which are passed on in the same way here: somebody else keeps listening while one
process takes the place of another.
"""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter

import pytest
import websockets
from django.utils import timezone

from bookings.models import Booking, WebhookDelivery
from bookings.webhooks.attempts import queue_attempts
from bookingsite.devserver import paths, processes
from tests.cast import fresh, make_expert, make_organization, make_slot, make_webhook
from tests.concurrency.contention import held_row
from tests.live import site_environ
from tests.receiver import Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
SECONDS = 60
WEB = ["-m", "gunicorn", "bookingsite.wsgi", "--workers", "2", "--threads", "8", "--no-control-socket"]
LIVE = ["-m", "bookingsite.live_server"]
# As systemd: the socket is the first open file after the usual three, and two variables say so to that very process.
PASS_ON = 'exec 3<&"$1"; shift; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        yield server


@pytest.fixture
def start(worker_database, listening, tmp_path):
    """Start a server on the open socket."""
    started = []

    def begin(command: list[str], **environ: str) -> subprocess.Popen:
        with (tmp_path / f"{len(started)}.log").open("w") as output:
            process = subprocess.Popen(
                ["bash", "-c", PASS_ON, "-", str(listening.fileno()), sys.executable, *command],
                cwd=paths.BASE_DIR,
                env=site_environ(worker_database) | environ,
                stdout=output,
                stderr=output,
                pass_fds=[listening.fileno()],
                preexec_fn=processes.die_with_parent(signal.SIGKILL),  # noqa: PLW1509 (it makes one system call)
            )
        started.append(process)
        return process

    yield begin
    for process in started:
        processes.stop(process, signal.SIGTERM)


def ask(port: int, path: str, body: dict | None = None, key: str = "") -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.headers |= {"Content-type": "application/json", "Idempotency-key": key}
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=SECONDS) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


class Load:
    """People who book without pause, in threads. ``answers``: how often each status came, and each kind of failure."""

    def __init__(self, port: int, slot, threads: int = 4):
        self.answers: Counter = Counter()
        self._over, self._changed = threading.Event(), threading.Condition()

        def book(name: int) -> None:
            number = 0
            while not self._over.is_set():
                number += 1
                who = {"name": "Lena Fischer", "email": f"lena{name}-{number}@example.com"}
                try:
                    answer: object = ask(port, f"/api/v1/slots/{slot.pk}/book", who, f"{name}-{number}")
                except Exception as error:
                    answer = type(error).__name__
                with self._changed:
                    self.answers[answer] += 1
                    self._changed.notify_all()

        self._threads = [threading.Thread(target=book, args=[name], daemon=True) for name in range(threads)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, more: int) -> None:
        with self._changed:
            until = self.answers.total() + more
            assert self._changed.wait_for(lambda: self.answers.total() >= until, timeout=SECONDS), self.answers

    def stop(self) -> Counter:
        self._over.set()
        for thread in self._threads:
            thread.join(SECONDS)
        return self.answers


def test_no_request_is_dropped_while_one_web_process_follows_another(start, listening):
    port, slot = listening.getsockname()[1], make_slot(capacity=5000)
    first = start(WEB)
    load = Load(port, slot)
    load.wait_for(20)
    for _restart in range(2):
        first.send_signal(signal.SIGTERM)
        second = start(WEB)
        assert first.wait(SECONDS) == 0
        load.wait_for(20)
        first = second
    answers = load.stop()
    assert answers.keys() == {201}, answers
    assert Booking.objects.count() == fresh(slot).seats_booked == answers[201]


def test_a_request_that_waits_is_answered_before_the_process_ends(start, listening):
    port, slot = listening.getsockname()[1], make_slot()
    server = start(WEB)
    assert ask(port, "/healthz") == 200
    statuses: list[int] = []
    who = {"name": "Lena Fischer", "email": "lena@example.com"}
    with held_row(slot) as held:
        asking = threading.Thread(
            target=lambda: statuses.append(ask(port, f"/api/v1/slots/{slot.pk}/book", who, "k")), daemon=True
        )
        asking.start()
        held.wait_for(1)
        server.send_signal(signal.SIGTERM)
        held.let_go()
        asking.join(SECONDS)
    assert statuses == [201]
    assert server.wait(SECONDS) == 0


def test_all_pages_are_told_to_dial_again_and_the_live_process_ends(start, listening):
    slot = make_slot(make_expert())
    port, sockets = listening.getsockname()[1], 60
    first = start(LIVE)
    address = f"ws://127.0.0.1:{port}/ws/experts/{slot.expert.slug}/?day={slot.date}"

    async def dial():
        opened = await websockets.connect(address, origin=f"http://127.0.0.1:{port}", open_timeout=SECONDS)
        await opened.recv()
        return opened

    async def run() -> tuple[list[int], int]:
        pages = await asyncio.gather(*(dial() for _ in range(sockets)))
        first.send_signal(signal.SIGTERM)
        start(LIVE)  # the next, on the same socket
        await asyncio.gather(*(page.wait_closed() for page in pages))
        again = await asyncio.gather(*(dial() for _ in range(sockets)))
        for page in again:
            await page.close()
        return [page.close_code for page in pages], len(again)

    codes, came_back = asyncio.run(run())
    assert Counter(codes) == {1012: sockets}, "service restart: pages dial again, within four seconds by chance"
    assert came_back == sockets
    # As uvicorn ends once it has let everything go: by the signal.
    assert first.wait(15) in (0, -signal.SIGTERM)


def test_no_job_is_lost_or_done_twice_when_a_worker_follows_another(start):
    with Receiver() as receiver:
        organization = make_organization()
        rows = [
            WebhookDelivery(
                endpoint=make_webhook(organization, url=receiver.url),
                event_id=f"msg_{number}",
                type="booking.created",
                payload={},
                status="waiting",
                next_attempt_at=timezone.now(),
            )
            for number in range(40)
        ]
        queue_attempts(WebhookDelivery.objects.bulk_create(rows))
        command = ["manage.py", "worker", "--skip-checks", "--queues", "webhooks", "--concurrency", "4"]
        first = start(command, WEBHOOKS_ALLOW_PRIVATE="on")
        assert receiver.arrival.acquire(timeout=SECONDS)
        first.send_signal(signal.SIGTERM)
        assert first.wait(SECONDS) == 0
        begun = len(receiver.received)
        assert WebhookDelivery.objects.filter(status="delivered").count() == begun, "what was begun was finished"
        start(command, WEBHOOKS_ALLOW_PRIVATE="on")
        waiting = WebhookDelivery.objects.exclude(status="delivered")
        assert processes.wait_until(lambda: not waiting.exists(), seconds=SECONDS)
        ids = Counter(sent.headers["webhook-id"] for sent in receiver.received)
        assert ids == {f"msg_{number}": 1 for number in range(40)}
