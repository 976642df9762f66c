"""The waitlist keeps its order: nobody jumps it, nobody stuffs it, and nobody learns from it who has booked."""

import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings import services, tasks
from bookings.access.proven import mark_proven
from bookings.errors import SlotTaken
from bookings.models import Booking, WaitlistEntry
from bookings.services.cleanup import delete_old
from bookings.services.expiry import Expiry
from tests.cast import book, details, fresh, join_line, make_booking, make_expert, make_organization, make_slot

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
LENA, STRANGER = "a" * 32, "b" * 32


def full_slot():
    slot = make_slot()
    make_booking(slot)
    return fresh(slot)


def join(client, slot, **values):
    return client.post(f"/slots/{slot.pk}/waitlist/", details(step="join", **values), headers=PARTIAL)


def links_in(mailoutbox):
    return [re.search(r"http://localhost:8000(/bookings/link/W-\S+)", mail.body)[1] for mail in mailoutbox]


def send_links():
    for entry in WaitlistEntry.objects.filter(status="UNPROVEN").order_by("pk"):
        tasks.send_waitlist_link(entry_id=entry.pk)


class TestNobodyStuffsIt:
    def test_invented_entries_put_nobody_behind_them(self):
        """Seen: four invented entries made a real person number 5."""
        slot = full_slot()
        for n in range(4):
            join(Client(), slot, email=f"invented{n}@example.com")
        assert not WaitlistEntry.objects.in_line().exists()
        mine = join_line(slot, email="lena@example.com")
        assert mine.place == 1
        # The control: whose link was opened counts.
        for entry in WaitlistEntry.objects.filter(status="UNPROVEN"):
            services.take_place(entry_id=entry.pk)
        assert join_line(slot, email="omar@example.com").place == 6

    def test_the_place_is_that_of_the_moment_of_the_proof(self, mailoutbox):
        slot, early, late = full_slot(), Client(), Client()
        early_page = join(early, slot, email="early@example.com").content.decode()
        assert "Open the link in your email to take your place" in early_page and "in line." not in early_page
        join(late, slot, email="late@example.com")
        send_links()
        first, second = links_in(mailoutbox)
        late.get(first)  # a program that scans mails
        assert not WaitlistEntry.objects.in_line().exists()
        assert "You are next in line." in late.post(second, follow=True).content.decode()
        assert "You are number 2 in line." in early.post(first, follow=True).content.decode()
        services.cancel(booking_id=Booking.objects.get().pk, by_customer=False)
        assert WaitlistEntry.objects.get(status="OFFERED").email == "late@example.com"

    def test_who_has_proven_the_address_in_this_browser_is_in_line_at_once(self, client):
        client.get("/bookings/link/x/")
        visitor = client.cookies["visitor"].value.split(":")[0]
        mark_proven(visitor=visitor, email="lena@example.com")
        slot = full_slot()
        assert "You are next in line." in join(client, slot).content.decode()
        # The control: a browser that has proven an address of its own stuffs nothing with invented ones.
        assert "Open the link" in join(client, full_slot(), email="invented@example.com").content.decode()

    def test_one_link_takes_all_places_that_were_asked_for(self, mailoutbox, client):
        slots = [full_slot() for _ in range(3)]
        for slot in slots:
            join(client, slot)
        send_links()
        client.post(links_in(mailoutbox)[0])
        assert {entry.slot for entry in WaitlistEntry.objects.in_line()} == set(slots)

    def test_a_seat_that_became_free_meanwhile_is_offered_to_who_opens_the_link(self, mailoutbox, client):
        slot = full_slot()
        join(client, slot)
        services.cancel(booking_id=Booking.objects.get().pk, by_customer=False)
        assert fresh(slot).is_bookable, "nobody is in line, so it is anybody's"
        send_links()
        assert "A seat is free" in client.post(links_in(mailoutbox)[0], follow=True).content.decode()

    def test_what_nobody_proves_is_forgotten_after_a_day(self, client):
        join(client, full_slot())
        WaitlistEntry.objects.update(created_at=timezone.now() - timedelta(hours=25))
        join_line(full_slot(), email="lena@example.com")
        assert delete_old()["unproven waitlists"] == 1
        assert WaitlistEntry.objects.get().status == "WAITING"


