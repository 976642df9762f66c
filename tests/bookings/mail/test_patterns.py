"""What is filled into a pattern is what the templates render."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.mail import building
from bookings.mail.messages import Before, booking_mail
from bookings.mail.patterns import patterns
from bookings.mail.rules import FOR_STAFF
from bookings.models import MailKind, Status
from experts.patterns import PatternValues
from tests.cast import make_booking, make_expert, make_organization, make_slot, make_type

pytestmark = pytest.mark.django_db
STATUSES = {
    MailKind.PENDING: Status.PENDING,
    MailKind.REJECTED: Status.REJECTED,
    MailKind.EXPIRED: Status.EXPIRED,
    MailKind.CANCELLED: Status.CANCELLED,
}
KINDS = [
    MailKind.PENDING,
    MailKind.CONFIRMED,
    MailKind.REJECTED,
    MailKind.CANCELLED,
    MailKind.RESCHEDULED,
    MailKind.EXPIRED,
    MailKind.REMINDER_DAY,
    MailKind.REMINDER_HOUR,
]
assert not set(KINDS) & FOR_STAFF


@pytest.fixture(autouse=True)
def _nothing_known():
    patterns.forget()
    yield
    patterns.forget()


@pytest.fixture
def bookings():
    """As different as can be; some of them have much in common."""
    hale = make_organization(name="Hale & <Partners>", mail_footer="Hale\n<b>Street</b> 1", contact_email="a@b.example")
    grey = make_organization(name="grey’s", accent="plum")
    amara = make_expert(name="Amara Okafor", headline="Back & neck", organization=hale)
    lines = make_expert(name="Priya <Raman>\nMD", headline="", organization=hale, timezone="America/New_York")
    video = make_expert(organization=grey, venue="video", venue_note="https://meet.example.org/x?a=1&b=2 <ring>")
    kind = make_type(video, name="First <visit>")
    made = [
        make_booking(make_slot(amara, at="09:00"), name="Lena Fischer", email="lena@example.com", language="en"),
        make_booking(make_slot(amara, at="10:00"), name='O\'Neill & "Sons" {{ x }} %(name)s', language="en"),
        make_booking(make_slot(amara, at="11:00", title="Group & all", capacity=4), seats=3, timezone="Asia/Tokyo"),
        make_booking(make_slot(lines, at="09:00"), name="  two  blanks ", timezone="Europe/Berlin"),
        make_booking(make_slot(video, at="09:00"), name="Çelik 예약 📅", timezone="Europe/Berlin"),
        make_booking(make_slot(video, at="15:00"), name="Ann", reason="We are\nclosed <then>"),
    ]
    typed = make_booking(make_slot(video, at="16:00"), name="Typed")
    typed.session_type, typed.agreed = kind, replace(kind.terms, price="80 €").as_json()
    typed.session_ends_at = typed.slot.starts_at + timedelta(minutes=kind.minutes)
    return [*made, typed]


@pytest.mark.parametrize("kind", KINDS)
def test_as_rendered(bookings, kind, monkeypatch):
    for booking in bookings:
        booking.status = STATUSES.get(kind, Status.CONFIRMED)
        if booking.name == "Ann" and kind == MailKind.PENDING:
            booking.expires_at = timezone.now() + timedelta(hours=4)
    before = Before(was_approved=True)

    def written():
        mails = [booking_mail(each, kind, each.email, "<one@expertbook>", before) for each in bookings]
        return [(mail.subject, mail.body, mail.alternatives[0].content) for mail in mails]

    first, again = written(), written()
    assert first == again
    monkeypatch.setattr(building, "_common_of", lambda *_about: None)
    assert first == written()


def test_mails_that_have_much_in_common_share_one(bookings):
    for booking in bookings[:2]:
        booking_mail(booking, MailKind.CONFIRMED, booking.email, "<one@expertbook>")
    assert len(patterns._known) == 1
    bookings[0].slot.expert.organization.name = "Other"
    booking_mail(bookings[0], MailKind.CONFIRMED, bookings[0].email, "<one@expertbook>")
    assert len(patterns._known) == 2


def test_what_nobody_thought_of_is_not_left_out():
    with pytest.raises(RuntimeError):
        _email = PatternValues(name="x").email
