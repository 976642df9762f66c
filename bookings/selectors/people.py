"""Find the people who book, as staff know them: there is no table of them, they are read from bookings.

A person is what shares an e-mail address within an organisation or, without one, a phone number and a name. A person is
named by one of the bookings, so that nobody's address stands in an address of ours. Whoever was erased is nobody here.

All functions take the bookings that the asker may see: what is not among them counts for nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, Count, F, Max, Min, Q, QuerySet, Value, When
from django.db.models.functions import Lower, Now
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import Booking, Status
from bookings.models.booking_queryset import ENDS_AT, IS_AHEAD, BookingQuerySet
from bookings.phones import digits_to_find, show_phone
from bookings.selectors.booking_search import found_among

MOST_PEOPLE = 8
_MOST_READ = 400  # the newest bookings that match, among which people are found
_DIGITS_SHOWN = 6
# Confirmed sessions are completed within the hour after their end.
_CAME = (
    Q(status=Status.COMPLETED)
    | (Q(status=Status.CONFIRMED) & Q(LessThanOrEqual(ENDS_AT, Now())))
    | Q(status=Status.CONFIRMED, arrived_at__isnull=False)
)


class Standing(Enum):
    """How well somebody is known: was here or expected, is to come for the first time, or has only asked."""

    BEEN, COMING, ASKED = "been", "coming", "asked"


class _Key(NamedTuple):
    """What bookings of one person share: an address in small letters, or a phone number and a name."""

    organization_id: int | None
    email: str
    phone: str
    name: str


@dataclass(frozen=True)
class Person:
    """Somebody who booked, by the newest booking, with what the asker may know about the others.

    ``visits``: sessions that they came to; ``rejected``: requests; instants are None where there is none.
    """

    newest: Booking
    phone: str
    visits: int
    no_shows: int
    rejected: int
    last_visit_at: datetime | None
    next_at: datetime | None

    @property
    def pk(self) -> int:
        """The booking by which addresses name the person."""
        return self.newest.pk

    @property
    def name(self) -> str:
        return self.newest.name

    @property
    def email(self) -> str:
        return self.newest.email

    @property
    def initials(self) -> str:
        """``MH``"""
        words = self.name.split()
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()

    @property
    def tint(self) -> int:
        """The number of the avatar's colour."""
        return sum(map(ord, self.name)) % 6

    @property
    def phone_end(self) -> str:
        """``…900 412``: enough to tell people of one name apart."""
        shown = show_phone(self.phone).partition(";")[0]
        return f"…{shown[-_DIGITS_SHOWN - 1 :].strip()}" if len(shown) > _DIGITS_SHOWN else shown

    @property
    def standing(self) -> Standing:
        if self.visits or self.no_shows:
            return Standing.BEEN
        return Standing.COMING if self.next_at else Standing.ASKED

    @property
    def in_words(self) -> str:
        """``4 visits``, ``No visit yet``, ``1 request rejected``; without the no-shows, which are said apart."""
        if self.visits:
            return ngettext("%(count)d visit", "%(count)d visits", self.visits) % {"count": self.visits}
        if self.rejected and not self.next_at:
            text = ngettext("%(count)d request rejected", "%(count)d requests rejected", self.rejected)
            return text % {"count": self.rejected}
        return _("No visit yet")

    @property
    def no_shows_in_words(self) -> str:
        """``1 no-show``; "" without any."""
        if not self.no_shows:
            return ""
        return ngettext("%(count)d no-show", "%(count)d no-shows", self.no_shows) % {"count": self.no_shows}


def find_people(bookings: BookingQuerySet, text: str, most: int = MOST_PEOPLE) -> list[Person]:
    """Return the people of whom a booking matches what was typed (``BookingQuerySet.matching``), the newest first.

    By part of the name, the address, or the phone in any spelling. Four queries, one where nobody is found, six where
    very many match, of which the newest are looked at.
    """
    found = found_among(_named(bookings), text)
    if found is None or not found.keys:
        return []
    newest: dict[_Key, list[Booking]] = {}
    for row in Booking.objects.filter(pk__any_of=sorted(found.keys)[-_MOST_READ:]).order_by("-pk"):
        newest.setdefault(_key(row), []).append(row)
    people = dict(list(newest.items())[:most])
    # What they are shown with is read for the few that are left.
    shown = Booking.objects.select_related("slot__expert").in_bulk([rows[0].pk for rows in people.values()])
    for key, rows in people.items():
        people[key] = [shown.get(rows[0].pk, rows[0]), *rows[1:]]
    return _with_facts(bookings, people)


