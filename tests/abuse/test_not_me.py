"""“This was not me”, in each mail, and the button of mail programs (RFC 8058)."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings import services, tasks
from bookings.access.links import not_me_url
from bookings.access.proven import mark_proven
from bookings.mail import messages
from bookings.models import (
    Booking,
    LookupRequest,
    MailAllowance,
    NoticesOff,
    Notification,
    Suppression,
    WaitlistEntry,
)
from bookingsite.accounts.tasks import send_password_link
from bookingsite.onboarding import services as onboarding
from bookingsite.onboarding.tasks import send_invitation
from experts.models import Membership, Role
from tests.cast import (
    book,
    fresh,
    join_line,
    make_booking,
    make_expert,
    make_organization,
    make_row_of_slots,
    make_slot,
    make_type,
    make_webhook,
)
from tests.mail import send_mails
from tests.staff import logged_in, make_member, make_superuser

pytestmark = pytest.mark.django_db
VICTIM, LENA, STRANGER = "victim@example.com", "a" * 32, "b" * 32


def link_of(mail) -> str:
    """The path, from the header; the same one stands in both bodies."""
    url = mail.extra_headers["List-Unsubscribe"].strip("<>")
    assert mail.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert url in mail.body and url in mail.alternatives[0][0]
    return url.removeprefix("http://localhost:8000")


def told(mailoutbox, **values):
    """A booking with the victim's address, and the link in its mail."""
    slot = make_slot(make_expert(**values))
    booking = book(slot, email=VICTIM, visitor=STRANGER)
    send_mails()
    return booking, link_of(mailoutbox[-1])


def words(response) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


@pytest.mark.parametrize(
    ("policy", "status", "says"),
    [
        ({}, "CANCELLED", "Then we cancel the booking"),
        ({"proof": "always"}, "EXPIRED", "Then we let the time go"),
    ],
)
def test_it_ends_what_a_stranger_booked_and_all_further_mails(client, mailoutbox, policy, status, says):
    booking, path = told(mailoutbox, organization=make_organization(**policy))
    page = client.get(path)
    assert says in words(page)
    booking.refresh_from_db()
    assert booking.status != status and not Suppression.objects.exists(), "looking changes nothing"
    assert "Thank you, it is ended" in words(client.post(path))
    booking.refresh_from_db()
    assert booking.status == status
    assert fresh(booking.slot).is_bookable
    before = len(mailoutbox)
    book(make_slot(), email="Victim+again@example.com", visitor=STRANGER)
    send_mails()
    assert len(mailoutbox) == before
    assert client.post(path).status_code == 200, "a second time does no harm"


def test_an_address_whose_mails_are_stopped_can_always_let_them_come_again(client, mailoutbox):
    """Also where nothing was ever booked with it: the link of a look-up is sent all the same, and proves it."""
    services.spare(email=VICTIM, reason="unsubscribed")
    own = book(make_slot(make_expert(organization=make_organization(proof="always"))), email=VICTIM, visitor=LENA)
    send_mails()
    assert not mailoutbox
    client.post("/bookings/", {"email": VICTIM})
    tasks.send_lookup_link(request_id=LookupRequest.objects.get().pk)
    client.post(mailoutbox[0].body.partition("http://localhost:8000")[2].split()[0])
    assert not Suppression.objects.exists()
    services.book_by_link(booking_id=own.pk)
    send_mails()
    assert own.reference in mailoutbox[-1].body


def test_a_forwarded_mail_does_not_end_what_is_ones_own(client, mailoutbox):
    booking, path = told(mailoutbox)
    mark_proven(visitor=LENA, email=VICTIM, booker=STRANGER)  # the reader has opened the link of the mail
    assert "Open the booking" in words(client.get(path))
    assert client.post(path).status_code == 409
    booking.refresh_from_db()
    assert booking.status == "CONFIRMED"
    assert not Suppression.objects.exists()


def test_the_button_of_mail_programs_stops_mails_and_ends_no_booking(mailoutbox):
    booking, path = told(mailoutbox)
    client = Client(enforce_csrf_checks=True)
    assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Suppression.objects.get().reason == "unsubscribed"
    booking.refresh_from_db()
    assert booking.status == "CONFIRMED"


def test_ones_own_bookings_are_told_of_all_the_same(mailoutbox):
    """Else a stranger's booking would cost somebody their own reminders."""
    mark_proven(visitor=LENA, email=VICTIM)
    own = book(make_slot(), email=VICTIM, visitor=LENA)
    _booking, path = told(mailoutbox)
    Client().post(path)
    mailoutbox.clear()
    services.cancel(booking_id=own.pk, by_customer=False)
    send_mails()
    assert [own.reference in mail.body for mail in mailoutbox] == [True]


def test_a_place_in_line_is_given_up(client, mailoutbox):
    slot = make_slot()
    make_booking(slot)
    entry = services.join_waitlist(slot_id=slot.pk, name="Lena", email=VICTIM, visitor=STRANGER)
    tasks.send_waitlist_link(entry_id=entry.pk)
    path = link_of(mailoutbox[0])
    assert "give the place on the waitlist up" in words(client.get(path))
    client.post(path)
    assert WaitlistEntry.objects.get().status == "LEFT"
    # The control: somebody else's place stays, and its mail has a link of its own.
    join_line(slot, email="omar@example.com")
    services.cancel(booking_id=Booking.objects.get().pk, by_customer=False)
    tasks.send_waitlist_offer(entry_id=WaitlistEntry.objects.get(status="OFFERED").pk)
    assert link_of(mailoutbox[1]) != path


