"""Who may call what: every page, every address of the admin, every call of the API, every socket, as everybody.

The tables say what is meant; the tests walk all addresses that there are. A new one without an entry fails: decide who
it is for, and write it down. What is in the answers of the admin, and that nobody opens the rows of another
organisation: tests/bookingsite/test_isolation.py.
"""

import http.cookies
import re
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponseRedirect
from django.test import Client, RequestFactory
from django.urls import get_resolver, resolve, reverse
from django.utils import timezone

from bookings import services
from bookings.access.links import booking_token
from bookings.api.authentication import token_of
from bookings.live import routing
from bookings.live.consumers import NO_VISITOR, NOT_FOUND
from bookings.models import ApiToken, Booking, Proof
from bookingsite.api import api
from bookingsite.onboarding import services as onboarding
from experts.models import Expert, Invitation, Role, User
from experts.permissions import RIGHTS
from tests.api.caller import LENA, Caller, make_token
from tests.api.test_tokens import READS_BY_POST, Tenant, everything, staff_calls
from tests.bookings.live.sockets import OTHER, VISITOR, closing_code, cookie, frames, in_loop, is_beat, socket
from tests.bookingsite.isolation import addresses, calls, make_world, walk
from tests.cast import make_booking, make_expert, make_organization, make_question, make_slot, make_type
from tests.staff import logged_in, make_member, make_superuser, make_user

OPEN = "open to anybody"
OWN = "a visitor's own, by the identity of the browser"
KEY = "whoever has the secret in the address"
ACCOUNT = "whoever has logged in, about themselves"

# Pages that are not the admin's
PAGES = {
    "/": OPEN,
    "/experts/": OPEN,
    "/experts/<slug:slug>/": OPEN,
    "/experts/<slug:slug>/card.png": OPEN,
    "/experts/card.png": OPEN,
    "/o/<slug:slug>/card.png": OPEN,
    "/media/<path:name>": OPEN,
    "/o/<slug:slug>/": OPEN,
    "/o/<slug:slug>/book/<slug:type_slug>/": OPEN,
    "/o/<slug:slug>/book/<slug:type_slug>/hold/": OPEN,
    "/embed/<slug:slug>/": OPEN,
    "/embed/<slug:slug>/book/<slug:type_slug>/": OPEN,
    "/embed/expert/<slug:slug>/": OPEN,
    "/slots/<int:slot_id>/hold/": OPEN,
    "/slots/<int:slot_id>/extend/": OPEN,
    "/slots/<int:slot_id>/release/": OPEN,
    "/slots/<int:slot_id>/book/": OPEN,
    "/slots/<int:slot_id>/waitlist/": OPEN,
    "/bookings/": OWN,
    "/bookings/sign-out/": OPEN,
    "/bookings/<str:reference>/": OWN,
    "/bookings/<str:reference>/answers/": OWN,
    "/bookings/<str:reference>/cancel/": OWN,
    "/bookings/<str:reference>/mail/": OWN,
    "/bookings/<str:reference>/address/": OWN,
    "/bookings/<str:reference>/reschedule/": OWN,
    "/bookings/<str:reference>/calendar.ics": OWN,
    "/bookings/data/": OWN,
    "/bookings/data/<int:proof_id>/": OWN,
    "/bookings/data/<int:proof_id>/data.json": OWN,
    "/bookings/data/<int:proof_id>/erase/": OWN,
    "/bookings/link/<str:token>/": KEY,
    "/bookings/not-me/<str:token>/": KEY,
    "/bookings/mails/<str:token>/": KEY,
    "/feeds/<str:token>.ics": KEY,
    "/start/": OPEN,
    "/start/invitation/<str:token>/": KEY,
    "/account/": ACCOUNT,
    "/account/login/": OPEN,
    "/account/oidc/sso/": OPEN,
    "/account/oidc/sso/callback/": OPEN,
    "/account/logout/": OPEN,
    "/account/reauthenticate/": ACCOUNT,
    "/account/notices/<int:organization_id>/": ACCOUNT,
    "/account/sessions/end/": ACCOUNT,
    "/account/sessions/<int:session_id>/end/": ACCOUNT,
    "/account/password/": ACCOUNT,
    "/account/password/reset/": OPEN,
    "/account/password/reset/sent/": OPEN,
    "/account/password/reset/key/<uidb36>-<key>/": KEY,
    "/account/password/reset/done/": OPEN,
    "/account/second/": ACCOUNT,
    "/account/second/login/": OPEN,  # leads back to the log-in where none is under way
    "/account/second/again/": ACCOUNT,
    "/account/second/app/": ACCOUNT,
    "/account/second/app/remove/": ACCOUNT,
    "/account/second/codes/": ACCOUNT,
    "/account/second/codes/new/": ACCOUNT,
    "/account/second/passkeys/add/": ACCOUNT,
    "/account/second/passkeys/again/": ACCOUNT,
    "/account/second/passkeys/login/": OPEN,
    "/account/second/passkeys/<int:pk>/remove/": ACCOUNT,
    "/preferences/": OPEN,
    "/robots.txt": OPEN,
    "/sitemap.xml": OPEN,
    "/sitemap-<slug:kind>-<int:number>.xml": OPEN,
    "/healthz": OPEN,
    "/readyz": OPEN,
    "/metrics": OPEN,
    "/api/v1/": OPEN,
    "/api/v1/docs": OPEN,
    "/api/v1/openapi.json": OPEN,
}
# These answer 200 whatever the secret is: the one asks for a button first, the other says that it is over.
SAID_IN_WORDS = {"/bookings/link/<str:token>/", "/account/password/reset/key/<uidb36>-<key>/"}

