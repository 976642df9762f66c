"""Ask all addresses for everything in every way, with what nobody expects, and look that each refusal wrote nothing.

Forms are those of the pages themselves: whatever a page brings is sent as it is, and changed.
"""

import copy
import json
import logging
import random
import re
import sys
import traceback
from collections import Counter
from dataclasses import dataclass, field
from http.cookies import CookieError
from urllib.parse import quote, urlencode

from django.core.signals import got_request_exception
from django.db import connection, transaction
from django.test import Client
from django.urls import get_resolver

from bookings.access.links import booking_token, make_lookup_token, not_me_url, unwanted_url
from bookings.api.authentication import token_of
from bookings.models import Booking, LookupRequest, Notification, Proof
from bookings.services import create_feed
from bookings.services.imports import run_import
from bookingsite.api import api
from bookingsite.onboarding import services as onboarding
from experts.models import Expert, ImportKind, ImportRun, Invitation, Membership, Role, SessionType, Slot, User
from tests.abuse.test_matrix import browser_of
from tests.api.caller import make_token
from tests.bookings.live.sockets import VISITOR
from tests.bookingsite.isolation import World, addresses, calls, walk
from tests.chaos.verdict import wrong_counters
from tests.forms import Form, forms_of
from tests.fuzz.files import multipart, nasty_file
from tests.fuzz.values import HEADERS, METHODS, PARAMETERS, changed, json_value, nasty
from tests.staff import logged_in, make_member

FORM = "application/x-www-form-urlencoded"
# What a request may leave although it was refused: demand, answers for a retry, who asked and who read.
MAY_BE_WRITTEN = {
    *(
        "bookings_apitoken",
        "bookings_calendarfeed",
        "bookings_turnedaway",
        "bookings_idempotency",
        "experts_signin",
        "experts_exportlog",
        "bookings_notereading",
    ),
    *("django_session", "bookings_lookuprequest", "bookings_spentwork", "pghistory_context", "procrastinate_jobs"),
    *("experts_user", "experts_exportlog", "experts_staffsession", "procrastinate_events"),
}
MOST_FORMS = 300
EACH_ROUND = 150  # requests that see what the ones before have written


@dataclass
class Found:
    """``answers``: how often there was which answer, by kind of address; ``wrong``: what must never be, as text."""

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)  # by where it happened: the first request that led there

    def __str__(self) -> str:
        kinds = sorted({kind for kind, _status in self.answers})
        lines = []
        for kind in kinds:
            of_kind = {status: n for (k, status), n in sorted(self.answers.items()) if k == kind}
            told = ", ".join(f"{n:,} × {status}" for status, n in of_kind.items())
            lines.append(f"{kind:8} {sum(of_kind.values()):7,}   {told}")
        lines.append(f"{'all':8} {sum(self.answers.values()):7,}")
        return "\n".join(lines + [f"\nFAILED: {where}\n{what}" for where, what in self.wrong.items()])


@dataclass(frozen=True)
class Request:
    """One request as it is sent."""

    who: str
    method: str
    path: str
    body: bytes = b""
    content_type: str = FORM
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()  # in place of those that the browser has

    def __str__(self) -> str:
        said = f"{self.who}: {self.method} {self.path[:600]!r}"
        sent = f"{self.content_type} {self.body[:1500]!r} ({len(self.body)} bytes)"
        return f"{said} {dict(self.headers)!r:.600} {self.cookies!r:.600} {sent}"


