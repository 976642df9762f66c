"""Whatever opens a socket, and whatever it says: it is told or closed by a code of ours, and nothing is written."""

import asyncio
import os
import random
import re
import time
from collections import Counter
from urllib.parse import quote, urlencode

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from bookings.live import consumers
from bookingsite.asgi import application
from experts.models import Role
from tests.bookings.live.sockets import VISITOR, cookie, in_loop
from tests.cast import make_session_type, make_slot
from tests.fuzz.values import changed, nasty
from tests.staff import logged_in, make_member

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
MINUTES = float(os.environ.get("FUZZ_MINUTES") or 0) / 6
EACH_ROUND = 40
CODES = {
    consumers.NOT_FOUND,
    consumers.NO_VISITOR,
    consumers.TOO_MANY_SOCKETS,
    consumers.TOO_MANY_MESSAGES,
    consumers.AGAIN,
}
QUERY = ["day", "from", "to", "zone", "type"]
HEADERS = [b"origin", b"host", b"cookie", b"x-forwarded-for", b"sec-websocket-protocol", b"user-agent", b"x-nonsense"]


class Crowd:
    """Sockets that are opened with what nobody expects. ``ends``: how many ended how."""

    def __init__(self, slot, staff, kind):
        self.dice, self.ends = random.Random(1), Counter[str]()
        organization = slot.expert.organization
        first, last = str(slot.date), str(slot.expert.today())
        self.paths = [
            f"/ws/experts/{slot.expert.slug}/?day={first}&from={last}&to={first}&zone=Asia/Tokyo&type={kind.slug}",
            f"/ws/experts/{slot.expert.slug}/?day={first}",
            f"/ws/o/{organization.slug}/book/{kind.slug}/?from={last}&to={first}",
            "/ws/bookings/",
            f"/ws/staff/{organization.slug}/?day={first}",
            "/ws/elsewhere/",
        ]
        self.cookies = [b"", cookie(VISITOR), f"sessionid={staff.cookies['sessionid'].value}".encode()]

    async def open_one(self) -> None:
        """Open one, say something, and go. Whatever the application raises is raised here."""
        said = self._said()
        page = WebsocketCommunicator(application, self._path(), headers=self._headers())
        page.scope["client"] = ["203.0.113.1", 1234]
        try:
            accepted, code = await page.connect(timeout=30)
            if not accepted:
                self.ends[f"refused {code}"] += 1
                return
            for text in said:
                await page.send_input({"type": "websocket.receive", **text})
            self.ends[await self._end_of(page, len(said))] += 1
        finally:
            await page.disconnect(timeout=30)

    async def _end_of(self, page, messages: int) -> str:
        """The code by which it was closed; "open" where the page was told something."""
        while True:
            event = await page.receive_output(timeout=30)
            if event["type"] == "websocket.close":
                assert event["code"] in CODES, event
                return str(event["code"])
            if event["type"] == "websocket.send" and messages <= consumers.MOST_MESSAGES:
                return "open"

    def _path(self) -> str:
        path, mark, query = self.dice.choice(self.paths).partition("?")
        if self.dice.random() < 0.3:
            parts = path.split("/")
            at = self.dice.randrange(1, len(parts))
            parts[at] = quote(changed(self.dice, parts[at])[:2000], safe=self.dice.choice(["", "/%"]), errors="replace")
            path = "/".join(parts)
        if self.dice.random() < 0.6:
            pairs = [part.partition("=")[::2] for part in query.split("&") if part]
            pairs += [(self.dice.choice(QUERY), nasty(self.dice)[:3000])] if self.dice.random() < 0.4 else []
            if pairs:
                at = self.dice.randrange(len(pairs))
                pairs[at] = (pairs[at][0], changed(self.dice, pairs[at][1])[:3000])
            mark, query = "?", urlencode(pairs, errors="replace")
            if self.dice.random() < 0.1:
                query = quote(nasty(self.dice)[:2000], "=&%", errors="replace")
        return path + mark + query

    def _headers(self) -> list[tuple[bytes, bytes]]:
        headers = {b"origin": b"http://testserver", b"host": b"testserver", b"cookie": self.dice.choice(self.cookies)}
        if self.dice.random() < 0.4:
            name = self.dice.choice(HEADERS)
            value = changed(self.dice, headers.get(name, b"").decode("latin-1")).encode(errors="replace")
            headers[name] = re.sub(rb"[\r\n\x00]", b"", value)[:4000]
        return list(headers.items())

    def _said(self) -> list[dict]:
        many = self.dice.choice([0, 0, 0, 1, 3, consumers.MOST_MESSAGES + 1])
        texts = [nasty(self.dice) for _message in range(many)]
        return [
            {"text": text} if self.dice.random() < 0.7 else {"bytes": text.encode(errors="replace")} for text in texts
        ]


@in_loop
async def test_sockets_end_by_a_code_of_ours_whatever_they_say():
    slot = await sync_to_async(make_slot)(capacity=3)
    kind = await sync_to_async(make_session_type)(slot.expert.organization, slot.expert)
    staff = await sync_to_async(lambda: logged_in(make_member(slot.expert.organization, Role.SCHEDULER)))()
    crowd, end = Crowd(slot, staff, kind), time.monotonic() + MINUTES * 60
    while True:
        for _batch in range(EACH_ROUND // 4):
            await asyncio.gather(*(crowd.open_one() for _socket in range(4)))
        if time.monotonic() >= end:
            break
        crowd.dice = random.Random()
    print(f"{sum(crowd.ends.values()):,} sockets: {dict(crowd.ends)}")  # noqa: T201
    before = slot.version
    await sync_to_async(slot.refresh_from_db)()
    assert slot.version == before
    assert len(crowd.ends) > 3, crowd.ends
