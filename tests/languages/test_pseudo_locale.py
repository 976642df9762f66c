"""Every text that people read can be translated: the site in a language in which such texts stand in brackets.

What remains outside of them is a name, or was written by somebody; anything else is a text that nobody can translate.
Every address is walked, or stands in WITHOUT_WORDS with the reason; what is said in states that no walk comes by is
found in the sources (test_sources.py).
"""

import re
from contextlib import suppress
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, Permission
from django.template.loader import render_to_string
from django.test import Client
from django.urls import Resolver404, get_resolver
from django.utils import timezone

from bookings import services
from bookings.access import links, proofs
from bookings.mail import messages
from bookings.mail.messages import Before
from bookings.models import Booking, LookupRequest, MailKind, Notification, Rescue, Status, WaitlistEntry
from bookings.selectors.rescue_times import kept_times
from bookingsite.accounts.tasks import send_password_link
from bookingsite.onboarding import services as onboarding
from bookingsite.onboarding.tasks import send_invitation
from experts.models import Organization
from tests.bookingsite.isolation import addresses, calls, make_world, walk
from tests.cast import (
    day_ahead,
    details,
    make_booking,
    make_expert,
    make_organization,
    make_question,
    make_row_of_slots,
    make_slot,
    make_type,
    make_webhook,
)
from tests.languages.pseudo import bracketed, pseudo_language, untranslated, words_of, words_of_the_world
from tests.log_in import add_app, code_of, log_in, send_code
from tests.staff import PASSWORD, make_superuser

pytestmark = pytest.mark.django_db
ALIKE = ("/history/", "/delete/", "<path:object_id>/")
FAILURES = ("400", "403", "404", "429", "500", "503", "csrf")
NAMED_GROUP = re.compile(r"\(\?P(<\w+>)[^)]*\)")  # of a pattern, as ``walk`` writes it
ENDS = dict.fromkeys(map(ord, "^$"))
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture(autouse=True)
def speaks():
    with pseudo_language():
        yield


class Reader:
    """Somebody who reads pages and notes what could not be translated."""

    def __init__(self):
        self.client = Client()
        self.pages: list[tuple[str, str]] = []
        self.walked: set[str] = set()

    def read(self, response):
        name, kind = response.request["PATH_INFO"], response.get("Content-Type", "")
        with suppress(Resolver404):
            self.walked.add("/" + NAMED_GROUP.sub(r"\1", response.resolver_match.route).translate(ENDS))
        if kind.startswith("text/html"):
            self.pages.append((name, response.content.decode()))
        if kind.startswith("text/calendar"):
            self.pages += [(name, f"<p>{text}</p>") for text in said_in_calendar(response.content.decode())]
        return response

    def get(self, *addresses):
        for address in addresses:
            response = self.read(self.client.get(address))
        return response

    def post(self, address, **values):
        return self.read(self.client.post(address, values, headers=PARTIAL))

    def untranslated(self):
        known = words_of_the_world()
        # Django keeps the names of permissions in the database as it wrote them there, in English.
        of_groups = known | words_of(" ".join(str(it) for it in Permission.objects.select_related("content_type")))
        return [
            f"{name}: {text}"
            for name, html in self.pages
            for text in untranslated(html, of_groups if name.startswith("/admin/auth/group/") else known)
        ]


def said_in_calendar(file: str) -> list[str]:
    return re.findall(r"^(?:SUMMARY|DESCRIPTION)[^:]*:(.*)$", file.replace("\r\n ", ""), re.MULTILINE)


def test_the_admin():
    world = make_world()
    reader = Reader()
    reader.client = world.people["superuser"]
    for address in addresses():
        # These look the same for every model.
        if not address.pattern.endswith(ALIKE) or address.model in (Booking, Group):
            reader.get(*calls(address, world))
        if "logout" in address.pattern:
            reader.client.force_login(make_superuser(), "django.contrib.auth.backends.ModelBackend")
    assert len(reader.pages) > 90
    assert not reader.untranslated(), "\n".join(reader.untranslated())


