from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from bookings.models.booking import Booking
from bookings.models.of_organization import key_of, of_booking
from experts.constraints import known_value
from experts.models import Organization


class MailKind(models.TextChoices):
    """What an e-mail is about. When each is true: bookings/mail/rules.py."""

    PENDING = "pending", _("Request sent")
    CONFIRMED = "confirmed", _("Confirmed")
    REJECTED = "rejected", _("Declined")
    CANCELLED = "cancelled", _("Cancelled")
    RESCHEDULED = "rescheduled", _("Moved")
    EXPIRED = "expired", _("Request expired")
    REMINDER_DAY = "reminder_day", _("Reminder, the day before")
    REMINDER_HOUR = "reminder_hour", _("Reminder, the hour before")
    STAFF_REQUEST = "staff_request", _("Staff: new request")
    STAFF_MOVED = "staff_moved", _("Staff: booking moved")
    STAFF_EXPIRED = "staff_expired", _("Staff: request expired")
    LOOKUP = "lookup", _("Link to bookings")
    WEBHOOK_PAUSED = "webhook_paused", _("Staff: webhook paused")
    WAITLIST_PROVE = "waitlist_prove", _("Waitlist: link that takes the place")
    WAITLIST_OFFER = "waitlist_offer", _("Waitlist: a seat is free")
    INVITATION = "invitation", _("Invitation")
    PROVE = "prove", _("Link that keeps a booking")
    PASSWORD = "password", _("Staff: link to a new password")
    RESCUE_OFFER = "rescue_offer", _("New times to choose from")


class MailStatus(models.TextChoices):
    QUEUED = "queued", _("To be sent again")
    SENDING = "sending", _("Being sent")  # stays until the next attempt when a worker is killed meanwhile
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Not sent")  # its job tries again, if the mail server has not said no for good
    SKIPPED = "skipped", _("No longer true")
    HELD = "held", _("Held back")
    BOUNCED = "bounced", _("Could not be delivered")  # the mail service says so, after it had taken it
    SPAM = "spam", _("Reported as spam")


class HoldReason(models.TextChoices):
    """Why a mail was held back (bookings/mail/limits.py). Kept as the last error."""

    UNPROVEN = "unproven", _("Nobody has opened a link at this address yet, and it has had a mail.")
    OFTEN = "often", _("This address has had many mails in a short time.")
    NEW = "new", _("The organisation is new, and its mails of today are used up. An operator can lift that.")
    SPARED = "spared", _("Mails to this address are stopped until it proves itself again.")
    NO_NOTICES = "no_notices", _("Whoever reads this address wants no notices to staff from this organisation.")


class Audience(models.TextChoices):
    CUSTOMER = "customer", _("Customer")
    STAFF = "staff", _("Staff")


class Notification(models.Model):
    """An e-mail and what became of it: one row for each recipient, whatever the number of attempts. Keeps no words.

    Written by bookings/mail/log.py only. Goes with its booking; housekeeping deletes it after half a year.
    """

    Status = MailStatus
    Audience = Audience

    # The same for every attempt, and another one for every address.
    message_id = models.CharField(_("Message-ID"), max_length=120, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=20, choices=MailKind.choices)
    audience = models.CharField(_("to whom"), max_length=8, choices=Audience.choices)
    to = models.EmailField(_("address"), max_length=254)
    booking = models.ForeignKey(
        Booking, on_delete=models.CASCADE, null=True, related_name="notifications", verbose_name=_("booking")
    )
    status = models.CharField(_("status"), max_length=7, choices=Status.choices)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_attempt_at = models.DateTimeField(_("last attempt"), null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    # The kind of error and the mail server's code, never its words: they repeat the address.
    last_error = models.CharField(_("last error"), max_length=100, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False, db_index=True)
    of_organization = key_of(Organization)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            known_value("kind", MailKind),
            known_value("audience", Audience),
            known_value("status", MailStatus),
        ]
        indexes = [
            models.Index(Lower("to"), name="notification_to_address"),
            models.Index("of_organization", "id", name="notification_of_organization"),
            # What staff look for among many that went well.
            models.Index(
                "status",
                F("id").desc(),
                name="notification_not_sent",
                condition=Q(status__in=["queued", "sending", "failed"]),
            ),
        ]
        triggers = [of_booking("notification_knows_its_organization")]
        verbose_name = _("e-mail")
        verbose_name_plural = _("e-mails")

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.booking}" if self.booking_id else str(self.get_kind_display())

    @property
    def why(self) -> str:
        """Why it was not sent, in words for staff."""
        is_held = self.status == self.Status.HELD and self.last_error in HoldReason.values
        return str(HoldReason(self.last_error).label) if is_held else self.last_error
