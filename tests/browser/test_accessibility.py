"""Everybody can use it: axe finds nothing on any page or state, and nothing is wider than the window.

axe is evaluated through the debugging protocol and not loaded by the page, so the content security policy stays on.
"""

from datetime import timedelta
from pathlib import Path

import axe_playwright_python
import pytest
from django.contrib.auth.models import Group
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

import bookings.services
from bookings.access import links, proofs
from bookings.models import ApiToken, Block, Booking, Notification, Status, WaitlistEntry, WebhookEndpoint
from experts import services
from experts.models import Expert, ImportRun, SessionType, SignIn, User
from tests.bookingsite.isolation import make_world
from tests.browser.conftest import DESKTOP, PHONE
from tests.cast import day_ahead, make_booking, make_category, make_expert, make_organization, make_slot
from tests.staff import admin_url

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (320, 390, 768, 1280)
LOOKS = {
    "desktop-light": DESKTOP | {"color_scheme": "light"},
    "phone-dark": PHONE | {"color_scheme": "dark"},
    "desktop-dark": DESKTOP | {"color_scheme": "dark"},
    "phone-light": PHONE | {"color_scheme": "light"},
}
# Every width and every theme meets every page; only what has the most colours meets each with each.
each_look = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
two_looks = pytest.mark.parametrize("look", list(LOOKS.values())[:2], ids=list(LOOKS)[:2])
LONG_WORD = "Rheumatologisch-Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft"
NAMES = {
    "long": f"Prof {LONG_WORD}",
    "arabic": "الدكتورة فاطمة بنت محمد العبدالله الأنصاري الخزرجي",
    "hangul": "김수현박사님의심리상담실예약센터" * 3,
}
# The page's script says "on" again with the next beat, which may come while axe is looking.
KEEP_STATE = """(root, state) => {
  window.kept?.disconnect();
  root.dataset.live = state;
  window.kept = new MutationObserver(() => { if (root.dataset.live !== state) root.dataset.live = state; });
  window.kept.observe(root, { attributes: true, attributeFilter: ["data-live"] });
}"""


@pytest.fixture
def expert(transactional_db):
    """Somebody with a tile in each state, in two days."""
    organization = make_organization(name="Northgate Clinic", slug="northgate", contact_email="desk@example.com")
    expert = make_expert(
        name="Dr Amara Okafor",
        slug="amara-okafor",
        headline="Musculoskeletal physiotherapist",
        bio="Back, neck and running injuries.",
        languages=["en", "pt"],
        organization=organization,
        category=make_category(name="Health", slug="health"),
        min_notice=timedelta(0),
        max_party=3,
    )
    make_slot(expert, day=day_ahead(0), at="00:00")  # past
    make_slot(expert, at="09:00", capacity=5, title="Introduction for new patients")
    make_slot(expert, at="20:00", capacity=12)
    for at, taken in (("10:00", 3), ("11:00", 5)):  # few, full
        make_booking(make_slot(expert, at=at, capacity=5), seats=taken)
    make_booking(make_slot(expert, at="13:00"), status=Status.HELD)
    services.close_slot(slot_id=make_slot(expert, at="14:00").pk)
    return expert


@pytest.fixture
def approving(expert):
    return make_expert(name="Dr Tomás Herrera", slug="tomas", organization=expert.organization, requires_approval=True)


# One h1, a title, a language, landmarks, and nothing to scroll sideways to.
REQUIRED = """() => Object.entries({
    "one h1": document.querySelectorAll("h1").length === 1,
    "a title": /.+ · ExpertBook$/.test(document.title),
    "a language": document.documentElement.lang === "en",
    "landmarks": ["header", "main", "footer"].every((tag) => document.querySelectorAll(`body > ${tag}`).length === 1),
    "no sideways scrolling": document.documentElement.scrollWidth <= innerWidth,
}).filter(([, holds]) => !holds).map(([what]) => `needs ${what}`)"""

RUN_AXE = """async (rules) => {
    const { violations } = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`));
}"""

TOO_WIDE = """() => [document.documentElement, ...document.querySelectorAll(".tile, .tile-state, .card, .segments")]
    .filter((box) => box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).display !== "none")
    .map((box) => `${box.tagName} ${box.className} ${box.scrollWidth} > ${box.clientWidth}`)"""

