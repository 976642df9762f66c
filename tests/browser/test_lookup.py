"""Coming back to a booking from another browser, by the links in mails, and leaving it again."""

import contextlib
import re
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db.models import F
from playwright.sync_api import TimeoutError, expect

from bookings.models import Booking, Proof
from bookingsite.devserver import servers
from tests.cast import book, make_booking, make_slot, make_tax_adviser
from tests.live import site_environ


@pytest.fixture
def slot(transactional_db):
    expert = make_tax_adviser()
    make_slot(expert, at="16:00")
    return make_slot(expert, at="14:30")


class Site:
    """A site as in development: mails are files, /dev/mailbox/ shows them, and a worker sends them."""

    def __init__(self, site_with, database, folder):
        self._settings = {"DEBUG": "on", "EMAIL_URL": f"file:///{folder}"}
        self._database = database
        self.url = site_with(**self._settings).url

    def work(self):
        """Let a worker do what waits; it ends when nothing does."""
        environ = site_environ(self._database) | self._settings | {"SITE_URL": self.url}
        command = [sys.executable, "manage.py", "worker", "--one-shot", "--skip-checks"]
        subprocess.run(command, cwd=servers.BASE_DIR, env=environ, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def mails(tmp_path_factory):
    """The folder of a site that all tests here share."""
    return tmp_path_factory.mktemp("mail")


@pytest.fixture
def site(site_with, worker_database, mails):
    yield Site(site_with, worker_database, mails)
    for mail in mails.iterdir():
        mail.unlink()


def heading(page, text):
    return page.get_by_role("heading", name=text, exact=True)


def book_in(page, slot):
    page.goto(f"/slots/{slot.pk}/book/")
    page.get_by_label("Full name").fill("Lena Fischer")
    page.get_by_label("Email").fill("lena@example.com")
    page.get_by_label("I agree that").check()
    page.get_by_role("button", name="Review booking").click()
    page.get_by_role("button", name="Confirm booking").click()
    expect(heading(page, "You’re booked")).to_be_visible()
    return Booking.objects.get()


def ask_for_link(page, email):
    page.goto("/bookings/")
    expect(heading(page, "Find your bookings")).to_be_visible()
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Email me a link").click()
    expect(heading(page, "Check your inbox")).to_be_visible()
    expect(page.get_by_text(f"If {email} has bookings with us")).to_be_visible()


def open_mail(page, subject):
    """Find a mail in the mailbox and press the button in its HTML. Returns the address that it leads to."""
    page.goto("/dev/mailbox/")
    page.get_by_role("link", name=re.compile(re.escape(subject))).click()
    button = page.frame_locator("iframe").get_by_role("link", name=re.compile("^Open my booking"))
    page.wait_for_load_state()
    for _ in range(5):
        button.click()
        # Chromium drops a click on a frame of another process that it has not drawn yet. A person would click again.
        with contextlib.suppress(TimeoutError):
            page.wait_for_url("**/bookings/link/**", timeout=2000)
            break
    expect(page).to_have_url(re.compile("/bookings/link/"))
    return page.url


@pytest.mark.parametrize("javascript", [True, False])
def test_book_in_one_browser_and_look_it_up_from_another(site, make_context, slot, javascript):
    person = {"base_url": site.url, "java_script_enabled": javascript}
    first = make_context(**person).new_page()
    booking = book_in(first, slot)
    first.goto("/bookings/")
    first.get_by_role("link", name="Priya Raman").click()
    expect(first).to_have_url(re.compile(f"/bookings/{booking.reference}/$"))
    expect(first.get_by_text("Confirmed")).to_be_visible()

    second = make_context(**person, statuses=(404, 410)).new_page()
    second.goto(f"/bookings/{booking.reference}/")
    expect(second.get_by_text("We can’t show this booking here")).to_be_visible()
    ask_for_link(second, "LENA@example.com")
    site.work()
    link = open_mail(second, "Your link to your bookings")
    expect(second.get_by_text("Priya Raman")).to_have_count(0)
    second.get_by_role("button", name="Open my bookings").click()
    expect(second).to_have_url(re.compile("/bookings/$"))
    expect(second.get_by_text("This page closes itself after 60 minutes.")).to_be_visible()
    second.get_by_role("link", name="Priya Raman").click()
    expect(second.get_by_text(booking.reference)).to_be_visible()
    expect(second.get_by_text("Lena Fischer")).to_be_visible()

    second.locator(".back-link").click()
    second.get_by_role("button", name="Sign out").click()
    expect(second.get_by_text("You’re signed out")).to_be_visible()
    expect(heading(second, "Find your bookings")).to_be_visible()
    second.go_back()  # on a shared computer
    expect(second.get_by_text("Priya Raman")).to_have_count(0)

    second.goto(link)
    second.get_by_role("button", name="Open my bookings").click()
    expect(heading(second, "This link is used up")).to_be_visible()
    second.get_by_role("link", name="Get a new link").click()
    expect(heading(second, "Find your bookings")).to_be_visible()

    open_mail(second, "You're booked: Priya Raman")
    second.get_by_role("button", name="Open my booking").click()
    expect(second).to_have_url(re.compile(f"/bookings/{booking.reference}/$"))
    expect(second.get_by_text("Lena Fischer")).to_be_visible()


def test_by_reference(page, slot):
    booking = book(slot, email="lena@example.com")
    page.goto("/bookings/")
    page.get_by_label("Email").fill("lena@example.com")
    page.get_by_text("I have a booking reference").click()
    page.get_by_label("Reference").fill("EB-4444-4444")
    page.get_by_role("button", name="Open this booking").click()
    expect(page.locator(".error-summary")).to_be_focused()
    expect(page.locator(".error-summary")).to_contain_text("We found no booking")
    expect(page.get_by_role("textbox", name="Email")).to_have_value("lena@example.com")
    page.get_by_role("textbox", name="Reference").fill(booking.reference.lower().replace("-", ""))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/bookings/{booking.reference}/$"))


def test_the_page_closes_itself_when_the_proof_ends(site, make_context, slot):
    page = make_context(base_url=site.url, java_script_enabled=False).new_page()
    make_booking(slot, email="lena@example.com")
    ask_for_link(page, "lena@example.com")
    site.work()
    open_mail(page, "Your link to your bookings")
    page.get_by_role("button", name="Open my bookings").click()
    expect(page.get_by_text("Priya Raman")).to_be_visible()
    Proof.objects.update(expires_at=F("expires_at") - timedelta(minutes=59, seconds=57))
    page.reload()
    expect(heading(page, "Find your bookings")).to_be_visible()
    expect(page.get_by_text("Priya Raman")).to_have_count(0)
