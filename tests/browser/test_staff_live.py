"""Two people at a desk and a visitor: what one does shows with the others, and disturbs nobody who is at work."""

import pytest
from playwright.sync_api import expect

from bookings.models import Booking, Status
from experts.models import Membership, Role
from tests.browser.conftest import let_in
from tests.browser.test_live import TEN_SECONDS
from tests.cast import book, day_ahead, make_booking, make_expert, make_organization, make_slot
from tests.staff import make_member


@pytest.fixture
def make_page(make_context, site_with):
    """Make a page of somebody new, on a site that never compares by itself: what shows was told by a message."""

    def make(check_seconds="86400", **options):
        return make_context(base_url=site_with(LIVE_CHECK_SECONDS=check_seconds).url, **options).new_page()

    return make


@pytest.fixture
def clinic(live_site):
    organization = make_organization(name="Northgate Clinic", slug="northgate")
    for name in ("maya", "noah"):
        make_member(organization, Role.SCHEDULER, email=f"{name}@example.com", name=name.title())
    return make_slot(make_expert(name="Dr Amara Okafor", slug="amara", organization=organization), capacity=5)


def log_in(page, name="maya"):
    let_in(page, f"{name}@example.com")
    page.goto(f"/admin/day/?day={day_ahead()}")
    live(page)
    return page


def live(page, state="on"):
    expect(page.locator("html")).to_have_attribute("data-staff-live", state)


def test_a_change_is_seen_by_everybody_at_the_desk(make_page, clinic):
    maya = log_in(make_page(), "maya")
    noah = log_in(make_page(), "noah")
    visitor = make_page()
    visitor.goto(f"/experts/amara/?day={clinic.date}")
    expect(visitor.locator("html")).to_have_attribute("data-live", "on")

    state = visitor.locator(f"#slot-{clinic.pk}-state")
    seen = state.get_attribute("data-version")
    rows = [page.get_by_role("link").filter(has_text="1 of 5") for page in (maya, noah)]
    book(clinic)
    for row in rows:
        expect(row).to_be_visible()
    expect(state).not_to_have_attribute("data-version", seen)

    # The focus stays where it is, and what somebody types stays until it is sent.
    rows[0].focus()
    request = make_booking(make_slot(clinic.expert, at="12:00"), status=Status.PENDING, name="Karim Aziz")
    book(clinic)
    expect(maya.get_by_role("link").filter(has_text="2 of 5")).to_be_focused()
    expect(maya.get_by_text(request.name)).to_be_visible()
    maya.evaluate("""() => {
        const form = document.createElement("form");
        form.innerHTML = "<input aria-label='Notes'>";
        document.getElementById("day-body").append(form);
    }""")
    maya.get_by_label("Notes").fill("Left kn")
    with noah.expect_response("**/admin/day/grid/**"):
        Booking.objects.filter(pk=request.pk).update(name="Karim A.")
        book(clinic)
    expect(noah.get_by_text("Karim A.")).to_be_visible()
    expect(maya.get_by_label("Notes")).to_have_value("Left kn")
    expect(maya.get_by_text("Karim Aziz")).to_be_visible()
    maya.evaluate("document.querySelector('#day-body form').reset()")
    expect(maya.get_by_text("Karim A.")).to_be_visible()


def test_what_happened_meanwhile_is_caught_up_with(make_page, clinic):
    page = make_page(loses_sockets=True)
    sockets = []
    page.route_web_socket("**/ws/staff/**", lambda socket: sockets.append((socket, socket.connect_to_server())))
    log_in(page)
    sockets[0][1].close()
    sockets[0][0].close(code=1012)
    live(page, "waiting")
    book(clinic)
    expect(page.get_by_text("1 of 5 seats")).to_be_visible(timeout=TEN_SECONDS)
    live(page)
    assert len(sockets) == 2


def test_nothing_comes_to_whoever_no_longer_works_there(make_page, clinic):
    page = log_in(make_page(check_seconds="0.2", statuses=[403]))
    colleague = log_in(make_page(check_seconds="0.2"), "noah")
    Membership.objects.filter(user__email="maya@example.com").delete()
    live(page, "stopped")
    book(clinic)
    expect(colleague.get_by_text("1 of 5 seats")).to_be_visible()
    expect(page.get_by_text("1 of 5 seats")).to_have_count(0)


def test_lists_show_what_is_booked_meanwhile_and_wait_while_rows_are_ticked(make_page, clinic):
    page = log_in(make_page())
    page.goto("/admin/bookings/booking/")
    live(page)
    book(clinic, name="Karim Aziz")
    expect(page.get_by_text("Karim Aziz").first).to_be_visible()
    page.locator(".action-select").first.check()
    book(clinic, name="Lena Fischer")
    # A page that is not at work hears of it, and has it on the screen; this one has heard of it by then, too.
    other = page.context.new_page()
    other.goto("/admin/bookings/waitlistentry/")
    live(other)
    expect(page.get_by_text("Lena Fischer")).to_have_count(0)
    expect(page.locator(".action-select").first).to_be_checked()
    page.locator(".action-select").first.uncheck()
    expect(page.get_by_text("Lena Fischer").first).to_be_visible()
    expect(page.locator(".action-select:checked")).to_have_count(0)
