"""Where bookings and holds come from: the expert whose times they take, a network, an e-mail domain or an address.

All reads are bounded, and all begin with a queryset that the caller has cut to what somebody may see.
"""

import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import F, Func, QuerySet, Value
from django.db.models.functions import Lower

from bookings.models import Booking, Source, Status
from bookings.models.block import BlockKind
from bookings.models.recipient import DOTLESS, normalised
from bookings.networks import PREFIX

MOST_READ = 2000  # holds, and new bookings
NEW = timedelta(days=7)  # how long a booking counts as new
NEWEST = 50_000  # keys of bookings and holds that are looked through for new ones, however many there are
MOST_ORIGINS = 8  # of each kind that are listed


def origin_of(booking: Booking, kind: str) -> str:
    """Return the network, domain or address (a BlockKind) that a booking comes from, as a block has it. "" for none."""
    return _origin(kind, booking.email, booking.network)


def _origin(kind: str, email: str, network: str | None) -> str:
    if kind == BlockKind.NETWORK:
        return f"{network}/{PREFIX[ipaddress.ip_address(network).version]}" if network else ""
    if kind == BlockKind.DOMAIN or not email:
        return email.lower().rpartition("@")[2]
    return normalised(email)


def held(rows: QuerySet[Booking], now: datetime) -> QuerySet[Booking]:
    """Holds that run and bookings not proven yet, of slots that lie ahead; what runs out first comes first."""
    return rows.filter(status=Status.HELD, expires_at__gt=now, slot__starts_at__gt=now).order_by("expires_at", "pk")


def booked(rows: QuerySet[Booking], now: datetime) -> QuerySet[Booking]:
    """Requests and confirmed bookings of slots that lie ahead, oldest first; without those that staff made."""
    open_ones = rows.filter(status__in=[Status.PENDING, Status.CONFIRMED], slot__starts_at__gt=now)
    return open_ones.exclude(source=Source.STAFF).order_by("pk")


def of_same_origin(rows: QuerySet[Booking], booking: Booking, kind: str) -> QuerySet[Booking]:
    """Those of ``rows`` that come from where ``booking`` does, which has an origin of that kind."""
    if kind == BlockKind.NETWORK:
        return rows.filter(network=booking.network)
    rows = rows.annotate(lower_email=Lower("email"))
    if kind == BlockKind.DOMAIN:
        return rows.filter(lower_email__endswith="@" + booking.email.lower().rpartition("@")[2])
    # The names of one mailbox, as ``normalised`` knows them.
    local, _at, domain = normalised(booking.email).rpartition("@")
    domains = [other for other, same in DOTLESS.items() if same == domain]
    name: Func = Func(F("lower_email"), Value(r"(\+.*)?@[^@]*$"), Value(""), function="regexp_replace")
    if domains:
        name = Func(name, Value("."), Value(""), function="replace")
    mailbox = Func(F("lower_email"), Value(r"^.*@"), Value(""), function="regexp_replace")
    return rows.annotate(local=name, domain=mailbox).filter(local=local, domain__in=domains or [domain])


class Read(NamedTuple):
    """What is read of a row to count it."""

    pk: int
    status: str
    awaits_proof: bool
    email: str
    network: str | None
    expert_id: int
    expert: str


@dataclass
class Count:
    """How much comes from one origin. ``booking``: the key of one that does."""

    value: str
    booking: int
    expert_id: int
    holds: int = 0
    unproven: int = 0
    booked: int = 0

    @property
    def open(self) -> int:
        return self.holds + self.unproven


@dataclass(frozen=True)
class Origins:
    """Who keeps seats from others: counts by kind, those with the most first, at most MOST_ORIGINS of each.

    ``is_cut``: more was there than is counted.
    """

    experts: list[Count]
    networks: list[Count]
    domains: list[Count]
    addresses: list[Count]
    is_cut: bool = field(default=False)


def read_origins(rows: QuerySet[Booking], now: datetime) -> Origins:
    """Count running holds, unproven bookings, and bookings of the last week. Three queries, of a table of any size."""
    columns = ("pk", "status", "awaits_proof", "email", "network", "slot__expert_id", "slot__expert__name")
    newest = Booking.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    # Bounded by the key, too: the time they were made at has no index.
    recent = booked(rows, now).filter(pk__gt=newest - NEWEST, created_at__gt=now - NEW).order_by("-pk")
    found = [Read(*row) for query in (held(rows, now), recent) for row in query.values_list(*columns)[:MOST_READ]]

    # A single booking is nothing to look at; whoever keeps seats without having booked is, from the first.
    def worth(count: Count) -> bool:
        return bool(count.open) or count.booked > 1

    counts = {
        kind: [count for count in _count(found, kind) if worth(count)][:MOST_ORIGINS]
        for kind in ("expert", *BlockKind.values)
    }
    per_query = Counter(row.status == Status.HELD for row in found)
    return Origins(
        experts=counts["expert"],
        networks=counts[BlockKind.NETWORK],
        domains=counts[BlockKind.DOMAIN],
        addresses=counts[BlockKind.ADDRESS],
        is_cut=MOST_READ in per_query.values(),
    )


def _count(rows: list[Read], kind: str) -> list[Count]:
    counts: dict[str, Count] = {}
    for row in rows:
        key = str(row.expert_id) if kind == "expert" else _origin(kind, row.email, row.network)
        if not key:
            continue
        value = row.expert if kind == "expert" else key
        count = counts.setdefault(key, Count(value, row.pk, row.expert_id))
        if row.status != Status.HELD:
            count.booked += 1
        elif row.awaits_proof:
            count.unproven += 1
        else:
            count.holds += 1
    return sorted(counts.values(), key=lambda count: (-count.open, -count.booked, count.value))
