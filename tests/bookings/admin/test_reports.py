"""Reports in the admin: every number leads to a list with as many rows, and everybody sees their own."""

import copy
import csv
import io
import random
import re
from datetime import date, timedelta
from html import unescape

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from bookings.models import TurnedAway
from bookings.selectors import reports
from bookings.selectors.reports import Scope
from experts.models import ExportLog, Role
from tests.bookings.selectors.test_reports import FIRST, LAST, a_life
from tests.cast import make_booking, make_expert, make_organization, make_slot
from tests.database import lasting_rows
from tests.staff import logged_in, make_member, make_superuser, messages_of
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db
URL = "/admin/reports/"
OWN = {"period": "own", "from": FIRST.isoformat(), "to": LAST.isoformat()}


@pytest.fixture(scope="module")
def _lasting_life(django_db_setup, django_db_blocker):
    """One for all tests of this file: to make it takes longer than most of them."""
    with lasting_rows(django_db_blocker):
        yield a_life(random.Random(3))


@pytest.fixture
def life(_lasting_life, db):
    """Experts of one organisation and what became of their bookings. What a test does to it is undone."""
    return copy.deepcopy(_lasting_life)


def rows_of(client, url: str) -> int:
    """How many rows the list at an address has, by its export."""
    path, _mark, query = unescape(url).partition("?")
    response = client.get(f"{path}export.csv?{query}")
    assert response.status_code == 200, url
    return len(list(csv.reader(io.StringIO(b"".join(response).decode("utf-8-sig"))))) - 1


@pytest.mark.parametrize("by", ["expert", "day", "type"])
def test_every_number_leads_to_a_list_with_as_many_rows(life, by):
    client = logged_in(make_superuser())
    make_booking(make_slot(day=FIRST))  # of another organisation
    chosen = [life[0].pk, life[1].pk]
    asked = OWN | {"by": by, "experts": chosen, "organization": life[0].organization_id}
    response = client.get(URL, asked)
    context = response.context
    for row in (*context["table"]["rows"], context["table"]["total"]):
        for cell in row["counted"]:
            if cell["url"]:
                assert rows_of(client, cell["url"]) == int(cell["number"]), (row["name"], cell)
    assert sum(int(row["counted"][0]["number"]) for row in context["table"]["rows"]) > 5
    scope = Scope(chosen, FIRST, LAST)
    cards = {str(card["label"]): card for card in context["cards"]}
    assert rows_of(client, cards["Used of offered"]["url"]) == scope.slots().count()
    assert rows_of(client, cards["Turned away"]["url"]) == scope.turned_away().count()
    assert rows_of(client, cards["Turned away"]["more"]["url"]) == scope.waitlist().count() > 0
    cells = [cell for row in context["heat"]["rows"] for cell in row["cells"] if cell.get("url")]
    assert sum(rows_of(client, cell["url"]) for cell in cells) <= scope.slots().count()
    assert all(rows_of(client, cell["url"]) for cell in cells)
    for row in context["demand"]["rows"]:
        assert rows_of(client, row["url"])


def test_the_list_of_a_number_can_be_filtered_further(life):
    client = logged_in(make_member(life[0].organization))
    [cell, *_others] = client.get(URL, OWN | {"experts": life[0].pk}).context["table"]["total"]["counted"]
    page = client.get(unescape(cell["url"]))
    assert re.search(r'type="hidden" name="counted" value="booked"', page.text)
    assert re.search(rf'type="hidden" name="experts" value="{life[0].pk}"', page.text)


def test_a_period_is_compared_with_the_one_before_and_moves_by_itself(life):
    client = logged_in(make_member(life[0].organization))
    expected = {
        ("month", "2026-03-31"): ("2026-03-01", "2026-03-31", "2026-02-01", "2026-02-28"),
        ("quarter", "2026-02-10"): ("2026-01-01", "2026-03-31", "2025-10-01", "2025-12-31"),
        ("week", "2026-01-01"): ("2025-12-29", "2026-01-04", "2025-12-22", "2025-12-28"),
    }
    for (period, day), days in expected.items():
        asked = client.get(URL, {"period": period, "day": day}).context["asked"]
        assert (asked.first, asked.last, *asked.before) == tuple(map(date.fromisoformat, days))
    asked = client.get(URL, OWN).context["asked"]
    assert asked.before == (FIRST - timedelta(days=14), FIRST - timedelta(days=1))
    page = client.get(URL, {"period": "month", "day": "2026-03-10"})
    assert "March" in page.context["span"] and "compared with February" in page.text
    assert "day=2026-02-01" in page.context["earlier"] and "day=2026-04-01" in page.context["later"]


@pytest.mark.parametrize(
    "query",
    [
        {"period": "own", "from": "x", "to": "0001-01-01", "experts": "a,-1,99999999999999999999"},
        {"period": "own", "from": "9999-12-31", "to": "9999-12-31"},
        {"period": "month", "day": "9999-12-31"},
        {"period": "quarter", "day": "0001-01-01", "by": "nonsense"},
        {"period": "\x00"},
    ],
)
def test_whatever_the_address_says_there_is_a_report(life, query):
    assert logged_in(make_member(life[0].organization)).get(URL, query).status_code == 200


def test_a_report_has_400_days_at_most_and_says_so(life):
    response = logged_in(make_member(life[0].organization)).get(
        URL, {"period": "own", "from": "2020-01-01", "to": "2026-12-31"}
    )
    assert (response.context["asked"].last - date(2020, 1, 1)).days == reports.LONGEST - 1
    assert "at most 400 days" in messages_of(response)[0]


