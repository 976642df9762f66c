from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from bookings.models import Booking, Source, Status, TurnedAway
from experts import permissions
from experts.models import Role, Slot, User
from tests.cast import book, day_ahead, fresh, make_booking, make_expert, make_organization, make_slot
from tests.mail import waiting
from tests.staff import PASSWORD, admin_url, errors_of, logged_in, make_member, make_superuser, messages_of, run_action
from tests.statements import boundless_counts

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return logged_in(make_superuser())


def person(**values):
    return {"name": "Lena Fischer", "email": "lena@example.com", "phone": "", "notes": ""} | values


def request_for(slot, **values):
    return {"slot": slot.pk, "seats": 1, "key": "key-1"} | person() | values


def rows(client, model=Booking, **query):
    return list(client.get(admin_url(model), query).context["cl"].result_list)


# Finding


def test_bookings_are_found_by_reference_name_and_address(staff):
    lena = book(make_slot(), name="Lena Fischer", email="lena@example.com")
    karim = book(make_slot(), name="Karim Aziz", email="karim@example.org")
    assert rows(staff) == [karim, lena]
    assert rows(staff, q=lena.reference) == [lena]
    assert rows(staff, q=f" {lena.reference.lower().replace('-', ' ')} ") == [lena], "as people type it"
    assert rows(staff, q="fischer") == rows(staff, q="LENA fis") == [lena], "by the beginnings of words"
    assert rows(staff, q="lena@") == rows(staff, q="lena@EXAMPLE.com") == [lena]
    assert rows(staff, q="ischer") == rows(staff, q="lena aziz") == []
    assert rows(staff, q="KARIM@EXAMPLE.ORG") == [karim]
    assert rows(staff, q="nobody") == []
    margaret = book(make_slot(), name="Margaret Hale")
    assert rows(staff, q="Margaret") == [margaret], "although these letters could be a reference"


@pytest.mark.parametrize(
    "name", ["Anne-Marie O’Brien", "Ane-Marie O'Brien", "Ömer Şahin", "李 小龙", "Dr.Weiss", "x" * 120]
)
def test_names_of_every_kind_are_found_by_their_words(staff, name):
    booking = book(make_slot(), name=name)
    for text in (name, name.lower(), name.split()[-1], name[:-1], name.replace("’", "'")):
        assert rows(staff, q=text) == [booking], text


@pytest.mark.parametrize("text", ["'", "\\", "'a' & !", "a:*", "%", "_", "-", "@", "<->", "a|b", "! ", "x" * 5000])
def test_what_is_typed_is_no_query_language(staff, text):
    book(make_slot(), name="Nobody")
    assert rows(staff, q=text) == []


def test_a_search_reads_no_list_from_end_to_end(staff):
    """By their indexes, which PostgreSQL prefers for a large table."""
    book(make_slot())
    with CaptureQueriesContext(connection) as captured:
        rows(staff, q="fischer")
    [sql] = [query["sql"] for query in captured.captured_queries if "to_tsquery" in query["sql"]][:1]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + sql.replace("%", "%%"), ())
        plan = str(cursor.fetchall())
    assert "booking_in_plain_words" in plan
    assert "booking_of_address" in plan


def test_bookings_are_filtered(staff):
    soon = book(make_slot(day=day_ahead(2)))
    late = make_booking(make_slot(day=day_ahead(9)), status=Status.PENDING, source=Source.API)
    assert rows(staff, status__exact="PENDING") == [late]
    assert rows(staff, source__exact="api") == [late]
    assert rows(staff, slot__expert__id__exact=soon.slot.expert_id) == [soon]
    assert rows(staff, slot__date_from=f"{day_ahead(8)}") == [late]
    assert rows(staff, slot__date_from=f"{day_ahead(2)}", slot__date_to=f"{day_ahead(2)}") == [soon]


