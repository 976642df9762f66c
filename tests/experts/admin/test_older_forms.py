"""A form that was opened before a colleague's change takes nothing of it back, and says what was changed by whom."""

from datetime import time

import pytest

from bookings.models import Booking, Question
from bookings.services import save_question
from experts import services
from experts.errors import Busy
from experts.models import Expert, OfferedType, Organization, SessionType, Slot, TimeOff, WeeklyHours
from tests.cast import book, day_ahead, make_expert, make_organization, make_question, make_session_type, make_slot
from tests.experts.admin.test_hours import press
from tests.forms import filled_in
from tests.staff import admin_url, errors_of, logged_in, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return make_organization()


@pytest.fixture
def expert(organization):
    return make_expert(organization=organization, name="Amara Okafor", headline="Physiotherapist", bio="Line 1\nLine 2")


@pytest.fixture
def maya(organization):
    return logged_in(make_member(organization, name="Maya Roth"))


@pytest.fixture
def sara(organization):
    return logged_in(make_member(organization, name="Sara Lind"))


def page_of(obj) -> str:
    return admin_url(type(obj), "change", obj.pk)


def save(client, url: str, html: str, **changes):
    """Send the form of a page that was opened, and what is shown before it happens with it."""
    response = client.post(url, filled_in(html, **changes))
    while response.status_code == 200 and response.context and "seen_name" in response.context:
        response = press(client, response, url)
    return response


def saved(response) -> bool:
    return response.status_code == 302


def open_on(expert, weekday: int) -> WeeklyHours:
    return WeeklyHours.objects.create(
        expert=expert, weekday=weekday, start=time(9), end=time(12), slot_minutes=60, capacity=1
    )


def make(model, expert):
    organization = expert.organization
    match model.__name__:
        case "Expert":
            return expert
        case "Organization":
            return organization
        case "Slot":
            return make_slot(expert)
        case "Booking":
            return book(make_slot(expert), name="Lena Fischer")
        case "SessionType":
            return make_session_type(organization, expert)
        case "Question":
            return make_question(organization)
    return TimeOff.objects.create(expert=expert, first_day=day_ahead(5), last_day=day_ahead(5), reason="Away")


@pytest.mark.parametrize(
    ("model", "theirs", "mine"),
    [
        (Expert, {"headline": "Surgeon"}, {"city": "Leeds"}),
        (Organization, {"name": "Southgate"}, {"city": "Leeds"}),
        (Slot, {"title": "First visit"}, {"capacity": 3}),
        (Booking, {"name": "Lena Fisher"}, {"phone": "+44 20 7946 0000"}),
        (SessionType, {"name": "Check-up"}, {"description": "Short."}),
        (Question, {"label": "Which side?"}, {"help": "Left or right."}),
        (TimeOff, {"reason": "Holiday"}, {"last_day": day_ahead(6).isoformat()}),
    ],
    ids=lambda it: it.__name__ if isinstance(it, type) else None,
)
def test_an_older_form_shows_what_was_changed_by_whom_and_loses_nothing(maya, sara, expert, model, theirs, mine):
    obj = make(model, expert)
    url = page_of(obj)
    opened = maya.get(url).text
    assert saved(save(sara, url, sara.get(url).text, **theirs))

    response = save(maya, url, opened, **mine)
    assert response.status_code == 200, "shown again"
    obj.refresh_from_db()
    [(their_field, their_value)], [(my_field, my_value)] = theirs.items(), mine.items()
    assert str(getattr(obj, their_field)) == their_value, "what the colleague wrote is there"
    errors = errors_of(response)
    assert "Sara Lind" in " ".join(errors["__all__"])
    assert "Sara Lind" in " ".join(errors[their_field])
    again = filled_in(response.text)
    assert again[their_field] == their_value, "as it is now"
    assert again[my_field] == str(my_value), "as I typed it"

    assert saved(save(maya, url, response.text))
    obj.refresh_from_db()
    assert str(getattr(obj, their_field)) == their_value
    assert str(getattr(obj, my_field)).replace(" ", "") == str(my_value).replace(" ", "")


def test_of_what_both_have_written_mine_stays_in_the_field_and_theirs_is_told(maya, sara, expert):
    url = page_of(expert)
    opened = maya.get(url).text
    save(sara, url, sara.get(url).text, headline="Surgeon")
    response = save(maya, url, opened, headline="Osteopath")
    assert filled_in(response.text)["headline"] == "Osteopath"
    [text] = errors_of(response)["headline"]
    assert "Surgeon" in text
    assert saved(save(maya, url, response.text))
    expert.refresh_from_db()
    assert expert.headline == "Osteopath", "knowing of it"


def test_a_form_that_is_as_new_as_the_row_is_saved_at_once(maya, sara, expert):
    url = page_of(expert)
    save(sara, url, sara.get(url).text, headline="Surgeon")
    assert saved(save(maya, url, maya.get(url).text, city="Leeds"))


def test_who_changed_nothing_of_what_the_form_shows_stands_in_nobodys_way(maya, expert):
    slot = make_slot(expert)
    opened = maya.get(page_of(slot)).text
    book(slot)
    assert saved(save(maya, page_of(slot), opened, title="First visit"))


