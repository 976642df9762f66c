"""Errors with which a booking is refused. The base and Busy are in experts/errors.py."""

from django.utils.translation import gettext_lazy as _

from experts.errors import Busy, NotFound, Refused
from experts.models import Slot

__all__ = [
    "Blocked",
    "Busy",
    "ChangedByOthers",
    "Forbidden",
    "IdempotencyMismatch",
    "InvalidDetails",
    "LinkGone",
    "LinkUnknown",
    "NoSuchBooking",
    "NotAllowed",
    "NotFound",
    "NotHeld",
    "NotReturning",
    "OfferOver",
    "Refused",
    "SeatFree",
    "SlotTaken",
    "TooMany",
    "TooManyBookings",
    "TooManyHolds",
    "WaitlistFull",
]


class SlotTaken(Refused):
    """The slot cannot be had. ``reason`` is its state (full, held, closed, past) or ``party``: too few seats left.

    No booking was written; the demand (TurnedAway) and the answer of the idempotency key were.
    """

    code = "slot_taken"
    status = 409
    message = _("This slot was just taken.")

    def __init__(self, slot: Slot, reason: str) -> None:
        self.slot = slot
        self.reason = reason
        super().__init__()


class Blocked(Refused):
    """Somebody from whom the organisation takes no bookings online for now. Does not say why, nor until when."""

    code = "not_online"
    status = 403

    def __init__(self, slot: Slot) -> None:
        organization = slot.expert.organization
        text = _("We cannot take this booking online. Please get in touch with %(name)s.")
        if organization.contact_email:
            text = _("We cannot take this booking online. Please get in touch with %(name)s: %(email)s")
        super().__init__(str(text) % {"name": organization.name, "email": organization.contact_email})


class TooManyBookings(Refused):
    """One person has as many seats of an expert ahead as one can book online. Staff can book more for them."""

    code = "too_many_bookings"
    status = 409

    def __init__(self, slot: Slot) -> None:
        organization = slot.expert.organization
        text = _(
            "You have booked as many times with %(expert)s as one person can book online. To book more, please get in"
            " touch with %(name)s."
        )
        words = {"expert": slot.expert.name, "name": organization.name}
        super().__init__(str(text) % words)


class NotReturning(Refused):
    """A session for people who have been before, and the reader of the address has not. Said to that reader alone."""

    code = "not_returning"
    status = 403

    def __init__(self, slot: Slot) -> None:
        text = _(
            "This is for people who have been with %(name)s before. Please choose something else, or get in touch."
        )
        super().__init__(str(text) % {"name": slot.expert.organization.name})


class InvalidDetails(Refused):
    """Details that cannot be accepted. ``fields`` maps a field to its messages."""

    code = "invalid"
    status = 422
    message = _("Some details need a fix.")

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__()
        self.fields = fields


class ChangedByOthers(Refused):
    """What somebody changes is not what they saw any more: somebody else has changed it meanwhile."""

    code = "changed_by_others"
    status = 409
    message = _("Somebody changed this meanwhile. Please look at it again.")


class IdempotencyMismatch(Refused):
    """The idempotency key was used before, with other details."""

    code = "idempotency_mismatch"
    status = 422
    message = _("This request was sent before with other details.")


class TooMany(Refused):
    """Too many requests from one visitor or address. ``retry_after`` is in seconds."""

    code = "too_many_requests"
    status = 429
    message = _("You have tried very often in a short time. Please wait a moment and try again.")

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class Forbidden(Refused):
    """A token that is known, and may not do that."""

    code = "forbidden"
    status = 403
    message = _("This token may read only.")


class NoSuchBooking(Refused):
    """A reference and an address that do not fit together. Does not tell which of them is wrong."""

    code = "not_found"
    status = 422
    message = _("We found no booking with this reference and email. Check both, or let us email you a link instead.")


class LinkUnknown(Refused):
    """The link of an e-mail that we did not send, or not to this address."""

    code = "not_found"
    status = 404
    message = _("This link doesn’t work")


class LinkGone(LinkUnknown):
    """The link of an e-mail that was used already, or whose time is over."""

    status = 410


class TooManyHolds(Refused):
    """The visitor holds as many slots as one may."""

    code = "too_many_holds"
    status = 409
    message = _("You are keeping two other times already. Book or release one of them first.")


class NotHeld(Refused):
    """Nothing more is kept for people unknown at this moment. The slot can be booked all the same.

    ``needs_work``: it would be kept for a browser that has solved a challenge (services/proof_of_work.py).
    """

    code = "not_held"
    status = 409
    message = _("Very many people are choosing times now, so this one is not kept for you. You can book it at once.")

    def __init__(self, *, needs_work: bool) -> None:
        super().__init__()
        self.needs_work = needs_work


class NotAllowed(Refused):
    """The booking's status, or the policy, does not permit that."""

    code = "not_allowed"
    status = 409
    message = _("That is not possible any more.")


class SeatFree(Refused):
    """Nobody has to wait for this slot: what was asked for can be booked."""

    code = "seat_free"
    status = 409
    message = _("There is a free seat. You can book it now.")


class WaitlistFull(Refused):
    """As many wait for the slot, or as many slots are waited for by one visitor, as may."""

    code = "waitlist_full"
    status = 409
    message = _("This waitlist is full. Please choose another time.")


class OfferOver(Refused):
    """The seat that was offered is not kept any more: taken, given back, or too late."""

    code = "offer_over"
    status = 410
    message = _("The seat isn’t kept for you any more.")
