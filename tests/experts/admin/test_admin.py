from datetime import date, time, timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings.models import (
    Block,
    CalendarFeed,
    Erasure,
    NoteReading,
    Notification,
    TurnedAway,
    WaitlistEntry,
    WebhookDelivery,
)
from experts import permissions, services
from experts.errors import Busy
from experts.models import (
    Category,
    Expert,
    ExportLog,
    Invitation,
    Membership,
    Organization,
    Role,
    SessionType,
    SignIn,
    Slot,
    TimeOff,
    WeeklyHours,
)
from tests.api.caller import make_token
from tests.cast import (
    book,
    day_ahead,
    fresh,
    make_booking,
    make_category,
    make_expert,
    make_organization,
    make_question,
    make_session_type,
    make_slot,
    make_webhook,
)
from tests.experts.services.test_hours import agreed
from tests.staff import admin_url, errors_of, logged_in, make_member, make_superuser, make_user, messages_of, run_action
from tests.statements import boundless_counts

pytestmark = pytest.mark.django_db
WRITTEN_BY_THEMSELVES = (
    *(WebhookDelivery, Erasure, ExportLog, NoteReading, Notification, SignIn, TurnedAway, WaitlistEntry),
)
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def staff():
    return logged_in(make_superuser())


def one_of_each():
    slot = make_slot(capacity=3)
    booking = book(slot)
    TurnedAway.objects.create(slot=slot, reason="full", source="web")
    CalendarFeed.objects.create(
        organization=slot.expert.organization, created_by=make_user(), token_hash=booking.reference
    )
    mail = {"kind": "confirmed", "audience": "customer", "status": "sent", "to": booking.email, "booking": booking}
    Notification.objects.create(message_id=f"<{booking.reference}@expertbook>", **mail)
    make_question(slot.expert.organization)
    WaitlistEntry.objects.create(slot=slot, name="Omar", email="omar@example.com")
    endpoint = make_webhook(slot.expert.organization)
    WebhookDelivery.objects.create(endpoint=endpoint, event_id="msg_1", type="slot.full", payload={}, status="kept")
    TimeOff.objects.create(expert=slot.expert, first_day=day_ahead(5), last_day=day_ahead(5))
    make_member(slot.expert.organization)
    Invitation.objects.create(organization=slot.expert.organization, email="noor@example.com", role=Role.OWNER)
    make_token(slot.expert.organization)
    make_session_type(slot.expert.organization, slot.expert)
    of_whom = {"organization": slot.expert.organization, "who": "noor@example.com"}
    SignIn.objects.create(outcome="in", means="password", address="192.0.2.1", **of_whom)
    ExportLog.objects.create(subject="reports", format="csv", rows=1, **of_whom)
    NoteReading.objects.create(booking=booking, reference=booking.reference, **of_whom)
    Block.objects.create(
        organization=slot.expert.organization, kind="domain", value="example.net", until=timezone.now()
    )
    Erasure.objects.create(address="noor@example.com", organization=slot.expert.organization, asked_by="staff")


def new_slot(expert, **values):
    return {
        "expert": expert.pk,
        "date": day_ahead(),
        "time": "10:00",
        "minutes": "",
        "capacity": "",
        "title": "",
    } | values


def slot_form(slot, **values):
    form = {"title": slot.title, "capacity": slot.capacity} | ({"is_closed": "on"} if slot.is_closed else {})
    return form | values


def expert_form(expert, **values):
    form = {
        "name": expert.name,
        "slug": expert.slug,
        "organization": expert.organization_id,
        "category": expert.category_id,
        "headline": expert.headline,
        "bio": "",
        "timezone": expert.timezone,
        "session_minutes": 30,
        "default_capacity": 1,
        "venue": "in_person",
        "venue_note": "",
        "requires_approval": "unknown",
        "is_active": "on",
    }
    return form | values


