"""Do the same looks in a small database and in a large one, and compare what PostgreSQL did for them."""

from collections.abc import Callable
from dataclasses import dataclass

from django.core.management import call_command
from django.db import connection

from bench.size.fill import Size, fill
from bench.size.looks import looks
from bench.size.plans import Cost, cost_of
from experts.models import Expert
from experts.page_cache import PAGES

Note = Callable[[str], None]
# Blocks: a look that reads no more takes about a millisecond, however few the small database has for it to read. Its
# indexes are a level or two lower, and its pages have fewer experts.
ENOUGH = 800


@dataclass(frozen=True)
class Exemption:
    """What a look may cost more where there is more: faults that begin with one of ``faults``, and why.

    ``most``: up to how many blocks; 0 where no bound is known.
    """

    faults: tuple[str, ...]
    why: str
    most: int = 0

    def allows(self, fault: str, cost: Cost) -> bool:
        return fault.startswith(self.faults) and (fault != "blocks" or not self.most or cost.blocks <= self.most)


LISTED = ("blocks", "sorts", "reads experts_expert")
COUNTED = "counted as far as 500, from the front of the table"
ONE_MORE = "a list that has more than one page is counted, as far as 500: one statement"
ASKED_BY_NAME = Exemption(
    LISTED, "by name at some time: experts are asked in the order of names until enough are free then", 8_000
)
OF_A_PAGE = Exemption(
    ("blocks",),
    "up to 50 rows with what they refer to, 500 that are counted, and the day's version: rows in blocks of their own",
    2_000,
)
# Of these very looks, and of no others.
LOOKS_OF_A_PAGE = frozenset(
    {
        *("superuser, Today", "superuser, My day", "superuser, Day", "superuser, Day, list"),
        *("superuser, Day, found by name", "superuser, Day, found by a frequent name"),
        *("superuser, Bookings", "superuser, Bookings, page 12", "superuser, Bookings by a frequent name"),
        *("superuser, Bookings that are pending", "superuser, Bookings by source"),
        *("superuser, Bookings of an expert", "superuser, Bookings of an expert this week", "superuser, Search of all"),
        *("owner, Today", "owner, Day", "owner, Day, list"),
        *("owner, Day, found by name", "owner, Day, found by a frequent name"),
        *("owner, Bookings by a frequent name", "owner, Bookings by source"),
        *("owner, Bookings of an expert", "owner, Bookings of an expert this week"),
        *("owner, Slots", "owner, Slots of the past", "owner, Slots, all", "owner, Slots, page 30"),
        *("expert, Bookings", "expert, Turned away"),
    }
)
SOME_HUNDRED = Exemption(
    ("blocks", "sorts"), "some hundred are known by their ids, each read in a block of its own", 4_000
)
MORE_OF_A_DAY = Exemption(
    ("more statements",), "when they are free next is asked of those who have nothing left of the day: one statement"
)
# By a part of the looks' names. What an exception does not name stays a fault. Figures are those of 100,000 experts.
EXCEPTIONS = {
    ", last page": Exemption(
        LISTED, "the last page lies behind 1,000 experts where there are many, else behind 100", 40_000
    ),
    ", soonest, 6th page": Exemption(
        ("blocks",), "the 54 experts before it are found first, each slot that is passed with its policy", 5_000
    ),
    "free today, soonest": Exemption(
        ("blocks",),
        "37 are found to show nine and count three pages more, each slot that is passed with its policy",
        5_000,
    ),
    "free this week, soonest": Exemption(
        ("blocks",),
        "in the evening most slots of the next hours want a longer notice, each is passed with its policy",
        7_000,
    ),
    "experts of a category, soonest, first page": Exemption(
        ("blocks",), "its experts are named, and the policy of each slot is read that is passed", 1_500
    ),
    "a large organisation, soonest, first page": Exemption(
        ("blocks",), "the keys of its ten thousand experts are read, who are named", 1_500
    ),
    "free tomorrow, soonest": Exemption(
        ("blocks",),
        "slots are passed over that are tomorrow for others only, or whose notice is too long",
        10_000,
    ),
    "today, name": ASKED_BY_NAME,
    "tomorrow, name": ASKED_BY_NAME,
    "this week, name": ASKED_BY_NAME,
    "morning, name": ASKED_BY_NAME,
    "experts of both": SOME_HUNDRED,
    "experts by video": SOME_HUNDRED,
    "a rare language": SOME_HUNDRED,
    "experts of a city": SOME_HUNDRED,
    "a frequent language": Exemption(LISTED, "as many experts are read as may be named in a statement", 5_000),
    "in an evening": Exemption(
        (*LISTED, "more statements"),
        "at an hour that few offer; by name, where of 100 fewer than five are free, 198 are meant who are free "
        "soonest: three statements more",
        20_000,
    ),
    "a booking": Exemption(
        ("more statements",), "another booking: of one without a mail it is asked whether its address is proven"
    ),
    "search, a": Exemption(
        LISTED, "a word that thousands share: as many are read as may be named in a statement", 40_000
    ),
    "API, experts by a word": Exemption(
        ("reads experts_expert",), "counted as far as 1,000, from the front of the table"
    ),
    "API, slots": Exemption(("blocks",), "up to 1,000 are counted; what is over today is passed over", 3_000),
    "API, bookable": Exemption(
        ("blocks",), "up to 1,000 are counted; slots whose notice is too long are passed over one by one", 40_000
    ),
    "Reports, this month": Exemption(
        ("blocks",), "each slot and booking of the organisation in two months, in blocks of their own", 20_000
    ),
    ", Bookings of this week": Exemption(
        ("blocks",), "walked newest first: one in forty is of this week; 500 are counted", 15_000
    ),
    "superuser, Bookings of this week by a frequent name": Exemption(
        ("blocks", "sorts", "more statements"),
        "of all who are called so each slot is looked up, and of more than 500 the newest",
        200_000,
    ),
    "beyond the last page": Exemption(("blocks",), "where there is no such page the index of all rows ends", 10_000),
    "Bookings by a frequent name": Exemption(
        ("sorts", "more statements"),
        "of more than 500 the newest are found, in two statements and parts of some thousand",
    ),
    "superuser, Search of all": Exemption(
        ("sorts", "more statements", "reads experts_expert"), "as a list by a frequent name, and experts from the front"
    ),
    "superuser, Bookings by end": Exemption(("more statements",), ONE_MORE),
    "superuser, Bookings by source": Exemption(("reads bookings_booking",), COUNTED),
    "superuser, Bookings that are pending": Exemption(("more statements",), ONE_MORE),
    "superuser, Export": Exemption(("blocks",), "all bookings of an expert, each in a block of its own", 3_000),
    "owner, Export": Exemption(("blocks",), "all bookings of an expert, each in a block of its own", 3_000),
    "owner, Bookings of this week": Exemption(("blocks",), "bookings of the organisation in these days", 3_000),
    "superuser, Slots": Exemption(
        ("blocks", "reads experts_slot"), f"what began today and is over is passed over; {COUNTED}", 4_000
    ),
    "owner, Slots": Exemption(("sorts",), "the slots of the organisation are put in order, 2,000 at most"),
    "superuser, Waitlist": Exemption(("reads bookings_waitlistentry", "more statements"), f"{COUNTED}; {ONE_MORE}"),
    "superuser, Turned away": Exemption(
        ("blocks", "sorts", "reads bookings_turnedaway"),
        f"the last 500 entries are put together by day, with the slot of each; {COUNTED}",
        5_000,
    ),
    "superuser, Time off": Exemption(("more statements",), ONE_MORE),
    "superuser, Experts by words": Exemption(
        ("blocks", "more statements"), f"as many experts are read as may be named in a statement; {ONE_MORE}", 10_000
    ),
    "superuser, Choose an expert": Exemption(
        ("blocks",), "of those who are called so the first by name: all are put in order", 10_000
    ),
    "superuser, Book by phone": Exemption(
        ("more statements",), "an organisation that is not among the first 50 by name is looked for: one statement"
    ),
    ", Day": MORE_OF_A_DAY,
    ", Today": MORE_OF_A_DAY,
    "staff API, slots": Exemption(
        ("blocks",), "the slots of the organisation in a week, and the index of those days", 3_000
    ),
    "staff API, bookings": Exemption(
        ("blocks",), "up to 1,000 of an organisation's bookings are counted, each in a block of its own", 2_000
    ),
    "large organisation's owner, Rescue": Exemption(
        ("blocks", "sorts"), "times of all its experts are looked through for those who lose theirs", 150_000
    ),
    "large organisation's owner": Exemption(
        ("blocks", "sorts", "reads experts_expert", "reads bookings_turnedaway", "more statements"),
        "the organisation grows with the site: a tenth of all experts",
        60_000,
    ),
    "sweep, clean-up": Exemption(("blocks", "reads bookings_waitlistentry", "reads bookings_booking"), "once an hour"),
    "sweep, horizons": Exemption(("blocks", "reads experts_expert"), "once an hour, each expert's row", 10_000),
}


