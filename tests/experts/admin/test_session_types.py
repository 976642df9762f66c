"""Session types in the admin: what other minutes mean is seen before it happens, and who offers them is ticked."""

from html import unescape

import pytest
from django.urls import reverse

from experts.models import Audience, Expert, OfferedType, Role, SessionType, Slot, WeeklyHours
from tests.cast import (
    day_ahead,
    fresh,
    make_booking,
    make_expert,
    make_organization,
    make_row_of_slots,
    make_session_type,
    make_slot,
)
from tests.experts.admin.test_admin import expert_form
from tests.experts.admin.test_hours import EMPTY, grid, line, press, sections
from tests.experts.services.test_hours import row, work
from tests.forms import filled_in
from tests.staff import admin_url, errors_of, logged_in, make_member, messages_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return make_organization()


@pytest.fixture
def expert(organization):
    """With slots of 20 minutes from 9:00 to 11:00."""
    expert = make_expert(name="Dr Amara Okafor", organization=organization, session_minutes=20)
    make_row_of_slots(expert, end="11:00")
    return expert


@pytest.fixture
def staff(organization):
    return logged_in(make_member(organization, Role.SCHEDULER, password=None))


def type_form(organization, **values) -> dict:
    empty = {
        name: ""
        for name in ("slug", "description", "price_amount", "price_currency", "price_words", "venue", "venue_note")
    }
    usual = {"organization": organization.pk, "name": "First visit", "minutes": 40, "audience": "everybody"}
    rest = {"buffer_before": 0, "buffer_after": 0, "requires_approval": "unknown", "is_active": "on", "offered_by": ""}
    return empty | usual | rest | values


def offers(prefix: str, *lines: dict, initial: int = 0) -> dict:
    form = {f"{prefix}-TOTAL_FORMS": len(lines), f"{prefix}-INITIAL_FORMS": initial}
    for number, each in enumerate(lines):
        for name, value in ({"minutes": "", "price_amount": "", "price_words": ""} | each).items():
            form[f"{prefix}-{number}-{name}"] = value
    return form


def test_a_new_type_for_all_experts_is_seen_first(staff, organization, expert):
    url = admin_url(SessionType, "add")
    response = staff.post(url, type_form(organization, offered_by="all"))
    assert sections(response) == {"Asked what it is for from now on": 1, "Times that can be booked": 1}
    assert "6 before, 5 after" in response.text
    assert not SessionType.objects.exists()
    response = press(staff, response, url)
    kind = SessionType.objects.get()
    assert response["Location"] == admin_url(SessionType, "change", kind.pk)
    assert (kind.slug, kind.offers.get().expert) == ("first-visit", expert)


def test_other_minutes_are_seen_first_and_back_keeps_them(staff, organization, expert):
    kind = make_session_type(organization, expert, name="First visit")
    url = admin_url(SessionType, "change", kind.pk)
    form = type_form(organization, slug=kind.slug, minutes=150, name="Long visit")
    form |= offers("offers", {"id": kind.offers.get().pk, "offers": "on", "expert": expert.pk}, initial=1)
    response = staff.post(url, form)
    assert sections(response)["Never fits"] == 1
    assert "it needs 150 min in a row, and the longest stretch has 120" in response.text
    back = press(staff, response, url, "_edit")
    assert 'value="Long visit"' in back.text
    assert SessionType.objects.get().minutes == 40
    assert press(staff, response, url).status_code == 302
    assert SessionType.objects.get().minutes == 150


def test_that_a_type_takes_two_experts_is_seen_first(staff, organization, expert):
    other = make_expert(name="Dr Hannah Weiss", organization=organization)
    make_row_of_slots(other, start="10:00", end="11:00")
    kind = make_session_type(organization, expert, other, name="First visit", slug="first")
    url = admin_url(SessionType, "change", kind.pk)
    form = type_form(organization, slug="first", experts_needed=2)
    response = staff.post(url, form)
    assert sections(response) == {"Two experts together from now on": 1, "Booked as they are from now on": 2}
    assert "5 before, 2 after" in response.text
    assert press(staff, response, url).status_code == 302
    response = staff.post(url, form | {"experts_needed": 1})
    assert sections(response) == {"One expert from now on": 1, "Asked what it is for from now on": 2}
    assert "2 before, 5 after" in response.text
    other.offered_types.all().delete()
    assert press(staff, response, url).status_code == 200  # something else than what was seen
    kind.refresh_from_db()
    kind.offers.exclude(expert=expert).delete()
    response = staff.post(url, form | {"minutes": 20})
    assert sections(response) == {"Too few experts": 1, "Times that can be booked": 1}
    assert "1 expert offers it" in response.text
    assert "Until a second one offers it, nobody can book it." in response.text


