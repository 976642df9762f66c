"""What staff are told by e-mail: that a request waits for them, and that they let one expire."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from bookings import services, tasks
from bookings.mail.recipients import staff_recipients
from bookings.models import Booking, Notification, Status
from experts.models import Role, User
from tests.cast import book, make_booking, make_expert, make_organization, make_slot
from tests.mail import send_mail, send_mails
from tests.staff import admin_url, make_member, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def expert():
    organization = make_organization(
        name="Hale & Partners", contact_email="desk@example.com", requires_approval=True, mail_footer="Bring an ID."
    )
    return make_expert(name="Priya <Raman>", organization=organization, timezone="Europe/London")


@pytest.fixture
def work(mailoutbox):
    """Send what waits; the new mails to the organisation."""

    def work_off():
        before = len(mailoutbox)
        send_mails()
        return [mail for mail in mailoutbox[before:] if mail.to == ["desk@example.com"]]

    return work_off


def told(expert) -> list[str]:
    return staff_recipients([expert])[expert]


def bodies(mail):
    return mail.body, mail.alternatives[0][0].replace("&amp;", "&")


def test_staff_are_told_of_a_request_with_the_way_to_it(expert, work, settings):
    settings.SITE_URL = "https://book.example.org/"
    booking = book(make_slot(expert, at="14:30"), name="Lena <b>", email="lena@example.com", timezone="Asia/Tokyo")
    [mail] = work()
    assert mail.subject.startswith("New request: Priya <Raman>, ")
    assert mail.subject.endswith(", 14:30 London time")
    assert "Lena <b> would like to book Priya <Raman>." in mail.body
    deadline = booking.expires_at.astimezone(expert.zone)
    for body in bodies(mail):
        assert "14:30 – 15:00" in body
        assert "London time" in body
        assert f"Answer by {deadline:%A} {deadline.day} {deadline:%B %Y, %H:%M}, London time" in body
        assert f"https://book.example.org{admin_url(Booking, 'change', booking.pk)}" in body
        assert booking.reference in body
        assert "<b>" not in body.replace(mail.body, "")
    everything = str(mail.message())
    assert "lena@example.com" not in everything
    assert "/bookings/link/" not in everything, "the link of the customer opens the booking for anybody"
    assert "Bring an ID" not in everything


def test_the_time_is_the_experts_in_summer_too(expert, mailoutbox):
    slot = make_slot(expert, starts_at=datetime(2027, 7, 1, 12, 30, tzinfo=UTC))
    booking = make_booking(slot, status=Status.PENDING)
    send_mail(booking, "staff_request", 0)
    assert "Thursday 1 July 2027, 13:30 – 14:00, London time (GMT+1)" in mailoutbox[0].body


def test_a_booking_that_needs_no_approval_is_no_news(expert, work):
    expert.requires_approval = False
    expert.save()
    book(make_slot(expert))
    assert work() == []


def test_a_request_that_was_decided_meanwhile_needs_nobody(expert, work):
    booking = book(make_slot(expert))
    services.approve(booking_id=booking.pk)
    assert work() == []
    assert Notification.objects.get(kind="staff_request").status == "skipped"


def test_a_request_that_moves_is_told_with_its_new_time(expert, work):
    booking = book(make_slot(expert, at="09:00"))
    work()
    services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at="15:00").pk, by_customer=True)
    [mail] = work()
    assert "15:00 – 15:30" in mail.body


def test_when_the_deadline_passes_both_sides_are_told(expert, work, mailoutbox):
    booking = book(make_slot(expert), email="lena@example.com")
    work()
    del mailoutbox[:]
    Booking.objects.filter(pk=booking.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    tasks.expire_booking(booking_id=booking.pk)
    [mail] = work()
    assert {tuple(mail.to) for mail in mailoutbox} == {("desk@example.com",), ("lena@example.com",)}
    assert mail.subject.startswith("Request expired: Priya <Raman>, ")
    assert "Nobody answered the request" in mail.body
    assert admin_url(Booking, "change", booking.pk) in mail.body
    tasks.expire_booking(booking_id=booking.pk)
    assert work() == []
    assert len(mailoutbox) == 2


def test_no_contact_no_mail(expert, work, mailoutbox):
    expert.organization.contact_email = ""
    expert.organization.save()
    book(make_slot(expert), email="lena@example.com")
    work()
    assert [mail.to for mail in mailoutbox] == [["lena@example.com"]]


def test_owners_schedulers_and_the_expert_each_get_a_mail_instead_of_the_contact(expert):
    people = {}
    for name, role in (("olga", Role.OWNER), ("sam", Role.SCHEDULER), ("priya", Role.EXPERT), ("ivo", Role.EXPERT)):
        people[name] = make_member(expert.organization, role, email=f"{name}@example.com")
    make_member(make_organization(), email="stranger@example.com")
    expert.user = people["priya"]
    assert told(expert) == ["olga@example.com", "sam@example.com", "priya@example.com"]


def test_who_has_left_hears_nothing_more(expert):
    owner, left = make_member(expert.organization, email="olga@example.com"), make_user(email="priya@example.com")
    expert.user = left  # the calendar still names them
    assert told(expert) == ["olga@example.com"]
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert told(expert) == ["desk@example.com"]
