"""Live, seen by a person: two windows on one expert, and whatever changes shows in the other."""

import re
import signal
from datetime import time, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import expect

from bookings.models import Status
from experts import services
from tests.cast import book, day_ahead, fresh, make_booking, make_expert, make_slot

TEN_SECONDS = 10_000


@pytest.fixture
def slot(live_site):
    expert = make_expert(name="Dr Amara Okafor", slug="amara-okafor", min_notice=timedelta(0), max_party=3)
    make_slot(expert, at="09:00", capacity=5)
    return make_slot(expert, at="14:30", capacity=3)


def open_page(page, slot, *, day=None):
    page.goto(f"/experts/{slot.expert.slug}/?day={day or slot.date}")
    live(page)
    return page


def live(page, timeout=5_000):
    expect(page.locator("html")).to_have_attribute("data-live", "on", timeout=timeout)


def state(page, slot):
    return page.locator(f"#slot-{slot.pk}-state")


def count(page, slot):
    return page.locator(f"#day-{slot.date}-count")


def hold_back_answers(page):
    """Keep what the page's scripts ask for, read now, until `change_before_arrival` hands it over."""
    answers = []

    def hold_back(route):
        if route.request.resource_type == "document":
            route.continue_()
        else:
            answers.append((route, route.fetch()))

    page.route("**/experts/**", hold_back)
    return answers


def change_before_arrival(page, slot, held_back):
    while not held_back:
        page.wait_for_timeout(20)
    book(slot)
    expect(state(page, slot)).to_have_text("2 of 3 left")
    page.evaluate("document.getElementById('day').dataset.waits = ''")  # gone as soon as the answer is shown
    route, answer = held_back[0]
    assert "2 of 3 left" not in answer.text()
    route.fulfill(response=answer)
    page.wait_for_function("() => !('waits' in document.getElementById('day').dataset)")
    expect(state(page, slot)).to_have_text("2 of 3 left")
    page.unroute_all(behavior="ignoreErrors")


class TestPushed:
    """On a site that never compares by itself: what shows here was told by a message."""

    @pytest.fixture(autouse=True)
    def site(self, site_with):
        return site_with(LIVE_CHECK_SECONDS="86400")

    @pytest.fixture
    def page(self, make_context, site):
        return make_context(base_url=site.url).new_page()

    def test_a_booking_in_another_window(self, make_context, site, slot):
        watching, booking = (make_context(base_url=site.url).new_page() for _ in range(2))
        open_page(watching, slot)
        open_page(booking, slot)
        booking.locator(f"#slot-{slot.pk}").click()
        dialog = booking.get_by_role("dialog")
        dialog.get_by_label("Full name").fill("Lena Fischer")
        dialog.get_by_label("Email").fill("lena@example.com")
        dialog.get_by_label("Seats").select_option("3")
        dialog.get_by_label("I agree").check()
        dialog.get_by_role("button", name="Review booking").click()
        expect(state(watching, slot)).to_have_text("Being booked")
        dialog.get_by_role("button", name="Confirm booking").click()
        expect(state(watching, slot)).to_have_text("Full Join waitlist")
        expect(count(watching, slot)).to_have_text("1 time free")
        expect(watching.locator("#open-count")).to_have_text("1 time free")
        expect(booking.locator(f"#slot-{slot.pk}")).to_contain_text("You’re booked")
        expect(watching.locator(f"#slot-{slot.pk}")).not_to_contain_text("You’re booked")

    def test_through_the_services(self, page, slot):
        open_page(page, slot)
        book(slot)
        expect(state(page, slot)).to_have_text("2 of 3 left")
        services.set_capacity(slot_id=slot.pk, capacity=1)
        expect(state(page, slot)).to_have_text("Full Join waitlist")
        services.set_capacity(slot_id=slot.pk, capacity=4)
        expect(state(page, slot)).to_contain_text("3 seats")
        expect(state(page, slot)).to_contain_text("Just opened")
        expect(page.locator("#announcer")).to_have_text("14:30 just opened")
        services.close_slot(slot_id=slot.pk)
        expect(state(page, slot)).to_have_text("Closed")
        expect(page.locator(f"button#slot-{slot.pk}")).to_have_count(0)
        services.reopen_slot(slot_id=slot.pk)
        expect(page.locator(f"button#slot-{slot.pk}")).to_be_visible()

    def test_a_slot_that_is_added_or_deleted(self, page, slot):
        open_page(page, slot)
        [added] = services.add_slots(expert=slot.expert, starts=[(slot.date, time(18, 0))])
        expect(page.locator(f"#slot-{added.pk}")).to_contain_text("18:00")
        expect(count(page, slot)).to_have_text("3 times free")
        services.delete_slot(slot_id=added.pk)
        expect(page.locator(f"#slot-{added.pk}")).to_have_count(0)
        expect(count(page, slot)).to_have_text("2 times free")

    def test_a_change_on_another_day_moves_its_count_only(self, page, slot):
        other = make_slot(slot.expert, day=slot.date - timedelta(days=1) if slot.date.weekday() else day_ahead(3))
        open_page(page, slot)
        book(other)
        expect(count(page, other)).to_have_text("Full")
        expect(count(page, slot)).to_have_text("2 times free")