# Who gets in


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_page_opens_for_a_superuser(staff, model):
    one_of_each()
    obj = model.objects.first() or model.objects.create(name="Front desk")  # of Django's own
    for url in (admin_url(model), admin_url(model, "change", obj.pk), admin_url(model, "history", obj.pk)):
        assert staff.get(url).status_code == 200, url
    assert staff.get(admin_url(model, "add")).status_code == (403 if model in WRITTEN_BY_THEMSELVES else 200)


def test_staff_without_rights_see_a_calm_first_page_and_no_list():
    one_of_each()
    client = logged_in(make_user(is_staff=True))
    assert "may not see anything here yet" in client.get(reverse("admin:index")).text
    for model in MODELS:
        assert client.get(admin_url(model)).status_code == 403


def test_the_first_page_and_the_menu_show_what_one_may_see(monkeypatch):
    monkeypatch.setitem(permissions.RIGHTS, "bookings.booking", {})
    page = logged_in(make_member(make_organization(), Role.SCHEDULER)).get(reverse("admin:index")).text
    assert reverse("admin:day") not in page
    assert admin_url(Slot) in page
    assert admin_url(Membership) not in page


def test_permissions_of_django_are_not_asked():
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    one_of_each()
    for model in MODELS:
        assert logged_in(user).get(admin_url(model)).status_code == 403


def test_looking_is_not_changing(monkeypatch):
    slot = make_slot()
    monkeypatch.setitem(permissions.RIGHTS, "experts.slot", {Role.SCHEDULER: {"view"}})
    client = logged_in(make_member(slot.expert.organization, Role.SCHEDULER))
    assert client.post(admin_url(Slot, "change", slot.pk), slot_form(slot, capacity=9)).status_code == 403
    assert client.post(admin_url(Slot, "delete", slot.pk), {"post": "yes"}).status_code == 403
    for action in ("close", "delete_selected"):
        run_action(client, Slot, action, [slot], post="yes")
    assert (fresh(slot).capacity, fresh(slot).is_closed) == (1, False)


# Searching and filtering


@pytest.mark.parametrize(
    ("model", "query", "found"),
    [
        (Slot, "okafor", {"10:00"}),
        (Slot, "WEISS", {"11:00"}),
        (Slot, "nobody", set()),
        (Slot, f"{day_ahead(2)}", {"10:00", "11:00"}),
        (Slot, f"amara {day_ahead(3)}", set()),
    ],
)
def test_slots_are_found_by_expert_and_day(staff, model, query, found):
    make_slot(make_expert(name="Amara Okafor"), at="10:00")
    make_slot(make_expert(name="Hannah Weiss"), at="11:00")
    rows = staff.get(admin_url(Slot), {"q": query}).context["cl"].result_list
    assert {f"{slot.time:%H:%M}" for slot in rows} == found


def test_experts_are_found_by_the_beginnings_of_words(staff):
    make_expert(name="Tomás Herrera")
    make_expert(name="Hannah Weiss")
    rows = staff.get(admin_url(Expert), {"q": "tomas herr"}).context["cl"].result_list
    assert [expert.name for expert in rows] == ["Tomás Herrera"]


def test_slots_are_filtered(staff):
    expert = make_expert()
    older, past = make_slot(expert, day=day_ahead(-5)), make_slot(expert, day=day_ahead(-2))
    soon = make_slot(expert, day=day_ahead(2))
    closed = make_slot(make_expert(), day=day_ahead(9), is_closed=True)

    def rows(**query):
        return list(staff.get(admin_url(Slot), query).context["cl"].result_list)

    assert rows() == [soon, closed]
    assert rows(when="past") == [past, older], "latest first"
    assert rows(when="all") == [older, past, soon, closed]
    assert rows(expert__id__exact=expert.pk) == [soon]
    assert rows(is_closed__exact="1") == [closed]
    assert rows(date_from=f"{day_ahead(8)}", date_to=f"{day_ahead(10)}") == [closed]
    assert rows(date_from=f"{day_ahead(-3)}", date_to=f"{day_ahead(-1)}") == [past], "a date that is asked for is meant"


