"""What is one of a few is one of them, whoever writes: raw SQL, too."""

import pytest
from django.db import IntegrityError, connection, transaction

from bookings.models import (
    ApiToken,
    Booking,
    Notification,
    TurnedAway,
    WaitlistEntry,
    WebhookDelivery,
    WebhookEndpoint,
)
from bookings.webhooks.endpoints import send_test_webhook
from tests.cast import make_booking, make_organization, make_slot, make_webhook

pytestmark = pytest.mark.django_db


def make_delivery():
    return send_test_webhook(endpoint_id=make_webhook().pk)


def make_notification():
    values = {"kind": "confirmed", "audience": "customer", "status": "sent", "to": "lena@example.com"}
    return Notification.objects.create(message_id="<1@example.com>", **values)


MAKE = {
    ApiToken: lambda: ApiToken.objects.create(organization=make_organization(), name="Kiosk", token_hash="x" * 64),
    Booking: lambda: make_booking(make_slot()),
    Notification: make_notification,
    TurnedAway: lambda: TurnedAway.objects.create(slot=make_slot(), reason="full", source="web"),
    WaitlistEntry: lambda: WaitlistEntry.objects.create(slot=make_slot(), name="Wilma", email="wilma@example.com"),
    WebhookDelivery: make_delivery,
    WebhookEndpoint: make_webhook,
}
FIELDS = [(model, field.name) for model in MAKE for field in model._meta.concrete_fields if field.choices]


@pytest.mark.parametrize(("model", "field"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_raw_sql_writes_no_unknown_value(model, field):
    row = MAKE[model]()
    assert f"{model._meta.model_name}_{field}_known" in {constraint.name for constraint in model._meta.constraints}
    # In another case, too: 'confirmed' took no seat where 'CONFIRMED' takes one.
    for value in ("none", model._meta.get_field(field).choices[0][0].swapcase()):
        with (
            pytest.raises(IntegrityError, match="violates check constraint"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE {model._meta.db_table} SET {field} = %s WHERE id = %s", [value, row.pk])


def test_each_model_with_choices_is_tried():
    assert len(FIELDS) == 15
