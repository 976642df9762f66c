"""What an organisation asks, for programs: listed, answered when booking, read again."""

import pytest

from bookings.models import Answer, Booking, NoteReading, QuestionKind
from experts.models import OfferedType, SessionType
from tests.api.caller import LENA, Caller, make_token
from tests.cast import make_expert, make_question, make_slot

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return Caller()


@pytest.fixture
def expert():
    return make_expert()


@pytest.fixture
def side(expert):
    return make_question(
        expert.organization, label="Which side?", kind=QuestionKind.CHOICE, choices=["Left", "Right"], is_required=True
    )


def test_what_is_asked(api, expert, side):
    house = expert.organization
    offered, other = (SessionType.objects.create(organization=house, name=name, slug=name, minutes=9) for name in "ab")
    OfferedType.objects.create(expert=expert, session_type=offered)
    make_question(house, session_type=offered, kind=QuestionKind.CONSENT, label="I agree", wording="to all.")
    make_question(house, session_type=other)
    make_question(house, is_active=False)
    make_question()
    body = api.get(f"/experts/{expert.slug}/questions").json()
    about = {"help": "", "choices": [], "wording": "", "version": 1, "required": False}
    assert body == {
        "items": [
            about
            | {"name": "which-side", "kind": "choice", "label": "Which side?", "session_type": None}
            | {"choices": ["Left", "Right"], "required": True},
            about
            | {"name": "i-agree", "kind": "consent", "label": "I agree", "session_type": "a", "wording": "to all."},
        ],
        "count": 2,
    }


def test_where_nothing_is_asked(api):
    assert api.get(f"/experts/{make_expert().slug}/questions").json() == {"items": [], "count": 0}
    assert api.get("/experts/nobody/questions").status_code == 404


def test_who_sends_none_is_told_which_are_missing(api, expert, side):
    answer = api.post(f"/slots/{make_slot(expert).pk}/book", LENA)
    assert (answer.status_code, answer.json()["fields"]) == (422, {"answers.which-side": ["Choose one."]})
    assert not Answer.objects.exists()


@pytest.mark.parametrize(
    "answers", [{"which-side": "Up"}, {"which-side": {"a": 1}}, {"other": "x"}, "Left", {"": "Left"}]
)
def test_what_is_no_answer(api, expert, side, answers):
    answer = api.post(f"/slots/{make_slot(expert).pk}/book", LENA | {"answers": answers})
    assert answer.status_code == 422
    assert all(name.startswith("answers") for name in answer.json()["fields"])


def test_they_are_kept_and_read_again(api, expert, side):
    hidden = make_question(expert.organization, shown_to_customer=False)
    answers = {"which-side": "Left", hidden.slug: "b"}
    booked = api.post(f"/slots/{make_slot(expert).pk}/book", LENA | {"answers": answers})
    assert booked.status_code == 201
    reference = booked.json()["reference"]
    mine = Caller(booked.json()["token"]).get(f"/bookings/{reference}").json()["answers"]
    said = {
        "name": "which-side",
        "kind": "choice",
        "label": "Which side?",
        "wording": "",
        "version": 1,
        "value": "Left",
    }
    assert mine == [said]
    staff = Caller(make_token(expert.organization))
    theirs = staff.get(f"/admin/bookings/{reference}").json()["answers"]
    assert [(row["name"], row["value"]) for row in theirs] == [("which-side", "Left"), (hidden.slug, "b")]
    assert NoteReading.objects.get().reference == reference
    assert staff.get("/admin/bookings").json()["items"][0]["answers"] == theirs


def test_staff_may_leave_out_what_is_required(expert, side):
    staff, slot = Caller(make_token(expert.organization)), make_slot(expert, capacity=2)
    assert staff.post("/admin/bookings", {"slot": slot.pk, "name": "Lena"}).status_code == 201
    wrong = staff.post("/admin/bookings", {"slot": slot.pk, "name": "Lena", "answers": {"which-side": "Up"}})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["answers.which-side"])


def test_staff_answer_for_somebody_later(expert, side):
    staff = Caller(make_token(expert.organization))
    reference = staff.post("/admin/bookings", {"slot": make_slot(expert).pk, "name": "Lena"}).json()["reference"]
    wrong = staff.send("PATCH", f"/admin/bookings/{reference}", {"notes": "x", "answers": {"which-side": "Up"}})
    assert (wrong.status_code, Booking.objects.get().notes) == (422, "")
    right = staff.send("PATCH", f"/admin/bookings/{reference}", {"answers": {"which-side": "Left"}})
    assert [row["value"] for row in right.json()["answers"]] == ["Left"]
    assert "answers" not in staff.send("PATCH", f"/admin/bookings/{reference}", {"answers": {}}).json()
