"""What staff can decide about bookings, as data, and the form that goes with it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminTextareaWidget

from bookings import services
from bookings.models import Booking, Status
from bookings.transitions import TRANSITIONS


@dataclass(frozen=True)
class Decision:
    """One thing that staff can decide. ``to`` is the status that follows.

    ``act`` is the service, which has the last word; it is given a booking and what the form holds.
    """

    name: str
    label: str
    question: str
    to: Status
    act: Callable[[Booking, dict], Booking]
    done: Callable[[int], str] | None = None
    asks_message: bool = False
    is_final: bool = False

    def is_possible(self, booking: Booking, now: datetime) -> bool:
        """Whether it is offered on the booking's page."""
        if booking.status == Status.HELD or self.to == Status.EXPIRED:
            return booking.status == Status.HELD and self.to == Status.EXPIRED
        if self.name == "undo":
            return booking.status == Status.NO_SHOW or (booking.is_open and booking.arrived_at is not None)
        if self.to not in TRANSITIONS[booking.status]:
            return False
        match self.to:
            case Status.CONFIRMED:
                return booking.status == Status.PENDING and booking.expires_at > now
            case Status.COMPLETED:
                return booking.ends_at <= now
            case Status.NO_SHOW:
                return booking.slot.starts_at <= now
        return True


DECISIONS = {
    decision.name: decision
    for decision in (
        Decision(
            "approve",
            gettext_lazy("Approve"),
            gettext_lazy("Approve this booking?"),
            Status.CONFIRMED,
            lambda booking, values: services.approve(booking_id=booking.pk),
            lambda n: ngettext("%(count)d booking approved.", "%(count)d bookings approved.", n) % {"count": n},
        ),
        Decision(
            "complete",
            gettext_lazy("Complete"),
            gettext_lazy("Has this session taken place?"),
            Status.COMPLETED,
            lambda booking, values: services.complete(booking_id=booking.pk),
            lambda n: ngettext("%(count)d booking completed.", "%(count)d bookings completed.", n) % {"count": n},
        ),
        Decision(
            "no_show",
            gettext_lazy("No-show"),
            gettext_lazy("Did they not come?"),
            Status.NO_SHOW,
            lambda booking, values: services.mark_no_show(booking_id=booking.pk),
            lambda n: ngettext("%(count)d booking is a no-show.", "%(count)d bookings are no-shows.", n) % {"count": n},
        ),
        Decision(
            "undo",
            gettext_lazy("Set back to confirmed"),
            gettext_lazy("Take back what was said about who came?"),
            Status.CONFIRMED,
            lambda booking, values: services.undo_attendance(booking_id=booking.pk),
            lambda n: (
                ngettext("%(count)d booking is confirmed again.", "%(count)d bookings are confirmed again.", n)
                % {"count": n}
            ),
        ),
        Decision(
            "release",
            gettext_lazy("Release"),
            gettext_lazy("Release this time?"),
            Status.EXPIRED,
            lambda booking, values: services.end_hold(booking_id=booking.pk),
            lambda n: ngettext("%(count)d hold released.", "%(count)d holds released.", n) % {"count": n},
        ),
        Decision(
            "reject",
            gettext_lazy("Reject"),
            gettext_lazy("Reject this booking?"),
            Status.REJECTED,
            lambda booking, values: services.reject(booking_id=booking.pk, reason=values["reason"]),
            lambda n: ngettext("%(count)d booking rejected.", "%(count)d bookings rejected.", n) % {"count": n},
            asks_message=True,
            is_final=True,
        ),
        Decision(
            "cancel",
            gettext_lazy("Cancel booking"),
            gettext_lazy("Cancel this booking?"),
            Status.CANCELLED,
            lambda booking, values: services.cancel(booking_id=booking.pk, by_customer=False, **values),
            lambda n: ngettext("%(count)d booking cancelled.", "%(count)d bookings cancelled.", n) % {"count": n},
            asks_message=True,
            is_final=True,
        ),
    )
}
QUESTIONS_ABOUT_SEVERAL = {
    "reject": gettext_lazy("Reject these bookings?"),
    "cancel": gettext_lazy("Cancel these bookings?"),
}


def who_hears_nothing(bookings: Iterable[Booking]) -> list[str]:
    """Name those who would be told of a decision and have no e-mail address: ``Priya Nair, +44 7700 900233``."""
    unheard = [booking for booking in bookings if booking.is_open and not booking.email and not booking.erased_at]
    return [", ".join(filter(None, (booking.name, booking.phone_shown))) for booking in unheard]


class DecisionForm(forms.Form):
    """What goes with a decision. ``sequence`` tells a form about a booking that was moved since from a fresh one."""

    def __init__(self, decision: Decision, data=None, *, about: Booking | None = None):
        super().__init__(data and data.dict())
        if about is not None and decision.name == "cancel":
            self.fields["seen_sequence"] = forms.IntegerField(
                widget=forms.HiddenInput, initial=about.sequence, required=False
            )
        if decision.asks_message:
            self.fields["reason"] = Booking._meta.get_field("reason").formfield(
                required=False,
                label=_("Message to the customer"),
                help_text=_("They read it in the e-mail and on the page of the booking. It may stay empty."),
                widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
            )
