"""Moving one's own booking to another time: what is offered, what becomes of a choice, and what is refused."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from bookings import services
from bookings.models import Booking, Status
from experts.models import Expert
from tests.bookings.views.test_lookup import assert_nothing_private
from tests.cast import book, day_ahead, details, fresh, make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def expert():
    return make_expert(max_party=4)


@pytest.fixture
def new(expert):
    return make_slot(expert, at="15:00")


@pytest.fixture
def booking(visitor, expert):
    return book(make_slot(expert, at="09:00"), visitor=visitor)


def url(booking):
    return f"/bookings/{booking.reference}/reschedule/"


def choices(client, booking, day=None):
    response = client.get(url(booking), {"day": (day or day_ahead()).isoformat()})
    return response.context["choices"]


def send(client, booking, slot, sequence=None):
    sequence = booking.sequence if sequence is None else sequence
    return client.post(url(booking), {"slot": getattr(slot, "pk", slot), "sequence": sequence})


def place(booking):
    return Booking.objects.get(pk=booking.pk).slot


class TestChoices:
    def test_the_open_times_of_a_day_without_ones_own(self, client, booking, new, expert):
        make_booking(make_slot(expert, at="11:00"))
        make_slot(expert, at="12:00", is_closed=True)
        make_slot(make_expert(), at="13:00")
        tomorrow = make_slot(expert, day=day_ahead(3))
        assert choices(client, booking) == [new]
        assert choices(client, booking, day_ahead(3)) == [tomorrow]

    def test_only_with_room_for_the_party(self, client, visitor, expert):
        booking = book(make_slot(expert, at="09:00", capacity=3), visitor=visitor, seats=3)
        make_slot(expert, at="10:00", capacity=2)
        wide = make_slot(expert, at="11:00", capacity=3)
        assert choices(client, booking) == [wide]

    @pytest.mark.parametrize(("venue", "clock"), [("in_person", "London time"), ("video", "Tokyo time")])
    def test_by_the_clock_of_the_place_or_of_the_visitor(self, client, booking, new, venue, clock):
        Expert.objects.update(venue=venue)
        client.cookies["zone"] = "Asia/Tokyo"
        response = client.get(url(booking), {"day": day_ahead().isoformat()})
        assert f"<strong>{clock}</strong>, where you" in response.content.decode()
        city = clock.split()[0]
        times = {"London": ["09:00", "15:00"], "Tokyo": ["18:00"]}  # there, 15:00 is another day
        assert [f"{time_shown:%H:%M}" for time_shown in self.shown(response, city)] == times[city]

    def shown(self, response, city):
        zone = ZoneInfo({"London": "Europe/London", "Tokyo": "Asia/Tokyo"}[city])
        tiles = [tile for part in response.context["parts"] for tile in part.tiles]
        return [tile.slot.starts_at.astimezone(zone) for tile in tiles]

    def test_a_day_without_times(self, client, booking):
        assert "No other time is open" in client.get(url(booking), {"day": day_ahead(4).isoformat()}).content.decode()

    @pytest.mark.parametrize("day", ["x", "9999-12-31", "0001-01-01", "2026-02-30"])
    def test_days_that_are_none(self, client, booking, day):
        assert client.get(url(booking), {"day": day}).status_code == 404

    def test_it_opens_at_the_week_of_the_booking_where_there_is_something_to_choose(self, client, visitor, expert):
        make_slot(expert, day=day_ahead(1))  # sooner, but in another week
        booking = book(make_slot(expert, day=day_ahead(16), at="09:00"), visitor=visitor)

        def opened():
            context = client.get(url(booking)).context
            assert day_ahead(16) in [day.count.date for day in context["strip"].days]
            return context["day"]

        assert opened() == day_ahead(16)
        make_slot(expert, day=day_ahead(15))
        assert opened() == day_ahead(15)
        make_slot(expert, day=day_ahead(18))
        assert opened() == day_ahead(18)
        make_slot(expert, day=day_ahead(16), at="15:00")
        assert opened() == day_ahead(16)

    def test_the_present_time_is_among_the_tiles_and_cannot_be_chosen(self, client, booking, new):
        body = client.get(url(booking)).content.decode()
        present, other = (body.split(f'id="choice-{pk}"')[1].split("</li>")[0] for pk in (booking.slot_id, new.pk))
        assert "Your time now" in present
        assert "radio" not in present
        assert f'<input type="radio" id="move-to-{new.pk}" name="slot"' in other

    def test_the_booking_page_leads_here(self, client, booking):
        assert url(booking) in client.get(f"/bookings/{booking.reference}/").content.decode()


class TestWhileThePageIsOpen:
    def fragment(self, client, booking, **query):
        query = {"day": day_ahead().isoformat()} | query
        return client.get(url(booking), query, headers=PARTIAL)

    def test_it_hears_of_changes_and_asks_for_its_times_again(self, client, booking, new):
        body = self.fragment(client, booking).content.decode()
        assert "<html" not in body
        assert (
            f'hx-ws:connect="/ws/experts/{new.expert.slug}/?day={new.date}&amp;from={new.expert.today()}&amp;to='
            in body
        )
        assert f'data-resync hx-get="{url(booking)}?day={new.date}"' in body

    def test_what_is_chosen_stays_chosen(self, client, booking, new, expert):
        make_slot(expert, at="16:00")
        body = self.fragment(client, booking, slot=new.pk).content.decode()
        assert re.findall(r'value="(\d+)" required checked', body) == [str(new.pk)]
        assert "was just taken" not in body

    def test_what_was_chosen_and_is_gone_is_said_until_another_one_is_chosen(self, client, booking, new, expert):
        other = make_slot(expert, at="16:00")
        book(new)
        body = self.fragment(client, booking, slot=new.pk).content.decode()
        assert "The time that you chose was just taken." in body
        assert f'name="slot" value="{new.pk}">' in body
        assert "checked" not in body
        body = self.fragment(client, booking, slot=[new.pk, other.pk]).content.decode()
        assert "was just taken" not in body

    def test_the_form_follows_a_booking_that_was_moved_elsewhere(self, client, booking, new, expert):
        services.reschedule(booking_id=booking.pk, slot_id=new.pk, by_customer=True)
        body = self.fragment(client, booking).content.decode()
        assert 'name="sequence" value="1"' in body

    @pytest.mark.parametrize("by_customer", [True, False])
    def test_a_booking_that_was_cancelled_meanwhile(self, client, booking, new, by_customer):
        services.cancel(booking_id=booking.pk, by_customer=by_customer)
        response = self.fragment(client, booking)
        assert (response.status_code, response["HX-Redirect"]) == (204, f"{url(booking)}?day={new.date}")
        body = client.get(response["HX-Redirect"]).content.decode()
        assert "can’t be moved" in body
        assert "hx-ws:connect" not in body

    def test_to_all_others_it_goes_away(self, booking):
        stranger = Client()
        stranger.get("/bookings/link/x/")
        response = self.fragment(stranger, booking)
        assert response.status_code == 204
        assert_nothing_private(response)

    def test_a_constant_number_of_queries(self, client, booking, new, expert, django_assert_max_num_queries):
        for at in ("10:00", "11:00", "12:00", "13:00"):
            make_slot(expert, at=at)
        with django_assert_max_num_queries(3):  # the booking, the week
            self.fragment(client, booking)


class TestMoving:
    def test_keeps_the_reference_and_frees_the_old_time(self, client, booking, new):
        response = send(client, booking, new)
        assert (response.status_code, response["Location"]) == (303, f"/bookings/{booking.reference}/")
        assert place(booking) == new
        assert (fresh(booking.slot).state, fresh(new).state) == ("open", "full")

    def test_a_double_click_moves_once_and_shows_the_booking(self, client, booking, new):
        assert [send(client, booking, new).status_code for _ in range(2)] == [303, 303]
        assert Booking.objects.get().sequence == 1

    def test_needs_the_token_of_the_form(self, client, booking, new):
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = client.cookies
        assert send(strict, booking, new).status_code == 403


def test_the_old_form_of_what_was_moved_since_leads_to_the_booking(client, booking, new):
    send(client, booking, new)
    Booking.objects.update(name="Lena Fischer", email="lena@example.com")
    old = booking.slot
    form = details(step="confirm")
    first = client.post(f"/slots/{old.pk}/book/", form | {"key": "k"})
    moved = Booking.objects.latest("pk")
    assert first["Location"] == f"/slots/{old.pk}/book/?booking={moved.reference}"
    services.reschedule(
        booking_id=moved.pk, slot_id=make_slot(old.expert, at="17:00").pk, by_customer=True, seen_sequence=0
    )
    again = client.post(f"/slots/{old.pk}/book/", form | {"key": "k"})
    assert (again.status_code, again["Location"]) == (303, f"/bookings/{moved.reference}/")


class TestRefusals:
    def test_to_all_others_it_is_as_if_it_did_not_exist(self, booking, new):
        stranger = Client()
        stranger.get("/bookings/link/x/")
        for response in (stranger.get(url(booking)), send(stranger, booking, new)):
            assert response.status_code == 404
            assert_nothing_private(response)
        assert place(booking) == booking.slot

    def test_somebody_was_faster(self, client, booking, new, expert):
        other = make_slot(expert, at="16:00")
        book(new)
        response = client.post(
            f"{url(booking)}?day={day_ahead().isoformat()}", {"slot": new.pk, "sequence": booking.sequence}
        )
        assert response.status_code == 409
        assert "just taken" in response.content.decode()
        assert response.context["choices"] == [other]
        assert place(booking) == booking.slot

    @pytest.mark.parametrize("slot", ["x", "0", "-1", 10**12, "9" * 5000, "٣"])
    def test_times_that_are_none(self, client, booking, slot):
        assert send(client, booking, slot).status_code == 409
        assert place(booking) == booking.slot

    def test_no_time_at_all(self, client, booking, new):
        response = send(client, booking, "")
        assert response.status_code == 422
        assert "Choose one of these times first." in response.content.decode()
        assert place(booking) == booking.slot

    def test_another_expert(self, client, booking):
        assert send(client, booking, make_slot()).status_code == 409
        assert place(booking) == booking.slot

    def test_outside_of_the_window(self, client, visitor):
        expert = make_expert(cancel_until=timedelta(days=20))
        booking, new = book(make_slot(expert, at="09:00"), visitor=visitor), make_slot(expert, at="15:00")
        assert "too late" in client.get(url(booking)).content.decode()
        assert send(client, booking, new).status_code == 409
        assert place(booking) == booking.slot

    def test_an_old_form(self, client, booking, new, expert):
        services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at="11:00").pk, by_customer=False)
        response = send(client, booking, new, sequence=0)
        assert response.status_code == 409
        assert "moved to another time meanwhile" in response.content.decode()
        assert place(booking) != new

    def test_what_has_ended(self, client, visitor, new, expert):
        booking = make_booking(make_slot(expert, at="09:00"), holder=visitor, status=Status.CANCELLED)
        assert "can’t be moved" in client.get(url(booking)).content.decode()
        assert send(client, booking, new).status_code == 409
        assert fresh(new).state == "open"
