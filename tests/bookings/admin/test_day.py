"""The page of the staff's day: what it shows to whom, and what is done from it."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from bookings.models import NoteReading, Status
from experts.formatting import soon
from experts.models import Role, Slot
from experts.permissions import RIGHTS
from tests.cast import day_ahead, join_line, make_booking, make_category, make_expert, make_organization, make_slot
from tests.staff import logged_in, make_member, make_superuser
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db
DAY = day_ahead()


def day_url(**values) -> str:
    return reverse("admin:day", query={"day": DAY.isoformat()} | values)


@pytest.fixture
def clinic():
    return make_organization(name="Northgate Clinic")


@pytest.fixture
def experts(clinic):
    return [make_expert(organization=clinic, name=name) for name in ("Amara Okafor", "Hannah Weiss")]


def blocks_of(page) -> dict[str, list[str]]:
    """The names in each expert's column."""
    return {it["expert"].name: [block.name for block in it["blocks"]] for it in page.context["columns"]}


def test_each_expert_has_a_column_with_who_comes_in_order_of_time(clinic, experts):
    amara, hannah = experts
    make_booking(make_slot(amara, at="11:00"), name="Ines Carvalho")
    make_booking(make_slot(amara, at="09:00"), name="Noah Petersen")
    make_booking(make_slot(hannah, at="10:00"), name="Petra Vogel")
    make_slot(hannah, at="12:00")
    page = logged_in(make_member(clinic)).get(day_url())
    assert blocks_of(page) == {
        "Amara Okafor": ["Noah Petersen", "Ines Carvalho"],
        "Hannah Weiss": ["Petra Vogel", "12:00"],
    }
    assert "Noah Petersen" in page.text


def test_booked_counts_bookings_that_stand_and_lists_them_by_time(clinic, experts):
    """The page of before counted bookings, called them sessions, and led to a list with cancelled ones as made."""
    amara, hannah = experts
    late, early = make_slot(amara, at="15:00"), make_slot(hannah, at="09:00")
    for slot, name in ((late, "Late"), (early, "Early")):
        make_booking(slot, name=name)
    gone = make_slot(amara, at="12:00")
    for status in (Status.CANCELLED, Status.REJECTED, Status.EXPIRED):
        make_booking(gone, name="Gone", status=status)
    page = logged_in(make_member(clinic)).get(day_url(view="list", show="booked"))
    [booked] = [it for it in page.context["numbers"] if it["css"] == "is-booked"]
    assert (booked["number"], booked["text"]) == (2, "booked")
    assert [row.name for row in page.context["rows"]] == ["Early", "Late"]
    assert "Gone" not in page.text


def test_a_number_filters_what_is_shown_and_is_let_go_again(clinic, experts):
    amara, _hannah = experts
    make_booking(make_slot(amara, at="09:00"), name="Noah Petersen")
    make_booking(make_slot(amara, at="10:00"), name="Wen Li", status=Status.PENDING)
    client = logged_in(make_member(clinic))
    page = client.get(day_url(show="pending"))
    assert blocks_of(page)["Amara Okafor"] == ["Wen Li"]
    [pending] = [it for it in page.context["numbers"] if it["css"] == "is-pending"]
    assert "show" not in pending["url"]
    assert blocks_of(client.get(pending["url"]))["Amara Okafor"] == ["Noah Petersen", "Wen Li"]


def test_who_is_next_is_there_at_once(clinic, experts):
    """Not who has arrived, and not who comes tomorrow."""
    amara, hannah = experts
    now = timezone.now()
    started = make_slot(amara, starts_at=now - timedelta(minutes=5))
    make_booking(started, name="Here already", arrived_at=now)
    following = make_slot(hannah, starts_at=now + timedelta(minutes=1))
    make_booking(following, name="Maya Halloran")
    page = logged_in(make_member(clinic)).get(reverse("admin:day"), {"day": following.date.isoformat()})
    assert page.context["next_up"]["name"] == "Maya Halloran"
    assert "Maya Halloran" in page.text


def test_experts_see_their_own_column_and_strangers_nothing(clinic, experts):
    amara, hannah = experts
    make_booking(make_slot(amara, at="09:00"), name="Noah Petersen")
    make_booking(make_slot(hannah, at="10:00"), name="Petra Vogel")
    amara.user = make_member(clinic, Role.EXPERT)
    amara.save()
    page = logged_in(amara.user).get(day_url())
    assert list(blocks_of(page)) == ["Amara Okafor"]
    assert "Petra Vogel" not in page.text
    assert "Hannah Weiss" not in page.text
    page = logged_in(amara.user).get(day_url(experts=hannah.pk))
    assert list(blocks_of(page)) == ["Amara Okafor"]
    stranger = logged_in(make_member(make_organization()))
    assert stranger.get(day_url(organization=clinic.pk)).status_code == 404
    assert "Petra" not in stranger.get(day_url()).text


