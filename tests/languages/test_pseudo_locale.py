"""Every text that people read can be translated: the site in a language in which such texts stand in brackets.

What remains outside of them is a name, or was written by somebody; anything else is a text that nobody can translate.
"""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.template.loader import render_to_string
from django.test import Client
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
from tests.bookingsite.isolation import addresses, calls, make_world
from tests.cast import day_ahead, details, make_booking, make_expert, make_organization, make_slot, make_webhook
from tests.languages.pseudo import bracketed, pseudo_language, untranslated, words_of_the_world
from tests.staff import make_superuser

pytestmark = pytest.mark.django_db
ALIKE = ("/history/", "/delete/", "<path:object_id>/")
FAILURES = ("400", "403", "404", "429", "500", "503", "csrf")
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

    def read(self, response, name=""):
        if response.get("Content-Type", "").startswith("text/html"):
            self.pages.append((name or response.request["PATH_INFO"], response.content.decode()))
        return response

    def get(self, *addresses):
        for address in addresses:
            response = self.read(self.client.get(address))
        return response

    def post(self, address, **values):
        return self.read(self.client.post(address, values, headers=PARTIAL))

    def untranslated(self):
        known = words_of_the_world()
        return [f"{name}: {text}" for name, html in self.pages for text in untranslated(html, known)]


def test_the_admin():
    world = make_world()
    reader = Reader()
    reader.client = world.people["superuser"]
    for address in addresses():
        # Groups and permissions of Django's count for nothing here, and Django names permissions in English.
        if address.model is Group or address.names not in ((), ("object_id",)) or "logout" in address.pattern:
            continue
        # These look the same for every model.
        if address.pattern.endswith(ALIKE) and address.model is not Booking:
            continue
        reader.get(*calls(address, world))
    assert len(reader.pages) > 70
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
    reader.get(f"/experts/amara/?day={day_ahead()}", f"/embed/{organization.slug}/", "/embed/expert/amara/")
    # Not the documentation of the API, which is in English as the names in it are.
    reader.get("/bookings/", "/bookings/data/", "/preferences/", "/nowhere/")
    reader.get("/start/", "/start/?sent", "/start/invitation/x/", "/account/login/", "/account/password/reset/")
    reader.get("/bookings/link/x/", "/bookings/link/a.b/", "/bookings/not-me/x/")
    # Booking, with all that may be wrong
    reader.post(f"/slots/{few.pk}/hold/")
    reader.post(f"/slots/{few.pk}/book/", step="review", key="k")
    reader.post(f"/slots/{few.pk}/book/", **details(step="review", name="see https://x.example", email="x"))
    reader.post(f"/slots/{few.pk}/book/", **details(step="review"))
    reader.post(f"/slots/{few.pk}/book/", **details(step="confirm"))
    mine = Booking.objects.get(email="lena@example.com")
    reader.get(f"/slots/{few.pk}/book/", f"/bookings/{mine.reference}/", f"/bookings/{mine.reference}/cancel/")
    reader.get(f"/bookings/{mine.reference}/reschedule/", f"/bookings/{mine.reference}/address/")
    reader.get(f"/bookings/{mine.reference}/mail/", "/bookings/")
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
    # What links of mails open
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
    visitor = mine.holder
    proof = proofs.prove_address(visitor=visitor, email="lena@example.com")
    for end in ("", f"{proof.pk}/", f"{proof.pk}/erase/"):
        reader.get(f"/bookings/data/{end}")
    reader.client = Client()
    reader.client.force_login(make_superuser(), "django.contrib.auth.backends.ModelBackend")
    reader.get("/account/", "/account/second/", "/account/second/app/", "/account/reauthenticate/")
    reader.pages += [(f"{name}.html", render_to_string(f"{name}.html")) for name in FAILURES]
    problems = reader.untranslated()
    assert len(reader.pages) > 60
    assert not problems, "\n".join(problems)


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
            said = re.findall(r"^(?:SUMMARY|DESCRIPTION)[^:]*:(.*)$", content.replace("\r\n ", ""), re.MULTILINE)
            problems += [f"{mail.subject}, calendar: {text}" for line in said for text in untranslated(line, known)]
    assert not problems, "\n".join(problems)


def test_a_text_that_nobody_can_translate_is_found():
    """The control."""
    known = {"lena"}
    html = f"<p>{bracketed('Hello Lena')}, <b title='Look here'>Lena</b> writes</p><p>{bracketed('a <i>b c</i>')}</p>"
    assert untranslated(html, known) == ["<b[title]> Look here", "<p> writes"]