# The admin: by O an owner, S a scheduler, E the expert whose calendar it is, A a superuser. "" is nobody.
MODELS = {
    #                            list    add     change  history delete
    "experts/organization": ("OSA", "A", "OSA", "OSA", "A"),
    "experts/membership": ("OA", "A", "OA", "OA", "OA"),
    "experts/invitation": ("OA", "OA", "OA", "OA", "OA"),
    "experts/category": ("OSEA", "A", "OSEA", "OSEA", "A"),
    "experts/expert": ("OSEA", "OA", "OSEA", "OSEA", "OA"),
    "experts/sessiontype": ("OSA", "OSA", "OSA", "OSA", "OSA"),
    "experts/slot": ("OSEA", "OSEA", "OSEA", "OSEA", "OSEA"),
    "experts/timeoff": ("OSEA", "OSEA", "OSEA", "OSEA", "OSEA"),
    "experts/signin": ("OA", "", "OA", "OA", ""),
    "experts/exportlog": ("OA", "", "OA", "OA", ""),
    "experts/user": ("A", "A", "A", "A", "A"),
    "auth/group": ("A", "A", "A", "A", "A"),
    "bookings/booking": ("OSEA", "OSEA", "OSEA", "OSEA", ""),
    "bookings/waitlistentry": ("OSEA", "", "OSEA", "OSEA", ""),
    "bookings/notereading": ("OA", "", "OA", "OA", ""),
    "bookings/erasure": ("OA", "", "OA", "OA", ""),
    "bookings/turnedaway": ("OSEA", "", "OSEA", "OSEA", ""),
    "bookings/notification": ("OSA", "", "OSA", "OSA", ""),
    "bookings/calendarfeed": ("OSEA", "OSEA", "OSEA", "OSEA", ""),
    "bookings/question": ("OSA", "OA", "OSA", "OSA", "OA"),
    "bookings/block": ("OSA", "OSA", "OSA", "OSA", ""),
    "bookings/apitoken": ("OA", "OA", "OA", "OA", ""),
    "bookings/webhookendpoint": ("OA", "OA", "OA", "OA", "OA"),
    "bookings/webhookdelivery": ("OA", "", "OA", "OA", ""),
}
ADMIN = {
    "operations/": "A",
    "": "OSEA",
    "book/": "OSEA",
    "day/": "OSEA",
    "day/grid/": "OSEA",
    "day/moves/": "OSEA",
    "week/": "OSEA",
    "why/": "OSEA",
    "day/panel/": "OSEA",
    "day/booking/<int:booking_id>/<str:name>/": "OSEA",
    "search/": "OSEA",
    "jsi18n/": "OSEA",
    "password_change/": "OSEA",
    "password_change/done/": "OSEA",
    "logout/": "OSEA",
    "autocomplete/": "",  # nothing without the name of a field
    "<app_label>/": "A",  # asked about "auth", of which all is for superusers
    "<url>": "",
    "my-day/": "OSEA",
    "day/print/": "OSEA",
    "import/": "OSA",
    "import/<int:pk>/": "OSA",
    "import/template/<str:kind>/": "OSA",
    "requests/": "OSEA",
    "rescue/": "OSEA",
    "rescue/rows/": "OSEA",
    "reports/": "OSEA",
    "reports/export.csv": "OSEA",
    "reports/export.xlsx": "OSEA",
    **{
        f"{model}/export.{kind}": "OSEA"
        for model in (
            *("experts/expert", "experts/slot"),
            *("bookings/booking", "bookings/waitlistentry", "bookings/turnedaway"),
        )
        for kind in ("csv", "xlsx")
    },
    "experts/membership/invite/": "OA",
    "experts/expert/<int:object_id>/picture/": "OSEA",
    "experts/expert/<int:object_id>/hours/": "OSEA",
    "experts/organization/<int:object_id>/picture/": "OA",
    "experts/organization/<int:object_id>/preview/": "OA",
    "experts/organization/<int:object_id>/test-mail/": "OA",
    "experts/organization/<int:object_id>/mails/": "OA",
    "experts/organization/<int:object_id>/mails/<slug:kind>/": "OA",
    "experts/organization/<int:object_id>/mails/<slug:kind>/preview/": "OA",
    "experts/organization/<int:object_id>/mails/<slug:kind>/test/": "OA",
    "experts/expert/<path:object_id>/calendar_feed/": "OSEA",
    "experts/organization/<path:object_id>/calendar_feed/": "OSEA",  # leads on to the form of a new feed
    "experts/sessiontype/<path:object_id>/copy/": "OSA",  # leads on to the form of a new type
    "experts/sessiontype/<path:object_id>/move/": "OSA",
    "experts/sessiontype/<int:object_id>/card/": "OSA",
    "experts/sessiontype/example/": "OSA",
    "experts/slot/<path:object_id>/book/": "OSEA",
    "experts/slot/<path:object_id>/show_bookings/": "OSEA",
    "experts/user/<id>/password/": "A",
    "bookings/booking/held/": "OSEA",
    "bookings/booking/<int:object_id>/origin/<str:kind>/": "OSEA",
    "bookings/booking/<int:object_id>/decide/<str:name>/": "OSEA",
    "bookings/booking/<path:object_id>/show_mails/": "OSA",
    "bookings/apitoken/<path:object_id>/revoke/": "OA",
    "bookings/erasure/address/": "OA",
    "bookings/erasure/look_at_address/": "OA",
    "bookings/notification/<int:pk>/send-again/": "OSA",
    "bookings/notification/<int:pk>/lift/": "OA",
    "bookings/webhookendpoint/<int:pk>/test/": "OA",
    "bookings/webhookendpoint/<int:pk>/resume/": "OA",
    "bookings/webhookendpoint/<int:pk>/resume-all/": "OA",
    "bookings/webhookendpoint/<int:pk>/renew-secret/": "OA",
    "bookings/webhookdelivery/<int:pk>/send-again/": "OA",
}
for _model, _rights in MODELS.items():
    _suffixes = ("", "add/", *(f"<path:object_id>/{page}/" for page in ("change", "history", "delete")))
    ADMIN |= {f"{_model}/{suffix}": who for suffix, who in zip(_suffixes, _rights, strict=True)}
    ADMIN[f"{_model}/<path:object_id>/"] = "OSEA"  # leads on to the page of the change, which asks again
