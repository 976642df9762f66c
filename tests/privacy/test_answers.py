"""Where answers go: to whom the organisation says, and nowhere else."""

import logging

import pytest
from django.db import connection
from django.utils import timezone

from bookings import services
from bookings.icalendar.feed import calendar
from bookings.mail.messages import booking_mail
from bookings.models import Answer, Booking, MailKind, Question, QuestionKind, WebhookDelivery
from bookings.privacy.registry import Subject, kinds
from tests.api.caller import Caller, with_key
from tests.cast import book, make_expert, make_organization, make_question, make_slot, make_webhook
from tests.mail import send_mail
from tests.staff import make_member

pytestmark = pytest.mark.django_db
EMAIL = "lena@example.com"


@pytest.fixture
def house():
    return make_organization(requires_approval=True)


@pytest.fixture
def booking(house):
    told, untold = make_question(house, in_staff_mail=True, in_webhooks=True, slug="told"), make_question(house)
    slot = make_slot(make_expert(organization=house))
    make_webhook(house, sends_contacts=True)
    make_webhook(house, url="https://other.example.com/")
    book(slot, email=EMAIL, answers={told.slug: "Saidknee", untold.slug: "Quietknee"})
    return Booking.objects.with_slot().get()


def test_webhooks_are_told_what_is_switched_on_where_they_are_told_who_books(booking):
    told = {row.endpoint.url: row.payload["data"].get("answers") for row in WebhookDelivery.objects.all()}
    assert told == {"https://hooks.example.com/bookings": {"told": "Saidknee"}, "https://other.example.com/": None}


@pytest.mark.parametrize("hides", [False, True])
def test_a_mail_to_staff_has_what_is_switched_on_unless_notes_are_hidden(booking, house, hides):
    house.hides_notes = hides
    house.save()
    booking = Booking.objects.with_slot().get()
    mail = booking_mail(booking, MailKind.STAFF_REQUEST, "desk@example.com", "<1>")
    for part in (mail.body, mail.alternatives[0][0]):
        assert ("Saidknee" in part) == (not hides)
        assert "Quietknee" not in part
    theirs = booking_mail(booking, MailKind.PENDING, EMAIL, "<2>")
    assert "knee" not in theirs.message().as_string()


def test_no_feed_and_no_history_has_them(booking, house):
    feed, _token = services.create_feed(organization=house, expert=None, created_by=make_member(house))
    assert "knee" not in calendar(feed).decode()
    assert "knee" not in str(list(booking.events.values()))


def test_no_other_table_and_no_log_has_them(house, caplog):
    """Booked with a mistake first, mailed, changed, moved and cancelled: what was said is in the answers alone."""
    caplog.set_level(logging.DEBUG, logger="")
    side = make_question(house, kind=QuestionKind.CHOICE, choices=["Left", "Saidright"], slug="side")
    said = make_question(house, in_staff_mail=True, slug="said")
    house.requires_approval, house.lets_change_answers = False, True
    house.save()
    slot, other = (make_slot(make_expert(organization=house, slug=name)) for name in ("one", "two"))
    asked = {"name": "Lena", "email": EMAIL, "answers": {said.slug: "Saidknee", side.slug: "Saidwrong"}}
    api = Caller("")
    assert api.post(f"/slots/{slot.pk}/book", asked).status_code == 422
    asked["answers"][side.slug] = "Saidright"
    made = api.post(f"/slots/{slot.pk}/book", asked, **with_key("k"))
    assert made.status_code == 201, made.content
    booking = Booking.objects.get()
    send_mail(booking, MailKind.CONFIRMED)
    services.change_answers(booking_id=booking.pk, answers={said.slug: "Saidhip"}, by_customer=True)
    services.reschedule(booking_id=booking.pk, slot_id=other.pk, by_customer=False)
    services.cancel(booking_id=booking.pk, by_customer=False)
    assert set(tables_with("Said")) == {Answer._meta.db_table, Question._meta.db_table, "bookings_questionevent"}
    assert "Said" not in caplog.text
    Question.objects.filter(pk=side.pk).update(choices=["Left", "Right"])
    Answer.objects.filter(booking=booking).delete()
    assert Answer._meta.db_table not in tables_with("Said")


def tables_with(text: str) -> list[str]:
    """Whichever tables of the database have it in a row, ours or not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = []
        for (name,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{name}" AS t WHERE t::text LIKE %s', [f"%{text}%"])
            if cursor.fetchone()[0]:
                found.append(name)
    return found


def test_they_are_given_out_and_erased_with_their_booking(booking):
    [kind] = [kind for kind in kinds() if kind.name == "questions"]
    given = kind.export(Subject(EMAIL, None, timezone.now()))
    assert [(row["reference"], row["answer"]) for row in given] == [
        (booking.reference, "Saidknee"),
        (booking.reference, "Quietknee"),
    ]
    assert kind.export(Subject("else@example.com", None, timezone.now())) == []
    assert kind.erase_bookings([booking.pk]) == 2
    assert not Answer.objects.exists()