def compare(small: Size, large: Size, *, only: str, most: float, note: Note) -> int:
    """Print a line for each look. Returns 1 if one of them costs more than it may, else 0."""
    costs = [_costs_in(size, only, note) for size in (small, large)]
    above = 0
    note(f"\n{'':48} {'statements':>11} {'blocks':>14} {'times':>6}")
    failed = []
    for name, before in costs[0].items():
        after = costs[1][name]
        faults = _faults(before, after, most)
        exemptions = [it for part, it in EXCEPTIONS.items() if part in name] + [OF_A_PAGE] * (name in LOOKS_OF_A_PAGE)
        too_much = [fault for fault in faults if not any(it.allows(fault, after) for it in exemptions)]
        ratio = after.blocks / max(before.blocks, 1)
        above += ratio > most
        mark = "" if not faults else "  TOO MUCH: " if too_much else "  (allowed) "
        statements = f"{before.statements} {after.statements}"
        found = "; ".join(too_much or faults)
        note(f"{name:48} {statements:>11} {before.blocks:6} {after.blocks:7} {ratio:6.2f}{mark}{found}")
        if too_much:
            failed.append(after.worst)
    note(f"\n{above} of {len(costs[0])} looks read more than {most} times as many blocks, however few they are.")
    note(f"{len(failed)} of {len(costs[0])} looks cost too much." if failed else "All looks cost what they may.")
    for exemption in dict.fromkeys([*EXCEPTIONS.values(), OF_A_PAGE]):
        upto = f", up to {exemption.most:,}" if exemption.most else ""
        note(f"Allowed: {exemption.why} ({', '.join(exemption.faults)}{upto})")
    return 1 if failed else 0


