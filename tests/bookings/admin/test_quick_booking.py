"""Quick booking as a form: who, what and when, a hold, a booking. In a browser: tests/browser/test_quick_booking.py."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings.models import Answer, Booking, QuestionKind, Source, Status, WaitlistEntry
from experts.models import Role, Slot
from experts.permissions import RIGHTS
from tests.bookings.admin.test_my_day import zone_by_day
from tests.cast import (
    day_ahead,
    fresh,
    make_booking,
    make_category,
    make_expert,
    make_organization,
    make_question,
    make_row_of_slots,
    make_session_type,
    make_slot,
    make_type,
    move_slot,
)
from tests.mail import waiting
from tests.staff import logged_in, make_member, make_superuser

pytestmark = pytest.mark.django_db
MAYA = {"name": "Maya Halloran", "email": "maya@example.com", "phone": "+447700900412"}
URL = "/admin/book/"


class Form:
    """The form, as somebody without scripts sends it again and again."""

    def __init__(self, user, **address):
        self.client = logged_in(user)
        self.page = self.client.get(URL, address)

    @property
    def fields(self) -> dict:
        html = self.page.content.decode()
        inputs = (re.findall(r'(name|value)="([^"]*)"', tag) for tag in re.findall(r"<input[^>]*>", html))
        found = (dict(pairs) for pairs in inputs)
        return {it["name"]: it.get("value", "") for it in found if it.get("name") not in (None, "csrfmiddlewaretoken")}

    def press(self, **values):
        self.page = self.client.post(URL, self.fields | values)
        return self.page

    @property
    def tiles(self) -> dict[str, object]:
        return {tile.time: tile for strip in self.page.context["times"].strips for tile in strip.tiles}

    @property
    def people(self) -> list[str]:
        return [row["person"].name for group in self.page.context["groups"] for row in group["rows"]]

    def book(self):
        response = self.press(book="1")
        if response.status_code != 302:
            return None
        self.page = self.client.get(response["Location"])
        return self.page.context["booking"]


@pytest.fixture
def clinic():
    return make_clinic()


def make_clinic(zone: str = "Europe/London"):
    """Dr Herrera, with free slots from 09:00 to 12:00 in two days; Maya has been with her once."""
    organization = make_organization(name="Northgate Clinic", timezone=zone)
    expert = make_expert(
        name="Dr Tomás Herrera",
        organization=organization,
        category=make_category(name="Health"),
        headline="GP",
        timezone=zone,
    )
    slots = make_row_of_slots(expert)
    visit = make_slot(expert, at="16:00")
    make_booking(visit, **MAYA, status=Status.COMPLETED)
    move_slot(visit, timezone.now() - timedelta(days=9))
    return organization, expert, slots


def test_a_caller_is_found_by_digits_and_booked_where_staff_click(clinic):
    organization, _expert, slots = clinic
    form = Form(make_member(organization, Role.SCHEDULER))
    day = day_ahead()
    form.press(who="900412", what=f"herrera {day.isoformat()}")
    assert form.people == ["Maya Halloran"]
    assert form.page.context["person"].in_words == "1 visit", "one whole number is one person"
    assert list(form.tiles) == list(slots)
    form.press(hold=str(form.tiles["09:40"].pick))
    assert fresh(slots["09:40"]).seats_held == 1
    assert form.tiles["09:40"].state == "own"
    assert "Nobody else can take it for" in form.page.content.decode()
    booking = form.book()
    assert (booking.slot, booking.name, booking.email, booking.phone) == (slots["09:40"], *MAYA.values())
    assert (booking.status, booking.source, booking.broken_rule) == (Status.CONFIRMED, Source.STAFF, "")
    assert "Maya Halloran" in form.page.content.decode()


def test_another_click_moves_the_hold_and_leaving_lets_it_go(clinic):
    organization, _expert, slots = clinic
    other = make_slot(make_expert(name="Dr Okafor", organization=organization), at="10:00")
    third = make_slot(make_expert(name="Dr Third", organization=organization), at="10:00")
    form = Form(make_member(organization))
    for slot in (slots["09:00"], slots["09:20"], other, third):
        form.press(hold=f"{slot.pk}-0-0-0")
        assert list(Booking.objects.filter(status=Status.HELD).values_list("slot", flat=True)) == [slot.pk]
    form.press(release="1")
    assert not Booking.objects.filter(status=Status.HELD).exists()


def test_two_colleagues_do_not_have_each_others_holds(clinic):
    organization, _expert, slots = clinic
    first, second = Form(make_member(organization)), Form(make_member(organization))
    first.press(hold=f"{slots['09:00'].pk}-0-0-0")
    stolen = {"desk": first.fields["desk"], "person": "new", "name": "Karim Aziz", "pick": f"{slots['09:00'].pk}-0-0-0"}
    assert second.press(book="1", **stolen).status_code == 409
    assert "being booked by someone else" in second.page.content.decode()
    assert [it["pick"].slot_id for it in second.page.context["instead"]], "with the closest free times"
    assert not Booking.objects.filter(name="Karim Aziz").exists()


def test_somebody_new_needs_a_name_alone(clinic):
    organization, _expert, slots = clinic
    form = Form(make_member(organization))
    form.press(who="07700 900 999", what="herrera")
    assert form.people == []
    form.press(choose="new")
    assert form.fields["phone"] == "07700 900 999"
    form.press(hold=f"{slots['09:00'].pk}-0-0-0")
    assert form.press(book="1").status_code == 422
    assert "Enter your name." in form.page.content.decode()
    booking = (form.press(name="Karim Aziz"), form.book())[1]
    assert (booking.name, booking.email, booking.phone) == ("Karim Aziz", "", "+447700900999")


def test_what_is_missing_is_said(clinic):
    organization, _expert, _slots = clinic
    form = Form(make_member(organization))
    assert form.press(book="1").status_code == 422
    assert form.page.context["problem"] == "Choose who it is for."
    form.press(who="maya@example.com")
    assert form.press(book="1").status_code == 422
    assert form.page.context["problem"] == "Choose a time."
    form.press(what="herrera qwertz")
    assert "Not understood: qwertz." in form.page.content.decode()


def test_the_customer_is_told_unless_staff_say_no(clinic):
    organization, _expert, slots = clinic
    form = Form(make_member(organization))
    form.press(who="900412", hold=f"{slots['09:00'].pk}-0-0-0")
    assert form.fields["tell"] == "1"
    told = form.book()
    assert [kind for pk, kind, _sequence in waiting() if pk == told.pk] == ["confirmed"]
    form = Form(make_member(organization))
    form.press(who="900412", hold=f"{slots['10:00'].pk}-0-0-0")
    fields = form.fields
    del fields["tell"]
    assert form.client.post(URL, fields | {"book": "1"}).status_code == 302
    untold = Booking.objects.get(slot=slots["10:00"])
    assert [kind for pk, kind, _sequence in waiting() if pk == untold.pk] == []


def test_sent_twice_it_is_booked_once(clinic):
    organization, _expert, slots = clinic
    form = Form(make_member(organization))
    form.press(who="900412", hold=f"{slots['09:00'].pk}-0-0-0")
    fields = form.fields
    for _ in range(2):
        assert form.client.post(URL, fields | {"book": "1"}).status_code == 302
    assert Booking.objects.filter(slot=slots["09:00"]).count() == 1


def test_a_full_slot_offers_the_closest_and_the_waitlist(clinic):
    organization, _expert, slots = clinic
    make_booking(slots["09:20"])
    form = Form(make_member(organization))
    form.press(who="900412", what=f"herrera {day_ahead().isoformat()}")
    assert form.tiles["09:20"].state == "full"
    form.press(full=str(form.tiles["09:20"].pick))
    assert {it["time"] for it in form.page.context["instead"]} == {"09:00", "09:40", "10:00"}
    form.press(wait=str(form.page.context["full"]))
    entry = WaitlistEntry.objects.get()
    assert (entry.slot, entry.email, entry.status) == (slots["09:20"], "maya@example.com", "UNPROVEN")
    assert "mailed Maya Halloran a link" in form.page.content.decode()


def test_the_day_page_leads_here_with_a_slot_and_a_booking_with_its_person(clinic):
    organization, _expert, slots = clinic
    booking = Booking.objects.get(name="Maya Halloran")
    form = Form(make_member(organization), slot=slots["11:00"].pk, person=booking.pk)
    assert (form.page.context["asked"].pick.slot_id, form.page.context["person"].name) == (
        slots["11:00"].pk,
        "Maya Halloran",
    )
    assert fresh(slots["11:00"]).seats_held == 0, "to look holds nothing"
    assert form.book().slot == slots["11:00"]


# Session types


def test_each_expert_is_asked_for_a_type_unless_another_is_chosen(clinic):
    organization, expert, slots = clinic
    long = make_type(expert, name="First visit", minutes=40)
    short = make_type(expert, name="Follow-up", minutes=20, position=1)
    form = Form(make_member(organization))
    form.press(who="900412", what=f"herrera {day_ahead().isoformat()}")
    assert "11:40" not in form.tiles, "40 minutes do not fit there"
    assert [kind["name"] for kind in form.page.context["kinds"] if kind["is_chosen"]] == ["First visit"]
    form.press(of_type=str(short.pk))
    assert "11:40" in form.tiles
    form.press(what="first visit", kind="")
    form.press(hold=str(form.tiles["09:00"].pick))
    booking = form.book()
    assert (booking.session_type, booking.slot_ids) == (long, [slots["09:00"].pk, slots["09:20"].pk])
    again = Form(make_member(organization), person=booking.pk)
    again.press(what="herrera follow")
    again.press(hold=str(again.tiles["10:00"].pick))
    assert again.book().session_type == short
    as_it_is = Form(make_member(organization), person=booking.pk)
    as_it_is.press(of_type="0", what="herrera")
    as_it_is.press(hold=str(as_it_is.tiles["11:40"].pick))
    assert as_it_is.book().session_type is None


def test_two_experts_together_are_booked_in_both_calendars(clinic):
    organization, expert, slots = clinic
    other = make_expert(name="Dr Okafor", organization=organization)
    theirs = make_row_of_slots(other, start="10:00", end="11:00")
    kind = make_session_type(organization, expert, other, name="Family session", minutes=40, experts_needed=2)
    form = Form(make_member(organization))
    form.press(who="900412", what=f"family herrera {day_ahead().isoformat()}")
    assert list(form.tiles) == ["10:00", "10:20"]
    form.press(hold=str(form.tiles["10:20"].pick))
    booking = form.book()
    assert (booking.session_type, {booking.slot.expert, booking.second_expert}) == (kind, {expert, other})
    assert fresh(theirs["10:20"]).seats_booked == fresh(slots["10:40"]).seats_booked == 1


def test_nobody_waits_for_two_experts_together(clinic):
    organization, expert, _slots = clinic
    other = make_expert(name="Dr Okafor", organization=organization)
    theirs = make_row_of_slots(other)
    kind = make_session_type(organization, expert, other, name="Both of us", experts_needed=2, minutes=20)
    for at in ("09:00", "09:20"):
        make_booking(theirs[at])
    form = Form(make_member(organization))
    form.press(who="900412", what=f"{day_ahead().isoformat()}", of_type=str(kind.pk))
    form.press(kind=str(kind.pk))
    full = form.tiles["09:00"]
    assert (full.state, full.text) == ("full", "Full")
    form.press(full=str(full.pick))
    assert "Nobody can wait for two people together" in form.page.content.decode()
    assert "waitlist" not in form.page.content.decode().partition("qb-instead")[2].partition("qb-strip")[0]
    assert form.press(wait=str(full.pick)).status_code == 404
    assert not WaitlistEntry.objects.exists()


# What is asked


def test_nothing_is_asked_where_there_is_no_question_and_before_a_time_is_picked(clinic):
    organization, _expert, slots = clinic
    form = Form(make_member(organization))
    form.press(who="900412", hold=f"{slots['09:00'].pk}-0-0-0")
    assert "3. Questions" not in form.page.content.decode()
    make_question(organization, label="Who sends you?")
    form = Form(make_member(organization))
    form.press(who="900412")
    assert "3. Questions" not in form.page.content.decode()
    form.press(hold=f"{slots['09:20'].pk}-0-0-0")
    assert "3. Questions" in form.page.content.decode()
    assert "Who sends you?" in form.page.content.decode()


def test_required_questions_may_be_left_out(clinic):
    organization, _expert, slots = clinic
    make_question(organization, is_required=True)
    form = Form(make_member(organization))
    form.press(who="900412", hold=f"{slots['09:00'].pk}-0-0-0")
    assert "required online" in form.page.content.decode()
    assert form.book() is not None


def test_what_a_caller_says_is_kept_until_it_is_booked_and_written_then(clinic):
    organization, expert, slots = clinic
    kind, other = make_type(expert, name="Skin check"), make_type(expert, name="Long talk")
    everybody = make_question(organization, label="Who sends you?")
    born = make_question(organization, label="Born on", kind=QuestionKind.DATE, session_type=kind)
    since = make_question(organization, label="Since when", session_type=other)
    pains = make_question(
        organization, label="Where", kind=QuestionKind.CHOICES, choices=["Neck", "Back"], session_type=kind
    )
    name = {question.label: f"answer-{question.pk}" for question in (everybody, born, since, pains)}
    form = Form(make_member(organization))
    form.press(who="900412", hold=f"{slots['09:00'].pk}-{kind.pk}-0-0")
    assert [it.question for it in form.page.context["answers"].asked_questions] == [everybody, born, pains]
    typed = {name["Who sends you?"]: "Dr Byrne", name["Born on"]: "yesterday", name["Where"]: ["Neck", "Back"]}
    form.press(**typed, hold=f"{slots['10:00'].pk}-{kind.pk}-0-0")
    assert form.fields[name["Who sends you?"]] == "Dr Byrne"
    assert form.press(**typed, book="1").status_code == 422
    assert "Enter a date such as" in form.page.content.decode()
    assert form.page.context["problem"] == "One answer needs a fix."
    # Another type asks something else; what was said is there again when they come back to the first.
    form.press(**typed, hold=f"{slots['10:00'].pk}-{other.pk}-0-0")
    assert [it.question for it in form.page.context["answers"].asked_questions] == [everybody, since]
    form.press(hold=f"{slots['10:00'].pk}-{kind.pk}-0-0", **{name["Where"]: ["Neck", "Back"]})
    assert form.fields[name["Born on"]] == "yesterday"
    form.press(**{name["Born on"]: "1990-02-03", name["Where"]: ["Neck", "Back"]})
    response = form.press(book="1", **{name["Where"]: ["Neck", "Back"]})
    booking = form.client.get(response["Location"]).context["booking"]
    answers = dict(Answer.objects.filter(booking=booking).values_list("label", "value"))
    assert answers == {"Who sends you?": "Dr Byrne", "Born on": "1990-02-03", "Where": ["Neck", "Back"]}


def test_answers_stay_when_the_time_is_taken(clinic):
    organization, _expert, slots = clinic
    question = make_question(organization)
    form = Form(make_member(organization))
    form.press(who="900412", pick=f"{slots['09:00'].pk}-0-0-0")
    make_booking(slots["09:00"])
    answers = {f"answer-{question.pk}": "Since March"}
    assert form.press(pick=f"{slots['09:00'].pk}-0-0-0", book="1", **answers).status_code == 409
    assert form.fields == form.fields | answers
    form.press(what="herrera")
    assert form.fields == form.fields | answers, "though nothing is picked"
    form.press(hold=f"{slots['09:20'].pk}-0-0-0")
    assert form.fields == form.fields | answers
    assert Answer.objects.get(booking=form.book()).value == "Since March"


def test_questions_of_others_are_neither_asked_nor_taken(clinic):
    organization, _expert, slots = clinic
    theirs = make_question()
    make_question(organization)
    form = Form(make_member(organization))
    form.press(who="900412", hold=f"{slots['09:00'].pk}-0-0-0", **{f"answer-{theirs.pk}": "mine"})
    assert f"answer-{theirs.pk}" not in form.fields
    assert form.book() is not None


# Outside the rules


def test_a_walk_in_is_offered_to_whom_the_right_is_given_and_marked(monkeypatch):
    organization, _expert, slots = make_clinic(zone_by_day())  # where five minutes ago was today
    move_slot(slots["09:00"], timezone.now() - timedelta(minutes=5))
    Slot.objects.filter(pk=slots["10:00"].pk).update(is_closed=True)
    form = Form(make_member(organization, Role.SCHEDULER))
    form.press(who="900412", what="herrera today")
    [tile] = [tile for tile in form.tiles.values() if tile.pick.slot_id == slots["09:00"].pk]
    assert (tile.state, tile.text, tile.pick.is_beyond) == ("outside", "Had started", True)
    form.press(hold=str(tile.pick))
    assert "Outside the rules: Had started." in form.page.content.decode()
    booking = form.book()
    assert (booking.broken_rule, booking.status) == ("started", Status.CONFIRMED)

    form = Form(make_member(organization, Role.SCHEDULER))
    form.press(what=f"herrera {day_ahead().isoformat()}")
    closed = form.tiles["10:00"].pick
    monkeypatch.setitem(RIGHTS, "bookings.booking", dict.fromkeys(Role, frozenset({"view", "add"})))
    form = Form(make_member(organization, Role.SCHEDULER))
    form.press(who="900412", what=f"herrera {day_ahead().isoformat()}")
    assert "10:00" not in form.tiles
    for pressed in ({"hold": str(closed)}, {"book": "1", "pick": str(closed)}):
        assert form.client.post(URL, form.fields | pressed).status_code == 404
    assert form.press(hold=str(closed).removesuffix("1") + "0").status_code == 409, "as everybody is refused"
    assert not Booking.objects.filter(slot=slots["10:00"]).exists()


# Whose


def test_others_calendars_and_people_look_as_if_they_were_not_there(clinic):
    organization, _expert, slots = clinic
    mine = make_expert(name="Dr Mine", organization=organization, user=make_member(organization, Role.EXPERT))
    own = make_slot(mine, at="09:00")
    booking = Booking.objects.get(name="Maya Halloran")
    for user in (mine.user, make_member(make_organization()), make_member(make_expert().organization)):
        client = logged_in(user)
        assert client.get(URL, {"slot": slots["09:00"].pk}).status_code == 404
        page = client.get(URL, {"person": booking.pk})
        assert b"Halloran" not in page.content
        form = Form(user)
        if form.page.status_code == 404:
            continue  # nobody to book
        form.press(who="900412", what="herrera")
        assert form.people == []
        assert b"Herrera" not in form.page.content.replace(b'value="herrera"', b"")
        for name in ("hold", "full", "wait"):
            assert form.client.post(URL, form.fields | {name: f"{slots['09:00'].pk}-0-0-0"}).status_code == 404
        chosen = {"person": str(booking.pk), "book": "1", "pick": f"{own.pk}-0-0-0"}
        assert b"Halloran" not in form.client.post(URL, form.fields | chosen).content
    assert client.get(URL, {"done": booking.pk}).status_code == 404
    assert Booking.objects.count() == 1
    form = Form(mine.user)
    form.press(who="Karim", choose="new", what="next", hold=f"{own.pk}-0-0-0")
    assert form.press(hold=f"{own.pk}-0-0-0", name="Karim").status_code == 200
    assert form.book().slot == own


def test_whoever_sees_several_organisations_books_for_one_at_a_time(clinic):
    organization, _expert, _slots = clinic
    make_booking(make_slot(make_expert(name="Dr Else")), name="Maya Else", email="else@example.com")
    form = Form(make_superuser())
    form.press(who="maya", organization=organization.pk)
    assert form.people == ["Maya Halloran"]
    other = Form(make_superuser(), slot=Slot.objects.get(expert__name="Dr Else").pk)
    assert other.page.context["organization"] != organization


@pytest.mark.parametrize("text", ["", "x", "1-2-3", "1-2-3-4-5", "0-0-0-0", "²-0-0-0", "9" * 30 + "-0-0-0", "-1-0-0-0"])
def test_a_forged_choice_is_no_page_or_nothing(clinic, text):
    form = Form(make_member(clinic[0]))
    assert form.client.post(URL, form.fields | {"hold": text}).status_code == 404
    assert form.press(pick=text, kind="abc", person="x", organization="x", seats="x", desk="x").status_code == 200


def test_statements_do_not_grow_with_experts_slots_and_people(clinic):
    organization, expert, _slots = clinic
    form = Form(make_member(organization))

    def statements(**values) -> int:
        with CaptureQueriesContext(connection) as captured:
            form.press(**values)
        return len(captured.captured_queries)

    asked = {"who": "maya", "what": day_ahead().isoformat()}
    before = statements(**asked)
    for n in range(5):
        other = make_expert(organization=organization, category=expert.category)
        make_row_of_slots(other, end="10:00")
        make_booking(make_slot(other, at="15:00"), name=f"Maya {n}", email=f"maya{n}@example.com")
    assert statements(**asked) == before
    assert len(form.people) == 6


def test_the_part_alone_is_for_the_dialog(clinic):
    client = logged_in(make_member(clinic[0]))
    part = client.get(URL, headers={"x-part": "quick-booking"}).content.decode()
    assert part.lstrip().startswith("<form")
    assert "<html" not in part
    assert "<html" in client.get(URL).content.decode()
    assert reverse("admin:book") == URL


def test_an_organisation_beyond_the_first_ones_by_name_can_be_chosen(monkeypatch):
    monkeypatch.setattr("bookings.admin.quick_booking_desk.MOST_ORGANIZATIONS", 1)
    first, last = make_expert(organization=make_organization(name="A")), make_organization(name="Z")
    make_expert(organization=last)
    page = logged_in(make_superuser()).get(URL, {"organization": last.pk})
    assert page.context["organization"] == last
    assert page.context["organizations"] == [last, first.organization]
