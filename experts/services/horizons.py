"""Make the slots of all experts as days come within their horizons."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from experts.errors import Refused
from experts.models import Expert
from experts.selectors import behind_horizon
from experts.services.hours import extend_horizon

logger = logging.getLogger(__name__)
BATCH = 500  # experts whose keys are in memory at once


@dataclass
class Extended:
    """How many experts were looked at, how many of them failed, and how many slots were made."""

    experts: int = 0
    failed: int = 0
    slots: int = 0


def extend_horizons(*, note: Callable[[int], None] = lambda _experts: None) -> Extended:
    """Make the slots of the days that have come within the horizon, of each expert in a transaction of its own.

    An expert who is up to date costs one row of a query. A failure is logged, and left to the next run. ``note`` is
    told after each expert how many have been looked at.
    """
    done, last = Extended(), 0
    while True:
        # Those of this batch that failed are still behind: the next begins after them.
        experts = behind_horizon(Expert.objects.active()).filter(pk__gt=last).order_by("pk")
        keys = list(experts.values_list("pk", flat=True)[:BATCH])
        for last in keys:
            try:
                done.slots += extend_horizon(expert_id=last)
            except Refused as refusal:
                done.failed += 1
                logger.warning("The horizon of expert %s was not extended (%s).", last, refusal.code)
            except Exception:
                done.failed += 1
                logger.exception("The horizon of expert %s was not extended.", last)
            done.experts += 1
            note(done.experts)
        if len(keys) < BATCH:
            return done
