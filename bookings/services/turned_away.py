"""Keep for staff how many people did not get what they wanted, and why."""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from django.db import Error, IntegrityError, connection, transaction

from bookings.models import Source, TurnedAway
from bookings.services.waitlist import WORTH_WAITING
from experts.inserting import insert_all

logger = logging.getLogger(__name__)
SECONDS = 1.0  # for which those of a crowd are counted before they are written


class Refusal(NamedTuple):
    """Why somebody did not get a slot, and by which way they came (TurnedAwayReason, Source)."""

    slot_id: int
    reason: str
    source: str


def keep_turned_away(people: Mapping[Refusal, int]) -> None:
    """Write how many people were refused, one row for each kind of refusal."""
    insert_all(
        [
            TurnedAway(slot_id=refusal.slot_id, reason=refusal.reason, source=refusal.source, people=number)
            for refusal, number in people.items()
        ]
    )


def note_opened_full(*, slot_id: int, reason: str, source: str = Source.WEB) -> None:
    """Keep that somebody opened a slot that has no seat for them. Nothing to learn from a closed or past one."""
    if reason in WORTH_WAITING:
        keep_turned_away({Refusal(slot_id, reason, source): 1})


class Crowd:
    """Counts refusals that touch no database otherwise, and writes them together a second after the first of them.

    A process that is killed loses that second: what staff see as demand is less by so many, and nothing else.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._people: Counter[Refusal] = Counter()
        self._timer: threading.Timer | None = None  # runs while somebody is counted

    def count(self, refusal: Refusal) -> None:
        """Count one person."""
        with self._lock:
            if self._timer is None:
                # No daemon: a process that ends in good order waits for it.
                self._timer = threading.Timer(SECONDS, self.write)
                self._timer.start()
            self._people[refusal] += 1

    def write(self) -> None:
        """Write what was counted until now. Closes the connection of the thread."""
        with self._lock:
            people, self._people = self._people, Counter()
            timer, self._timer = self._timer, None
        if timer is None:
            return
        timer.cancel()
        try:
            try:
                with transaction.atomic():
                    keep_turned_away(people)
            except IntegrityError:  # a slot is gone
                for refusal, number in people.items():
                    _keep_if_there(refusal, number)
        except Error as error:
            logger.warning("%s people who were turned away are not counted: %s", people.total(), type(error).__name__)
        finally:
            connection.close()


def _keep_if_there(refusal: Refusal, number: int) -> None:
    try:
        with transaction.atomic():
            keep_turned_away({refusal: number})
    except IntegrityError:
        pass


crowd = Crowd()