class TestNobodyJumpsIt:
    @pytest.mark.parametrize("how", ["hold", "page", "api", "reschedule"])
    def test_whoever_finds_that_a_hold_ran_out_does_not_get_the_seat(self, how):
        """Seen: 3 of 3 new visitors took the seat at the end of a hold, although somebody waited."""
        slot = make_slot()
        hold = services.hold_slot(slot_id=slot.pk, visitor=STRANGER)
        entry = join_line(slot, email="lena@example.com", visitor=LENA)
        mine = book(make_slot(slot.expert, at="15:00"))
        Booking.objects.filter(pk=hold.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        match how:
            case "hold":
                assert Client().post(f"/slots/{slot.pk}/hold/", headers=PARTIAL).status_code == 409
            case "page":
                assert Client().post(f"/slots/{slot.pk}/book/", details(step="confirm")).status_code == 409
            case "api":
                url, asked = f"/api/v1/slots/{slot.pk}/book", {"name": "Omar", "email": "omar@example.com"}
                assert Client().post(url, json.dumps(asked), content_type="application/json").status_code == 409
            case "reschedule":
                with pytest.raises(SlotTaken):
                    services.reschedule(booking_id=mine.pk, slot_id=slot.pk, by_customer=True)
        Expiry().end_due()
        entry.refresh_from_db()
        assert (entry.status, entry.hold.holder) == ("OFFERED", LENA)

    def test_the_control_without_anybody_in_line(self):
        slot = make_slot()
        hold = services.hold_slot(slot_id=slot.pk, visitor=STRANGER)
        join(Client(), slot)  # not in line
        Booking.objects.filter(pk=hold.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        assert Client().post(f"/slots/{slot.pk}/hold/", headers=PARTIAL).status_code == 200


class TestNobodyLearnsWhoHasBooked:
    """What a stranger is told about an address is the same, whatever the address has done."""

    ADDRESSES = ("unknown", "proven", "booked", "in line", "unproven")

    def prepare(self, what: str, slot) -> str:
        email = f"{what.replace(' ', '')}@example.com"
        match what:
            case "proven":
                mark_proven(visitor=LENA, email=email)
            case "in line":
                join_line(slot, email=email, visitor=LENA)
            case "unproven":
                services.join_waitlist(slot_id=slot.pk, name="Lena", email=email, visitor=LENA)
        return email

    def seen(self, client, slot, email) -> tuple:
        """What the browser shows of the slot and of its own: the words, without the address."""
        pages = [f"/slots/{slot.pk}/waitlist/", "/bookings/", f"/slots/{slot.pk}/book/"]
        answers = [client.get(page, headers=PARTIAL) for page in pages]
        words = [re.sub(r"<[^>]*>|\s+", " ", answer.content.decode()).replace(email, "") for answer in answers]
        return tuple(zip([answer.status_code for answer in answers], words, strict=True))

    def test_by_joining_and_waiting_for_what_happens(self):
        """Seen: the entry of an address that had booked the slot meanwhile vanished when a seat became free."""
        told = {}
        for what in self.ADDRESSES:
            slot = make_slot(make_expert(name="Dr Weiss", organization=make_organization(name="Northgate")), capacity=2)
            make_booking(slot)
            other = make_booking(slot)
            email = self.prepare(what, slot)
            stranger = Client()
            first = join(stranger, slot, email=email).status_code
            before = self.seen(stranger, slot, email)
            if what == "booked":
                services.cancel(booking_id=other.pk, by_customer=False)
                other = book(slot, email=email)
            services.cancel(booking_id=other.pk, by_customer=False)
            told[what] = (first, before)
            if what != "in line":  # whose seat that is is seen by anybody: the slot is full again, or it is not
                told[what] += (self.seen(stranger, slot, email),)
        assert len({answers[:2] for answers in told.values()}) == 1
        assert len({answers[2] for what, answers in told.items() if what != "in line"}) == 1

    def test_by_counting_the_tries_before_too_many(self, settings):
        """Seen: with an address that had booked in this hour, "too many requests" came that much earlier."""
        settings.RATE_LIMITS = True
        tries = {}
        for number, what in enumerate(("unknown", "booked")):
            email, slot = f"{what}{number}@example.com", full_slot()
            if what == "booked":
                lena = Client(REMOTE_ADDR="198.51.100.7")
                for _ in range(3):
                    lena.post(f"/slots/{make_slot().pk}/book/", details(step="confirm", email=email))
            answers = [
                Client(REMOTE_ADDR=f"203.0.113.{number}").post(
                    f"/slots/{slot.pk}/book/", details(step="confirm", email=email, key=f"{n}")
                )
                for n in range(70)
            ]
            tries[what] = [answer.status_code for answer in answers].count(409)
        assert tries["unknown"] == tries["booked"] == 60