@pytest.mark.parametrize(
    "query",
    [
        {"slot__date_from": "nonsense"},
        {"status__exact": "NONSENSE"},
        {"slot__expert__id__exact": "nonsense"},
        {"slot__expert__organization__name": "x"},
        {"holder__startswith": "a"},
        {"notes__contains": "a"},
        {"q": "\x00"},
        {"p": "99999999"},
    ],
    ids=str,
)
def test_a_query_that_means_nothing_is_no_error(staff, query):
    book(make_slot())
    response = staff.get(admin_url(Booking), query, follow=True)
    assert response.status_code in (200, 400)


def test_nobody_can_ask_for_secrets_letter_by_letter(staff):
    make_booking(make_slot(), holder="a" * 32, notes="a secret")
    for query in ({"holder__startswith": "a"}, {"notes__startswith": "a"}):
        assert staff.get(admin_url(Booking), query).status_code == 400


@pytest.mark.parametrize("model", [Booking, TurnedAway], ids=lambda model: model.__name__)
def test_a_list_takes_as_many_queries_for_three_rows_as_for_one(staff, model):
    def add():
        slot = make_slot()
        book(slot)
        TurnedAway.objects.create(slot=slot, reason="full", source="web")

    def queries():
        with CaptureQueriesContext(connection) as captured:
            page = staff.get(admin_url(model))
        assert page.status_code == 200
        assert "9999999999 results" not in page.text, "nobody counted"
        return [query["sql"] for query in captured.captured_queries]

    add()
    queries()  # what is read once
    for_one = queries()
    add()
    add()
    for_three = queries()
    assert len(for_three) == len(for_one)
    assert not boundless_counts(for_three), "a list never counts a large table"


def test_demand_is_there_to_read_and_nothing_else(staff):
    row = TurnedAway.objects.create(slot=make_slot(), reason="full", source="web")
    assert rows(staff, TurnedAway, reason__exact="full") == [row]
    assert staff.get(admin_url(TurnedAway, "change", row.pk)).status_code == 200
    assert staff.post(admin_url(TurnedAway, "change", row.pk), {"reason": "past"}).status_code == 403
    assert staff.post(admin_url(TurnedAway, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_days_that_people_wanted_most_come_first(staff):
    hannah, omar = make_expert(name="Hannah Weiss"), make_expert(name="Omar Haddad")
    wanted = [make_slot(hannah, at="10:00"), make_slot(hannah, at="12:00"), make_slot(omar)]
    for slot in [*wanted, wanted[0], make_slot(omar, day=day_ahead(-2))]:  # the last: nobody can be helped any more
        TurnedAway.objects.create(slot=slot, reason="full", source="web")
    TurnedAway.objects.filter(pk=TurnedAway.objects.create(slot=wanted[2], reason="full", source="web").pk).update(
        created_at=timezone.now() - timedelta(days=8)
    )
    page = staff.get(admin_url(TurnedAway))
    found = [(row["name"], row["day"], row["number"], row["slots"]) for row in page.context["demand"]]
    assert found == [("Hannah Weiss", day_ahead(), 3, 2), ("Omar Haddad", day_ahead(), 1, 1)]
    add = staff.get(admin_url(Slot, "add"), {"expert": hannah.pk, "date": f"{day_ahead()}"})
    assert f'value="{day_ahead()}"' in add.text
    assert staff.get(admin_url(TurnedAway), {"reason__exact": "full"}).context["demand"] is None


# Booking for somebody


def test_staff_book_for_somebody_on_the_phone(staff):
    slot = make_slot()
    response = staff.post(admin_url(Booking, "add"), request_for(slot, email="", phone="0151 123"))
    assert response["Location"] == admin_url(Booking)
    booking = Booking.objects.get()
    assert (booking.status, booking.source, booking.email, booking.holder) == ("CONFIRMED", "staff", "", "")
    assert fresh(slot).seats_booked == 1
    assert booking.reference in messages_of(response)[0]


def test_a_request_that_needs_approval_waits_for_it(staff):
    slot = make_slot(make_expert(organization=make_organization(requires_approval=True)))
    staff.post(admin_url(Booking, "add"), request_for(slot))
    assert Booking.objects.get().status == Status.PENDING
    assert [kind for _booking, kind, _sequence in waiting()] == ["pending", "staff_request"]


def test_sending_the_form_twice_books_once(staff):
    slot = make_slot(capacity=3)
    for _ in range(2):
        staff.post(admin_url(Booking, "add"), request_for(slot))
    assert Booking.objects.count() == 1
    staff.post(admin_url(Booking, "add"), request_for(slot, key="key-2"))
    assert Booking.objects.count() == 2
    assert 'name="key"' in staff.get(admin_url(Booking, "add")).text


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"name": ""}, "name", "required"),
        ({"name": "Le\nna"}, "name", "one line"),
        ({"email": "wrong"}, "email", "valid email"),
        ({"seats": 0}, "seats", "greater than or equal to 1"),
        ({"seats": 99999}, "seats", "less than or equal to 32767"),
        ({"notes": "x" * 2001}, "notes", "at most 2000"),
        ({"slot": ""}, "slot", "required"),
        ({"slot": "999999"}, "slot", "valid choice"),
        ({"slot": "nonsense"}, "slot", "valid choice"),
    ],
    ids=str,
)
def test_details_that_cannot_be_are_a_message_at_the_field(staff, values, field, words):
    response = staff.post(admin_url(Booking, "add"), request_for(make_slot()) | values)
    assert list(errors_of(response)) == [field]
    assert words in errors_of(response)[field][0]
    assert not Booking.objects.exists()