def test_who_offers_it_is_ticked_with_minutes_and_price_of_their_own(staff, organization, expert):
    other, third = (make_expert(name=name, organization=organization) for name in ("Dr Hannah Weiss", "Dr Tove Lund"))
    kind = make_session_type(organization, other, name="First visit", slug="first")
    url = admin_url(SessionType, "change", kind.pk)
    page = staff.get(url)
    assert "Dr Amara Okafor" in page.text
    assert "No weekly hours yet." in page.text
    form = type_form(organization, slug="first") | offers(
        "offers",
        {"id": kind.offers.get().pk, "expert": other.pk},
        {"expert": expert.pk, "offers": "on", "minutes": "20", "price_words": "Free"},
        {"expert": third.pk},
        initial=1,
    )
    response = staff.post(url, form)
    assert press(staff, response, url).status_code == 302
    [offer] = kind.offers.all()
    assert (offer.expert, offer.minutes, offer.price) == (expert, 20, "Free")


def test_minutes_without_a_tick_are_asked_about(staff, organization, expert):
    kind = make_session_type(organization, slug="first")
    form = type_form(organization, slug="first") | offers("offers", {"expert": expert.pk, "minutes": "20"})
    [inline] = staff.post(admin_url(SessionType, "change", kind.pk), form).context["inline_admin_formsets"]
    assert "Tick it, too" in str(inline.formset.forms[0].errors)


def test_on_the_experts_page_types_are_ticked_and_hours_are_for_some(staff, organization, expert):
    day = day_ahead(3)
    first, second = (make_session_type(organization, name=name, minutes=20) for name in ("First visit", "Follow-up"))
    url = admin_url(Expert, "change", expert.pk)
    ticked = offers(
        "offered_types",
        {"session_type": first.pk, "offers": "on"},
        {"session_type": second.pk, "offers": "on", "minutes": "40"},
    )
    own = {"session_minutes": 20, "default_capacity": 1}
    owner = logged_in(make_member(organization, password=None))
    response = owner.post(url, expert_form(expert) | own | ticked)
    assert "Times that can be booked" in sections(response)
    assert press(owner, response, url).status_code == 302
    assert [offer.terms.minutes for offer in expert.offered_types.order_by("session_type__name")] == [20, 40]
    page = owner.post(f"/admin/experts/expert/{expert.pk}/hours/", grid(expert) | {"_hours": "add:0"})
    assert 'name="hours-0-for_types"' in page.text
    hours = line(weekday=day.weekday(), start="13:00", end="14:00", slot_minutes="20", for_types=[first.pk])
    form = grid(expert, hours) | own
    response = owner.post(url, form)
    assert press(owner, response, url).status_code == 302
    assert WeeklyHours.objects.get().for_types == [first.pk]
    assert {tuple(slot.for_types) for slot in Slot.objects.filter(expert=expert, from_hours=True)} == {(first.pk,)}
    assert EMPTY["title"] == ""


def test_slots_that_are_too_long_or_apart_are_pointed_out(staff, organization, expert):
    day = day_ahead(3)
    kind = make_session_type(organization, expert, minutes=60, buffer_after=10)
    url = admin_url(SessionType, "change", kind.pk)
    work(expert, row(day, slot_minutes=60))
    assert "Takes 2 slots of 120 min for 70: 50 min are lost. Slots of 10 min would lose none." in staff.get(url).text
    work(expert, row(day, slot_minutes=20, buffer_minutes=5))
    assert "the hours leave 5 min between slots. Set their buffer to 0" in staff.get(url).text


def test_a_slot_is_for_some_types(staff, organization, expert):
    kind = make_session_type(organization, expert)
    foreign = make_session_type(make_organization())
    slot = make_slot(expert, at="15:00")
    url = admin_url(Slot, "change", slot.pk)
    assert kind.name in staff.get(url).text
    assert staff.post(url, {"title": "", "capacity": 1, "types": [foreign.pk]}).status_code == 200
    staff.post(url, {"title": "", "capacity": 1, "types": [kind.pk]})
    assert fresh(slot).for_types == [kind.pk]
    added = {"expert": expert.pk, "date": day_ahead(), "time": "16:00", "minutes": "", "capacity": "", "title": ""}
    staff.post(admin_url(Slot, "add"), added | {"types": [kind.pk]})
    assert Slot.objects.get(time="16:00").for_types == [kind.pk]


def test_a_type_that_was_booked_is_kept_with_a_calm_message(staff, organization, expert):
    kind = make_session_type(organization, expert, minutes=20)
    start = expert.slots.order_by("starts_at").first()
    terms = kind.offers.get().terms
    make_booking(start, session_type=kind, session_ends_at=start.ends_at, agreed=terms.as_json())
    response = staff.post(admin_url(SessionType, "delete", kind.pk), {"post": "yes"})
    assert "There are bookings of it, past ones too. Retire it instead" in messages_of(response)[0]
    assert SessionType.objects.filter(pk=kind.pk).exists()