def test_the_organisation_is_asked_for_only_where_there_are_several(clinic, experts):
    other = make_organization(name="Hale and Partners")
    page = logged_in(make_member(clinic)).get(day_url())
    assert 'name="organization"' not in page.text
    superuser = logged_in(make_superuser())
    assert 'name="organization"' in superuser.get(day_url(organization=other.pk)).text
    assert superuser.get(day_url()).context["organization"] == other, "the choice is remembered"


def test_chosen_experts_are_remembered_until_the_choice_is_let_go(clinic, experts):
    _amara, hannah = experts
    for expert in experts:
        make_slot(expert, at="09:00")
    client = logged_in(make_member(clinic))
    assert list(blocks_of(client.get(day_url(experts=hannah.pk)))) == ["Hannah Weiss"]
    assert list(blocks_of(client.get(day_url()))) == ["Hannah Weiss"]
    assert list(blocks_of(client.get(day_url(experts="")))) == ["Amara Okafor", "Hannah Weiss"]


def test_whoever_is_full_says_when_they_are_free_next(clinic, experts):
    amara, hannah = experts
    for expert in experts:
        make_booking(make_slot(expert))
    make_slot(hannah, at="12:00")
    make_slot(amara, day=day_ahead(3), is_closed=True)
    make_booking(make_slot(amara, day=day_ahead(4)))
    soonest = make_slot(amara, day=day_ahead(20), at="09:00")
    make_slot(amara, day=day_ahead(21))
    page = logged_in(make_member(clinic)).get(day_url(view="day"))
    columns = {it["name"]: it for it in page.context["columns"]}
    assert columns["Hannah Weiss"]["free"]["time"] == "12:00" and columns["Hannah Weiss"]["later"] is None
    assert columns["Amara Okafor"]["free"] is None
    later = columns["Amara Okafor"]["later"]
    assert later["when"] == soon(soonest.starts_at, amara.zone, timezone.now())
    assert later["url"] == reverse("admin:day", query={"day": soonest.date.isoformat(), "view": "day"})
    assert f"Amara Okafor is free next {later['when']}: open that day" in page.text
    yesterday = logged_in(make_member(clinic)).get(day_url(day=day_ahead(-1), experts=amara.pk))
    assert yesterday.context["columns"][0]["later"]["url"].endswith(f"day={day_ahead(20)}"), (
        "of a day that is over, too"
    )


# The panel


def act_url(booking, name: str) -> str:
    return reverse("admin:day_act", args=[booking.pk, name])


def now_booked(expert, minutes: int = -10, **values):
    """Somebody whose session started some minutes ago."""
    return make_booking(make_slot(expert, starts_at=timezone.now() + timedelta(minutes=minutes)), **values)


def test_notes_are_read_by_those_who_may_and_owners_see_that_they_were(clinic, experts):
    clinic.hides_notes = True
    clinic.save()
    booking = make_booking(make_slot(experts[0]), notes="Left knee, six weeks after surgery.")
    hidden = logged_in(make_member(clinic, Role.SCHEDULER)).get(day_url(booking=booking.pk)).text
    assert "Left knee" not in hidden
    assert "There is a note. The expert and owners read it." in hidden
    assert not NoteReading.objects.exists()
    owner = make_member(clinic)
    for url in (day_url(booking=booking.pk), reverse("admin:day_panel", query={"booking": booking.pk})):
        assert "Left knee" in logged_in(owner).get(url).text
    assert [reading.who for reading in NoteReading.objects.all()] == [owner.email]


def test_the_panel_tells_of_earlier_visits_as_far_as_they_may_be_seen(clinic, experts):
    amara, hannah = experts
    person = {"name": "Maya Halloran", "email": "maya@example.com"}
    for days, status, expert in ((7, Status.COMPLETED, amara), (14, Status.NO_SHOW, hannah)):
        make_booking(make_slot(expert, day=day_ahead(-days)), status=status, **person)
    make_booking(make_slot(day=day_ahead(-3)), status=Status.COMPLETED, **person)  # somewhere else
    booking = make_booking(make_slot(amara), **person)
    panel = logged_in(make_member(clinic)).get(day_url(booking=booking.pk)).context["panel"]
    assert panel["visits_in_words"] == "1 visit, 1 no-show"
    assert [(it["expert"], it["is_missed"]) for it in panel["visits"]] == [(amara.name, False), (hannah.name, True)]
    amara.user = make_member(clinic, Role.EXPERT)
    amara.save()
    panel = logged_in(amara.user).get(day_url(booking=booking.pk)).context["panel"]
    assert panel["visits_in_words"] == "1 visit"