class TestFoundByComparison:
    """What no message tells is found within seconds."""

    def test_raw_sql(self, page, slot):
        open_page(page, slot)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE experts_slot SET capacity = 7 WHERE id = %s", [slot.pk])
        expect(state(page, slot)).to_contain_text("7 seats", timeout=TEN_SECONDS)

    def test_an_expert_who_stops_taking_bookings(self, make_context, slot):
        page = make_context(statuses={404}).new_page()
        open_page(page, slot)
        slot.expert.is_active = False
        slot.expert.save()
        expect(state(page, slot)).to_have_text("Closed", timeout=TEN_SECONDS)

    def test_time_passing(self, page, slot):
        soon = timezone.now() + timedelta(seconds=4)
        begins = make_slot(make_expert(slug="soon", min_notice=timedelta(0)), starts_at=soon)
        open_page(page, begins)
        expect(state(page, begins)).to_have_text("Open")
        expect(state(page, begins)).to_have_text("Past", timeout=4_000 + TEN_SECONDS)

    def test_a_hold_that_runs_out(self, page, slot):
        make_booking(slot, status=Status.HELD, seats=3, expires_at=timezone.now() + timedelta(seconds=4))
        open_page(page, slot)
        expect(state(page, slot)).to_have_text("Being booked")
        expect(state(page, slot)).to_contain_text("of 3 left", timeout=4_000 + TEN_SECONDS)


class TestNothingMoves:
    def test_focus_stays_and_ones_own_mark_is_never_erased(self, page, slot):
        open_page(page, slot)
        visitor = next(c["value"] for c in page.context.cookies() if c["name"] == "visitor").split(":")[0]
        book(slot, visitor=visitor)
        tile = page.locator(f"#slot-{slot.pk}")
        expect(tile).to_contain_text("You’re booked")
        tile.focus()
        for _ in range(2):
            book(slot)
        services.set_capacity(slot_id=slot.pk, capacity=9)
        expect(state(page, slot)).to_have_attribute("data-version", str(fresh(slot).version))
        expect(tile).to_contain_text("You’re booked")
        expect(tile).to_be_focused()

    def test_what_is_being_typed_stays(self, page, slot):
        open_page(page, slot)
        page.locator(f"#slot-{slot.pk}").click()
        field = page.get_by_role("dialog").get_by_label("Full name")
        field.fill("Lena")
        book(slot)
        expect(state(page, slot)).to_have_text("1 of 3 left")
        expect(field).to_have_value("Lena")
        expect(field).to_be_focused()

    def test_an_older_answer_never_wins(self, page, slot):
        """A day that the page asked for before a change arrives after the change was pushed."""
        open_page(page, slot)
        held_back = hold_back_answers(page)
        page.evaluate("document.querySelectorAll('[data-resync]').forEach((e) => htmx.trigger(e, 'resync'))")
        change_before_arrival(page, slot, held_back)

    def test_nor_does_the_page_in_the_zone_of_a_first_visit(self, page, slot):
        """The page of a browser whose zone was not known asks for itself once more, and shows the whole answer."""
        held_back = hold_back_answers(page)
        open_page(page, slot)
        change_before_arrival(page, slot, held_back)


