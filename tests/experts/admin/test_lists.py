"""Lists of the admin say how many rows they have, as far as that is cheap to know."""

import pytest

from experts.admin import base
from experts.models import Slot
from tests.cast import day_ahead, make_expert, make_slot
from tests.staff import admin_url, logged_in, make_superuser

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return logged_in(make_superuser())


def counted(client, **query):
    return client.get(admin_url(Slot), query).context["cl"].paginator.counted


def make_slots(number):
    expert = make_expert()
    for n in range(number):
        make_slot(expert, day=day_ahead(2 + n), title="Odd" if n % 2 else "")


def test_a_page_that_is_not_full_is_counted_without_asking(client, django_assert_num_queries):
    make_slots(3)
    response = client.get(admin_url(Slot))
    assert "3 in this list" in response.content.decode()
    with django_assert_num_queries(0):
        assert response.context["cl"].paginator.counted == "3 in this list"


def test_filters_count(client):
    make_slots(3)
    assert counted(client, q="nobody") == "0 in this list"


def test_longer_lists_are_counted_so_far(client, monkeypatch):
    monkeypatch.setattr(base, "MOST_COUNTED", 4)
    monkeypatch.setattr(base.ServiceAdmin, "list_per_page", 3)
    make_slots(4)
    assert counted(client) == "1 to 3 of 4"
    make_slots(1)
    assert counted(client) == "1 to 3 of 4+"
    assert counted(client, p=2) == "4 to 5 of 5"


def test_one_page_after_the_last_is_said_to_be_empty(client):
    make_slots(1)
    assert "0 in this list" not in client.get(admin_url(Slot), {"p": 3}).content.decode()
