"""On a phone with Back, by ear, and with large letters: what must not get lost for anybody."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from bookings.models import Booking, Status, WaitlistEntry
from experts.services import set_capacity
from tests.browser.conftest import PHONE
from tests.cast import book, fresh, make_expert, make_organization, make_slot

HEARD = """() => {
    window.heard = [];
    for (const region of document.querySelectorAll("#announcer, #toasts")) {
        const hear = () => window.heard.push(region.innerText.replace(/\\s+/g, " ").trim());
        new MutationObserver(hear).observe(region, {childList: true});
    }
}"""
# What is wider than the window, or than the control that it stands in; nothing that scrolls or is read out only.
# Ends when the answer is there, or has failed to come.
LOOK_AGAIN = """() => new Promise((done) => {
    document.addEventListener("htmx:finally:request", done, {once: true});
    document.querySelectorAll("[data-resync]").forEach((one) => htmx.trigger(one, "resync"));
})"""
LETTERS_ARE = "(pixels) => parseFloat(getComputedStyle(document.documentElement).fontSize) === pixels"
BROKEN = """() => {
    const broken = [], page = document.documentElement, width = page.clientWidth;
    if (page.scrollWidth > width) broken.push(`the page is ${page.scrollWidth} wide`);
    const elsewhere = "[class*=sr-only], .step-name, .scroll-row, svg, .skip-link";
    for (const element of document.querySelectorAll("body *")) {
        if (!element.checkVisibility() || element.closest(elsewhere)) continue;
        const box = element.getBoundingClientRect(), name = `${element.tagName}.${element.className}`;
        if (box.width && (box.right > width + 1 || box.left < -1)) broken.push(`${name} is outside`);
        const frame = element.closest(".day, .tile, .btn")?.getBoundingClientRect();
        if (frame && (box.right > frame.right + 1 || box.bottom > frame.bottom + 1)) broken.push(`${name} is cut off`);
    }
    return broken;
}"""


@pytest.fixture
def slot(live_site):
    organization = make_organization(name="Northgate Clinic", slug="northgate")
    expert = make_expert(name="Dr Amara Okafor", slug="amara-okafor", organization=organization, max_party=3)
    make_slot(expert, at="16:00", capacity=3)
    return make_slot(expert, at="14:30")


def open_page(page, slot):
    page.goto(f"/experts/{slot.expert.slug}/?day={slot.date}")
    expect(page.locator("html")).to_have_attribute("data-live", "on")


def tile(page, slot):
    return page.locator(f"#slot-{slot.pk}")


def held():
    return Booking.objects.filter(status=Status.HELD)


def run_out_in(seconds):
    held().update(expires_at=timezone.now() + timedelta(seconds=seconds))


def visitor_of(page):
    return next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "visitor").split(":")[0]


def test_back_reload_and_more_time_on_a_phone(make_context, slot):
    page = make_context(**PHONE).new_page()
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    open_page(page, slot)
    dialog, name = page.get_by_role("dialog"), page.get_by_label("Full name")
    tile(page, slot).tap()
    name.fill("Lena Fischer")
    page.go_back()
    expect(dialog).to_be_hidden()
    expect(tile(page, slot)).to_be_focused()
    expect(page.locator("#hold-bar")).to_be_visible()
    page.go_forward()
    expect(name).to_have_value("Lena Fischer")
    page.reload()
    expect(name).to_have_value("Lena Fischer")
    assert len(sent) == 1, "the hold, once"
    # Closed in another way, the dialog leaves nothing to go back to but what was there before.
    dialog.get_by_role("link", name="Close").tap()
    expect(page.get_by_role("link", name="Continue")).to_be_focused()
    assert page.evaluate("history.state.dialog") is None
    other = make_context().new_page()
    open_page(other, slot)
    assert other.evaluate("sessionStorage.length") == 0, "another browser knows nothing of it"
    keep_it_longer(page, dialog, name)
    book_it(page, dialog)


def keep_it_longer(page, dialog, name):
    """The hold that is in its last minute by now, without leaving what is being typed."""
    run_out_in(50)
    page.reload()
    page.get_by_role("link", name="Continue").tap()
    more = dialog.get_by_role("button", name="Keep it 5 more minutes")
    expect(more).to_be_in_viewport(ratio=1)
    name.fill("Lena F.")
    more.press("Enter")
    kept = dialog.get_by_role("button", name=re.compile("Kept until"))
    expect(kept).to_be_focused()
    expect(page.locator("#announcer")).to_have_text(re.compile(r"^Kept until \d\d:\d\d$"))
    kept.press("Enter")  # pressed twice, it counts once
    expect(name).to_have_value("Lena F.")
    hold = held().get()
    assert (hold.extensions, hold.expires_at > timezone.now() + timedelta(minutes=5)) == (1, True)
    # Somebody waits by now.
    entry = WaitlistEntry.objects.create(slot=hold.slot, name="Noor", email="noor@example.com")
    run_out_in(50)
    page.reload()
    more.press("Enter")
    expect(page.locator("#announcer")).to_have_text("Somebody is waiting for this time.")
    expect(dialog.locator(".countdown-hint.is-refused:visible")).to_have_text("Somebody is waiting for this time.")
    expect(more).to_be_focused()
    entry.delete()


def book_it(page, dialog):
    """With an address that is asked about; afterwards neither Back nor Forward finds anything to send."""
    dialog.get_by_label("Email").fill("lena@gmial.com")
    dialog.get_by_label("I agree").check()
    dialog.get_by_role("button", name="Review booking").tap()
    expect(dialog.locator(".question")).to_be_focused()
    dialog.get_by_role("button", name="Use lena@gmail.com").tap()
    dialog.get_by_role("button", name="Confirm booking").tap()
    expect(dialog.get_by_text("You’re booked")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    page.go_back()
    expect(dialog).to_be_hidden()
    page.go_forward()
    expect(dialog).to_be_hidden()
    assert Booking.objects.get().email == "lena@gmail.com"


def test_what_is_heard_is_said_once(make_context, slot):
    page = make_context(loses_sockets=True).new_page()
    cut = []
    page.route_web_socket(re.compile("/ws/"), lambda ws: (cut.append(ws), ws.connect_to_server()))
    other = slot.expert.slots.exclude(pk=slot.pk).get()
    book(slot)
    open_page(page, slot)
    WaitlistEntry.objects.create(slot=slot, name="Lena", email="lena@example.com", visitor=visitor_of(page))
    open_page(page, slot)
    expect(tile(page, slot)).to_contain_text("On waitlist")
    page.evaluate(HEARD)
    # The time that has focus, and only that one, says whatever changes in it.
    tile(page, other).focus()
    book(other)
    expect(page.locator("#announcer")).to_have_text("16:00: 2 of 3 left")
    # A seat that one waited for comes with a message that stays.
    set_capacity(slot_id=slot.pk, capacity=2)
    toast = page.locator("#toasts .toast")
    expect(toast).to_contain_text(re.compile(r"A seat opened at 14:30\.\s+It’s yours for (30:00|29:5\d)\."))
    expect(tile(page, slot)).to_contain_text(re.compile(r"Yours for 29:\d\d"))
    expect(page.locator("#hold-bar")).to_be_hidden()
    # A connection that is lost is told of once, however often the page looks again, and so is its end.
    page.context.set_offline(True)
    cut[-1].close(code=1011)
    expect(page.locator("#announcer")).to_have_text("Not live at the moment. Times may have changed.")
    for _ in range(5):
        page.evaluate(LOOK_AGAIN)
    page.context.set_offline(False)
    expect(page.locator("#announcer")).to_have_text("Live again.", timeout=15_000)
    said = [text for text in page.evaluate("window.heard") if text]
    assert [text.partition(" It’s")[0] for text in said] == [
        "16:00: 2 of 3 left",
        "A seat opened at 14:30.",
        "Not live at the moment. Times may have changed.",
        "Live again.",
    ]
    # A tile that has focus and is no button any more keeps it, and so does the page whatever goes.
    toast.get_by_role("button", name="Book it").click()
    expect(page.get_by_role("heading", name="Your details")).to_be_focused()
    expect(toast).to_have_count(0)
    page.keyboard.press("Escape")
    expect(tile(page, slot)).to_be_focused()
    fresh(slot).expert.slots.filter(pk=slot.pk).update(is_closed=True)
    expect(page.locator(f"div#slot-{slot.pk}")).to_be_focused(timeout=10_000)


def test_letters_of_24_and_32_pixels_break_nothing(make_context, slot):
    page = make_context().new_page()
    debugger = page.context.new_cdp_session(page)
    found = []

    def look(name):
        for pixels in (24, 32):
            debugger.send("Page.setFontSizes", {"fontSizes": {"standard": pixels, "fixed": pixels}})
            for width in (390, 1280):
                page.set_viewport_size({"width": width, "height": 844})
                page.wait_for_function(LETTERS_ARE, arg=pixels)  # the page hears of a setting when it comes to it
                page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
                found.extend(f"{name}, {pixels} px at {width}: {text}" for text in page.evaluate(BROKEN))

    page.goto("/")
    look("home")
    open_page(page, slot)
    look("expert")
    tile(page, slot).click()
    expect(page.get_by_role("heading", name="Your details")).to_be_visible()
    look("details")
    page.keyboard.press("Escape")
    expect(page.locator("#hold-bar")).to_be_visible()
    look("hold")
    assert not found, "\n".join(found)
    tile(page, slot).evaluate("tile => { tile.style.maxHeight = tile.style.minHeight = '20px'; }")  # the control
    look("squeezed")
    assert found
