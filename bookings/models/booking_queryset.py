"""Bookings as they are asked for: whose they are, what is ahead, whom a few typed words find."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce, Lower, Now
from django.db.models.lookups import GreaterThan

from bookings.models.of_few import has_status
from bookings.models.proof import Proof
from bookings.phones import COUNTRY_CODE, digits_at_home, digits_to_find
from bookings.transitions import OCCUPYING, Status
from experts.models import Expert, Slot
from experts.search import folded, folded_spelt_out, spellings, words_query

if TYPE_CHECKING:
    from bookings.models.booking import Booking

# Between words: else "Dr.Weiss" would be the name of a computer, and a curly apostrophe a letter.
_JOINTS = "'’‘ʼ-‐‑–.,/_@+&"
_NAME: "Func[Any]" = Func(
    "name", Value(_JOINTS), Value(" " * len(_JOINTS)), function="translate", output_field=models.TextField()
)
WORDS_OF_NAME = SearchVector(folded(_NAME), folded_spelt_out(_NAME), config="simple")
_PHONE: "Func[Any]" = Func(
    "phone", Value(";"), Value(1), function="split_part", output_field=models.TextField()
)  # no extension


def _digits_of(phone: "Func[Any]") -> "Func[Any]":
    return Func(
        phone,
        Value(r"\D"),
        Value(""),
        Value("g"),
        function="regexp_replace",
        output_field=models.TextField(),
    )


# The digits of a phone number, the last one first: in whatever way people say a number, with the country or with a zero
# before it, or only its end, it ends the same.
PHONE_BACKWARDS = Func(_digits_of(_PHONE), function="reverse", output_field=models.TextField())
# Its digits after the code of the country and a zero, in whatever country they are said: as far as they have been said.
PHONE_AT_HOME = Func(
    _digits_of(
        Func(
            _PHONE, Value(rf"^\+{COUNTRY_CODE}"), Value(""), function="regexp_replace", output_field=models.TextField()
        )
    ),
    Value("0"),
    function="ltrim",
    output_field=models.TextField(),
)
# A booking that awaits its proof is a hold with a name.
_ENDED_HOLD = (Q(name="", erased_at=None) | Q(awaits_proof=True)) & (
    Q(status=Status.EXPIRED) | Q(status=Status.HELD, expires_at__lte=Now())
)
# A session of a type may end before the slot in which it starts, or with one of those that follow.
ENDS_AT = Coalesce("session_ends_at", "slot__ends_at")
IS_AHEAD = Q(status__in=[Status.PENDING, Status.CONFIRMED]) & Q(GreaterThan(ENDS_AT, Now()))
_MOST_WORDS = 8  # a search is a few words; more would only make the query slow


def _words_typed(text: str) -> SearchQuery | None:
    """The query for names of which a word begins with each typed word; None where there is none."""
    words = [ways for part in text.split()[:_MOST_WORDS] if (ways := tuple(spellings(part)))]
    return SearchQuery(words_query(words), config="simple", search_type="raw") if words else None


def _address_typed(text: str) -> str:
    return text.replace("\0", "").strip().lower()  # PostgreSQL knows no such character


class BookingQuerySet(models.QuerySet["Booking"]):
    def occupying(self) -> Self:
        """Bookings that take seats."""
        return self.filter(status__in=OCCUPYING)

    def running_holds(self, visitor: str) -> Self:
        """What is being kept for a browser at this moment."""
        return self.held_by(visitor).filter(expires_at__gt=Now()) if visitor else self.none()

    def held_by(self, visitor: str) -> Self:
        """What was kept for a browser, whether or not its time is over."""
        return self.of_browser(visitor).filter(has_status(Status.HELD))

    def of_browser(self, visitor: str) -> Self:
        """All rows of a browser, none of nobody.

        In so many words, because its index has this very condition, and of what a prepared statement will be given,
        PostgreSQL does not know that it is no empty text.
        """
        return self.filter(holder=visitor).exclude(holder="")

    def ended_holds(self) -> Self:
        """Holds that ran out or were let go, and bookings whose link nobody opened in time. Nothing is told of them."""
        return self.filter(_ENDED_HOLD)

    def holds_ended_before(self, at: datetime) -> Self:
        """Those of ``ended_holds`` whose time was over before a past instant, by the indexes of each kind."""
        every = self.model.objects.order_by().filter(expires_at__lt=at)
        unnamed = every.filter(name="", erased_at=None)
        ended, held = unnamed.filter(status=Status.EXPIRED), unnamed.filter(status=Status.HELD)
        unproven = every.filter(awaits_proof=True, status__in=[Status.HELD, Status.EXPIRED])
        # A union rather than an OR, for which all bookings would be read; and the rule, for whoever waits for a lock.
        keys = ended.values("pk").union(held.values("pk"), unproven.values("pk"), all=True)
        return self.ended_holds().filter(expires_at__lt=at, pk__in=keys)

    def exclude_ended_holds(self) -> Self:
        return self.exclude(_ENDED_HOLD)

    def not_erased(self) -> Self:
        """Those whose person has not been erased (bookings/privacy/)."""
        return self.filter(erased_at=None)

    def of_address(self, email: str) -> Self:
        """What was booked with an address, however its letters were written; holds left out."""
        if not email:
            return self.none()
        return self.annotate(address=Lower("email")).filter(address=Lower(Value(email))).shown()

    def of_phone(self, text: str) -> Self:
        """Bookings with a phone number that ends with the digits of ``text``, in any spelling; four at least."""
        digits = digits_to_find(text)
        if not digits:
            return self.none()
        return self.exclude(phone="").alias(backwards=PHONE_BACKWARDS).filter(backwards__startswith=digits[::-1])

    def of_phone_begun(self, text: str) -> Self:
        """Bookings with a phone number that begins with the digits of ``text``: as ``of_phone``, from the front.

        With the code of a country or a zero before them, or with neither.
        """
        digits = digits_at_home(text)
        if not digits:
            return self.none()
        return self.exclude(phone="").alias(at_home=PHONE_AT_HOME).filter(at_home__startswith=digits)

    def matching(self, text: str) -> Self:
        """Bookings with all typed words at the beginning of a word of the name, an address that begins like that, or a
        phone number that ends or begins like that (``of_phone``, ``of_phone_begun``).

        All of them when no word was typed. In any case of letters, and whatever their accents are (experts/search.py).
        """
        keys = self.model.objects.keys_matching(text)
        return self if keys is None else self.filter(pk__in=keys)

    def keys_matching(self, text: str) -> models.QuerySet[Any] | None:
        """Return the keys of all bookings that match (``matching``), in no order; None when no word was typed."""
        query = _words_typed(text)
        if query is None:
            return self.model.objects.none().values("pk") if text.strip() else None
        every = self.model.objects.order_by()
        named = every.exclude(name="").alias(words=WORDS_OF_NAME).filter(words=query)
        written_to = every.alias(address=Lower("email")).filter(address__startswith=_address_typed(text))
        called = [every.of_phone(text), every.of_phone_begun(text)] if digits_to_find(text) else []
        # A union rather than an OR: each branch has its index.
        return named.values("pk").union(written_to.values("pk"), *(rows.values("pk") for rows in called), all=True)

    def called(self, text: str) -> Self:
        """As ``matching``, as a condition on each row: PostgreSQL joins its indexes with those of other conditions.

        Not for a list that is read in its order: it would be walked along, and each row's words be folded, to its end
        where few match. ``bookings.selectors.booking_search`` asks for lists.
        """
        query = _words_typed(text)
        if query is None:
            return self.none() if text.strip() else self
        ways = ~Q(name="") & Q(words=query) | Q(address__startswith=_address_typed(text))
        rows = self.alias(words=WORDS_OF_NAME, address=Lower("email"))
        if ends := digits_to_find(text):
            rows = rows.alias(backwards=PHONE_BACKWARDS)
            ways |= ~Q(phone="") & Q(backwards__startswith=ends[::-1])
            if begins := digits_at_home(text):
                rows = rows.alias(at_home=PHONE_AT_HOME)
                ways |= ~Q(phone="") & Q(at_home__startswith=begins)
        return rows.filter(ways)

    def proven_to(self, visitor: str) -> Self:
        """What a browser may see: what it booked, and what it has proven (Proof). Every page that shows a booking asks.

        Holds are left out: they are nobody's booking yet. Nothing for a browser that has no identity yet.
        """
        if not visitor:
            return self.none()
        proofs = Proof.objects.live(visitor)
        addresses = proofs.exclude(email="").values(address=Lower("email"))
        # A union rather than conditions joined by OR: each branch has its index, an OR of them would read every row.
        mine = self.model.objects.order_by().of_browser(visitor).values("pk")
        one_by_one = proofs.exclude(booking=None).values("booking_id")
        with_address = self.model.objects.order_by().annotate(address=Lower("email"))
        by_address = with_address.filter(address__in=addresses).values("pk")
        return self.filter(pk__in=mine.union(one_by_one, by_address, all=True)).shown()

    def shown(self) -> Self:
        """Bookings that somebody made, whatever became of them, unless their person was erased.

        A hold that nobody completed is none. Neither is what still awaits its proof: it may be invented.
        """
        return self.exclude(status=Status.HELD).exclude(name="").filter(awaits_proof=False)

    def shown_or_awaiting(self) -> Self:
        """As ``shown``, and what awaits its proof: for its mails and links, and for the browser that asked for it."""
        return self.exclude(name="").filter(~Q(status=Status.HELD) | Q(awaits_proof=True))

    def awaiting_proof_of(self, visitor: str) -> Self:
        """What a browser asked for and whose link nobody has opened yet, run out or not."""
        return self.filter(holder=visitor, awaits_proof=True) if visitor else self.none()

    def with_slot(self) -> Self:
        return self.select_related(
            "slot__expert__organization", "slot__expert__category", "session_type", "second_expert"
        )

    def of_experts(self, experts: models.QuerySet[Expert]) -> Self:
        """Those with one of these experts, also as the second of two."""
        return self.filter(Q(slot__expert__in=experts) | Q(second_expert__in=experts))

    def with_expert(self, expert_id: int) -> Self:
        """As ``of_experts``, for one, by the indexes of both: for lists, which are long."""
        every = self.model.objects.order_by()
        first, second = every.filter(slot__expert=expert_id), every.filter(second_expert=expert_id)
        # As an array, which PostgreSQL makes once: else it may ask for all of them again for each row of a page.
        return self.filter(pk__any_of=ArraySubquery(first.values("pk").union(second.values("pk"), all=True)))

    def for_mails(self) -> Self:
        """What e-mails say, in one query for many bookings, without the long texts that they do not.

        Sets ``read_at``.
        """
        found = self.select_related("slot__expert__organization", "session_type", "second_expert").defer(
            "notes",
            *("slot__expert__bio", "slot__expert__search_text"),
            *("second_expert__bio", "second_expert__search_text"),
        )
        return found.annotate(read_at=Now())

    def slots_before_move(self, keys: list[int]) -> dict[int, Slot]:
        """By booking, the slot that it had before its last move, with its expert, as its history says.

        Without slots that were deleted.
        """
        before = self.model.pgh_event_model.objects.filter(
            pgh_obj__in=keys, sequence=F("pgh_obj__sequence") - 1
        ).order_by("pgh_id")
        slot_of = dict(before.values_list("pgh_obj_id", "slot_id"))
        slots = Slot.objects.select_related("expert").in_bulk(set(slot_of.values()))
        return {key: slots[slot_id] for key, slot_id in slot_of.items() if slot_id in slots}

    def once_approved(self, keys: list[int]) -> set[int]:
        """Those among these bookings that were confirmed at some time, by their history."""
        confirmed = self.model.pgh_event_model.objects.filter(pgh_obj__in=keys, status=Status.CONFIRMED)
        return set(confirmed.values_list("pgh_obj_id", flat=True))

    def ahead(self) -> Self:
        """Requests and confirmed bookings whose sessions are still to come or going on."""
        return self.filter(IS_AHEAD)

    def exclude_ahead(self) -> Self:
        """All others."""
        return self.exclude(IS_AHEAD)

    def upcoming(self) -> Self:
        """Those ``ahead``, soonest first."""
        return self.ahead().order_by("slot__starts_at")

    def earlier(self) -> Self:
        """All others, latest first."""
        return self.exclude_ahead().order_by("-slot__starts_at")
