"""A real Chromium, driven as a person would, against our own daphne. Pages know its address: `page.goto("/experts/")`.

A test fails when a page of it throws an error, or writes one to the console: a broken content security policy and a
missing file show up there and nowhere else.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser import chromium

ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", "timezone_id": "Europe/Berlin"}
# Drawing what moves takes a third of Chromium's work. The way to a booking is walked with it (test_booking.py).
STILL = {"reduced_motion": "reduce"}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# Answers that are part of the product (taken, invalid, too many, busy); Chromium writes each to the console.
EXPECTED_STATUSES = frozenset({409, 422, 429, 503})
LOST_CONNECTION = re.compile(r"WebSocket connection to|htmx:ws:error|htmx:error|net::ERR_|Failed to fetch")
# As long as for what is clicked. A machine that does much else takes longer than the usual five seconds.
PATIENCE = 10_000
expect.set_options(timeout=PATIENCE)
FAILED_LOAD = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")


def box_at_rest(locator):
    """Where an element stays: even with reduced motion, what moves into its place is elsewhere for one frame."""
    locator.evaluate("element => Promise.all(element.getAnimations().map(animation => animation.finished))")
    return locator.bounding_box()


def let_in(page, email):
    """Give the browser of a page the session of somebody with an account. Forms to log in by: test_log_in.py."""
    from experts.models import User
    from tests.staff import logged_in

    session = logged_in(User.objects.get(email=email)).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "domain": "127.0.0.1", "path": "/"}])


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("browser")


# For this folder's tests and not for the session: playwright keeps an event loop running in the thread of the tests,
# and beside it async_to_sync and asyncio.run in any other test would fail.
@pytest.fixture(scope="package")
def browser():
    path = chromium.find()
    if not path:
        pytest.fail(chromium.MISSING, pytrace=False)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Django takes that event loop for a sign of asynchronous code and refuses to use the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def make_context(browser, live_site):
    """Make one more browser context, a person with cookies of their own: `make_context(locale="de-DE")`.

    Takes what playwright's `new_context` takes, and `statuses`, answers that this test expects besides the usual ones;
    `loses_sockets` when the test cuts connections, which Chromium writes to the console.
    """
    contexts, errors = [], []

    def make(*, statuses=(), loses_sockets=False, **options):
        context = browser.new_context(**{"base_url": live_site.url} | DESKTOP | STILL | options)
        context.set_default_timeout(PATIENCE)
        expected = EXPECTED_STATUSES | set(statuses)

        def on_console(message):
            failed = FAILED_LOAD.match(message.text)
            if loses_sockets and LOST_CONNECTION.search(message.text):
                return
            if message.type == "error" and not (failed and int(failed[1]) in expected):
                errors.append(f"{message.text} ({message.location.get('url', '')})")

        context.on("console", on_console)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert not errors, "errors in the browser:\n" + "\n".join(errors)


@pytest.fixture
def page(make_context):
    """A new visitor at a desktop."""
    return make_context().new_page()


@pytest.fixture
def phone_page(make_context):
    """A new visitor with a phone: 390 px wide, touch."""
    return make_context(**PHONE).new_page()


@pytest.fixture
def page_without_js(make_context):
    """A new visitor whose browser runs no JavaScript."""
    return make_context(java_script_enabled=False).new_page()
