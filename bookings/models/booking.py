from datetime import datetime
from typing import Any

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.core.validators import MaxLengthValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext as _say
from django.utils.translation import gettext_lazy as _

from bookings.models.booking_queryset import PHONE_AT_HOME, PHONE_BACKWARDS, WORDS_OF_NAME, BookingQuerySet
from bookings.models.booking_triggers import TRIGGERS
from bookings.models.of_organization import key_of
from bookings.phones import show_phone
from bookings.policy import BrokenRule
from bookings.references import new_reference
from bookings.transitions import Status
from bookings.validators import NAME_VALIDATORS, validate_plain_text, validate_printable
from experts.constraints import known_value
from experts.copying import copy_row
from experts.models import Expert, Organization, Session, SessionTerms, SessionType, Slot
from experts.models.expert import Venue
from experts.timezones import validate_zone


def session_with(session: str, name: str) -> str:
    """``First visit with Amara Okafor``; the name alone where the session has none."""
    return _say("%(session)s with %(name)s") % {"session": session, "name": name} if session else name


class Source(models.TextChoices):
    """Where a request came from."""

    WEB = "web", _("Web page")
    API = "api", _("API")
    STAFF = "staff", _("Staff")


class CancelReason(models.TextChoices):
    """Why a customer cancelled, if they said so."""

    PLANS = "plans", _("My plans changed")
    BETTER = "better", _("I don’t need it any more")
    ELSEWHERE = "elsewhere", _("I found another time or place")
    OTHER = "other", _("Something else")


class ProofReason(models.TextChoices):
    """Why somebody had to open a link before the booking counted. When each holds: bookings/services/caution.py."""

    POLICY = "policy", _("Your rules ask everybody")
    NETWORK = "network", _("Many holds and bookings from one network")
    EXPERT = "expert", _("Many holds and bookings with this expert by people unknown")
    DOMAIN = "domain", _("A disposable e-mail address")
    QUICK = "quick", _("The form was filled in faster than a person can")
    ADDRESS = "address", _("Many bookings with a known address, from browsers that its reader has not vouched for")


