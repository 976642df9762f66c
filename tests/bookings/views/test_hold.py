"""Holding on pages: a tile that is pressed, the countdown, letting go, and everything that can be in the way."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings import services
from bookings.errors import Busy, TooMany
from bookings.models import Booking, Status, TurnedAway, WaitlistEntry
from experts.models import Expert
from tests.cast import (
    UNBOOKABLE,
    book,
    day_ahead,
    details,
    fresh,
    make_booking,
    make_expert,
    make_slot,
    make_unbookable,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("steps_compared")]
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
OTHER = "b" * 32


def press(client, slot, **values):
    return client.post(f"/slots/{slot.pk}/hold/", values, headers=PARTIAL)


def release(client, slot, *, headers=None):
    return client.post(f"/slots/{slot.pk}/release/", headers=headers)


def send(client, slot, step, **values):
    return client.post(f"/slots/{slot.pk}/book/", details(step=step, **values), headers=PARTIAL)


def expert_page(client, expert, **query):
    return client.get(f"/experts/{expert.slug}/", query)


def bar_on(client, expert):
    """The bar of the hold on the expert's page."""
    body = expert_page(client, expert).content.decode()
    return body[body.index('<form class="hold-bar"') :].partition("</form>")[0]


def let_run_out():
    Booking.objects.filter(status=Status.HELD).update(expires_at=timezone.now() - timedelta(hours=1))


def step(response):
    return response.context["step_template"].removeprefix("bookings/_book_").removesuffix(".html")


