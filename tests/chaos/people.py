"""People, staff's programs and browsers without a screen, who keep a ledger of what they were told."""

import http.client
import itertools
import json
import random
import re
import threading
import time
from collections.abc import Callable

from tests.chaos.data import Calendar, Data
from tests.chaos.ledger import Ledger, Promise
from tests.chaos.site import Mailbox
from tests.http import Answer, Told, Visitor, ask

PATIENCE = 90  # seconds in which somebody asks the same again and again
REFERENCE = re.compile(r"EB-\w{4}-\w{4}")
LINK = re.compile(r"/bookings/link/[^\s\"<>]+/")


class NobodyAnswersError(Exception):
    """There was no definite answer within PATIENCE, or the run is over."""


class People:
    """Threads, each of which lives the life of one person after the other, from ``start`` to ``stop``.

    Whoever gets no definite answer (no connection, 503) asks the same again. ``pause``: seconds between two requests.
    """

    def __init__(self, port: int, data: Data, mail: Mailbox, *, pause: float, seed: int = 1):
        self.ledger, self.port = Ledger(), port
        self._data, self._mail, self._pause = data, mail, pause
        self._numbers, self._over, self._in_time = itertools.count(1), threading.Event(), threading.Event()
        self._single = {calendar.slug: iter(calendar.single) for calendar in data.calendars}
        lives = [self._book_and_change, self._book_and_change, self._hold_in_a_browser, self._wait_in_line]
        self._threads = [
            threading.Thread(target=self._live, args=[life, random.Random(f"{seed}-{n}")], daemon=True)
            for n, life in enumerate(lives)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let everybody finish what they are at."""
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._in_time.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "somebody still waits for an answer"

    def _live(self, life: Callable[[random.Random, Calendar, int], None], dice: random.Random) -> None:
        while not self._over.is_set():
            try:
                life(dice, dice.choice(self._data.calendars), next(self._numbers))
            except NobodyAnswersError as error:
                self.ledger.wrong.append(f"no definite answer in {PATIENCE} seconds: {error}")
            except Exception as error:
                self.ledger.wrong.append(f"{life.__name__}: {type(error).__name__}: {error}")

    # ---------- Programs ----------

    def _book_and_change(self, dice: random.Random, calendar: Calendar, number: int) -> None:
        """Book by the API; then cancel, be moved, approved or declined by staff's program, or nothing of all that."""
        booked = self._book(calendar, dice.choice(calendar.slots), number)
        if booked is None:
            return
        reference, token = booked
        if calendar.asks and dice.random() < 0.8:
            self._decide(calendar, reference, "approve" if dice.random() < 0.7 else "reject")
        promise = self.ledger.promises[reference]
        if promise.status in ("PENDING", "CONFIRMED"):
            change = dice.random()
            if change < 0.25:
                self._cancel(reference, token)
            elif change < 0.5:
                self._move(calendar, reference, dice.choice(calendar.slots))

    def _book(self, calendar: Calendar, slot_id: int, number: int) -> tuple[str, str] | None:
        """Returns reference and token, or None where the slot was taken."""
        email = f"p{number}@example.com"
        self.ledger.unanswered.add(email)
        who = {"name": "Lena", "email": email}
        told, _lost = self._until_definite(
            "book", "POST", f"/api/v1/slots/{slot_id}/book", who, {"Idempotency-Key": f"key-{number}"}, fine=(201, 409)
        )
        answer = json.loads(told.body)
        if told.status == 201:
            self.ledger.acknowledge(answer["reference"], Promise(answer["status"], slot_id, email))
        self.ledger.unanswered.discard(email)
        if told.status == 409:
            return None
        if (answer["status"] == "PENDING") != calendar.asks:
            self.ledger.wrong.append(f"{answer['reference']} is {answer['status']}")
        return answer["reference"], answer["token"]

    def _decide(self, calendar: Calendar, reference: str, decision: str) -> None:
        path = f"/api/v1/admin/bookings/{reference}/{decision}"
        after = {"approve": "CONFIRMED", "reject": "REJECTED"}[decision]
        told, lost = self._until_definite(decision, "POST", path, {}, _as(calendar.token), fine=(200, 409))
        if told.status == 409 and not (lost and self._stands(calendar, reference)["status"] == after):
            self.ledger.wrong.append(f"{decision} of {reference} was refused: {told.body[:200]!r}")
        self.ledger.promises[reference].status = after

    def _cancel(self, reference: str, token: str) -> None:
        path = f"/api/v1/bookings/{reference}"
        told, lost = self._until_definite("cancel", "POST", f"{path}/cancel", {}, _as(token), fine=(200, 409))
        if told.status == 409:
            now, _lost = self._until_definite("look", "GET", path, None, _as(token), fine=(200,))
            if not lost or json.loads(now.body)["status"] != "CANCELLED":
                self.ledger.wrong.append(f"cancel of {reference} was refused: {told.body[:200]!r}")
                return
        self.ledger.promises[reference].status = "CANCELLED"

    def _move(self, calendar: Calendar, reference: str, slot_id: int) -> None:
        path, promise = f"/api/v1/admin/bookings/{reference}/reschedule", self.ledger.promises[reference]
        if slot_id == promise.slot_id:
            return
        told, lost = self._until_definite(
            "move", "POST", path, {"slot": slot_id}, _as(calendar.token), fine=(200, 409, 422)
        )
        if told.status == 200:
            promise.slot_id = slot_id
        elif lost:  # it may have been moved by a request whose answer was lost
            promise.slot_id = self._stands(calendar, reference)["slot"]["id"]

    def _stands(self, calendar: Calendar, reference: str) -> dict:
        path = f"/api/v1/admin/bookings/{reference}"
        told, _lost = self._until_definite("look", "GET", path, None, _as(calendar.token), fine=(200,))
        return json.loads(told.body)

    def _until_definite(
        self, what: str, method: str, path: str, body: dict | None, headers: dict, *, fine: tuple[int, ...]
    ) -> tuple[Told, bool]:
        """Ask until there is an answer that is ``fine``. Also says whether one may have been lost before."""
        data = "" if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json", **headers} if body is not None else headers

        def once() -> Told:
            return ask(self.port, method, path, data, headers)

        return self._repeat(what, once, fine)

    def _repeat(self, what: str, once: Callable[[], Told], fine: tuple[int, ...]) -> tuple[Told, bool]:
        end, lost = time.monotonic() + PATIENCE, False
        while time.monotonic() < end and not self._in_time.is_set():
            told = once()
            self.ledger.note(what, told.status)
            if told.status in fine:
                self._over.wait(self._pause)
                return told, lost
            if isinstance(told.status, int) and told.status not in (503, 429):
                self.ledger.wrong.append(f"{what}: {told.status} {told.body[:300]!r}")
                raise NobodyAnswersError(f"{what}, {told.status}")
            if told.status == 503 and "retry-after" not in told.headers:
                self.ledger.wrong.append(f"{what}: 503 without Retry-After")
            # A killed PostgreSQL may have committed what nobody could tell us of any more: that is a 503, too.
            lost = lost or isinstance(told.status, str) or told.status == 503
            self._in_time.wait(0.1)
        raise NobodyAnswersError(what)

    # ---------- Browsers ----------

    def _hold_in_a_browser(self, dice: random.Random, calendar: Calendar, number: int) -> None:
        """Hold a seat, look at the form, and then book it or let it go."""
        slot_id, email = dice.choice(calendar.slots), f"p{number}@example.com"
        visitor = Visitor(f"http://127.0.0.1:{self.port}")
        path = f"/slots/{slot_id}/book/"
        page = self._browse("page", lambda: visitor.get(f"/experts/{calendar.slug}/?day={calendar.days[0]}"), (200,))
        token = page.hidden("csrfmiddlewaretoken")
        held = self._browse(
            "hold", lambda: visitor.post(f"/slots/{slot_id}/hold/", csrfmiddlewaretoken=token), (200, 302, 303, 409)
        )
        if held.status == 409 or (held.status != 200 and "waitlist" in held.headers.get("Location", "")):
            return
        form = self._browse("form", lambda: visitor.get(path), (200, 302, 303))
        if form.status != 200 or 'name="key"' not in form.body:
            return
        fields = {name: form.hidden(name) for name in ("csrfmiddlewaretoken", "key")}
        if dice.random() < 0.3:
            self._browse("release", lambda: visitor.post(f"/slots/{slot_id}/release/", **fields), (200, 204, 302, 303))
            return
        fields |= {"name": "Omar", "email": email, "agree": "on", "step": "confirm"}
        self.ledger.unanswered.add(email)
        done = self._browse("confirm", lambda: visitor.post(path, **fields), (200, 302, 303, 409))
        if done.status in (302, 303) and (found := REFERENCE.search(done.headers["Location"])):
            status = "PENDING" if calendar.asks else "CONFIRMED"
            self.ledger.acknowledge(found[0], Promise(status, slot_id, email))
        elif done.status == 200:
            self.ledger.wrong.append(f"a browser was asked again: {_title(done.body)}")
        self.ledger.unanswered.discard(email)

    def _wait_in_line(self, dice: random.Random, calendar: Calendar, number: int) -> None:
        """Somebody books the only seat, somebody else waits for it by a mail's link; then the first one cancels."""
        slot_id = next(self._single[calendar.slug], None)
        if slot_id is None or calendar.asks:
            self._over.wait(self._pause)
            return
        booked = self._book(calendar, slot_id, number)
        if booked is None:
            self.ledger.wrong.append(f"slot {slot_id} was free, and could not be booked")
            return
        email, path = f"w{number}@example.com", f"/slots/{slot_id}/waitlist/"
        visitor = Visitor(f"http://127.0.0.1:{self.port}")
        form = self._browse("form", lambda: visitor.get(path), (200,))
        fields = {name: form.hidden(name) for name in ("csrfmiddlewaretoken", "key")}
        fields |= {"name": "Ruth", "email": email, "agree": "on", "step": "join"}
        joined = self._browse("join", lambda: visitor.post(path, **fields), (200, 302, 303, 409, 422))
        if joined.status not in (200, 302, 303):
            self.ledger.wrong.append(f"join: {joined.status} {_title(joined.body)}")
            return
        link = self._link_to(email)
        if link is None:  # the mail is late; that it comes is looked at in the end
            return
        page = self._browse("link", lambda: visitor.get(link), (200,))
        fields = {"csrfmiddlewaretoken": page.hidden("csrfmiddlewaretoken")}
        self._browse("take place", lambda: visitor.post(link, **fields), (200, 302, 303))
        self.ledger.waiting.add((email, slot_id))
        self._cancel(*booked)

    def _link_to(self, email: str) -> str | None:
        end = time.monotonic() + 20
        while time.monotonic() < end and not self._over.is_set():
            for mail in reversed(self._mail.taken):
                if mail["To"] == email and (found := LINK.search(mail.get_body(("plain",)).get_content())):
                    return found[0]
            self._over.wait(0.2)
        return None

    def _browse(self, what: str, step: Callable[[], Answer], fine: tuple[int, ...]) -> Answer:
        seen: list[Answer] = []

        def once() -> Told:
            try:
                seen.append(step())
            except (OSError, http.client.HTTPException) as error:
                return Told(type(error).__name__)
            headers = {name.lower(): value for name, value in seen[-1].headers.items()}
            return Told(seen[-1].status, seen[-1].body.encode(), headers)

        self._repeat(what, once, fine)
        return seen[-1]


def _as(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _title(body: str) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", "", found[1]).split()) if found else body[:80]