@pytest.mark.parametrize(
    "query",
    [
        {"date_from": "nonsense"},
        {"date_from": "2027-02-31"},
        {"expert__id__exact": "nonsense"},
        {"expert__id__exact": "9" * 30},
        {"when": "nonsense"},
        {"p": "99999999"},
        {"p": "nonsense"},
        {"o": "7.-3"},
        {"q": "\x00"},
        {"nonsense": "1"},
        {"_facets": "True"},
    ],
    ids=str,
)
def test_a_query_that_means_nothing_is_no_error(staff, query):
    make_slot()
    assert staff.get(admin_url(Slot), query, follow=True).status_code == 200


def test_a_form_by_an_odd_address_is_no_error(staff):
    expert = make_expert()
    assert staff.get(admin_url(Expert, "change", expert.pk), {"_to_field": ""}).status_code == 200


def test_a_choice_that_can_be_no_key_is_a_message(staff):
    expert = make_expert()
    for odd in ("9" * 5000, "9" * 30, "x", "²"):
        answer = staff.post(admin_url(Expert, "change", expert.pk), expert_form(expert, category=odd))
        assert (answer.status_code, "category" in errors_of(answer)) == (200, True), odd[:10]


def test_choices_are_suggested_and_not_loaded(staff):
    expert = make_expert(name="Amara Okafor")
    make_slot(expert, at="10:00")
    make_slot(expert, at="11:00", is_closed=True)
    autocomplete = reverse("admin:autocomplete")
    where = {"app_label": "bookings", "model_name": "booking", "field_name": "slot", "term": "amara"}
    [result] = staff.get(autocomplete, where).json()["results"]
    assert "10:00 London, Amara Okafor" in result["text"], "what cannot be booked is not offered"
    assert "11:00 London, Amara" not in staff.get(admin_url(Slot, "add")).text


@pytest.mark.parametrize("model", [Organization, Category, Expert, Slot], ids=lambda model: model._meta.label)
def test_a_list_takes_as_many_queries_for_three_rows_as_for_one(staff, model):
    def queries():
        staff.get(admin_url(model))  # what is read once
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(admin_url(model)).status_code == 200
        return [query["sql"] for query in captured.captured_queries]

    book(make_slot(capacity=2))
    for_one = queries()
    for _ in range(2):
        book(make_slot(capacity=2))
    for_three = queries()
    assert len(for_three) == len(for_one)
    if model in (Slot, Expert):
        assert not boundless_counts(for_three), "a list never counts a large table"


# Adding a slot


def test_a_slot_is_added_on_the_experts_clock(staff):
    expert = make_expert(timezone="America/New_York", session_minutes=45, default_capacity=6)
    response = staff.post(admin_url(Slot, "add"), new_slot(expert, title="First visit"))
    slot = Slot.objects.get()
    assert response["Location"] == admin_url(Slot)
    assert (slot.time, slot.minutes, slot.capacity, slot.title) == (time(10), 45, 6, "First visit")
    assert slot.starts_at.astimezone(expert.zone).hour == 10
    response = staff.post(admin_url(Slot, "add"), new_slot(expert, time="12:00", minutes=20, capacity=2))
    assert (Slot.objects.last().minutes, Slot.objects.last().capacity) == (20, 2)


def test_a_time_that_the_clocks_skip_is_a_message_at_the_field(staff, monkeypatch):
    expert = make_expert(timezone="Europe/Berlin")
    monkeypatch.setattr(Expert, "today", lambda self, now=None: date(2027, 3, 1))
    response = staff.post(admin_url(Slot, "add"), new_slot(expert, date="2027-03-28", time="02:30"))
    assert errors_of(response) == {"time": ["The clocks skip 02:30 on that day. Choose another time."]}
    assert not Slot.objects.exists()