LOG_IN = {"/admin/login/"}

# Calls of programs that need no staff's token. All others need one: to read, or to write where it is no GET.
PUBLIC_CALLS = {
    ("GET", "/experts"): OPEN,
    ("GET", "/experts/{slug}"): OPEN,
    ("GET", "/experts/{slug}/questions"): OPEN,
    ("GET", "/experts/{slug}/session-types"): OPEN,
    ("GET", "/slots"): OPEN,
    ("GET", "/slots/{slot_id}"): OPEN,
    ("POST", "/slots/{slot_id}/book"): OPEN,
    ("POST", "/organizations/{slug}/types/{type_slug}/book"): OPEN,
    ("GET", "/organizations/{slug}/types/{type_slug}/starts"): OPEN,
    ("GET", "/slots/{slot_id}/challenge"): OPEN,
    ("GET", "/bookings/{reference}"): KEY,
    ("POST", "/bookings/{reference}/cancel"): KEY,
}
SOCKETS = {
    "ws/experts/<slug:slug>/": OPEN,
    "ws/o/<slug:slug>/book/<slug:type_slug>/": OPEN,
    "ws/bookings/": OWN,
    "ws/staff/<slug:slug>/": "members of the organisation who are logged in",
    "": "nothing",
}

PRIVATE = ["Quorlbath", "quorlbath@", "0151-77331", "Wobbleknee"]


