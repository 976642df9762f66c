"""A hold that runs out is free on other people's screens within two seconds: real worker, real site, real socket."""

import re
import signal
import subprocess
from datetime import timedelta
from statistics import median

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateWorker
from websockets.sync.client import connect

from bookings import services
from bookings.models import Booking
from bookingsite.devserver import processes
from tests.cast import make_slot
from tests.live import start_python

pytestmark = pytest.mark.django_db(transaction=True)
# The worker looks each second (bookings/polling.py), then frees the seat, and the push follows at once.
PROMISED = timedelta(seconds=2)
BUSY_MACHINE = timedelta(seconds=1)  # once in a while, where other tests run beside this one
GIVE_UP_SECONDS = 30  # on a worker that does nothing at all
VISITOR = "a" * 32


@pytest.fixture
def worker(worker_database, tmp_path):
    """The worker of the Procfile, once it has told the database that it is there."""
    log = tmp_path / "worker.log"
    with log.open("w") as output:
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        process = start_python(["manage.py", "worker"], worker_database, **streams)
    try:
        processes.wait_until(lambda: process.poll() is not None or ProcrastinateWorker.objects.exists(), seconds=60)
        assert process.poll() is None, f"the worker does not start:\n{log.read_text()}"
        yield process
    finally:
        processes.stop(process, signal.SIGTERM)


def wait_for(socket, slot, state):
    """Read what the page is told until it shows the slot in that state."""
    shown = re.compile(rf'id="slot-{slot.pk}-state" data-state="{state}"')
    while not shown.search(socket.recv(timeout=GIVE_UP_SECONDS)):
        pass


def hold_until(slot, expires_at):
    """A hold as the service makes it, but a short one."""
    hold = services.hold_slot(slot_id=slot.pk, visitor=VISITOR)
    Booking.objects.filter(pk=hold.pk).update(expires_at=expires_at)


def test_it_is_free_on_another_page_in_time(site_with, worker):
    site = site_with(LIVE_CHECK_SECONDS="86400")  # it finds nothing by itself: the worker has to tell
    slot = make_slot()
    url = f"{site.url.replace('http', 'ws')}/ws/experts/{slot.expert.slug}/?day={slot.date}"
    late = []
    with connect(url, origin=site.url) as socket:
        wait_for(socket, slot, "open")
        for lasts in (0.7, 1.0, 1.3):  # seconds, so that it runs out at several moments between the worker's looks
            expires_at = timezone.now() + timedelta(seconds=lasts)
            hold_until(slot, expires_at)
            wait_for(socket, slot, "held")
            wait_for(socket, slot, "open")
            late.append(timezone.now() - expires_at)
    assert min(late) >= timedelta(0), "freed before its time"
    assert median(late) < PROMISED
    assert max(late) < PROMISED + BUSY_MACHINE
