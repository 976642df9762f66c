"""Bookings, and what there is about them and about slots, know the expert's organisation, and follow who changes it."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.mail import log
from bookings.models import Booking, MailKind, Notification, TurnedAway, WaitlistEntry
from experts.models import Expert, Organization
from tests.cast import book, make_organization, make_slot

pytestmark = pytest.mark.django_db


def test_it_is_known_from_the_slot_and_nothing_else():
    slot = make_slot()
    booking = book(slot)
    assert Booking.objects.get(pk=booking.pk).of_organization == slot.expert.organization
    Booking.objects.filter(pk=booking.pk).update(of_organization=make_organization())
    assert Booking.objects.get(pk=booking.pk).of_organization == slot.expert.organization


def test_bookings_follow_an_expert_who_changes_the_organisation():
    slot, other = make_slot(), make_organization()
    booking, stays = book(slot), book(make_slot())
    Expert.objects.filter(pk=slot.expert_id).update(organization=other)
    assert Booking.objects.get(pk=booking.pk).of_organization == other
    assert Booking.objects.get(pk=stays.pk).of_organization != other
    assert not booking.events.filter(pgh_label="update").exists()  # it is no change of the booking


def rows_about(slot):
    """What knows its organisation, of each kind one."""
    booking = book(slot)
    mail = begin_mail(booking)
    return [booking, mail, TurnedAway.objects.create(slot=slot, reason="full", source="web"), make_entry(slot)]


def begin_mail(booking) -> Notification:
    log.begin([log.Delivery(f"<{booking.pk}@example.com>", MailKind.CONFIRMED, booking.email, booking.pk)])
    return Notification.objects.get(message_id=f"<{booking.pk}@example.com>")


def make_entry(slot) -> WaitlistEntry:
    return WaitlistEntry.objects.create(slot=slot, name="Lena", email="lena@example.com")


def organizations_of(rows) -> list[Organization | None]:
    return [type(row).objects.get(pk=row.pk).of_organization for row in rows]


def test_mails_refusals_and_entries_know_it_and_follow_as_well():
    slot, other = make_slot(), make_organization()
    rows, stay = rows_about(slot), rows_about(make_slot())
    theirs = organizations_of(stay)
    assert organizations_of(rows) == [slot.expert.organization] * 4
    for row in rows:
        type(row).objects.filter(pk=row.pk).update(of_organization=other)
    assert organizations_of(rows) == [slot.expert.organization] * 4
    Expert.objects.filter(pk=slot.expert_id).update(organization=other)
    assert organizations_of(rows) == [other] * 4
    assert organizations_of(stay) == theirs
    assert other not in theirs


def test_a_mail_about_no_booking_has_none():
    log.begin([log.Delivery("<lookup@example.com>", MailKind.LOOKUP, "lena@example.com")])
    assert Notification.objects.get(message_id="<lookup@example.com>").of_organization is None


def test_mails_go_along_with_a_booking_that_is_moved_to_another_organisation():
    booking, elsewhere = book(make_slot()), make_slot()
    mail = begin_mail(booking)
    Booking.objects.filter(pk=booking.pk).update(slot=elsewhere)
    assert organizations_of([mail]) == [elsewhere.expert.organization]


@pytest.mark.parametrize("name", ["0046_organization_of_bookings_known", "0049_organization_of_rows_known"])
def test_rows_of_before_are_filled_in_batches(name, monkeypatch):
    """As the migration finds them: without an organisation, as nothing wrote it then."""
    migration = import_module(f"bookings.migrations.{name}")
    monkeypatch.setattr(migration, "BATCH", 2)
    rows = [row for _ in range(5) for row in rows_about(make_slot())]
    rows = rows[::4] if name.startswith("0046") else [row for row in rows if not isinstance(row, Booking)]
    known = organizations_of(rows)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # without triggers
        for table in {row._meta.db_table for row in rows}:
            cursor.execute(f"UPDATE {table} SET of_organization_id = NULL")
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert set(organizations_of(rows)) == {None}
    with CaptureQueriesContext(connection) as asked:
        migration.fill(apps, connection.schema_editor())
    assert organizations_of(rows) == known
    assert None not in known
    written = [each["sql"] for each in asked if each["sql"].startswith("UPDATE")]
    assert len(written) >= 3 * len({type(row) for row in rows})