def test_a_time_that_happens_twice_means_the_first(staff, monkeypatch):
    expert = make_expert(timezone="Europe/Berlin")
    monkeypatch.setattr(Expert, "today", lambda self, now=None: date(2027, 10, 1))
    response = staff.post(admin_url(Slot, "add"), new_slot(expert, date="2027-10-31", time="02:30"))
    assert "happens twice that night" in messages_of(response)[0]
    assert f"{Slot.objects.get().starts_at:%H:%M}" == "00:30"


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"time": "10:15"}, "time", "overlaps"),
        ({"time": "10:00"}, "time", "already has a slot"),
        ({"time": "25:00"}, "time", "valid time"),
        ({"minutes": 0}, "minutes", "greater than or equal to 1"),
        ({"minutes": 1441}, "minutes", "less than or equal to 1440"),
        ({"capacity": 0}, "capacity", "greater than or equal to 1"),
        ({"capacity": 99999}, "capacity", "less than or equal to 1000"),
        ({"title": "x" * 81}, "title", "at most 80"),
        ({"title": "a\x00b"}, "title", "Null characters"),
        ({"date": "2020-01-01"}, "date", "This day is over"),
        ({"date": "9999-12-31"}, "date", "two years"),
        ({"date": "0001-01-01"}, "date", "This day is over"),
        ({"expert": ""}, "expert", "required"),
        ({"expert": "999999"}, "expert", "valid choice"),
    ],
    ids=str,
)
def test_a_slot_that_cannot_be_is_a_message_at_the_field(staff, values, field, words):
    expert = make_expert()
    make_slot(expert, at="10:00")
    response = staff.post(admin_url(Slot, "add"), new_slot(expert, time="14:00") | values)
    assert list(errors_of(response)) == [field]
    assert words in errors_of(response)[field][0]
    assert words in response.text
    assert Slot.objects.count() == 1


# Changing a slot


def test_seats_title_and_closing_are_changed(staff):
    slot = make_slot(capacity=2)
    staff.post(admin_url(Slot, "change", slot.pk), {"title": "Group", "capacity": 5, "is_closed": "on"})
    slot = fresh(slot)
    assert (slot.title, slot.capacity, slot.is_closed, slot.version) == ("Group", 5, True, 4)
    staff.post(admin_url(Slot, "change", slot.pk), slot_form(slot, is_closed=""))
    assert not fresh(slot).is_closed


def test_fewer_seats_than_are_taken_is_a_message_at_the_field_and_nothing_else_is_written(staff):
    slot = make_slot(capacity=3)
    make_booking(slot, seats=2)
    response = staff.post(admin_url(Slot, "change", slot.pk), {"title": "Group", "capacity": 1, "is_closed": "on"})
    assert errors_of(response) == {"capacity": ["More seats are taken than that."]}
    assert "More seats are taken than that." in response.text
    assert "2 of 3" in response.text, "how it is, not how it was wanted"
    slot = fresh(slot)
    assert (slot.title, slot.capacity, slot.is_closed) == ("", 3, False)
    assert list(slot.events.values_list("pgh_label", flat=True)) == ["insert"]


def test_what_cannot_be_changed_is_not(staff):
    slot = make_slot(at="10:00")
    staff.post(
        admin_url(Slot, "change", slot.pk),
        slot_form(slot, title="Group", time="12:00", seats_booked=0, expert=make_expert().pk, version=99),
    )
    changed = fresh(slot)
    assert (changed.title, changed.time, changed.expert_id) == ("Group", slot.time, slot.expert_id)


def test_a_busy_slot_is_a_message_and_no_error(staff, monkeypatch):
    slot = make_slot()

    def busy(**kwargs):
        raise Busy

    monkeypatch.setattr(services, "set_capacity", busy)
    response = staff.post(admin_url(Slot, "change", slot.pk), slot_form(slot, capacity=4, title="Group"))
    assert "Please try again in a moment" in errors_of(response)["__all__"][0]
    assert fresh(slot).title == ""


def test_saving_without_a_change_writes_nothing(staff):
    slot = make_slot()
    staff.post(admin_url(Slot, "change", slot.pk), slot_form(slot))
    assert fresh(slot).version == 1
    assert slot.events.count() == 1


# Several slots at once


