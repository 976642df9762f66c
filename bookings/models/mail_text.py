import pghistory
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bookings.models.notification import MailKind
from bookings.placeholders import validate_placeholders
from bookings.validators import validate_plain_text, validate_printable
from experts.models import Organization
from experts.validators import validate_no_web_address

# Mails of an organisation to the people who book, in the order of a booking's life. Mails to staff, and those of the
# site itself (a link to all bookings, a new password), are the product's.
WORDED = (
    MailKind.CONFIRMED,
    MailKind.PENDING,
    MailKind.REJECTED,
    MailKind.EXPIRED,
    MailKind.RESCHEDULED,
    MailKind.CANCELLED,
    MailKind.REMINDER_DAY,
    MailKind.REMINDER_HOUR,
    MailKind.PROVE,
    MailKind.WAITLIST_PROVE,
    MailKind.WAITLIST_OFFER,
    MailKind.RESCUE_OFFER,
)
PLACEHOLDERS = {
    "name": _("Who has booked"),
    "expert": _("With whom"),
    "organization": _("Your organisation"),
    "session": _("What is booked"),
    "time": _("When it begins, with the time zone"),
    "reference": _("The booking’s reference"),
}
_WITHOUT_REFERENCE = {MailKind.WAITLIST_PROVE, MailKind.WAITLIST_OFFER}  # nothing is booked yet


def placeholders_of(kind: str) -> dict[str, str]:
    """Return what can stand in braces in the words of a kind of mail, and what it becomes."""
    without = {"reference"} if kind in _WITHOUT_REFERENCE else set()
    return {name: str(text) for name, text in PLACEHOLDERS.items() if name not in without}


class MailText(models.Model):
    """An organisation's own words for a kind of mail to the people who book: a subject, an opening, or both.

    Plain text with placeholders, in whatever language the organisation writes. What is not there is said in the
    product's words, and what people have to know is always said by the product (docs/decisions/0056).
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="mail_texts", verbose_name=_("organisation")
    )
    kind = models.CharField(_("e-mail"), max_length=20, choices=[(kind.value, kind.label) for kind in WORDED])
    subject = models.CharField(
        _("subject"), max_length=120, blank=True, validators=[validate_plain_text, validate_no_web_address]
    )
    opening = models.TextField(
        _("opening"),
        blank=True,
        max_length=1000,
        validators=[MaxLengthValidator(1000), validate_printable, validate_no_web_address],
    )

    class Meta:
        ordering = ["organization", "kind"]
        verbose_name = _("words of an e-mail")
        verbose_name_plural = _("words of e-mails")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=[kind.value for kind in WORDED]), name="mail_text_kind_known"),
            models.UniqueConstraint(fields=["organization", "kind"], name="mail_text_once_of_a_kind"),
            models.CheckConstraint(condition=~Q(subject="", opening=""), name="mail_text_says_something"),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())

    def clean(self) -> None:
        """Refuse placeholders that mails of this kind do not have."""
        errors = {}
        for name in ("subject", "opening"):
            try:
                validate_placeholders(getattr(self, name), placeholders_of(self.kind))
            except ValidationError as error:
                errors[name] = error
        if errors:
            raise ValidationError(errors)


pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())(MailText)
