"""What an organisation asks people who book: checked, kept as it was asked, and nothing where nothing is asked."""

from datetime import timedelta

import pytest
from django.db import connection

from bookings import services
from bookings.errors import IdempotencyMismatch, InvalidDetails, NotAllowed
from bookings.models import Answer, Booking, Question, QuestionKind, Source, Status
from bookings.selectors.answers import answers_to
from bookings.services.answers import check_answers
from experts.example_types import EXAMPLE_SETS
from experts.models import Organization, SessionType
from experts.services import add_example_types
from tests.cast import (
    book,
    make_booking,
    make_expert,
    make_organization,
    make_question,
    make_row_of_slots,
    make_slot,
    make_type,
    move_slot,
)
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("example", EXAMPLE_SETS, ids=lambda example: example.slug)
def test_an_example_brings_questions_that_can_be_left_out(example):
    organization, asking = make_organization(), make_organization()
    types = add_example_types(organization=organization, example=example)
    asked = list(Question.objects.filter(organization=organization))
    assert len(asked) >= 2
    assert not any(question.is_required for question in asked)
    assert {question.session_type for question in asked} == {None, types[0]}
    own = make_question(asking)
    add_example_types(organization=asking, example=example)
    assert list(Question.objects.filter(organization=asking)) == [own], "who asks something already is asked no more"


ZONES = ["Europe/Berlin"]
SIDES = ["Left", "Right", "Both"]


def question(kind=QuestionKind.TEXT, **values) -> Question:
    choices = SIDES if kind in ("choice", "choices") else []
    return Question(slug="it", label="It?", kind=kind, choices=choices, wording="I agree.", version=3, **values)


@pytest.mark.parametrize(
    ("kind", "sent", "kept"),
    [
        ("text", "  Knee ", "Knee"),
        ("long_text", "Knee\r\nand hip", "Knee\nand hip"),
        ("number", "3,5", 3.5),
        ("number", 12, 12),
        ("number", "1e3", 1000),
        ("date", "2026-10-14", "2026-10-14"),
        ("choice", "Left", "Left"),
        ("choices", ["Both", "Left"], ["Left", "Both"]),
        ("yes_no", False, False),
        ("phone", "030 901820", "+4930901820"),
        ("consent", "3", True),
        ("consent", 3, True),
    ],
)
def test_what_is_kept(kind, sent, kept):
    (answer,) = check_answers([question(kind)], {"it": sent}, zones=ZONES)
    assert (answer.value, type(answer.value)) == (kept, type(kept))
    assert answer.text


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("text", "two\nlines"),
        ("text", "x" * 201),
        ("text", 5),
        ("long_text", "x" * 2001),
        ("long_text", "a\0b"),
        ("number", "many"),
        ("number", "nan"),
        ("number", "1e12"),
        ("number", True),
        ("date", "14.10.2026"),
        ("date", "0001-01-01"),
        ("date", 20261014),
        ("choice", "Up"),
        ("choice", ["Left"]),
        ("choices", "Left"),
        ("choices", ["Left", "Up"]),
        ("yes_no", "yes"),
        ("phone", "12"),
        ("phone", 12),
        ("consent", "2"),
        ("consent", True),
        ("consent", ["3"]),
    ],
)
def test_what_is_refused(kind, sent):
    with pytest.raises(InvalidDetails) as refused:
        check_answers([question(kind)], {"it": sent}, zones=ZONES)
    assert list(refused.value.fields) == ["answers.it"]


@pytest.mark.parametrize("sent", [{}, {"it": None}, {"it": ""}, {"it": "  "}, {"it": []}])
def test_what_is_missing(sent):
    assert check_answers([question()], sent, zones=ZONES) == []
    asked = [question(is_required=True, missing_text="So that the room is ready.")]
    with pytest.raises(InvalidDetails) as refused:
        check_answers(asked, sent, zones=ZONES)
    assert refused.value.fields == {"answers.it": ["So that the room is ready."]}
    assert check_answers(asked, sent, zones=ZONES, by_staff=True) == []


def test_what_nobody_asks_is_told_and_not_dropped():
    with pytest.raises(InvalidDetails, match="fix"):
        check_answers([question()], {"other": "x"}, zones=ZONES)