def leaked(response) -> list[str]:
    text = content(response) + response.get("Location", "")
    return [word for word in PRIVATE if word in text]


def content(response) -> str:
    """All that an answer says, of a streamed one, too."""
    return b"".join(response).decode(errors="replace")


def browser_of(visitor: str) -> Client:
    client = Client()
    client.cookies = http.cookies.SimpleCookie(cookie(visitor).decode())
    return client


# Pages


def pages() -> list[str]:
    found = list(walk(get_resolver().url_patterns, "/"))
    return [page for page in found if not page.startswith("/admin/") and (page in PAGES or "/api/v1/" not in page)]


@pytest.mark.django_db
def test_pages_show_what_is_a_visitors_own_to_that_visitor_alone():
    assert set(pages()) == set(PAGES), "who is a new page for?"
    expert = make_expert(slug="amara", organization=make_organization(slug="northgate"))
    make_question(expert.organization)
    slot = make_slot(expert, capacity=5)
    person = {"name": "Lena Quorlbath", "email": "quorlbath@example.com", "phone": "0151-77331", "notes": "Wobbleknee"}
    booking = make_booking(slot, holder=VISITOR, **person)
    make_booking(slot, holder=OTHER, name="Somebody else", email="other@example.com")
    owner = make_member(expert.organization)
    people = {
        "nobody": Client(),
        "wrong visitor": browser_of(OTHER),
        "owner": logged_in(owner),
        "other organisation": logged_in(make_member(make_organization())),
        "own": browser_of(VISITOR),
    }
    proof = Proof.objects.create(
        visitor=VISITOR, email="quorlbath@example.com", expires_at=timezone.now() + timedelta(hours=1)
    )
    words = {"slug": "amara", "slot_id": slot.pk, "reference": booking.reference, "token": "EB-4444-4444.x"}
    words |= {"proof_id": proof.pk, "session_id": 1, "organization_id": 1, "pk": 1, "uidb36": "1", "key": "x"}
    words |= {
        "name": "experts/1/x.webp",
        "kind": "experts",
        "number": 1,
        "type_slug": make_type(expert, minutes=30).slug,
    }
    before = Booking.objects.filter(pk=booking.pk).values().get()
    problems = []
    for page, kind in PAGES.items():
        url = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(words[found[1]]), page)
        if page.startswith(("/o/", "/embed/<")):
            url = url.replace("amara", "northgate")
        for who, client in people.items():
            is_own = kind == OWN and who == "own"
            asked = [client.get(url)] if who == "own" else [client.get(url), client.post(url, {"step": "review"})]
            for response in asked:
                if response.status_code >= 500 or (not is_own and leaked(response)):
                    problems.append((url, who, "leaks"))
                shows = leaked(response) or (not response.streaming and booking.reference in content(response))
                if is_own and (response.status_code != 200 or not shows):
                    problems.append((url, who, "is not shown"))
                if kind == ACCOUNT and response.status_code == 200 and who in ("nobody", "wrong visitor", "own"):
                    problems.append((url, who, "opens without a log-in"))
                if kind == OPEN and response.status_code in (401, 403):
                    problems.append((url, who, response.status_code))
                hides = (kind == KEY and page not in SAID_IN_WORDS) or (kind == OWN and "<" in page)
                if hides and not is_own and response.status_code == 200:
                    problems.append((url, who, "is there"))
    assert not problems, "\n".join(map(str, problems))
    assert Booking.objects.filter(pk=booking.pk).values().get() == before


