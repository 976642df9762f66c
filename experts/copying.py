"""Copy rows in memory, as a batch of bookings does several times for each."""

from typing import TypeVar

from django.db.models import Model
from django.db.models.base import ModelState

Row = TypeVar("Row", bound=Model)


def copy_row(row: Row) -> Row:
    """Return what ``copy.copy`` returns, in a tenth of the time; a model has it as its ``__copy__``.

    Django's models are copied as they are pickled. Related rows that were read are shared, and can be set apart.
    """
    other = row.__class__.__new__(row.__class__)
    other.__dict__.update(row.__dict__)
    state = ModelState()
    state.__dict__.update(row._state.__dict__)
    if "fields_cache" in state.__dict__:
        state.fields_cache = state.fields_cache.copy()
    other._state = state
    return other
