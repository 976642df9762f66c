"""Conditions for rows that another condition has an index for."""

from django.db import models
from django.db.models import F, Func
from django.db.models.lookups import Exact


def has_status(status: models.TextChoices) -> Exact:
    """Return the condition that a row has this status, in words that no index has. For few rows.

    An index of "all holds" has no entries as far as PostgreSQL knows if nobody held anything when it last counted, at
    night. To read it from end to end looks cheaper to it than to look a visitor up, until it counts again: in a rush it
    would read thousands of holds for each.
    """
    words = Func(F("status"), template="(%(expressions)s || '')", output_field=models.CharField())
    return Exact(words, status.value)
