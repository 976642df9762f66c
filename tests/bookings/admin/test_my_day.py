"""An expert's own day: who comes, what they wrote, whether they came, and time to block."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings.admin.day_drawing import WORDS
from bookings.models import Booking, NoteReading, Status
from bookings.selectors.staff_columns import Look
from experts.models import Role, Slot, TimeOff
from tests.bookingsite.isolation import make_hours
from tests.cast import fresh, make_booking, make_expert, make_organization, make_question, make_slot
from tests.staff import logged_in, make_member, make_superuser

pytestmark = pytest.mark.django_db
ZONES = (
    *("Pacific/Honolulu", "America/Los_Angeles", "America/New_York", "America/Sao_Paulo", "Europe/London"),
    *("Asia/Dubai", "Asia/Kolkata", "Asia/Shanghai", "Australia/Sydney", "Pacific/Auckland"),
)


def zone_by_day() -> str:
    """A zone in which it is neither early nor late at this moment."""
    now = timezone.now()
    return min(ZONES, key=lambda name: abs(now.astimezone(ZoneInfo(name)).hour * 60 - 12 * 60))


@pytest.fixture
def expert():
    """Somebody for whom it is about noon, with an account of their own."""
    zone = zone_by_day()
    organization = make_organization(timezone=zone)
    user = make_member(organization, Role.EXPERT)
    return make_expert(organization=organization, timezone=zone, user=user, session_minutes=30, min_notice=timedelta(0))


@pytest.fixture
def client(expert):
    return logged_in(expert.user)


def slot_at(expert, minutes, **values):
    """A slot that starts in so many minutes."""
    start = (timezone.now() + timedelta(minutes=minutes)).replace(second=0, microsecond=0)
    return make_slot(expert, starts_at=start, **{"minutes": 30} | values)


def page(client, **query):
    return client.get(reverse("admin:my_day"), query)


def send(client, values, **query):
    address = reverse("admin:my_day") + ("?" + "&".join(f"{key}={value}" for key, value in query.items()))
    return client.post(address, values, follow=True)


def shown(response):
    return [
        (line.kind, line.title or ", ".join(p.booking.name for p in line.people)) for line in response.context["lines"]
    ]


def test_the_day_line_by_line(client, expert):
    make_booking(slot_at(expert, -90), name="Tom", status=Status.COMPLETED)
    make_booking(slot_at(expert, -10), name="Maya")
    make_booking(slot_at(expert, 30), name="Aylin", status=Status.PENDING)
    slot_at(expert, 60)
    make_booking(slot_at(expert, 120, capacity=5, title="Back class"), name="Felix")
    make_booking(slot_at(expert, 60 * 24 * 2), name="Another day")
    response = page(client)
    assert [kind for kind, _name in shown(response)] == ["person", "person", "free", "class"]
    assert [line.people[0].booking.name for line in response.context["earlier"]] == ["Tom"]
    assert [line.is_now for line in response.context["lines"]] == [False, True, False, False]
    text = response.content.decode()
    assert "1 earlier today" in text and "1 done" in text and "1 of 5, attendance list" in text
    assert "Another day" not in text


def test_notes_are_read_by_unfolding_and_logged_only_then(client, expert):
    make_question(expert.organization)
    booking = make_booking(slot_at(expert, 30), notes="Left knee", phone="+447700900412", email="a@example.com")
    other = make_booking(slot_at(expert, 60), notes="Right knee")
    past = make_slot(expert, starts_at=timezone.now() - timedelta(days=3))
    make_booking(past, status=Status.COMPLETED, email="A@example.com")
    assert "knee" not in page(client).content.decode()
    assert not NoteReading.objects.exists()
    text = page(client, open=booking.pk).content.decode()
    assert "Left knee" in text and "Right knee" not in text
    assert "tel:+447700900412" in text
    assert "1 visit. Last " in text
    assert [row.booking_id for row in NoteReading.objects.all()] == [booking.pk]
    assert other.pk


def test_arrived_done_and_taken_back(client, expert):
    booking = make_booking(slot_at(expert, -40))
    for act, status, arrived in (
        ("arrived", Status.CONFIRMED, True),
        ("done", Status.COMPLETED, True),
        ("undo", Status.CONFIRMED, False),
        ("no_show", Status.NO_SHOW, False),
    ):
        send(client, {"attend": act, "booking": booking.pk}, open=booking.pk)
        booking.refresh_from_db()
        assert (booking.status, booking.arrived_at is not None) == (status, arrived), act


def test_what_is_not_possible_yet_is_no_button_and_says_why(client, expert):
    booking = make_booking(slot_at(expert, 60))
    buttons = page(client, open=booking.pk).context["opened"]["buttons"]
    assert {it["name"]: it["is_possible"] for it in buttons} == {"arrived": True, "no_show": False, "done": False}
    response = send(client, {"attend": "no_show", "booking": booking.pk})
    assert "The session has not begun." in response.content.decode()


def test_a_class_has_its_list(client, expert):
    slot = slot_at(expert, 30, capacity=5, title="Back class")
    people = [make_booking(slot, name=name) for name in ("Ann", "Ben")]
    assert "Ann" not in page(client).content.decode()
    text = page(client, **{"class": slot.pk}).content.decode()
    assert "Ann" in text and "Ben arrived" in text
    send(client, {"attend": "arrived", "booking": people[1].pk}, **{"class": slot.pk})
    people[1].refresh_from_db()
    assert people[1].arrived_at is not None


def test_what_became_of_a_booking_is_called_as_on_the_day(client, expert):
    looks = {Status.COMPLETED: Look.DONE, Status.NO_SHOW: Look.NO_SHOW, Status.PENDING: Look.PENDING}
    for number, status in enumerate(looks):
        ends = timezone.now() + timedelta(hours=1) if status == Status.PENDING else None
        make_booking(slot_at(expert, 30 + 30 * number), status=status, expires_at=ends)
    states = [person.state for line in page(client).context["lines"] for person in line.people]
    assert [state["text"] for state in states] == [WORDS[look] for look in looks.values()]


class TestBlockingTime:
    def span(self, expert, minutes, length=60):
        """``10:00-11:00``, from so many minutes ahead."""
        start = (timezone.now() + timedelta(minutes=minutes)).astimezone(expert.zone)
        end = start + timedelta(minutes=length)
        return f"{start:%H:%M}-{end:%H:%M}"  # a clock

    def test_it_says_whom_it_hits_before_anything_is_written(self, client, expert):
        slot = slot_at(expert, 30)
        make_booking(slot, name="Maya Halloran")
        free = slot_at(expert, 60)
        text = page(client, block=1).content.decode()
        assert "1 booking" in text and "Rest" not in text
        span = self.span(expert, 25)
        response = send(client, {"span": span}, block=1)
        assert "Maya Halloran" in response.content.decode()
        assert "1 free time can be booked no more." in response.content.decode()
        assert not TimeOff.objects.exists() and not fresh(free).is_closed
        seen = response.context["blocking"]["seen"]
        response = send(client, {"span": span, "seen": seen}, block=1)
        assert "is blocked." in response.content.decode()
        time_off = TimeOff.objects.get()
        assert (time_off.expert, time_off.from_time.isoformat("minutes")) == (expert, span[:5])
        assert fresh(free).is_closed and fresh(slot).is_closed
        assert Booking.objects.get(slot=slot).status == Status.CONFIRMED

    def test_what_was_booked_meanwhile_is_shown_first(self, client, expert):
        free = slot_at(expert, 30)
        span = self.span(expert, 25)
        seen = send(client, {"span": span}, block=1).context["blocking"]["seen"]
        make_booking(free, name="Aylin")
        response = send(client, {"span": span, "seen": seen}, block=1)
        assert "Something changed in the meantime." in response.content.decode()
        assert "Aylin" in response.content.decode()
        assert not TimeOff.objects.exists()

    @pytest.mark.parametrize("span", ["", "x", "10:00", "25:00-26:00", "11:00-10:00", "\x00-", "10:00Z-11:00"])
    def test_garbage_blocks_nothing(self, client, expert, span):
        assert send(client, {"span": span}, block=1).status_code == 200
        assert not TimeOff.objects.exists()

    def test_slots_of_weekly_hours_go_as_with_any_time_off(self, client, expert):
        slot = slot_at(expert, 60)
        Slot.objects.filter(pk=slot.pk).update(from_hours=True)
        local = slot.starts_at.astimezone(expert.zone)
        make_hours(expert, weekday=local.weekday(), start=local.time(), end=time(23, 59), slot_minutes=30)
        span = self.span(expert, 55)
        seen = send(client, {"span": span}, block=1).context["blocking"]["seen"]
        send(client, {"span": span, "seen": seen}, block=1)
        assert not Slot.objects.filter(pk=slot.pk, is_closed=False).exists()


class TestWhoSeesWhat:
    def test_a_tab_keeps_its_organisation(self, expert):
        client, other = logged_in(make_superuser()), make_expert()
        first = page(client, organization=expert.organization_id)
        page(client, organization=other.organization_id)
        for name in ("live_url", "block_url", "tomorrow"):
            assert client.get(first.context[name]).context["expert"] == expert
        assert expert.organization in first.context["organizations"]

    def test_an_expert_sees_the_own_day_alone(self, client, expert):
        colleague = make_expert(organization=expert.organization, timezone=expert.timezone)
        theirs = make_booking(slot_at(colleague, 30), name="Quorlbath", notes="Wobbleknee")
        for query in ({}, {"expert": colleague.pk}, {"expert": colleague.pk, "open": theirs.pk}):
            response = page(client, **query)
            assert response.context["expert"] == expert
            assert "Quorlbath" not in response.content.decode()
        send(client, {"attend": "arrived", "booking": theirs.pk})
        theirs.refresh_from_db()
        assert theirs.arrived_at is None and not NoteReading.objects.exists()

    def test_a_booking_of_another_organisation_does_not_open(self, client, expert):
        theirs = make_booking(make_slot(), name="Quorlbath", notes="Wobbleknee")
        assert "Quorlbath" not in page(client, open=theirs.pk).content.decode()
        assert page(client, organization=theirs.slot.expert.organization_id).status_code == 404
        send(client, {"attend": "arrived", "booking": theirs.pk})
        theirs.refresh_from_db()
        assert theirs.arrived_at is None and not NoteReading.objects.exists()

    def test_a_scheduler_chooses_whose_day(self, expert):
        client = logged_in(make_member(expert.organization, Role.SCHEDULER))
        colleague = make_expert(organization=expert.organization)
        assert page(client, expert=colleague.pk).context["expert"] == colleague
        assert page(client, expert=expert.pk).context["block_url"]

    def test_it_is_where_experts_begin_and_only_they(self, client, expert):
        assert client.get("/admin/").headers["Location"] == reverse("admin:my_day")
        for user in (make_member(expert.organization, Role.SCHEDULER), make_superuser()):
            assert logged_in(user).get("/admin/").get("Location") != reverse("admin:my_day")

    def test_whoever_has_no_calendar_is_told(self, expert):
        client = logged_in(make_member(expert.organization, Role.EXPERT))
        assert "There is no calendar of yours" in page(client).content.decode()


@pytest.mark.parametrize(
    "query", [{"day": "x"}, {"open": "x"}, {"class": "9" * 30}, {"expert": "-1"}, {"day": "9999-12-31"}]
)
def test_garbage_in_the_address_is_nothing(client, expert, query):
    assert page(client, **query).status_code == 200


def test_the_number_of_statements_does_not_grow(client, expert, django_assert_num_queries):
    make_booking(slot_at(expert, 30), notes="Words")
    page(client)
    with CaptureQueriesContext(connection) as few:
        page(client)
    for number in range(5):
        make_booking(slot_at(expert, 60 + 30 * number), notes="Words")
    with django_assert_num_queries(len(few)):
        page(client)


def test_a_day_is_the_organisations(client, expert):
    tomorrow = datetime.now(expert.zone).date() + timedelta(days=1)
    booking = make_booking(make_slot(expert, day=tomorrow, at="10:00"), name="Tomorrow's")
    assert [line.people[0].booking for line in page(client, day=tomorrow.isoformat()).context["lines"]] == [booking]
