"""The buttons of the hours' editor: what they make of a form, and what the answer says. Nothing is saved."""

from datetime import time

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from experts.admin.hours_editor import press
from experts.models import Expert, Role, Slot, WeeklyHours
from tests.cast import book, day_ahead, make_expert, make_organization, make_session_type
from tests.experts.admin.test_hours import grid, line
from tests.experts.services.test_hours import row, work
from tests.staff import admin_url, logged_in, make_member, make_superuser


def form(*lines: str, stored: int = 0) -> QueryDict:
    """A form with lines such as ``0 09:00 12:00``; the first ``stored`` of them have keys."""
    data = QueryDict(mutable=True)
    data.update({"hours-TOTAL_FORMS": str(len(lines)), "hours-INITIAL_FORMS": str(stored), "name": "Amara"})
    for n, text in enumerate(lines):
        day, start, end = text.split()
        data.update({f"hours-{n}-weekday": day, f"hours-{n}-start": start, f"hours-{n}-end": end})
        if n < stored:
            data[f"hours-{n}-id"] = str(70 + n)
    return data


def told(data: QueryDict) -> list[str]:
    """The lines that stay, as ``form`` takes them, with a star for those that are stored."""
    lines = []
    for n in range(int(data["hours-TOTAL_FORMS"])):
        if not data.get(f"hours-{n}-DELETE"):
            values = [data.get(f"hours-{n}-{name}", "") for name in ("weekday", "start", "end")]
            lines.append(" ".join(values) + ("*" if data.get(f"hours-{n}-id") else ""))
    return sorted(lines)


@pytest.mark.parametrize(
    ("lines", "button", "after"),
    [
        ([], "add:2", ["2 09:00 17:00"]),
        (["2 09:00 12:00"], "add:2", ["2 09:00 12:00", "2 13:00 17:00"]),
        (["2 09:00 17:00"], "add:2", ["2 09:00 17:00", "2 18:00 20:00"]),
        (["2 09:00 23:50"], "add:2", ["2 09:00 23:50", "2 23:30 00:00"]),
        (["2 09:00 00:00"], "add:2", ["2 09:00 00:00", "2 23:30 00:00"]),
        (["0 09:00 17:00"], "break:0", ["0 09:00 12:00", "0 13:00 17:00"]),
        (["0 14:00 18:00"], "break:0", ["0 14:00 15:30", "0 16:30 18:00"]),
        (["0 09:00 10:30"], "break:0", ["0 09:00 09:30", "0 10:00 10:30"]),
        (["0 09:00 10:00"], "break:0", ["0 09:00 10:00"]),
        (["0 09:00 00:00"], "break:0", ["0 09:00 12:00", "0 13:00 00:00"]),
        ([], "break:0", []),
        (["0 09:00 12:00", "0 13:00 17:00", "1 08:00 09:00"], "off:0", ["1 08:00 09:00"]),
        (["0 09:00 12:00", "1 08:00 09:00"], "remove:1", ["0 09:00 12:00"]),
        (["0 09:00 12:00"], "copy:0:1,2", ["0 09:00 12:00", "1 09:00 12:00", "2 09:00 12:00"]),
        (["0 09:00 12:00", "1 08:00 09:00", "1 10:00 11:00"], "copy:0:1", ["0 09:00 12:00", "1 09:00 12:00"]),
        (["0 09:00 12:00"], "copy:1:0", []),
        # What nobody could have pressed changes nothing.
        *((["0 09:00 12:00"], button, ["0 09:00 12:00"]) for button in ("", "x", "add", "add:7", "copy:0:0,9")),
        *((["0 09:00 12:00"], button, ["0 09:00 12:00"]) for button in ("remove:9", "add:²", "break:" + "9" * 5000)),
        (["0 9:75 x"], "break:0", ["0 9:75 x"]),
    ],
)
def test_what_a_button_makes_of_the_lines(lines, button, after):
    data, _opened = press(form(*lines), button)
    assert told(data) == sorted(after)
    assert data["name"] == "Amara"


def test_stored_lines_keep_their_keys_and_places():
    data, opened = press(form("0 09:00 12:00", "1 08:00 10:00", stored=2), "copy:0:1")
    assert told(data) == ["0 09:00 12:00*", "1 09:00 12:00*"]
    assert (data["hours-1-id"], opened) == ("71", None)
    data, _opened = press(form("0 09:00 12:00", "1 08:00 10:00", stored=2), "off:0")
    assert (data["hours-TOTAL_FORMS"], data["hours-0-id"], data["hours-0-DELETE"]) == ("2", "70", "on")
    data, opened = press(data, "add:0")
    assert (data["hours-TOTAL_FORMS"], opened) == ("3", 2)
    # A copy has no key, and what is special about the hours.
    special = form("0 09:00 12:00", stored=1)
    special["hours-0-title"] = "Yoga"
    special.setlist("hours-0-for_types", ["4", "5"])
    data, _opened = press(special, "copy:0:3")
    assert (data.get("hours-1-id"), data["hours-1-title"]) == (None, "Yoga")
    assert data.getlist("hours-1-for_types") == ["4", "5"]