def _full():
    slot = make_slot(at="10:00")
    book(slot)
    return slot


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_full, "This slot is full. All seats at 10:00 are taken."),
        (lambda: make_slot(is_closed=True), "This slot is closed."),
        (lambda: make_slot(day=day_ahead(-1)), "It is too late for this slot."),
    ],
    ids=["full", "closed", "past"],
)
def test_a_slot_that_cannot_be_had_is_a_message_and_nothing_typed_is_lost(staff, make, words):
    slot = make()
    before = Booking.objects.count()
    response = staff.post(admin_url(Booking, "add"), request_for(slot, phone="0151 123"))
    assert errors_of(response)["slot"][0].startswith(words)
    assert 'value="0151 123"' in response.text
    assert Booking.objects.count() == before
    # The form can be sent again, for another slot.
    staff.post(admin_url(Booking, "add"), request_for(make_slot(), phone="0151 123"))
    assert Booking.objects.count() == before + 1


def test_demand_is_of_the_last_entries_where_there_are_very_many(staff, monkeypatch):
    monkeypatch.setattr("bookings.admin.turned_away.MOST_COUNTED", 2)
    first, last = make_slot(), make_slot()
    for slot in (first, last, last):
        TurnedAway.objects.create(slot=slot, reason="full", source="web")
    page = staff.get(admin_url(TurnedAway))
    assert [(row["expert_id"], row["number"]) for row in page.context["demand"]] == [(last.expert_id, 2)]
    assert "Of the last 2 entries" in page.text
    TurnedAway.objects.filter(slot=first).delete()
    assert "Last 7 days" in staff.get(admin_url(TurnedAway)).text


def test_demand_that_staff_could_not_meet_is_kept(staff):
    slot = _full()
    staff.post(admin_url(Booking, "add"), request_for(slot))
    [row] = TurnedAway.objects.all()
    assert (row.slot, row.reason, row.source) == (slot, "full", "staff")


def test_a_party_larger_than_what_is_left_is_a_message(staff):
    response = staff.post(admin_url(Booking, "add"), request_for(make_slot(capacity=3), seats=4))
    assert "not enough seats left" in errors_of(response)["slot"][0]


# Reading and correcting


def test_who_a_booking_is_for_is_corrected(staff):
    booking = book(make_slot(), name="Lena Fisher")
    staff.post(
        admin_url(Booking, "change", booking.pk),
        person(name=" Lena Fischer ", email="fischer@example.com", phone="0151", notes="Back pain"),
    )
    booking.refresh_from_db()
    assert (booking.name, booking.email, booking.phone, booking.notes) == (
        "Lena Fischer",
        "fischer@example.com",
        "0151",
        "Back pain",
    )


