from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Self

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from experts.constraints import known_value
from experts.formatting import money
from experts.models.expert import Expert, Venue
from experts.models.organization import Accent, Organization
from experts.validators import validate_no_web_address

LONGEST_SESSION = 24 * 60  # minutes, buffers included: as long as the longest slot


class Audience(models.TextChoices):
    """Who may book a type."""

    EVERYBODY = "everybody", _("Everybody")
    RETURNING = "returning", _("People who have been before")
    LINK = "link", _("Only people with the link")


@dataclass(frozen=True)
class SessionTerms:
    """What a session of a type is with one expert, as it is shown before somebody books it, and kept when they do.

    Lengths are minutes. ``price`` is in words. ``venue`` is a value of ``Venue`` and ``note`` the address or how to
    join, both empty where they are the expert's; ``note`` may hold ``{reference}`` and ``{secret}`` (bookings fill
    them in). ``colour`` is a value of ``Accent`` or empty.
    """

    name: str
    minutes: int
    buffer_before: int = 0
    buffer_after: int = 0
    price: str = ""
    venue: str = ""
    note: str = ""
    colour: str = ""

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    @property
    def before(self) -> timedelta:
        return timedelta(minutes=self.buffer_before)

    @property
    def after(self) -> timedelta:
        return timedelta(minutes=self.buffer_after)

    def venue_with(self, expert: Expert) -> Venue:
        """How a session takes place: as these terms say, else as the expert's do."""
        return Venue(self.venue or expert.venue)

    def note_with(self, expert: Expert) -> str:
        """The address, or how to join. What the expert notes about one way of meeting says nothing of another."""
        return self.note or (expert.venue_note if self.venue_with(expert) == expert.venue else "")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "SessionTerms":
        return cls(**kept)