def test_closing_and_reopening_several(staff):
    slots = [make_slot(), make_slot()]
    response = run_action(staff, Slot, "close", slots)
    assert messages_of(response) == ["2 slots closed."]
    assert all(fresh(slot).is_closed for slot in slots)
    response = run_action(staff, Slot, "reopen", slots[:1])
    assert messages_of(response)[-1] == "1 slot reopened."
    assert [fresh(slot).is_closed for slot in slots] == [False, True]


def test_deleting_several_asks_first_and_tells_what_became_of_each(staff):
    empty, booked = make_slot(), make_slot(make_expert(name="Hannah Weiss"))
    make_booking(booked)
    question = run_action(staff, Slot, "delete_selected", [empty, booked])
    assert question.status_code == 200
    assert "Hannah Weiss" in question.text
    assert Slot.objects.count() == 2
    response = run_action(staff, Slot, "delete_selected", [empty, booked], post="yes")
    [said] = messages_of(response)
    assert said.startswith("1 slot deleted. 1 refused:")
    assert "10:00 London, Hannah Weiss: This slot has bookings. Close it instead." in said
    assert list(Slot.objects.all()) == [booked]


# Deleting


def test_deleting_a_slot(staff):
    slot = make_slot()
    assert staff.get(admin_url(Slot, "delete", slot.pk)).status_code == 200
    staff.post(admin_url(Slot, "delete", slot.pk), {"post": "yes"})
    assert not Slot.objects.exists()


def test_a_slot_with_bookings_stays(staff):
    slot = make_slot()
    book(slot)
    response = staff.post(admin_url(Slot, "delete", slot.pk), {"post": "yes"})
    assert response["Location"] == admin_url(Slot, "change", slot.pk)
    assert messages_of(response) == ["Nothing was deleted. This slot has bookings. Close it instead."]
    assert Slot.objects.exists()


def test_who_is_in_use_stays(staff):
    slot = make_slot()
    for obj in (slot.expert, slot.expert.organization, slot.expert.category):
        for answer in (staff.get, staff.post):
            response = answer(admin_url(type(obj), "delete", obj.pk), {"post": "yes"})
            assert response["Location"] == admin_url(type(obj), "change", obj.pk)
            assert "Nothing was deleted." in messages_of(response)[-1]
        assert type(obj).objects.filter(pk=obj.pk).exists()


def test_who_is_not_in_use_can_go(staff):
    for obj in (make_expert(), make_organization(), make_category()):
        staff.post(admin_url(type(obj), "delete", obj.pk), {"post": "yes"})
        assert not type(obj).objects.filter(pk=obj.pk).exists()


# Experts and organisations


def test_an_expert_is_added_and_changed(staff):
    organization, category = make_organization(), make_category()
    blank = Expert(organization=organization, category=category, timezone="Asia/Kathmandu", name="Kim", slug="kim")
    form = expert_form(
        blank, languages=["en", "ko"], min_notice="1 d 2 h", cancel_until="1:30", requires_approval="true"
    )
    staff.post(admin_url(Expert, "add"), form)
    expert = Expert.objects.get()
    assert (expert.languages, expert.timezone) == (["en", "ko"], "Asia/Kathmandu")
    assert (expert.min_notice, expert.cancel_until) == (timedelta(hours=26), timedelta(minutes=90))
    assert expert.requires_approval is True
    page = staff.get(admin_url(Expert, "change", expert.pk)).text
    assert 'value="1 d 2 h"' in page
    staff.post(admin_url(Expert, "change", expert.pk), expert_form(expert, headline="Judo coach"))
    expert.refresh_from_db()
    assert (expert.headline, expert.min_notice, expert.requires_approval) == ("Judo coach", None, None)
    assert "judo" in expert.search_text


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"slug": "taken"}, "slug"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"session_minutes": 0}, "session_minutes"),
        ({"default_capacity": 0}, "default_capacity"),
        ({"min_notice": "soon"}, "min_notice"),
        ({"min_notice": "99999 d"}, "min_notice"),
        ({"min_notice": "-1 h"}, "min_notice"),
        ({"horizon_days": 0}, "horizon_days"),
        ({"hold_minutes": 61}, "hold_minutes"),
        ({"languages": ["xx"]}, "languages"),
        ({"name": ""}, "name"),
    ],
    ids=str,
)
def test_an_expert_that_cannot_be_is_a_message_at_the_field(staff, values, field):
    make_expert(slug="taken")
    expert = make_expert()
    response = staff.post(admin_url(Expert, "change", expert.pk), expert_form(expert, **values))
    assert list(errors_of(response)) == [field]


