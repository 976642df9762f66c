"""An expert's booking policy in words, and which of its rules a slot is outside of."""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import models
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from experts import formatting
from experts.clocks import Clocks
from experts.models import Expert, SessionType, Slot
from experts.models.organization import MoveApproval
from experts.models.slot import Obstacle

# How long staff are offered to take a decision about requests back; how long its mail waits, so that a click in the
# last second is in time; and its webhook, of which no row is locked by whoever sends it: it leaves after the mail.
UNDO_SECONDS = 10
MAIL_WAITS = timedelta(seconds=12)
WEBHOOK_WAITS = timedelta(seconds=20)


class BrokenRule(models.TextChoices):
    """Outside of which rule staff booked something that no visitor could have booked."""

    STARTED = "started", gettext_lazy("Had started")
    NOTICE = "notice", gettext_lazy("At short notice")
    HORIZON = "horizon", gettext_lazy("Before it opened")
    CLOSED = "closed", gettext_lazy("Outside the hours")


def broken_rule(slot: Slot, now: datetime) -> BrokenRule | None:
    """Return the rule that keeps visitors at ``now`` from a slot or Session which those who may can book all the same.

    None where visitors can book it or need only seats, and where nobody can: it is over, or an expert is hidden. Needs
    the expert with the organisation. Says nothing about seats.
    """
    obstacles = set(slot.obstacles_at(now))
    if slot.ends_at <= now or obstacles & {Obstacle.EXPERT_HIDDEN, Obstacle.ORGANIZATION_HIDDEN}:
        return None
    broken = (Obstacle.STARTED, Obstacle.CLOSED, Obstacle.NOTICE, Obstacle.HORIZON)
    return next((BrokenRule(obstacle.code) for obstacle in broken if obstacle in obstacles), None)


def policy_text(expert: Expert, session_type: SessionType | None = None) -> str:
    """What happens after somebody books, and until when it can be undone; a session of that type, if one is given."""

    def policy(name: str) -> Any:
        return session_type.policy(name, expert) if session_type else expert.policy(name)

    if policy("requires_approval"):
        text = _("%(organization)s approves each booking by hand. Your seat is kept while you wait.")
    else:
        text = _("Confirmed at once.")
    span: timedelta = policy("cancel_until")
    until = _("Free to move or cancel until %(span)s before.") if span else _("Free to move or cancel until it starts.")
    words = {"organization": expert.organization.name, "span": formatting.duration(span)}
    return f"{text % words} {until % words}"


def asks_again(slot: Slot, new_day: date) -> bool:
    """Whether a customer who moves an approved booking of this slot to that day needs approval again.

    Days are the expert's. Needs the expert with the organisation.
    """
    if not slot.policy("requires_approval"):
        return False
    return slot.policy("move_approval") == MoveApproval.ASK or new_day != slot.date


def approval_ends(slot: Slot) -> datetime:
    """Until when a request for the slot can be approved. Needs ``read_at``, the instant at which it is made."""
    hours: int = slot.policy("approval_hours")
    return min(slot.read_at + timedelta(hours=hours), slot.starts_at)


def change_deadline(slot: Slot) -> datetime:
    """The last instant at which customers may cancel or move a booking of this slot."""
    span: timedelta = slot.policy("cancel_until")
    return slot.starts_at - span


def can_change(slot: Slot, now: datetime) -> bool:
    return now <= change_deadline(slot)


def deadline_text(slot: Slot, clocks: Clocks) -> str:
    """The deadline in words: ``Wed 11 March, 16:15 London time (17:15 for you in Berlin)``."""
    at = change_deadline(slot)
    return formatting.deadline(at, clocks, date_format(at.astimezone(clocks.leading), "DAY_TIME_FORMAT"))


def cancel_line(slot: Slot, clocks: Clocks, now: datetime) -> str:
    """Until when a booking of this slot can be moved or cancelled, in one sentence."""
    if can_change(slot, now):
        return _("Free to move or cancel until %(when)s.") % {"when": deadline_text(slot, clocks)}
    return _("It starts soon, so it can’t be moved or cancelled online any more.")
