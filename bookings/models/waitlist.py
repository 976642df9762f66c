from typing import Self

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Lower, Now
from django.utils.translation import gettext_lazy as _

from bookings.models.booking import Booking, session_with
from bookings.models.of_organization import key_of, of_slot
from bookings.transitions import Status
from bookings.validators import NAME_VALIDATORS, validate_plain_text
from experts.constraints import known_value
from experts.models import Organization, SessionType, Slot
from experts.models.expert import Venue
from experts.timezones import validate_zone


class WaitlistQuerySet(models.QuerySet["WaitlistEntry"]):
    def in_line(self) -> Self:
        """Those that an offer can still go to, first come first. An address is among them once in each slot."""
        return self.filter(status=WaitlistEntry.Status.WAITING, is_echo=False).order_by("in_line_at", "pk")

    def active(self) -> Self:
        """Those that wait, or have an offer that is not settled."""
        # Joined by OR and not as a list: each of the two has an index of its own.
        return self.filter(Q(status=WaitlistEntry.Status.WAITING) | Q(status=WaitlistEntry.Status.OFFERED))

    def of_visitors(self, *visitors: str) -> Self:
        """The entries of some browsers. Nothing for one that has no identity yet."""
        return self.filter(visitor__in=visitors).exclude(visitor="")  # said in so many words for the index's condition

    def waiting_of(self, *visitors: str) -> Self:
        """What these browsers are waiting for, as they were told."""
        return self.of_visitors(*visitors).filter(status=WaitlistEntry.Status.WAITING)

    def joined_by(self, *visitors: str) -> Self:
        """As ``waiting_of``, and what they asked for without having opened the link of the mail."""
        return self.of_visitors(*visitors).filter(
            status__in=[WaitlistEntry.Status.WAITING, WaitlistEntry.Status.UNPROVEN]
        )

    def shown_to(self, *visitors: str) -> Self:
        """What these browsers wait for or are offered, in slots that still lie ahead, soonest first."""
        active = (
            self.of_visitors(*visitors)
            .filter(slot__starts_at__gt=Now())
            .filter(
                Q(status__in=[WaitlistEntry.Status.WAITING, WaitlistEntry.Status.UNPROVEN])
                | Q(status=WaitlistEntry.Status.OFFERED, hold__status=Status.HELD, hold__expires_at__gt=Now())
            )
        )
        return active.order_by("slot__starts_at", "pk")

    def about(self, *slot_ids: int) -> Self:
        """Those for whom one of these slots is what they wait for, or one that their session would take."""
        rows = WaitlistEntry.objects.order_by()
        first = rows.filter(slot__in=slot_ids).values("pk")
        more = rows.exclude(more_slots=[]).filter(more_slots__overlap=list(slot_ids)).values("pk")
        # A union rather than conditions joined by OR: each branch has its index.
        return self.filter(pk__in=first.union(more, all=True))

    def with_place(self) -> Self:
        """Each with its ``place`` in line: 1 is next. Counts all who joined before and still wait."""
        earlier = Q(in_line_at__lt=OuterRef("in_line_at")) | Q(in_line_at=OuterRef("in_line_at"), pk__lt=OuterRef("pk"))
        ahead = WaitlistEntry.objects.filter(earlier, slot=OuterRef("slot"), status=WaitlistEntry.Status.WAITING)
        count = ahead.order_by().values("slot").annotate(n=Count("pk")).values("n")
        return self.annotate(place=Coalesce(Subquery(count), 0) + 1)

    def with_slot(self) -> Self:
        return self.select_related("hold", "slot__expert__organization", "slot__expert__category", "session_type")

    def offered(self) -> Self:
        """Offers that have not been settled: their hold may have run out, or have become a booking."""
        return self.filter(status=WaitlistEntry.Status.OFFERED)


class WaitlistStatus(models.TextChoices):
    UNPROVEN = "UNPROVEN", _("Link not opened")  # not in line
    WAITING = "WAITING", _("Waiting")
    OFFERED = "OFFERED", _("Offered")
    BOOKED = "BOOKED", _("Booked")
    MISSED = "MISSED", _("Offer not taken")
    LEFT = "LEFT", _("Left")


