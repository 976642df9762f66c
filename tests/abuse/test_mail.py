"""Mail that nobody asked for: texts of strangers in our mails, and many mails to one address."""

import json
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from bookings import services, tasks
from bookings.access.proven import mark_proven
from bookings.mail import messages
from bookings.models import Booking, LookupRequest, MailAllowance, Notification, OutboxMail, Source, WaitlistEntry
from bookings.models.recipient import normalised, recipient_key
from bookings.services import cleanup
from bookingsite.onboarding import services as onboarding
from experts.models import Invitation, Organization
from tests.cast import book, details, make_booking, make_expert, make_organization, make_slot
from tests.concurrency.contention import run_together
from tests.mail import send_mails, waiting
from tests.staff import admin_url, logged_in

pytestmark = pytest.mark.django_db
VICTIM, LENA, STRANGER = "victim@example.com", "a" * 32, "b" * 32
LURE = "Your account is locked, verify at https://evil.example/login"


def test_a_web_address_as_a_name_is_refused_wherever_a_stranger_types_one(client):
    """Seen: "Hello Your account is locked, verify at https://…", sent by a clinic to whomever somebody chose."""
    slot, full = make_slot(), make_slot()
    make_booking(full)
    answers = [
        client.post(f"/slots/{slot.pk}/book/", details(step="confirm", name=LURE)),
        client.post(f"/slots/{full.pk}/waitlist/", details(name=LURE)),
        client.post(
            f"/api/v1/slots/{slot.pk}/book",
            json.dumps({"name": LURE, "email": "lena@example.com"}),
            content_type="application/json",
        ),
        client.post("/start/", {"organization": LURE, "email": "lena@example.com", "zone": "Europe/London"}),
    ]
    assert [answer.status_code for answer in answers] == [422] * 4
    assert all("Leave out web addresses" in answer.content.decode() for answer in answers)
    assert not Booking.objects.filter(name=LURE).exists() and not WaitlistEntry.objects.exists()
    # The control: the same requests with a name that has dots go through.
    assert client.post(f"/slots/{slot.pk}/book/", details(step="confirm", name="Dr.Weiss J.R.R.")).status_code == 302
    assert client.post(f"/slots/{full.pk}/waitlist/", details(name="Müller.Schmidt")).status_code == 303


def test_a_name_of_before_stays_readable(client):
    client.get("/bookings/link/x/")
    visitor = client.cookies["visitor"].value.split(":")[0]
    booking = make_booking(make_slot(), name="Lena evil.com", holder=visitor)
    assert b"Lena evil.com" in client.get(f"/bookings/{booking.reference}/").content


def unasked_slot(capacity):
    """One where nobody is asked to open a link before the booking counts, which would spare the mailbox, too."""
    return make_slot(make_expert(organization=make_organization(proof="never")), capacity=capacity)


