"""A page that does not read what it is sent is cut off; it keeps nobody waiting and takes no memory without bound."""

import asyncio
import re
import socket

import psutil
import pytest
import websockets
from asgiref.sync import sync_to_async
from django.db import connections

from bookings.live.sockets import MOST_UNSENT
from experts.models import Slot
from tests.cast import make_expert, make_slot

pytestmark = pytest.mark.django_db(transaction=True)
SLOTS = 160
MOST_CHANGES = 400  # far more than what the system itself keeps for a socket


def dial_and_stop_reading(port: int, path: str) -> socket.socket:
    """A page whose system takes little, and that itself takes nothing once it is connected."""
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", port))
    slow.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1:{port}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert slow.recv(12) == b"HTTP/1.1 101"
    return slow


def open_sockets(site) -> int:
    connections = psutil.Process(site.process.pid).net_connections("tcp4")
    return sum(one.status == "ESTABLISHED" and one.laddr.port == site.port for one in connections)


@sync_to_async
def change_all(expert, number):
    try:
        Slot.objects.filter(expert=expert).update(capacity=10 + number)
    finally:
        connections.close_all()


def test_it_is_cut_off_and_others_hear_everything(site_with):
    site = site_with("live_server", LIVE_CHECK_SECONDS="0.05")
    expert = make_expert()
    slots = [make_slot(expert, at=f"{8 + n // 12:02}:{5 * (n % 12):02}", minutes=5, capacity=9) for n in range(SLOTS)]
    path = f"/ws/experts/{expert.slug}/?day={slots[0].date}"
    sent = []

    async def watch(number, page):
        """Wait until all slots are shown as they are after a change."""
        missing = {slot.pk for slot in slots}
        while missing:
            frame = await asyncio.wait_for(page.recv(), 30)
            missing -= {
                int(pk) for pk in re.findall(rf'id="slot-(\d+)-state"[^>]*>(?:(?!id=).)*{10 + number} seats', frame)
            }
            sent.append(len(frame))

    async def run():
        url = f"ws://127.0.0.1:{site.port}{path}"
        async with websockets.connect(url, origin=site.url, max_queue=None) as page:
            await change_all(expert, 0)
            await watch(0, page)
            slow = dial_and_stop_reading(site.port, path)
            sent.clear()
            try:
                for number in range(1, MOST_CHANGES):
                    await change_all(expert, number)
                    await watch(number, page)
                    if open_sockets(site) == 1:
                        return
            finally:
                slow.close()
        raise AssertionError("it was never cut off")

    asyncio.run(run())
    assert sum(sent) > MOST_UNSENT
