"""Tell the life of a booking in steps, from its history, its status and the clock."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import Booking, Status
from experts import formatting
from experts.clocks import Clocks
from experts.models import Slot
from experts.timezones import minutes_in

DONE, NOW, NEXT, OVER = "done", "now", "next", "over"


@dataclass(frozen=True)
class Step:
    """One step. ``state``: done, now, next, or over (ended otherwise than planned). ``quote``: a message of staff."""

    name: str
    icon: str
    state: str
    text: str = ""
    quote: str = ""


def timeline(booking: Booking, clocks: Clocks, now: datetime) -> list[Step]:
    """Return the steps of a booking in order. Needs ``with_slot()``; one query, a second one if it was moved."""
    return _Story(booking, clocks, now).steps()


def lead(booking: Booking, clocks: Clocks, now: datetime) -> str:
    """Return ``With Priya Raman, in 2 days. Times are in Berlin time (GMT+1). 14:00 in London.``

    Of a type: ``First visit with Priya Raman, in 2 days. …`` The last sentence where the other clock differs
    (``formatting.zone_line``).
    """
    slot = booking.slot
    words = {"name": booking.session_name, "zone_line": formatting.zone_line(clocks, slot.starts_at)}
    if not booking.is_open or slot.starts_at <= now:
        if booking.terms is not None:
            return _("%(name)s. Times are in %(zone_line)s") % words
        return _("With %(name)s. Times are in %(zone_line)s") % words
    words["when"] = _distance(slot.starts_at, clocks.leading, now)
    if booking.terms is not None:
        return _("%(name)s, %(when)s. Times are in %(zone_line)s") % words
    return _("With %(name)s, %(when)s. Times are in %(zone_line)s") % words


def _distance(instant: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return ``in 25 minutes``, ``today``, ``tomorrow`` or ``in 3 days``; days are calendar days in ``zone``."""
    days = (instant.astimezone(zone).date() - now.astimezone(zone).date()).days
    minutes = minutes_in(instant - now)
    if minutes < 90:
        return ngettext("in %(count)d minute", "in %(count)d minutes", minutes) % {"count": minutes}
    if days == 0:
        return _("today")
    if days == 1:
        return _("tomorrow")
    return ngettext("in %(count)d day", "in %(count)d days", days) % {"count": days}