class Booking(models.Model):
    """Who booked what. Written by bookings/services/ only; its trigger keeps the counters of the slots."""

    read_at: datetime  # the database's clock, where for_mails() read the row: that of a worker may be wrong
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="bookings", verbose_name=_("slot"))
    # What it is for. It takes ``more_slots`` beside ``slot``, in which it starts, and ends at ``session_ends_at``. A
    # booking without a type takes one slot and ends with it.
    session_type = models.ForeignKey(
        SessionType,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="bookings",
        verbose_name=_("session type"),
        db_index=False,
    )
    session_ends_at = models.DateTimeField(_("ends at"), null=True, blank=True, editable=False)
    more_slots = ArrayField(models.BigIntegerField(), default=list, db_default=[], blank=True, editable=False)
    # Of two experts together the one whose slots are all among ``more_slots``.
    second_expert = models.ForeignKey(
        Expert,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("second expert"),
        db_index=False,
        editable=False,
    )
    # What was agreed (SessionTerms), whatever becomes of the type.
    agreed = models.JSONField(null=True, blank=True, editable=False)
    seats = models.PositiveSmallIntegerField(_("seats"), default=1, validators=[MinValueValidator(1)])
    status = models.CharField(_("status"), max_length=10, choices=Status.choices)
    name = models.CharField(_("full name"), max_length=120, blank=True, validators=NAME_VALIDATORS)
    email = models.EmailField(_("e-mail"), max_length=254, blank=True, validators=[validate_plain_text])
    phone = models.CharField(_("phone"), max_length=40, blank=True, validators=[validate_plain_text])
    notes = models.TextField(
        _("notes"), blank=True, max_length=2000, validators=[MaxLengthValidator(2000), validate_printable]
    )
    reference = models.CharField(_("reference"), max_length=12, unique=True, default=new_reference, editable=False)
    holder = models.CharField(max_length=32, blank=True, editable=False)
    reason = models.TextField(
        _("message to the customer"),
        blank=True,
        default="",
        db_default="",
        max_length=1000,
        validators=[MaxLengthValidator(1000), validate_printable],
    )
    # A choice and no text: what people write about themselves would end up in the history.
    cancel_reason = models.CharField(
        _("reason of the customer"), max_length=10, choices=CancelReason.choices, blank=True, default="", db_default=""
    )
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    # How often the hold of this slot was kept longer (services/holds.py).
    extensions = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    # Until the link of its mail was opened it is a hold that has a name already; what ran out still waits for the link.
    awaits_proof = models.BooleanField(_("waits for the link to be opened"), default=False, db_default=False)
    proof_reason = models.CharField(
        _("why the link was asked for"),
        max_length=10,
        choices=ProofReason.choices,
        blank=True,
        default="",
        db_default="",
    )
    # Whether who reads the address stood behind it: a link was opened for it, or had been in the browser that booked.
    is_vouched = models.BooleanField(default=False, db_default=False, editable=False)
    language = models.CharField(_("language"), max_length=10, default="en")
    timezone = models.CharField(_("time zone of the booker"), max_length=64, blank=True, validators=[validate_zone])
    # Grows with each move and end: SEQUENCE of its calendar entry (RFC 5545). Also tells an old form from a new one.
    sequence = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    # From which the request came, cut to what a household or an office shares (networks.py); none for staff's.
    network = models.GenericIPAddressField(_("network"), null=True, blank=True, editable=False)
    # The slot's, of what was not asked for by staff, nor, as far as anybody has looked, by people known: what people
    # unknown have asked of an expert lately is found by it (selectors/recent_demand.py).
    of_expert = key_of(Expert)
    of_organization = key_of(Organization)
    # When its session is over: its own end, or that of its slot, which it follows (``bookings_follow_slot``, bookings
    # 0052). Kept by triggers: whatever else writes to it is ignored. Not of what ended before there was the column.
    over_at = models.DateTimeField(null=True, blank=True, editable=False)
    source = models.CharField(_("source"), max_length=5, choices=Source.choices, default=Source.WEB)
    # What no visitor could have booked: the rule outside of which staff booked it.
    broken_rule = models.CharField(
        _("outside the rules"),
        max_length=7,
        choices=BrokenRule.choices,
        blank=True,
        default="",
        db_default="",
        editable=False,
    )
    # When staff saw its person come.
    arrived_at = models.DateTimeField(_("arrived"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    # When its person was erased. What is left counts for seats and statistics, and is nobody's.
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)

    objects = BookingQuerySet.as_manager()
    # The entry of the waitlist that a hold was offered to, where own_holds or slot_for_visitor read it.
    offer_id: int | None = None
    # Of one that is being made: whether its customer gets e-mails about that, whether staff have agreed already, and
    # the name of the request that asked for it, as another one may write it (experts/request_ids.py).
    is_told = True
    is_agreed = False
    asked_by: str | None = None
    # The history, which pghistory.track below adds.
    events: Any
    pgh_event_model: Any

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = _("booking")
        verbose_name_plural = _("bookings")
        constraints = [
            # A booking of an unknown status would take no seat.
            known_value("status", Status),
            known_value("source", Source),
            known_value("cancel_reason", CancelReason, blank=True),
            known_value("proof_reason", ProofReason, blank=True),
            known_value("broken_rule", BrokenRule, blank=True),
            models.CheckConstraint(
                condition=Q(broken_rule="") | Q(source="staff"), name="booking_breaks_rules_only_by_staff"
            ),
            models.CheckConstraint(
                condition=Q(awaits_proof=False) | Q(status__in=["HELD", "EXPIRED"]), name="booking_counts_once_proven"
            ),
            models.CheckConstraint(
                condition=Q(arrived_at=None) | Q(status__in=["CONFIRMED", "COMPLETED"]),
                name="booking_of_somebody_who_came_is_on",
            ),
            models.CheckConstraint(condition=Q(seats__gte=1), name="booking_has_a_seat"),
            models.CheckConstraint(
                condition=Q(session_type=None, session_ends_at=None, agreed__isnull=True, more_slots=[])
                | Q(session_type__isnull=False, session_ends_at__isnull=False, agreed__isnull=False),
                name="booking_of_a_type_has_terms",
            ),
            models.CheckConstraint(
                condition=Q(second_expert=None) | ~Q(more_slots=[]), name="booking_of_two_takes_slots_of_both"
            ),
            models.CheckConstraint(condition=~Q(more_slots__contains=[F("slot")]), name="booking_takes_a_slot_once"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=False) | ~Q(status__in=["HELD", "PENDING"]),
                name="booking_hold_or_request_expires",
            ),
            models.CheckConstraint(
                condition=~Q(email="")
                | Q(source="staff")
                | Q(status__in=["HELD", "EXPIRED"])
                | Q(erased_at__isnull=False),
                name="booking_has_email_unless_by_staff",
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None)
                | Q(name="", email="", phone="", notes="", reason="", holder="", network=None),
                name="booking_erased_names_nobody",
            ),
        ]
        indexes = [
            models.Index("slot", "expires_at", name="booking_running_holds", condition=Q(status="HELD")),
            GinIndex("more_slots", name="booking_more_slots", condition=~Q(more_slots=[])),
            models.Index("session_type", name="booking_of_type", condition=Q(session_type__isnull=False)),
            models.Index("second_expert", name="booking_of_second", condition=Q(second_expert__isnull=False)),
            models.Index("holder", F("created_at").desc(), name="booking_of_visitor", condition=~Q(holder="")),
            # For whole addresses and, whatever the database's collation, for their beginnings.
            models.Index(OpClass(Lower("email"), name="text_pattern_ops"), name="booking_of_address"),
            # For the ends of phone numbers, as beginnings of what stands there.
            models.Index(
                OpClass(PHONE_BACKWARDS, name="text_pattern_ops"), name="booking_of_phone", condition=~Q(phone="")
            ),
            # And for their beginnings.
            models.Index(
                OpClass(PHONE_AT_HOME, name="text_pattern_ops"), name="booking_of_phone_begun", condition=~Q(phone="")
            ),
            # Not for holds, which nobody has named yet and which come and go most often.
            GinIndex(WORDS_OF_NAME, name="booking_in_plain_words", condition=~Q(name="")),
            # Requests that wait for staff; with the holds, what runs out next. Not for who asks for holds and not for
            # their ends: while PostgreSQL believes that there are none, reading them all looks best to it.
            models.Index(
                "expires_at",
                name="booking_running_out",
                condition=Q(status__in=["HELD", "PENDING"], expires_at__isnull=False),
            ),
            models.Index("expires_at", name="booking_ended_holds", condition=Q(status="EXPIRED", name="")),
            models.Index("expires_at", name="booking_awaiting_proof", condition=Q(awaits_proof=True)),
            # To forget it in time.
            models.Index("created_at", name="booking_with_network", condition=Q(network__isnull=False)),
            models.Index("erased_at", name="booking_erased", condition=Q(erased_at__isnull=False)),
            models.Index(
                "of_expert",
                F("created_at").desc(),
                name="booking_lately_of_expert",
                condition=Q(of_expert__isnull=False, status__in=["HELD", "PENDING", "CONFIRMED"]),
            ),
            models.Index("over_at", name="booking_over", condition=Q(status="CONFIRMED")),
            # An organisation's list, in its order, and its requests, the one that runs out first on top.
            models.Index("of_organization", "id", name="booking_of_organization"),
            models.Index(
                "of_organization", "expires_at", name="booking_asked_of_organization", condition=Q(status="PENDING")
            ),
            # For staff who ask for these: there are few among all. Not of holds and what is confirmed, which most are.
            models.Index(
                "status", "id", name="booking_by_seldom_status", condition=Q(status__in=["PENDING", "REJECTED"])
            ),
        ]
        triggers = TRIGGERS

    __copy__ = copy_row

    def __str__(self) -> str:
        return self.reference

    @property
    def runs_out_at(self) -> datetime:
        """The instant at which a hold or a request ends. The database demands one of both, and their ends keep it."""
        assert self.expires_at is not None, "only holds and requests run out"
        return self.expires_at

    @property
    def phone_shown(self) -> str:
        """The phone number as people read it."""
        return show_phone(self.phone)

    @property
    def slot_ids(self) -> list[int]:
        """All slots that it takes: that in which it starts first, then the others in order of time."""
        return [self.slot_id, *self.more_slots]

    @property
    def terms(self) -> SessionTerms | None:
        """What was agreed about the session; None of a booking without a type."""
        return SessionTerms.from_json(self.agreed) if self.agreed is not None else None

    @property
    def title(self) -> str:
        """What the session is called: its type, as agreed, else the title of its slot, which may be empty."""
        terms = self.terms
        return self.slot.title if terms is None else terms.name

    @property
    def with_whom(self) -> str:
        """``Amara Okafor``; of two together ``Amara Okafor and Priya Raman``. Needs ``with_slot()``."""
        names = [expert.name for expert in self.experts]
        return names[0] if len(names) == 1 else _say("%(one)s and %(other)s") % {"one": names[0], "other": names[1]}

    @property
    def session_name(self) -> str:
        """``First visit with Amara Okafor`` of a type, else the expert's name. Needs the expert."""
        return session_with(self.title if self.terms is not None else "", self.with_whom)

    @property
    def title_and_length(self) -> str:
        """``First visit, 45 min`` of a type; of a slot as it is its title."""
        if self.terms is None:
            return self.title
        return _say("%(title)s, %(minutes)d min") % {"title": self.title, "minutes": self.session.minutes}

    @property
    def price(self) -> str:
        """The price as agreed, in words; empty where none was."""
        terms = self.terms
        return "" if terms is None else terms.price

    @property
    def venue(self) -> Venue:
        """How it takes place: as agreed, else as the expert's sessions do. Needs the expert."""
        terms, expert = self.terms, self.slot.expert
        return Venue(expert.venue) if terms is None else terms.venue_with(expert)

    @property
    def ends_at(self) -> datetime:
        """The instant at which it ends, which may be after the end of its slot."""
        return self.session_ends_at or self.slot.ends_at

    @property
    def session(self) -> Slot:
        """What is booked, as it is shown: the slot, or the session of a type that starts with it, with its own end.

        Needs ``with_slot()``. Of a session its other slots are not read: its seats are those of its first slot.
        """
        return self.session_at(self.slot)

    def session_at(self, slot: Slot) -> Slot:
        """As ``session``, if it starts with that slot."""
        terms = self.terms
        if terms is None or isinstance(slot, Session):
            return slot
        assert self.session_type is not None, "terms are a type's"
        return Session.of(slot, [slot], self.session_type, terms)

    @property
    def experts(self) -> list[Expert]:
        """With whom it is: one expert, or two together. Needs ``with_slot()``, else the second takes a query."""
        one = self.slot.expert
        return [one] if self.second_expert_id is None or self.second_expert is None else [one, self.second_expert]

    @property
    def is_open(self) -> bool:
        """Whether the session is still meant to take place."""
        return self.status in (Status.PENDING, Status.CONFIRMED)