class TestBooking:
    def test_they_are_kept_with_what_was_asked(self):
        slot = make_slot()
        house = slot.expert.organization
        side = make_question(house, label="Which side?", kind=QuestionKind.CHOICE, choices=SIDES, is_required=True)
        agreed = make_question(house, label="I agree", wording="to all of it.", kind=QuestionKind.CONSENT)
        booking = book(slot, answers={"which-side": "Left", agreed.slug: agreed.version})
        side.label, side.choices, agreed.wording = "Where?", ["Up", "Down"], "to more."
        services.save_question(question=side)
        services.save_question(question=agreed)
        assert agreed.version == 2
        rows = [(row.label, row.wording, row.version, row.text) for row in answers_to(booking)]
        assert rows == [
            ("Which side?", "", 1, "Left"),
            ("I agree", "to all of it.", 1, "Agreed to wording 1"),
        ]
        Question.objects.all().delete()
        assert [row.text for row in Answer.objects.filter(booking=booking)] == ["Left", "Agreed to wording 1"]

    def test_who_does_not_answer_what_is_required_does_not_book_and_keeps_the_hold(self):
        slot = make_slot()
        asked = make_question(slot.expert.organization, is_required=True)
        hold = services.hold_slot(slot_id=slot.pk, visitor="v" * 32)
        with pytest.raises(InvalidDetails) as refused:
            book(slot, visitor="v" * 32)
        assert list(refused.value.fields) == [asked.asked]
        assert Booking.objects.get().status == Status.HELD
        booked = book(slot, visitor="v" * 32, answers={asked.slug: "Knee"})
        assert (booked.pk, booked.status) == (hold.pk, Status.CONFIRMED)

    def test_staff_may_leave_it_out(self):
        slot = make_slot()
        make_question(slot.expert.organization, is_required=True)
        assert book(slot, source=Source.STAFF, email="").status == Status.CONFIRMED

    def test_a_repeated_request_gets_its_answer_although_more_is_asked_by_now_and_another_answer_is_another(self):
        slot = make_slot(capacity=3)
        asked = make_question(slot.expert.organization)
        request = {"name": "Lena", "email": "lena@example.com", "idempotency_key": "k"}
        first = book(slot, **request, answers={asked.slug: "Knee"})
        make_question(slot.expert.organization, is_required=True)
        assert book(slot, **request, answers={asked.slug: "Knee"}).pk == first.pk
        with pytest.raises(IdempotencyMismatch):
            book(slot, **request, answers={asked.slug: "Hip"})
        with pytest.raises(InvalidDetails):
            book(slot, **request | {"idempotency_key": "other"}, answers={asked.slug: "Hip"})

    def test_asked_again_for_another_address_they_are_replaced(self):
        slot = make_slot()
        one, other = (make_question(slot.expert.organization) for _ in range(2))
        hold = services.hold_slot(slot_id=slot.pk, visitor="v" * 32)
        book(slot, visitor="v" * 32, answers={one.slug: "Knee", other.slug: "Hip"})
        Booking.objects.filter(pk=hold.pk).update(status=Status.HELD, awaits_proof=True, expires_at=slot.starts_at)
        book(slot, visitor="v" * 32, answers={one.slug: "Elbow"})
        assert [(row.booking_id, row.value) for row in Answer.objects.all()] == [(hold.pk, "Elbow")]

    def test_of_a_session_type_and_of_another_organisation_nothing_is_asked(self):
        slot = make_slot()
        house = slot.expert.organization
        kind = SessionType.objects.create(organization=house, name="First", slug="first", minutes=30)
        make_question(house, session_type=kind, is_required=True)
        make_question(house, is_required=True, is_active=False)
        make_question(is_required=True)
        assert book(slot).status == Status.CONFIRMED
        assert [row.session_type for row in Question.objects.asked_with(house.pk, kind.pk)] == [kind]


class TestChanging:
    @pytest.fixture
    def slot(self):
        return make_slot()

    @pytest.fixture
    def asked(self, slot):
        house = slot.expert.organization
        return [
            make_question(house, is_required=True),
            make_question(house),
            make_question(house, shown_to_customer=False),
            make_question(house, kind=QuestionKind.CONSENT, wording="I agree."),
        ]

    @pytest.fixture
    def booking(self, slot, asked):
        first, second, hidden, consent = asked
        return book(slot, answers={first.slug: "a", second.slug: "b", hidden.slug: "c", consent.slug: 1})

    def change(self, booking, typed, *, by_customer=True):
        services.change_answers(booking_id=booking.pk, answers=typed, by_customer=by_customer)
        return {row.question_id: row.value for row in answers_to(booking)}

    def test_what_is_shown_is_replaced_and_the_rest_stays(self, booking, asked):
        first, second, hidden, consent = (row.pk for row in asked)
        said = self.change(booking, {asked[0].slug: "new", asked[3].slug: 1})
        assert said == {first: "new", hidden: "c", consent: True}
        assert second not in said

    def test_a_consent_to_an_older_wording_stays_one_and_what_is_taken_back_is_kept(self, booking, asked):
        consent = asked[3]
        consent.wording = "I agree to more."
        services.save_question(question=consent)
        assert self.change(booking, {asked[0].slug: "a", consent.slug: "1"})[consent.pk] is True
        row = Answer.objects.get(question=consent)
        assert (row.version, row.wording) == (1, "I agree.")
        assert self.change(booking, {asked[0].slug: "a"})[consent.pk] is False
        with pytest.raises(InvalidDetails):  # to the old wording nobody can agree any more
            self.change(booking, {asked[0].slug: "a", consent.slug: "1"})
        assert self.change(booking, {asked[0].slug: "a", consent.slug: "2"})[consent.pk] is True
        assert Answer.objects.get(question=consent).wording == "I agree to more."

    def test_what_is_required_stays_required(self, booking, asked):
        with pytest.raises(InvalidDetails):
            self.change(booking, {})
        with pytest.raises(InvalidDetails):
            self.change(booking, {asked[0].slug: "a", asked[2].slug: "what they do not see"})
        assert Answer.objects.count() == 4

    @pytest.mark.parametrize("why", ["the organisation", "the deadline", "it is over"])
    def test_not_where_it_may_not_be(self, booking, slot, asked, why):
        if why == "the organisation":
            Organization.objects.filter(pk=slot.expert.organization_id).update(lets_change_answers=False)
        elif why == "the deadline":
            move_slot(slot, booking.slot.read_at)
        else:
            services.cancel(booking_id=booking.pk, by_customer=False)
        with pytest.raises(NotAllowed):
            self.change(booking, {asked[0].slug: "new"})
        assert self.change(booking, {asked[0].slug: "new"}, by_customer=False)[asked[0].pk] == "new"

    def test_the_deadline_is_that_of_what_was_booked(self):
        expert = make_expert()
        asked = make_question(expert.organization)
        slots = make_row_of_slots(expert)
        kind = make_type(expert, cancel_until=timedelta(days=30))
        booking = book(slots["10:00"], session_type=kind.pk, answers={asked.slug: "a"})
        with pytest.raises(NotAllowed):
            self.change(booking, {asked.slug: "b"})