def _faults(before: Cost, after: Cost, most: float) -> list[str]:
    # As many rows put in order in either do not grow.
    faults = [it for it in dict.fromkeys(after.faults) if not (it.startswith("sorts") and it in before.faults)]
    if after.statements > before.statements:
        faults.append("more statements")
    if after.blocks > max(before.blocks * most, ENOUGH):
        faults.append("blocks")
    return faults


def _costs_in(size: Size, only: str, note: Note) -> dict[str, Cost]:
    note(f"\n{size}")
    _connect(f"size_{size.experts}_{size.slots}_{size.bookings}")
    call_command("migrate", verbosity=0)
    if not Expert.objects.exists():
        fill(size, note)
    costs = {}
    wanted = [(name, look) for name, look in looks() if only in name]
    for number, (name, look) in enumerate(wanted, 1):
        note(f"  {number}/{len(wanted)} {name}")
        costs[name] = cost_of(look)
    return costs


def _connect(name: str) -> None:
    """Have Django use another database of the server, made now if there is none of that name."""
    connection.close()
    connection.settings_dict["NAME"] = "postgres"
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if not cursor.rowcount:
            cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    connection.settings_dict["NAME"] = name
    PAGES.__init__(PAGES._most)  # type: ignore[misc]  # ids mean other rows now