# The first frame after a change of the window's size may still be laid out for the old one.
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Colours change slowly when the theme does. Of a sheet that a script adopts, the policy of the page says nothing.
AT_ONCE = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, ::before, ::after { transition: none !important; }");
  document.adoptedStyleSheets.push(sheet);
}"""


def problems(page, name: str) -> list[str]:
    """What is wrong with the page as it is now."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    return [f"{name}: {text}" for text in page.evaluate(RUN_AXE, RULES) + page.evaluate(REQUIRED)]


class TestAxeFindsNothing:
    @pytest.fixture
    def page(self, make_context, look):
        # Colours are measured on what stands still.
        return make_context(**look, statuses=[404]).new_page()

    @two_looks
    def test_on_the_pages(self, page, expert):
        found = []
        for name, address in {
            "discovery": "/",
            "no results": "/?search=nobody&when=today",
            "corrected, filtered": "/?search=okafro&language=en&part=morning&part=afternoon&part=evening",
            "organisation": "/o/northgate/",
            "past day": f"/experts/amara-okafor/?day={day_ahead(0)}",
            "empty day": f"/experts/amara-okafor/?day={day_ahead(3)}",
            "month": f"/experts/amara-okafor/?month={day_ahead():%Y-%m}",
            "look-up": "/bookings/",
            "your data, unproven": "/bookings/data/",
            "time zone": "/preferences/",
            "link": "/bookings/link/any-token/",
            "not found": "/experts/nobody/",
        }.items():
            page.goto(address)
            found += problems(page, name)
        page.locator("#main .btn-primary").click()  # the way out of a dead end
        page.locator("#zone-menu summary").click()
        expect(page.get_by_label("Show times in")).to_be_visible()
        found += problems(page, "zone menu")
        page.goto("/bookings/link/any-token/")
        page.get_by_role("button", name="Open my bookings").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("This link doesn’t work")
        found += problems(page, "link over")
        page.goto("/bookings/?find=1")
        page.get_by_role("button", name="Email me a link").click()
        found += problems(page, "look-up with an error")
        page.get_by_label("Email").fill("lena@example.com")
        page.get_by_role("button", name="Email me a link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Check your inbox")
        found += problems(page, "look-up sent")
        assert not found, "\n".join(found)

    @each_look
    def test_while_the_page_is_live(self, page, expert):
        found = []
        page.goto(f"/experts/amara-okafor/?day={day_ahead()}")
        root = page.locator("html")
        expect(root).to_have_attribute("data-live", "on")
        found += problems(page, "live")
        full = expert.slots.get(time="11:00")
        services.set_capacity(slot_id=full.pk, capacity=8)
        expect(page.locator(".tile-flag")).to_be_visible()
        found += problems(page, "just opened")
        visitor = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "visitor").split(":")[
            0
        ]
        waited_for = expert.slots.get(time="13:00")
        entry = {"slot": waited_for, "name": "Lena", "email": "lena@example.com", "visitor": visitor}
        WaitlistEntry.objects.create(**entry)
        page.reload()
        expect(page.get_by_text("On waitlist")).to_be_visible()
        services.set_capacity(slot_id=waited_for.pk, capacity=2)
        expect(page.get_by_role("button", name="Book it")).to_be_visible()
        found += problems(page, "a seat came")
        for state in ("waiting", "offline", "stopped"):
            root.evaluate(KEEP_STATE, state)
            expect(page.locator(".live-note")).to_be_visible()
            expect(page.locator(".live-on")).to_be_hidden()
            found += problems(page, state)
        assert not found, "\n".join(found)

    @two_looks
    def test_on_the_way_to_a_booking(self, page, expert, approving):
        found = []
        make_slot(approving, at="10:00")
        page.goto(f"/experts/amara-okafor/?day={day_ahead()}")
        page.locator(f"#slot-{expert.slots.get(time='09:00').pk}").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("heading", name="Your details", level=2)).to_be_focused()
        found += problems(page, "details")
        review = dialog.get_by_role("button", name="Review booking")
        review.click()
        expect(dialog.locator(".error-summary")).to_be_focused()
        found += problems(page, "errors")
        fill(dialog)
        found += ask_and_keep(page, dialog, review)
        confirm = dialog.get_by_role("button", name="Confirm booking")
        confirm.click()
        expect(dialog.get_by_text("You’re booked")).to_be_visible()
        found += problems(page, "done")
        dialog.get_by_role("link", name="Close").last.click()
        page.locator(f"#slot-{expert.slots.get(time='09:00').pk}").click()
        expect(dialog.get_by_text("You’re already booked")).to_be_visible()
        found += problems(page, "already booked")
        dialog.get_by_role("link", name="Close").click()
        page.locator(f"#slot-{expert.slots.get(time='11:00').pk}").click()
        expect(dialog.get_by_text("Closest open times")).to_be_visible()
        found += problems(page, "taken")

        page.goto(f"/slots/{approving.slots.get().pk}/book/")
        found += problems(page, "details as a page")
        fill(page)
        page.get_by_role("button", name="Review booking").click()
        page.get_by_role("button", name="Confirm booking").click()
        expect(page.get_by_text("Request sent")).to_be_visible()
        found += problems(page, "request sent")
        mine = Booking.objects.get(name="Lena Fischer", status=Status.PENDING)
        over = (Status.COMPLETED, Status.CANCELLED, Status.REJECTED, Status.EXPIRED, Status.NO_SHOW)
        for weeks, status in enumerate(over, start=1):
            make_booking(make_slot(expert, day=day_ahead(-7 * weeks)), status=status, holder=mine.holder)
        page.goto("/bookings/")
        expect(page.locator("html")).to_have_attribute("data-live", "on")
        found += problems(page, "my bookings")
        page.goto(links.link_url(links.booking_token(mine)).removeprefix("http://localhost:8000"))
        page.get_by_role("button", name="Open my booking").click()
        expect(page.get_by_role("heading", name="Status")).to_be_visible()
        found += problems(page, "booking")
        proof = proofs.prove_address(visitor=mine.holder, email=mine.email)
        for name, address in {"your data": "", "read": f"{proof.pk}/", "erase": f"{proof.pk}/erase/"}.items():
            page.goto(f"/bookings/data/{address}")
            found += problems(page, name)
        assert not found, "\n".join(found)

    @two_looks
    def test_on_pages_about_failures(self, page, live_site):
        found = []
        page.route(
            "**/failures/*",
            lambda route: route.fulfill(
                body=render_to_string(route.request.url.rsplit("/")[-1]), content_type="text/html"
            ),
        )
        for name in ("400", "403", "404", "429", "500", "503", "csrf"):
            page.goto(f"/failures/{name}.html")
            found += problems(page, name)
        assert not found, "\n".join(found)


