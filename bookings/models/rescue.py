"""What staff have done for people whose sessions cannot take place, and which times are kept for them."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bookings.models.booking import Booking
from bookings.transitions import Status
from bookings.validators import validate_printable
from experts.constraints import known_value
from experts.models import Expert, Slot


class RescueState(models.TextChoices):
    OFFERED = "OFFERED", _("Times offered")
    MOVED = "MOVED", _("Moved")  # by staff
    CHOSEN = "CHOSEN", _("Time chosen")  # by the person
    DECLINED = "DECLINED", _("None of these")
    CANCELLED = "CANCELLED", _("Cancelled")
    SETTLED = "SETTLED", _("Done")  # nothing is left to do, whatever was agreed
    WITHDRAWN = "WITHDRAWN", _("Taken back")


class RescueReason(models.TextChoices):
    """Why a session cannot take place, where staff tell it."""

    ILL = "ill", _("is ill")
    AWAY = "away", _("is away")


class RescueQuerySet(models.QuerySet["Rescue"]):
    def current(self) -> Self:
        """Those that still say how their booking stands: it was not moved or ended by anybody since."""
        return self.exclude(state=RescueState.WITHDRAWN).filter(sequence=F("booking__sequence"))

    def offers(self) -> Self:
        """Offers that nobody has answered or taken back, run out or not."""
        return self.filter(state=RescueState.OFFERED)

    def with_booking(self) -> Self:
        return self.select_related(
            "booking__slot__expert__organization",
            "booking__slot__expert__category",
            "booking__session_type",
            "booking__second_expert",
            "expert__organization",
        )


class Rescue(models.Model):
    """One step to rescue a booking that cannot take place, or a request. Written by bookings/services/rescue.py only.

    ``expert``, ``was_slot`` and ``was_at`` say what it was, whatever the booking is now. It is about the booking for as
    long as that has ``sequence``.
    """

    State = RescueState

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="rescues", verbose_name=_("booking"))
    sequence = models.PositiveIntegerField(editable=False)
    state = models.CharField(_("state"), max_length=9, choices=RescueState.choices)
    expert = models.ForeignKey(Expert, on_delete=models.CASCADE, related_name="+", db_index=False)
    was_slot = models.ForeignKey(Slot, on_delete=models.SET_NULL, null=True, related_name="+")
    was_at = models.DateTimeField()
    # Of an offer: until when its times are kept.
    until = models.DateTimeField(_("kept until"), null=True)
    why = models.CharField(max_length=4, choices=RescueReason.choices, blank=True, default="")
    message = models.TextField(
        _("message to the customer"), blank=True, validators=[MaxLengthValidator(1000), validate_printable]
    )
    # Whether it was offered instead of a request that staff cannot take: it is about that for as long as it is one.
    of_request = models.BooleanField(default=False, db_default=False, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)
    # When staff told whoever cannot be written to.
    reached_at = models.DateTimeField(null=True)

    objects = RescueQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("rescue")
        verbose_name_plural = _("rescues")
        constraints = [
            known_value("state", RescueState),
            known_value("why", RescueReason, blank=True),
            models.UniqueConstraint("booking", condition=Q(state="OFFERED"), name="rescue_one_offer_of_a_booking"),
            models.CheckConstraint(condition=~Q(state="OFFERED") | Q(until__isnull=False), name="rescue_offer_ends"),
        ]
        indexes = [models.Index("expert", "was_at", name="rescue_of_expert")]

    def __str__(self) -> str:
        return str(self.pk)

    def is_about(self, booking: Booking) -> bool:
        """Whether the booking is still as it was then."""
        is_as_it_was = booking.status == Status.PENDING if self.of_request else booking.is_open
        return is_as_it_was and booking.sequence == self.sequence

    def is_running(self, booking: Booking, now: datetime) -> bool:
        """Whether times may still be kept for its person."""
        return self.is_offered_for(booking) and self.until is not None and self.until > now

    def is_offered_for(self, booking: Booking) -> bool:
        """Whether times are kept for its person, until it runs out."""
        return self.state == RescueState.OFFERED and self.is_about(booking)


class RescueTime(models.Model):
    """A time of an offer. ``hold`` keeps it: a hold of nobody's browser, which ends like any other."""

    rescue = models.ForeignKey(Rescue, on_delete=models.CASCADE, related_name="times")
    slot = models.ForeignKey(Slot, on_delete=models.CASCADE, related_name="+")
    hold = models.OneToOneField(Booking, on_delete=models.SET_NULL, null=True, related_name="rescue_time")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return str(self.pk)
