from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from experts.constraints import known_value
from experts.embedding import validate_origin
from experts.pictures import shape_in
from experts.timezones import validate_zone
from experts.validators import validate_no_web_address


class TwoFactor(models.TextChoices):
    """Who of an organisation's members needs a second factor to log in: a code of an app, or a passkey."""

    NOBODY = "nobody", _("Nobody has to")
    OWNERS = "owners", _("Owners")
    EVERYBODY = "everybody", _("Everybody")


class Accent(models.TextChoices):
    """Presets only: each is checked for contrast in both themes (static/src/app.css)."""

    PETROL = "petrol", _("Petrol")
    OCEAN = "ocean", _("Ocean")
    INDIGO = "indigo", _("Indigo")
    PLUM = "plum", _("Plum")
    BRICK = "brick", _("Brick")
    OLIVE = "olive", _("Olive")
    FOREST = "forest", _("Forest")
    GRAPHITE = "graphite", _("Graphite")


class MoveApproval(models.TextChoices):
    """When a customer's move of an approved booking has to be approved again."""

    ASK = "ask", _("Ask again")
    SAME_DAY = "same_day", _("Keep within the same day")


class ProofPolicy(models.TextChoices):
    """When somebody unknown has to open the link of a mail before a booking counts."""

    WHEN_UNUSUAL = "unusual", _("When it looks unusual")
    ALWAYS = "always", _("Always")
    NEVER = "never", _("Never")


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    exclude=["logo", "blocked_until", "has_questions"],
)
class Organization(models.Model):
    """A tenant: a clinic, a school, an office. Holds the booking policy that its experts may override."""

    name = models.CharField(_("name"), max_length=120, validators=[validate_no_web_address])
    slug = models.SlugField(_("address"), max_length=60, unique=True)
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_zone])
    city = models.CharField(
        _("city"), max_length=80, blank=True, default="", db_default="", validators=[validate_no_web_address]
    )
    accent = models.CharField(_("accent"), max_length=10, choices=Accent.choices, default=Accent.PETROL)
    logo = models.FileField(_("logo"), upload_to="logos/", blank=True)
    contact_email = models.EmailField(_("contact e-mail"), blank=True)
    mail_footer = models.TextField(_("text below every e-mail"), blank=True, max_length=2000)
    # Two switches rather than a list of times, which is what people expect and cannot be set up wrongly.
    reminds_day_before = models.BooleanField(_("reminder the day before"), default=True, db_default=True)
    reminds_hour_before = models.BooleanField(_("reminder an hour before"), default=True, db_default=True)
    embed_origins = ArrayField(
        models.CharField(max_length=255, validators=[validate_origin]),
        verbose_name=_("sites that may embed it"),
        default=list,
        db_default=[],
        blank=True,
    )
    is_active = models.BooleanField(_("active"), default=True)
    two_factor = models.CharField(
        _("second factor needed to log in"),
        max_length=10,
        choices=TwoFactor.choices,
        default=TwoFactor.NOBODY,
        db_default=TwoFactor.NOBODY,
    )

    requires_approval = models.BooleanField(_("bookings need approval"), default=False)
    hold_minutes = models.PositiveSmallIntegerField(
        _("minutes that a hold lasts"), default=5, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )
    approval_hours = models.PositiveSmallIntegerField(
        _("hours to approve within"), default=24, validators=[MinValueValidator(1), MaxValueValidator(720)]
    )
    move_approval = models.CharField(
        _("moves of approved bookings"),
        max_length=8,
        choices=MoveApproval.choices,
        default=MoveApproval.ASK,
        db_default=MoveApproval.ASK,
    )
    min_notice = models.DurationField(_("minimum notice"), default=timedelta(hours=1))
    horizon_days = models.PositiveSmallIntegerField(
        _("days that can be booked ahead"), default=60, validators=[MinValueValidator(1), MaxValueValidator(730)]
    )
    cancel_until = models.DurationField(_("cancel until, before the start"), default=timedelta(hours=2))
    max_party = models.PositiveSmallIntegerField(
        _("most seats in one booking"), default=1, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    offer_minutes = models.PositiveSmallIntegerField(
        _("minutes that a waitlist offer lasts"),
        default=30,
        db_default=30,
        validators=[MinValueValidator(5), MaxValueValidator(1440)],
    )
    # Until when the organisation blocks somebody at all: kept by a trigger of whoever blocks (bookings.Block).
    blocked_until = models.DateTimeField(null=True, editable=False)
    # Whether it asks those who book anything: kept by a trigger of what it asks (bookings.Question).
    has_questions = models.BooleanField(default=False, db_default=False, editable=False)
    lets_change_answers = models.BooleanField(_("customers may change their answers"), default=True, db_default=True)
    # None: for ever. New organisations begin with two years; those of before this field keep all until they choose.
    retention_months = models.PositiveSmallIntegerField(
        _("months that people’s details are kept"),
        null=True,
        blank=True,
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(240)],
    )
    hides_notes = models.BooleanField(_("hide notes from schedulers"), default=False, db_default=False)
    proof = models.CharField(
        _("ask for a link to be opened"),
        max_length=10,
        choices=ProofPolicy.choices,
        default=ProofPolicy.WHEN_UNUSUAL,
        db_default=ProofPolicy.WHEN_UNUSUAL,
    )
    # Of organisations that founded themselves, until an operator empties them: strangers could do so to send mails.
    invitation_quota = models.PositiveSmallIntegerField(_("invitations a day"), null=True, blank=True)
    staff_mail_quota = models.PositiveSmallIntegerField(_("e-mails by and to staff a day"), null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name", "id"]
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        constraints = [
            known_value("accent", Accent),
            known_value("move_approval", MoveApproval),
            known_value("proof", ProofPolicy),
            known_value("two_factor", TwoFactor),
            models.CheckConstraint(
                condition=Q(
                    hold_minutes__gte=1,
                    offer_minutes__gte=1,
                    approval_hours__gte=1,
                    horizon_days__gte=1,
                    max_party__gte=1,
                ),
                name="organization_policy_positive",
            ),
            models.CheckConstraint(
                condition=Q(retention_months=None) | Q(retention_months__gte=1),
                name="organization_retention_positive",
            ),
            models.CheckConstraint(
                condition=Q(min_notice__gte=timedelta(0), cancel_until__gte=timedelta(0)),
                name="organization_durations_not_negative",
            ),
        ]
        triggers = [
            # A save() of what was read before a block was made would forget that there is one.
            pgtrigger.Trigger(
                name="organization_keeps_blocked_until",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("blocked_until"),
                condition=pgtrigger.Condition("pg_trigger_depth() < 1"),
                func="NEW.blocked_until := OLD.blocked_until; RETURN NEW;",
            ),
            pgtrigger.Trigger(
                name="organization_keeps_has_questions",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("has_questions"),
                condition=pgtrigger.Condition("pg_trigger_depth() < 1"),
                func="NEW.has_questions := OLD.has_questions; RETURN NEW;",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and keep the experts' search words true when the name or the city changed."""
        as_before = Organization.objects.filter(pk=self.pk, name=self.name, city=self.city)
        is_other = self.pk and not as_before.exists()
        super().save(*args, **kwargs)
        if is_other:
            self.experts.all().refresh_search_text()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def logo_url(self) -> str:
        """Return the address of the logo, "" without one."""
        return self.logo.url if self.logo.name else ""

    @property
    def logo_size(self) -> tuple[int, int]:
        """Return width and height in pixels of the page at which the logo is shown: half of those that it has."""
        width, height = shape_in(self.logo.name or "")
        return width // 2, height // 2
