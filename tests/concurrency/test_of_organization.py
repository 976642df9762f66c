"""What is written about an expert's slots and bookings while the expert changes the organisation goes along."""

import pytest

from bookings.mail import log
from bookings.models import MailKind, Notification, TurnedAway, WaitlistEntry
from tests.cast import book, make_organization, make_slot
from tests.concurrency.contention import held_row, run_together

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_written_meanwhile_knows_the_new_organisation():
    slot, other = make_slot(), make_organization()
    booking = book(slot)
    works = [
        lambda: log.begin([log.Delivery("<1@example.com>", MailKind.CONFIRMED, booking.email, booking.pk)]),
        lambda: TurnedAway.objects.create(slot=slot, reason="full", source="web"),
        lambda: WaitlistEntry.objects.create(slot=slot, name="Lena", email="lena@example.com"),
    ]
    with held_row(slot.expert) as held:
        held.change("UPDATE experts_expert SET organization_id = %s WHERE id = %s", [other.pk, slot.expert_id])

        def contender(number: int) -> None:
            if number < len(works):
                works[number]()
            else:
                held.wait_for(len(works))
                held.change_and_let_go("SELECT 1", [])

        assert [it for it in run_together(contender, len(works) + 1) if isinstance(it, BaseException)] == []
    found = [model.objects.get().of_organization for model in (Notification, TurnedAway, WaitlistEntry)]
    assert found == [other] * 3
