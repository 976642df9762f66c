"""The page of requests: answered in the row or several at once, and taken back."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings import services
from bookings.models import Booking, NoteReading, OutboxMail, Rescue, Status
from experts.models import Role, Slot
from tests.cast import join_line, make_booking, make_expert, make_organization, make_question, make_slot
from tests.staff import logged_in, make_member, make_superuser, messages_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def expert():
    return make_expert(name="Dr Okafor")


@pytest.fixture
def client(expert):
    return logged_in(make_member(expert.organization, Role.SCHEDULER))


def ask(expert, minutes=60, **values):
    """A request that runs out in so many minutes."""
    hour, minute = divmod(9 * 60 + 20 * expert.slots.count(), 60)
    slot = make_slot(expert, at=f"{hour:02}:{minute:02}", minutes=20)
    ends = timezone.now() + timedelta(minutes=minutes)
    return make_booking(slot, status=Status.PENDING, expires_at=ends, **values)


def page(client, **query):
    return client.get(reverse("admin:requests"), query)


def send(client, **values):
    return client.post(reverse("admin:requests"), values, follow=True)


def names(response):
    return [row["name"] for row in response.context["rows"]]


def status_of(*bookings):
    return [Booking.objects.get(pk=booking.pk).status for booking in bookings]


def test_who_runs_out_first_is_on_top(client, expert):
    for name, minutes in (("Wen", 300), ("Aylin", 20), ("Nora", 100)):
        ask(expert, minutes, name=name)
    ask(expert, -1, name="Too late")
    make_booking(make_slot(expert, at="19:00"), name="Confirmed")
    response = page(client)
    assert names(response) == ["Aylin", "Nora", "Wen"]
    assert [row["is_soon"] for row in response.context["rows"]] == [True, True, False]
    assert response.context["count"] == "3"


def test_one_is_approved_in_its_row_and_it_can_be_taken_back(client, expert):
    booking, other = ask(expert, name="Aylin Demir"), ask(expert)
    response = send(client, approve=booking.pk)
    assert status_of(booking, other) == [Status.CONFIRMED, Status.PENDING]
    assert "Aylin Demir approved." in response.content.decode()
    assert response.context["undo"]["keys"] == [booking.pk]
    response = send(client, undo=booking.pk)
    assert status_of(booking) == [Status.PENDING]
    assert "1 request waits again." in response.content.decode()
    assert not OutboxMail.objects.exists()


def test_several_are_rejected_with_one_reason_once_it_was_asked_for(client, expert):
    bookings = [ask(expert) for _ in range(3)]
    keys = [booking.pk for booking in bookings[:2]]
    question = send(client, reject="selected", booking=keys)
    assert "Reject 2 requests?" in question.content.decode()
    assert status_of(*bookings) == [Status.PENDING] * 3
    response = send(client, reject="selected", booking=keys, reason="We are closed.")
    assert status_of(*bookings) == [Status.REJECTED, Status.REJECTED, Status.PENDING]
    assert {booking.reason for booking in Booking.objects.filter(pk__in=keys)} == {"We are closed."}
    assert "2 requests rejected." in response.content.decode()


def test_a_reason_may_be_left_out(client, expert):
    booking = ask(expert)
    send(client, reject="selected", booking=booking.pk, reason="")
    assert status_of(booking) == [Status.REJECTED]


def test_undo_says_that_a_seat_is_gone(client, expert):
    booking = ask(expert, name="Aylin")
    join_line(booking.slot)
    send(client, reject="selected", booking=booking.pk, reason="")
    response = send(client, undo=booking.pk)
    assert "Aylin: The seat was given to somebody else meanwhile, so the decision stays." in response.content.decode()
    assert status_of(booking) == [Status.REJECTED]


def test_what_a_colleague_was_faster_with_is_said_by_name(client, expert):
    first, second = ask(expert, name="Aylin"), ask(expert)
    services.cancel(booking_id=first.pk, by_customer=False)
    response = send(client, approve="selected", booking=[first.pk, second.pk])
    assert "Aylin: This booking is cancelled" in response.content.decode()
    assert status_of(first, second) == [Status.CANCELLED, Status.CONFIRMED]


def test_when_it_is_too_late_nothing_is_offered(client, expert):
    booking = ask(expert)
    send(client, approve=booking.pk)
    OutboxMail.objects.update(due_at=timezone.now())
    assert page(client, undo=str(booking.pk)).context["undo"] is None


def test_nothing_chosen_is_said(client, expert):
    ask(expert)
    response = client.post(reverse("admin:requests"), {"approve": "selected"})
    assert messages_of(response) == ["Choose a request first."]


@pytest.mark.parametrize("garbage", ["x", "9" * 30, "-1", "1,2,x", "\x00"])
def test_garbage_in_the_address_is_nothing(client, expert, garbage):
    ask(expert)
    response = page(client, undo=garbage, expert=garbage, note=garbage, q="")
    assert response.status_code == 200
    assert client.post(reverse("admin:requests"), {"approve": garbage}).status_code == 303


class TestWhoSeesWhat:
    def test_other_organisations_requests_do_not_exist(self, client, expert):
        mine, theirs = ask(expert), ask(make_expert())
        assert names(page(client)) == [mine.name]
        send(client, approve="selected", booking=[theirs.pk])
        send(client, reject=theirs.pk, reason="")
        assert status_of(theirs) == [Status.PENDING]
        services.approve(booking_id=theirs.pk, can_undo=True)
        assert page(client, undo=str(theirs.pk)).context["undo"] is None
        send(client, undo=theirs.pk)
        assert status_of(theirs) == [Status.CONFIRMED]

    def test_an_expert_answers_for_the_own_calendar_alone(self, expert):
        mine = make_expert(organization=expert.organization, user=make_member(expert.organization, Role.EXPERT))
        client = logged_in(mine.user)
        own, theirs = ask(mine), ask(expert)
        assert names(page(client)) == [own.name]
        send(client, approve="selected", booking=[own.pk, theirs.pk])
        assert status_of(own, theirs) == [Status.CONFIRMED, Status.PENDING]

    def test_requests_of_one_organisation_at_a_time_where_there_are_several(self, expert):
        client, other = logged_in(make_superuser()), make_expert(name="Dr Byrne")
        mine, theirs = ask(expert), ask(other)
        first = page(client, organization=expert.organization_id)
        assert names(first) == [mine.name] and "1 more waits elsewhere" in first.text
        second = page(client, organization=other.organization_id, expert=expert.pk)
        assert names(second) == [theirs.name], "an expert of another one is no filter"
        assert names(client.get(first.context["live_url"])) == [mine.name]
        answer = client.post(first.context["here"], {"approve": mine.pk})
        assert f"organization={expert.organization_id}" in answer.headers["Location"]
        assert status_of(mine) == [Status.CONFIRMED]

    def test_whoever_has_no_role_gets_no_page(self, expert):
        assert page(logged_in(make_member(make_organization(), is_staff=False))).status_code == 302
        assert page(logged_in(make_superuser())).status_code == 200

    def test_the_menu_counts_what_one_may_answer(self, client, expert):
        for _ in range(3):
            ask(expert)
        ask(make_expert())
        items = [item for group in page(client).context["sidebar_navigation"] for item in group["items"]]
        assert next(item for item in items if item["title"] == "Requests")["badge"] == "3"


class TestTheirWords:
    def test_reading_is_logged_when_somebody_opens_them_and_only_then(self, client, expert):
        booking = ask(expert, notes="My left knee")
        assert "My left knee" not in page(client).content.decode()
        assert not NoteReading.objects.exists()
        assert "My left knee" in page(client, note=booking.pk).content.decode()
        assert NoteReading.objects.get().booking_id == booking.pk

    def test_hidden_notes_stay_hidden(self, client, expert):
        expert.organization.hides_notes = True
        expert.organization.save()
        booking = ask(expert, notes="My left knee")
        response = page(client, note=booking.pk)
        assert "My left knee" not in response.content.decode()
        assert "There is more that the expert and owners read." in response.content.decode()
        assert not NoteReading.objects.exists()

    def test_visits_are_those_of_the_same_organisation(self, client, expert):
        booking = ask(expert, email="Lena@example.com")
        for day, status in ((-3, Status.COMPLETED), (-2, Status.COMPLETED), (-1, Status.NO_SHOW)):
            past = make_slot(expert, starts_at=timezone.now() + timedelta(days=day))
            make_booking(past, status=status, email="lena@example.com")
        elsewhere = make_slot(starts_at=timezone.now() - timedelta(days=1))
        make_booking(elsewhere, status=Status.COMPLETED, email="lena@example.com")
        [row] = page(client).context["rows"]
        assert (row["pk"], row["visits"]) == (booking.pk, "1 no-show, 2 visits")


class TestOfferInstead:
    def test_three_times_are_offered_in_two_steps_and_taken_back(self, client, expert, mailoutbox):
        booking = ask(expert, minutes=30)
        free = [make_slot(expert, at=f"1{hour}:00", minutes=20) for hour in range(2, 6)]
        asked = send(client, offer=booking.pk)
        offer = asked.context["offer"]
        assert [it.is_chosen for it in offer.choices] == [True, True, True, False]
        assert not Rescue.objects.exists()
        until = offer.form.fields["until"].choices[0][0]
        times = [it.slot for it in offer.choices[:2]]
        response = send(client, offer=booking.pk, time=times, reason="I leave at ten.", until=until)
        assert "Other times are kept for" in response.text
        [row] = response.context["rows"]
        assert row["offered"]
        rescue = Rescue.objects.get()
        assert (rescue.of_request, rescue.message, [it.slot_id for it in rescue.times.all()]) == (
            True,
            "I leave at ten.",
            times,
        )
        assert status_of(booking) == [Status.PENDING]
        assert client.get(reverse("admin:rescue")).context["rows"] == [], "it stands with the requests alone"
        response = send(client, back=booking.pk)
        assert not response.context["rows"][0]["offered"]
        assert not Slot.objects.filter(pk__in=[slot.pk for slot in free], seats_held__gt=0).exists()

    def test_no_time_is_said(self, client, expert):
        booking = ask(expert)
        until = send(client, offer=booking.pk).context["offer"].form.fields["until"].choices[0][0]
        response = client.post(reverse("admin:requests"), {"offer": booking.pk, "until": until})
        assert response.status_code == 422
        assert not Rescue.objects.exists()

    def test_times_and_requests_of_others_are_nobodys(self, client, expert):
        booking, theirs = ask(expert), ask(make_expert())
        elsewhere, free = make_slot(), make_slot(expert, at="14:00", minutes=20)
        until = send(client, offer=booking.pk).context["offer"].form.fields["until"].choices[0][0]
        for pk, slot in ((booking.pk, elsewhere), (theirs.pk, free), ("x", free)):
            send(client, offer=pk, time=[slot.pk], until=until)
        assert not Rescue.objects.exists()

    def test_an_expert_offers_the_own_times_alone(self, expert):
        mine = make_expert(
            organization=expert.organization,
            category=expert.category,
            user=make_member(expert.organization, Role.EXPERT),
        )
        booking = ask(mine)
        own = make_slot(mine, at="15:00", minutes=20)
        make_slot(expert, at="09:00", minutes=20)
        offer = send(logged_in(mine.user), offer=booking.pk).context["offer"]
        assert [it.slot for it in offer.choices] == [own.pk]


def test_the_number_of_statements_does_not_grow(client, expert, django_assert_num_queries):
    make_question(expert.organization)
    for _ in range(2):
        ask(make_expert(organization=expert.organization))
    page(client)
    with CaptureQueriesContext(connection) as few:
        page(client)
    for _ in range(8):
        ask(make_expert(organization=expert.organization), notes="Words")
    with django_assert_num_queries(len(few)):
        page(client)