def test_status_slot_and_seats_are_there_to_read(staff):
    booking = book(make_slot(capacity=3))
    staff.post(
        admin_url(Booking, "change", booking.pk),
        person(status="CANCELLED", slot=make_slot().pk, seats=3, reference="EB-AAAA-AAAA", source="staff"),
    )
    changed = Booking.objects.get(pk=booking.pk)
    assert changed.name == "Lena Fischer"
    for field in ("status", "slot_id", "seats", "reference", "source"):
        assert getattr(changed, field) == getattr(booking, field)
    assert fresh(booking.slot).seats_booked == 1


def test_an_address_goes_only_from_what_staff_booked(staff):
    booking = book(make_slot())
    response = staff.post(admin_url(Booking, "change", booking.pk), person(email="", notes="New"))
    assert errors_of(response) == {"email": ["Enter your e-mail address."]}
    assert Booking.objects.get(pk=booking.pk).notes == ""
    by_phone = book(make_slot(), source=Source.STAFF)
    staff.post(admin_url(Booking, "change", by_phone.pk), person(email=""))
    assert Booking.objects.get(pk=by_phone.pk).email == ""


def test_a_hold_cannot_be_filled_in_by_staff(staff):
    hold = make_booking(make_slot(), status=Status.HELD, name="", email="", holder="a" * 32)
    page = staff.get(admin_url(Booking, "change", hold.pk))
    assert page.status_code == 200
    assert "a" * 32 not in page.text
    staff.post(admin_url(Booking, "change", hold.pk), person())
    assert Booking.objects.get(pk=hold.pk).name == ""


def test_a_booking_is_never_deleted(staff):
    booking = book(make_slot())
    assert staff.post(admin_url(Booking, "delete", booking.pk), {"post": "yes"}).status_code == 403
    staff.post(admin_url(Booking), {"action": "delete_selected", "_selected_action": booking.pk, "post": "yes"})
    assert Booking.objects.exists()
    assert admin_url(Booking, "delete", booking.pk) not in staff.get(admin_url(Booking, "change", booking.pk)).text


def test_history_tells_what_changed_but_neither_notes_nor_visitors(staff):
    booking = book(make_slot(), visitor="a1b2" * 8, notes="A secret about my knee")
    staff.post(
        admin_url(Booking, "change", booking.pk), person(name="Lena B", email=booking.email, notes="Another secret")
    )
    page = staff.get(admin_url(Booking, "history", booking.pk))
    written, changed, added = page.context["history"].entries
    assert (written.what, written.changes) == ("Notes changed", [])
    assert [(c.label, c.new) for c in changed.changes] == [("Full name", "Lena B")]
    assert ("Status", "Confirmed") in [(c.label, c.new) for c in added.changes]
    assert (added.who, added.source) == ("System", "Program")
    assert "secret" not in page.text
    assert "a1b2" not in page.text


def test_history_tells_which_slot_a_booking_moved_to(staff):
    expert = make_expert()
    booking = book(make_slot(expert, at="10:00"))
    Booking.objects.filter(pk=booking.pk).update(slot=make_slot(expert, at="15:00"))
    [moved, _] = staff.get(admin_url(Booking, "history", booking.pk)).context["history"].entries
    [change] = moved.changes
    day = date_format(day_ahead(), "D j M Y")
    assert (change.label, change.old, change.new) == ("Slot", f"{day}, 10:00", f"{day}, 15:00")


def test_history_tells_who_decided_and_from_where():
    maya = make_superuser(name="Maya Brandt")
    booking = book(make_slot())
    url = reverse("admin:bookings_booking_decide", args=[booking.pk, "cancel"])
    logged_in(maya).post(url, {"reason": "Dr Okafor is ill."})
    [cancelled, _] = logged_in(maya).get(admin_url(Booking, "history", booking.pk)).context["history"].entries
    assert (cancelled.who, cancelled.source) == ("Maya Brandt", "Admin")
    assert [(c.label, c.old, c.new) for c in cancelled.changes] == [
        ("Status", "Confirmed", "Cancelled"),
        ("Message to the customer", "–", "Dr Okafor is ill."),
    ]


