"""Words of an organisation's own stand in its mails, and take nothing away that people have to know."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from bookings import services
from bookings.errors import InvalidDetails, NotFound
from bookings.mail.examples import example_mail
from bookings.models import MailKind, MailText
from bookings.models.mail_text import WORDED, placeholders_of
from bookings.services.effects import queue_mails
from tests.bookings.mail.test_messages import html_of
from tests.cast import make_booking, make_expert, make_organization, make_slot
from tests.mail import send_mail, send_mails

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return make_organization(name="Northgate & Co", contact_email="desk@example.com")


def save(organization, kind=MailKind.CONFIRMED, subject="", opening=""):
    return services.save_mail_text(organization_id=organization.pk, kind=kind, subject=subject, opening=opening)


def own_events() -> list[tuple]:
    return list(MailText.pgh_event_model.objects.order_by("pgh_id").values_list("pgh_label", "subject", "opening"))


class TestSaving:
    def test_it_is_kept_with_its_history_and_can_be_taken_back(self, organization):
        save(organization, subject=" See you, {name} ", opening="Dear {name},\r\nthank you.\r\n")
        assert MailText.objects.get().opening == "Dear {name},\nthank you."
        save(organization, subject="See you, {name}", opening="Dear {name},\nthank you.")  # the same: no change
        save(organization, subject="Until {time}", opening="")
        assert save(organization) is None
        assert not MailText.objects.exists()
        assert own_events() == [
            ("insert", "See you, {name}", "Dear {name},\nthank you."),
            ("update", "Until {time}", ""),
            ("delete", "Until {time}", ""),
        ]

    @pytest.mark.parametrize(
        ("words", "field", "said"),
        [
            ({"subject": "Dear {nmae}"}, "subject", "There is no placeholder {nmae}."),
            ({"opening": "Look at www.example.com"}, "opening", "Leave out web addresses."),
            ({"subject": "cheap-pills.com"}, "subject", "Leave out web addresses."),
            ({"subject": "one\ntwo"}, "subject", "Write this on one line."),
            ({"subject": "x" * 121}, "subject", "at most 120 characters"),
            ({"opening": "x" * 1001}, "opening", "at most 1000 characters"),
            ({"opening": "a\u202eb"}, "opening", "invisible control characters"),
        ],
    )
    def test_what_cannot_stand_there_is_refused_at_its_field(self, organization, words, field, said):
        with pytest.raises(InvalidDetails) as refused:
            save(organization, **words)
        assert list(refused.value.fields) == [field]
        assert said in refused.value.fields[field][0]
        assert not MailText.objects.exists()

    def test_where_nothing_is_booked_there_is_no_reference(self, organization):
        assert "reference" not in placeholders_of(MailKind.WAITLIST_OFFER)
        with pytest.raises(InvalidDetails, match=r"."):
            save(organization, MailKind.WAITLIST_OFFER, opening="{reference}")
        save(organization, MailKind.CONFIRMED, opening="{reference}")

    @pytest.mark.parametrize("kind", sorted(set(MailKind) - set(WORDED)))
    def test_mails_to_staff_and_of_the_site_have_no_other_words(self, organization, kind):
        with pytest.raises(InvalidDetails):
            save(organization, kind, opening="Hello")

    def test_an_organisation_that_is_gone_is_told(self):
        with pytest.raises(NotFound):
            services.save_mail_text(organization_id=0, kind=MailKind.CONFIRMED, subject="a", opening="b")

    @pytest.mark.parametrize(
        "values", ["'lookup', 'a', 'b'", "'confirmed', '', ''"], ids=["another kind", "nothing at all"]
    )
    def test_the_database_refuses_it_too(self, organization, values):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO bookings_mailtext (organization_id, kind, subject, opening) VALUES (%s, {values})",
                [organization.pk],
            )


class TestSending:
    def test_it_is_filled_in_and_all_facts_stay(self, organization, mailoutbox):
        save(
            organization,
            subject="{session}: {time}",
            opening="Dear {name},\n\n{expert} of {organization} <3 {reference}",
        )
        expert = make_expert(organization=organization, name="Priya Raman", venue="phone")
        slot = make_slot(expert, at="14:00", title="Tax <review>")
        booking = make_booking(slot, name="Lena & {expert}")
        send_mail(booking, "confirmed", 0)
        [mail] = mailoutbox
        html = html_of(mail)
        assert mail.subject.startswith("Tax <review>: ")
        assert mail.subject.endswith("London time")
        opening = f"Dear Lena & {{expert}},\n\nPriya Raman of Northgate & Co <3 {booking.reference}"
        assert mail.body.startswith(f"You’re booked\n\n{opening}\n")
        assert "Dear Lena &amp; {expert},<br><br>Priya Raman of Northgate &amp; Co &lt;3 " in html
        assert "Hello Lena" not in mail.body + html
        for body in (mail.body, html):
            for fact in ("You’re booked", booking.reference, "/bookings/link/", "/not-me/", "London time", "14:"):
                assert fact in body
        assert [name for name, _content, _type in mail.attachments] == ["booking.ics"]
        assert "List-Unsubscribe" in mail.extra_headers

    def test_a_part_alone_leaves_the_other_as_it_is(self, organization, mailoutbox):
        expert = make_expert(organization=organization)
        send_mail(make_booking(make_slot(expert, at="09:00")), "confirmed", 0)
        save(organization, subject="Soon")
        send_mail(make_booking(make_slot(expert, at="10:00"), name="Tom"), "confirmed", 0)
        standard, own = mailoutbox[0], mailoutbox[-1]
        assert standard.subject.startswith("You're booked: ")
        assert (own.subject, own.body.partition("\n")[0]) == ("Soon", "Hello Tom,")

    def test_others_and_mails_of_other_kinds_are_as_they_were(self, organization, mailoutbox):
        save(organization, opening="Only here")
        send_mail(make_booking(make_slot()), "confirmed", 0)
        send_mail(make_booking(make_slot(make_expert(organization=organization)), status="PENDING"), "pending", 0)
        assert len(mailoutbox) == 2
        assert not any("Only here" in mail.body for mail in mailoutbox)

    def test_a_mail_that_waits_has_the_words_of_when_it_is_sent(self, organization, mailoutbox):
        booking = make_booking(make_slot(make_expert(organization=organization)))
        queue_mails([(booking, MailKind.CONFIRMED)])
        save(organization, opening="Since a minute ago")
        send_mails()
        assert "Since a minute ago" in mailoutbox[0].body

    @pytest.mark.parametrize(
        ("kind", "facts"),
        [
            (MailKind.PENDING, ["Request sent", "You hear from us by", "we free the seat"]),
            (MailKind.REJECTED, ["Request declined", "Book another time"]),
            (MailKind.EXPIRED, ["Request expired", "Nothing is booked."]),
            (MailKind.RESCHEDULED, ["Your new time", "Before:"]),
            (MailKind.CANCELLED, ["Booking cancelled"]),
            (MailKind.REMINDER_DAY, ["Your session is coming up"]),
            (MailKind.REMINDER_HOUR, ["Your session starts soon"]),
            (MailKind.PROVE, ["Open the link to keep your time", "It is kept for you until", "nothing is booked then"]),
            (MailKind.WAITLIST_PROVE, ["Open the link to take your place", "nothing happens without the link"]),
            (MailKind.WAITLIST_OFFER, ["We keep it for you until", "After that it goes to the next."]),
            (MailKind.RESCUE_OFFER, ["cannot take place", "kept for you until", "Nothing is moved until you choose"]),
        ],
    )
    def test_no_mail_loses_what_people_have_to_know(self, organization, kind, facts):
        now = timezone.now()
        save(organization, kind, subject="S {name}", opening="Own {name} {time}")
        mail = example_mail(organization, kind, "maya@example.com", "<x@y>", now)
        assert mail.subject == "S Sam Sample"
        tomorrow = (now + timedelta(days=1)).day
        for body in (mail.body, html_of(mail)):
            assert "Own Sam Sample " in body
            assert "Hello" not in body
            assert str(tomorrow) in body
            assert [fact for fact in facts if fact.replace("’", "’") not in body] == []
            assert "/not-me/" in body

    def test_a_move_that_has_to_be_approved_says_so(self, organization, mailoutbox):
        save(organization, MailKind.RESCHEDULED, opening="A new time!")
        booking = make_booking(make_slot(make_expert(organization=organization)), status="PENDING")
        send_mail(booking, "rescheduled", 0)
        for body in (mailoutbox[0].body, html_of(mailoutbox[0])):
            assert "still has to approve it." in body