def test_the_link_of_a_hidden_type_cannot_be_guessed(staff, organization):
    kind = make_session_type(organization, name="First visit", slug="first-visit")
    url = admin_url(SessionType, "change", kind.pk)
    staff.post(url, type_form(organization, slug="first-visit", audience=Audience.LINK) | offers("offers"))
    kind.refresh_from_db()
    assert (kind.audience, len(kind.slug)) == (Audience.LINK, len("first-visit-") + 16)
    assert f"?type={kind.slug}" in unescape(staff.get(url).text)


def test_buttons_move_it_and_a_copy_begins_with_all_but_the_address(staff, organization):
    rows = [make_session_type(organization, name=name, position=n, minutes=25) for n, name in enumerate("AB")]
    response = staff.post(f"{admin_url(SessionType)}{rows[1].pk}/move/", {"way": "up"})
    assert response.status_code == 302
    listed = staff.get(admin_url(SessionType)).context["cl"].result_list
    assert [kind.name for kind in listed] == ["B", "A"]
    initial = staff.get(admin_url(SessionType, "add"), {"copy": rows[0].pk}).context["adminform"].form.initial
    assert (initial["name"], initial["minutes"], initial.get("slug")) == ("A", 25, None)


def test_a_dragged_row_is_told_of_without_a_page(staff, organization):
    rows = [make_session_type(organization, name=name, position=n) for n, name in enumerate("ABC")]
    url = f"{admin_url(SessionType)}{rows[0].pk}/move/"
    moved = staff.post(url, {"onto": rows[2].pk}, headers={"HX-Request": "true"})
    assert moved.status_code == 204
    foreign = make_session_type(make_organization())
    refused = staff.post(url, {"onto": foreign.pk}, headers={"HX-Request": "true"})
    assert refused.status_code == 404
    assert list(organization.session_types.values_list("name", flat=True)) == ["B", "C", "A"]


def test_the_card_shows_what_is_typed_and_saves_nothing(staff, organization, expert):
    kind = make_session_type(organization, expert, name="First visit", minutes=40)
    form = filled_in(staff.get(admin_url(SessionType, "change", kind.pk)).text, name="<Typed>", minutes="75")
    form["price_words"], form["min_notice"] = "Free", "soon"
    url = reverse("admin:experts_sessiontype_card", args=[kind.pk])
    card = staff.post(url, form).text
    assert "&lt;Typed&gt;" in card
    assert "75 min" in card
    assert "Free" in card
    assert expert.name in card
    kind.refresh_from_db()
    assert (kind.name, kind.minutes) == ("First visit", 40)
    assert logged_in(make_member(make_organization())).post(url, form).status_code == 404
    assert staff.get(url).status_code == 405


def test_an_empty_list_offers_examples(staff, organization):
    page = staff.get(admin_url(SessionType)).text
    assert "Language school" in page
    url = f"{admin_url(SessionType)}example/"
    foreign = make_organization()
    staff.post(url, {"organization": foreign.pk, "example": "clinic"})
    assert not SessionType.objects.exists()
    staff.post(url, {"organization": organization.pk, "example": "coaching"})
    assert SessionType.objects.filter(organization=organization).count() == 3
    assert "Language school" not in staff.get(admin_url(SessionType)).text


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"minutes": "0"}, "minutes"),
        ({"price_amount": "60"}, "price_currency"),
        ({"price_amount": "60", "price_currency": "EURO"}, "price_currency"),
        ({"min_notice": "soon"}, "min_notice"),
        ({"minutes": "1000", "buffer_after": "1000"}, "__all__"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(staff, organization, values, field):
    errors = errors_of(staff.post(admin_url(SessionType, "add"), type_form(organization, **values)))
    assert set(errors) == {field}


def test_experts_see_what_they_offer_and_cannot_change_it(organization, expert):
    kind = make_session_type(organization, expert, name="Grumblefit")
    user = make_member(organization, Role.EXPERT, password=None)
    Expert.objects.filter(pk=expert.pk).update(user=user)
    client, url = logged_in(user), admin_url(Expert, "change", expert.pk)
    assert "Grumblefit" in client.get(url).text
    offer = kind.offers.get()
    form = {"headline": "Judo", "venue": "phone"}
    client.post(url, form | offers("offered_types", {"id": offer.pk, "session_type": kind.pk}, initial=1))
    assert OfferedType.objects.filter(pk=offer.pk).exists()
    assert client.get(admin_url(SessionType)).status_code == 403
