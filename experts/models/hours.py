from datetime import date, time
from typing import Self

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeBoundary, RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from experts.constraints import known_value
from experts.formatting import wall_clock
from experts.models.expert import Expert
from experts.models.organization import Organization
from experts.validators import validate_no_web_address

MIDNIGHT = time(0)
DAY_MINUTES = 24 * 60


class Weekday(models.IntegerChoices):
    """As ``date.weekday()`` counts."""

    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


def end_minutes(end: time) -> int:
    """Return the minutes from midnight to an end of hours; 00:00 is the midnight at the end of the day."""
    return end.hour * 60 + end.minute or DAY_MINUTES


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class WeeklyHours(models.Model):
    """A period of a weekday in which an expert takes bookings, on the expert's wall clock.

    Sessions of ``slot_minutes`` follow each other with ``buffer_minutes`` in between
    (experts/scheduling/occurrences.py). Two rows with a gap between them are a day with a break. An end of 00:00 is the
    end of the day; hours never run past it. ``for_types``: ids of the session types that may be booked in them, all
    when empty.
    """

    expert = models.ForeignKey(Expert, on_delete=models.CASCADE, related_name="hours", verbose_name=_("expert"))
    weekday = models.PositiveSmallIntegerField(_("weekday"), choices=Weekday.choices)
    start = models.TimeField(_("from"))
    end = models.TimeField(_("to"), help_text=_("00:00 is midnight at the end of the day."))
    slot_minutes = models.PositiveSmallIntegerField(
        _("minutes"), validators=[MinValueValidator(1), MaxValueValidator(DAY_MINUTES)]
    )
    buffer_minutes = models.PositiveSmallIntegerField(
        _("buffer"), default=0, validators=[MaxValueValidator(DAY_MINUTES)]
    )
    capacity = models.PositiveSmallIntegerField(_("seats"), validators=[MinValueValidator(1), MaxValueValidator(1000)])
    title = models.CharField(_("title"), max_length=80, blank=True, validators=[validate_no_web_address])
    for_types = ArrayField(
        models.PositiveBigIntegerField(), verbose_name=_("only for"), default=list, db_default=[], blank=True
    )
    valid_from = models.DateField(_("first day"), null=True, blank=True)
    valid_to = models.DateField(_("last day"), null=True, blank=True)

    class Meta:
        ordering = ["weekday", "start", "valid_from", "id"]
        verbose_name = _("weekly hours")
        verbose_name_plural = _("weekly hours")
        constraints = [
            known_value("weekday", Weekday),
            models.CheckConstraint(condition=Q(end__gt=F("start")) | Q(end=MIDNIGHT), name="hours_end_after_start"),
            models.CheckConstraint(
                condition=Q(slot_minutes__range=(1, DAY_MINUTES), buffer_minutes__lte=DAY_MINUTES, capacity__gte=1),
                name="hours_positive",
            ),
            models.CheckConstraint(
                condition=Q(valid_from=None) | Q(valid_to=None) | Q(valid_to__gte=F("valid_from")),
                name="hours_valid_in_order",
            ),
            # Checked when all rows of a change are written: two stretches may change places.
            ExclusionConstraint(
                name="hours_no_overlap_for_expert",
                deferrable=models.Deferrable.DEFERRED,
                expressions=[
                    (Func("expert_id", "expert_id", Value("[]"), function="int8range"), RangeOperators.OVERLAPS),
                    (Func("weekday", "weekday", Value("[]"), function="int4range"), RangeOperators.OVERLAPS),
                    (
                        Func("valid_from", "valid_to", RangeBoundary(inclusive_upper=True), function="daterange"),
                        RangeOperators.OVERLAPS,
                    ),
                    (
                        Func(
                            Func("start", template="EXTRACT(epoch FROM %(expressions)s)"),
                            Func("end", template="COALESCE(NULLIF(EXTRACT(epoch FROM %(expressions)s), 0), 86400)"),
                            function="numrange",
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                violation_error_message=_("This overlaps other hours of the same day."),
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(weekday)s %(start)s–%(end)s") % {
            "weekday": self.get_weekday_display(),
            "start": wall_clock(self.start),
            "end": wall_clock(self.end),
        }

    def clean(self) -> None:
        """Refuse what makes no session, each at its field."""
        errors = {}
        if self.start is not None and self.end is not None:
            length = end_minutes(self.end) - (self.start.hour * 60 + self.start.minute)
            if length <= 0:
                errors["end"] = _("The end must be after the start. Hours past midnight need a line for each day.")
            elif self.slot_minutes and self.slot_minutes > length:
                errors["slot_minutes"] = _("Not one session of that length fits in.")
            if self.start.second or self.start.microsecond or self.end.second or self.end.microsecond:
                errors["start"] = _("Whole minutes only.")
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            errors["valid_to"] = _("The last day is before the first.")
        if errors:
            raise ValidationError(errors)

    def holds_on(self, day: date) -> bool:
        """Whether these are hours of that calendar day of the expert."""
        return (
            self.weekday == day.weekday()
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_to is None or day <= self.valid_to)
        )

    def overlaps(self, other: "WeeklyHours") -> bool:
        """Return whether both hold at the same time on some day. The same rule as the exclusion constraint."""
        return (
            self.weekday == other.weekday
            and (self.valid_from or date.min) <= (other.valid_to or date.max)
            and (other.valid_from or date.min) <= (self.valid_to or date.max)
            and self.start < (time.max if other.end == MIDNIGHT else other.end)
            and other.start < (time.max if self.end == MIDNIGHT else self.end)
        )


class TimeOffQuerySet(models.QuerySet["TimeOff"]):
    def of_expert(self, expert: Expert) -> Self:
        """Return the expert's own time off and the holidays of the organisation."""
        return self.filter(Q(expert=expert) | Q(organization_id=expert.organization_id))


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class TimeOff(models.Model):
    """Days, or parts of them, on which an expert or a whole organisation takes no bookings.

    It reaches from ``from_time`` on the first day (or its beginning) to ``to_time`` on the last (or its end), on the
    wall clock of each expert, so that an organisation's holiday begins at different instants in different zones.
    """

    expert = models.ForeignKey(
        Expert, on_delete=models.CASCADE, related_name="time_off", null=True, blank=True, verbose_name=_("expert")
    )
    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        related_name="time_off",
        null=True,
        blank=True,
        verbose_name=_("organisation"),
    )
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    from_time = models.TimeField(_("from"), null=True, blank=True)
    to_time = models.TimeField(_("to"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=120, blank=True)

    objects = TimeOffQuerySet.as_manager()

    class Meta:
        ordering = ["first_day", "from_time", "id"]
        verbose_name = _("time off")
        verbose_name_plural = _("time off")
        constraints = [
            models.CheckConstraint(
                condition=Q(expert__isnull=True, organization__isnull=False)
                | Q(expert__isnull=False, organization__isnull=True),
                name="time_off_of_expert_or_organization",
            ),
            models.CheckConstraint(
                condition=Q(last_day__gt=F("first_day"))
                | (Q(last_day=F("first_day")) & (Q(from_time=None) | Q(to_time=None) | Q(to_time__gt=F("from_time")))),
                name="time_off_in_order",
            ),
        ]
        indexes = [models.Index("first_day", "id", name="time_off_by_first_day")]

    def __str__(self) -> str:
        return f"{self.first_day} – {self.last_day}"

    def clean(self) -> None:
        """Refuse what has no length or nobody, each at its field."""
        if self.expert_id and self.organization_id:
            raise ValidationError({"organization": _("Choose either an expert or an organisation, not both.")})
        if not self.expert_id and not self.organization_id:
            raise ValidationError({"expert": _("Choose an expert, or an organisation for a holiday of all.")})
        if self.first_day and self.last_day:
            if self.last_day < self.first_day:
                raise ValidationError({"last_day": _("The last day is before the first.")})
            if self.first_day == self.last_day and self.from_time and self.to_time and self.to_time <= self.from_time:
                raise ValidationError({"to_time": _("The end must be after the start.")})
