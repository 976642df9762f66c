"""How a rescue is drawn: what stands above the rows, and each row with the best other time or what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import Booking
from bookings.models.rescue import RescueState
from bookings.selectors.rescue_rows import RescueBoard, RescueRow, Stage
from bookings.selectors.rescue_times import Proposal
from bookings.services.rescue import UNDO_FOR
from experts import formatting


@dataclass(frozen=True)
class Choice:
    """A time in the list of a row."""

    slot: int
    text: str


@dataclass(frozen=True)
class DrawnRow:
    """A row as the template draws it."""

    row: RescueRow
    was: str
    proposal: str = ""
    note: str = ""
    choices: Sequence[Choice] = ()
    hand_over: int = 0
    state: str = ""
    can_undo: bool = False
    phone: str = ""
    call: str = ""

    @property
    def booking(self) -> Booking:
        return self.row.booking

    @property
    def stage(self) -> str:
        return self.row.stage.value


@dataclass(frozen=True)
class Drawing:
    """Draws one look at the page. ``zone`` is that of the organisation, by which all is told that is no session."""

    zone: ZoneInfo
    now: datetime

    def headline(self, board: RescueBoard) -> str:
        experts = board.experts
        if not experts:
            return _("Every session can take place")
        if len(experts) == 1:
            return _("%(name)s cannot keep all sessions") % {"name": experts[0].name}
        return ngettext(
            "%(count)d expert cannot keep all sessions", "%(count)d experts cannot keep all sessions", len(experts)
        ) % {"count": len(experts)}

    def subline(self, board: RescueBoard) -> str:
        if not board.rows:
            return _("Where time off or a closed slot hits somebody’s booking, it is listed here.")
        first, last = min(row.was_at for row in board.rows), max(row.was_at for row in board.rows)
        number = len(board.rows)
        words = {
            "first": formatting.soon(first, self.zone, self.now),
            "last": formatting.soon(last, self.zone, self.now),
            "count": number,
        }
        return (
            ngettext(
                "%(count)d session that cannot take place: %(first)s.",
                "%(count)d sessions that cannot take place: %(first)s – %(last)s.",
                number,
            )
            % words
        )

    # A row

    def row(self, row: RescueRow) -> DrawnRow:
        booking, zone = row.booking, row.expert.zone
        common = {
            "row": row,
            "was": formatting.soon(row.was_at, zone, self.now),
            "phone": booking.phone_shown,
            "call": f"tel:{booking.phone}" if booking.phone else "",
        }
        if row.stage == Stage.MOVED or (row.stage == Stage.PHONE and not row.is_lost):
            return DrawnRow(**common, **self._in_hand(row))
        if row.kept:
            ends = row.rescue.until if row.rescue else None
            kept = [Choice(it.slot.pk, self._named(it)) for it in row.kept]
            note = ngettext("Kept until %(when)s", "%(count)d times are kept until %(when)s", len(kept))
            return DrawnRow(
                **common,
                proposal=self._times(row.kept),
                note=note % {"count": len(kept), "when": formatting.lately(ends, zone, self.now) if ends else ""},
                choices=kept,
                state=_("%(span)s left") % {"span": formatting.duration(_whole_minutes(ends - self.now))}
                if ends
                else "",
            )
        choices = [Choice(it.slot.pk, self._named(it)) for it in row.proposals]
        same_time = next((it for it in row.proposals if it.is_same_time), None)
        return DrawnRow(
            **common,
            proposal=choices[0].text if choices else "",
            note=self._note(row),
            choices=choices,
            hand_over=same_time.slot.pk if same_time else 0,
        )

    def _note(self, row: RescueRow) -> str:
        rescue = row.rescue
        is_about_it = rescue is not None and rescue.is_about(row.booking)
        if is_about_it and rescue.state == RescueState.DECLINED:
            return _("None of the offered times suited them")
        if is_about_it and rescue.state == RescueState.OFFERED:
            return _("No answer in time")
        if row.proposals:
            return row.proposals[0].why
        if row.booking.second_expert_id is not None:
            return _("It needs two people, and no time was found at which both are free. Choose one by hand.")
        return _("No free time was found. Choose one by hand.")

    def _in_hand(self, row: RescueRow) -> dict:
        rescue, booking = row.rescue, row.booking
        assert rescue is not None, "it is in hand because something was done"
        at = formatting.lately(rescue.changed_at, self.zone, self.now)
        if rescue.state == RescueState.CANCELLED:
            told = _("Cancelled, with a link to book again")
            return {"proposal": _("Cancelled"), "note": told, "state": _("Cancelled, %(when)s") % {"when": at}}
        if rescue.state == RescueState.SETTLED:
            return {"proposal": _("Settled"), "note": "", "state": _("Done, %(when)s") % {"when": at}}
        session = booking.session
        proposal = Proposal(booking, session)
        note = (
            _("Picked from the offered times")
            if rescue.state == RescueState.CHOSEN
            else _("Moved by you or a colleague")
        )
        can_undo = (
            rescue.state == RescueState.MOVED
            and rescue.is_about(booking)
            and rescue.was_slot_id is not None
            and self.now < rescue.created_at + UNDO_FOR
        )
        state = _("Moved, just now") if can_undo else _("Moved, %(when)s") % {"when": at}
        return {"proposal": self._named(proposal), "note": note, "state": state, "can_undo": can_undo}

    def _named(self, proposal: Proposal) -> str:
        slot = proposal.slot
        words = {"when": formatting.soon(slot.starts_at, slot.expert.zone, self.now), "name": proposal.with_whom}
        return _("%(when)s, %(name)s") % words

    def _times(self, kept: Sequence[Proposal]) -> str:
        return ", ".join(formatting.soon(it.slot.starts_at, it.slot.expert.zone, self.now) for it in kept)


def _whole_minutes(span: timedelta) -> timedelta:
    return max(timedelta(minutes=span.total_seconds() // 60), timedelta(minutes=1))
