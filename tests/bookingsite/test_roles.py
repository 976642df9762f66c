"""What owners, schedulers and experts may do in the admin. That they see nothing else: test_isolation.py."""

from datetime import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.models import Booking
from experts.models import Expert, Membership, Organization, Role, Slot, TimeOff
from experts.permissions import RIGHTS
from tests.bookingsite.isolation import everything_stored, make_hours
from tests.cast import day_ahead, make_expert, make_organization, make_slot
from tests.experts.admin.test_hours import grid, line, press
from tests.staff import admin_url, errors_of, logged_in, make_member, run_action

pytestmark = pytest.mark.django_db


def test_a_forged_slot_booking_or_expert_is_an_invalid_choice(world):
    client, foreign = world.people["stranger"], world.objects
    slot = {"expert": foreign[Expert].pk, "date": day_ahead(3), "time": "12:00", "minutes": "", "capacity": ""}
    booking = {"slot": foreign[Slot].pk, "seats": 1, "name": "Lena", "email": "", "key": "k"}
    before = everything_stored(world)
    for model, form, field in ((Slot, slot, "expert"), (Booking, booking, "slot")):
        errors = errors_of(client.post(admin_url(model, "add"), form))
        assert errors == {field: ["Select a valid choice. That choice is not one of the available choices."]}
    expert = Expert.objects.get(name="Hannah Weiss")
    errors = errors_of(client.post(admin_url(Expert, "change", expert.pk), {"organization": world.organization.pk}))
    assert errors["organization"] == ["Select a valid choice. That choice is not one of the available choices."]
    assert everything_stored(world) == before


def test_an_expert_changes_how_they_present_themselves_and_not_the_rules(world):
    own = Expert.objects.get(name="Amara Own")
    world.people["colleague"].post(
        admin_url(Expert, "change", own.pk),
        {"headline": "Judo coach", "venue": "phone", "name": "Somebody else", "slug": "x", "max_party": 9},
    )
    own.refresh_from_db()
    assert (own.headline, own.venue, own.name, own.max_party) == ("Judo coach", "phone", "Amara Own", None)


def test_an_owner_cannot_move_the_organisations_address(world):
    page = world.people["owner"].get(admin_url(Organization, "change", world.organization.pk))
    assert {"slug", "is_active"}.isdisjoint(page.context["adminform"].form.fields)


def test_members_of_several_organisations_see_all_of_them_and_act_by_their_role_in_each():
    first, second = make_organization(), make_organization()
    user = make_member(first, password=None)
    Membership.objects.create(user=user, organization=second, role=Role.SCHEDULER)
    here, there = make_expert(organization=first), make_expert(organization=second)
    client = logged_in(user)
    assert set(client.get(admin_url(Expert)).context["cl"].result_list) == {here, there}
    assert client.post(admin_url(Expert, "delete", there.pk), {"post": "yes"}).status_code == 403
    form = client.get(admin_url(Expert, "add")).context["adminform"].form
    assert list(form.fields["organization"].queryset) == [first], "a scheduler adds no experts"


def test_a_membership_that_ended_counts_no_more_at_once(world):
    client = world.people["owner"]
    assert client.get(admin_url(Slot)).status_code == 200
    Membership.objects.filter(organization=world.organization, role=Role.OWNER).delete()
    assert client.get(admin_url(Slot)).status_code == 403


def test_nobody_works_for_an_organisation_that_is_inactive(world):
    Organization.objects.filter(pk=world.organization.pk).update(is_active=False)
    for who in ("owner", "colleague"):
        assert world.people[who].get(admin_url(Slot)).status_code == 403


def test_roles_take_one_query_for_each_request(world):
    for url in (reverse("admin:day"), admin_url(Slot), admin_url(Booking, "change", world.objects[Booking].pk)):
        with CaptureQueriesContext(connection) as captured:
            world.people["owner"].get(url)
        assert (
            sum(query["sql"].startswith('SELECT "experts_membership"') for query in captured.captured_queries) == 1
        ), url


def test_an_organisation_keeps_an_owner(world):
    client, membership = world.people["owner"], world.objects[Membership]
    response = client.post(admin_url(Membership, "change", membership.pk), {"role": "scheduler"})
    assert errors_of(response)["role"] == ["An organisation needs an owner. Make somebody else an owner first."]
    client.post(admin_url(Membership, "delete", membership.pk), {"post": "yes"})
    assert Membership.objects.get(pk=membership.pk).role == Role.OWNER
    make_member(world.organization, password=None)
    client.post(admin_url(Membership, "change", membership.pk), {"role": "scheduler"})
    assert Membership.objects.get(pk=membership.pk).role == Role.SCHEDULER


def test_an_action_takes_only_rows_to_which_one_has_the_right(world, monkeypatch):
    monkeypatch.setitem(RIGHTS, "experts.slot", {Role.OWNER: {"view", "change"}, Role.SCHEDULER: {"view"}})
    elsewhere = make_organization()
    owner = Membership.objects.get(pk=world.objects[Membership].pk).user
    Membership.objects.create(user=owner, organization=elsewhere, role=Role.SCHEDULER)
    there = make_slot(make_expert(organization=elsewhere))
    run_action(world.people["owner"], Slot, "close", [there, world.objects[Slot]])
    assert list(Slot.objects.filter(is_closed=True)) == [world.objects[Slot]]


def test_an_expert_looks_after_the_own_week(world):
    client, own = world.people["colleague"], Expert.objects.get(name="Amara Own")
    hours, url = make_hours(own), admin_url(Expert, "change", own.pk)
    response = client.post(url, grid(own, line(hours, end="12:00")))
    assert press(client, response, url).status_code == 302
    hours.refresh_from_db()
    assert hours.end == time(12)
    form = {"expert": own.pk, "organization": "", "first_day": day_ahead(3), "last_day": "", "reason": "Fair"}
    response = client.post(admin_url(TimeOff, "add"), form)
    assert press(client, response, admin_url(TimeOff, "add")).status_code == 302
    assert list(client.get(admin_url(TimeOff)).context["cl"].result_list) == [TimeOff.objects.get(reason="Fair")]