class TestLostConnections:
    def test_a_socket_that_is_cut(self, make_context, slot):
        page = make_context(loses_sockets=True).new_page()
        cut = []
        page.route_web_socket(re.compile("/ws/"), lambda ws: (cut.append(ws), ws.connect_to_server()))
        open_page(page, slot)
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        page.context.set_offline(True)
        cut[-1].close(code=1011)
        expect(page.locator(".live-states")).to_contain_text(re.compile("Reconnecting|Offline"))
        expect(page.locator("html")).to_have_attribute("data-live", re.compile("waiting|offline"))
        book(slot)
        page.context.set_offline(False)
        live(page, timeout=TEN_SECONDS)
        expect(state(page, slot)).to_have_text("2 of 3 left")

    def test_the_server_is_restarted_while_things_change(self, make_context, live_site, slot):
        page = make_context(loses_sockets=True).new_page()
        open_page(page, slot)
        live_site.process.send_signal(signal.SIGKILL)
        live_site.process.wait()
        expect(page.get_by_text("Reconnecting…")).to_be_visible()
        expect(page.get_by_text("Live updates are paused.")).to_be_visible()
        book(slot)
        live_site.restart()
        live(page, timeout=15_000)
        expect(state(page, slot)).to_have_text("2 of 3 left")

    def test_a_server_that_hangs_is_noticed(self, make_context, live_site, slot):
        page = make_context(loses_sockets=True).new_page()
        open_page(page, slot)
        live_site.process.send_signal(signal.SIGSTOP)
        try:
            expect(page.get_by_text("Reconnecting…")).to_be_visible(timeout=25_000)
        finally:
            live_site.process.send_signal(signal.SIGCONT)
        live(page, timeout=20_000)

    def test_a_hidden_tab_is_right_when_it_is_shown_again(self, page, slot):
        open_page(page, slot)
        hide(page, True)
        page.wait_for_timeout(300)
        book(slot)
        hide(page, False)
        expect(state(page, slot)).to_have_text("2 of 3 left")
        live(page)

    def test_the_page_polls_while_the_socket_is_down_and_not_otherwise(self, make_context, slot):
        page = make_context(loses_sockets=True).new_page()
        polls = []
        page.on("request", lambda r: polls.append(r.url) if "folded=" in r.url else None)
        open_page(page, slot)
        page.wait_for_timeout(6_000)
        assert polls == []
        page.route_web_socket(re.compile("/ws/"), lambda ws: ws.close(code=1011))
        page.evaluate("document.querySelectorAll('#day').forEach((e) => htmx.process(e, true))")
        expect(page.get_by_text("Reconnecting…")).to_be_visible()
        book(slot)
        expect(state(page, slot)).to_have_text("2 of 3 left", timeout=7_000)
        assert polls


def hide(page, hidden):
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
            const visibilityState = hidden ? 'hidden' : 'visible';
            Object.defineProperty(document, 'visibilityState', {configurable: true, get: () => visibilityState});
            document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def test_changing_the_day_changes_the_socket(page, slot):
    other = make_slot(slot.expert, day=slot.date + timedelta(days=7))
    open_page(page, slot)
    page.goto(f"/experts/{slot.expert.slug}/?day={slot.date}")
    live(page)
    page.get_by_role("link", name="Next week").click()
    expect(page.locator(f"#slot-{other.pk}")).to_be_visible()
    page.wait_for_timeout(500)
    book(other)
    expect(state(page, other)).to_have_text("Full Join waitlist")