def ask_and_keep(page, dialog, review):
    """Go on to the review by way of the question about the address, and keep the time longer there."""
    found = []
    dialog.get_by_label("Email").fill("lena@gmial.com")
    review.click()
    expect(dialog.locator(".question")).to_be_focused()
    found += problems(page, "question")
    Booking.objects.filter(status=Status.HELD).update(expires_at=timezone.now() + timedelta(seconds=50))
    dialog.get_by_role("button", name="Use lena@gmail.com").click()
    keep = dialog.get_by_role("button", name="Keep it 5 more minutes")
    expect(keep).to_be_visible()
    found += problems(page, "review in the last minute")
    keep.click()
    expect(dialog.get_by_role("button", name="Kept until")).to_be_focused()
    return found + problems(page, "kept longer")


def test_axe_finds_nothing_on_pages_of_staff(make_context, live_site):
    """One of each kind of page of the admin, at a desk by day and on a phone by night.

    Lists and forms of the admin, and the pages with states of their own, have tests of their own.
    """
    world = make_world()
    booking, mail, token = (world.objects[model] for model in (Booking, Notification, ApiToken))
    organization, run = world.organization, ImportRun.objects.get()
    chosen = f"organization={organization.pk}"
    bookings.services.spare(email=mail.to, reason="bounced")
    context = make_context()
    session = world.people["superuser"].cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_site.url}])
    page, found = context.new_page(), []
    for name, address in {
        "held": reverse("admin:bookings_booking_held"),
        "origin": reverse("admin:bookings_booking_origin", args=[booking.pk, "network"]),
        "decision": reverse("admin:bookings_booking_decide", args=[booking.pk, "cancel"]),
        "week": f"/admin/week/?{chosen}&expert={world.objects[Expert].pk}&day={day_ahead()}",
        "printed": f"/admin/day/print/?{chosen}&day={day_ahead()}",
        "why": f"/admin/why/?{chosen}&expert={world.objects[Expert].pk}&day={day_ahead()}&time=09:00",
        "reports": f"/admin/reports/?{chosen}",
        "import": f"/admin/import/?{chosen}",
        "what an import found": f"/admin/import/{run.pk}/",
        "operations": "/admin/operations/",
        "mails": f"/admin/experts/organization/{organization.pk}/mails/",
        "words of a mail": f"/admin/experts/organization/{organization.pk}/mails/confirmed/",
        "sign-ins": admin_url(SignIn),
        "block": admin_url(Block, "add"),
        "token": admin_url(ApiToken, "change", token.pk),
        "webhook": admin_url(WebhookEndpoint, "change", world.objects[WebhookEndpoint].pk),
        "e-mail": admin_url(Notification, "change", mail.pk),
        "session types": admin_url(SessionType),
        "session type": admin_url(SessionType, "change", world.objects[SessionType].pk),
        "expert": admin_url(Expert, "change", world.objects[Expert].pk),
        "person": admin_url(User, "change", world.objects[User].pk),
        "group": admin_url(Group, "change", world.objects[Group].pk),
        "history": admin_url(Booking, "history", booking.pk),
        "delete": admin_url(SessionType, "delete", world.objects[SessionType].pk),
        "mails again": reverse("admin:bookings_notification_lift", args=[mail.pk]),
        "a person’s data": reverse("admin:bookings_erasure_address"),
        "account": "/account/",
        "password": "/account/password/",
        "second factors": "/account/second/",
        "log in again": "/account/reauthenticate/",
    }.items():
        page.goto(address)
        page.evaluate(AXE)
        page.evaluate(AT_ONCE)
        for look in (DESKTOP, PHONE):
            page.emulate_media(color_scheme="light" if look is DESKTOP else "dark")
            page.set_viewport_size(look["viewport"])
            page.evaluate(DRAWN)
            found += [f"{name}: {text}" for text in page.evaluate(RUN_AXE, RULES)]
    assert not found, "\n".join(found)