class WaitlistEntry(models.Model):
    """Somebody waits for seats of a slot that has none, or for a session of a type that would begin with it.

    Written by bookings/services/waitlist.py only.

    It is in line from the moment at which the link of the mail to its address was opened; until then it is UNPROVEN, so
    that nobody makes a line longer with invented addresses. Who has proven the address in the same browser before is in
    line at once. An offer is a hold: ``hold`` is its row. A mailbox is in line once. Who joins with it from another
    browser gets an entry that looks the same but waits behind the first (``is_echo``): places are counted with it, so
    that nobody can find out by joining whether an address is in line.
    """

    Status = WaitlistStatus

    slot = models.ForeignKey(Slot, on_delete=models.CASCADE, related_name="waitlist", verbose_name=_("slot"))
    session_type = models.ForeignKey(
        SessionType,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("session type"),
        db_index=False,
    )
    # What the session took beside ``slot`` when it was last looked at: by it those are found for whom a slot matters.
    more_slots = ArrayField(models.BigIntegerField(), default=list, db_default=[], blank=True, editable=False)
    name = models.CharField(_("full name"), max_length=120, validators=NAME_VALIDATORS)
    email = models.EmailField(_("e-mail"), max_length=254, validators=[validate_plain_text])
    seats = models.PositiveSmallIntegerField(_("seats"), default=1, validators=[MinValueValidator(1)])
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.WAITING)
    is_echo = models.BooleanField(default=False, editable=False)
    visitor = models.CharField(max_length=32, blank=True, editable=False)
    hold = models.OneToOneField(
        Booking, on_delete=models.SET_NULL, null=True, blank=True, related_name="offer", editable=False
    )
    language = models.CharField(_("language"), max_length=10, default="en")
    timezone = models.CharField(_("time zone"), max_length=64, blank=True, validators=[validate_zone])
    created_at = models.DateTimeField(_("joined"), db_default=Now(), editable=False)
    in_line_at = models.DateTimeField(_("in line since"), db_default=Now(), editable=False)
    of_organization = key_of(Organization)

    objects = WaitlistQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("waitlist entry")
        verbose_name_plural = _("waitlist")
        constraints = [
            known_value("status", WaitlistStatus),
            models.UniqueConstraint(
                "slot",
                Lower("email"),
                condition=Q(status__in=["WAITING", "OFFERED"], is_echo=False),
                name="waitlist_address_once_in_line",
            ),
            models.CheckConstraint(condition=Q(seats__gte=1), name="waitlist_has_a_seat"),
            models.CheckConstraint(condition=~Q(status="OFFERED") | Q(is_echo=False), name="waitlist_echo_not_offered"),
        ]
        indexes = [
            models.Index(Lower("email"), name="waitlist_of_address"),
            models.Index("of_organization", "id", name="waitlist_of_organization"),
            models.Index("slot", "in_line_at", "id", name="waitlist_in_line", condition=Q(status="WAITING")),
            models.Index("slot", name="waitlist_offers", condition=Q(status="OFFERED")),
            GinIndex("more_slots", name="waitlist_more_slots", condition=~Q(more_slots=[])),
            models.Index(
                "visitor",
                name="waitlist_of_browser",
                condition=Q(status__in=["UNPROVEN", "WAITING", "OFFERED"]) & ~Q(visitor=""),
            ),
        ]
        triggers = [
            of_slot("waitlist_entry_knows_its_organization"),
            # Services have locked the slot by then.
            pgtrigger.Trigger(
                name="waitlist_entry_marks_its_slot",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("slot_id", "status", "is_echo"),
                condition=pgtrigger.Q(new__status="WAITING", new__is_echo=False),
                func="""
                    UPDATE experts_slot SET is_waited_for = true WHERE id = NEW.slot_id AND NOT is_waited_for;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def session_name(self) -> str:
        """``First visit with Amara Okafor`` of a type, else the expert's name. Needs ``with_slot()``."""
        return session_with(self.session_type.name if self.session_type else "", self.slot.expert.name)

    @property
    def venue(self) -> Venue:
        """How it takes place: as sessions of the type do, else as the expert's. Needs ``with_slot()``."""
        own = self.session_type.venue if self.session_type else ""
        return Venue(own or self.slot.expert.venue)

    @property
    def is_unproven(self) -> bool:
        """Whether it is not in line, as nobody has opened the link of its mail yet."""
        return self.status == self.Status.UNPROVEN

    @property
    def offer(self) -> Booking | None:
        """The hold that is kept for this entry; None when none is, or it has ended. Needs ``with_slot()``."""
        is_kept = self.status == self.Status.OFFERED and self.hold is not None and self.hold.status == Status.HELD
        return self.hold if is_kept else None

    @property
    def has_running_offer(self) -> bool:
        """Whether seats are kept at this moment, as far as the row says; the services look again under the lock."""
        return self.offer is not None