@pytest.mark.django_db
def test_the_secret_in_an_address_is_what_opens_it():
    """The control of the addresses that opened nothing above."""
    slot = make_slot()
    booking = make_booking(slot, name="Lena Quorlbath", email="quorlbath@example.com")
    owner = make_member(slot.expert.organization)
    _feed, token = services.create_feed(organization=slot.expert.organization, expert=None, created_by=owner)
    assert "Quorlbath" in Client().get(f"/feeds/{token}.ics").content.decode()
    client = Client()
    url = f"/bookings/link/{booking_token(booking)}/"
    assert not leaked(client.get(url))
    assert client.post(url).status_code == 303
    assert leaked(client.get(f"/bookings/{booking.reference}/"))
    invited = Invitation.objects.create(
        organization=slot.expert.organization, email="quorlbath@example.com", role=Role.OWNER, invited_by=owner
    )
    assert leaked(Client().get(f"/start/invitation/{onboarding.token_of(invited)}/"))


# The admin


def ask(user: User, url: str):
    """What the view of an address says to somebody: its answer, not rendered, or 403 or 404. Undoes what it wrote."""
    found = resolve(url)
    for method in ("get", "post"):
        request = getattr(RequestFactory(), method)(url, {"post": "yes"} if method == "post" else None)
        request.user, request.session, request._dont_enforce_csrf_checks = user, SessionStore(), True
        request._messages = CookieStorage(request)
        try:
            with transaction.atomic():
                response = found.func(request, *found.args, **found.kwargs)
                transaction.set_rollback(True)
        except PermissionDenied:
            return 403
        except Http404:
            return 404
        if response.status_code != 405:  # else it is asked by POST only
            break
    gone = isinstance(response, HttpResponseRedirect) and response.url in ("/admin/", reverse("admin:login"))
    return 404 if gone else response.status_code


@pytest.mark.django_db
def test_each_role_opens_its_own_part_of_the_admin_and_nobody_gets_in_without_logging_in():
    known = {address.pattern.removeprefix("/admin/") for address in addresses()} - {"login/"}
    assert known == set(ADMIN), "who is a new address of the admin for?"
    world = make_world()
    organization, expert = world.organization, world.objects[Expert]
    people = {
        "O": User.objects.get(email="ulf@garthmail.example"),
        "S": make_member(organization, Role.SCHEDULER),
        "E": make_member(organization, Role.EXPERT),
        "A": make_superuser(),
    }
    Expert.objects.filter(pk=expert.pk).update(user=people["E"])
    nobody, no_staff = Client(), logged_in(make_user())
    problems = []
    for address in addresses():
        if address.pattern in LOG_IN:
            continue
        url = calls(address, world)[0]
        opens = "".join(who for who, user in people.items() if ask(user, url) < 400)
        if opens != ADMIN[address.pattern.removeprefix("/admin/")]:
            problems.append((address.pattern, opens))
    assert not problems, "\n".join(map(str, problems))
    for address in addresses():
        for url in calls(address, world) if address.pattern not in LOG_IN else ():
            for response in (nobody.get(url), nobody.post(url, {"post": "yes"}), no_staff.get(url)):
                assert response.status_code == 302, url
                assert response["Location"].startswith((reverse("admin:login"), reverse("admin:index"))), url


