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
from tests.cast import (
    book,
    details,
    join_line,
    make_expert,
    make_full_slot,
    make_row_of_slots,
    make_slot,
    make_type,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("steps_compared")]
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


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
        slot = make_full_slot()
        near = make_slot(slot.expert, at="15:00")
        response = press(client, slot)
        assert (response.status_code, step(response)) == (409, "waitlist")
        body = response.content.decode()
        assert "Join waitlist" in body
        assert "keep it for 30 minutes" in body
        assert [choice.slot for choice in response.context["alternatives"]] == [near]
        assert TurnedAway.objects.count() == 1

    def test_joining_shows_the_place_and_marks_the_tile(self, client):
        slot = make_full_slot()
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
        slot = make_full_slot()
        assert client.get(url(slot)).status_code == 200
        response = join(client, slot, headers=None)
        assert (response.status_code, response["Location"]) == (303, url(slot))
        assert "You are next in line." in client.get(url(slot)).content.decode()
        left = client.post(url(slot), {"step": "leave"})
        assert left.status_code == 303
        assert WaitlistEntry.objects.get().status == "LEFT"

    def test_twice_keeps_one_entry(self, client):
        slot = make_full_slot()
        assert step(join(client, slot)) == step(join(client, slot)) == "waiting"
        assert WaitlistEntry.objects.count() == 1

    def test_a_stranger_cannot_tell_whether_an_address_is_in_line(self):
        answers = []
        for known in (True, False):
            slot = make_full_slot()
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
        slot = make_full_slot()
        response = join(client, slot, email="lena@", phone="+49 30 1234")
        assert (response.status_code, step(response)) == (422, "waitlist")
        body = response.content.decode()
        assert "Enter an address like name@example.com." in body
        assert "+49 30 1234" in body, "kept for another time that is chosen instead"
        assert not WaitlistEntry.objects.exists()

    def test_a_party(self, client):
        slot = make_full_slot(capacity=3)
        assert [str(n) for n, _label in press(client, slot).context["form"].fields["seats"].choices] == ["1", "2"]
        join(client, slot, seats="2")
        assert WaitlistEntry.objects.get().seats == 2

    def test_a_seat_that_became_free_meanwhile_is_held_at_once(self, client):
        slot = make_full_slot()
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
        slot = make_full_slot()
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

        slot = make_full_slot()
        monkeypatch.setattr(services, "join_waitlist", fails)
        response = join(client, slot)
        assert (response.status_code, step(response)) == (status, "busy")
        assert f'hx-post="{url(slot)}"' in response.content.decode()
        assert response["Retry-After"]

    def test_leaving_is_one_click_and_a_second_one_does_no_harm(self, client):
        slot = make_full_slot()
        join(client, slot)
        for _ in range(2):
            response = client.post(url(slot), {"step": "leave"}, headers=PARTIAL)
            assert (response.status_code, response["HX-Trigger"]) == (204, "slots-changed")
        assert WaitlistEntry.objects.get().status == "LEFT"
        assert step(press(client, slot)) == "waitlist"

    def test_my_bookings_notices(self, client):
        slot = make_full_slot()
        press(client, slot)
        before = own_key(visitor_of(client))
        join(client, slot)
        assert own_key(visitor_of(client)) != before

    def test_my_bookings_show_the_place_and_the_turn(self, client):
        slot = make_full_slot()
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
            join(client, make_full_slot())
        with django_assert_num_queries(6):  # awaiting a link, coming, waiting, earlier, proofs, key
            client.get("/bookings/")

    def test_signing_out_forgets_it(self, client):
        slot = make_full_slot()
        join(client, slot)
        client.post("/bookings/sign-out/")
        assert WaitlistEntry.objects.get().visitor == ""
        assert step(press(client, slot)) == "waitlist"


class TestTheOffer:
    def offered(self, client, *, on_this_browser=True):
        slot = make_full_slot()
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


