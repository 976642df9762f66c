"""The times that staff can book for somebody; what they look like is tested with the form (test_quick_booking.py)."""

import pytest
from django.utils import timezone

from bookings.selectors import times_for_staff
from bookings.selectors.staff_words import Wish
from experts.models import Expert
from tests.cast import day_ahead, make_expert, make_organization, make_row_of_slots, make_session_type

pytestmark = pytest.mark.django_db


def test_sessions_of_two_are_worked_out_once_for_each_expert(monkeypatch):
    organization = make_organization()
    experts = [make_expert(name=f"Expert {n}", organization=organization) for n in range(6)]
    for expert in experts:
        make_row_of_slots(expert)
    kind = make_session_type(organization, *experts, experts_needed=2)
    asked = []
    sessions_of = times_for_staff.sessions_of

    def counted(slots, *rest):
        asked.append(slots)
        return sessions_of(slots, *rest)

    monkeypatch.setattr(times_for_staff, "sessions_of", counted)
    found = times_for_staff.find_times(
        list(Expert.objects.select_related("organization").order_by("pk")),
        Wish(day=day_ahead()),
        timezone.now(),
        type_id=kind.pk,
        may_break_rules=lambda expert: False,
    )
    assert len(found.strips) + found.more_experts == 15, "each two of six"
    assert found.strips[0].tiles[0].time == "09:00"
    assert len(asked) == len(experts)