class TestPressingATile:
    def test_holds_a_seat_and_shows_the_details_with_the_time_that_is_left(self, client):
        slot = make_slot()
        response = press(client, slot)
        assert (response.status_code, step(response)) == (200, "details")
        assert response["HX-Trigger"] == "slots-changed"
        held = Booking.objects.get()
        assert (held.slot, held.status, held.seats) == (slot, Status.HELD, 1)
        assert 290 <= response.context["countdown"].left <= 300
        body = response.content.decode()
        assert "Nobody else can take this seat until" in body
        assert f'action="/slots/{slot.pk}/release/"' in body
        assert "<html" not in body

    def test_without_javascript_it_leads_to_the_page_of_details(self, client):
        slot = make_slot()
        response = client.post(f"/slots/{slot.pk}/hold/")
        assert (response.status_code, response["Location"]) == (303, f"/slots/{slot.pk}/book/")
        shown = client.get(response["Location"])
        assert "Held for you until" in shown.content.decode()
        assert Booking.objects.count() == 1

    def test_ones_own_hold_goes_on(self, client):
        slot = make_slot(make_expert(max_party=3), capacity=3)
        press(client, slot)
        send(client, slot, "review", seats="2")
        before = Booking.objects.get()
        response = press(client, slot)
        assert (response.status_code, step(response)) == (200, "details")
        after = Booking.objects.get()
        assert (after.pk, after.seats, after.expires_at) == (before.pk, 2, before.expires_at)
        assert response.context["form"]["seats"].value() == 2

    def test_another_slot_of_the_expert_moves_it(self, client):
        expert = make_expert()
        first, second = make_slot(expert, at="09:00"), make_slot(expert, at="11:00")
        press(client, first)
        press(client, second)
        assert Booking.objects.get().slot == second
        assert fresh(first).state == "open"

    @pytest.mark.parametrize(("reason", "title"), UNBOOKABLE)
    def test_a_slot_that_changed_meanwhile_has_its_friendly_answer(self, client, reason, title):
        slot = make_slot()
        near = make_slot(slot.expert, at="15:00")
        make_unbookable(slot, reason)
        response = press(client, slot)
        assert response.status_code == 409
        assert response.context["title"] == title
        assert [choice.slot for choice in response.context["alternatives"]] == [near]
        assert not Booking.objects.filter(holder=client.cookies["visitor"].value.split(":")[0]).exists()
        page = client.post(f"/slots/{slot.pk}/hold/")
        assert page.status_code == 409
        assert "<html" in page.content.decode()

    def test_who_is_booked_already_is_asked_first(self, client):
        slot = make_slot(capacity=3)
        press(client, slot)
        send(client, slot, "confirm")
        assert step(press(client, slot)) == "again"
        again = client.get(f"/slots/{slot.pk}/book/?again=1", headers=PARTIAL).context["form"]
        assert step(send(client, slot, "review", again="on", key=again["key"].value())) == "review"
        assert step(press(client, slot)) == "details", "this hold was asked for"
        send(client, slot, "confirm", again="on", key=again["key"].value())
        assert Booking.objects.filter(status=Status.CONFIRMED).count() == 2

    @pytest.mark.parametrize("slot_id", ["0", "987654321", "9" * 40])
    @pytest.mark.parametrize("action", ["hold", "release"])
    def test_unknown_slot_is_a_friendly_404(self, client, slot_id, action):
        response = client.post(f"/slots/{slot_id}/{action}/")
        assert response.status_code == 404
        assert "There is no such slot" in response.content.decode()

    def test_looking_holds_nothing(self, client):
        slot = make_slot()
        client.get(f"/slots/{slot.pk}/book/")
        assert client.get(f"/slots/{slot.pk}/hold/").status_code == 303
        assert client.get(f"/slots/{slot.pk}/release/").status_code == 405
        assert not Booking.objects.exists()

    def test_needs_the_token_of_the_form(self):
        slot = make_slot()
        strict = Client(enforce_csrf_checks=True)
        assert strict.post(f"/slots/{slot.pk}/hold/").status_code == 403
        body = strict.get(f"/experts/{slot.expert.slug}/").content.decode()
        token = body.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        assert strict.post(f"/slots/{slot.pk}/hold/", {"csrfmiddlewaretoken": token}).status_code == 303

    @pytest.mark.parametrize(("error", "status"), [(Busy(), 503), (TooMany(retry_after=7), 429)])
    def test_busy_and_too_often_say_so_and_can_be_tried_again(self, client, monkeypatch, error, status):
        def refuse(**_kwargs):
            raise error

        slot = make_slot()
        monkeypatch.setattr(services, "hold_slot", refuse)
        response = press(client, slot)
        assert response.status_code == status
        assert "Not held yet" in response.content.decode()
        assert response["Retry-After"]
        monkeypatch.undo()
        assert step(send(client, slot, "resume")) == "details"

    def test_there_is_a_limit(self, client, settings):
        settings.RATE_LIMITS = True
        slot = make_slot()
        answers = [press(client, slot).status_code for _ in range(31)]
        assert set(answers[:30]) == {200}
        assert answers[30] == 429


