"""Do the same looks in a small database and in a large one, and compare what PostgreSQL did for them."""

from collections.abc import Callable

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
ENOUGH = 1000

# Looks that may cost more where there is more, by a part of their names, and why.
EXCEPTIONS = {
    ", last page": "the last page lies behind 1,000 experts where there are many, else behind 100",
    "search, a": "a word that thousands share: as many are read as may be named in a statement",
    "tomorrow, name": "by name on a day: experts are asked in the order of names until enough are free then",
    "a frequent language": "as many experts are read as may be named in a statement",
    "morning, name": "by name at some time: experts are asked in the order of names until enough are free then",
    "in an evening": "at an hour that few offer: slots at other hours are passed over, one by one",
    "sweep, overdue": "as much as there is to do",
    "sweep, finished": "as much as there is to do: bookings that are to take place, once an hour",
    "sweep, waited for": "as much as there is to do: who waits",
    "sweep, clean-up": "once an hour",
    "sweep, horizons": "once an hour, each expert's row",
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
        excuse = next((why for part, why in EXCEPTIONS.items() if part in name), "")
        ratio = after.blocks / max(before.blocks, 1)
        above += ratio > most
        mark = "" if not faults else "  (allowed) " if excuse else "  TOO MUCH: "
        statements = f"{before.statements} {after.statements}"
        note(f"{name:48} {statements:>11} {before.blocks:6} {after.blocks:7} {ratio:6.2f}{mark}{'; '.join(faults)}")
        if faults and not excuse:
            failed.append(after.worst)
    note(f"\n{above} of {len(costs[0])} looks read more than {most} times as many blocks, however few they are.")
    note(f"{len(failed)} of {len(costs[0])} looks cost too much." if failed else "All looks cost what they may.")
    for why in dict.fromkeys(EXCEPTIONS.values()):
        note(f"Allowed: {why}")
    return 1 if failed else 0


def _faults(before: Cost, after: Cost, most: float) -> list[str]:
    faults = list(dict.fromkeys(after.faults))
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