def test_the_pages_of_the_site():
    organization = make_organization(name="Northgate Clinic", contact_email="desk@example.com", max_party=3)
    expert = make_expert(
        name="Dr Amara Okafor", slug="amara", organization=organization, bio="Backs.", languages=["pt"]
    )
    few, full, other = (make_slot(expert, at=at, capacity=2) for at in ("09:00", "10:00", "11:00"))
    make_booking(full, seats=2)
    reader = Reader()
    reader.get("/", "/?search=nobody&when=today", "/?search=amara", f"/o/{organization.slug}/", "/experts/amara/")
    reader.get("/experts/?city=London", "/api/v1/docs", "/api/v1/", f"/experts/amara/?day={day_ahead()}")
    reader.get(f"/embed/{organization.slug}/", "/embed/expert/amara/", "/preferences/", "/nowhere/")
    reader.get("/bookings/", "/bookings/data/", "/bookings/link/x/", "/bookings/link/a.b/", "/bookings/not-me/x/")
    reader.get("/start/", "/start/?sent", "/start/invitation/x/", "/account/login/", "/account/password/reset/")
    reader.get("/account/password/reset/sent/", "/account/password/reset/done/", "/account/password/reset/key/a-b/")
    invitation = onboarding.found_by_mail(name="Harbour Law", email="ida@example.com", zone="UTC")
    reader.get(f"/start/invitation/{onboarding.token_of(invitation)}/")
    # Booking, with all that may be wrong
    reader.post(f"/slots/{few.pk}/hold/")
    reader.post(f"/slots/{few.pk}/book/", step="review", key="k")
    reader.post(f"/slots/{few.pk}/book/", **details(step="review", name="see https://x.example", email="x"))
    reader.post(f"/slots/{few.pk}/book/", **details(step="review"))
    reader.post(f"/slots/{few.pk}/book/", **details(step="confirm"))
    mine = Booking.objects.get(email="lena@example.com")
    reader.get(f"/slots/{few.pk}/book/", f"/bookings/{mine.reference}/", f"/bookings/{mine.reference}/cancel/")
    reader.get(f"/bookings/{mine.reference}/reschedule/", f"/bookings/{mine.reference}/address/")
    reader.get(f"/bookings/{mine.reference}/mail/", f"/bookings/{mine.reference}/calendar.ics", "/bookings/")
    reader.post(f"/slots/{other.pk}/hold/")
    reader.get("/experts/amara/")  # with what is held
    reader.post(f"/slots/{other.pk}/extend/")
    reader.post(f"/slots/{other.pk}/release/")
    _feed, token = services.create_feed(organization=organization, expert=expert, created_by=make_superuser())
    reader.get(f"/feeds/{token}.ics")
    # A full slot and its waitlist
    reader.get(f"/slots/{full.pk}/book/", f"/slots/{full.pk}/waitlist/")
    reader.post(f"/slots/{full.pk}/book/", **details(step="confirm", key="k2"))
    reader.post(f"/slots/{full.pk}/waitlist/", **details(key="k3", seats="1"))
    reader.get(f"/slots/{full.pk}/waitlist/", "/bookings/")
    # A booking that waits for its link
    Organization.objects.update(proof="always")
    reader.post(f"/slots/{other.pk}/book/", **details(step="confirm", email="new@example.com", key="k4"))
    reader.get("/bookings/")
    assert Booking.objects.filter(awaits_proof=True).exists()
    walk_links(reader, organization, mine)
    visitor = mine.holder
    proof = proofs.prove_address(visitor=visitor, email="lena@example.com")
    for end in ("", f"{proof.pk}/", f"{proof.pk}/erase/"):
        reader.get(f"/bookings/data/{end}")
    walk_types(reader, expert, mine)
    walk_account(reader)
    reader.pages += [(f"{name}.html", render_to_string(f"{name}.html")) for name in FAILURES]
    problems = reader.untranslated()
    assert len(reader.pages) > 90
    # Of the API people read the documentation alone, and programs all else.
    there_are = {it for it in walk(get_resolver().url_patterns, "/") if not it.startswith(("/admin/", "/api/v1/"))}
    there_are.add("/api/v1/docs")
    assert there_are - reader.walked == set(WITHOUT_WORDS), "an address whose words nobody has read"
    assert not problems, "\n".join(problems)