# Notes may hold what only the expert should read, a visitor's identity is a secret, and the network is of use for days:
# none of them is copied. That notes were changed is told, after what was changed together with them (triggers run in
# the order of their names); not those that come with the booking itself, nor that they were erased. What is said about
# the proof does not change but with the status, the second expert and the rule that it broke but with the slots.
pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.UpdateEvent(
        "notes",
        condition=pgtrigger.Q(old__notes__df=pgtrigger.F("new__notes"), new__erased_at__isnull=True)
        & ~pgtrigger.Q(old__status="HELD"),
        trigger_name="update_written_notes",
    ),
    pghistory.DeleteEvent(),
    exclude=[
        "notes",
        "holder",
        "network",
        "of_expert",
        "of_organization",
        "over_at",
        "extensions",
        "awaits_proof",
        "proof_reason",
        "is_vouched",
        "erased_at",
        "agreed",
        "broken_rule",
        "second_expert",
    ],
    # For whoever is erased: an address that a booking had before it was corrected. For what is too old: in the order in
    # which it was written.
    meta={
        "indexes": [
            models.Index(Lower("email"), name="booking_event_of_address", condition=~Q(email="")),
            BrinIndex(fields=["pgh_created_at"], name="booking_event_by_time"),
        ]
    },
)(Booking)
