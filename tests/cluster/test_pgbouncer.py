"""The site and a worker through PgBouncer in transaction mode, where sessions are handed on after each transaction."""

import json
import signal
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from bookings.models import Booking, Notification, OutboxMail, Status
from bookings.models.notification import MailStatus
from bookingsite.devserver import processes
from tests.cast import fresh, make_expert, make_slot
from tests.cluster.pgbouncer import PgBouncer
from tests.database import address_of
from tests.http import Visitor
from tests.live import start_python
from tests.smtp import MailServer

pytestmark = pytest.mark.processes


@pytest.fixture
def bouncer(worker_database, tmp_path):
    bouncer = PgBouncer(tmp_path, address_of(worker_database), sessions=2)
    yield bouncer
    bouncer.remove()


@pytest.fixture
def mails():
    server = MailServer()
    yield server
    server.stop()


def test_hold_book_cancel_and_mail(bouncer, mails, worker_database, start_site, tmp_path):
    through = {"DATABASE_URL": bouncer.url_of(worker_database), "DATABASE_PREPARED": "off", "EMAIL_URL": mails.url}
    site = start_site(**through, DATABASE_POOL="5")
    expert = make_expert()
    slots = [make_slot(expert, at=f"{hour:02}:{minute:02}") for hour in range(8, 18) for minute in (0, 30)]

    visitor = Visitor(site.url)
    form = visitor.open_form(slots[0])
    held = visitor.post(f"/slots/{slots[0].pk}/hold/", csrfmiddlewaretoken=form["csrfmiddlewaretoken"])
    assert held.status == 303
    assert fresh(slots[0]).seats_held == 1
    assert visitor.confirm(slots[0], visitor.open_form(slots[0])).status == 302

    with ThreadPoolExecutor(10) as people:
        booked = list(people.map(lambda slot: book(site, slot), slots[1:]))
    assert {status for status, _answer in booked} == {201}
    reference, token = booked[0][1]["reference"], booked[0][1]["token"]
    assert ask(site, f"bookings/{reference}/cancel", {}, Authorization=f"Bearer {token}")[0] == 200
    assert Booking.objects.filter(status=Status.CONFIRMED).count() == len(slots) - 1

    with (tmp_path / "worker.log").open("w") as log:
        worker = start_python(["manage.py", "worker"], worker_database, through, stdout=log, stderr=log)
    try:
        assert processes.wait_until(lambda: not OutboxMail.objects.exists(), seconds=60), log.name
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
    # Of the booking that was cancelled only that is still worth a mail.
    assert Notification.objects.filter(status=MailStatus.SENT).count() == len(mails.taken) == len(slots)
    assert (tmp_path / "worker.log").read_text() == ""
    assert "ERROR" not in site.log.read_text()


def test_the_control_sessions_are_handed_on(bouncer, worker_database):
    """What one client leaves in a session is another's: whatever relied on sessions would fail above."""
    url = bouncer.url_of(worker_database)
    with psycopg.connect(url, autocommit=True) as one, psycopg.connect(url, autocommit=True) as other:
        one.execute("SET lock_timeout = '1234ms'")
        seen = {other.execute("SHOW lock_timeout").fetchone()[0] for _ in range(4)}
        assert "1234ms" in seen


def book(site, slot):
    return ask(site, f"slots/{slot.pk}/book", {"name": "Lena", "email": f"lena{slot.pk}@example.com"})


def ask(site, call, body, **headers):
    request = urllib.request.Request(
        f"{site.url}/api/v1/{call}", json.dumps(body).encode(), {"Content-Type": "application/json"} | headers
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.status, json.load(response)
