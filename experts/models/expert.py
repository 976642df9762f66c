import hashlib
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Self
from zoneinfo import ZoneInfo

import pghistory
from django.conf import settings
from django.conf.locale import LANG_INFO
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Func, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from experts.constraints import known_value
from experts.models.organization import MoveApproval, Organization
from experts.models.search_word import SearchWord
from experts.pictures import sized_name
from experts.search import search_condition, search_vector, searchable
from experts.timezones import city, validate_zone
from experts.validators import validate_no_web_address

LANGUAGES = {
    "ar": _("Arabic"),
    "cs": _("Czech"),
    "da": _("Danish"),
    "de": _("German"),
    "el": _("Greek"),
    "en": _("English"),
    "es": _("Spanish"),
    "fa": _("Persian"),
    "fi": _("Finnish"),
    "fr": _("French"),
    "he": _("Hebrew"),
    "hi": _("Hindi"),
    "hu": _("Hungarian"),
    "id": _("Indonesian"),
    "it": _("Italian"),
    "ja": _("Japanese"),
    "ko": _("Korean"),
    "ne": _("Nepali"),
    "nl": _("Dutch"),
    "no": _("Norwegian"),
    "pl": _("Polish"),
    "pt": _("Portuguese"),
    "ro": _("Romanian"),
    "ru": _("Russian"),
    "sv": _("Swedish"),
    "th": _("Thai"),
    "tr": _("Turkish"),
    "uk": _("Ukrainian"),
    "vi": _("Vietnamese"),
    "zh": _("Chinese"),
}
AVATAR_TINTS = 8


class CategoryQuerySet(models.QuerySet["Category"]):
    def with_expert_count(self, experts: "models.QuerySet[Expert]", most: int) -> Self:
        """Each with ``expert_count``: how many of ``experts`` fall into it, counted to ``most``."""
        # Not the ids, which the index by category and organisation does not have.
        some = experts.order_by().filter(category=OuterRef("pk")).values("organization")[:most]
        counted = Func(ArraySubquery(some), function="cardinality", output_field=models.IntegerField())
        return self.annotate(expert_count=counted).order_by("position", "name")


class Category(models.Model):
    """A field of work, shared by all organisations of the installation."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    slug = models.SlugField(_("address"), max_length=60, unique=True)
    icon = models.CharField(_("icon"), max_length=40, default="briefcase", help_text=_("Name of a Lucide icon."))
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_medical = models.BooleanField(
        _("doctors"),
        default=False,
        db_default=False,
        help_text=_("Its experts are physicians. Search engines are told so; otherwise, that they are persons."),
    )

    objects = CategoryQuerySet.as_manager()

    class Meta:
        ordering = ["position", "name"]
        verbose_name = _("category")
        verbose_name_plural = _("categories")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and update the experts' search words when the name changed, which they hold."""
        renamed = self.pk and Category.objects.filter(pk=self.pk).exclude(name=self.name).exists()
        super().save(*args, **kwargs)
        if renamed:
            self.experts.all().refresh_search_text()


class ExpertQuerySet(models.QuerySet["Expert"]):
    def active(self) -> Self:
        """Experts that visitors may see."""
        return self.filter(is_active=True, organization__is_active=True)

    def matching(self, text: str) -> Self:
        """Experts of whom a word (``make_search_text``) begins with each word of ``text``."""
        matches = search_condition(text)
        return self if matches is None else self.filter(matches)

    def refresh_search_text(self) -> int:
        """Update the search words where they have changed. Returns how many did."""
        changed = []
        for expert in self.select_related("category", "organization"):
            text = expert.make_search_text()
            if text != expert.search_text:
                expert.search_text = text
                changed.append(expert)
        SearchWord.objects.learn(word for expert in changed for word in expert.search_text.split())
        return self.model.objects.bulk_update(changed, ["search_text"], batch_size=500)


class Venue(models.TextChoices):
    IN_PERSON = "in_person", _("In person")
    PHONE = "phone", _("Phone")
    VIDEO = "video", _("Video call")

    @property
    def icon(self) -> str:
        """The name of a Lucide icon."""
        return {Venue.IN_PERSON: "map-pin", Venue.PHONE: "phone", Venue.VIDEO: "video"}[self]


# By these words it is found, too.
_VENUE_WORDS = {
    Venue.IN_PERSON: "in person",
    Venue.PHONE: "phone call telephone",
    Venue.VIDEO: "video call online",
}


def _language_words(code: str) -> str:
    """What a language is called, in English and in itself: ``German Deutsch``."""
    with override(None):
        return f"{LANGUAGES.get(code, code)} {LANG_INFO.get(code, {}).get('name_local', '')}"