class TestKeepingItLonger:
    def url(self, slot, extensions=0):
        return f"/slots/{slot.pk}/extend/?extensions={extensions}"

    def test_the_countdowns_alone_are_answered_and_say_until_when(self, client):
        slot = make_slot()
        shown = press(client, slot).content.decode()
        assert f'hx-post="{self.url(slot)}"' in shown
        assert "Keep it 5 more minutes" in shown
        assert "You can do this twice" in shown
        body = client.post(self.url(slot), headers=PARTIAL).content.decode()
        assert [f'id="countdown-{place}" hx-swap-oob' in body for place in ("side", "top")] == [True, True]
        assert body.count("data-say=") == 1
        assert "You can do this once more" in body
        assert "Full name" not in body
        until = timezone.localtime(Booking.objects.get().expires_at, slot.expert.zone)
        assert f'data-say="Kept until {until:%H:%M}"' in body
        last = client.post(self.url(slot, 1), headers=PARTIAL).content.decode()
        assert "hx-post" not in last
        assert "Kept until" in last

    def test_a_refusal_says_why_and_a_hold_that_is_over_counts_at_zero(self, client):
        slot = make_slot()
        press(client, slot)
        WaitlistEntry.objects.create(slot=slot, name="Noor", email="noor@example.com")
        refused = client.post(self.url(slot), headers=PARTIAL)
        assert refused.status_code == 409
        assert 'data-say="Somebody is waiting for this time."' in refused.content.decode()
        let_run_out()
        over = client.post(self.url(slot), headers=PARTIAL)
        assert (over.status_code, 'data-left="0"' in over.content.decode()) == (409, True)

    def test_without_script_the_step_comes_again_with_what_was_typed(self, client):
        slot = make_slot()
        press(client, slot)
        before = Booking.objects.get().expires_at
        page = client.post(self.url(slot), details(step="details", name="Le", agree=""))
        assert (page.status_code, step(page), page.context["form"]["name"].value()) == (200, "details", "Le")
        assert f'formaction="{self.url(slot, 1)}"' in page.content.decode()
        WaitlistEntry.objects.create(slot=slot, name="Noor", email="noor@example.com")
        page = client.post(self.url(slot, 1), details(step="review"))
        assert (page.status_code, step(page)) == (409, "details")
        assert "Somebody is waiting for this time." in page.content.decode()
        WaitlistEntry.objects.all().delete()
        page = client.post(self.url(slot, 1), details(step="review"))
        assert (page.status_code, step(page)) == (200, "review")
        assert Booking.objects.get().expires_at == before + timedelta(minutes=10)
        let_run_out()
        assert step(client.post(self.url(slot), details(step="details"))) == "expired"

    def test_a_slot_or_a_hold_that_is_not_there(self, client):
        assert client.post("/slots/999999999/extend/").status_code == 404
        assert client.get("/slots/1/extend/").status_code == 405
        assert not Booking.objects.exists()
        assert step(client.post(self.url(make_slot()), details(step="details"))) == "expired"


class TestTooManyHolds:
    def test_says_which_and_one_of_them_can_be_let_go_for_this(self, client):
        first, second, third = make_slot(), make_slot(), make_slot()
        press(client, first)
        press(client, second)
        response = press(client, third)
        assert (response.status_code, step(response)) == (409, "kept")
        body = response.content.decode()
        assert first.expert.name in body
        assert second.expert.name in body
        assert step(send(client, third, "resume", release=str(first.pk))) == "details"
        assert {hold.slot for hold in Booking.objects.filter(status=Status.HELD)} == {second, third}

    @pytest.mark.parametrize("nonsense", ["x", "-1", "9" * 30, "²", ""])
    def test_nonsense_lets_go_of_nothing(self, client, nonsense):
        slots = [make_slot() for _ in range(3)]
        press(client, slots[0])
        press(client, slots[1])
        assert step(send(client, slots[2], "resume", release=nonsense)) == "kept"
        assert Booking.objects.filter(status=Status.HELD).count() == 2

    def test_a_booking_that_was_begun_by_a_link_goes_on_without_a_hold(self, client):
        slots = [make_slot() for _ in range(3)]
        press(client, slots[0])
        press(client, slots[1])
        review = send(client, slots[2], "review")
        assert (step(review), review.context["countdown"]) == ("review", None)
        assert step(send(client, slots[2], "confirm")) == "done"


class TestRelease:
    def test_frees_the_seat_at_once_and_twice_does_no_harm(self, client):
        slot = make_slot()
        press(client, slot)
        for _ in range(2):
            response = release(client, slot, headers=PARTIAL)
            assert (response.status_code, response["HX-Trigger"], response.content) == (204, "slots-changed", b"")
        assert fresh(slot).state == "open"

    def test_without_javascript_it_leads_back_to_the_day(self, client):
        slot = make_slot()
        press(client, slot)
        response = release(client, slot)
        assert response.status_code == 303
        assert response["Location"] == f"/experts/{slot.expert.slug}/?day={slot.date}"

    def test_nobody_can_let_go_of_anothers(self, client):
        slot = make_slot()
        services.hold_slot(slot_id=slot.pk, visitor=OTHER)
        assert release(client, slot).status_code == 303
        client.get(f"/experts/{slot.expert.slug}/")
        assert release(client, slot).status_code == 303
        assert fresh(slot).state == "held"