def person_of(bookings: BookingQuerySet, booking_id: int) -> Person | None:
    """Return the person of a booking; None where the asker may not see it, or it is nobody's. Three queries."""
    booking = _named(bookings).filter(pk=booking_id).first()
    if booking is None:
        return None
    key = _key(booking)
    others = [] if key.email else list(_named(bookings).filter(pk__in=_of_same_person(booking)).order_by("-pk"))
    return next(iter(_with_facts(bookings, {key: others[:_MOST_READ] or [booking]})), None)


def bookings_of_person(bookings: BookingQuerySet, booking_id: int) -> BookingQuerySet:
    """Return all bookings of the person of one of them, among those that the asker may see; none without it."""
    booking = _named(bookings).filter(pk=booking_id).first()
    return bookings.none() if booking is None else bookings.filter(pk__in=_of_same_person(booking))


def _named(bookings: BookingQuerySet) -> BookingQuerySet:
    """Those that are somebody's, each with its expert."""
    return bookings.not_erased().shown().select_related("slot__expert")


def _key(booking: Booking) -> _Key:
    if booking.email:
        return _Key(booking.of_organization_id, booking.email.lower(), "", "")
    return _Key(booking.of_organization_id, "", booking.phone, booking.name.lower())


def _of_same_person(booking: Booking) -> QuerySet[Any]:
    """The keys of the bookings of one person, whoever asks."""
    key = _key(booking)
    rows = Booking.objects.order_by().filter(of_organization=key.organization_id)
    if key.email:
        return rows.filter(pk__in=Booking.objects.order_by().of_address(key.email).values("pk")).values("pk")
    rows = rows.alias(lower_name=Lower("name")).filter(email="", phone=key.phone, lower_name=key.name)
    # What tells them apart has no index: by that of numbers, else of words.
    number, near = key.phone.partition(";")[0], Booking.objects.order_by()
    near = near.of_phone(number) if digits_to_find(number) else near.matching(booking.name)
    return rows.filter(pk__in=near.values("pk")).values("pk")


def _with_facts(bookings: BookingQuerySet, found: dict[_Key, list[Booking]]) -> list[Person]:
    """Count what became of the bookings of each. ``found``: by person, the newest first; of one without an address all
    that there are."""
    if not found:
        return []
    addresses = {key.email for key in found if key.email}
    by_address = Booking.objects.order_by().alias(address=Lower("email")).filter(address__in=addresses).values("pk")
    others = {row.pk for key, rows in found.items() if not key.email for row in rows}
    mine = Q(pk__any_of=ArraySubquery(by_address)) if addresses else Q(pk__in=())
    counted = (
        _named(bookings)
        .filter(mine | Q(pk__in=others) if others else mine)
        .order_by()
        .values(
            organization=F("of_organization"),
            address=Lower("email"),
            number=_without_address("phone"),
            called=_without_address(Lower("name")),
        )
        .annotate(
            visits=Count("pk", filter=_CAME),
            no_shows=Count("pk", filter=Q(status=Status.NO_SHOW)),
            rejected=Count("pk", filter=Q(status=Status.REJECTED)),
            last_visit_at=Max("slot__starts_at", filter=_CAME),
            next_at=Min("slot__starts_at", filter=IS_AHEAD),
        )
    )
    facts = {_Key(row["organization"], row["address"], row["number"], row["called"]): row for row in counted}
    return [_person(rows, facts[key]) for key, rows in found.items() if key in facts]


def _without_address(value: Any) -> Case:
    return Case(When(email="", then=value), default=Value(""))


def _person(rows: Iterable[Booking], facts: Mapping[str, Any]) -> Person:
    rows = list(rows)
    phone = next((row.phone for row in rows if row.phone), "")
    names = ("visits", "no_shows", "rejected", "last_visit_at", "next_at")
    return Person(newest=rows[0], phone=phone, **{name: facts[name] for name in names})
