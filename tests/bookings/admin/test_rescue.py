"""The page where staff rescue what cannot take place: who is on it, what each button does, and how one gets there."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings import services
from bookings.admin.rescue import to_do
from bookings.models import Booking, Notification, Rescue, Status
from bookings.models.rescue import RescueState
from experts import services as calendars
from experts.admin.scoping import reach
from experts.models import Expert, Role, Slot, TimeOff
from tests.cast import (
    book,
    day_ahead,
    fresh,
    make_category,
    make_expert,
    make_organization,
    make_row_of_slots,
    make_session_type,
    make_slot,
)
from tests.mail import send_mails
from tests.staff import admin_url, logged_in, make_member, make_superuser, messages_of, run_action

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return make_organization(name="Northgate Clinic")


@pytest.fixture
def away(house):
    return make_expert(name="Tomás Herrera", organization=house, category=make_category())


@pytest.fixture
def colleague(away):
    return make_expert(name="Liv Sørby", organization=away.organization, category=away.category)


@pytest.fixture
def staff(house):
    return logged_in(make_member(house, Role.SCHEDULER))


def lose(expert, at="10:00", **values) -> Booking:
    slot = make_slot(expert, at=at)
    booking = book(slot, **values)
    calendars.close_slot(slot_id=slot.pk)
    return booking


def page_of(client, **query):
    return client.get(reverse("admin:rescue"), query)


def press(client, act: str, *rows: Booking, **values):
    """Press a button of the page, with some rows selected."""
    data = {"act": act, "row": [booking.pk for booking in rows]} | values
    return client.post(reverse("admin:rescue"), data)


def stages(page) -> dict[str, str]:
    return {it.booking.name: it.stage for it in [*page.context["rows"], *page.context["moved"]]}


def now_is(booking) -> Booking:
    return Booking.objects.get(pk=booking.pk)


def choose(page, booking) -> dict[str, int]:
    """The time that a row proposes, as its form sends it."""
    [shown] = [it for it in page.context["rows"] if it.booking == booking]
    return {f"to-{booking.pk}": shown.choices[0].slot}


def test_nobody_is_on_it_while_everything_can_take_place(staff, away):
    book(make_slot(away))
    page = page_of(staff)
    assert page.status_code == 200
    assert "Every session can take place" in page.text


def test_a_row_for_each_with_the_best_time_and_those_without_an_address_first(staff, away, colleague):
    vera, priya = lose(away, name="Vera Lund"), lose(away, "11:00", name="Priya Nair", email="", source="staff")
    make_slot(colleague, at="10:00"), make_slot(colleague, at="11:00")
    page = page_of(staff)
    assert stages(page) == {"Priya Nair": "phone", "Vera Lund": "todo"}
    assert [it.note for it in page.context["rows"]] == ["Same time, with a colleague"] * 2
    assert page.text.count("Liv Sørby") >= 2
    times = [next(iter(choose(page, booking).values())) for booking in (vera, priya)]
    assert len(set(times)) == 2


def test_all_that_are_selected_move_at_once(staff, away, colleague):
    lost = [lose(away, at, name=f"Person {at}") for at in ("09:00", "10:00", "11:00")]
    for at in ("09:00", "10:00", "11:00"):
        make_slot(colleague, at=at)
    page = page_of(staff)
    wanted = {name: slot for booking in lost for name, slot in choose(page, booking).items()}
    answer = press(staff, "move", *lost, **wanted)
    assert messages_of(answer) == ["3 bookings moved."]
    assert {now_is(booking).slot.expert for booking in lost} == {colleague}
    page = page_of(staff)
    assert set(stages(page).values()) == {"moved"}
    assert "3 of 3 in hand" in page.text


def test_undone_from_the_row_for_a_minute(staff, away, colleague):
    lost, slot = lose(away, name="Vera Lund"), make_slot(colleague, at="10:00")
    press(staff, f"move:{lost.pk}", **{f"to-{lost.pk}": slot.pk})
    rescue = Rescue.objects.get()
    assert rescue.created_by is not None
    page = page_of(staff)
    assert f"undo:{rescue.pk}" in page.text
    assert messages_of(press(staff, f"undo:{rescue.pk}")) == ["1 move undone."]
    assert now_is(lost).slot_id == lost.slot_id
    press(staff, f"move:{lost.pk}", **{f"to-{lost.pk}": slot.pk})
    Rescue.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert "undo:" not in page_of(staff).text


def test_times_are_offered_to_several_and_none_twice(staff, away, colleague):
    lost = [lose(away, at, name=f"Person {at}") for at in ("09:00", "10:00")]
    slots = [make_slot(colleague, at=f"{hour:02}:00") for hour in range(9, 15)]
    assert messages_of(press(staff, "offer", *lost, reason="Sorry!", why="ill")) == ["Times kept for 2 people."]
    assert [fresh(slot).seats_held for slot in slots] == [1] * 6
    assert set(Rescue.objects.values_list("message", "why")) == {("Sorry!", "ill")}
    page = page_of(staff)
    assert set(stages(page).values()) == {"waiting"}
    assert page.context["form"]["reason"].value() == "Sorry!", "one message for all, also for the next"
    assert messages_of(press(staff, f"back:{lost[0].pk}")) == ["1 offer taken back."]
    assert sum(fresh(slot).seats_held for slot in slots) == 3


def test_cancelled_after_a_question_that_names_who_hears_nothing(staff, away):
    vera, priya = lose(away, name="Vera Lund"), lose(away, "11:00", name="Priya Nair", email="", source="staff")
    question = press(staff, "cancel", vera, priya)
    assert "Cancel these 2 bookings?" in question.text
    assert "1 of them has no e-mail address and hears nothing: Priya Nair" in question.text
    assert now_is(vera).status == Status.CONFIRMED
    press(staff, "cancel", vera, priya, sure="1", reason="We are sorry.")
    assert {now_is(vera).status, now_is(priya).status} == {Status.CANCELLED}
    page = page_of(staff)
    assert stages(page) == {"Priya Nair": "phone", "Vera Lund": "moved"}, "she has to be told"
    press(staff, f"done:{priya.pk}")
    assert stages(page_of(staff)) == {"Priya Nair": "moved", "Vera Lund": "moved"}


def test_a_mail_that_came_back_is_one_to_phone(staff, away, colleague, mailoutbox):
    lost, slot = lose(away, name="Vera Lund"), make_slot(colleague, at="10:00")
    send_mails()
    press(staff, f"move:{lost.pk}", **{f"to-{lost.pk}": slot.pk})
    assert stages(page_of(staff)) == {"Vera Lund": "moved"}
    Notification.objects.filter(booking=lost).update(status=Notification.Status.BOUNCED)
    page = page_of(staff)
    assert stages(page) == {"Vera Lund": "phone"}
    assert "Our e-mail came back" in page.text


def test_what_a_late_or_second_click_finds_is_said_by_name(staff, away, colleague):
    lost, slot = lose(away, name="Vera Lund"), make_slot(colleague, at="10:00")
    book(slot)
    [said] = messages_of(press(staff, f"move:{lost.pk}", **{f"to-{lost.pk}": slot.pk}))
    assert said == "Vera Lund: That time was just taken."
    *_before, said = messages_of(press(staff, f"move:{lost.pk}", **{f"to-{lost.pk}": slot.pk, f"seq-{lost.pk}": "9"}))
    assert "moved to another time meanwhile" in said
    assert messages_of(press(staff, "move"))[-1] == "Choose some people first."
    assert press(staff, "dance").status_code == 404
    assert press(staff, "move:999999").status_code == 404
    assert now_is(lost).slot_id == lost.slot_id


def test_a_script_gets_the_rows_and_not_the_page(staff, away, colleague):
    lost, slot = lose(away, name="Vera <b>Lund"), make_slot(colleague, at="10:00")
    data = {"act": f"move:{lost.pk}", f"to-{lost.pk}": slot.pk}
    answer = staff.post(reverse("admin:rescue"), data, headers={"X-By-Script": "1"})
    assert answer.status_code == 200
    assert "1 booking moved." in answer.text
    assert "<html" not in answer.text
    assert "Vera &lt;b&gt;Lund" in answer.text
    assert 'id="rescue-live"' in staff.get(reverse("admin:rescue_rows")).text


def test_nobody_reaches_what_is_not_theirs(away, colleague):
    lost, slot = lose(away, name="Vera Lund"), make_slot(colleague, at="10:00")
    elsewhere = make_expert()
    stranger = logged_in(make_member(elsewhere.organization))
    assert "Vera" not in page_of(stranger).text
    assert page_of(stranger, organization=away.organization_id).status_code == 404
    for act in (f"move:{lost.pk}", f"done:{lost.pk}", f"offer:{lost.pk}", f"back:{lost.pk}"):
        assert press(stranger, act, **{f"to-{lost.pk}": slot.pk}).status_code == 404
    rescue = services.move_lost(booking_id=lost.pk, slot_id=slot.pk, by=None)
    assert press(stranger, f"undo:{rescue.pk}").status_code == 404
    assert now_is(lost).slot_id == slot.pk


def test_an_expert_rescues_the_own_calendar_into_the_own_calendar(away, colleague):
    away.user = make_member(away.organization, Role.EXPERT)
    away.save()
    mine = logged_in(away.user)
    lost, of_colleague = lose(away, name="Vera Lund"), lose(colleague, name="Hanna Koch")
    theirs, own = make_slot(colleague, at="11:00"), make_slot(away, day=day_ahead(3))
    page = page_of(mine)
    assert stages(page) == {"Vera Lund": "todo"}
    assert choose(page, lost) == {f"to-{lost.pk}": own.pk}
    assert "Hanna" not in page.text
    [said] = messages_of(press(mine, f"move:{lost.pk}", **{f"to-{lost.pk}": theirs.pk}))
    assert said == "Vera Lund: Choose another time."
    assert press(mine, f"done:{of_colleague.pk}").status_code == 404
    press(mine, f"move:{lost.pk}", **{f"to-{lost.pk}": own.pk})
    assert now_is(lost).slot_id == own.pk


def test_time_off_leads_there_where_it_hits_somebody(staff, away):
    book(make_slot(away), name="Vera Lund")
    Booking.objects.update(created_at=timezone.now() - timedelta(days=1))
    days = {"first_day": day_ahead(), "last_day": day_ahead()}
    answer = staff.post(admin_url(TimeOff, "add"), {"expert": away.pk} | days)
    assert answer.status_code == 302
    assert answer.url.startswith(reverse("admin:rescue"))
    page = staff.get(answer.url)
    assert stages(page) == {"Vera Lund": "todo"}
    assert page.context["selects_all"]
    later = {"first_day": day_ahead(9), "last_day": day_ahead(9)}
    away.time_off.all().delete()
    answer = staff.post(admin_url(TimeOff, "add"), {"expert": away.pk} | later)
    assert answer.url == admin_url(TimeOff)


def test_closing_slots_leads_there_too(staff, away):
    slot, empty = make_slot(away), make_slot(away, at="15:00")
    book(slot)
    assert run_action(staff, type(slot), "close", [slot]).url.startswith(reverse("admin:rescue"))
    calendars.reopen_slot(slot_id=slot.pk)
    assert not run_action(staff, type(slot), "close", [empty]).url.startswith(reverse("admin:rescue"))


def test_the_menu_says_how_many_are_to_do(staff, away):
    lose(away)
    groups = staff.get(admin_url(Booking)).context["sidebar_navigation"]
    [item] = [item for group in groups for item in group["items"] if item["link"] == reverse("admin:rescue")]
    assert str(item["badge"]) == "1"


def test_the_menu_counts_by_way_of_closed_slots_and_asks_no_more_where_there_are_none(staff, away, rf):
    lose(away)
    first = timezone.now() + timedelta(days=3)
    starts = [first + timedelta(hours=number) for number in range(2000)]
    Slot.objects.bulk_create(
        Slot(expert=away, date=at.date(), time=at.time(), starts_at=at, ends_at=at + timedelta(minutes=30))
        for at in starts
    )
    request = rf.get("/")
    request.user = make_member(away.organization)
    request.session = {}
    reach(request)
    asked = []

    def keep(execute, sql, values, many, context):
        asked.append((sql, values))
        return execute(sql, values, many, context)

    with connection.execute_wrapper(keep):
        assert to_do(request) == 1
    (statement, values), _bookings = asked
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE experts_slot")
        cursor.execute(f"EXPLAIN {statement}", values)
        assert "slot_closed" in str(cursor.fetchall())
    asked.clear()
    services.cancel(booking_id=Booking.objects.get().pk, by_customer=False)
    with connection.execute_wrapper(keep):
        assert to_do(request) is None
    assert len(asked) == 1


def test_the_menu_counts_what_somebody_may_rescue_and_nothing_else(house, away, colleague, rf):
    users = {expert: make_member(house, Role.EXPERT) for expert in (away, colleague)}
    for expert, user in users.items():
        Expert.objects.filter(pk=expert.pk).update(user=user)
    lose(away), lose(make_expert())
    kind = make_session_type(house, away, colleague, experts_needed=2, minutes=40)
    first, second = (
        make_row_of_slots(away, start="12:00", end="13:00"),
        make_row_of_slots(colleague, start="12:00", end="13:00"),
    )
    together = book(first["12:00"], session_type=kind.pk, second_expert=colleague.pk)
    assert together.second_expert_id == colleague.pk
    calendars.close_slot(slot_id=second["12:20"].pk)

    def counted(user) -> int | None:
        request = rf.get("/")
        request.user, request.session = user, {}
        return to_do(request)

    assert counted(make_member(house, Role.SCHEDULER)) == 2
    assert [counted(users[expert]) for expert in (away, colleague)] == [1, 1]
    assert counted(make_member(make_organization())) is None
    assert counted(make_superuser()) is None


def test_whoever_sees_all_organisations_gets_the_count_of_the_chosen_one(away):
    lose(away), lose(make_expert())
    client = logged_in(make_superuser())
    page_of(client, organization=away.organization_id)
    menu = client.get(admin_url(Booking)).text
    assert re.search(r"Rescue.{0,900}?\b1\b", menu, re.DOTALL)


def test_rows_cost_no_statement_each(staff, away, colleague):
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as statements:
            assert page_of(staff).status_code == 200
        return len(statements)

    lose(away, "08:00"), lose(away, "08:30", email="", source="staff")
    slots = [make_slot(colleague, at=f"{hour:02}:00") for hour in range(8, 20)]
    services.offer_times(
        booking_id=lose(away, "09:30").pk,
        slot_ids=[slots[0].pk],
        until=timezone.now() + timedelta(hours=3),
        by=None,
    )
    services.move_lost(booking_id=lose(away, "09:00").pk, slot_id=slots[1].pk, by=None)
    page_of(staff)
    few = cost()
    more = [lose(away, f"{10 + hours}:00") for hours in range(10)]
    for number, booking in enumerate(more[:4]):
        services.offer_times(
            booking_id=booking.pk,
            slot_ids=[slots[2 + 2 * number].pk, slots[3 + 2 * number].pk],
            until=timezone.now() + timedelta(hours=3),
            by=None,
        )
    assert Rescue.objects.filter(state=RescueState.OFFERED).count() == 5
    assert cost() == few


@pytest.mark.parametrize("until", ["2026-01-05T12:00:00+00:00", "noon", ""], ids=["past", "nonsense", "none"])
def test_an_hour_that_cannot_be_chosen_any_more_is_the_first_that_can(staff, away, colleague, until):
    lost, slot = lose(away, name="Vera Lund"), make_slot(colleague, at="10:00")
    page = page_of(staff)
    first = page.context["form"].fields["until"].choices[0][0]
    assert press(staff, f"offer:{lost.pk}", until=until, **{f"to-{lost.pk}": slot.pk}).status_code == 302
    assert Rescue.objects.get().until.isoformat() == datetime.fromisoformat(first).astimezone(UTC).isoformat()


def test_what_cannot_be_sent_is_said_at_its_field_and_keeps_what_was_chosen(staff, away, colleague):
    lost = [lose(away, at, name=f"Person {at}") for at in ("09:00", "10:00")]
    for at in ("09:00", "10:00"):
        make_slot(colleague, at=at)
    page = press(staff, "offer", lost[1], why="because")
    assert page.status_code == 422
    assert "because is not one of the available choices" in page.text
    assert re.findall(r'id="row-(\d+)" checked', page.text) == [str(lost[1].pk)]