class TestQuestions:
    def test_an_organisation_knows_whether_it_asks_at_all_whoever_saves_it(self):
        house = make_organization()
        stale = Organization.objects.get(pk=house.pk)
        assert not stale.has_questions
        asked = make_question(house)
        stale.save()
        assert Organization.objects.get(pk=house.pk).has_questions
        services.delete_question(question_id=asked.pk)
        assert not Organization.objects.get(pk=house.pk).has_questions

    def test_one_with_answers_is_not_deleted(self):
        slot = make_slot()
        asked = make_question(slot.expert.organization)
        book(slot, answers={asked.slug: "Knee"})
        with pytest.raises(NotAllowed):
            services.delete_question(question_id=asked.pk)

    def test_they_are_asked_in_the_order_that_staff_choose(self):
        house = make_organization()
        rows = [make_question(house) for _ in range(3)]
        other = make_question()
        services.move_question(question_id=rows[2].pk, by=-1)
        services.move_question(question_id=rows[0].pk, by=-1)
        asked = Question.objects.asked_with(house.pk, None)
        assert [row.pk for row in asked] == [rows[0].pk, rows[2].pk, rows[1].pk]
        assert Question.objects.get(pk=other.pk).position == 0

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("choices", {"kind": "choice", "choices": ["One", "One"]}),
            ("session_type", {"session_type": "another"}),
            ("__all__", {"slug": "taken"}),
            ("__all__", {"kind": "choice", "choices": ["One"]}),
            ("__all__", {"kind": "consent"}),
            ("__all__", {"is_confidential": True, "in_staff_mail": True}),
        ],
    )
    def test_what_cannot_be_asked(self, field, values):
        house = make_organization()
        make_question(house, slug="taken")
        if "session_type" in values:
            elsewhere = make_organization()
            values = {"session_type": SessionType.objects.create(organization=elsewhere, name="A", slug="a", minutes=9)}
        with pytest.raises(InvalidDetails) as refused:
            make_question(house, **values)
        assert list(refused.value.fields) == [field]

    def test_two_with_one_name_have_two_for_programs(self):
        house = make_organization()
        assert [make_question(house, label="Why?").slug for _ in range(2)] == ["why", "why-2"]


def test_a_hold_that_ended_goes_with_what_was_answered():
    slot = make_slot()
    asked = make_question(slot.expert.organization)
    booking = make_booking(
        slot, status=Status.EXPIRED, awaits_proof=True, expires_at=slot.starts_at - timedelta(days=9)
    )
    Answer.objects.create(booking=booking, question=asked, kind="text", label="It?", value="Knee")
    assert services.delete_ended_holds(Booking.objects.ended_holds()) == 1
    assert not Answer.objects.exists()


def test_answers_have_no_history():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_trigger WHERE tgrelid = 'bookings_answer'::regclass AND NOT tgisinternal")
        assert cursor.fetchall() == []


def test_what_it_costs_to_ask():
    """One statement reads what is asked, one writes all answers; who asks nothing pays nothing (test_booking.py)."""
    expert, other = make_expert(), make_expert()
    questions = [make_question(expert.organization) for _ in range(3)]
    costs = []
    for slot, typed in [(make_slot(other), {}), (make_slot(expert), {row.slug: "Knee" for row in questions})]:
        with asked_of_database() as asked:
            book(slot, answers=typed)
        costs.append(asked.statements)
    assert costs[1] == costs[0] + 2, asked