class TestByRecipient:
    @pytest.fixture(autouse=True)
    def limits_on(self, settings):
        settings.RATE_LIMITS = True

    def test_whatever_strangers_book_with_an_address_it_gets_one_mail(self, mailoutbox):
        """Seen: 40 mails to one address that nobody proved, 20 of them calendar invitations."""
        slot = unasked_slot(40)
        written = ["victim@example.com", "Victim@Example.com", "victim+1@example.com", "victim+shop@example.com"]
        bookings = [book(slot, email=written[n % 4], visitor=f"{n:032}") for n in range(20)]
        send_mails()
        for booking in bookings[:10]:
            services.cancel(booking_id=booking.pk, by_customer=True)
        send_mails()
        assert len(mailoutbox) == 1
        [(_name, entry, kind)] = mailoutbox[0].attachments
        assert "METHOD:REQUEST" not in entry and "REQUEST" not in kind
        assert Booking.objects.filter(status="CONFIRMED").count() == 10, "the bookings are what they are"
        held = Notification.objects.filter(status="held")
        assert held.count() == 29 and "Nobody has opened a link" in held[0].why

    def test_the_control_without_limits(self, mailoutbox, settings):
        settings.RATE_LIMITS = False
        slot = unasked_slot(40)
        for n in range(20):
            book(slot, email=VICTIM, visitor=f"{n:032}")
        send_mails()
        assert len(mailoutbox) == 20

    def test_opening_the_link_lets_the_others_come(self, client, mailoutbox):
        """A secretary books for an office: the first mail comes, and with its link all others."""
        slot = unasked_slot(9)
        for _ in range(5):
            book(slot, email="desk@office.example", visitor=LENA)
        send_mails()
        assert len(mailoutbox) == 1
        path = mailoutbox[0].body.partition("http://localhost:8000")[2].split()[0]
        client.get(path)
        send_mails()
        assert len(mailoutbox) == 1, "a program that scans mails proves nothing"
        client.post(path)
        send_mails()
        assert len(mailoutbox) == 5
        book(slot, email="desk@office.example", visitor=LENA)
        send_mails()
        assert "METHOD:REQUEST" in mailoutbox[-1].attachments[0][1]

    def test_strangers_cannot_use_up_what_is_ones_own(self, mailoutbox):
        mark_proven(visitor=LENA, email=VICTIM)
        slot = unasked_slot(100)
        for n in range(40):
            book(slot, email=VICTIM, visitor=f"{n:032}")
        send_mails()
        assert len(mailoutbox) == 10
        book(slot, email=VICTIM, visitor=LENA)
        request = LookupRequest.objects.create(email=VICTIM, visitor=LENA)
        messages.send_lookup_link(request, "http://x/", timezone.now())
        send_mails()
        assert len(mailoutbox) == 12
        assert "METHOD:REQUEST" in mailoutbox[-1].attachments[0][1]

    def test_a_reminder_and_what_staff_decide_come_without_any_link_opened(self, mailoutbox):
        organization = make_organization(requires_approval=True)
        told = book(make_slot(make_expert(organization=organization), at="10:00"), email=VICTIM)
        untold = book(make_slot(make_expert(organization=organization), at="12:00"), email=VICTIM)
        send_mails()
        for booking in (told, untold):
            services.approve(booking_id=booking.pk)
        OutboxMail.objects.add([(booking.pk, "reminder_day", 0, False, "") for booking in (told, untold)])
        send_mails()
        assert [mail.subject.partition(":")[0] for mail in mailoutbox] == ["Request sent", "You're booked", "Reminder"]
        assert all(told.reference in mail.body for mail in mailoutbox)

    def test_what_staff_book_for_somebody_is_told_each_time(self, mailoutbox):
        for _ in range(5):
            book(make_slot(), email=VICTIM, source=Source.STAFF)
        send_mails()
        assert len(mailoutbox) == 5

    def test_a_failed_attempt_counts_once(self, mailoutbox, settings):
        """Else the mail server's hour off would be taken for a flood."""
        backend, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        book(make_slot(), email=VICTIM)
        send_mails()
        settings.EMAIL_BACKEND = backend
        OutboxMail.objects.update(due_at=timezone.now())
        send_mails()
        assert len(mailoutbox) == 1
        assert MailAllowance.objects.get().used == 1

    def test_an_address_gets_one_mail_until_its_link_is_opened_however_long_that_takes(self, client, mailoutbox):
        """By bookings, changes of them, requests that wait for a link, and waitlists."""
        always = make_expert(organization=make_organization(proof="always"))
        full = make_slot()
        make_booking(full)
        for month in range(3):
            slot = unasked_slot(9)
            booking = book(slot, email=VICTIM, visitor=f"{month:032}")
            services.reschedule(booking_id=booking.pk, slot_id=make_slot(slot.expert, at="12:00").pk, by_customer=True)
            book(make_slot(always, at=f"1{month}:00"), email="Victim+x@example.com", visitor=f"{month:032}")
            asked = {"name": "Lena", "email": VICTIM, "visitor": f"{month:032}"}
            entry = services.join_waitlist(slot_id=full.pk, **asked)
            tasks.send_waitlist_link(entry_id=entry.pk)
            send_mails()
            services.cancel(booking_id=booking.pk, by_customer=True)
            send_mails()
            MailAllowance.objects.update(ends_at=F("ends_at") - timedelta(days=30))
            OutboxMail.objects.update(due_at=timezone.now())
            send_mails()
        assert len(mailoutbox) == 1
        # The link is opened, of whatever booking it is: what waits comes, and so do the next ones.
        path = mailoutbox[0].body.partition("http://localhost:8000")[2].split()[0]
        client.post(path)
        book(unasked_slot(9), email=VICTIM, visitor=STRANGER)
        send_mails()
        assert len(mailoutbox) > 2

    def test_what_is_held_back_waits_for_a_month(self, mailoutbox):
        slot = make_slot(make_expert(organization=make_organization(proof="never", horizon_days=90)), capacity=9)
        for n in range(2):
            book(slot, email=VICTIM, visitor=f"{n:032}")
        send_mails()
        in_a_day = OutboxMail.objects.get().due_at - timezone.now()
        assert timedelta(hours=23) < in_a_day <= timedelta(hours=24)
        OutboxMail.objects.update(due_at=timezone.now(), attempts=30)
        send_mails()
        assert len(mailoutbox) == 1 and not waiting()
        MailAllowance.objects.update(ends_at=timezone.now())
        assert cleanup.delete_old()["mail allowances"] == 1

    def test_who_presses_send_it_again_gets_it_twice_a_day_whatever_strangers_have_caused(self, client, mailoutbox):
        """Else a stranger could use the one mail up, and whoever reads the address could never open a link."""
        book(unasked_slot(9), email=VICTIM, visitor=STRANGER)
        send_mails()
        client.get("/bookings/link/x/")
        mine = client.cookies["visitor"].value.partition(":")[0]
        booking = book(unasked_slot(9), email=VICTIM, visitor=mine)
        send_mails()
        assert len(mailoutbox) == 1, "it waits"
        partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
        said = [client.post(f"/bookings/{booking.reference}/mail/", headers=partial).content.decode()]
        send_mails()
        assert len(mailoutbox) == 2 and booking.reference in mailoutbox[-1].body
        for _ in range(4):
            said.append(client.post(f"/bookings/{booking.reference}/mail/", headers=partial).content.decode())
            send_mails()
        assert len(mailoutbox) == 3
        assert len(set(said)) == 1, "nobody learns what was sent"

    def test_asking_again_for_what_was_held_back_counts_each_time(self, mailoutbox):
        """Seen: a mail that was held back before its first attempt, and then asked for again, counted for nothing."""
        always = make_expert(organization=make_organization(proof="always"))
        bookings = [book(make_slot(always, at=f"{10 + n}:00"), email=VICTIM, visitor=f"{n:032}") for n in range(8)]
        send_mails()
        for booking in bookings[1:]:
            services.send_proof_again(booking_id=booking.pk)
            send_mails()
        assert len(mailoutbox) == 1 + 2

    def test_the_link_to_a_place_in_line_comes_again_for_who_asks(self, client, mailoutbox):
        book(unasked_slot(9), email=VICTIM, visitor=STRANGER)
        full = make_slot()
        make_booking(full)
        client.post(f"/slots/{full.pk}/waitlist/", details(email=VICTIM))
        entry = WaitlistEntry.objects.get()
        tasks.send_waitlist_link(entry_id=entry.pk)
        assert len(mailoutbox) == 1
        page = client.get(f"/slots/{full.pk}/waitlist/").content.decode()
        assert "Send it again" in page
        for _ in range(3):
            page = client.post(f"/slots/{full.pk}/waitlist/", {"step": "send_again"})
            assert "Sent again." in page.content.decode()
            tasks.send_waitlist_link(entry_id=entry.pk)
        assert len(mailoutbox) == 1 + 2
        client.post(mailoutbox[-1].body.partition("http://localhost:8000")[2].split()[0], {"step": "accept"})
        assert WaitlistEntry.objects.get().status == "WAITING"

    def test_links_that_were_asked_for_have_a_small_purse_of_their_own(self, mailoutbox):
        book(make_slot(), email=VICTIM)
        send_mails()
        for _ in range(8):
            request = LookupRequest.objects.create(email=VICTIM, visitor=STRANGER)
            messages.send_lookup_link(request, "http://x/", timezone.now())
        assert len(mailoutbox) == 1 + 3

    @pytest.mark.parametrize(
        ("written", "mailbox"),
        [
            ("Lena.Fischer+x@GoogleMail.com", "lenafischer@gmail.com"),
            ("lena.fischer@example.com", "lena.fischer@example.com"),
            ("lena+a+b@Example.com", "lena@example.com"),
            ("+x@example.com", "+x@example.com"),
        ],
    )
    def test_what_counts_as_one_mailbox(self, written, mailbox):
        assert normalised(written) == mailbox

    def test_a_link_that_makes_something_count_comes_again_twice_a_day_however_often_it_is_asked_for(self, mailoutbox):
        organization = make_organization(proof="always")
        booking = book(make_slot(make_expert(organization=organization)), email=VICTIM, visitor=STRANGER)
        send_mails()
        for _ in range(4):
            services.send_proof_again(booking_id=booking.pk)
            send_mails()
        assert [mail.to for mail in mailoutbox] == [[VICTIM]] * 3


