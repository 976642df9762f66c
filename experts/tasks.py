"""Run jobs about slots in the worker. Each may run more than once. Arguments are ids only."""

import logging

from procrastinate.contrib.django import app

from experts import services
from experts.errors import Refused
from experts.models import Expert
from experts.selectors import behind_horizon

logger = logging.getLogger(__name__)


@app.periodic(cron="23 * * * *")
@app.task(queue="housekeeping")
def extend_horizons(timestamp: int) -> None:
    """Make the slots of the days that have come within the horizon, of each expert in a transaction of its own.

    Every hour, because days begin at different hours in different zones; an expert who is up to date costs one row of a
    query. A failure is logged and tried again in an hour.
    """
    experts = behind_horizon(Expert.objects.active()).order_by("pk").values_list("pk", flat=True)
    for expert_id in list(experts):
        try:
            services.extend_horizon(expert_id=expert_id)
        except Refused as refusal:
            logger.warning("The horizon of expert %s was not extended (%s).", expert_id, refusal.code)
        except Exception:
            logger.exception("The horizon of expert %s was not extended.", expert_id)
