from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class ProofQuerySet(models.QuerySet["Proof"]):
    def live(self, *visitors: str) -> Self:
        """What these browsers have proven and may still use."""
        return self.filter(visitor__in=visitors, expires_at__gt=Now())


class Proof(models.Model):
    """What a browser may see beside what it booked itself: one booking, or all that an address booked.

    Written by bookings/access/proofs.py, asked by ``Booking.objects.proven_to``. The address is kept in lower case.
    """

    visitor = models.CharField(max_length=32)
    booking = models.ForeignKey("bookings.Booking", on_delete=models.CASCADE, null=True, related_name="+")
    email = models.EmailField(_("e-mail"), max_length=254, blank=True)
    expires_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = ProofQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["visitor", "booking"], condition=Q(booking__isnull=False), name="proof_once_per_booking"
            ),
            models.UniqueConstraint(fields=["visitor", "email"], condition=~Q(email=""), name="proof_once_per_email"),
            models.CheckConstraint(
                condition=Q(booking__isnull=False, email="") | (Q(booking=None) & ~Q(email="")),
                name="proof_of_booking_or_email",
            ),
            # Nobody without an identity has proven anything, least of all to everybody without one.
            models.CheckConstraint(condition=~Q(visitor=""), name="proof_has_visitor"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