class TestOnTheWay:
    def test_reviewing_holds_the_seats_that_were_chosen(self, client):
        slot = make_slot(make_expert(max_party=3), capacity=3)
        press(client, slot)
        assert step(send(client, slot, "review", seats="3")) == "review"
        assert fresh(slot).seats_left == 0
        again = send(client, slot, "edit", seats="3")
        assert [value for value, _label in again.context["form"].fields["seats"].choices] == [1, 2, 3]
        assert again.context["countdown"]
        send(client, slot, "confirm", seats="3")
        assert fresh(slot).seats_booked == 3

    def test_who_holds_the_last_seat_is_never_told_that_it_is_taken(self, client):
        slot = make_slot()
        press(client, slot)
        for response in (
            client.get(f"/slots/{slot.pk}/book/"),
            send(client, slot, "review"),
            send(client, slot, "edit"),
            send(client, slot, "confirm"),
        ):
            assert response.status_code == 200

    def test_reviewing_renews_a_hold_that_ran_out(self, client):
        slot = make_slot()
        press(client, slot)
        let_run_out()
        response = send(client, slot, "review")
        assert step(response) == "review"
        assert response.context["countdown"].left > 290

    def test_a_party_that_does_not_fit_keeps_the_hold_it_has(self, client):
        slot = make_slot(make_expert(max_party=3), capacity=3)
        press(client, slot)
        make_booking(slot, seats=1)
        response = send(client, slot, "review", seats="3")
        assert response.status_code == 409
        assert response.context["title"] == "Too few seats are left"
        assert Booking.objects.get(status=Status.HELD).seats == 1

    def test_choosing_one_of_the_nearest_times_holds_it(self, client):
        slot = make_slot()
        near = make_slot(slot.expert, at="15:00")
        book(slot)
        assert send(client, slot, "review").status_code == 409
        response = send(client, near, "resume", notes="Back pain")
        assert response.context["countdown"]
        assert response.context["form"]["notes"].value() == "Back pain"
        assert fresh(near).state == "held"


class TestAtZero:
    def test_says_what_happened_and_keeps_what_was_typed(self, client):
        slot = make_slot(make_expert(hold_minutes=7, timezone="Europe/London"), at="14:30")
        press(client, slot)
        let_run_out()
        response = send(client, slot, "expired", notes="Back pain")
        body = response.content.decode()
        assert (response.status_code, step(response)) == (200, "expired")
        for words in ("Your hold ran out", "for 7 minutes", "14:30 is still open.", "Hold 14:30 again", "Back pain"):
            assert words in body
        again = send(client, slot, "resume", notes="Back pain")
        assert again.context["countdown"].left > 400
        assert again.context["form"]["notes"].value() == "Back pain"

    def test_when_somebody_else_was_faster(self, client):
        slot = make_slot()
        press(client, slot)
        let_run_out()
        book(slot)
        response = send(client, slot, "expired", notes="Back pain")
        assert response.status_code == 409
        assert response.context["title"] == "This slot was just taken"
        assert "Back pain" in response.content.decode()

    def test_a_page_that_asks_too_early_counts_on(self, client):
        slot = make_slot()
        press(client, slot)
        response = send(client, slot, "expired", notes="Back pain")
        assert step(response) == "details"
        assert response.context["countdown"]
        assert response.context["form"]["notes"].value() == "Back pain"