def test_an_account_is_made_and_its_password_changed(staff):
    form = {"email": "Noor@Example.com", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    staff.post(admin_url(User, "add"), form)
    noor = User.objects.get(email="noor@example.com")
    assert noor.check_password(PASSWORD)
    assert staff.get(reverse("admin:auth_user_password_change", args=[noor.pk])).status_code == 200
    assert staff.get(reverse("admin:password_change"), follow=True).status_code == 200


def test_the_slot_page_leads_to_booking_it_and_to_its_bookings(staff):
    slot, booking = make_slot(capacity=2), book(make_slot())
    page = staff.get(admin_url(Slot, "change", slot.pk)).text
    for way in ("book", "show_bookings"):
        assert reverse(f"admin:experts_slot_{way}", args=[slot.pk]) in page
    form = staff.get(reverse("admin:experts_slot_book", args=[slot.pk]), follow=True)
    assert slot.expert.name in form.text
    found = staff.get(reverse("admin:experts_slot_show_bookings", args=[booking.slot_id]), follow=True)
    assert list(found.context["cl"].result_list) == [booking]
    assert (
        not staff.get(reverse("admin:experts_slot_show_bookings", args=[slot.pk]), follow=True)
        .context["cl"]
        .result_list
    )


def test_ways_to_bookings_are_shown_to_those_who_may_go_them(monkeypatch):
    slot = make_slot()
    monkeypatch.setitem(permissions.RIGHTS, "bookings.booking", {})
    client = logged_in(make_member(slot.expert.organization))
    page = client.get(admin_url(Slot, "change", slot.pk)).text
    for way in ("book", "show_bookings"):
        url = reverse(f"admin:experts_slot_{way}", args=[slot.pk])
        assert url not in page
        assert client.get(url).status_code == 403


@pytest.mark.parametrize("slot", ["nonsense", "999999", "9" * 30, "-1"])
def test_a_slot_that_does_not_exist_is_not_filled_in(staff, slot):
    assert staff.get(admin_url(Booking, "add"), {"slot": slot}).status_code == 200


def test_markup_in_what_people_type_stays_text(staff):
    evil = "<img src=x onerror=alert(1)><b x-data x-init='alert(2)'>{{ 7*7 }}"
    slot = make_slot(make_expert(name=evil, headline=evil), title=evil[:80])
    booking = book(slot, name=evil, notes=evil, phone=evil[:40], source=Source.STAFF)
    make_booking(make_slot(), status=Status.PENDING, name=evil)
    expert = slot.expert
    day = reverse("admin:day", query={"day": slot.date.isoformat(), "organization": slot.expert.organization_id})
    urls = [day, f"{day}&view=list", f"{day}&slot={slot.pk}", f"{day}&booking={booking.pk}"]
    for obj in (booking, slot, expert):
        urls += [admin_url(type(obj)), *(admin_url(type(obj), page, obj.pk) for page in ("change", "history"))]
    urls += [admin_url(Slot, "delete", slot.pk), reverse("admin:search") + "?s=img&extended=1"]
    for url in urls:
        page = staff.get(url).text
        assert "<img src=x" not in page, url
        assert "<b x-data" not in page, url


def test_who_may_only_look_decides_nothing(monkeypatch):
    booking = make_booking(make_slot(), status=Status.PENDING)
    monkeypatch.setitem(permissions.RIGHTS, "bookings.booking", {Role.SCHEDULER: {"view"}})
    user = make_member(booking.slot.expert.organization, Role.SCHEDULER)
    for action in ("approve", "reject", "cancel"):
        run_action(logged_in(user), Booking, action, [booking])
    booking.refresh_from_db()
    assert booking.status == Status.PENDING