def test_notes_that_a_colleague_has_written_stay(maya, sara, expert):
    booking = book(make_slot(expert), notes="Left knee\nSince May")
    url = page_of(booking)
    opened = maya.get(url).text
    save(sara, url, sara.get(url).text, notes="Right knee")
    response = save(maya, url, opened, name="Lena F.")
    assert "Sara Lind" in " ".join(errors_of(response)["notes"])
    assert saved(save(maya, url, response.text))
    booking.refresh_from_db()
    assert (booking.name, booking.notes) == ("Lena F.", "Right knee")


def test_hours_that_a_colleague_has_changed_added_and_taken_away_stay_so(maya, sara, expert):
    for weekday in range(3):
        open_on(expert, weekday)
    url = page_of(expert)
    opened = maya.get(url).text
    theirs = sara.get(url).text
    added = {"weekday": 3, "start": "09:00", "end": "12:00", "slot_minutes": 30, "buffer_minutes": 0, "capacity": 1}
    assert saved(
        save(
            sara,
            url,
            theirs,
            **{"hours-TOTAL_FORMS": 4, "hours-0-end": "13:00", "hours-1-DELETE": "on"},
            **{f"hours-3-{name}": value for name, value in added.items()},
        )
    )

    response = save(maya, url, opened, **{"hours-2-end": "14:00"})
    assert response.status_code == 200
    [text] = [text for text in errors_of(response)["__all__"] if "Tuesday" in text]
    assert "Sara Lind" in text
    assert saved(save(maya, url, response.text))
    kept = WeeklyHours.objects.filter(expert=expert).values_list("weekday", "end__hour")
    assert list(kept) == [(0, 13), (2, 14), (3, 12)]


def test_hours_that_were_taken_away_and_that_i_have_changed_are_there_to_be_saved(maya, sara, expert):
    open_on(expert, 0)
    url = page_of(expert)
    opened = maya.get(url).text
    save(sara, url, sara.get(url).text, **{"hours-0-DELETE": "on"})
    response = save(maya, url, opened, **{"hours-0-end": "14:00"})
    assert response.status_code == 200
    assert filled_in(response.text)["hours-0-end"] == "14:00"
    assert saved(save(maya, url, response.text))
    assert [hours.end.hour for hours in WeeklyHours.objects.filter(expert=expert)] == [14]


def test_offers_that_a_colleague_has_made_stay(maya, sara, expert):
    kind = make_session_type(expert.organization)
    other = make_expert(organization=expert.organization, name="Zoe Weiss")
    url = page_of(kind)
    opened = maya.get(url).text
    number = {form.instance.expert_id: place for place, form in enumerate(offers_of(maya, kind))}
    save(sara, url, sara.get(url).text, **{f"offers-{number[other.pk]}-offers": "on"})
    response = save(maya, url, opened, **{f"offers-{number[expert.pk]}-offers": "on"})
    assert response.status_code == 200
    assert saved(save(maya, url, response.text))
    assert set(OfferedType.objects.filter(session_type=kind).values_list("expert", flat=True)) == {expert.pk, other.pk}


def offers_of(client, kind):
    [inline] = client.get(page_of(kind)).context["inline_admin_formsets"]
    return inline.formset.forms


@pytest.mark.parametrize("shown", ["", "[]", "{", '{"fields": 3}', '{"rows": {"hours": []}}', "null", '{"rows": 1}'])
def test_a_version_that_makes_no_sense_is_none(maya, expert, shown):
    url = page_of(expert)
    assert saved(save(maya, url, maya.get(url).text, _shown=shown, city="Leeds"))


def test_only_what_was_changed_is_written(expert):
    """Between the comparison and the write there is time for a program."""
    organization = expert.organization
    time_off = make(TimeOff, expert)
    question = make(Question, expert)
    for stored, field, value in (
        (organization, "name", "Southgate"),
        (time_off, "reason", "Holiday"),
        (question, "help", "Left or right."),
    ):
        type(stored).objects.filter(pk=stored.pk).update(**{field: value})
    organization.city, time_off.last_day, question.label = "Leeds", day_ahead(6), "Which side?"
    services.save_organization(organization=organization, fields=["city"])
    services.save_time_off(time_off=time_off, fields=["last_day"])
    save_question(question=question, fields=["label"])
    assert Organization.objects.filter(pk=organization.pk, name="Southgate", city="Leeds")
    assert TimeOff.objects.filter(pk=time_off.pk, reason="Holiday", last_day=day_ahead(6))
    assert Question.objects.filter(pk=question.pk, help="Left or right.", label="Which side?")


def test_two_forms_at_the_same_time_are_saved_one_after_the_other(maya, expert, monkeypatch):
    """Whoever holds the object's form makes the next wait, for a bounded time."""

    def locked(*args, **kwargs):
        raise Busy

    url = page_of(expert)
    opened = maya.get(url).text
    monkeypatch.setattr("experts.admin.base.slot_transaction", locked)
    response = save(maya, url, opened, city="Leeds")
    assert response.status_code == 200
    assert errors_of(response)["__all__"] == [str(Busy.message)]
    assert filled_in(response.text)["city"] == "Leeds"