class Fuzzer:
    """Asks as everybody: nobody, a visitor, programs, and each role of staff."""

    def __init__(self, world: World, seed: int):
        self.dice, self.found, self.world = random.Random(seed), Found(), world
        self._forms: list[tuple[str, str, Form]] = []  # who, page, form
        self._errors: list[tuple[str, str]] = []  # where, and how it got there
        got_request_exception.connect(self._note_error)
        self._log = _Mistakes(self.found)
        logging.getLogger("bookings").addHandler(self._log)
        organization, expert = world.organization, world.objects[Expert]
        booking = world.objects[Booking]
        Booking.objects.filter(pk=booking.pk).update(holder=VISITOR)
        self.people = {
            "nobody": Client(),
            "visitor": browser_of(VISITOR),
            "owner": world.people["owner"],
            "scheduler": logged_in(make_member(organization, Role.SCHEDULER)),
            "expert": world.people["colleague"],
            "stranger": world.people["stranger"],
            "superuser": world.people["superuser"],
        }
        for client in self.people.values():
            client.raise_request_exception = False
        self._tokens = {"": "", "staff": make_token(organization), "booking": token_of(booking)}
        proof = Proof.objects.create(visitor=VISITOR, email=booking.email, expires_at=booking.slot.starts_at)
        kind, slot = world.objects[SessionType], world.objects[Slot]
        self._words = {
            "slug": expert.slug,
            "slot_id": slot.pk,
            "reference": booking.reference,
            "token": booking_token(booking),
            "proof_id": proof.pk,
            "type_slug": kind.slug,
            "organization_id": organization.pk,
            "name": "experts/1/x.webp",
            "kind": "experts",
            "number": 1,
            "uidb36": "1",
            "key": "x",
            "session_id": 1,
            "pk": Membership.objects.first().pk,
        }
        lookup = LookupRequest.objects.create(visitor=VISITOR, email=booking.email)
        mail = Notification.objects.create(
            message_id="<lookup.1@expertbook>", kind="lookup", audience="customer", to=booking.email, status="sent"
        )
        self._links = {  # what stands in mails and calendars: each token in its own place
            "feeds/": create_feed(organization=organization, expert=expert, created_by=world.objects[User])[1],
            "not-me/": _last_part(not_me_url(booking)),
            "mails/": _last_part(unwanted_url(mail.message_id, mail.to, organization)),
            "invitation/": onboarding.token_of(world.objects[Invitation]),
            "link/": make_lookup_token(lookup)[0],
        }
        pages = sorted(set(self._all_pages()))
        admin = [page for page in pages if page.startswith("/admin/")]
        tokens = [*self._links.values(), str(self._words["token"])]
        links = [page for page in pages if any(token in page for token in tokens)]
        self._pages = [admin, [page for page in pages if page not in admin], links, self._pages_of_files()]
        self._calls = self._all_calls()

    def close(self) -> None:
        got_request_exception.disconnect(self._note_error)
        logging.getLogger("bookings").removeHandler(self._log)

    # ---------- What there is ----------

    def _all_pages(self) -> list[str]:
        """Every address of the site, filled in with what there is."""
        found = []
        for pattern in walk(get_resolver().url_patterns, "/"):
            if pattern.startswith("/admin/") or "/api/v1/" in pattern:
                continue
            words = dict(self._words)
            if pattern.startswith(("/o/", "/embed/<")):
                words["slug"] = self.world.organization.slug
            for place, token in self._links.items():
                if "<str:token>" in pattern and place in pattern:
                    found.append(pattern.replace("<str:token>", token))
            found.append(re.sub(r"<(?:\w+:)?(\w+)>", lambda at: str(words.get(at[1], "x")), pattern))  # noqa: B023
        for address in addresses():
            found += calls(address, self.world)
        return [page for page in found if "logout" not in page]

    def _pages_of_files(self) -> list[str]:
        expert, organization = self.world.objects[Expert], self.world.organization
        return [
            "/admin/import/",
            f"/admin/experts/expert/{expert.pk}/change/",
            f"/admin/experts/organization/{organization.pk}/change/",
        ]

    def _all_calls(self) -> list[tuple[str, str, dict]]:
        """Method, path and an example of the body of each call of programs."""
        document, found = api.get_openapi_schema(), []
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                filled = path.replace("{slug}", self._words["slug"])
                if "/organizations/" in path:
                    filled = path.replace("{slug}", self.world.organization.slug)
                filled = re.sub(r"\{(\w+)\}", lambda at: str(self._words.get(at[1], "x")), filled)
                content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                found.append((method.upper(), filled, self._example(content.get("schema", {}), document)))
        return found

    def _example(self, schema: dict, document: dict) -> dict:
        if "anyOf" in schema:
            schema = schema["anyOf"][0]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        names = {"name": "Lena", "email": "lena@example.com", "slot": self._words["slot_id"], "seats": 1}
        names |= {"expert": self._words["slug"], "date": "2027-03-10", "time": "10:00", "session_type": None}
        return {name: names.get(name, "x") for name in schema.get("properties", {})}

    # ---------- Requests ----------

    def round(self, requests: int = EACH_ROUND) -> None:
        """Send some requests, each of which sees what the ones before have written; then take it all back."""
        cookies = {who: copy.deepcopy(client.cookies) for who, client in self.people.items()}
        with transaction.atomic():
            stored = self._stored()
            for _ in range(requests):
                stored = self.send(self._next(), stored)
            if lines := wrong_counters():
                self.found.wrong["counters"] = "\n".join(lines)
            transaction.set_rollback(True)
        for who, client in self.people.items():
            client.cookies = cookies[who]
        self._forms = self._forms[-MOST_FORMS:]

    def _next(self) -> Request:
        choice = self.dice.random()
        if choice < 0.45 and self._forms:
            return self._send_form()
        return self._call() if choice < 0.6 else self._look()

    def _look(self) -> Request:
        who, path = self.dice.choice(list(self.people)), self.dice.choice(self.dice.choice(self._pages))
        if self.dice.random() < 0.3:
            parts = path.split("/")
            # Of a link it is the token that counts.
            longest = max(range(len(parts)), key=lambda at: len(parts[at]))
            at = longest if self.dice.random() < 0.3 else self.dice.randrange(len(parts))
            parts[at] = quote(changed(self.dice, parts[at])[:2000], safe=self.dice.choice(["", "/%"]), errors="replace")
            path = "/" + "/".join(parts).lstrip("/")
        if self.dice.random() < 0.5:
            path += "?" + self._query()
        method = "GET" if self.dice.random() < 0.6 else self.dice.choice(METHODS)
        body = self._junk() if method in ("POST", "PUT", "PATCH", "DELETE") else b""
        return Request(who, method, path, body, self._content_type(FORM), self._headers(), self._cookies(who))

    def _send_form(self) -> Request:
        forms = self._forms
        if self.dice.random() < 0.2:
            forms = [known for known in forms if known[2].files] or forms
        who, page, form = self.dice.choice(forms)
        fields = list(form.fields)
        if form.buttons and self.dice.random() < 0.8:
            fields.append(self.dice.choice(form.buttons))
        for _ in range(self.dice.choice([0, 1, 1, 1, 2, 4])):
            if not fields:
                break
            at = self.dice.randrange(len(fields))
            name, value = fields[at]
            what = self.dice.random()
            if what < 0.75:
                fields[at] = (name, changed(self.dice, value))
            elif what < 0.85:
                del fields[at]
            elif what < 0.95:
                fields.append((name, nasty(self.dice)))
            else:
                fields[at] = (nasty(self.dice)[:100], value)
        if self.dice.random() < 0.5:  # a form that was not filled in says little: most fields are empty
            fields = [(name, value or self._fitting(name)) for name, value in fields]
        data = urlencode(fields, errors="replace")
        cookies = self._cookies(who)
        path = form.action if form.action.startswith("/") else page.partition("?")[0] + form.action
        if form.method == "get":
            return Request(who, "GET", path.partition("?")[0] + "?" + data, headers=self._headers(0.1), cookies=cookies)
        if "file" in form.files:  # nothing is chosen there: what the file is about
            fields.append(("kind", self.dice.choice(ImportKind.values)))
        if form.files or self.dice.random() < 0.05:
            body, content_type = multipart(self.dice, fields, self._files(form, page))
            return Request(who, "POST", path, body, content_type, self._headers(0.1), cookies)
        return Request(who, "POST", path, data.encode(), FORM, self._headers(0.1), cookies)

    def _files(self, form: Form, page: str) -> list[tuple[str, bytes]]:
        """Those that the form asks for, or others."""
        names = list(form.files)
        if not names or self.dice.random() < 0.05:
            names.append(self.dice.choice(["file", "picture", "x", nasty(self.dice)[:100]]))
        is_picture = "picture" in names or self.dice.random() < 0.1
        return [(name, nasty_file(self.dice, is_picture=is_picture)) for name in names]

    def _cookies(self, who: str) -> tuple[tuple[str, str], ...]:
        """Now and then what a browser keeps for us, changed: nothing in it may be believed."""
        if self.dice.random() > 0.15:
            return ()
        known = {name: cookie.value for name, cookie in self.people[who].cookies.items()}
        name = self.dice.choice([*known, "visitor", "sessionid", "csrftoken", "zone", "theme", "messages", "device"])
        # What a server hands on: no line breaks, no NUL, and what is no Latin-1 as such.
        value = re.sub(r"[\r\n\x00]", "", changed(self.dice, known.get(name, "")))[:4000]
        return ((name, value.encode(errors="replace").decode("latin-1")),)

    def _fitting(self, name: str) -> str:
        by_name = {"email": "lena@example.com", "name": "Lena", "agree": "on", "day": "2027-03-10", "time": "10:00"}
        return next((value for part, value in by_name.items() if part in name), "")

    def _call(self) -> Request:
        method, path, body = self.dice.choice(self._calls)
        if self.dice.random() < 0.15:
            method = self.dice.choice(METHODS)
        if self.dice.random() < 0.3:
            path += "?" + self._query()
        body = dict(body)
        for _ in range(self.dice.choice([0, 1, 1, 2])):
            if body:
                body[self.dice.choice(list(body))] = json_value(self.dice)
        if self.dice.random() < 0.1:
            body = json_value(self.dice)
        data = json.dumps(body).encode() if self.dice.random() < 0.95 else self._junk()
        if method in ("GET", "HEAD", "OPTIONS", "TRACE"):
            data = b""
        token = self._tokens[self.dice.choice(list(self._tokens))]
        if self.dice.random() < 0.05:
            token = changed(self.dice, token)
        headers = self._headers(0.2) + ((("Authorization", f"Bearer {token}"),) if token else ())
        return Request("nobody", method, path, data, self._content_type("application/json"), headers)

    def _query(self) -> str:
        pairs = [(self.dice.choice(PARAMETERS), nasty(self.dice)[:3000]) for _ in range(self.dice.randrange(1, 4))]
        return urlencode(pairs, errors="replace") if self.dice.random() < 0.9 else quote(nasty(self.dice)[:2000], "=&%")

    def _headers(self, share: float = 0.4) -> tuple[tuple[str, str], ...]:
        if self.dice.random() > share:
            return ()
        # A server lets neither line breaks nor NUL through, and hands on what is no Latin-1 as such.
        pairs = [(self.dice.choice(HEADERS), nasty(self.dice)[:4000]) for _ in range(self.dice.randrange(1, 3))]
        return tuple((name, re.sub(r"[\r\n\x00]", "", value).encode().decode("latin-1")) for name, value in pairs)

    def _content_type(self, usual: str) -> str:
        others = [FORM, "application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", ""]
        return usual if self.dice.random() < 0.9 else self.dice.choice([*others, nasty(self.dice).replace("\n", "")])

    def _junk(self) -> bytes:
        if self.dice.random() < 0.4:
            pairs = [(self.dice.choice(PARAMETERS), nasty(self.dice)) for _ in range(3)]
            return urlencode(pairs, errors="replace").encode()
        nothing = [b"", b"\xff\xfe", b"{", b"--x\r\n", b"a=%ff&a=1"]
        return self.dice.choice([*nothing, nasty(self.dice).encode(errors="replace")])

    # ---------- Answers ----------

    def send(self, request: Request, stored: dict[str, str]) -> dict[str, str]:
        """Send it, look at the answer, and return what is stored now. ``stored``: before."""
        client, self._errors = self.people[request.who], []
        headers, before = dict(request.headers), transaction.savepoint()
        own = copy.deepcopy(client.cookies)
        if request.cookies:
            kept = {name: cookie.value for name, cookie in client.cookies.items()} | dict(request.cookies)
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in kept.items())
        try:
            response = client.generic(request.method, request.path, request.body, request.content_type, headers=headers)
            status = str(response.status_code)
            body = b"".join(response) if response.streaming else response.content
        except (CookieError, UnicodeError, ValueError) as error:
            # What the test client itself cannot send.
            if "django/test" not in "".join(traceback.format_tb(error.__traceback__)[-2:]):
                self.found.wrong.setdefault(_where(error), f"{request}\n{traceback.format_exc()[-1500:]}")
            transaction.savepoint_rollback(before)
            return stored
        if request.cookies:
            client.cookies = own  # an answer to what it never had tells it nothing
        if response.status_code >= 500:
            transaction.savepoint_rollback(before)
            connection.needs_rollback = False
        else:
            transaction.savepoint_commit(before)
        self._import_what_was_sent(request)
        self.found.answers[_kind_of(request), status] += 1
        if response.status_code >= 500 and not (response.status_code == 503 and "Retry-After" in response):
            where, how = self._errors[-1] if self._errors else (f"{status} without an exception", "")
            self.found.wrong.setdefault(where, f"{request}\n{how[-2500:]}")
        if response.status_code == 200 and response.get("Content-Type", "").startswith("text/html"):
            self._keep_forms(request, body.decode(errors="replace"))
        if request.method in ("GET", "HEAD", "OPTIONS", "TRACE") and response.status_code < 400:
            return stored
        now = self._stored()
        if response.status_code >= 400 and (changes := [name for name in now if now[name] != stored.get(name)]):
            self.found.wrong.setdefault(f"{status} and {changes}", str(request))
        return now

    def _import_what_was_sent(self, request: Request) -> None:
        """As a worker does. What it could not foresee it logs, which ``_Mistakes`` notes."""
        if request.method == "POST" and request.path.startswith("/admin/import/"):
            self._log.about = str(request)
            for run in ImportRun.objects.filter(content__isnull=False):
                run_import(run_id=run.pk)
                status = ImportRun.objects.get(pk=run.pk).status
                self.found.answers["imports", status] += 1

    def _keep_forms(self, request: Request, html: str) -> None:
        path = request.path.partition("?")[0]
        for form in forms_of(html):
            if not re.search(r"logout|sign-out|/login", form.action or path):
                self._forms.append((request.who, path, form))

    def _note_error(self, sender, request=None, **more) -> None:
        error = sys.exc_info()[1]
        self._errors.append((_where(error) if error else "?", traceback.format_exc()))

    def _stored(self) -> dict[str, str]:
        """What each table holds, as a sum of its rows; without those that a refused request may change."""
        with connection.cursor() as cursor:
            cursor.execute(_TABLES)
            tables = [name for (name,) in cursor.fetchall() if name not in MAY_BE_WRITTEN]
            sums = " UNION ALL ".join(
                f"SELECT '{name}', concat(count(*), ' ', sum(hashtext(row::text)::bigint)) FROM {name} row"
                for name in tables
            )
            cursor.execute(sums)
            return dict(cursor.fetchall())


class _Mistakes(logging.Handler):
    """Notes what was logged with a traceback: a mistake of ours that somebody has caught."""

    def __init__(self, found: Found):
        super().__init__(logging.ERROR)
        self.found, self.about = found, ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and (error := record.exc_info[1]):
            how = "".join(traceback.format_exception(error))
            self.found.wrong.setdefault(f"logged: {_where(error)}", f"{self.about}\n{how[-2500:]}")


def _last_part(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]


_TABLES = """
    SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    AND relname ~ '^(bookings|experts)_' AND relname !~ 'event$'
"""


def _kind_of(request: Request) -> str:
    for kind in ("admin", "api", "account"):
        if request.path.startswith(f"/{kind}/"):
            return kind
    return "pages"


def _where(error: BaseException) -> str:
    """The kind of an error, and the innermost place of it that is ours."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/site-packages/" not in frame.filename and "/tests/" not in frame.filename]
    frame = (ours or frames)[-1]
    return f"{type(error).__name__} at {frame.filename}:{frame.lineno}"