def walk_links(reader, organization, mine):
    """What links of mails open."""
    entry = WaitlistEntry.objects.get()
    row = {"to": "ida@example.com", "status": "sent", "audience": "staff"}
    mails = [
        Notification.objects.create(message_id=f"<{kind}@expertbook>", kind=kind, **row)
        for kind in (MailKind.STAFF_REQUEST, MailKind.INVITATION, MailKind.PASSWORD, MailKind.LOOKUP)
    ]
    unwanted = [links.unwanted_url(mail.message_id, mail.to, organization) for mail in mails]
    for url in (*unwanted, links.not_me_url(mine), links.not_me_url(entry)):
        path = url.removeprefix("http://localhost:8000")
        reader.get(path)
        reader.post(path)
    reader.get(f"/bookings/link/{links.offer_token(entry)}/", f"/bookings/link/{links.keeping_token(mine)}/")


def walk_types(reader, expert, mine):
    """Session types to choose from, with questions, with anyone."""
    make_question(expert.organization, label="Lena")
    make_type(expert, name="Amara", slug="visit", minutes=20)
    make_type(expert, name="Okafor", slug="other", minutes=40)
    slots = make_row_of_slots(expert, day=day_ahead(4), start="09:00", end="10:00")
    page = "/experts/amara/?type=visit"
    reader.get("/experts/amara/", page, f"{page}&month={day_ahead(4):%Y-%m}")
    of_type = f"{expert.organization.slug}/book/visit/"
    reader.get(f"/o/{of_type}", f"/embed/{of_type}")
    reader.post(f"/o/{of_type}hold/", start=f"{slots['09:00'].starts_at.isoformat()}")
    reader.post(f"/slots/{slots['09:20'].pk}/hold/", type="visit")
    reader.get(f"/slots/{slots['09:20'].pk}/book/")
    reader.post(f"/slots/{slots['09:20'].pk}/book/", **details(step="questions", key="k5"))
    reader.get(f"/bookings/{mine.reference}/answers/")
    reader.read(reader.client.post("/bookings/sign-out/"))


def walk_account(reader):
    """The pages of somebody who has an account, without and with a second factor, and logged out."""
    maya, reader.client = make_superuser(), Client()
    reader.client.force_login(maya, "django.contrib.auth.backends.ModelBackend")
    second = "/account/second"
    reader.get("/account/", f"{second}/", f"{second}/app/", "/account/reauthenticate/", "/account/password/")
    add_app(maya)
    log_in(reader.client, maya.email, PASSWORD)
    reader.get(f"{second}/login/")
    reader.read(send_code(reader.client, "000000"))
    reader.read(send_code(reader.client, code_of()))
    reader.get(f"{second}/", f"{second}/again/", f"{second}/codes/", f"{second}/codes/new/", f"{second}/app/remove/")
    reader.get(f"{second}/passkeys/add/")
    passkey = Authenticator.objects.create(user=maya, type="webauthn", data={"name": "Lena", "credential": {}})
    reader.get(f"{second}/passkeys/{passkey.pk}/remove/", "/account/logout/")


# What has no words of its own.
WITHOUT_WORDS = {
    **dict.fromkeys(("/healthz", "/readyz", "/metrics", "/robots.txt", "/sitemap.xml"), "for programs"),
    "/sitemap-<slug:kind>-<int:number>.xml": "for programs",
    "/bookings/data/<int:proof_id>/data.json": "for programs: the names of fields",
    "/media/<path:name>": "a picture",
    **dict.fromkeys(("/experts/<slug:slug>/card.png", "/experts/card.png", "/o/<slug:slug>/card.png"), "a picture"),
    **dict.fromkeys(("/account/oidc/sso/", "/account/oidc/sso/callback/"), "leads on; not there without a provider"),
    "/account/notices/<int:organization_id>/": "leads back to the account, which says it",
    **dict.fromkeys(("/account/sessions/end/", "/account/sessions/<int:session_id>/end/"), "leads back to the account"),
    **dict.fromkeys((f"/account/second/passkeys/{it}/" for it in ("again", "login")), "what a script asks for"),
}

