"""A calendar in a frame on somebody else's site, which is another origin for the browser, too."""

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import expect

from experts.models import Expert, Organization
from experts.models.expert import Venue
from tests.cast import book, make_expert, make_organization, make_slot

PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<title>Our clinic</title><body><h1>Our clinic</h1>
<div style="min-height: 48rem"><script src="{script}" {data} async></script></div>
<p>Where to find us</p></body></html>"""
MOVED = """
    window.moved = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) moved += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
"""


class Host:
    """Somebody else's site on `localhost` (ours is on 127.0.0.1). `body` is its only page."""

    def __init__(self):
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/" else 204)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(host.body.encode() if self.path == "/" else b"")

            def log_message(self, *args):
                pass

        self.body = ""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def host():
    host = Host()
    yield host
    host.server.shutdown()
    host.server.server_close()


@pytest.fixture
def expert(live_site, host):
    organization = make_organization(slug="northgate", name="Northgate", embed_origins=[host.origin])
    return make_expert(name="Amara Okafor", slug="amara", organization=organization)


def embed(page, host, site, data):
    host.body = PAGE.format(script=f"{site.url}/static/js/embed.js", data=data)
    page.goto(host.origin)
    return page.frame_locator("iframe")


def fits(page, frame) -> None:
    """The frame is as high as what it shows: nothing to scroll, and no empty space."""
    inner = page.frames[1]
    expect(page.locator("iframe")).not_to_have_css("height", "640px")
    inner.wait_for_function(
        """() => {
            const used = Math.ceil(document.getElementById('main').getBoundingClientRect().bottom + scrollY);
            return document.documentElement.scrollHeight <= innerHeight && innerHeight - used <= 4;
        }"""
    )


def test_it_shows_live_and_fits(page, host, live_site, expert):
    slot = make_slot(expert, capacity=3)
    page.add_init_script(MOVED)
    frame = embed(page, host, live_site, 'data-expert="amara"')
    expect(frame.locator("html")).to_have_attribute("data-live", "on")
    expect(frame.get_by_role("heading", name="Amara Okafor")).to_be_visible()
    expect(frame.locator(f"#slot-{slot.pk}-state")).to_have_text("3 seats")
    fits(page, frame)
    for document in page.frames:  # theirs, and ours in it
        assert document.evaluate("moved") < 0.02
    book(slot)
    expect(frame.locator(f"#slot-{slot.pk}-state")).to_have_text("2 of 3 left")
    for n in range(8):
        make_slot(expert, at=f"{12 + n}:00")
    before = page.locator("iframe").bounding_box()["height"]
    frame.locator(f"#day-{slot.date}").click()
    expect(frame.locator("#slot-" + str(slot.pk))).to_be_visible()
    expect(frame.locator(".tile")).to_have_count(9)
    fits(page, frame)
    assert page.locator("iframe").bounding_box()["height"] > before
    assert page.context.cookies() == [], "nothing is kept in the browser"


def test_times_are_the_visitors(make_context, host, live_site, expert):
    Expert.objects.update(venue=Venue.VIDEO)
    slot = make_slot(expert, at="10:00")
    page = make_context(timezone_id="Asia/Kolkata").new_page()
    frame = embed(page, host, live_site, 'data-expert="amara"')
    expect(frame.locator("#day")).to_contain_text("Kolkata")
    expect(frame.locator(f"#slot-{slot.pk} time")).not_to_have_text("10:00")


def test_a_site_with_one_look_decides_the_theme(make_context, host, live_site, expert):
    make_slot(expert)
    page = make_context(color_scheme="dark").new_page()
    frame = embed(page, host, live_site, 'data-expert="amara" data-theme="light"')
    expect(frame.locator("html")).to_have_attribute("data-theme", "expertbook")


def test_booking_goes_on_in_a_window_of_its_own(page, host, live_site, expert):
    Expert.objects.update(venue=Venue.VIDEO)
    slot = make_slot(expert)
    frame = embed(page, host, live_site, 'data-expert="amara"')
    time = frame.locator(f"#slot-{slot.pk} time").text_content()
    with page.context.expect_page() as opened:
        frame.locator(f"#slot-{slot.pk}").click()
    own = opened.value
    expect(own.locator(".booking-summary")).to_contain_text(f"{time} to")  # by the same clock, on a first visit, too
    own.get_by_label("Full name").fill("Lena Fischer")
    own.get_by_label("Email").fill("lena@example.com")
    own.get_by_label("I agree").check()
    own.get_by_role("button", name="Review booking").click()
    expect(frame.locator(f"#slot-{slot.pk}-state")).to_have_text("Being booked")
    own.get_by_role("button", name="Confirm booking").click()
    expect(own.locator(".reference-code")).to_be_visible()
    expect(frame.locator(f"#slot-{slot.pk}-state")).to_contain_text("Full")


def test_from_the_list_to_an_expert_and_back(page, host, live_site, expert):
    make_slot(expert)
    frame = embed(page, host, live_site, 'data-organization="northgate"')
    fits(page, frame)
    frame.get_by_role("link", name="Amara Okafor", exact=True).click()
    expect(frame.get_by_role("heading", name="Choose a time")).to_be_visible()
    fits(page, frame)
    frame.get_by_role("link", name="All experts").click()
    expect(frame.get_by_role("link", name="Amara Okafor", exact=True)).to_be_visible()
    fits(page, frame)


def test_a_site_that_is_not_listed_sees_nothing(browser, host, live_site, expert):
    Organization.objects.update(embed_origins=["https://somewhere-else.example"])
    context = browser.new_context()  # the refusal is written to the console
    page = context.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    frame = embed(page, host, live_site, 'data-expert="amara"')
    page.wait_for_load_state("networkidle")
    assert frame.get_by_text("Amara Okafor").count() == 0
    assert re.search("frame-ancestors", "\n".join(said)), said
    context.close()


@pytest.mark.parametrize("path", ["/experts/amara/", "/", "/bookings/", "/o/northgate/"])
def test_ordinary_pages_are_framed_by_nobody_listed_or_not(browser, host, live_site, expert, path):
    context = browser.new_context()
    page = context.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    host.body = f'<!doctype html><title>x</title><iframe src="{live_site.url}{path}"></iframe>'
    page.goto(host.origin)
    page.wait_for_load_state("networkidle")
    assert page.frame_locator("iframe").get_by_text("ExpertBook").count() == 0
    assert re.search("frame-ancestors|X-Frame-Options", "\n".join(said)), said
    context.close()


def test_a_message_from_somebody_else_changes_no_height(page, host, live_site, expert):
    make_slot(expert)
    frame = embed(page, host, live_site, 'data-expert="amara"')
    fits(page, frame)
    height = page.locator("iframe").bounding_box()["height"]
    page.evaluate("postMessage({type: 'expertbook:height', height: 5000}, '*')")
    page.evaluate("new Promise(done => setTimeout(done))")
    assert page.locator("iframe").bounding_box()["height"] == height
