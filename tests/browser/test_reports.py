"""Numbers that lead to lists, a file that is imported, a day on paper: as somebody at a desk does it, in a browser."""

import io
import random
from datetime import timedelta

import pytest
from openpyxl import load_workbook
from playwright.sync_api import expect

from bookings.models import Booking, TurnedAway
from bookings.services import imports
from experts.models import ExportLog, ImportRun, Slot
from tests.bookings.selectors.test_reports import FIRST, LAST, a_life
from tests.bookings.services.test_imports import DAY, HEAD, content
from tests.browser.conftest import DESKTOP, PHONE, let_in
from tests.browser.test_accessibility import AXE, RULES, RUN_AXE
from tests.browser.test_admin import open_admin
from tests.cast import make_booking, make_expert, make_slot
from tests.staff import make_member

OWN = f"period=own&from={FIRST}&to={LAST}"


def faults_of(page, name: str) -> list[str]:
    page.evaluate(AXE)
    found = [f"{name}: {text}" for text in page.evaluate(RUN_AXE, RULES)]
    for width in (320, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 860})
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{name} is wider than {width}")
    return found


@pytest.fixture
def experts(live_site):
    experts = a_life(random.Random(5))
    make_member(experts[0].organization, email="maya@example.com", name="Maya Brandt")
    TurnedAway.objects.create(
        slot=Slot.objects.filter(date__range=(FIRST, LAST), expert=experts[0]).first(),
        reason="full",
        source="web",
        people=40,
    )
    return experts


def test_a_number_opens_its_list_which_is_taken_along_in_a_file(page, experts):
    open_admin(page)
    page.get_by_role("link", name="Reports").first.click()
    page.get_by_role("link", name="Own dates").click()
    page.get_by_label("From").fill(FIRST.isoformat())
    page.get_by_label("To").fill(LAST.isoformat())
    page.get_by_role("button", name="Show").last.click()
    expect(page.get_by_role("heading", name="7 to 20 September")).to_be_visible()
    page.locator("summary", has_text="3 experts").click()
    page.get_by_label(experts[0].name).check()
    page.locator(".eb-menu-sheet").get_by_role("button", name="Show").click()
    expect(page.locator("summary", has_text="1 expert")).to_be_visible()
    # Somebody was turned away: slots are added there.
    row = page.get_by_role("region", name="Demand you turned away").get_by_role("listitem").first
    expect(row).to_contain_text("times")
    assert f"expert={experts[0].pk}&date=" in row.get_by_role("link", name="Add slots").get_attribute("href")
    number = page.get_by_role("row").filter(has_text=experts[0].name).get_by_role("link").first
    count = int(number.inner_text())
    assert (
        count
        == Booking.objects.filter(
            slot__expert=experts[0],
            slot__date__range=(FIRST, LAST),
            status__in=["CONFIRMED", "COMPLETED", "NO_SHOW", "CANCELLED"],
        ).count()
    )
    number.click()
    expect(page.locator("#result_list tbody tr")).to_have_count(count)
    with page.expect_download() as download:
        page.get_by_role("link", name="XLSX").click()
    assert download.value.suggested_filename.endswith(".xlsx")
    book = load_workbook(io.BytesIO(download.value.path().read_bytes()))
    assert book.active.max_row == 1 + count
    assert ExportLog.objects.get().rows == count


def test_a_file_is_tried_and_imported_while_the_page_tells(page, live_site):
    expert = make_expert(name="Dr Amara Okafor")
    make_slot(expert, at="10:00")
    make_member(expert.organization, email="maya@example.com", name="Maya Brandt")
    row = [expert.name, DAY, "10:00", "Lena Fischer", "lena@example.com", "", "", ""]

    def choose(*rows):
        page.get_by_role("link", name="Import", exact=True).click()
        page.get_by_role("radio", name="Bookings").check()
        name = {"name": "bookings.csv", "mimeType": "text/csv", "buffer": content(HEAD, *rows)}
        page.get_by_label("File", exact=True).set_input_files(name)
        page.get_by_role("button", name="Check the file").click()

    def work():
        imports.run_import(run_id=ImportRun.objects.latest("pk").pk)

    open_admin(page)
    choose(row, ["Nobody", *row[1:]])
    expect(page.get_by_role("heading", name="The file is being checked")).to_be_visible()
    work()
    expect(page.get_by_role("row").filter(has_text="Row 3")).to_contain_text("There is no expert Nobody")
    assert not faults_of(page, "errors")
    choose(row)
    work()
    page.get_by_role("button", name="Import 1 booking").click()
    expect(page.get_by_role("heading", name="The import is running")).to_be_visible()
    assert not Booking.objects.exists()
    work()
    expect(page.get_by_text("1 added, 0 were there already.")).to_be_visible()
    assert Booking.objects.get().name == "Lena Fischer"
    choose(row)
    work()
    expect(page.get_by_role("heading", name="There is nothing to import")).to_be_visible()


def test_it_works_without_scripts(make_context, live_site):
    expert = make_expert(name="Dr Amara Okafor")
    make_slot(expert, at="10:00")
    make_member(expert.organization, email="maya@example.com", name="Maya Brandt")
    page = make_context(java_script_enabled=False).new_page()
    let_in(page, "maya@example.com")
    page.goto("/admin/import/")
    page.get_by_role("radio", name="Bookings").check()
    row = [expert.name, DAY, "10:00", "Lena Fischer", "lena@example.com", "", "", ""]
    file = {"name": "bookings.csv", "mimeType": "text/csv", "buffer": content(HEAD, row)}
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Check the file").click()
    imports.run_import(run_id=ImportRun.objects.get().pk)
    page.get_by_role("button", name="Import 1 booking").click()
    imports.run_import(run_id=ImportRun.objects.get().pk)
    expect(page.get_by_text("1 added, 0 were there already.")).to_be_visible()


@pytest.mark.parametrize("look", [DESKTOP | {"color_scheme": "light"}, PHONE | {"color_scheme": "dark"}])
def test_everybody_can_use_the_pages(make_context, experts, look):
    today = experts[1].today() + timedelta(days=1)
    make_booking(make_slot(experts[1], day=today), name="Lena Fischer")
    page = make_context(**look).new_page()
    let_in(page, "maya@example.com")
    found = []
    reports = [f"reports/?{OWN}&by={by}" for by in ("expert", "day", "type")]
    for path in (*reports, "import/", f"day/print/?day={today}"):
        page.goto(f"/admin/{path}")
        for folded in page.locator("details:not([open]) > summary").all():
            if folded.is_visible():
                folded.click()
        found += faults_of(page, path)
    assert not found, "\n".join(found)


def test_a_day_is_a_page_of_paper_for_each_expert(page, experts):
    day = experts[1].today() + timedelta(days=1)
    for expert in (experts[1], make_expert(organization=experts[1].organization)):
        make_booking(make_slot(expert, day=day, at="12:00"), name="Lena Fischer")
    let_in(page, "maya@example.com")
    page.goto(f"/admin/day/print/?day={day}")
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    paper = page.pdf(prefer_css_page_size=True)
    assert paper.count(b"/Type /Page\n") == page.locator("section").count() > 1