class TestASession:
    """Of a type: what is waited for begins with a slot and takes several."""

    @pytest.fixture
    def slots(self):
        return make_row_of_slots(make_expert(name="Amara Okafor"))

    @pytest.fixture
    def visit(self, slots):
        kind = make_type(slots["10:00"].expert, name="First visit", slug="first-visit")
        kind.offers.update(price_words="€60")
        return kind

    @pytest.fixture
    def booking(self, slots, visit):
        return book(slots["10:20"])

    def url(self, slots, step="waitlist"):
        return f"/slots/{slots['10:00'].pk}/{step}/?type=first-visit"

    def join(self, client, slots, **values):
        client.get("/bookings/link/x/")
        mark_proven(visitor=visitor_of(client), email="lena@example.com")
        return client.post(self.url(slots), details(step="join"), **values)

    def test_its_tile_leads_to_its_waitlist(self, client, slots, visit, booking):
        pressed = client.post(self.url(slots, "hold"), headers=PARTIAL)
        assert (pressed.status_code, step(pressed)) == (409, "waitlist")
        body = pressed.content.decode()
        assert f'action="{self.url(slots)}"' in body
        for words in ("First visit", "10:00 to 10:40", "40 minutes", "€60", "In person"):
            assert words in body
        joined = self.join(client, slots, headers=PARTIAL)
        assert (joined.status_code, step(joined)) == (200, "waiting")
        entry = WaitlistEntry.objects.get()
        assert (entry.session_type, entry.more_slots) == (visit, [slots["10:20"].pk])
        assert step(client.post(self.url(slots, "hold"), headers=PARTIAL)) == "waiting"

    def test_without_javascript(self, client, slots, visit, booking):
        assert step(client.get(self.url(slots))) == "waitlist"
        joined = self.join(client, slots)
        assert (joined.status_code, joined["Location"]) == (303, self.url(slots))
        body = client.get(joined["Location"]).content.decode()
        assert "You are next in line." in body
        assert "10:00 to 10:40" in body
        mine = client.get("/bookings/").content.decode()
        for words in ("First visit with Amara Okafor", "10:00 to 10:40", f'href="{self.url(slots)}"'):
            assert words in mine
        left = client.post(self.url(slots), {"step": "leave"})
        assert "type=first-visit" in left["Location"]
        assert WaitlistEntry.objects.get().status == "LEFT"

    def test_its_start_is_marked_where_its_type_is_shown(self, client, slots, visit):
        book(slots["10:00"], session_type=visit.pk)
        make_type(visit.offers.get().expert, name="Follow-up", slug="follow-up", minutes=20)
        self.join(client, slots)
        page, day = f"/experts/{slots['10:00'].expert.slug}/", slots["10:00"].date.isoformat()
        mark = f'id="slot-{slots["10:00"].pk}-mark" data-mark="waiting"'
        shown = [
            mark in client.get(page, {"day": day, "type": kind}).content.decode()
            for kind in ("first-visit", "follow-up")
        ]
        assert shown == [True, False]
        assert step(client.get(self.url(slots).replace("first-visit", "follow-up"), follow=True)) == "waitlist"

    def test_without_a_type_it_has_to_be_chosen_first(self, client, slots, visit, booking):
        answer = client.post(f"/slots/{slots['10:20'].pk}/waitlist/", details(step="join"))
        assert answer["Location"].startswith(f"/experts/{slots['10:00'].expert.slug}/")
        assert not WaitlistEntry.objects.exists()

    def test_what_became_free_meanwhile_is_held_as_a_whole(self, client, slots, visit, booking):
        services.cancel(booking_id=booking.pk, by_customer=False)
        assert step(self.join(client, slots, headers=PARTIAL)) == "details"
        assert Booking.objects.get(status=Status.HELD).slot_ids == [slots["10:00"].pk, slots["10:20"].pk]

    def test_one_that_is_offered_no_more_can_be_left(self, client, slots, visit, booking):
        self.join(client, slots)
        visit.offers.all().delete()
        assert step(client.get(self.url(slots))) == "waiting"
        assert "First visit with Amara Okafor" in client.get("/bookings/").content.decode()
        client.post(self.url(slots), {"step": "leave"})
        assert WaitlistEntry.objects.get().status == "LEFT"
        assert "type=first-visit" in client.get(self.url(slots))["Location"]

    def test_nobody_can_wait_for_two_experts_together(self, client, slots):
        pair = make_expert(organization=slots["10:00"].expert.organization)
        make_row_of_slots(pair)
        team = make_type(pair, name="Team", slug="team", experts_needed=2)
        team.offers.create(expert=slots["10:00"].expert)
        book(slots["10:20"])
        address = f"/slots/{slots['10:00'].pk}/{{}}/?type=team~{pair.slug}"
        answer = client.get(address.format("waitlist"), follow=True)
        assert (answer.status_code, step(answer)) == (409, "conflict")
        assert "/waitlist/" not in answer.content.decode()

    def test_its_mails_name_it(self, client, slots, visit, booking):
        entry = services.join_waitlist(
            slot_id=slots["10:00"].pk, session_type=visit.pk, name="Lena", email="lena@example.com"
        )
        tasks.send_waitlist_link(entry_id=entry.pk)
        services.take_place(entry_id=entry.pk)
        services.cancel(booking_id=booking.pk, by_customer=False)
        tasks.send_waitlist_offer(entry_id=entry.pk)
        assert len(mail.outbox) == 2
        for sent in mail.outbox:
            assert "First visit with Amara Okafor" in sent.subject
            assert "Session: First visit, 40 minutes, €60" in sent.body
            assert "10:00 – 10:40" in sent.body
            html = sent.alternatives[0].content
            assert "First visit" in html
            assert "40 minutes, €60" in html

    def test_its_offer_is_taken_with_its_type(self, client, slots, visit, booking):
        entry = join_line(slots["10:00"], session_type=visit.pk, name="Lena Fischer", email="lena@example.com")
        services.cancel(booking_id=booking.pk, by_customer=False)
        link = f"/bookings/link/{links.offer_token(entry)}/"
        opened = client.get(link).content.decode()
        for words in ("First visit", "40 minutes, €60", "10:00 to 10:40"):
            assert words in opened
        taken = client.post(link)
        assert (taken.status_code, taken["Location"]) == (303, self.url(slots, "book"))
        form = client.get(taken["Location"]).context["form"]
        assert form["name"].value() == "Lena Fischer"
        client.post(taken["Location"], details(step="confirm"))
        booked = Booking.objects.get(status=Status.CONFIRMED)
        assert (booked.session_type, booked.slot_ids) == (visit, [slots["10:00"].pk, slots["10:20"].pk])
        assert "You have this seat" in client.get(link).content.decode()