def test_a_forged_link_does_nothing(client, mailoutbox):
    booking, path = told(mailoutbox)
    for forged in (path[:-2] + "x/", "/bookings/not-me/W-1.x/", f"/bookings/not-me/{booking.reference}/"):
        assert client.post(forged).status_code == 404
    assert not Suppression.objects.exists()


# Mails that are about no booking of their reader's


def notice(mailoutbox, organization, to):
    """A mail to staff about a request, and the link in it."""
    book(make_slot(make_expert(organization=organization)))
    send_mails()
    sent = [mail for mail in mailoutbox if mail.to == [to]]
    return sent, link_of(sent[-1]) if sent else ""


def test_staff_stop_notices_of_one_organisation_and_let_them_come_again(mailoutbox):
    ours, other = (make_organization(requires_approval=True) for _ in range(2))
    noor = make_member(ours, email="noor@example.com")
    Membership.objects.create(user=noor, organization=other, role=Role.OWNER)
    sent, path = notice(mailoutbox, ours, noor.email)
    assert f"{ours.name} tells this address" in words(Client().get(path))
    assert Client(enforce_csrf_checks=True).post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert len(notice(mailoutbox, ours, noor.email)[0]) == len(sent) == 1
    held = Notification.objects.get(status="held")
    assert (held.to, "wants no notices" in held.why) == (noor.email, True)
    assert len(notice(mailoutbox, other, noor.email)[0]) == 2, "the other organisation's still come"
    tasks.send_webhook_paused(endpoint_id=make_webhook(ours, paused_at=timezone.now(), paused_reason="gone").pk)
    assert len(mailoutbox) == len(Notification.objects.filter(status="sent"))
    assert not [mail for mail in mailoutbox if mail.subject.startswith("Webhook paused")]
    account = logged_in(noor)
    assert ours.name in words(account.get("/account/"))
    account.post(f"/account/notices/{ours.pk}/")
    assert ours.name not in words(account.get("/account/"))
    assert len(notice(mailoutbox, ours, noor.email)[0]) == 3


def test_an_invitation_that_is_not_for_me_ends_and_no_other_one_comes(client, mailoutbox):
    def invite(organization):
        invitation = onboarding.invite(
            organization=organization, email=VICTIM, role=Role.SCHEDULER, expert=None, invited_by=None
        )
        send_invitation(invitation_id=invitation.pk)
        return onboarding.token_of(invitation)

    token = invite(make_organization())
    path = link_of(mailoutbox[0])
    assert "This is not for you?" in words(client.get(path)) and not Suppression.objects.exists()
    assert "nobody can send this address another one" in words(client.post(path))
    assert client.get(f"/start/invitation/{token}/").status_code == 410
    invite(make_organization())
    send_invitation(invitation_id=onboarding.found_by_mail(name="Harbour Law", email=VICTIM, zone="UTC").pk)
    assert len(mailoutbox) == 1


def test_links_that_others_ask_for_stop_for_a_day(client, mailoutbox, settings):
    settings.RATE_LIMITS = True
    maya = make_superuser(email=VICTIM)
    send_password_link(user_id=maya.pk, asked_at="1")
    path = link_of(mailoutbox[0])
    page = client.get(path)
    assert "A second factor" in words(page) and 'href="/account/"' in page.content.decode()
    client.post(path)
    send_password_link(user_id=maya.pk, asked_at="2")
    assert len(mailoutbox) == 1
    allowance = MailAllowance.objects.get()
    assert timedelta(hours=23) < allowance.ends_at - timezone.now() <= timedelta(hours=24)
    MailAllowance.objects.update(ends_at=timezone.now())

    def look_up():
        request = LookupRequest.objects.create(email=VICTIM, visitor=LENA)
        messages.send_lookup_link(request, "http://x/", timezone.now())

    look_up()
    assert "This was not me" in mailoutbox[1].body
    path = link_of(mailoutbox[1])
    assert "You didn’t ask for this link?" in words(client.get(path))
    client.post(path)
    look_up()
    assert len(mailoutbox) == 2
    send_password_link(user_id=maya.pk, asked_at="3")
    assert len(mailoutbox) == 3, "who asks for links to bookings keeps nobody from their account"


def test_a_link_of_one_mail_stops_nobody_elses(client, mailoutbox):
    organization = make_organization(requires_approval=True)
    make_member(organization, email="noor@example.com")
    _sent, path = notice(mailoutbox, organization, "noor@example.com")
    for forged in (path.replace("/mails/", "/mails/1"), path[:-3] + "x/", "/bookings/mails/0~x.y/"):
        assert client.post(forged).status_code == 404, forged
    assert not NoticesOff.objects.exists()


def test_who_is_on_a_waitlist_reads_for_what_and_where(client):
    expert = make_expert(venue="in_person", venue_note="12 Hill Street, London")
    slots = make_row_of_slots(expert, end="10:00")
    kind = make_type(expert, name="Long session", minutes=40, venue="video", venue_note="https://meet.example.com/x")
    plain = make_slot(expert, at="15:00")
    book(slots["09:00"], session_type=kind.pk), book(plain)
    text = words(client.get(not_me_url(join_line(slots["09:00"], session_type=kind.pk, email=VICTIM))))
    assert "Session Long session" in text and "Where Video" in text
    assert "meet.example.com" not in text
    text = words(client.get(not_me_url(join_line(plain, email=VICTIM))))
    assert "Where In person 12 Hill Street, London" in text and "Session" not in text.partition("Where")[0]
