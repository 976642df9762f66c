"""Tables that keep years are vacuumed and analysed by what changes, not by what is there."""

import pytest
from django.db import connection

from bookings.models import Booking
from experts.models import Slot


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Slot, Booking])
def test_a_fiftieth_of_changes_is_enough(model):
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = %s", [model._meta.db_table])
        [(options,)] = cursor.fetchall()
    assert set(options) == {
        "autovacuum_vacuum_scale_factor=0.02",
        "autovacuum_vacuum_insert_scale_factor=0.02",
        "autovacuum_analyze_scale_factor=0.01",
    }
