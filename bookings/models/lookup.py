from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from bookings.validators import validate_plain_text
from experts.timezones import validate_zone


class LookupRequest(models.Model):
    """Somebody asked for a link to an address's bookings. Kept for a day; the worker finds out whether there are any.

    A row of its own because a job's arguments are logged, and addresses must not be.
    """

    email = models.EmailField(_("e-mail"), max_length=254, validators=[validate_plain_text])
    visitor = models.CharField(max_length=32)
    language = models.CharField(_("language"), max_length=10, default="en")
    # Whether the link is to lead to what is kept about the address ("Your data").
    is_for_data = models.BooleanField(default=False, db_default=False)
    timezone = models.CharField(_("time zone"), max_length=64, blank=True, validators=[validate_zone])
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        indexes = [
            models.Index(Lower("email"), "created_at", name="lookup_request_of_email"),
            models.Index("visitor", "created_at", name="lookup_request_of_visitor"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class LookupLink(models.Model):
    """A link that was sent to an address. It opens all of the address's bookings, once, until ``expires_at``.

    Of its token only the SHA-256 (hex) is kept: whoever reads this table cannot open anything.
    """

    request = models.ForeignKey(LookupRequest, on_delete=models.CASCADE, related_name="links")
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.pk)
