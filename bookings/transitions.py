"""The life of a booking, as data: which status may follow which, and which of them occupy a seat."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext


class Status(models.TextChoices):
    HELD = "HELD", _("Held")
    PENDING = "PENDING", _("Pending approval")
    CONFIRMED = "CONFIRMED", _("Confirmed")
    COMPLETED = "COMPLETED", _("Completed")
    NO_SHOW = "NO_SHOW", _("No-show")
    CANCELLED = "CANCELLED", _("Cancelled")
    REJECTED = "REJECTED", _("Rejected")
    EXPIRED = "EXPIRED", _("Expired")


def in_sentence(status: str) -> str:
    """Return the status as it stands in "This booking is …", which is more than a small letter in other languages."""
    return {
        Status.HELD: pgettext("This booking is …", "held"),
        Status.PENDING: pgettext("This booking is …", "pending approval"),
        Status.CONFIRMED: pgettext("This booking is …", "confirmed"),
        Status.COMPLETED: pgettext("This booking is …", "completed"),
        Status.NO_SHOW: pgettext("This booking is …", "no-show"),
        Status.CANCELLED: pgettext("This booking is …", "cancelled"),
        Status.REJECTED: pgettext("This booking is …", "rejected"),
        Status.EXPIRED: pgettext("This booking is …", "expired"),
    }[Status(status)]


# None is "no booking yet".
TRANSITIONS: dict[Status | None, frozenset[Status]] = {
    # EXPIRED: a request that keeps no seat until somebody opens the link of its mail, who books anew then.
    None: frozenset({Status.HELD, Status.PENDING, Status.CONFIRMED, Status.EXPIRED}),
    Status.HELD: frozenset({Status.PENDING, Status.CONFIRMED, Status.EXPIRED}),
    Status.PENDING: frozenset({Status.CONFIRMED, Status.REJECTED, Status.CANCELLED, Status.EXPIRED}),
    # PENDING: moved by the customer, where the new time has to be approved, too.
    Status.CONFIRMED: frozenset({Status.PENDING, Status.CANCELLED, Status.COMPLETED, Status.NO_SHOW}),
    # CONFIRMED: what staff said about who came is taken back.
    Status.COMPLETED: frozenset({Status.NO_SHOW, Status.CONFIRMED}),
    Status.NO_SHOW: frozenset({Status.COMPLETED, Status.CONFIRMED}),
    Status.CANCELLED: frozenset(),
    Status.REJECTED: frozenset(),
    Status.EXPIRED: frozenset(),
}

# What staff may take back in the first seconds, while nobody was told of it and the seats are free: it is a request
# again, as what was cancelled is what it was before (services/undo.py). Nothing else leads out of a status that freed
# its seats.
TAKEN_BACK = frozenset({Status.CONFIRMED, Status.REJECTED})

# Their seats are taken for good, and not only held while somebody fills in the form.
BOOKED = frozenset({Status.PENDING, Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW})
OCCUPYING = BOOKED | {Status.HELD}
