"""Errors with which a service refuses a request. Views and API turn them into a page or a status."""

from collections.abc import Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Refused(Exception):
    """A request that cannot be fulfilled. Nothing was written, unless a subclass says otherwise.

    ``code`` names the reason for programs, ``status`` is the HTTP status, ``str(error)`` is for people, ``field`` is
    what it is about, where it is about one value; ``fields`` then has the message for that field. ``retry_after``: the
    seconds after which the same request may do better; None when it will not.
    """

    code = "refused"
    status = 409
    message: str | Promise = _("This is not possible.")
    retry_after: int | None = None

    def __init__(self, message: str | Promise | None = None, *, field: str = "") -> None:
        self.message = message or self.message
        self.field = field
        super().__init__(self.message)
        self.fields: dict[str, list[str]] = {field: [str(self)]} if field else {}

    def __str__(self) -> str:
        return str(self.message)


class Busy(Refused):
    """A lock did not come in time. The same request may be sent again."""

    code = "busy"
    status = 503
    retry_after = 2
    message = _("Many people are booking right now. Please try again in a moment.")


class Unavailable(Busy):
    """A part without which nothing can be written is broken or away. The same request may be sent again."""

    retry_after = 5
    message = _("Something on our side does not work at the moment. Nothing was changed. Please try again soon.")


class ChangedMeanwhile(Busy):
    """What is to be locked has changed before the locks came. Nothing was written: whoever asks again locks all."""


class NotFound(Refused):
    code = "not_found"
    status = 404
    message = _("There is no such slot.")


class Invalid(Refused):
    """The request makes no sense."""

    code = "invalid"
    status = 422


class InvalidSlot(Refused):
    """A slot that cannot exist: it overlaps another one, its time is skipped that day, it has too few seats …"""

    code = "invalid"
    status = 422


class AddressTaken(Refused):
    """Another organisation is at that address."""

    message = _("There is an organisation at this address already.")


class LastOwner(Refused):
    """The last owner would go, and nobody could invite people or change the rules any more."""

    message = _("An organisation needs an owner. Make somebody else an owner first.")


class InvalidExpert(Refused):
    """A change of an expert with which its slots would be at wrong times."""

    code = "invalid"
    status = 422


class InvalidPicture(Refused):
    """A file that is no picture, or one that cannot be read without harm."""

    code = "invalid"
    status = 422


class InvalidHours(Refused):
    """Hours or time off that cannot be: they end before they start, or overlap."""

    code = "invalid"
    status = 422


class InvalidSessionType(Refused):
    """A session type that cannot be, or cannot go."""

    code = "invalid"
    status = 422


class PreviewNeeded(Exception):
    """Not a refusal: staff must see ``plans`` (experts/scheduling/plan.py) first, or again. Nothing was written.

    The same call with ``seen=key`` writes it, if it is still what would happen.
    """

    def __init__(self, plans: Sequence[Any], key: str) -> None:
        self.plans, self.key = plans, key
        super().__init__(key)


class StretchPreviewNeeded(Exception):
    """Not a refusal: staff must see what blocking or opening a stretch does first, or again. Nothing was written.

    The same call with ``seen=key`` writes it, if it is still what would happen.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


class TypePreviewNeeded(Exception):
    """Not a refusal: staff must see what a change of session types means (``TypePlan``) first, or again.

    Nothing was written. The same call with ``seen=key`` writes it, if it still means that.
    """

    def __init__(self, plan: Any, key: str) -> None:
        self.plan, self.key = plan, key
        super().__init__(key)
