"""What somebody else owns cannot be changed with a form that is right in every other way.

Each attempt is what the owner's browser sends. The owner's own one writes, which shows that only the reach is missing.
"""

import pytest
from django.test import Client
from django.urls import reverse

from bookings.models import Booking, Notification, WaitlistEntry
from experts.models import Expert, Membership, Slot, TimeOff, WeeklyHours
from tests.bookingsite.isolation import MISSING, World, everything_stored, leaks, make_hours
from tests.cast import day_ahead, make_booking, make_slot
from tests.experts.admin.test_admin import new_slot, slot_form
from tests.experts.admin.test_hours import grid, line, press
from tests.staff import admin_url, messages_of, run_action

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def world(world):
    """With a time that the booking could move to."""
    make_slot(world.objects[Expert], day=day_ahead(3), at="15:00")
    return world


@pytest.fixture
def own(world):
    """The stranger's own expert, with hours, time off and a booking."""
    expert = Expert.objects.get(name="Hannah Weiss")
    make_hours(expert)
    TimeOff.objects.create(expert=expert, first_day=day_ahead(9), last_day=day_ahead(9))
    make_booking(expert.slots.get())
    return expert


def seen_and_applied(client: Client, url: str, form: dict):
    """A form whose consequences are shown first, and then the button below them."""
    response = client.post(url, form)
    return press(client, response, url) if response.context and "seen" in response.context else response


def away(**values) -> dict:
    day = day_ahead(6)
    form = {"expert": "", "organization": "", "first_day": day, "last_day": day, "from_time": "", "to_time": ""}
    return form | {"reason": ""} | values


def decide_url(booking: Booking, name: str) -> str:
    return reverse("admin:bookings_booking_decide", args=[booking.pk, name])


def change_hours(world: World, client: Client):
    expert = world.objects[Expert]
    hours = WeeklyHours.objects.get(expert=expert)
    form = grid(expert, line(hours, end="12:00"))
    return seen_and_applied(client, admin_url(Expert, "change", expert.pk), form)


def add_time_off(world: World, client: Client):
    return seen_and_applied(client, admin_url(TimeOff, "add"), away(expert=world.objects[Expert].pk))


def add_holiday(world: World, client: Client):
    return seen_and_applied(client, admin_url(TimeOff, "add"), away(organization=world.organization.pk))


def change_time_off(world: World, client: Client):
    row = world.objects[TimeOff]
    form = away(expert=row.expert_id, reason="Changed")
    return seen_and_applied(client, admin_url(TimeOff, "change", row.pk), form)


def change_holiday(world: World, client: Client):
    row = TimeOff.objects.get(organization=world.organization)
    form = away(organization=world.organization.pk, reason="Changed")
    return seen_and_applied(client, admin_url(TimeOff, "change", row.pk), form)


def delete_holiday(world: World, client: Client):
    row = TimeOff.objects.get(organization=world.organization)
    return seen_and_applied(client, admin_url(TimeOff, "delete", row.pk), {"post": "yes"})


def add_slot(world: World, client: Client):
    return client.post(admin_url(Slot, "add"), new_slot(world.objects[Expert], time="17:00"))


def add_series(world: World, client: Client):
    form = new_slot(world.objects[Expert], time="16:00", more_times="17:00", until=day_ahead(3))
    return seen_and_applied(client, admin_url(Slot, "add"), form)


def change_slot(world: World, client: Client):
    slot = world.objects[Slot]
    return client.post(admin_url(Slot, "change", slot.pk), slot_form(slot, capacity=9))


def set_seats(world: World, client: Client):
    return run_action(client, Slot, "set_seats", [world.objects[Slot]], seats="7")


def cancel(world: World, client: Client):
    form = {"reason": "", "seen_sequence": 0}
    return client.post(decide_url(world.objects[Booking], "cancel"), form)


def cancel_several(world: World, client: Client):
    return run_action(client, Booking, "cancel", [world.objects[Booking]], post="yes", reason="")


def move(world: World, client: Client):
    to = Slot.objects.get(expert=world.objects[Expert], date=day_ahead(3))
    form = {"reason": "", "booking": world.objects[Booking].pk, "sequence": 0, "slot": to.pk}
    return client.post(reverse("admin:day_moves"), form)


def correct(world: World, client: Client):
    booking = world.objects[Booking]
    form = {"name": "Somebody Else", "email": booking.email, "phone": "", "notes": ""}
    return client.post(admin_url(Booking, "change", booking.pk), form)


def book_for_somebody(world: World, client: Client):
    form = {"slot": world.objects[Slot].pk, "seats": 1, "name": "Somebody", "email": "", "phone": "", "notes": ""}
    return client.post(admin_url(Booking, "add"), form | {"key": "key-1"})


def send_again(world: World, client: Client):
    return client.post(reverse("admin:bookings_notification_send_one_again", args=[world.objects[Notification].pk]))


def send_several_again(world: World, client: Client):
    return run_action(client, Notification, "send_again", [world.objects[Notification]])


def take_off_the_waitlist(world: World, client: Client):
    return run_action(client, WaitlistEntry, "leave", [world.objects[WaitlistEntry]])