def test_everybody_sees_what_is_theirs(life):
    house = life[0].organization
    stranger = logged_in(make_member(make_organization(name="Harbour Law")))
    assert stranger.get(URL, OWN | {"organization": house.pk}).status_code == 404
    page = stranger.get(URL, OWN | {"experts": [life[0].pk]})
    assert page.status_code == 200 and life[0].name not in page.text
    assert page.context["table"]["total"]["counted"][0]["number"] == "0"
    colleague = make_member(house, Role.EXPERT)
    life[1].user = colleague
    life[1].save(update_fields=["user"])
    page = logged_in(colleague).get(URL, OWN | {"experts": [expert.pk for expert in life]})
    assert [row["name"] for row in page.context["table"]["rows"]] == [life[1].name]
    total = reports.totals(Scope([life[1].pk], FIRST, LAST))
    assert page.context["table"]["total"]["counted"][0]["number"] == str(total.booked)
    nobody = make_member(house)
    nobody.memberships.all().delete()
    assert logged_in(nobody).get(URL).status_code == 403


def test_the_page_asks_as_much_of_the_database_for_one_expert_as_for_many(life):
    client = logged_in(make_member(life[0].organization))
    counts = []
    for chosen in ([life[0].pk], [expert.pk for expert in life]):
        with asked_of_database() as asked:
            client.get(URL, OWN | {"experts": chosen})
        counts.append(asked.statements)
    assert counts[0] == counts[1], asked


def test_a_slot_can_be_added_where_people_were_turned_away():
    expert = make_expert(session_minutes=30)
    day = expert.today() - timedelta(days=7)
    slot = make_slot(expert, day=day, at="16:00")
    TurnedAway.objects.create(slot=slot, reason="full", source="web", people=17)
    make_slot(expert, day=day + timedelta(days=14), at="16:00", minutes=45)
    client = logged_in(make_member(expert.organization))
    page = client.get(URL, {"period": "own", "from": day, "to": day})
    [row] = page.context["demand"]["rows"]
    assert row["people"] == 17
    form = client.get(row["add"])
    assert form.status_code == 200
    initial = form.context["adminform"].form.initial
    assert (initial["expert"], initial["date"]) == (str(expert.pk), (day + timedelta(days=14)).isoformat())
    assert initial["time"] == "16:45", "the next such day has a slot there already"
    schedulers = logged_in(make_member(expert.organization, Role.SCHEDULER)).get(row["url"])
    assert schedulers.status_code == 200


def test_the_table_can_be_taken_along_and_that_is_logged(life):
    owner = make_member(life[0].organization, email="ada@example.com")
    client = logged_in(owner)
    asked = OWN | {"by": "expert"}
    response = client.get(reverse("admin:reports_csv"), asked)
    assert response.headers["Content-Disposition"].startswith('attachment; filename="report-')
    lines = list(csv.reader(io.StringIO(b"".join(response).decode("utf-8-sig"))))
    total = reports.totals(Scope([expert.pk for expert in life], FIRST, LAST))
    assert lines[-1][2:7] == [
        "All together",
        *map(str, (total.booked, total.attended, total.no_shows, total.cancelled)),
    ]
    assert len(lines) == 2 + len(life)
    response = client.get(reverse("admin:reports_xlsx"), asked)
    book = load_workbook(io.BytesIO(b"".join(response)))
    assert book.sheetnames == ["By expert", "Used seats by hour", "Demand you turned away"]
    assert book.worksheets[0].max_row == 2 + len(life)
    logged = ExportLog.objects.order_by("pk")
    assert [(row.subject, row.format, row.rows, row.organization, row.who) for row in logged] == [
        ("reports", kind, len(life), life[0].organization, "ada@example.com") for kind in ("csv", "xlsx")
    ]
    assert "from=2026-09-07" in logged[0].filters
    assert re.search(r"ada@example.com", client.get("/admin/experts/exportlog/").text)
    scheduler = logged_in(make_member(life[0].organization, Role.SCHEDULER))
    assert scheduler.get("/admin/experts/exportlog/").status_code == 403


def test_nothing_is_said_of_nothing():
    expert = make_expert()
    page = logged_in(make_member(expert.organization)).get(URL)
    assert page.status_code == 200
    assert "Nothing was offered on these days." in page.text and "Nobody was turned away" in page.text


def test_all_of_an_organization_are_asked_for_by_its_name_alone(life):
    """However many experts it has, no statement lists them."""
    client = logged_in(make_member(life[0].organization))
    with asked_of_database() as asked:
        page = client.get(URL, OWN)
    assert len(page.context["table"]["rows"]) == len(life) >= 3
    listed = [sql for sql, _callers in asked.sent if re.search(r'expert_id" IN \(\d+, \d+', sql)]
    assert listed == []
    experts = [sql for sql, _callers in asked.sent if 'FROM "experts_expert"' in sql]
    bounded = ("LIMIT", "COUNT(", " IN (", "= ANY(ARRAY(SELECT")
    assert all(any(words in sql for words in bounded) for sql in experts), experts


def test_the_organization_is_the_one_of_the_staffs_other_pages(life):
    client = logged_in(make_superuser())
    other = make_expert(organization=make_organization(name="Harbour Law"))
    client.get("/admin/day/", {"organization": other.organization_id})
    page = client.get(URL)
    assert page.context["asked"].organization == other.organization
    client.get(URL, {"organization": life[0].organization_id})
    assert client.get("/admin/day/").context["organization"] == life[0].organization
    assert f'value="{life[0].organization_id}" selected' in client.get("/admin/import/").text
