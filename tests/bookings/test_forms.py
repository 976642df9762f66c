"""When a form was shown: signed, so that only a page of ours says it, and needs no script."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings.forms import is_filled_in_quickly, opened_now
from bookings.models import Booking, ProofReason
from tests.cast import details, make_slot


@pytest.fixture
def seconds_ago(monkeypatch):
    """Sign as if it were that long ago."""

    def sign(seconds):
        with monkeypatch.context() as patch:
            then = (timezone.now() - timedelta(seconds=seconds)).timestamp()
            patch.setattr("django.core.signing.time.time", lambda: then)
            return opened_now()

    return sign


@pytest.mark.parametrize(("seconds", "is_quick"), [(0, True), (1, True), (4, False), (86_400, False)])
def test_two_seconds_are_too_few_for_a_person(seconds_ago, seconds, is_quick):
    assert is_filled_in_quickly(seconds_ago(seconds)) is is_quick


@pytest.mark.parametrize("forged", ["", "x", ":1uQ:x", "2027-01-01"])
def test_what_no_page_of_ours_said_counts_as_quick(forged):
    assert is_filled_in_quickly(forged)


@pytest.mark.django_db
def test_the_time_travels_through_all_steps(seconds_ago, settings, steps_compared):
    settings.RATE_LIMITS = True
    slot, person = make_slot(capacity=3), Client()
    url, opened = f"/slots/{slot.pk}/book/", seconds_ago(9)
    for step in ("edit", "review"):
        form = person.post(url, details(step=step, opened=opened)).context["form"]
        assert form["opened"].value() == opened
    person.post(url, details(step="confirm", opened=opened))
    form = Client().get(url).context["form"]
    Client().post(url, details(step="confirm", key="key-2", opened=form["opened"].value()))
    assert list(Booking.objects.order_by("pk").values_list("proof_reason", flat=True)) == ["", ProofReason.QUICK]