@pytest.mark.django_db
def test_the_walk_notices_a_right_that_the_table_does_not_give(monkeypatch):
    """The control."""
    scheduler = make_member(make_organization(), Role.SCHEDULER)
    assert ask(scheduler, "/admin/bookings/apitoken/") == 403
    monkeypatch.setitem(RIGHTS, "bookings.apitoken", {Role.SCHEDULER: {"view"}})
    assert ask(scheduler, "/admin/bookings/apitoken/") == 200


# Programs


@pytest.mark.django_db
def test_each_call_of_programs_needs_the_token_that_the_table_says():
    paths = api.get_openapi_schema()["paths"]
    known = {(method.upper(), path.removeprefix("/api/v1")) for path, methods in paths.items() for method in methods}
    assert known == set(PUBLIC_CALLS) | set(staff_calls()), "who is a new call for?"
    assert all(path.startswith("/admin/") for _method, path in staff_calls())
    tenant, other = Tenant(), Tenant()
    revoked = make_token(tenant.organization)
    services.revoke_token(token_id=ApiToken.objects.get().pk)
    asleep = make_token(make_organization(is_active=False))
    read = make_token(tenant.organization, scope=ApiToken.Scope.READ)
    write = make_token(tenant.organization)
    for_booking, for_other = token_of(tenant.booking), token_of(other.booking)
    bad = ("", "x", "ebs_", "ebs_" + "A" * 43, "ü", revoked, revoked[:-1], asleep, for_booking)
    before = everything()
    for method, path in staff_calls():
        for token in bad:
            answer = tenant.call(Caller(token), method, path)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), (method, path, token)
            assert answer["WWW-Authenticate"].startswith("Bearer")
        answer = tenant.call(Caller(read), method, path)
        if method == "GET" or path in READS_BY_POST:
            assert answer.status_code == 200, (method, path)
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (method, path)
    for (method, path), kind in PUBLIC_CALLS.items():
        for token in ("", for_other, read, write, for_booking):
            if kind == OPEN and method == "GET":
                assert tenant.call(Caller(token), method, path).status_code == 200, (method, path)
            elif kind == KEY and (token != for_booking or method == "GET"):
                status = 200 if token == for_booking else 404
                assert tenant.call(Caller(token), method, path).status_code == status, (method, path, token)
    assert everything() == before
    # The control: with the right token the same addresses write.
    assert Caller().post(f"/slots/{tenant.slot.pk}/book", LENA).status_code == 201
    assert Caller(for_booking).post(f"/bookings/{tenant.booking.reference}/cancel").status_code == 200
    assert everything() != before


# Sockets


@pytest.mark.django_db(transaction=True)
@in_loop
async def test_each_socket_tells_a_visitor_of_the_own_and_of_nothing_else():
    assert [str(route.pattern) for route in routing._routes] == list(SOCKETS), "who is a new socket for?"
    slot = await sync_to_async(make_slot)()
    await sync_to_async(make_booking)(slot, holder=VISITOR, name="Lena Quorlbath", email="quorlbath@example.com")
    async with socket("/ws/bookings/") as page:
        assert await closing_code(page) == NO_VISITOR
    async with socket("/ws/elsewhere/", visitor=VISITOR) as page:
        assert await closing_code(page) == NOT_FOUND
    own_keys = {}
    for visitor in (VISITOR, OTHER):
        async with socket("/ws/bookings/", visitor=visitor) as page:
            own_keys[visitor] = "".join(await frames(page, is_beat))
    assert own_keys[VISITOR] != own_keys[OTHER]
    day = {}
    for visitor in ("", OTHER, VISITOR):
        async with socket(f"/ws/experts/{slot.expert.slug}/?day={slot.date}", visitor=visitor) as page:
            day[visitor] = "".join(await frames(page, is_beat))
    assert "booked" in day[VISITOR]
    assert not any(word in text for text in (*own_keys.values(), *day.values()) for word in PRIVATE)
    assert "You’re booked" in day[VISITOR]
    assert "You’re booked" not in day[OTHER] + day[""]