class SessionTypeQuerySet(models.QuerySet["SessionType"]):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def listed(self) -> Self:
        """Types that visitors are shown without having their link."""
        return self.active().exclude(audience=Audience.LINK)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class SessionType(models.Model):
    """What a session is for: how long it takes, what it costs, where it is. Policy fields left empty follow the expert.

    A booking keeps the terms under which it was made (``SessionTerms``), so that changing or retiring a type changes
    no booking. A type with bookings is retired (``is_active``), never deleted.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="session_types", verbose_name=_("organisation")
    )
    name = models.CharField(_("name"), max_length=80, validators=[validate_no_web_address])
    slug = models.SlugField(_("address"), max_length=60)
    description = models.TextField(_("description"), blank=True, max_length=1000)
    minutes = models.PositiveSmallIntegerField(
        _("minutes"), validators=[MinValueValidator(1), MaxValueValidator(LONGEST_SESSION)]
    )
    buffer_before = models.PositiveSmallIntegerField(
        _("minutes kept free before"), default=0, validators=[MaxValueValidator(LONGEST_SESSION)]
    )
    buffer_after = models.PositiveSmallIntegerField(
        _("minutes kept free after"), default=0, validators=[MaxValueValidator(LONGEST_SESSION)]
    )
    price_amount = models.DecimalField(
        _("price"), max_digits=9, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(Decimal(0))]
    )
    price_currency = models.CharField(_("currency"), max_length=3, blank=True)
    price_words = models.CharField(_("price in words"), max_length=60, blank=True, validators=[validate_no_web_address])
    venue = models.CharField(_("how it takes place"), max_length=10, choices=Venue.choices, blank=True)
    venue_note = models.CharField(_("address or link"), max_length=300, blank=True)
    is_group = models.BooleanField(_("for a group"), default=False)
    experts_needed = models.PositiveSmallIntegerField(
        _("experts together"), choices=[(1, _("One")), (2, _("Two together"))], default=1, db_default=1
    )
    audience = models.CharField(_("who may book"), max_length=10, choices=Audience.choices, default=Audience.EVERYBODY)
    colour = models.CharField(_("colour"), max_length=10, choices=Accent.choices, blank=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    is_active = models.BooleanField(_("active"), default=True)

    requires_approval = models.BooleanField(_("bookings need approval"), null=True, blank=True)
    min_notice = models.DurationField(_("minimum notice"), null=True, blank=True)
    horizon_days = models.PositiveSmallIntegerField(
        _("days that can be booked ahead"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(730)],
    )
    cancel_until = models.DurationField(_("cancel until, before the start"), null=True, blank=True)
    max_party = models.PositiveSmallIntegerField(
        _("most seats in one booking"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
    )

    objects = SessionTypeQuerySet.as_manager()

    class Meta:
        ordering = ["position", "name", "id"]
        verbose_name = _("session type")
        verbose_name_plural = _("session types")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "slug"],
                name="session_type_once_per_organization",
                violation_error_message=_("There is a session type with this address already."),
            ),
            known_value("audience", Audience),
            known_value("venue", Venue, blank=True),
            known_value("colour", Accent, blank=True),
            models.CheckConstraint(
                condition=Q(minutes__gte=1, minutes__lte=LONGEST_SESSION - F("buffer_before") - F("buffer_after")),
                name="session_type_within_a_day",
                violation_error_message=_("With the minutes kept free before and after it is longer than a day."),
            ),
            models.CheckConstraint(
                condition=Q(price_amount=None) | Q(price_amount__gte=0), name="session_type_price_not_negative"
            ),
            models.CheckConstraint(
                condition=(Q(horizon_days=None) | Q(horizon_days__gte=1))
                & (Q(max_party=None) | Q(max_party__gte=1))
                & (Q(min_notice=None) | Q(min_notice__gte=timedelta(0)))
                & (Q(cancel_until=None) | Q(cancel_until__gte=timedelta(0))),
                name="session_type_policy_positive",
            ),
            models.CheckConstraint(condition=Q(experts_needed__in=[1, 2]), name="session_type_of_one_or_two"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def terms(self) -> SessionTerms:
        """What a session is where no expert offers it otherwise: the type's own length and price."""
        return OfferedType(session_type=self).terms

    def policy(self, name: str, expert: Expert) -> Any:
        """Return a policy value by its field's name: the type's own, else what holds for the expert."""
        if name == "max_party" and not self.is_group:
            return 1
        own = getattr(self, name, None)
        return expert.policy(name) if own is None else own


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class OfferedType(models.Model):
    """That an expert offers a session type, with minutes and a price of its own where they differ."""

    expert = models.ForeignKey(
        Expert, on_delete=models.CASCADE, related_name="offered_types", verbose_name=_("expert"), db_index=False
    )
    session_type = models.ForeignKey(
        SessionType, on_delete=models.CASCADE, related_name="offers", verbose_name=_("session type")
    )
    minutes = models.PositiveSmallIntegerField(
        _("minutes"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_SESSION)]
    )
    price_amount = models.DecimalField(
        _("price"), max_digits=9, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(Decimal(0))]
    )
    price_words = models.CharField(_("price in words"), max_length=60, blank=True, validators=[validate_no_web_address])

    class Meta:
        ordering = ["session_type__position", "session_type__name", "id"]
        verbose_name = _("offered session type")
        verbose_name_plural = _("offered session types")
        constraints = [
            models.UniqueConstraint(fields=["expert", "session_type"], name="session_type_once_per_expert"),
            models.CheckConstraint(
                condition=Q(minutes=None) | Q(minutes__range=(1, LONGEST_SESSION)), name="offered_type_minutes_positive"
            ),
            models.CheckConstraint(
                condition=Q(price_amount=None) | Q(price_amount__gte=0), name="offered_type_price_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return str(self.session_type)

    @cached_property
    def terms(self) -> SessionTerms:
        """Return what a session is now. Needs the type."""
        kind = self.session_type
        return SessionTerms(
            name=kind.name,
            minutes=self.minutes or kind.minutes,
            buffer_before=kind.buffer_before,
            buffer_after=kind.buffer_after,
            price=self.price,
            venue=kind.venue,
            note=kind.venue_note,
            colour=kind.colour,
        )

    @property
    def amount(self) -> tuple[Decimal, str] | None:
        """The price as a number with its currency; None where there is none, or words are shown. Needs the type."""
        if self.price_words or (self.price_amount is None and self.session_type.price_words):
            return None
        amount = self.session_type.price_amount if self.price_amount is None else self.price_amount
        return None if amount is None else (amount, self.session_type.price_currency)

    @property
    def price(self) -> str:
        """The price as it is shown: ``€60``, or words; empty without one. Needs the type."""
        if self.amount is not None:
            return money(*self.amount)
        return self.price_words or ("" if self.price_amount is not None else self.session_type.price_words)