@pytest.mark.parametrize("total", ["x", "-1", "999999999", "²"])
def test_a_form_that_lies_about_its_length_is_bounded(total):
    data = form("0 09:00 12:00")
    data["hours-TOTAL_FORMS"] = total
    after, _opened = press(data, "add:1")
    assert int(after["hours-TOTAL_FORMS"]) <= 201


@pytest.mark.django_db
class TestTheAnswer:
    @pytest.fixture
    def expert(self):
        return make_expert(horizon_days=10, session_minutes=60, default_capacity=2)

    def ask(self, client, expert, *lines, **values):
        url = reverse("admin:experts_expert_hours", args=[expert.pk])
        return client.post(url, grid(expert, *lines) | values)

    def test_it_says_what_saving_does_and_saving_then_does_it(self, expert):
        day = day_ahead(3)
        client = logged_in(make_superuser())
        work(expert, row(day))
        book(Slot.objects.get(date=day, time=time(9)))
        typed = line(expert.hours.get(), start="10:00", end="13:00")
        answer = self.ask(client, expert, typed)
        assert "10:00–13:00" in answer.text
        assert "Stay because they are booked" in answer.text
        assert WeeklyHours.objects.get().start == time(9)
        seen = answer.context["formset"].preview.key
        assert f'name="_seen" value="{seen}"' in answer.text
        response = client.post(admin_url(Expert, "change", expert.pk), grid(expert, typed, _seen=seen))
        assert response.status_code == 302
        assert WeeklyHours.objects.get().start == time(10)

    def test_it_waits_until_mistakes_are_corrected(self, expert):
        answer = self.ask(logged_in(make_superuser()), expert, line(weekday=1, start="12:00", end="09:00"))
        assert "The end must be after the start." in answer.text
        assert "Correct what is marked first" in answer.text

    def test_without_a_script_the_page_comes_again(self, expert):
        client = logged_in(make_superuser())
        url = admin_url(Expert, "change", expert.pk)
        page = client.post(url, grid(expert, name="Dr Typed", **{"_hours": "add:4"}))
        assert page.status_code == 200
        assert "Nothing has been changed yet." in page.text
        assert 'value="Dr Typed"' in page.text
        assert 'name="hours-0-start" value="09:00"' in page.text
        assert not WeeklyHours.objects.exists()
        expert.refresh_from_db()
        assert expert.name != "Dr Typed"

    def test_it_is_for_those_who_may_change_these_hours(self, expert):
        own = make_member(expert.organization, Role.EXPERT)
        assert self.ask(logged_in(own), expert).status_code == 404
        Expert.objects.filter(pk=expert.pk).update(user=own)
        assert self.ask(logged_in(own), expert).status_code == 200
        assert self.ask(logged_in(make_member(make_organization())), expert).status_code == 404
        assert self.ask(Client(), expert).status_code == 302
        assert logged_in(own).get(reverse("admin:experts_expert_hours", args=[expert.pk])).status_code == 405

    def test_types_of_others_are_no_choice(self, expert):
        make_session_type(expert.organization, expert, name="Own type")
        foreign = make_session_type(make_organization(), name="Foreign type")
        typed = line(weekday=1, start="09:00", end="12:00", for_types=[foreign.pk])
        answer = self.ask(logged_in(make_superuser()), expert, typed)
        assert "Own type" in answer.text
        assert "Foreign type" not in answer.text


@pytest.mark.django_db
def test_the_organisation_is_not_asked_where_there_is_only_one():
    organization = make_organization()
    owner, superuser = logged_in(make_member(organization)), logged_in(make_superuser())
    add = admin_url(Expert, "add")
    hidden = f'<input type="hidden" name="organization" value="{organization.pk}" id="id_organization">'
    for client in (owner, superuser):
        assert hidden in client.get(add).text
    make_organization()
    assert hidden in owner.get(add).text
    assert hidden not in superuser.get(add).text


@pytest.mark.django_db
def test_saving_leads_back_to_the_tab_or_on_to_whom_it_hits():
    expert = make_expert(horizon_days=10, session_minutes=60, default_capacity=2)
    client = logged_in(make_superuser())
    url = admin_url(Expert, "change", expert.pk)
    assert client.post(url, grid(expert, _tab="rules")).url == f"{url}#rules"
    assert client.post(url, grid(expert, _tab="//elsewhere")).url == admin_url(Expert)
    work(expert, row(day_ahead(3)))
    book(Slot.objects.filter(date=day_ahead(3)).first())
    typed = line(expert.hours.get(), start="10:00", end="12:00")
    seen = client.post(reverse("admin:experts_expert_hours", args=[expert.pk]), grid(expert, typed))
    key = seen.context["formset"].preview.key
    response = client.post(url, grid(expert, typed, _seen=key, _tab="weekly-hours"))
    assert "/rescue/" in response.url
