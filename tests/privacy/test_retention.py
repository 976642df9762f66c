"""What is erased by itself when its time is over, and what is not."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from bookings.errors import Busy
from bookings.models import Booking, Erasure, Notification, RetentionMark, Status
from bookings.privacy import erasing, retention
from bookings.services.cleanup import delete_old
from experts.models import Organization
from tests.cast import make_booking, make_expert, make_organization, make_slot, move_slot
from tests.staff import admin_url, errors_of, logged_in, make_member

pytestmark = pytest.mark.django_db


def old_booking(expert, days: int, **values) -> Booking:
    booking = make_booking(make_slot(expert, at="10:00"), status=Status.COMPLETED, notes="A knee", **values)
    move_slot(booking.slot, timezone.now() - timedelta(days=days))
    return booking


def named() -> set[int]:
    return set(Booking.objects.exclude(name="").values_list("pk", flat=True))


@pytest.mark.parametrize(
    ("months", "today", "last"),
    [
        (1, date(2027, 3, 31), date(2027, 2, 27)),
        (24, date(2028, 2, 29), date(2026, 2, 27)),
        (1, date(2027, 1, 15), date(2026, 12, 14)),
        (12, date(2027, 12, 1), date(2026, 11, 30)),
    ],
)
def test_months_are_those_of_the_calendar(months, today, last):
    assert retention.last_day_of(months, today) == last


def test_the_people_of_old_sessions_go_where_the_organisation_says_so(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    brief = make_expert(organization=make_organization(retention_months=3))
    for_ever = make_expert(organization=make_organization(retention_months=None))
    old = [old_booking(brief, days) for days in (100, 200, 400, 401)]
    kept = [old_booking(brief, 80), old_booking(for_ever, 900), make_booking(make_slot(brief, at="15:00"))]
    sent = Notification.objects.create(
        message_id="<1>", kind="confirmed", audience="customer", to=old[0].email, booking=old[0], status="sent"
    )
    assert retention.erase_what_is_over() == 4
    assert named() == {booking.pk for booking in kept}
    assert not Notification.objects.filter(pk=sent.pk).exists()
    row = Booking.objects.select_related("slot").get(pk=old[0].pk)
    assert (row.status, row.seats, row.slot.seats_booked, row.email, row.notes) == ("COMPLETED", 1, 1, "", "")
    log = Erasure.objects.get()
    assert (log.organization, log.asked_by, log.counts["bookings"]) == (brief.organization, "retention", 4)
    assert retention.erase_what_is_over() == 0
    assert Erasure.objects.count() == 1


def test_a_run_that_was_cut_short_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 1)
    monkeypatch.setattr(retention, "MOST_BATCHES", 2)
    expert = make_expert(organization=make_organization(retention_months=1))
    for days in (100, 101, 102):
        old_booking(expert, days)
    assert [retention.erase_what_is_over() for _ in range(3)] == [2, 1, 0]
    assert RetentionMark.objects.get().until == retention.last_day_of(1, timezone.now().date())


def test_what_is_locked_holds_up_no_other_organisation(monkeypatch):
    first, _second = (old_booking(make_expert(organization=make_organization(retention_months=1)), 99) for _ in "ab")
    erase_bookings = retention.erase_bookings

    def first_is_locked(keys):
        if first.pk in keys:
            raise Busy
        return erase_bookings(keys)

    with monkeypatch.context() as patch:
        patch.setattr(retention, "erase_bookings", first_is_locked)
        assert retention.erase_what_is_over() == 1
    assert named() == {first.pk}, "and not the other one"
    assert retention.erase_what_is_over() == 1
    assert named() == set()


def test_new_organisations_keep_people_for_two_years():
    assert Organization().retention_months == 24


def test_a_shorter_time_says_what_it_would_erase_and_wants_to_be_sent_twice():
    expert = make_expert(organization=make_organization(retention_months=None))
    old_booking(expert, 400)
    owner = logged_in(make_member(expert.organization))
    page = admin_url(Organization, "change", expert.organization_id)
    form = {
        name: field.value() if field.value() is not None else ""
        for name, field in ((bound.name, bound) for bound in owner.get(page).context["adminform"].form)
    }
    form = {name: value for name, value in form.items() if value is not False}
    form |= {"retention_months": "12", "min_notice": "1 h", "cancel_until": "2 h"}
    refused = owner.post(page, form)
    assert "1 booking of before" in str(errors_of(refused)["retention_months"])
    # What nobody types into a hidden field is no consent either.
    assert "retention_months" in errors_of(owner.post(page, form | {"warned_of": "12\x00"}))
    assert Organization.objects.get(pk=expert.organization_id).retention_months is None
    again = refused.context["adminform"].form["warned_of"].value()
    assert owner.post(page, form | {"warned_of": again}).status_code == 302
    assert Organization.objects.get(pk=expert.organization_id).retention_months == 12


def test_networks_go_after_two_weeks_and_the_history_after_two_years():
    booking = make_booking(make_slot(), network="192.0.2.0")
    recent = make_booking(make_slot(), network="192.0.2.0")
    Booking.objects.filter(pk=booking.pk).update(created_at=timezone.now() - timedelta(days=15))
    history = Booking.pgh_event_model.objects
    history.filter(pgh_obj=booking).update(pgh_created_at=timezone.now() - timedelta(days=731))
    deleted = delete_old()
    assert (deleted["networks"], deleted["history"]) == (1, 2)
    assert set(Booking.objects.exclude(network=None)) == {recent}
    assert set(history.values_list("pgh_obj", flat=True)) == {recent.pk}


def test_erasing_twice_is_harmless():
    booking = old_booking(make_expert(), 10)
    first = erasing.erase_bookings([booking.pk])
    assert first["bookings"] == 1
    at = Booking.objects.get().erased_at
    assert erasing.erase_bookings([booking.pk]) == {}
    assert Booking.objects.get().erased_at == at
