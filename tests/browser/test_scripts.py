"""Our scripts among those of others, on one page."""

import re

import pytest
from playwright.sync_api import expect

from tests.cast import make_expert, make_slot

NAMES = "Object.getOwnPropertyNames(window)"


@pytest.mark.parametrize("path", ["/experts/amara/", "/embed/expert/amara/"])
def test_they_leave_nothing_but_htmx_on_the_window(make_context, path):
    make_slot(make_expert(slug="amara"))
    page = make_context().new_page()
    page.goto(path)
    page.wait_for_load_state("networkidle")
    with_ours = set(page.evaluate(NAMES))
    context = make_context(loses_sockets=True)
    scripts = re.compile("/static/(built|js)/")
    context.route(scripts, lambda route: route.fulfill(body="", content_type="text/javascript"))
    page = context.new_page()
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert with_ours - set(page.evaluate(NAMES)) == {"htmx"}
    expect(page.locator("html")).not_to_have_class(re.compile(r"\bjs\b"))  # without ours indeed