def remove_a_member(world: World, client: Client):
    colleague = Membership.objects.get(user__email="colleague@example.com")
    return client.post(admin_url(Membership, "delete", colleague.pk), {"post": "yes"})


ATTEMPTS = [
    change_hours,
    add_time_off,
    add_holiday,
    change_time_off,
    change_holiday,
    delete_holiday,
    add_slot,
    add_series,
    change_slot,
    set_seats,
    cancel,
    cancel_several,
    move,
    correct,
    book_for_somebody,
    send_again,
    send_several_again,
    take_off_the_waitlist,
    remove_a_member,
]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.__name__)
def test_only_the_owner_gets_through(world, attempt):
    before = everything_stored(world)
    for who in ("stranger", "colleague"):
        response = attempt(world, world.people[who])
        assert response.status_code < 500
        assert not leaks(response, world.words[who]), who
        assert everything_stored(world) == before, who
    assert attempt(world, world.people["owner"]).status_code == 302
    assert everything_stored(world) != before


@pytest.mark.parametrize("who", ["stranger", "colleague"])
def test_what_the_owner_saw_is_no_key_for_others(world, who):
    """The button below the preview sends the form again: so can anybody."""
    expert, owner = world.objects[Expert], world.people["owner"]
    forms = {
        admin_url(Expert, "change", expert.pk): grid(expert, line(WeeklyHours.objects.get(expert=expert), end="12:00")),
        admin_url(TimeOff, "add"): away(organization=world.organization.pk, first_day=day_ahead(3)),
        admin_url(Slot, "add"): new_slot(expert, time="16:00", more_times="17:00"),
    }
    previews = {url: owner.post(url, form) for url, form in forms.items()}
    before = everything_stored(world)
    for url, preview in previews.items():
        assert preview.context["seen"]
        response = press(world.people[who], preview, url)
        assert not leaks(response, world.words[who])
        assert everything_stored(world) == before, url


# Keys of somebody else's in forms of one's own


def test_a_line_of_another_grid_is_no_line_of_this_one(world, own):
    client, hours = world.people["stranger"], WeeklyHours.objects.get(expert=world.objects[Expert])
    before = everything_stored(world)
    mine = line(WeeklyHours.objects.get(expert=own))
    url, answers = admin_url(Expert, "change", own.pk), []
    for key in (hours.pk, MISSING):
        response = client.post(url, grid(own, mine | {"id": key}))
        [inline] = response.context["inline_admin_formsets"]
        answers.append((response.status_code, [dict(form.errors) for form in inline.formset.forms]))
        assert not leaks(response, world.words["stranger"])
    assert answers[0] == answers[1]
    response = client.post(url, grid(own, mine, **{"hours-0-expert": hours.expert_id}))
    assert not leaks(response, world.words["stranger"])
    assert everything_stored(world) == before


def test_ones_own_time_off_cannot_become_somebody_elses(world, own):
    client, row = world.people["stranger"], TimeOff.objects.get(expert=own)
    before = everything_stored(world)
    for chosen in ({"expert": world.objects[Expert].pk}, {"organization": world.organization.pk}):
        unknown = client.post(admin_url(TimeOff, "change", row.pk), away(**dict.fromkeys(chosen, MISSING)))
        response = client.post(admin_url(TimeOff, "change", row.pk), away(**chosen))
        assert response.context["adminform"].form.errors == unknown.context["adminform"].form.errors
        assert not leaks(response, world.words["stranger"])
    assert everything_stored(world) == before


def test_ones_own_booking_cannot_move_into_another_calendar(world, own):
    client, booking = world.people["stranger"], Booking.objects.get(slot__expert=own)
    before, said = everything_stored(world), []
    for key in (Slot.objects.get(expert=world.objects[Expert], date=day_ahead(3)).pk, MISSING):
        form = {"booking": booking.pk, "reason": "", "sequence": 0, "slot": key}
        response = client.post(reverse("admin:day_moves"), form)
        said.append((response.status_code, response.context["refusal"]))
        assert not leaks(response, world.words["stranger"])
    assert said[0] == said[1]
    assert everything_stored(world) == before


def test_among_ones_own_rows_somebody_elses_is_left_out(world, own):
    slot = own.slots.get()
    response = run_action(world.people["stranger"], Slot, "set_seats", [slot, world.objects[Slot]], seats="6")
    assert messages_of(response) == ["1 slot changed."]
    slot.refresh_from_db()
    assert (slot.capacity, Slot.objects.get(pk=world.objects[Slot].pk).capacity) == (6, 2)


# What an account holds


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (Membership, "user__password__startswith"),
        (Membership, "user__last_login__gt"),
        (Expert, "user__password__startswith"),
        (Notification, "booking__holder__startswith"),
        (WaitlistEntry, "hold__holder__startswith"),
        (Booking, "holder__startswith"),
    ],
)
def test_secrets_cannot_be_asked_for_letter_by_letter(world, model, query):
    assert world.people["owner"].get(admin_url(model), {query: "p"}).status_code == 400