class _Story:
    def __init__(self, booking: Booking, clocks: Clocks, now: datetime):
        self.booking, self.clocks, self.zone, self.now = booking, clocks, clocks.leading, now
        self.organization = booking.slot.expert.organization.name
        events = list(
            booking.events.order_by("pgh_id").values_list(
                "status", "slot_id", "pgh_created_at", "pgh_context__metadata", named=True
            )
        )
        self.was_requested = any(event.status == Status.PENDING for event in events) or booking.status in (
            Status.PENDING,
            Status.REJECTED,
            Status.EXPIRED,
        )
        # When each status began. The status that the first row had is not in here.
        self.changes: dict[str, datetime] = {}
        self.cancelled_by = ""
        self.moves_before_approval = 0
        moves: list[tuple[int, datetime]] = []  # the slot that was left, and when
        for before, event in pairwise(events):
            if event.status != before.status:
                self.changes[event.status] = event.pgh_created_at
            if event.status == Status.CONFIRMED != before.status:
                self.moves_before_approval = len(moves)
            if event.status == Status.CANCELLED != before.status:
                self.cancelled_by = (event.pgh_context__metadata or {}).get("by", "")
            # While people look around, a hold moves from slot to slot: that is no move of a booking.
            if event.slot_id != before.slot_id and before.status != Status.HELD:
                moves.append((before.slot_id, event.pgh_created_at))
        self.moves = self._moves(moves) if moves else []

    def steps(self) -> list[Step]:
        status = self.booking.status
        name = _("Requested") if self.was_requested else _("Booked")
        steps = [Step(name, "check", DONE, self._at(self.booking.created_at)), *self._between()]
        if status == Status.PENDING:
            return [*steps, self._decision(), self._session(NEXT)]
        if status == Status.REJECTED:
            return [*steps, self._end(_("Declined by %(organization)s"), "circle-x")]
        if status == Status.EXPIRED:
            return [*steps, self._end(_("Expired"), "timer-off", _("No answer in time, so the seat was freed."))]
        if status == Status.CANCELLED:
            names = {"customer": _("Cancelled by you"), "staff": _("Cancelled by %(organization)s")}
            return [*steps, self._end(names.get(self.cancelled_by, _("Cancelled")), "circle-slash")]
        if status == Status.COMPLETED:
            return [*steps, self._session(DONE), Step(_("Completed"), "check-check", DONE)]
        if status == Status.NO_SHOW:
            return [*steps, self._session(OVER), Step(_("Missed"), "user-x", OVER)]
        is_over = self.booking.ends_at <= self.now
        return [*steps, self._session(DONE if is_over else NOW), Step(_("Completed"), "check-check", NEXT)]

    def _between(self) -> list[Step]:
        """Return the approval and the moves in the order in which they happened."""
        unapproved = (Status.PENDING, Status.REJECTED, Status.EXPIRED, Status.CANCELLED)
        was_approved = Status.CONFIRMED in self.changes or self.booking.status not in unapproved
        if not self.was_requested or not was_approved:
            return self.moves
        name = _("Approved by %(organization)s") % {"organization": self.organization}
        approval = Step(name, "check", DONE, self._when(Status.CONFIRMED))
        return [*self.moves[: self.moves_before_approval], approval, *self.moves[self.moves_before_approval :]]

    def _moves(self, moves: list[tuple[int, datetime]]) -> list[Step]:
        """Return a step for each move. The old time is from the history of the slot, which may be gone."""
        kept = Slot.events.rel.related_model.objects.filter(pgh_obj_id__in={slot_id for slot_id, _at in moves})
        times = list(kept.order_by("pgh_id").values_list("pgh_obj_id", "pgh_created_at", "starts_at"))
        steps = []
        for left, moved_at in moves:
            known = [starts_at for slot_id, at, starts_at in times if slot_id == left and at <= moved_at]
            name = _("Moved from %(when)s") % {"when": self._at(known[-1])} if known else _("Moved")
            steps.append(Step(name, "calendar-sync", DONE, self._at(moved_at)))
        if steps and self.booking.is_open:
            # The message of an open booking is always about its last move by staff.
            steps[-1] = replace(steps[-1], quote=self.booking.reason)
        return steps

    def _decision(self) -> Step:
        text = _("By %(when)s. If they don’t, we free the seat and tell you.") % {
            "when": formatting.deadline(self.booking.runs_out_at, self.clocks, self._at(self.booking.runs_out_at))
        }
        return Step(_("%(organization)s decides") % {"organization": self.organization}, "hourglass", NOW, text)

    def _session(self, state: str) -> Step:
        slot = self.booking.session
        words = {
            "day": date_format(slot.starts_at.astimezone(self.zone), "DAY_FORMAT"),
            "time": formatting.time_span(slot.starts_at, slot.ends_at, self.zone),
        }
        text = formatting.by_clock_of(self.zone, _("%(day)s, %(time)s") % words)
        return Step(_("Session"), "check" if state == DONE else self.booking.venue.icon, state, text)

    def _end(self, name: str, icon: str, text: str = "") -> Step:
        when = self._when(self.booking.status)
        if when and text:
            text = _("%(when)s. %(text)s") % {"when": when, "text": text}
        return Step(name % {"organization": self.organization}, icon, OVER, text or when, self.booking.reason)

    def _when(self, status: str) -> str:
        return self._at(self.changes[status]) if status in self.changes else ""

    def _at(self, instant: datetime) -> str:
        return date_format(instant.astimezone(self.zone), "DAY_TIME_FORMAT")
