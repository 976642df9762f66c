"""300 sockets on one page, 50 changes from several threads: in the end all of them show what the database holds."""

import asyncio
import json
import random
import re
import threading

import pytest
import websockets
from django.db import connections

from bookings.errors import Refused
from experts import services
from experts.models import Slot
from tests.cast import book, fresh, make_expert, make_slot
from tests.live import SERVERS

pytestmark = pytest.mark.django_db(transaction=True)
SOCKETS, CHANGES, THREADS = 300, 50, 5
STATE = re.compile(r'id="slot-(\d+)-state" data-state="(\w+)" data-version="(\d+)"')


class Page:
    """What a page would show: slot -> (state, version)."""

    def __init__(self):
        self.slots: dict[int, tuple[str, int]] = {}
        self.went_back: list = []
        self.is_ready = asyncio.Event()

    async def watch(self, url):
        async with websockets.connect(
            url, origin=url.partition("/ws/")[0].replace("ws:", "http:"), max_queue=None
        ) as ws:
            async for frame in ws:
                self.hear(frame)

    def hear(self, frame):
        if frame.startswith("{"):
            assert json.loads(frame)["beat"]["fresh"]
            self.is_ready.set()
        for slot_id, state, version in STATE.findall(frame):
            if int(version) < self.slots.get(int(slot_id), ("", 0))[1]:
                self.went_back.append((slot_id, version))
            self.slots[int(slot_id)] = (state, int(version))


def change(slots, number, seed):
    """A share of the changes, in a thread of its own. A refusal is a fine answer, too."""
    dice = random.Random(seed)
    try:
        for _ in range(number):
            slot = dice.choice(slots)
            action = dice.choice(["book", "book", "capacity", "close", "reopen"])
            try:
                if action == "book":
                    book(slot)
                elif action == "capacity":
                    services.set_capacity(slot_id=slot.pk, capacity=dice.randint(1, 9))
                else:
                    {"close": services.close_slot, "reopen": services.reopen_slot}[action](slot_id=slot.pk)
            except Refused:
                pass
    finally:
        connections.close_all()


@pytest.mark.parametrize("server", SERVERS)
def test_all_end_equal_to_the_database(site_with, server):
    live_site = site_with(server)
    expert = make_expert()
    slots = [make_slot(expert, at=f"{hour:02}:00", capacity=4) for hour in range(8, 16)]
    url = f"{live_site.url.replace('http:', 'ws:')}/ws/experts/{expert.slug}/?day={slots[0].date}"

    async def crowd():
        pages = [Page() for _ in range(SOCKETS)]
        watching = [asyncio.create_task(page.watch(url)) for page in pages]
        await asyncio.wait_for(asyncio.gather(*(page.is_ready.wait() for page in pages)), 60)
        shares = [
            threading.Thread(target=change, args=(slots, CHANGES // THREADS, seed), daemon=True)
            for seed in range(THREADS)
        ]
        for share in shares:
            share.start()
        for share in shares:
            await asyncio.to_thread(share.join)
        truth = await asyncio.to_thread(in_database)
        async with asyncio.timeout(30):
            while any(page.slots != truth for page in pages):
                await asyncio.sleep(0.05)
                assert not any(task.done() for task in watching), "a socket was closed"
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        return pages

    def in_database():
        try:
            return {slot.pk: (fresh(slot).state, fresh(slot).version) for slot in Slot.objects.filter(expert=expert)}
        finally:
            connections.close_all()

    pages = asyncio.run(crowd())
    assert not any(page.went_back for page in pages), "an older state overwrote a newer one"
    assert sum(version for _state, version in pages[0].slots.values()) > len(slots), "nothing changed: proves nothing"
