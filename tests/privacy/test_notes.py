"""Notes that an organisation hides from schedulers: the expert and owners read them, and nobody else on staff."""

import pytest

from bookings import services
from bookings.icalendar.feed import calendar
from bookings.mail.messages import booking_mail
from bookings.models import ApiToken, Booking, MailKind, NoteReading
from bookings.webhooks.payloads import booking_data
from experts.models import Role
from tests.api.caller import Caller
from tests.cast import book, make_expert, make_organization, make_slot
from tests.staff import admin_url, logged_in, make_member

pytestmark = pytest.mark.django_db
NOTE = "My knee since the accident"
ROLES = [Role.OWNER, Role.SCHEDULER, Role.EXPERT]


@pytest.fixture
def house():
    return make_organization(hides_notes=True)


@pytest.fixture
def staff(house):
    return {role: make_member(house, role) for role in ROLES}


@pytest.fixture
def booking(house, staff):
    return book(make_slot(make_expert(organization=house, user=staff[Role.EXPERT])), notes=NOTE)


def pages_of(booking, client) -> str:
    """All that the admin says about the booking: list, search, page, history, questions."""
    pages = [
        admin_url(Booking),
        f"{admin_url(Booking)}?q={booking.reference}",
        admin_url(Booking, "change", booking.pk),
        admin_url(Booking, "history", booking.pk),
        f"/admin/bookings/booking/{booking.pk}/decide/cancel/",
        f"/admin/day/?day={booking.slot.date}&booking={booking.pk}",
    ]
    answers = [client.get(page) for page in pages]
    assert all(answer.status_code == 200 for answer in answers)
    return "".join(answer.content.decode() for answer in answers)


@pytest.mark.parametrize(("role", "reads"), [(Role.OWNER, True), (Role.SCHEDULER, False), (Role.EXPERT, True)])
def test_in_the_admin(booking, staff, role, reads):
    said = pages_of(booking, logged_in(staff[role]))
    assert (NOTE in said) == reads
    assert ("There is a note." in said) != reads


def test_whoever_is_told_nothing_can_still_correct_the_rest_and_changes_no_note(booking, staff):
    client = logged_in(staff[Role.SCHEDULER])
    form = {"name": "Lena New", "email": booking.email, "phone": "", "notes": "Overwritten"}
    assert client.post(admin_url(Booking, "change", booking.pk), form).status_code == 302
    booking.refresh_from_db()
    assert (booking.name, booking.notes) == ("Lena New", NOTE)


def test_by_the_api_only_a_token_of_an_owner_reads_them(booking, house, staff):
    tokens = {
        role: services.create_token(
            token=ApiToken(organization=house, name="Till", scope=ApiToken.Scope.READ, created_by=staff[role])
        )
        for role in (Role.OWNER, Role.SCHEDULER)
    }
    path = f"/admin/bookings/{booking.reference}"
    assert Caller(tokens[Role.OWNER]).get(path).json()["notes"] == NOTE
    assert Caller(tokens[Role.SCHEDULER]).get(path).status_code == 401


def test_whoever_is_told_nothing_is_not_in_the_log_of_readers(booking, staff):
    for role in (Role.SCHEDULER, Role.EXPERT):
        logged_in(staff[role]).get(admin_url(Booking, "change", booking.pk))
    assert [reading.who for reading in NoteReading.objects.all()] == [staff[Role.EXPERT].email]


def test_where_nothing_is_hidden_schedulers_read_on(booking, house, staff):
    house.hides_notes = False
    house.save()
    assert NOTE in pages_of(booking, logged_in(staff[Role.SCHEDULER]))


def test_no_mail_to_staff_no_feed_and_no_webhook_has_them(booking, house, staff):
    """They never had: what leaves the admin is copied further."""
    feed, _token = services.create_feed(organization=house, expert=None, created_by=staff[Role.OWNER])
    Booking.objects.update(status="PENDING", expires_at=booking.slot.starts_at)
    booking = Booking.objects.with_slot().get()
    mail = booking_mail(booking, MailKind.STAFF_REQUEST, "desk@example.com", "<1>")
    assert NOTE not in mail.message().as_string() + calendar(feed).decode() + str(booking_data(booking, {}, None))
    assert booking.name in calendar(feed).decode()
