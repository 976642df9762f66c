"""Open pages without a screen: each keeps its socket as static/js/live.js does, and the tiles that it was told of."""

import asyncio
import contextlib
import re
import threading
from dataclasses import dataclass, field

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

STATE = re.compile(r'id="slot-(\d+)-state" data-state="(\w+)" data-version="(\d+)"')


@dataclass
class Page:
    """One day of an expert. ``tiles`` has state and version by slot; ``dials`` how often it had to connect."""

    slug: str
    day: str
    tiles: dict[int, tuple[str, int]] = field(default_factory=dict)
    dials: int = 0


class Pages:
    """Pages that stay open, whatever happens to their sockets, from ``start`` to ``stop``."""

    def __init__(self, port: int, days: list[tuple[str, str]]):
        self.pages = [Page(slug, day) for slug, day in days]
        self._port, self._loop = port, asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._all.cancel)
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._all = self._loop.create_task(self._watch_all())
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._all)

    async def _watch_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for page in self.pages:
                group.create_task(self._watch(page))

    async def _watch(self, page: Page) -> None:
        address = f"ws://127.0.0.1:{self._port}/ws/experts/{page.slug}/?day={page.day}"
        while True:
            page.dials += 1
            try:
                async with connect(address, origin=f"http://127.0.0.1:{self._port}", open_timeout=5) as socket:
                    while True:
                        # A page that hears nothing for three beats dials again.
                        frame = await asyncio.wait_for(socket.recv(), 15)
                        for slot_id, state, version in STATE.findall(frame):
                            page.tiles[int(slot_id)] = (state, int(version))
            except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidMessage):
                await asyncio.sleep(0.3)
