"""What is one of a few is one of them, whoever writes: raw SQL, too."""

from datetime import time

import pytest
from django.db import IntegrityError, connection, transaction

from experts.models import Expert, Invitation, Membership, Organization, Role, WeeklyHours
from tests.cast import make_expert, make_organization
from tests.staff import make_member

pytestmark = pytest.mark.django_db


def make_hours():
    return WeeklyHours.objects.create(
        expert=make_expert(), weekday=0, start=time(9), end=time(10), slot_minutes=30, capacity=1
    )


def make_invitation():
    return Invitation.objects.create(organization=make_organization(), email="ivo@example.com", role=Role.OWNER)


def make_membership():
    return make_member(make_organization()).memberships.get()


MAKE = {
    Expert: make_expert,
    Invitation: make_invitation,
    Membership: make_membership,
    Organization: make_organization,
    WeeklyHours: make_hours,
}
FIELDS = [(model, field.name) for model in MAKE for field in model._meta.concrete_fields if field.choices]


@pytest.mark.parametrize(("model", "field"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_raw_sql_writes_no_unknown_value(model, field):
    row = MAKE[model]()
    value = 7 if model is WeeklyHours else "nothing"
    with (
        pytest.raises(IntegrityError, match=f"{model._meta.model_name}_{field}_known"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE {model._meta.db_table} SET {field} = %s WHERE id = %s", [value, row.pk])


def test_each_model_with_choices_is_tried():
    assert len(FIELDS) == 9
