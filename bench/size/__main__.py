"""How much more a look costs when there is much more to look at. From the checkout's root:

    .venv/bin/python -m bench.size                              100,000 experts, 10 million slots, 3 million bookings
    EXPERTS=10000 SLOTS=1000000 BOOKINGS=300000 .venv/bin/python -m bench.size
    ONLY=discovery .venv/bin/python -m bench.size               those whose name has the word in it
    OLD=16 .venv/bin/python -m bench.size                       the same experts and future, with 16 times the past
    KEEP=on .venv/bin/python -m bench.size                      leave the data for the next run

Fills two databases on a server of its own, or on that of DATABASE_URL, with 100 experts and with many; does the same
looks in both; prints for each how many statements it took, how many blocks they read, and what in their plans grows
with the tables. Ends with 1 when a look takes more statements in the large database than in the small one, reads more
than MOST times as many blocks and more than ENOUGH, reads a growing table from end to end or sorts more than a page,
unless EXCEPTIONS says why it has to (bench/size/compare.py).
"""

import os
import shutil
import sys
import time

from bench.stage import SETTINGS
from bookingsite import startup
from bookingsite.devserver import servers
from bookingsite.devserver.paths import place

SMALL_EXPERTS = 100
MOST = 1.3  # times the blocks


def main() -> int:
    where, keep = place(name="size"), bool(os.environ.get("KEEP"))
    try:
        note = "A measurement of sizes is running."
        with servers.running(where, environ=os.environ, durable=False, note=note) as embedded:
            os.environ.update(SETTINGS | embedded.urls | {"EMAIL_URL": "memory:", "DATABASE_POOL": "0"})
            os.environ.update({"DEBUG": "on", "RATE_LIMITS": "off"})  # static files by their plain names
            import django

            django.setup()

            from django.conf import settings

            settings.DEBUG = False  # else nothing is kept, and Django would remember each query
            from bench.size.compare import compare
            from bench.size.fill import Size

            experts = int(os.environ.get("EXPERTS") or 100_000)
            slots = int(os.environ.get("SLOTS") or 10_000_000)
            bookings = int(os.environ.get("BOOKINGS") or 3_000_000)
            large = Size(experts, slots, bookings)
            each, share = slots // experts, bookings / slots
            small = Size(SMALL_EXPERTS, SMALL_EXPERTS * each, round(SMALL_EXPERTS * each * share))
            if times := int(os.environ.get("OLD") or 0):
                small, large = large, large.with_history(times)
            return compare(small, large, only=os.environ.get("ONLY", ""), most=MOST, note=say)
    finally:
        if not keep:
            for folder in (where.sockets, where.folder):
                shutil.rmtree(folder, ignore_errors=True)


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    started = time.monotonic()
    with startup.one_line_errors():
        code = main()
    say(f"{time.monotonic() - started:.0f} s")
    sys.exit(code)
