"""The step with an organisation's questions, the review of the answers, and changing them afterwards."""

import re

import pytest

from bookings import services
from bookings.models import Answer, Booking, Question, QuestionKind, Status
from experts.models import Organization
from tests.cast import details, make_booking, make_expert, make_organization, make_question, make_slot

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def slot():
    return make_slot(make_expert(organization=make_organization(name="Northgate Clinic")))


@pytest.fixture
def side(slot):
    return make_question(
        slot.expert.organization,
        label="Which side hurts?",
        kind=QuestionKind.CHOICE,
        choices=["Left", "Right"],
        is_required=True,
        missing_text="Choose one, so the right room is ready.",
    )


@pytest.fixture
def consent(slot):
    return make_question(
        slot.expert.organization, label="I agree", wording="to all of it.", kind=QuestionKind.CONSENT, is_required=True
    )


def name(question):
    return f"answer-{question.pk}"


def send(client, slot, step, **values):
    return client.post(f"/slots/{slot.pk}/book/", details(step=step, **values))


def hidden(response) -> dict[str, str]:
    """What the form of a page carries along unseen."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', response.content.decode())
    return {field: value for field, value in found if field != "csrfmiddlewaretoken"}


def test_details_questions_review_done(client, slot, side, consent):
    opened = client.get(f"/slots/{slot.pk}/book/")
    assert 'name="step" value="questions"' in opened.content.decode()
    asked = send(client, slot, "questions")
    assert (asked.status_code, asked.context["step"]) == (200, "questions")
    page = asked.content.decode()
    assert "A few questions from Northgate Clinic" in page
    assert "checked" not in page
    assert hidden(asked)["name"] == "Lena Fischer"
    answers = {name(side): "Left", name(consent): "1"}
    review = send(client, slot, "review", **answers)
    assert review.context["step"] == "review"
    assert "Agreed to wording 1" in review.content.decode()
    assert hidden(review) | answers == hidden(review)
    done = send(client, slot, "confirm", **answers)
    assert done.status_code == 302
    assert "answer" not in done["Location"]
    booking = Booking.objects.get()
    assert [row.value for row in booking.answers.all()] == ["Left", True]
    shown = client.get(f"/bookings/{booking.reference}/").content.decode()
    assert "Which side hurts?" in shown
    assert "to all of it." in shown


@pytest.mark.parametrize("step", ["review", "confirm"])
def test_what_is_missing_is_asked_for_and_all_that_was_typed_stays(client, slot, side, consent, step):
    send(client, slot, "questions", notes="Back pain")
    again = send(client, slot, step, notes="Back pain", **{name(consent): "1"})
    assert (again.status_code, again.context["step"]) == (422, "questions")
    page = again.content.decode()
    assert "One answer is missing." in page
    assert f'<a href="#id_{name(side)}">Which side hurts?</a>' in page
    assert "Choose one, so the right room is ready." in page
    assert re.search(rf'name="{name(consent)}" value="1" id="id_{name(consent)}" checked', page)
    assert hidden(again)["notes"] == "Back pain"
    assert Booking.objects.get().status == Status.HELD


def test_what_was_typed_survives_going_back_the_end_of_the_hold_and_another_time(client, slot, side):
    several = make_question(slot.expert.organization, kind=QuestionKind.CHOICES, choices=["One", "Two", "Three"])
    other = make_slot(slot.expert, at="15:00")
    answers = {name(side): "Left", name(several): ["One", "Three"]}
    for answer in (
        send(client, slot, "edit", **answers),
        send(client, slot, "expired", **answers),
        send(client, other, "resume", **answers),
    ):
        page = answer.content.decode()
        assert hidden(answer)[name(side)] == "Left"
        assert re.findall(rf'name="{name(several)}" value="(\w+)"', page) == ["One", "Three"]


def test_the_waitlist_asks_nothing_and_carries_on_what_was_answered(client, slot, side):
    make_booking(slot)
    wrong = {"email": "", "key": "k", name(side): "Left"}
    answer = client.post(f"/slots/{slot.pk}/waitlist/", details(step="join", **wrong))
    assert (answer.status_code, hidden(answer)[name(side)]) == (422, "Left")
    joined = client.post(f"/slots/{slot.pk}/waitlist/", details(step="join"))
    assert joined.status_code == 303


def test_who_read_another_wording_has_not_agreed(client, slot, consent):
    send(client, slot, "questions")
    consent.wording = "to more."
    services.save_question(question=consent)
    answer = send(client, slot, "confirm", **{name(consent): "1"})
    page = answer.content.decode()
    assert (answer.status_code, answer.context["step"]) == (422, "questions")
    assert "The wording has changed." in page
    assert "to more." in page
    assert f'id="id_{name(consent)}" checked' not in page


def test_what_somebody_writes_is_no_markup(client, slot):
    text = make_question(slot.expert.organization, label="<b>Why?</b>", kind=QuestionKind.LONG_TEXT)
    page = send(client, slot, "review", **{name(text): "<i>so</i>"}).content.decode()
    assert "<b>Why" not in page
    assert "<i>so" not in page


def test_without_questions_there_are_three_steps(client, slot):
    make_question()
    page = client.get(f"/slots/{slot.pk}/book/").content.decode()
    assert "Questions" not in page
    assert 'name="step" value="review"' in page


def test_an_address_that_is_corrected_keeps_the_answers(client, slot, side):
    Organization.objects.update(proof="always")
    send(client, slot, "confirm", **{name(side): "Left"})
    booking = Booking.objects.get()
    assert booking.awaits_proof
    form = client.get(f"/slots/{slot.pk}/book/?booking={booking.reference}&correct=1")
    assert hidden(form)[name(side)] == "Left"


class TestChanging:
    @pytest.fixture
    def page(self, client, slot, side, consent):
        send(client, slot, "confirm", **{name(side): "Left", name(consent): "1"})
        return f"/bookings/{Booking.objects.get().reference}/answers/"

    def test_they_are_shown_and_replaced(self, client, page, side, consent):
        consent.wording = "to more."
        services.save_question(question=consent)
        shown = client.get(page).content.decode()
        assert re.search(r'value="Left" id="\S+" checked', shown)
        assert "to all of it." in shown
        assert "to more." not in shown
        saved = client.post(page, {name(side): "Right", name(consent): "1"})
        assert saved.status_code == 303
        assert [(row.value, row.version) for row in Answer.objects.all()] == [("Right", 1), (True, 1)]
        assert "Right" in client.get(saved["Location"]).content.decode()

    def test_what_was_chosen_can_be_taken_back_where_it_is_optional(self, client, page, side, consent):
        asked = make_question(side.organization, kind=QuestionKind.YES_NO, label="Been here?")
        client.post(page, {name(side): "Left", name(consent): "1", name(asked): "yes"})
        shown = client.get(page).content.decode()
        tiles = re.findall(rf'type="radio" name="{name(asked)}" value="(\w*)" id="\S+"( checked)?', shown)
        assert tiles == [("yes", " checked"), ("no", ""), ("", "")]
        assert ("", "") not in re.findall(rf'type="radio" name="{name(side)}" value="(\w*)" id="\S+"( checked)?', shown)
        client.post(page, {name(side): "Left", name(consent): "1", name(asked): ""})
        assert not Answer.objects.filter(question=asked).exists()

    def test_what_is_missing_is_asked_for(self, client, page, side):
        answer = client.post(page, {name(side): "Left"})
        assert answer.status_code == 422
        assert "Tick this box to continue." in answer.content.decode()

    def test_where_it_is_not_let_there_is_no_way_to_it(self, client, page):
        booking_page = page.removesuffix("answers/")
        assert page in client.get(booking_page).content.decode()
        Organization.objects.update(lets_change_answers=False)
        assert page not in client.get(booking_page).content.decode()
        assert client.get(page)["Location"] == booking_page
        Question.objects.update(shown_to_customer=False)
        assert "Your answers" not in client.get(booking_page).content.decode()
