"""Imports: what a file says is written through the services as a whole or not at all, and once."""

import csv
import io
from datetime import timedelta

import pytest

from bookings import services
from bookings.models import Booking, OutboxMail, Source, Status, TurnedAway
from bookings.services import imports
from bookings.services.booking_imports import import_bookings
from experts.models import Expert, ImportedRow, ImportKind, ImportRun, ImportStatus, Slot
from experts.services.expert_imports import import_experts
from experts.services.slot_imports import import_slots
from experts.tables import read_table
from tests.cast import (
    book,
    day_ahead,
    fresh,
    make_booking,
    make_category,
    make_expert,
    make_organization,
    make_question,
    make_row_of_slots,
    make_session_type,
    make_slot,
)
from tests.private_valkey import PrivateValkey
from tests.staff import make_member
from tests.statements import asked_of_database

pytestmark = pytest.mark.django_db
DAY = day_ahead().isoformat()


def table(*rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return read_table(text.getvalue().encode())


@pytest.fixture
def expert():
    return make_expert(name="Dr Amara Okafor", slug="amara-okafor", session_minutes=30)


def run(work, organization, *rows, **options):
    return work(organization=organization, table=table(*rows), is_trial=options.pop("is_trial", False), **options)


def everything():
    return (
        sorted(Expert.objects.values_list("pk", "name")),
        sorted(Slot.objects.values_list("pk", "seats_booked", "version")),
        sorted(Booking.objects.values_list("pk", "status", "slot_id")),
        OutboxMail.objects.count(),
        ImportedRow.objects.count(),
        TurnedAway.objects.count(),
    )


# Experts


EXPERTS = [
    ["Name", "Category", "Languages", "Minutes", "Place", "Time zone", "Colour"],
    ["Dr Zoë Müller", "health", "de, EN", "45", "Video", "Europe/Berlin", "red"],
    ["Priya Raman", "Health", "", "", "", "", ""],
]


def test_experts_are_added_once():
    house = make_organization(timezone="Europe/London")
    make_category(name="Health", slug="health")
    outcome = run(import_experts, house, *EXPERTS)
    assert (outcome.added, outcome.unchanged, outcome.errors, outcome.ignored) == (2, 0, [], ["Colour"])
    zoe, priya = Expert.objects.filter(organization=house).order_by("pk")
    assert (zoe.slug, zoe.languages, zoe.session_minutes, zoe.venue) == ("dr-zoe-muller", ["de", "en"], 45, "video")
    assert (priya.timezone, priya.session_minutes, priya.venue) == ("Europe/London", 30, "in_person")
    assert Expert.objects.matching("zoe").exists()
    before = everything()
    again = run(import_experts, house, *EXPERTS)
    assert (again.added, again.unchanged) == (0, 2) and everything() == before


def test_a_faulty_row_of_experts_leaves_nothing():
    house = make_organization()
    make_category(name="Health", slug="health")
    taken = make_expert(slug="taken")
    before = everything()
    head = ["name", "address", "category", "languages", "minutes", "time zone", "place"]
    outcome = run(
        import_experts,
        house,
        head,
        ["Fine", "", "health", "", "", "", ""],
        ["", "", "health", "", "", "", ""],
        ["Other", taken.slug, "health", "", "", "", ""],
        ["Other", "", "nonsense", "", "", "", ""],
        ["Other", "", "health", "klingon", "", "", ""],
        ["Other", "", "health", "", "0", "", ""],
        ["Other", "", "health", "", "", "Mars/Olympus", ""],
        ["Other", "", "health", "", "", "", "moon"],
        ["Visit www.evil.example", "", "health", "", "", "", ""],
        ["金秀賢", "", "health", "", "", "", ""],
    )
    assert [row for row, _text in outcome.errors] == list(range(3, 12))
    assert all(text for _row, text in outcome.errors)
    assert everything() == before


# Slots


def test_slots_are_read_on_the_experts_clock_and_added_once():
    expert = make_expert(name="Ida", timezone="America/New_York", session_minutes=50, default_capacity=3)
    rows = [
        ["expert", "date", "time", "minutes", "seats", "title"],
        ["Ida", "2027-03-10", "9:05", "", "", ""],
        [expert.slug, "10.03.2027", "14:30", "20", "12", "Class"],
    ]
    outcome = run(import_slots, expert.organization, *rows)
    assert (outcome.added, outcome.errors) == (2, [])
    first, second = Slot.objects.filter(expert=expert)
    assert (str(first), first.minutes, first.capacity) == ("2027-03-10 09:05", 50, 3)
    assert first.starts_at.isoformat() == "2027-03-10T14:05:00+00:00"
    assert (str(second), second.minutes, second.capacity, second.title) == ("2027-03-10 14:30", 20, 12, "Class")
    before = everything()
    again = run(import_slots, expert.organization, *rows)
    assert (again.added, again.unchanged) == (0, 2) and everything() == before


def test_slots_that_cannot_be_are_errors_of_their_rows(expert):
    make_expert(name="Twin", organization=expert.organization)
    make_expert(name="Twin", organization=expert.organization)
    stranger = make_expert(name="Stranger", slug="stranger")
    before = everything()
    outcome = run(
        import_slots,
        expert.organization,
        ["expert", "date", "time", "minutes"],
        [expert.name, DAY, "10:00", "30"],
        [expert.name, DAY, "10:20", "30"],
        [expert.name, "2027-03-28", "01:30", "30"],
        [expert.name, "3/4/2027", "10:00", ""],
        [expert.name, DAY, "25:00", ""],
        [expert.name, DAY, "11:00", "-5"],
        ["Twin", DAY, "10:00", ""],
        [stranger.name, DAY, "10:00", ""],
        [stranger.slug, DAY, "10:00", ""],
        ["", DAY, "10:00", ""],
    )
    errors = dict(outcome.errors)
    assert set(errors) == set(range(3, 12))
    assert "overlaps" in errors[3] and "skip" in errors[4] and "2027-03-10" in errors[5]
    assert "Several" in errors[8] and "no expert" in errors[9]
    assert everything() == before


@pytest.mark.parametrize("work", [import_experts, import_slots, import_bookings])
def test_a_table_without_a_column_that_is_needed_is_refused(work, expert):
    outcome = run(work, expert.organization, ["Nonsense", "expert", "EXPERT"], ["a", "b", "c"])
    assert outcome.errors and all(row == 1 for row, _text in outcome.errors)


# Bookings

HEAD = ["expert", "date", "time", "name", "email", "phone", "seats", "notes"]


def test_bookings_are_made_confirmed_and_without_mails_and_once(expert):
    expert.organization.requires_approval = True
    expert.organization.save()
    slot = make_slot(expert, at="10:00", capacity=3)
    rows = [
        HEAD,
        [expert.name, DAY, "10:00", "Lena Fischer", "lena@example.com", "", "2", "Knee"],
        [expert.slug, DAY, "10:00", "Karim Aziz", "", "020 7946 0958", "", ""],
    ]
    outcome = run(import_bookings, expert.organization, *rows)
    assert (outcome.added, outcome.errors) == (2, [])
    lena, karim = Booking.objects.order_by("pk")
    assert (lena.status, lena.source, lena.seats, lena.notes) == (Status.CONFIRMED, Source.STAFF, 2, "Knee")
    assert (karim.email, karim.phone, karim.seats) == ("", "+442079460958", 1)
    assert fresh(slot).seats_booked == 3
    assert not OutboxMail.objects.exists()
    before = everything()
    again = run(import_bookings, expert.organization, *rows)
    assert (again.added, again.unchanged) == (0, 2) and everything() == before


def test_customers_are_told_where_that_is_wanted(expert):
    make_slot(expert, at="10:00")
    row = [expert.name, DAY, "10:00", "Lena", "lena@example.com", "", "", ""]
    run(import_bookings, expert.organization, HEAD, row, tell=True)
    assert [mail.kind for mail in OutboxMail.objects.all()] == ["confirmed"]


def test_nothing_comes_back_that_was_cancelled_moved_or_erased_since(expert):
    for at in ("10:00", "11:00", "12:00", "13:00"):
        make_slot(expert, at=at)
    rows = [
        [expert.name, DAY, at, f"Lena {at}", f"lena{at[:2]}@example.com", "", "", ""]
        for at in ("10:00", "11:00", "12:00")
    ]
    run(import_bookings, expert.organization, HEAD, *rows)
    cancelled, moved, erased = Booking.objects.order_by("slot__starts_at")
    services.cancel(booking_id=cancelled.pk, by_customer=False)
    services.reschedule(booking_id=moved.pk, slot_id=Slot.objects.get(time="13:00").pk, by_customer=False)
    Booking.objects.filter(pk=erased.pk).update(name="", email="", erased_at=erased.created_at, status="CANCELLED")
    before = everything()
    assert run(import_bookings, expert.organization, HEAD, *rows).unchanged == 3
    assert everything() == before


def test_a_booking_is_known_by_its_reference_in_the_other_system(expert):
    slot = make_slot(expert, at="10:00", capacity=5)
    make_slot(expert, at="11:00", capacity=5)
    head = [*HEAD, "reference"]
    run(import_bookings, expert.organization, head, [expert.name, DAY, "10:00", "Lena", "", "", "", "", "A-1"])
    # Corrected there since: another name and time, and the same booking.
    again = [expert.name, DAY, "11:00", "Lena Fischer", "", "", "", "", "A-1"]
    outcome = run(import_bookings, expert.organization, head, again, [*again[:-1], "A-2"])
    assert (outcome.added, outcome.unchanged) == (1, 1)
    assert fresh(slot).seats_booked == 1
    elsewhere = make_expert()
    make_slot(elsewhere, at="10:00")
    mine = run(import_bookings, elsewhere.organization, head, [elsewhere.name, *again[1:2], "10:00", *again[3:]])
    assert mine.added == 1, "references are those of one organisation"


def test_who_has_booked_already_is_not_booked_twice(expert):
    slot = make_slot(expert, at="10:00", capacity=5)
    book(slot, name="Lena Fischer", email="Lena@example.com")
    book(slot, name="Karim Aziz", email="karim@example.com")
    outcome = run(
        import_bookings,
        expert.organization,
        HEAD,
        [expert.name, DAY, "10:00", "lena fischer", "lena@EXAMPLE.com", "", "", ""],
        [expert.name, DAY, "10:00", "Karim Aziz", "", "", "", ""],
        [expert.name, DAY, "10:00", "Lena Fischer", "another.lena@example.com", "", "", ""],
        [expert.name, DAY, "10:00", "Lena Fischer", "another.lena@example.com", "", "", ""],
    )
    assert (outcome.added, outcome.unchanged, outcome.errors) == (1, 3, [])


def test_overbooking_is_an_error_of_the_row_and_leaves_nothing(expert):
    slot = make_slot(expert, at="10:00", capacity=2)
    make_slot(expert, at="11:00")
    closed = make_slot(expert, at="12:00", is_closed=True)
    past = make_slot(expert, day=expert.today() - timedelta(days=3), at="10:00")
    full = make_slot(expert, at="13:00")
    make_booking(full)
    before = everything()
    rows = [
        HEAD,
        [expert.name, DAY, "10:00", "One", "", "", "", ""],
        [expert.name, DAY, "10:00", "Two", "", "", "2", ""],
        [expert.name, DAY, "11:00", "Three", "", "", "", ""],
        [expert.name, DAY, "12:00", "Four", "", "", "", ""],
        [expert.name, past.date.isoformat(), "10:00", "Five", "", "", "", ""],
        [expert.name, DAY, "13:00", "Six", "", "", "", ""],
        [expert.name, DAY, "14:00", "Seven", "", "", "", ""],
        [expert.name, DAY, "11:00", "Eight", "no address", "", "", ""],
        [expert.name, DAY, "11:00", "", "", "", "", ""],
        [expert.name, DAY, "11:00", "Ten", "", "", "many", ""],
    ]
    for is_trial in (True, False):
        outcome = run(import_bookings, expert.organization, *rows, is_trial=is_trial)
        errors = dict(outcome.errors)
        assert set(errors) == {3, *range(5, 12)}, is_trial
        assert "Too few seats" in errors[3] and "closed" in errors[5] and "too late" in errors[6]
        assert "full" in errors[7] and "no slot" in errors[8] and "name is missing" in errors[10]
        assert everything() == before
    assert fresh(slot).seats_booked == fresh(closed).seats_booked == 0


def test_a_session_of_a_type_takes_all_its_slots(expert):
    slots = make_row_of_slots(expert, start="09:00", end="10:20")
    kind = make_session_type(expert.organization, expert, name="First visit", minutes=40)
    head = [*HEAD, "type"]
    outcome = run(
        import_bookings,
        expert.organization,
        head,
        [expert.name, DAY, "09:00", "Lena", "", "", "", "", "first VISIT"],
        [expert.name, DAY, "09:40", "Karim", "", "", "", "", kind.slug],
    )
    assert (outcome.added, outcome.errors) == (2, [])
    assert [fresh(slot).seats_booked for slot in slots.values()] == [1, 1, 1, 1]
    bad = [[expert.name, DAY, "10:00", "Ida", "", "", "", "", name] for name in ("First visit", "Nonsense")]
    assert len(run(import_bookings, expert.organization, head, *bad).errors) == 2


def test_what_is_asked_of_customers_need_not_be_answered(expert):
    make_question(expert.organization, is_required=True)
    make_slot(expert, at="10:00")
    row = [expert.name, DAY, "10:00", "Lena", "lena@example.com", "", "", ""]
    assert run(import_bookings, expert.organization, HEAD, row).added == 1


def test_nobody_elses_experts_can_be_booked(expert):
    stranger = make_expert(name="Stranger")
    make_slot(stranger, at="10:00")
    row = [stranger.slug, DAY, "10:00", "Lena", "", "", "", ""]
    outcome = run(import_bookings, expert.organization, HEAD, row)
    assert "no expert" in outcome.errors[0][1] and not Booking.objects.exists()


# Runs


def content(*rows) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def start(expert, *rows, kind=ImportKind.BOOKINGS, **options) -> ImportRun:
    user = make_member(expert.organization)
    values = {"organization": expert.organization, "kind": kind, "user": user, "content": content(*rows)}
    return imports.start_import(**values | options)


def test_a_file_is_tried_and_then_imported_as_a_whole(expert):
    slot = make_slot(expert, at="10:00")
    it = start(expert, HEAD, [expert.name, DAY, "10:00", "Lena", "", "", "", ""])
    assert it.status == ImportStatus.CHECKING
    imports.run_import(run_id=it.pk)
    it.refresh_from_db()
    assert (it.status, it.result["added"], it.result["error_count"]) == (ImportStatus.CHECKED, 1, 0)
    assert it.content is not None and not Booking.objects.exists()
    imports.confirm_import(run_id=it.pk)
    imports.run_import(run_id=it.pk)
    it.refresh_from_db()
    assert (it.status, it.result["added"], it.content) == (ImportStatus.DONE, 1, None)
    assert fresh(slot).seats_booked == 1
    imports.run_import(run_id=it.pk)  # jobs may run twice
    assert Booking.objects.count() == 1
    with pytest.raises(services.lifecycle.NotAllowed):
        imports.confirm_import(run_id=it.pk)
    event = Booking.objects.get().events.get()
    assert event.pgh_context.metadata["user"] == it.user_id


def test_what_was_taken_meanwhile_refuses_the_whole_file(expert):
    first, second = make_slot(expert, at="10:00"), make_slot(expert, at="11:00")
    it = start(expert, HEAD, *([expert.name, DAY, at, "Lena", "", "", "", ""] for at in ("10:00", "11:00")))
    imports.run_import(run_id=it.pk)
    book(second)
    imports.confirm_import(run_id=it.pk)
    imports.run_import(run_id=it.pk)
    it.refresh_from_db()
    assert (it.status, it.content) == (ImportStatus.REFUSED, None)
    assert it.result["errors"][0][0] == 3 and it.result["added"] == 0
    assert fresh(first).seats_booked == 0 and Booking.objects.count() == 1


def test_a_file_with_errors_cannot_be_imported_and_is_not_kept(expert):
    it = start(expert, HEAD, ["Nobody", DAY, "10:00", "Lena", "", "", "", ""])
    imports.run_import(run_id=it.pk)
    it.refresh_from_db()
    assert it.content is None and it.result["error_count"] == 1
    with pytest.raises(services.lifecycle.NotAllowed):
        imports.confirm_import(run_id=it.pk)


def test_errors_are_told_up_to_a_number(expert):
    it = start(expert, HEAD, *(["Nobody", DAY, "10:00", f"L{n}", "", "", "", ""] for n in range(300)))
    imports.run_import(run_id=it.pk)
    it.refresh_from_db()
    assert it.result["error_count"] == 300 and len(it.result["errors"]) == 200


def test_an_import_needs_no_valkey(expert, settings, tmp_path, caplog):
    for minute in range(10, 60):
        make_slot(expert, at=f"10:{minute}", minutes=1)
    rows = [[expert.name, DAY, f"10:{minute}", f"Lena {minute}", "", "", "", ""] for minute in range(10, 60)]
    server = PrivateValkey(tmp_path)
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": server.url}}
    it = start(expert, HEAD, *rows)
    server.stop()
    imports.run_import(run_id=it.pk)
    assert imports.progress_of(it) is None
    imports.confirm_import(run_id=it.pk)
    caplog.clear()
    imports.run_import(run_id=it.pk)
    it.refresh_from_db()
    assert (it.status, it.result["added"]) == (ImportStatus.DONE, 50)
    assert len(caplog.records) == 1, "it is told once, and not tried again under the locks"


def test_the_page_is_told_how_far_it_is(expert):
    it = start(expert, HEAD)
    tell = imports.progress_teller(it, 1200)
    assert imports.progress_of(it) is None
    tell(50)
    assert imports.progress_of(it) == (50, 1200)
    it.status = ImportStatus.IMPORTING
    assert imports.progress_of(it) is None, "that was the trial"


def slots_of(experts, number, **wrong):
    """A table of ``number`` slots of each expert, 30 of one day, some of which are longer."""
    rows = [["expert", "date", "time", "minutes"]]
    for expert in experts:
        for n in range(number):
            day, place = divmod(n, 30)
            at = f"{8 + place // 6:02}:{place % 6 * 10:02}"
            minutes = "10" if n % 2 else "9"
            rows.append([expert.name, day_ahead(2 + day).isoformat(), at, wrong.get(f"row_{n}", minutes)])
    return rows


@pytest.mark.parametrize("is_trial", [True, False])
def test_slots_are_added_in_as_many_statements_for_300_rows_as_for_30(expert, is_trial):
    other = make_expert(name="Ida", organization=expert.organization)
    asked_of = {}
    for number in (30, 240):
        with asked_of_database() as asked:
            outcome = run(import_slots, expert.organization, *slots_of([expert, other], number), is_trial=is_trial)
        assert (outcome.added, outcome.errors) == (2 * number, [])
        asked_of[number] = asked
        Slot.objects.all().delete()
    assert asked_of[240].statements <= asked_of[30].statements, asked_of[240]


def test_one_wrong_row_among_many_is_found_in_a_few_tries(expert):
    with asked_of_database() as asked:
        outcome = run(import_slots, expert.organization, *slots_of([expert], 240, row_100="11"))
    assert [number for number, _text in outcome.errors] == [2 + 101]
    assert asked.statements < 240, asked
    assert not Slot.objects.exists()


def test_a_row_that_is_there_twice_is_added_once_or_refused_twice(expert):
    make_slot(expert, at="11:00")
    head = ["expert", "date", "time", "minutes"]
    outcome = run(import_slots, expert.organization, head, *[[expert.name, DAY, "10:00", "30"]] * 2)
    assert (outcome.added, outcome.unchanged, outcome.errors) == (1, 1, [])
    outcome = run(import_slots, expert.organization, head, *[[expert.name, DAY, "10:45", "30"]] * 2)
    assert (outcome.added, [number for number, _text in outcome.errors]) == (0, [2, 3])
