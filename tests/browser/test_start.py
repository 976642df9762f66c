"""From nothing to the first booking: somebody founds an organisation and sets up a week, without being told how."""

import re

from django.core import mail
from django.utils.dates import WEEKDAYS
from playwright.sync_api import expect

from bookings.models import Booking
from bookingsite.onboarding import tasks
from experts.models import Expert, Invitation, Slot
from tests.browser.test_accessibility import problems, two_looks
from tests.browser.test_admin import save
from tests.cast import day_ahead, make_category

PASSWORD = "ida knows the way"
START = ("Harbour Law", "ida@example.com")


def link_in_mail() -> str:
    """Sends what the worker would send, and returns the path of the link in it."""
    tasks.send_invitation(invitation_id=Invitation.objects.latest("pk").pk)
    return re.search(r"/start/invitation/\S+", mail.outbox[-1].body)[0]


def ask(page):
    page.goto("/start/")
    page.get_by_label("Organisation").fill(START[0])
    page.get_by_label("Your email").fill(START[1])
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_role("button", name="Email me a link").click()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()


def accept(page):
    page.goto(link_in_mail())
    page.get_by_label("Your name").fill("Ida Holm")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("heading", name="Get Harbour Law ready")).to_be_visible()


def step(page, name: str):
    return page.get_by_role("region", name="Get Harbour Law ready").get_by_role("link", name=name)


def choose(page, field: str, text: str):
    """From a list with a search."""
    page.locator(f"#id_{field} + .select2").click()
    page.locator(".select2-dropdown .select2-search__field").fill(text)
    page.get_by_role("option", name=text).click()


def add_expert(page):
    step(page, "Add your first expert").click()
    page.get_by_label("Name").fill("Ida Holm")
    choose(page, "category", "Legal")
    page.locator("#id_session_minutes").fill("60")
    save(page)
    expect(page.get_by_text("was added successfully")).to_be_visible()


def set_hours(page, day):
    """From nine to twelve, with a look at what that does before it happens."""
    step(page, "Set their weekly hours").click()
    page.get_by_role("button", name=f"hours {WEEKDAYS[day.weekday()]}").click()
    page.locator("#id_hours-0-start").fill("09:00")
    page.locator("#id_hours-0-end").fill("12:00")
    told = page.get_by_role("complementary", name="What saving does")
    expect(told).to_contain_text(re.compile(r"09:00, 10:00, 11:00(?!,)"))
    assert not Slot.objects.exists()
    save(page)
    expect(page.get_by_text("was changed successfully")).to_be_visible()


def book_one(page, day):
    slot = Slot.objects.get(date=day, time="10:00")
    page.goto(f"/experts/{Expert.objects.get().slug}/?day={day}")
    expect(page.locator("a.tile, .tile")).to_have_count(3)
    page.locator(f"#slot-{slot.pk}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Full name").fill("Ida Holm")
    dialog.get_by_label("Email").fill("ida@example.com")
    dialog.get_by_label("I agree that Harbour Law").check()
    dialog.get_by_role("button", name="Review booking").click()
    dialog.get_by_role("button", name="Confirm booking").click()
    expect(dialog.get_by_role("heading", name="You’re booked")).to_be_visible()


def test_a_week_is_set_up_from_nothing(page, live_site):
    make_category(name="Legal")
    day = day_ahead(3)
    ask(page)
    accept(page)
    add_expert(page)
    # The hours are on the page that the owner is on now; the checklist leads there, too.
    expect(page.locator(".eb-tabs").get_by_role("link", name="Hours")).to_be_visible()
    page.goto("/admin/")
    expect(step(page, "Add your first expert")).to_contain_text("Done")
    set_hours(page, day)

    page.goto("/admin/")
    expect(step(page, "Set their weekly hours")).to_contain_text("Done")
    step(page, "Make a test booking").click()
    expect(page.get_by_role("link", name="Ida Holm", exact=True)).to_be_visible()
    book_one(page, day)
    page.goto("/admin/")
    expect(step(page, "Make a test booking")).to_contain_text("Done")
    page.goto(f"/admin/day/?day={day}")
    expect(page.get_by_text("1 of 3", exact=True)).to_be_visible()
    assert Booking.objects.get().slot.expert.timezone == "Europe/Berlin"


@two_looks
def test_axe_finds_nothing_on_the_pages_of_the_beginning(make_context, live_site, look):
    page = make_context(**look, statuses=[410]).new_page()
    found = []
    page.goto("/start/")
    found += problems(page, "start")
    page.get_by_role("button", name="Email me a link").click()
    expect(page.locator(".error-summary, .field-error, [aria-invalid=true]").first).to_be_visible()
    found += problems(page, "what is missing")
    ask(page)
    found += problems(page, "sent")
    page.goto(link_in_mail())
    found += problems(page, "invitation")
    page.goto("/start/invitation/1.nonsense/")
    found += problems(page, "over")
    assert not found