def test_the_zone_stays_while_slots_lie_ahead(staff):
    expert = make_expert(timezone="Europe/London")
    slot = make_slot(expert)
    response = staff.post(
        admin_url(Expert, "change", expert.pk), expert_form(expert, timezone="Europe/Berlin", headline="New")
    )
    assert "There are slots ahead at Europe/London times." in errors_of(response)["timezone"][0]
    expert.refresh_from_db()
    assert (expert.timezone, expert.headline) == ("Europe/London", "Physiotherapist")
    slot.delete()
    make_slot(expert, day=day_ahead(-3))
    staff.post(admin_url(Expert, "change", expert.pk), expert_form(expert, timezone="Europe/Berlin"))
    expert.refresh_from_db()
    assert expert.timezone == "Europe/Berlin"


def test_an_organisation_is_changed_and_its_experts_are_found_by_its_new_name(staff):
    organization = make_expert().organization
    form = {
        "name": "Harbour Law",
        "slug": "harbour",
        "timezone": "Europe/Berlin",
        "accent": "plum",
        "approval_hours": 12,
        "move_approval": "same_day",
        "hold_minutes": 5,
        "offer_minutes": 45,
        "proof": "always",
        "min_notice": "90 min",
        "horizon_days": 30,
        "cancel_until": "1 d",
        "max_party": 2,
        "two_factor": "owners",
        "is_active": "on",
    }
    staff.post(admin_url(Organization, "change", organization.pk), form)
    organization.refresh_from_db()
    assert (organization.name, organization.min_notice) == ("Harbour Law", timedelta(minutes=90))
    assert organization.offer_minutes == 45
    assert Expert.objects.matching("harbour").exists()


def test_pages_link_to_the_site_only_where_there_is_a_page(staff):
    slot = make_slot()
    link = f"{reverse('expert', args=[slot.expert.slug])}?day={slot.date}"
    assert link in staff.get(admin_url(Slot, "change", slot.pk)).text
    Expert.objects.update(is_active=False)
    assert link not in staff.get(admin_url(Slot, "change", slot.pk)).text


# History


def test_history_tells_when_who_from_where_and_what(django_user_model):
    maya = make_superuser(name="Maya Brandt")
    staff, slot = logged_in(maya), make_slot(capacity=2)
    staff.post(admin_url(Slot, "change", slot.pk), slot_form(slot, capacity=4))
    changed, added = staff.get(admin_url(Slot, "history", slot.pk)).context["history"].entries
    assert (changed.what, changed.who, changed.source) == ("Changed", "Maya Brandt", "Admin")
    assert [(c.label, c.old, c.new) for c in changed.changes] == [("Seats", "2", "4")]
    assert (added.what, added.who) == ("Added", "System")
    assert ("Expert", slot.expert.name) in [(c.label, c.new) for c in added.changes]
    maya.delete()
    page = logged_in(make_superuser()).get(admin_url(Slot, "history", slot.pk)).text
    assert "Somebody who is no longer here" in page


def test_history_of_experts_and_organisations(staff):
    expert = make_expert()
    staff.post(admin_url(Expert, "change", expert.pk), expert_form(expert, headline="Judo coach", min_notice="2 h"))
    [entry, _] = staff.get(admin_url(Expert, "history", expert.pk)).context["history"].entries
    changes = {c.label: (c.old, c.new) for c in entry.changes}
    assert changes == {"Headline": ("Physiotherapist", "Judo coach"), "Minimum notice": ("–", "2 h")}
    assert staff.get(admin_url(Organization, "history", expert.organization_id)).context["history"].entries


