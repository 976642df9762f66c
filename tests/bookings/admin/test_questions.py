"""Questions in the admin, and answers on the page of a booking: who reads them, and who is told that somebody did."""

import pytest

from bookings.models import NoteReading, Question, QuestionKind
from experts.models import Role
from tests.cast import book, make_expert, make_organization, make_question, make_slot
from tests.staff import admin_url, logged_in, make_member

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
