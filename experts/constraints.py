"""Constraints and triggers that models have in common."""

import pgtrigger
from django.db.models import CheckConstraint, Choices, Q


def known_value(field: str, choices: type[Choices], *, blank: bool = False) -> CheckConstraint:
    """Return the constraint that a field holds one of its choices, or with ``blank`` nothing.

    Whoever writes: raw SQL could otherwise make a status that no rule knows. A change of the choices is a migration.
    """
    values = ["", *choices.values] if blank else choices.values
    return CheckConstraint(condition=Q(**{f"{field}__in": values}), name=f"%(class)s_{field}_known")


def log_triggers() -> list[pgtrigger.Trigger]:
    """Return the triggers of a log with a time ``at``: no line changes, and none is deleted before a year is over."""
    return [
        pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update),
        pgtrigger.Protect(
            name="kept_a_year",
            operation=pgtrigger.Delete,
            condition=pgtrigger.Condition("OLD.at > now() - interval '365 days'"),
        ),
    ]
