"""Questions in the admin, and answers on the page of a booking: who reads them, and who is told that somebody did."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import Booking, NoteReading, Question, QuestionKind
from experts.models import Role
from tests.cast import book, make_expert, make_organization, make_question, make_slot, make_type
from tests.forms import filled_in
from tests.staff import admin_url, errors_of, logged_in, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return make_organization()


@pytest.fixture
def owner(house):
    return logged_in(make_member(house))


def form(**values):
    usual = {"kind": "text", "label": "What brings you here?", "choices": "", "wording": "", "is_active": "on"}
    return usual | {"session_type": "", "help": "", "missing_text": "", "slug": ""} | values


def test_it_is_added_changed_and_retired(house, owner):
    choices = {"kind": "choice", "label": "Which side?", "choices": "Left\n\n Right \n", "is_required": "on"}
    added = owner.post(admin_url(Question, "add"), form(organization=house.pk, **choices))
    assert added.status_code == 302, added.context["errors"]
    question = Question.objects.get()
    assert (question.slug, question.choices, question.is_required) == ("which-side", ["Left", "Right"], True)
    url = admin_url(Question, "change", question.pk)
    assert "Which side?" in owner.get(url).content.decode()
    assert owner.post(url, form(**choices | {"label": "Where?", "slug": "other", "kind": "text"})).status_code == 302
    question.refresh_from_db()
    assert (question.label, question.slug, question.kind) == ("Where?", "which-side", "choice")
    book(make_slot(make_expert(organization=house)), answers={"which-side": "Left"})
    kept = owner.post(admin_url(Question, "delete", question.pk), {"post": "yes"}, follow=True)
    assert "It has answers." in kept.content.decode()
    assert Question.objects.exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "choice", "choices": "One"}, "choices"),
        ({"kind": "consent"}, "wording"),
        ({"is_confidential": "on", "in_staff_mail": "on"}, None),
        ({"label": ""}, "label"),
    ],
)
def test_what_cannot_be_asked(house, owner, values, field):
    answer = owner.post(admin_url(Question, "add"), form(organization=house.pk, **values))
    assert list(answer.context["adminform"].form.errors) == [field or "__all__"]
    assert not Question.objects.exists()


def test_buttons_change_the_order_and_only_that_of_ones_own(house, owner):
    first, second = make_question(house), make_question(house)
    elsewhere = make_question()
    assert f'value="{second.pk}:-1"' in owner.get(admin_url(Question)).content.decode()
    assert owner.post(admin_url(Question), {"_move": f"{second.pk}:-1"}).status_code == 302
    assert list(Question.objects.filter(organization=house)) == [second, first]
    assert owner.post(admin_url(Question), {"_move": f"{elsewhere.pk}:1"}).status_code == 403
    scheduler = logged_in(make_member(house, Role.SCHEDULER))
    assert scheduler.post(admin_url(Question), {"_move": f"{first.pk}:-1"}).status_code == 403


class TestAnswers:
    @pytest.fixture
    def staff(self, house):
        return {role: make_member(house, role) for role in (Role.OWNER, Role.SCHEDULER, Role.EXPERT)}

    @pytest.fixture
    def booking(self, house, staff):
        plain, secret = make_question(house), make_question(house, is_confidential=True)
        make_question(house, label="What is missing?", is_required=True, kind=QuestionKind.LONG_TEXT)
        slot = make_slot(make_expert(organization=house, user=staff[Role.EXPERT]))
        return book(slot, source="staff", answers={plain.slug: "Plainknee", secret.slug: "Secretknee"})

    def read(self, booking, user):
        return logged_in(user).get(admin_url(type(booking), "change", booking.pk)).content.decode()

    @pytest.mark.parametrize(
        ("role", "hides", "reads"),
        [
            (Role.OWNER, True, {"Plainknee", "Secretknee"}),
            (Role.EXPERT, True, {"Plainknee", "Secretknee"}),
            (Role.SCHEDULER, False, {"Plainknee"}),
            (Role.SCHEDULER, True, set()),
        ],
    )
    def test_they_are_read_as_notes_are(self, booking, house, staff, role, hides, reads):
        house.hides_notes = hides
        house.save()
        page = self.read(booking, staff[role])
        assert {word for word in ("Plainknee", "Secretknee") if word in page} == reads
        assert ("There are answers that" in page) == (len(reads) < 2)
        assert "Not answered, required" in page
        assert [row.who for row in NoteReading.objects.all()] == ([staff[role].email] if reads else [])

    def test_nothing_can_be_looked_for_in_them(self, booking, staff):
        found = logged_in(staff[Role.SCHEDULER]).get(f"{admin_url(type(booking))}?answers__value__contains=Secret")
        assert found.status_code == 400

    def test_staff_type_them_and_correct_them(self, booking, house, staff):
        client, url = logged_in(staff[Role.OWNER]), admin_url(Booking, "change", booking.pk)
        plain, secret, missing = Question.objects.order_by("position")
        page = client.get(url).text
        assert "Not answered, required" in page
        sent = filled_in(page, **{f"answer-{plain.pk}": "Elbow", f"answer-{missing.pk}": "A lot\nof things"})
        assert client.post(url, sent).status_code == 302
        assert values_of(booking) == {plain.slug: "Elbow", secret.slug: "Secretknee", missing.slug: "A lot\nof things"}
        client.post(url, filled_in(client.get(url).text, **{f"answer-{plain.pk}": ""}))
        assert values_of(booking).keys() == {secret.slug, missing.slug}

    def test_what_they_may_not_read_they_do_not_change(self, booking, house, staff):
        client, url = logged_in(staff[Role.SCHEDULER]), admin_url(Booking, "change", booking.pk)
        plain, secret, _missing = Question.objects.order_by("position")
        page = client.get(url).text
        assert "Secretknee" not in page and f"answer-{secret.pk}" not in page
        names = {f"answer-{plain.pk}": "Elbow", f"answer-{secret.pk}": "Overwritten"}
        assert client.post(url, filled_in(page, **names)).status_code == 302
        assert values_of(booking) == {plain.slug: "Elbow", secret.slug: "Secretknee"}
        house.hides_notes = True
        house.save()
        page = client.get(url).text
        assert "answer-" not in page
        assert client.post(url, filled_in(page, name="Lena B", **names)).status_code == 302
        assert values_of(booking) == {plain.slug: "Elbow", secret.slug: "Secretknee"}

    def test_saving_other_fields_leaves_answers_as_they_were(self, booking, staff, django_assert_max_num_queries):
        client, url = logged_in(staff[Role.OWNER]), admin_url(Booking, "change", booking.pk)
        before = list(booking.answers.values())
        assert client.post(url, filled_in(client.get(url).text, name="Lena B")).status_code == 302
        assert list(booking.answers.values()) == before

    def test_of_a_hold_there_is_nothing_to_type(self, booking, staff):
        Booking.objects.filter(pk=booking.pk).update(status="HELD", expires_at=timezone.now() + timedelta(minutes=5))
        page = logged_in(staff[Role.OWNER]).get(admin_url(Booking, "change", booking.pk)).text
        assert "answer-" not in page
        assert "Plainknee" in page


KINDS = {
    "text": ("Knee", "Knee"),
    "long_text": ("Knee\nand hip", "Knee\nand hip"),
    "number": ("3,5", 3.5),
    "date": ("2027-03-12", "2027-03-12"),
    "choice": ("Left", "Left"),
    "choices": (["Right", "Left"], ["Left", "Right"]),
    "yes_no": ("no", False),
    "phone": ("020 7946 0000", "+442079460000"),
    "consent": ("1", True),
}


def values_of(booking) -> dict:
    return {answer.question.slug: answer.value for answer in booking.answers.select_related("question")}


def ask_everything(house) -> dict[str, Question]:
    choices, wording = {"choices": ["Left", "Right"]}, {"wording": "that you keep it."}
    more = {"choice": choices, "choices": choices, "consent": wording}
    return {kind: make_question(house, kind=kind, label=f"Of kind {kind}?", **more.get(kind, {})) for kind in KINDS}


def test_every_kind_is_typed_when_booking_for_somebody_and_read_back(house, owner):
    asked, slot = ask_everything(house), make_slot(make_expert(organization=house))
    page = owner.get(admin_url(Booking, "add"), {"slot": slot.pk}).text
    names = {f"answer-{asked[kind].pk}": typed for kind, (typed, _stored) in KINDS.items()}
    assert owner.post(admin_url(Booking, "add"), filled_in(page, slot=slot.pk, name="Lena", **names)).status_code == 302
    booking = Booking.objects.get()
    assert values_of(booking) == {asked[kind].slug: stored for kind, (_typed, stored) in KINDS.items()}
    url = admin_url(Booking, "change", booking.pk)
    again = filled_in(owner.get(url).text, name="Lena B")
    assert owner.post(url, again).status_code == 302
    assert values_of(booking) == {asked[kind].slug: stored for kind, (_typed, stored) in KINDS.items()}


def test_what_cannot_be_an_answer_is_told_at_its_field_and_nothing_is_written(house, owner):
    asked, slot = ask_everything(house), make_slot(make_expert(organization=house))
    name = f"answer-{asked['number'].pk}"
    page = owner.get(admin_url(Booking, "add"), {"slot": slot.pk}).text
    refused = owner.post(admin_url(Booking, "add"), filled_in(page, slot=slot.pk, name="Lena", **{name: "many"}))
    assert list(errors_of(refused)) == [name]
    assert not Booking.objects.exists()
    booking = book(slot)
    url = admin_url(Booking, "change", booking.pk)
    refused = owner.post(url, filled_in(owner.get(url).text, name="Lena B", **{name: "many"}))
    assert list(errors_of(refused)) == [name]
    assert filled_in(refused.text)[name] == "many"
    booking.refresh_from_db()
    assert booking.name != "Lena B"


def test_only_what_is_asked_with_the_type_is_asked_of_staff(house, owner):
    expert = make_expert(organization=house)
    slot, kind, other = make_slot(expert, minutes=60), make_type(expert), make_type(expert)
    always = make_question(house)
    mine, theirs = make_question(house, session_type=kind), make_question(house, session_type=other)
    page = owner.get(admin_url(Booking, "add"), {"slot": slot.pk}).text
    answers = {f"answer-{asked.pk}": "Knee" for asked in (always, mine, theirs)}
    form = filled_in(page, slot=slot.pk, session_type=kind.pk, name="Lena", **answers)
    assert owner.post(admin_url(Booking, "add"), form).status_code == 302
    booking = Booking.objects.get()
    assert set(values_of(booking)) == {always.slug, mine.slug}
    page = owner.get(admin_url(Booking, "change", booking.pk)).text
    assert f"answer-{mine.pk}" in page and f"answer-{theirs.pk}" not in page


def test_nobody_is_shown_what_another_organisation_asks(house, owner):
    stranger = make_slot(make_expert())
    asked = make_question(stranger.expert.organization, label="A secret question?")
    make_question(house, label="Our question?")
    page = owner.get(admin_url(Booking, "add"), {"slot": stranger.pk}).text
    assert "A secret question?" not in page
    form = {"slot": stranger.pk, "seats": 1, "name": "Lena", "key": "k", f"answer-{asked.pk}": "x"}
    assert "A secret question?" not in owner.post(admin_url(Booking, "add"), form).text
    assert not Booking.objects.exists()
