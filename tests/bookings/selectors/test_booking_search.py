"""What a few typed words find, whether few or very many bookings share them."""

import pytest

from bookings.models import Booking, Source
from bookings.selectors import booking_search
from bookings.selectors.booking_search import found_among
from experts.models import Role
from tests.cast import make_booking, make_expert, make_organization, make_slot
from tests.staff import admin_url, logged_in, make_member, make_superuser

pytestmark = pytest.mark.django_db
TEXTS = (
    *("maya", "MAYA hall", "núñez", "nunez maya", "maya@ex", "07700 900 412", "+44 7700 900412", "900412"),
    *("07700 9", "770", "77", "zzz", "'", "%", "a:*", "z\0", "()", "-"),
)


@pytest.fixture
def many():
    """Ten Mayas in two organisations in turns, and others."""
    experts = [make_expert(organization=make_organization()) for _ in range(2)]
    rows = [make_booking(make_slot(experts[n % 2], at=f"{8 + n:02}:00"), name=f"Maya Halloran {n}") for n in range(10)]
    make_booking(make_slot(experts[0], at="19:00"), name="José Núñez", phone="+447700900412")
    by_phone = {"name": "Maya Núñez", "email": "", "phone": "+447700900412;ext=7", "source": Source.STAFF}
    make_booking(make_slot(experts[1], at="19:00"), **by_phone)
    make_booking(make_slot(experts[1], at="20:00"), name="Somebody", email="maya@example.com")
    return rows


def test_words_find_the_same_one_by_one_as_by_their_indexes(many):
    for text in TEXTS:
        keys = {row.pk for row in Booking.objects.matching(text)}
        assert {row.pk for row in Booking.objects.called(text)} == keys, text
        assert set(found_among(Booking.objects.all(), text).keys) == keys, text
        assert not found_among(Booking.objects.all(), text).is_part
    assert found_among(Booking.objects.all(), "  ") is None
    assert Booking.objects.called(" ").count() == Booking.objects.count()


def test_of_very_many_the_newest_are_found_of_the_rows_that_are_asked_for(many, monkeypatch):
    monkeypatch.setattr(booking_search, "MOST_MATCHES", 3)
    assert set(found_among(Booking.objects.all(), "halloran").keys) == {row.pk for row in many[-3:]}
    of_one = Booking.objects.filter(slot__expert=many[0].slot.expert_id)
    part = found_among(of_one, "halloran")
    assert (set(part.keys), part.is_part) == ({row.pk for row in many[-6::2]}, True)
    older = found_among(Booking.objects.filter(pk__in=[row.pk for row in many[:3]]), "halloran")
    assert (len(older.keys), older.is_part) == (3, False), "none of fewer is left out, however old they are"


def test_a_list_says_that_it_has_the_newest_and_an_export_has_all(many, monkeypatch):
    monkeypatch.setattr(booking_search, "MOST_MATCHES", 3)
    staff = logged_in(make_superuser())
    page = staff.get(admin_url(Booking), {"q": "halloran"})
    assert page.context["cl"].result_list[0] == many[-1]
    assert len(page.context["cl"].result_list) == 3
    said = "3 in this list · Many more match"
    assert said in page.text
    page = staff.get(admin_url(Booking), {"q": "halloran 7"})
    assert list(page.context["cl"].result_list) == [many[7]]
    assert said not in page.text
    exported = b"".join(staff.get(admin_url(Booking, "csv"), {"q": "halloran"})).decode()
    assert exported.count("Maya Halloran") == 10
    owner = logged_in(make_member(many[0].slot.expert.organization, Role.OWNER))
    found_by_owner = owner.get(admin_url(Booking), {"q": "halloran"}).context["cl"].result_list
    assert list(found_by_owner) == many[-2:-8:-2]
