"""The waitlist on pages: joining from a full tile, the place in line, leaving, and the link of an offer."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from bookings import services, tasks
from bookings.access import links
from bookings.access.proven import mark_proven
from bookings.errors import Busy, TooMany
from bookings.models import Booking, Status, TurnedAway, WaitlistEntry
from bookings.selectors.own_slots import own_key
from tests.cast import book, details, fresh, join_line, make_expert, make_slot

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


def full_slot(**values):
    slot = make_slot(make_expert(max_party=2), **values)
    for _ in range(slot.capacity):
        book(slot)
    return fresh(slot)


def url(slot):
    return f"/slots/{slot.pk}/waitlist/"


def join(client, slot, *, headers=PARTIAL, proven=True, **values):
    """As somebody who has opened a link of a mail in this browser before, unless told otherwise."""
    client.get("/bookings/link/x/")  # gives an identity
    if proven:
        mark_proven(visitor=visitor_of(client), email=details(**values)["email"])
    return client.post(url(slot), details(step="join", **values), headers=headers)


def step(response):
    return response.context["step_template"].removeprefix("bookings/_book_").removesuffix(".html")


def press(client, slot):
    return client.post(f"/slots/{slot.pk}/hold/", headers=PARTIAL)


def visitor_of(client):
    return client.cookies["visitor"].value.split(":")[0]


class TestJoining:
    def test_a_full_tile_leads_to_the_waitlist_and_the_closest_times(self, client):
        slot = full_slot()
        near = make_slot(slot.expert, at="15:00")
        response = press(client, slot)
        assert (response.status_code, step(response)) == (409, "waitlist")
        body = response.content.decode()
        assert "Join waitlist" in body
        assert "keep it for 30 minutes" in body
        assert [choice.slot for choice in response.context["alternatives"]] == [near]
        assert TurnedAway.objects.count() == 1

    def test_joining_shows_the_place_and_marks_the_tile(self, client):
        slot = full_slot()
        join_line(slot, name="Ruth", email="ruth@example.com")
        response = join(client, slot)
        assert (response.status_code, step(response)) == (200, "waiting")
        assert "You are number 2 in line." in response.content.decode()
        page = client.get(f"/experts/{slot.expert.slug}/", {"day": slot.date.isoformat()}).content.decode()
        assert 'data-mark="waiting"' in page
        assert "On waitlist" in page
        assert step(press(client, slot)) == "waiting"
        assert step(client.get(f"/slots/{slot.pk}/book/")) == "waiting"

    def test_without_javascript(self, client):
        slot = full_slot()
        assert client.get(url(slot)).status_code == 200
        response = join(client, slot, headers=None)
        assert (response.status_code, response["Location"]) == (303, url(slot))
        assert "You are next in line." in client.get(url(slot)).content.decode()
        left = client.post(url(slot), {"step": "leave"})
        assert left.status_code == 303
        assert WaitlistEntry.objects.get().status == "LEFT"

    def test_twice_keeps_one_entry(self, client):
        slot = full_slot()
        assert step(join(client, slot)) == step(join(client, slot)) == "waiting"
        assert WaitlistEntry.objects.count() == 1

    def test_a_stranger_cannot_tell_whether_an_address_is_in_line(self):
        answers = []
        for known in (True, False):
            slot = full_slot()
            join_line(slot, name="Ruth", email="ruth@example.com")
            email = "lena@example.com" if known else "nobody@example.com"
            if known:
                join_line(slot, name="Lena Fischer", email="lena@example.com", visitor="a" * 32)
            else:
                join_line(slot, name="Omar", email="omar@example.com", visitor="a" * 32)
            response = join(Client(), slot, email=email)
            entry = response.context["entry"]
            answers.append((response.status_code, step(response), entry.place))
        assert answers[0] == answers[1]

    def test_bad_details_come_back_with_what_was_typed(self, client):
        slot = full_slot()
        response = join(client, slot, email="lena@", phone="+49 30 1234")
        assert (response.status_code, step(response)) == (422, "waitlist")
        body = response.content.decode()
        assert "Enter an address like name@example.com." in body
        assert "+49 30 1234" in body, "kept for another time that is chosen instead"
        assert not WaitlistEntry.objects.exists()

    def test_a_party(self, client):
        slot = full_slot(capacity=3)
        assert [str(n) for n, _label in press(client, slot).context["form"].fields["seats"].choices] == ["1", "2"]
        join(client, slot, seats="2")
        assert WaitlistEntry.objects.get().seats == 2

    def test_a_seat_that_became_free_meanwhile_is_held_at_once(self, client):
        slot = full_slot()
        services.cancel(booking_id=Booking.objects.get().pk, by_customer=False)
        response = join(client, slot)
        assert (response.status_code, step(response)) == (200, "details")
        assert Booking.objects.get(status=Status.HELD).slot == slot
        assert response.context["form"]["name"].value() == "Lena Fischer"
        assert not WaitlistEntry.objects.exists()

    def test_a_slot_that_can_be_booked_closed_or_unknown(self, client):
        slot = make_slot()
        response = client.get(url(slot))
        assert (response.status_code, response["Location"]) == (303, f"/slots/{slot.pk}/book/")
        type(slot).objects.filter(pk=slot.pk).update(is_closed=True)
        assert (step(client.get(url(slot))), step(join(client, slot))) == ("conflict", "conflict")
        assert client.get("/slots/0/waitlist/").status_code == 404

    def test_who_lost_a_race_can_join_with_what_was_typed(self, client):
        slot = full_slot()
        lost = client.post(f"/slots/{slot.pk}/book/", details(step="confirm"), headers=PARTIAL)
        assert step(lost) == "conflict"
        assert f'formaction="{url(slot)}"' in lost.content.decode()
        response = client.post(url(slot), details(step="open"), headers=PARTIAL)
        assert (response.status_code, step(response)) == (200, "waitlist")
        assert response.context["form"]["email"].value() == "lena@example.com"

    @pytest.mark.parametrize(("error", "status"), [(Busy(), 503), (TooMany(7), 429)])
    def test_when_it_cannot_be_said_now_the_same_can_be_sent_again(self, client, monkeypatch, error, status):
        def fails(**_details):
            raise error

        slot = full_slot()
        monkeypatch.setattr(services, "join_waitlist", fails)
        response = join(client, slot)
        assert (response.status_code, step(response)) == (status, "busy")
        assert f'hx-post="{url(slot)}"' in response.content.decode()
        assert response["Retry-After"]

    def test_leaving_is_one_click_and_a_second_one_does_no_harm(self, client):
        slot = full_slot()
        join(client, slot)
        for _ in range(2):
            response = client.post(url(slot), {"step": "leave"}, headers=PARTIAL)
            assert (response.status_code, response["HX-Trigger"]) == (204, "slots-changed")
        assert WaitlistEntry.objects.get().status == "LEFT"
        assert step(press(client, slot)) == "waitlist"

    def test_my_bookings_notices(self, client):
        slot = full_slot()
        press(client, slot)
        before = own_key(visitor_of(client))
        join(client, slot)
        assert own_key(visitor_of(client)) != before

    def test_my_bookings_show_the_place_and_the_turn(self, client):
        slot = full_slot()
        join_line(slot, name="Ruth", email="ruth@example.com")
        join(client, slot)
        page = client.get("/bookings/").content.decode()
        assert "Number 2 in line" in page
        assert f'href="{url(slot)}"' in page
        services.leave_waitlist(entry_id=WaitlistEntry.objects.get(name="Ruth").pk)
        assert "Next in line" in client.get("/bookings/").content.decode()
        services.cancel(booking_id=Booking.objects.get().pk, by_customer=False)
        page = client.get("/bookings/").content.decode()
        assert "Your turn" in page
        assert f'href="/slots/{slot.pk}/book/"' in page

    @pytest.mark.parametrize("entries", [1, 3])
    def test_my_bookings_take_a_constant_number_of_queries(self, client, django_assert_num_queries, entries):
        for _ in range(entries):
            join(client, full_slot())
        with django_assert_num_queries(6):  # awaiting a link, coming, waiting, earlier, proofs, key
            client.get("/bookings/")

    def test_signing_out_forgets_it(self, client):
        slot = full_slot()
        join(client, slot)
        client.post("/bookings/sign-out/")
        assert WaitlistEntry.objects.get().visitor == ""
        assert step(press(client, slot)) == "waitlist"


class TestTheOffer:
    def offered(self, client, *, on_this_browser=True):
        slot = full_slot()
        if on_this_browser:
            join(client, slot)
        else:
            join_line(slot, name="Lena Fischer", email="lena@example.com")
        services.cancel(booking_id=Booking.objects.get(status=Status.CONFIRMED).pk, by_customer=False)
        return slot, WaitlistEntry.objects.select_related("hold").get()

    def link(self, entry):
        return f"/bookings/link/{links.offer_token(entry)}/"

    def test_the_mail_has_its_link(self, client):
        _slot, entry = self.offered(client)
        tasks.send_waitlist_offer(entry_id=entry.pk)
        [sent] = mail.outbox
        assert sent.to == ["lena@example.com"]
        assert sent.subject.startswith("A seat is free")
        assert self.link(entry) in sent.body
        assert sent.extra_headers["Message-ID"] == f"<waitlist.{entry.pk}@expertbook>"

    def test_a_mail_that_is_no_longer_true_is_not_sent(self, client):
        _slot, entry = self.offered(client)
        Booking.objects.filter(pk=entry.hold_id).update(expires_at=timezone.now())
        tasks.send_waitlist_offer(entry_id=entry.pk)
        services.leave_waitlist(entry_id=entry.pk)
        tasks.send_waitlist_offer(entry_id=entry.pk)
        assert mail.outbox == []

    def test_the_browser_that_joined_has_the_seat_at_once(self, client):
        slot, _entry = self.offered(client)
        response = press(client, slot)
        assert (response.status_code, step(response)) == (200, "details")
        assert response.context["form"]["email"].value() == "lena@example.com"
        assert response.context["countdown"].left > 1700

    def test_signing_out_leaves_the_seat_to_the_link_of_the_mail(self, client):
        slot, entry = self.offered(client)
        cookie = client.cookies["visitor"].value
        client.post("/bookings/sign-out/")
        entry.refresh_from_db()
        assert (entry.has_running_offer, entry.hold.holder) == (True, "")
        client.cookies["visitor"] = cookie  # a copy of it opens nothing
        assert step(press(client, slot)) == "conflict"
        client.post(self.link(entry))
        assert step(press(client, slot)) == "details"

    def test_looking_at_the_link_changes_nothing(self, client):
        _slot, entry = self.offered(client, on_this_browser=False)
        page = client.get(self.link(entry))
        assert page.status_code == 200
        assert "Take the seat" in page.content.decode()
        entry.hold.refresh_from_db()
        assert entry.hold.holder == ""

    def test_taking_the_seat_leads_to_the_form_filled_in(self, client):
        slot, entry = self.offered(client, on_this_browser=False)
        response = client.post(self.link(entry))
        assert (response.status_code, response["Location"]) == (303, f"/slots/{slot.pk}/book/")
        form = client.get(response["Location"]).context["form"]
        assert (form["name"].value(), form["email"].value()) == ("Lena Fischer", "lena@example.com")
        sent = client.post(f"/slots/{slot.pk}/book/", details(step="confirm"))
        assert sent.status_code == 302
        entry.refresh_from_db()
        assert entry.status == "BOOKED"
        assert "You have this seat" in client.get(self.link(entry)).content.decode()

    def test_giving_it_back_serves_the_next(self, client):
        slot, entry = self.offered(client, on_this_browser=False)
        following = join_line(slot, name="Omar", email="omar@example.com")
        for _ in range(2):
            assert client.post(self.link(entry), {"leave": "1"}).status_code == 303
        entry.refresh_from_db()
        following.refresh_from_db()
        assert (entry.status, following.status) == ("LEFT", "OFFERED")
        assert "You left the waitlist" in client.get(self.link(entry)).content.decode()

    def test_an_offer_that_ran_out_says_so(self, client):
        _slot, entry = self.offered(client, on_this_browser=False)
        Booking.objects.filter(pk=entry.hold_id).update(expires_at=timezone.now() - timedelta(seconds=1))
        response = client.post(self.link(entry))
        assert response.status_code == 410
        body = response.content.decode()
        assert "The seat went to the next in line" in body
        assert "There is a free seat: book it" in body, "nobody was next"

    @pytest.mark.parametrize("token", ["W-1.forged", "W-.x", "W-999999999999999999999.x", "W-x", "W-1"])
    def test_forged_links_open_nothing(self, client, token):
        self.offered(client, on_this_browser=False)
        assert client.get(f"/bookings/link/{token}/").status_code == 404
        assert client.post(f"/bookings/link/{token}/").status_code == 404

    def test_a_link_is_bound_to_the_address(self, client):
        _slot, entry = self.offered(client, on_this_browser=False)
        link = self.link(entry)
        WaitlistEntry.objects.update(email="other@example.com")
        assert client.get(link).status_code == 404