class TestNewOrganizations:
    """Somebody could found one for the mails that it sends."""

    @pytest.fixture
    def owner(self):
        """Who has founded an organisation by the link of a mail."""
        invitation = onboarding.found_by_mail(name="Harbour Law", email="ida@example.com", zone="UTC")
        account = onboarding.NewAccount(name="Ida", password="ida knows the way")
        return onboarding.accept(token=onboarding.token_of(invitation), user=None, account=account).user

    def invite(self, client, organization, number):
        form = {"organization": organization.pk, "email": f"{number}@example.com", "role": "scheduler", "expert": ""}
        return client.post(admin_url(Invitation, "add"), form)

    def test_they_invite_a_few_people_a_day_until_an_operator_lifts_that(self, owner):
        client, organization = logged_in(owner), Organization.objects.get()
        answers = [self.invite(client, organization, n) for n in range(12)]
        assert [answer.status_code for answer in answers] == [302] * 10 + [200] * 2
        assert "can invite a few people a day" in answers[-1].content.decode()
        assert Invitation.objects.filter(organization=organization).count() == 10
        page = client.get(admin_url(Organization, "change", organization.pk)).content.decode()
        assert "Limits of a new organisation" in page and 'name="invitation_quota"' not in page, (
            "to be seen, not lifted"
        )
        Organization.objects.update(invitation_quota=None)
        assert self.invite(client, organization, 13).status_code == 302

    def test_what_their_staff_book_is_told_to_so_many_people_a_day(self, owner, mailoutbox, settings):
        settings.RATE_LIMITS = True
        Organization.objects.update(staff_mail_quota=3)
        expert = make_expert(organization=Organization.objects.get())
        for n in range(5):
            book(make_slot(expert, at=f"{10 + n}:00"), email=f"{n}@example.com", source=Source.STAFF)
        send_mails()
        assert len(mailoutbox) == 3
        assert "The organisation is new" in Notification.objects.filter(status="held")[0].why
        # The control: an organisation that an operator has set up.
        for _ in range(5):
            book(make_slot(), source=Source.STAFF)
        send_mails()
        assert len(mailoutbox) == 8


@pytest.mark.django_db(transaction=True)
def test_workers_that_count_at_the_same_moment_count_each_mail():
    """Else several of them would each let the one mail of an unproven address go."""
    key = recipient_key(VICTIM)
    spent = run_together(
        lambda _n: MailAllowance.objects.spend([(key, "unknown", 1, 60)])[key, "unknown"].used, count=8
    )
    assert sorted(spent) == list(range(1, 9))
