"""The page behind the link of an offer: what is kept, what is told, and what a late or a doubled answer gets."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from bookings import services
from bookings.access.links import rescue_token
from bookings.models import Booking, Rescue, Status
from bookings.models.rescue import RescueState
from experts import services as calendars
from experts.models import Expert
from tests.cast import book, day_ahead, fresh, make_category, make_expert, make_organization, make_slot

pytestmark = pytest.mark.django_db


@pytest.fixture
def away():
    house = make_organization(name="Northgate Clinic")
    return make_expert(name="Tomás Herrera", organization=house, category=make_category())


@pytest.fixture
def times(away):
    """The same time and a later one with a colleague, and one with the expert on the next day."""
    colleague = make_expert(name="Liv Sørby", organization=away.organization, category=away.category)
    return [
        make_slot(colleague, at="10:00"),
        make_slot(colleague, at="11:00"),
        make_slot(away, day=day_ahead(3), at="10:00"),
    ]


@pytest.fixture
def lost(away):
    slot = make_slot(away, at="10:00")
    booking = book(slot, name="Vera Lund", email="vera@example.com", visitor="a" * 32)
    calendars.close_slot(slot_id=slot.pk)
    return booking


@pytest.fixture
def offered(lost, times):
    return offer(lost, times)


def offer(booking, slots, **values) -> Rescue:
    until = timezone.now() + timedelta(hours=4)
    ids = [slot.pk for slot in slots]
    return services.offer_times(booking_id=booking.pk, slot_ids=ids, until=until, by=None, **values)


def url_of(rescue: Rescue) -> str:
    return reverse("link", args=[rescue_token(Rescue.objects.with_booking().get(pk=rescue.pk))])


def choices(page) -> list[int]:
    return [it.slot.pk for it in page.context["choices"]]


def now_is(booking) -> Booking:
    return Booking.objects.get(pk=booking.pk)


def run_out(rescue: Rescue) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Rescue.objects.filter(pk=rescue.pk).update(until=past)
    Booking.objects.filter(rescue_time__rescue=rescue).update(expires_at=past)


def test_looking_moves_nothing_and_the_same_time_comes_first(client, offered, lost, times):
    page = client.get(url_of(offered), {"time": times[1].pk})
    same, later, next_day = (slot.pk for slot in times)
    assert choices(page) == [same, next_day, later]
    assert [it.is_wanted for it in page.context["choices"]] == [False, False, True]
    assert "same time" in page.context["choices"][0].what
    assert "kept for you until" in page.text
    assert lost.reference in page.text
    assert now_is(lost).slot_id == lost.slot_id
    assert page["Referrer-Policy"] == "strict-origin"


def test_one_press_books_and_the_browser_may_see_the_booking(client, offered, lost, times):
    answer = client.post(url_of(offered), {"slot": times[0].pk})
    assert (answer.status_code, answer.url) == (303, url_of(offered))
    assert now_is(lost).slot_id == times[0].pk
    assert [fresh(slot).seats_held for slot in times] == [0, 0, 0]
    page = client.get(url_of(offered))
    assert "You have a new time" in page.text
    assert client.get(reverse("booking", args=[lost.reference])).status_code == 200
    assert client.post(url_of(offered), {"slot": times[0].pk}).status_code == 303, "a double click"


@pytest.mark.parametrize(("why", "words"), [("", "cannot take place"), ("ill", "is ill."), ("away", "is away then.")])
def test_the_reason_is_told_only_where_staff_chose_to(client, lost, times, why, words):
    page = client.get(url_of(offer(lost, times, why=why, message="<i>Sorry</i>")))
    assert words in page.context["why"]
    assert ("is ill" in page.text) == (why == "ill")
    assert "&lt;i&gt;Sorry&lt;/i&gt;" in page.text


def test_none_of_these_shows_what_else_is_free_and_a_way_out(client, offered, lost, times):
    client.post(url_of(offered), {"none": "1"})
    assert [fresh(slot).seats_held for slot in times] == [0, 0, 0]
    page = client.get(url_of(offered))
    assert set(choices(page)) == {slot.pk for slot in times}
    assert "kept for you" not in page.text
    client.post(url_of(offered), {"cancel": "1"})
    assert now_is(lost).status == Status.CANCELLED
    assert "Book another time" in client.get(url_of(offered)).text


def test_a_late_answer_gets_the_nearest_times(client, offered, lost, times):
    run_out(offered)
    book(times[0])
    page = client.get(url_of(offered))
    assert choices(page) == [times[1].pk, times[2].pk]
    assert "are not kept any more" in page.text
    refused = client.post(url_of(offered), {"slot": times[0].pk})
    assert refused.status_code == 409
    assert "That time was just taken" in refused.text
    assert choices(refused) == [times[1].pk, times[2].pk]
    assert now_is(lost).slot_id == lost.slot_id
    assert client.post(url_of(offered), {"slot": times[1].pk}).status_code == 303
    assert now_is(lost).slot_id == times[1].pk


def test_what_was_decided_otherwise_meanwhile_is_said(client, offered, lost, times):
    services.reschedule(booking_id=lost.pk, slot_id=make_slot(lost.slot.expert, at="16:00").pk, by_customer=False)
    refused = client.post(url_of(offered), {"slot": times[0].pk})
    assert refused.status_code == 409
    assert "You have a new time" in refused.text
    services.cancel(booking_id=lost.pk, by_customer=False)
    assert "This booking is not open any more" in client.get(url_of(offered)).text


def test_an_offer_that_staff_took_back_promises_no_new_time(client, offered, lost):
    services.take_back_offer(booking_id=lost.pk)
    page = client.get(url_of(offered))
    assert "not kept for you any more" in page.text
    assert "new time" not in page.text
    assert "/bookings/link/" in page.context["booking_url"], "which opens the booking in this browser, too"
    Booking.objects.filter(pk=lost.pk).update(status="EXPIRED")
    assert "This booking is not open any more" in client.get(url_of(offered)).text


def test_where_the_expert_has_left_one_books_with_somebody_else(client, offered, lost):
    expert = lost.slot.expert
    services.cancel(booking_id=lost.pk, by_customer=False)
    Expert.objects.filter(pk=expert.pk).update(is_active=False)
    url = client.get(url_of(offered)).context["again_url"]
    assert url == f"/o/{expert.organization.slug}/"
    assert client.get(url).status_code == 200


def test_a_forged_link_and_nonsense_open_nothing(client, offered, lost):
    head, _dot, _signature = url_of(offered).rpartition(".")
    assert client.get(f"{head}.forged/").status_code == 404
    assert client.post(f"{head}.forged/", {"none": "1"}).status_code == 404
    for slot in ("", "x", "0", "9" * 30, "-1"):
        assert client.post(url_of(offered), {"slot": slot}).status_code == 409
    Booking.objects.filter(pk=lost.pk).update(email="corrected@example.com")
    before = head + "." + _signature
    assert client.get(before).status_code == 404, "the link in the other mailbox opens nothing any more"
    assert Rescue.objects.get().state == RescueState.OFFERED