def test_history_of_an_expert_tells_of_hours_and_offers(staff):
    expert = make_expert(name="Amara Okafor")
    kind = make_session_type(expert.organization, expert, name="First visit")
    hours = WeeklyHours(weekday=0, start=time(9), end=time(12), slot_minutes=30, capacity=1, for_types=[kind.pk])
    agreed(services.apply_hours, expert_id=expert.pk, hours=[hours])
    hours.end = time(13)
    agreed(services.apply_hours, expert_id=expert.pk, hours=[hours])
    agreed(services.apply_hours, expert_id=expert.pk, hours=[])
    entries = staff.get(admin_url(Expert, "history", expert.pk)).context["history"].entries
    assert [entry.what for entry in entries] == [
        "First visit with Amara Okafor: Added",  # all at one instant: parts before the whole
        "Weekly hours, Monday 09:00–13:00: Deleted",
        "Weekly hours, Monday 09:00–13:00: Changed",
        "Weekly hours, Monday 09:00–12:00: Added",
        "Added",
    ]
    assert [(c.label, c.old, c.new) for c in entries[2].changes] == [("To", "12:00", "13:00")]
    assert ("Only for", "First visit") in [(c.label, c.new) for c in entries[3].changes]
    told = staff.get(admin_url(SessionType, "history", kind.pk)).context["history"].entries
    assert [entry.what for entry in told] == ["First visit with Amara Okafor: Added", "Added"]


def test_history_is_paged_with_a_fixed_number_of_queries(staff):
    slot = make_slot()

    def read(page=""):
        with CaptureQueriesContext(connection) as captured:
            response = staff.get(admin_url(Slot, "history", slot.pk), {"page": page})
        return response.context["history"], len(captured.captured_queries)

    read()
    _, few = read()
    for capacity in range(2, 32):
        services.set_capacity(slot_id=slot.pk, capacity=capacity)
    first, many = read()
    assert many == few
    assert (len(first.entries), first.newer, first.older) == (25, None, 2)
    second, _ = read("2")
    assert (len(second.entries), second.newer, second.older) == (6, 1, None)
    # The last entry of a page is explained by the first of the next.
    assert [(c.old, c.new) for c in first.entries[-1].changes] == [("6", "7")]
    for nonsense in ("0", "-1", "x", "9" * 30):
        assert read(nonsense)[0].entries[0].changes[0].new == "31"
    assert not read("99")[0].entries


def test_history_of_what_is_not_there(staff):
    assert staff.get(admin_url(Slot, "history", 999999)).status_code == 302
    assert staff.get(admin_url(Slot, "history", "x")).status_code == 302


def test_the_policy_is_wider_in_the_admin_only(staff):
    public = staff.get(reverse("home"))["Content-Security-Policy"]
    assert "unsafe" not in public
    for url in (reverse("admin:day"), admin_url(Slot)):
        policy = dict(part.split(" ", 1) for part in staff.get(url)["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'self'"
        assert policy["script-src"] == "'self' 'unsafe-eval'"
        assert policy["style-src-elem"] == "'self'"
        assert "unsafe-inline" not in policy["script-src"]


def test_the_search_of_the_menu_finds_experts_and_a_whole_reference_and_keeps_nothing(staff, valkey, settings):
    expert = make_expert(name="Amara Okafor")
    booking = book(make_slot(expert))
    search = reverse("admin:search")
    assert admin_url(type(booking), "change", booking.pk) in staff.get(search, {"s": booking.reference.lower()}).text
    assert admin_url(Expert, "change", expert.pk) in staff.get(search, {"s": "okaf", "extended": 1}).text
    assert booking.reference not in staff.get(search, {"s": booking.reference[:7]}).text
    assert staff.get(search, {"s": ""}).status_code == 200
    assert not [key for key in valkey.scan_iter(f"{settings.REDIS_KEY_PREFIX}*") if b"unfold" in key]