def test_what_is_done_leads_back_to_the_day_which_says_it_once(clinic, experts):
    booking = now_booked(experts[0], name="Karim Aziz")
    client = logged_in(make_member(clinic))
    answer = client.post(
        act_url(booking, "no-show"), {"view": "list", "booking": booking.pk, "evil": "https://x.example"}
    )
    assert answer["Location"] == reverse("admin:day", query={"view": "list", "booking": booking.pk})
    page = client.get(answer["Location"])
    assert page.context["toast"]["text"] == "Karim Aziz marked as no-show."
    assert "toast" not in client.get(answer["Location"]).context
    client.post(act_url(booking, "no-show"))  # a double click
    assert "problem" not in client.session["day_said"]
    client.post(page.context["toast"]["undo_url"])
    booking.refresh_from_db()
    assert booking.status == Status.CONFIRMED


def test_a_cancellation_is_taken_back_unless_somebody_has_the_seat(clinic, experts):
    booking = make_booking(make_slot(experts[0]), name="Karim Aziz")
    client = logged_in(make_member(clinic))
    client.post(act_url(booking, "cancel"), {"reason": "We are closed.", "seen_sequence": booking.sequence})
    toast = client.get(day_url()).context["toast"]
    assert toast["text"] == "The booking of Karim Aziz is cancelled."
    client.post(toast["undo_url"])
    assert client.get(day_url()).context["toast"]["text"] == "Taken back: Karim Aziz is booked as before."
    booking.refresh_from_db()
    assert (booking.status, booking.reason) == (Status.CONFIRMED, "")
    join_line(booking.slot)
    client.post(act_url(booking, "cancel"), {"seen_sequence": booking.sequence})
    toast = client.get(day_url()).context["toast"]
    assert toast["text"] == "The booking of Karim Aziz is cancelled. Somebody else has the seat already."
    assert toast["undo_url"] == ""


def test_what_cannot_be_done_is_said(clinic, experts):
    booking = now_booked(experts[0], minutes=60 * 24 * 3)
    client = logged_in(make_member(clinic))
    client.post(act_url(booking, "no-show"))
    assert client.get(reverse("admin:day")).context["toast"]["text"] == "The session has not begun."
    answer = client.post(act_url(booking, "no-show"), headers={"X-Day-Part": "1"})
    assert answer.status_code == 409
    assert "The session has not begun." in answer.text
    assert "<html" not in answer.text


def test_nobody_acts_on_what_they_may_not_change(clinic, experts, monkeypatch):
    amara, hannah = experts
    booking = now_booked(hannah)
    amara.user = make_member(clinic, Role.EXPERT)
    amara.save()
    for user in (amara.user, make_member(make_organization())):
        assert logged_in(user).post(act_url(booking, "arrived")).status_code == 404
        assert "panel" not in logged_in(user).get(day_url(booking=booking.pk)).context
    owner = logged_in(make_member(clinic))
    assert owner.get(act_url(booking, "arrived")).status_code == 405
    assert owner.post(act_url(booking, "nonsense")).status_code == 404
    monkeypatch.setitem(RIGHTS, "bookings.booking", {Role.OWNER: {"view"}})
    assert owner.post(act_url(booking, "arrived")).status_code == 403
    assert owner.get(day_url(booking=booking.pk)).context["panel"]["acts"] == []
    booking.refresh_from_db()
    assert booking.arrived_at is None


def test_whoever_cannot_come_is_led_to_the_rescue_and_is_not_next(clinic, experts):
    slot = make_slot(experts[0])
    booking = make_booking(slot, name="Vera Lund")
    client = logged_in(make_member(clinic))
    assert client.get(day_url(booking=booking.pk)).context["next_up"]["name"] == "Vera Lund"
    assert client.get(day_url(booking=booking.pk)).context["panel"]["rescue_url"] == ""
    Slot.objects.filter(pk=slot.pk).update(is_closed=True)
    page = client.get(day_url(booking=booking.pk))
    assert page.context["panel"]["rescue_url"] == reverse("admin:rescue", query={"organization": clinic.pk})
    assert page.context["next_up"] is None


def test_a_class_lists_all_who_come_each_with_what_is_done_most(clinic, experts):
    slot = make_slot(experts[0], starts_at=timezone.now() - timedelta(minutes=5), capacity=5, title="Back class")
    for name in ("Zoe", "Ann"):
        make_booking(slot, name=name)
    make_booking(slot, name="Gone", status=Status.CANCELLED)
    shown = logged_in(make_member(clinic)).get(day_url(slot=slot.pk)).context["class"]
    assert (shown["title"], shown["seats"]) == ("Back class", "2 of 5 seats")
    assert [(it["name"], [str(act["label"]) for act in it["acts"]]) for it in shown["people"]] == [
        ("Ann", ["Arrived", "No-show"]),
        ("Zoe", ["Arrived", "No-show"]),
    ]


