"""The organisation of rows that belong to one by way of a slot or a booking: a column for lists of one organisation.

Kept by triggers: whatever else writes to it is ignored. An expert who changes the organisation takes the rows along
(``bookings_follow_expert``, bookings 0048), which locks the slots and the bookings; a trigger that reads from them
locks them as a foreign key does, and reads afterwards, so that it waits for that.
"""

from typing import TypeVar

import pgtrigger
from django.db import models

M = TypeVar("M", bound=models.Model)


def key_of(model: type[M]) -> "models.ForeignKey[M | None, M | None]":
    """Return a column for the key of a row. No constraint, which would lock the row that it names at each write."""
    return models.ForeignKey(
        model,
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        editable=False,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )


def of_slot(name: str) -> pgtrigger.Trigger:
    """Return a trigger of rows with a slot."""
    return _trigger(
        name,
        "experts_slot",
        "slot_id",
        """SELECT expert.organization_id INTO NEW.of_organization_id
            FROM experts_slot AS slot JOIN experts_expert AS expert ON expert.id = slot.expert_id
            WHERE slot.id = NEW.slot_id;""",
    )


def of_booking(name: str) -> pgtrigger.Trigger:
    """Return a trigger of rows with a booking, or with none."""
    return _trigger(
        name,
        "bookings_booking",
        "booking_id",
        """SELECT of_organization_id INTO NEW.of_organization_id
            FROM bookings_booking WHERE id = NEW.booking_id;""",
    )


def _trigger(name: str, table: str, key: str, read: str) -> pgtrigger.Trigger:
    """Return a trigger that locks the row of ``table`` that ``key`` names, and then reads the organisation from it."""
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf(key, "of_organization_id"),
        func=f"""
            PERFORM FROM {table} WHERE id = NEW.{key} FOR KEY SHARE;
            {read}
            RETURN NEW;
        """,
    )