def test_without_motion_no_colour_lags_behind(page, expert):
    """Each colour that is handed down used to wait a frame: a tile was dark already, its words not yet light."""
    page.goto(f"/experts/amara-okafor/?day={day_ahead()}")
    before, after = page.locator(".tile time").first.evaluate(
        """(time) => {
          const colour = () => getComputedStyle(time).color;
          const before = colour();
          time.parentElement.style.color = "rgb(1, 2, 3)";
          time.style.color = "inherit";
          return [before, colour()];
        }"""
    )
    assert before != after == "rgb(1, 2, 3)"


def fill(page):
    page.get_by_label("Full name").fill("Lena Fischer")
    page.get_by_label("Email").fill("lena@example.com")
    page.get_by_label("I agree").check()


@pytest.mark.parametrize("name", NAMES)
def test_long_names_fit_every_window(page, expert, name):
    text = NAMES[name]
    organization = make_organization(name=text, slug="long")
    long = make_expert(
        name=text, slug="long", headline=text, bio=text, organization=organization, timezone="America/New_York"
    )
    slots = [
        make_slot(long, at="09:00", capacity=8, title=text[:80]),
        make_slot(long, at="10:00", capacity=5, title=text[:80]),
        make_slot(long, at="23:00", capacity=20, title=text[:80]),
    ]
    make_booking(slots[0], seats=6)
    addresses = [
        "/",
        "/o/long/",
        f"/experts/long/?day={day_ahead()}",
        f"/experts/long/?month={day_ahead():%Y-%m}",
        f"/slots/{slots[1].pk}/book/",
    ]
    wide = []
    for address in addresses:
        page.goto(address)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            page.evaluate(DRAWN)
            wide += [f"{address} at {width}: {box}" for box in page.evaluate(TOO_WIDE)]
    assert not wide, "\n".join(wide)