MAILS_ABOUT_BOOKINGS = {
    MailKind.PENDING: Status.PENDING,
    MailKind.CONFIRMED: Status.CONFIRMED,
    MailKind.REJECTED: Status.REJECTED,
    MailKind.CANCELLED: Status.CANCELLED,
    MailKind.RESCHEDULED: Status.CONFIRMED,
    MailKind.EXPIRED: Status.EXPIRED,
    MailKind.REMINDER_DAY: Status.CONFIRMED,
    MailKind.REMINDER_HOUR: Status.CONFIRMED,
    MailKind.STAFF_REQUEST: Status.PENDING,
    MailKind.STAFF_MOVED: Status.CONFIRMED,
    MailKind.STAFF_EXPIRED: Status.EXPIRED,
    MailKind.PROVE: Status.HELD,
}


def test_every_mail(mailoutbox, settings):
    expert = make_expert(name="Dr Amara Okafor", headline="Backs", venue="in_person")
    slot, before = make_slot(expert, at="09:00", capacity=40), make_slot(expert, at="10:00")
    sent = []
    for kind, status in MAILS_ABOUT_BOOKINGS.items():
        booking = make_booking(slot, name="Lena Fischer", status=status, seats=2, language="en-au")
        sent.append(messages.booking_mail(booking, kind, "lena@example.com", "<x@expertbook>", Before(before)))
    entry = WaitlistEntry.objects.create(slot=slot, name="Lena Fischer", email="lena@example.com", language="en-au")
    messages.send_waitlist_link(entry)
    entry.hold = make_booking(slot, status=Status.HELD)
    messages.send_waitlist_offer(entry)
    for why in ("", "ill", "away"):
        lost = make_booking(slot, name="Lena Fischer", email="lena@example.com", language="en-au")
        until = timezone.now() + timedelta(hours=2)
        values = {"until": until, "why": why, "message": "Lena", "by": None}
        rescue = services.offer_times(
            booking_id=lost.pk, slot_ids=[make_slot(expert, at=f"1{len(why)}:30").pk], **values
        )
        messages.send_rescue_offer(rescue, kept_times(Rescue.objects.with_booking().get(pk=rescue.pk)))
    request = LookupRequest.objects.create(email="lena@example.com", visitor="a" * 32, language="en-au")
    messages.send_lookup_link(request, "http://localhost/x", timezone.now())
    invitation = onboarding.found_by_mail(name="Harbour Law", email="ida@example.com", zone="UTC")
    send_invitation(invitation_id=invitation.pk)
    send_password_link(user_id=make_superuser().pk, asked_at="1")
    for reason in ("failing", "gone"):
        messages.send_webhook_paused(make_webhook(paused_at=timezone.now(), paused_reason=reason), "ida@example.com")
    sent += mailoutbox
    kinds = set(MAILS_ABOUT_BOOKINGS) | {MailKind(row.kind) for row in Notification.objects.all()}
    assert kinds == set(MailKind), "a kind of mail that nobody has read here"
    known, problems = words_of_the_world(), []
    for mail in sent:
        for text in (f"<p>{mail.subject}</p>", f"<p>{mail.body}</p>", mail.alternatives[0][0]):
            problems += [f"{mail.subject}: {text}" for text in untranslated(text, known)]
        for _name, content, _type in mail.attachments:
            said = [text for line in said_in_calendar(content) for text in untranslated(line, known)]
            problems += [f"{mail.subject}, calendar: {text}" for text in said]
    assert not problems, "\n".join(problems)


def test_a_text_that_nobody_can_translate_is_found():
    """The control."""
    known = {"lena"}
    html = f"<p>{bracketed('Hello Lena')}, <b title='Look here'>Lena</b> writes</p><p>{bracketed('a <i>b c</i>')}</p>"
    assert untranslated(html, known) == ["<b[title]> Look here", "<p> writes"]