class TestTheExpertPage:
    def test_the_tile_and_the_bar_are_the_owners_alone(self, client):
        slot = make_slot(make_expert(timezone="Europe/London"), day=day_ahead(1), at="14:30")
        press(client, slot)
        body = expert_page(client, slot.expert, day=slot.date.isoformat()).content.decode()
        assert 'data-mark="held"' in body
        assert "Yours until" in body
        assert 'id="hold-bar"' in body
        assert "Tomorrow 14:30" in body
        assert f'action="/slots/{slot.pk}/release/"' in body
        client.cookies.clear()
        body = expert_page(client, slot.expert, day=slot.date.isoformat()).content.decode()
        assert "Being booked" in body
        assert "data-mark" not in body
        assert "hold-bar" not in body

    def test_the_bar_is_there_on_every_day_and_for_this_expert_only(self, client):
        slot = make_slot()
        press(client, slot)
        other_day = expert_page(client, slot.expert, day=(slot.date + timedelta(days=14)).isoformat())
        assert f'data-tile="slot-{slot.pk}"' in other_day.content.decode()
        assert "hold-bar" not in expert_page(client, make_expert()).content.decode()

    def test_the_bar_tells_the_time_by_the_clock_of_what_is_held(self, client):
        client.cookies["zone"] = "Europe/Berlin"
        expert = make_expert(timezone="Asia/Tokyo", venue="in_person")
        slot = make_slot(expert, day=day_ahead(2), at="08:30")
        press(client, slot)
        bar = bar_on(client, expert)
        assert "08:30 Tokyo time" in bar
        assert "00:30 for you in Berlin" in bar or "01:30 for you in Berlin" in bar
        Expert.objects.filter(pk=expert.pk).update(venue="video")
        bar = bar_on(client, expert)
        assert re.search(r"0[01]:30 Berlin time", bar)
        assert "08:30 in Tokyo" in bar

    def test_the_bar_keeps_the_hold_longer(self, client):
        slot = make_slot()
        press(client, slot)
        url = f"/slots/{slot.pk}/extend/?extensions=0&amp;bar=1"
        bar = bar_on(client, slot.expert)
        assert f'formaction="{url}" hx-post="{url}"' in bar
        assert "Keep it 5 more minutes" in bar
        before = Booking.objects.get().expires_at
        url = url.replace("&amp;", "&")
        answer = client.post(url, headers=PARTIAL).content.decode()
        until = timezone.localtime(Booking.objects.get().expires_at, slot.expert.zone)
        assert 'id="hold-bar"' in answer
        assert f'data-say="Kept until {until:%H:%M}"' in answer
        again = url.replace("extensions=0", "extensions=1")
        entry = WaitlistEntry.objects.create(slot=slot, name="Noor", email="noor@example.com")
        refused = client.post(again, headers=PARTIAL)
        assert refused.status_code == 409
        assert 'data-say="Somebody is waiting for this time."' in refused.content.decode()
        assert "formaction" not in refused.content.decode()
        assert step(client.post(again)) == "details"
        entry.delete()
        # Without script one is back on the page.
        page = client.post(again)
        assert (page.status_code, page.url.split("?")[0]) == (303, f"/experts/{slot.expert.slug}/")
        assert Booking.objects.get().expires_at == before + timedelta(minutes=10)
        assert "formaction" not in bar_on(client, slot.expert)
        let_run_out()
        gone = client.post(url, headers=PARTIAL)
        assert (gone.status_code, gone["HX-Trigger"]) == (204, "slots-changed")

    def test_a_hold_that_ran_out_is_gone(self, client):
        slot = make_slot()
        press(client, slot)
        let_run_out()
        body = expert_page(client, slot.expert, day=slot.date.isoformat()).content.decode()
        assert "hold-bar" not in body
        assert "data-mark" not in body

    @pytest.mark.parametrize("slots", [1, 3])
    def test_the_number_of_queries_is_constant(self, client, django_assert_num_queries, slots):
        expert = make_expert()
        made = [make_slot(expert, at=f"{9 + n:02}:00") for n in range(slots)]
        press(client, made[0])
        with django_assert_num_queries(7):  # the version's two, expert, week; hold, waitlist, own
            expert_page(client, expert)


def test_demand_is_kept_without_a_person(client):
    slot = make_slot()
    make_booking(slot)
    press(client, slot)
    [row] = TurnedAway.objects.values()
    assert set(row) == {"id", "slot_id", "reason", "source", "people", "created_at", "of_organization_id"}