def test_a_search_finds_bookings_of_other_days_and_nobody_elses(clinic, experts):
    make_booking(make_slot(experts[0], day=day_ahead(9)), name="Maya Halloran", phone="+442079460115")
    make_booking(make_slot(), name="Maya Elsewhere")
    client = logged_in(make_member(clinic))
    for text in ("maya", "HALLO", "460115"):
        assert [it["name"] for it in client.get(day_url(q=text)).context["found"]] == ["Maya Halloran"], text
    [found] = client.get(day_url(q="maya")).context["found"]
    assert client.get(found["url"]).context["panel"]["booking"].name == "Maya Halloran"
    assert client.get(day_url(q="nobody")).context["found"] == []


# What is around it


def test_the_first_page_leads_to_the_day(clinic):
    answer = logged_in(make_member(clinic)).get(reverse("admin:index"))
    assert (answer.status_code, answer["Location"]) == (302, reverse("admin:day"))


def test_the_checklist_leaves_an_organisation_that_runs(clinic, experts):
    owner = logged_in(make_member(clinic))
    assert owner.get(day_url()).context["checklist"]
    for days in range(1, 6):
        make_booking(make_slot(experts[0], day=day_ahead(-days)), status=Status.COMPLETED)
    assert owner.get(day_url()).context["checklist"] is None


def test_requests_of_all_days_are_told_with_the_first_that_runs_out(clinic, experts):
    for days, minutes in ((3, 300), (4, 90)):
        ends = timezone.now() + timedelta(minutes=minutes, seconds=30)
        make_booking(make_slot(experts[0], day=day_ahead(days)), status=Status.PENDING, expires_at=ends)
    waiting = logged_in(make_member(clinic)).get(day_url()).context["waiting"]
    assert (waiting["number"], waiting["text"]) == ("2", "requests, first runs out in 90 min")
    assert waiting["url"] == reverse("admin:requests")


def test_the_page_takes_a_fixed_number_of_queries(clinic):
    client, category = logged_in(make_member(clinic)), make_category()
    counts = []
    for n in range(3):
        expert = make_expert(organization=clinic, category=category, name=f"Expert {n}")
        for at in ("09:00", "10:00", "11:00"):
            make_booking(make_slot(expert, at=at))
        client.get(day_url())
        with asked_of_database() as asked:
            client.get(day_url())
        counts.append(asked.statements)
    assert counts == [counts[0]] * 3, str(asked)


@pytest.mark.parametrize(
    "query", ["day=nonsense", "day=9999-12-31", "booking=x", "slot=-1", "experts=x", "show=x&view=x"]
)
def test_nonsense_in_the_address_is_no_error(clinic, experts, query):
    client = logged_in(make_member(clinic))
    assert client.get(f"{reverse('admin:day')}?{query}").status_code == 200
    assert client.get(f"{reverse('admin:day_panel')}?{query}").status_code == 200


def test_two_tabs_each_keep_their_organisation_and_experts(clinic, experts):
    _amara, hannah = experts
    other = make_organization(name="Hale and Partners")
    make_slot(make_expert(organization=other, name="Petra Hale"))
    for expert in experts:
        make_booking(make_slot(expert), name=f"Guest of {expert.name}")
    client = logged_in(make_superuser())
    first = client.get(day_url(organization=clinic.pk, experts=hannah.pk))
    second = client.get(day_url(organization=other.pk))
    by_itself = client.get(first.context["grid_url"], headers={"X-By-Itself": "1"})
    assert list(blocks_of(by_itself)) == ["Hannah Weiss"]
    assert client.get(day_url()).context["organization"] == other, "what asks by itself chooses nothing"
    printed = client.get(unescape(re.search(r'href="([^"]*/day/print/[^"]*)"', first.text)[1]))
    assert "Guest of Hannah Weiss" in printed.text and "Guest of Amara" not in printed.text
    for page, house in ((first, clinic), (second, other)):
        links = [unescape(it) for it in re.findall(r'href="(/admin/(?:day|week)/[^"]*)', page.text)]
        own = [it for it in links if "?" in it]
        assert len(own) > 5 and all(f"organization={house.pk}" in it for it in own), own
    assert client.get(re.search(r'href="([^"]*experts=)"', first.text)[1].replace("&amp;", "&")).status_code == 200
    assert sorted(blocks_of(client.get(day_url(organization=clinic.pk)))) == ["Amara Okafor", "Hannah Weiss"]
