"""E-mails in the admin: found, read, and sent again while they are true."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings import services, tasks
from bookings.models import Booking, LookupRequest, Notification, Status
from experts import permissions
from experts.models import Expert, Role
from tests.cast import book, make_booking, make_expert, make_organization, make_slot
from tests.mail import send_mail
from tests.staff import admin_url, logged_in, make_member, make_superuser, messages_of, run_action
from tests.statements import boundless_counts

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return logged_in(make_superuser())


def send(booking, kind="confirmed") -> Notification:
    send_mail(booking, kind)
    return Notification.objects.latest("pk")


def rows(client, **query):
    return list(client.get(admin_url(Notification), query).context["cl"].result_list)


def press(client, row):
    return client.post(reverse("admin:bookings_notification_send_one_again", args=[row.pk]))


def test_mails_are_found_by_a_whole_reference_and_filtered(staff):
    booking, other = book(make_slot()), make_booking(make_slot(), status=Status.CANCELLED)
    mine, others = send(booking), send(other, "cancelled")
    Notification.objects.filter(pk=others.pk).update(status="failed")
    assert rows(staff) == [others, mine]
    assert rows(staff, q=booking.reference.lower().replace("-", " ")) == [mine]
    assert rows(staff, q=booking.reference[:7]) == rows(staff, q=booking.email) == []
    assert rows(staff, status__exact="failed") == [others]
    assert rows(staff, kind__exact="confirmed") == [mine]
    assert rows(staff, booking__id__exact=booking.pk) == [mine]
    today = timezone.localdate().isoformat()
    assert rows(staff, created_at_from=today, created_at_to=today) == [others, mine]
    assert rows(staff, created_at_from="2000-01-01", created_at_to="2000-01-02") == []
    assert rows(staff, created_at_from="0001-01-01", created_at_to="9999-12-31") == [others, mine]
    assert rows(staff, created_at_from="nonsense", created_at_to="2000-13-13") == [others, mine]


def test_the_booking_leads_to_its_mails(staff):
    booking = book(make_slot())
    mail = send(booking)
    send(book(make_slot()))
    page = staff.get(admin_url(Booking, "change", booking.pk))
    link = reverse("admin:bookings_booking_show_mails", args=[booking.pk])
    assert link in page.text
    assert list(staff.get(link, follow=True).context["cl"].result_list) == [mail]


def test_a_list_takes_as_many_queries_for_three_rows_as_for_one_and_never_counts(staff):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(admin_url(Notification)).status_code == 200
        return [query["sql"] for query in captured.captured_queries]

    send(book(make_slot()))
    queries()
    for_one = queries()
    for _ in range(2):
        send(book(make_slot()))
    for_three = queries()
    assert len(for_three) == len(for_one)
    assert not boundless_counts(for_three)


def test_a_mail_is_there_to_read_and_nothing_else(staff):
    mail = send(book(make_slot()))
    page = staff.get(admin_url(Notification, "change", mail.pk))
    assert mail.to in page.text
    assert mail.booking.reference in page.text
    assert staff.post(admin_url(Notification, "change", mail.pk), {"to": "x@example.com"}).status_code == 403
    assert staff.post(admin_url(Notification, "delete", mail.pk), {"post": "yes"}).status_code == 403
    assert staff.get(admin_url(Notification, "add")).status_code == 403


def test_one_is_sent_again_by_its_button_with_the_same_message_id(staff, mailoutbox):
    booking = book(make_slot())
    mail = send(booking)
    response = press(staff, mail)
    assert response["Location"] == admin_url(Notification, "change", mail.pk)
    assert messages_of(response) == ["The e-mail will be sent again in a moment."]
    assert len(mailoutbox) == 1, "by its job, and not here"
    again = send(booking)
    assert (again.pk, again.status, again.attempts) == (mail.pk, "sent", 2)
    assert [m.extra_headers["Message-ID"] for m in mailoutbox] == [mail.message_id] * 2


def test_several_are_sent_again_and_each_that_could_not_be_is_named(staff):
    mails = [send(book(make_slot())) for _ in range(2)]
    gone = send(book(make_slot()))
    services.cancel(booking_id=gone.booking_id, by_customer=False)
    [said] = messages_of(run_action(staff, Notification, "send_again", [*mails, gone]))
    assert said.startswith("2 e-mails will be sent again. 1 refused:")
    assert gone.booking.reference in said
    assert "not true any more" in said
    assert list(Notification.objects.order_by("pk").values_list("status", flat=True)) == ["queued", "queued", "sent"]


def _moved(booking):
    services.reschedule(booking_id=booking.pk, slot_id=make_slot(booking.slot.expert, at="15:00").pk, by_customer=False)


def _corrected(booking):
    services.change_details(booking_id=booking.pk, name="Lena", email="new@example.com", phone="", notes="")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda booking: services.cancel(booking_id=booking.pk, by_customer=False), "not true any more"),
        (_moved, "not true any more"),
        (_corrected, "go to another address now"),
    ],
    ids=["cancelled", "moved", "corrected"],
)
def test_what_is_no_longer_true_is_refused(staff, change, words):
    mail = send(book(make_slot()))
    change(mail.booking)
    response = press(staff, mail)
    assert words in messages_of(response)[0]
    mail.refresh_from_db()
    assert mail.status == "sent"


def test_a_link_to_bookings_cannot_be_sent_again(staff):
    booking = book(make_slot())
    request = LookupRequest.objects.create(visitor="v" * 32, email=booking.email)
    tasks.send_lookup_link(request_id=request.pk)
    mail = Notification.objects.get(kind="lookup")
    assert staff.get(admin_url(Notification, "change", mail.pk)).status_code == 200
    assert "cannot be sent again" in messages_of(press(staff, mail))[0]


def test_staffs_own_mail_is_sent_again_to_staff(staff, mailoutbox):
    organization = make_organization(contact_email="desk@example.com", requires_approval=True)
    booking = book(make_slot(make_expert(organization=organization)))
    mail = send(booking, "staff_request")
    assert press(staff, mail).status_code == 302
    send(booking, "staff_request")
    assert [m.to for m in mailoutbox] == [["desk@example.com"]] * 2


def test_looking_is_not_sending(monkeypatch):
    mail = send(book(make_slot()))
    organization = mail.booking.slot.expert.organization
    monkeypatch.setitem(
        permissions.RIGHTS, "bookings.notification", {Role.OWNER: {"view", "change"}, Role.SCHEDULER: {"view"}}
    )
    viewer, sender = (logged_in(make_member(organization, role)) for role in (Role.SCHEDULER, Role.OWNER))
    assert "Send again" not in viewer.get(admin_url(Notification, "change", mail.pk)).text
    assert press(viewer, mail).status_code == 403
    run_action(viewer, Notification, "send_again", [mail])
    mail.refresh_from_db()
    assert mail.status == "sent"
    assert "Send again" in sender.get(admin_url(Notification, "change", mail.pk)).text
    assert press(sender, mail).status_code == 302


def test_an_expert_sees_no_mails_and_no_way_to_them():
    """Those to staff would tell the addresses of colleagues."""
    mail = send(book(make_slot()))
    expert, user = mail.booking.slot.expert, make_member(mail.booking.slot.expert.organization, Role.EXPERT)
    Expert.objects.filter(pk=expert.pk).update(user=user)
    client = logged_in(user)
    page = client.get(admin_url(Booking, "change", mail.booking_id))
    assert mail.booking.reference in page.text
    assert reverse("admin:bookings_booking_show_mails", args=[mail.booking_id]) not in page.text
    assert client.get(admin_url(Notification)).status_code == 403


def test_only_a_form_sends_again(staff):
    mail = send(book(make_slot()))
    assert staff.get(reverse("admin:bookings_notification_send_one_again", args=[mail.pk])).status_code == 405
    assert staff.post(reverse("admin:bookings_notification_send_one_again", args=[mail.pk + 9])).status_code == 302


def test_nobody_else_gets_in(client):
    mail = send(book(make_slot()))
    for url in (admin_url(Notification), admin_url(Notification, "change", mail.pk)):
        assert client.get(url)["Location"].startswith(reverse("admin:login"))
    assert press(client, mail)["Location"].startswith(reverse("admin:login"))
    mail.refresh_from_db()
    assert mail.status == "sent"