def search_text_of(expert: Any) -> str:
    """``Expert.make_search_text``, of nothing but fields: migrations ask it, too."""
    organization = expert.organization
    languages = " ".join(_language_words(code) for code in expert.languages)
    address = expert.venue_note if expert.venue == Venue.IN_PERSON else ""
    who = f"{expert.name} {expert.headline} {expert.category.name} {organization.name} {expert.bio} {languages}"
    return searchable(f"{who} {_VENUE_WORDS[Venue(expert.venue)]} {expert.city or organization.city} {address}")


def _is_title(word: str) -> bool:
    return word.rstrip(".").lower() in {"dr", "prof", "mr", "mrs", "ms"}


class Expert(models.Model):
    """Somebody who can be booked. Policy fields left empty follow the organisation (see ``policy``)."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="experts", verbose_name=_("organisation")
    )
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="experts", verbose_name=_("category"))
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="expert",
        verbose_name=_("account"),
    )
    name = models.CharField(_("name"), max_length=120, validators=[validate_no_web_address])
    slug = models.SlugField(_("address"), max_length=80, unique=True)
    headline = models.CharField(_("headline"), max_length=120, blank=True, validators=[validate_no_web_address])
    bio = models.TextField(_("about"), blank=True, max_length=4000)
    photo = models.FileField(_("photo"), upload_to="experts/", blank=True)
    timezone = models.CharField(_("time zone"), max_length=64, validators=[validate_zone])
    languages = ArrayField(
        models.CharField(max_length=5, choices=LANGUAGES.items()), verbose_name=_("languages"), default=list, blank=True
    )
    session_minutes = models.PositiveSmallIntegerField(_("session length in minutes"), default=30)
    default_capacity = models.PositiveSmallIntegerField(_("seats in a slot"), default=1)
    venue = models.CharField(_("how it takes place"), max_length=10, choices=Venue.choices, default=Venue.IN_PERSON)
    venue_note = models.CharField(_("address or link"), max_length=300, blank=True)
    city = models.CharField(
        _("city"), max_length=80, blank=True, default="", db_default="", validators=[validate_no_web_address]
    )
    is_active = models.BooleanField(_("active"), default=True)

    requires_approval = models.BooleanField(_("bookings need approval"), null=True, blank=True)
    hold_minutes = models.PositiveSmallIntegerField(_("minutes that a hold lasts"), null=True, blank=True)
    approval_hours = models.PositiveSmallIntegerField(_("hours to approve within"), null=True, blank=True)
    move_approval = models.CharField(
        _("moves of approved bookings"), max_length=8, choices=MoveApproval.choices, null=True, blank=True
    )
    min_notice = models.DurationField(_("minimum notice"), null=True, blank=True)
    horizon_days = models.PositiveSmallIntegerField(_("days that can be booked ahead"), null=True, blank=True)
    cancel_until = models.DurationField(_("cancel until, before the start"), null=True, blank=True)
    max_party = models.PositiveSmallIntegerField(_("most seats in one booking"), null=True, blank=True)

    search_text = models.TextField(editable=False, default="")
    # The last day for which weekly hours were turned into slots. What staff delete up to it stays deleted.
    slots_until = models.DateField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ExpertQuerySet.as_manager()
    # The start of the first bookable slot, where ``with_next_slot`` read it (experts/selectors.py).
    next_slot_at: datetime | None
    # Whether session types are to choose from, where ``with_next_start`` read it (experts/free_starts.py).
    has_types: bool

    class Meta:
        ordering = ["name", "id"]
        verbose_name = _("expert")
        verbose_name_plural = _("experts")
        indexes = [
            GinIndex(search_vector(), name="expert_search_words"),
            GinIndex("languages", name="expert_languages"),
            models.Index("venue", "organization", name="expert_venues", condition=Q(is_active=True)),
            # In which zones somebody is, and whom one does not go to see (experts/ordering.py).
            models.Index("venue", "timezone", "id", name="expert_by_place", condition=Q(is_active=True)),
            # In the order of lists by name, with what tells who is listed, so that pages can be skipped in the index.
            models.Index("organization", "name", "id", include=["is_active"], name="expert_of_organization"),
            models.Index("category", "name", "id", include=["is_active", "organization"], name="expert_of_category"),
            models.Index("name", "id", include=["is_active", "organization"], name="expert_in_order"),
            # In the order in which they were added, as programs list them.
            models.Index("organization", "id", include=["is_active"], name="expert_in_order_of_adding"),
            models.Index("category", "id", name="expert_added_to_category", condition=Q(is_active=True)),
            # By what policy a slot can be booked and by whose clock it is told, for each that lists of the soonest pass
            # over: without the row, which is long.
            models.Index(
                "id",
                include=["is_active", "organization", "min_notice", "horizon_days", "venue", "timezone"],
                name="expert_policy",
            ),
            # Whose slots are left out of lists (SlotQuerySet.of_active_experts).
            models.Index("id", name="expert_inactive", condition=Q(is_active=False)),
            # The least notice of those who have one of their own: of all, and of an organisation.
            models.Index("min_notice", name="expert_by_notice", condition=Q(min_notice__isnull=False)),
            models.Index(
                "organization", "min_notice", name="expert_by_notice_of_house", condition=Q(min_notice__isnull=False)
            ),
            # In which cities somebody is who is in another one than the organisation (experts/discovery.py).
            models.Index("city", "organization", name="expert_cities", condition=Q(is_active=True)),
            # To count them, from the index alone: few different pairs, which make it small.
            models.Index("category", "organization", name="expert_counts", condition=Q(is_active=True)),
        ]
        constraints = [
            known_value("venue", Venue),
            known_value("move_approval", MoveApproval),
            models.CheckConstraint(
                condition=Q(session_minutes__gte=1, default_capacity__gte=1), name="expert_session_positive"
            ),
            models.CheckConstraint(
                condition=(Q(hold_minutes=None) | Q(hold_minutes__gte=1))
                & (Q(approval_hours=None) | Q(approval_hours__gte=1))
                & (Q(horizon_days=None) | Q(horizon_days__gte=1))
                & (Q(max_party=None) | Q(max_party__gte=1))
                & (Q(min_notice=None) | Q(min_notice__gte=timedelta(0)))
                & (Q(cancel_until=None) | Q(cancel_until__gte=timedelta(0))),
                name="expert_policy_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        before, self.search_text = self.search_text, self.make_search_text()
        if (fields := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*fields, "search_text"}
        super().save(*args, **kwargs)
        if self.search_text != before:
            SearchWord.objects.learn(self.search_text.split())

    def make_search_text(self) -> str:
        """Return the folded words that the search compares with: of all that visitors read about the expert."""
        return search_text_of(self)

    def policy(self, name: str) -> Any:
        """Return a policy value by its field's name: the expert's own, else the organisation's."""
        own = getattr(self, name)
        return getattr(self.organization, name) if own is None else own

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def place(self) -> str:
        """The city where the expert works: of its own, else the organisation's. Empty where neither is known."""
        return self.city or self.organization.city

    @property
    def zone_city(self) -> str:
        return city(self.zone)

    def today(self, now: datetime | None = None) -> date:
        """Return the calendar day in the expert's zone."""
        return (now or timezone.now()).astimezone(self.zone).date()

    def last_bookable_day(self, now: datetime | None = None) -> date:
        return self.today(now) + timedelta(days=self.policy("horizon_days"))

    @property
    def _names(self) -> list[str]:
        """The words of the name, without titles."""
        return [word for word in self.name.split() if not _is_title(word)]

    @property
    def short_name(self) -> str:
        """Return ``Amara`` for ``Dr Amara Okafor``, where there is no room for more."""
        return self._names[0] if self._names else self.name

    @property
    def formal_name(self) -> str:
        """Return ``Dr Okafor`` for ``Dr Amara Okafor``, where there is little room; the whole name without a title."""
        titles = [word for word in self.name.split() if _is_title(word)]
        return " ".join([*titles, self._names[-1]]) if titles and self._names else self.name

    @property
    def initials(self) -> str:
        """Return ``AO`` for ``Dr Amara Okafor``: first and last word, without titles."""
        words = self._names
        return "".join(w[0] for w in (words[:1] + words[1:][-1:])).upper() or "?"

    @property
    def photo_small(self) -> str:
        """Return the address of the photo in 96 pixels, "" without one: for what is shown at 48 or less."""
        return self._photo_url(96)

    @property
    def photo_medium(self) -> str:
        """As ``photo_small``, in 192 pixels: for what is larger, and for sharp screens."""
        return self._photo_url(192)

    @property
    def photo_large(self) -> str:
        """As ``photo_small``, in 640 pixels: to look at alone, and for other sites."""
        return self._photo_url(640)

    def _photo_url(self, side: int) -> str:
        return self.photo.storage.url(sized_name(self.photo.name, side)) if self.photo.name else ""

    @property
    def tint(self) -> int:
        """Return the number of the avatar's colour, which depends on the slug only."""
        return hashlib.sha256(self.slug.encode()).digest()[0] % AVATAR_TINTS

    @property
    def language_names(self) -> str:
        return ", ".join(str(LANGUAGES.get(code, code)) for code in self.languages)

    @property
    def venue_icon(self) -> str:
        return Venue(self.venue).icon


pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    exclude=["photo", "search_text", "slots_until"],
)(Expert)
