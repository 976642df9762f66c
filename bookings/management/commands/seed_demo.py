import sys
import time
from argparse import ArgumentTypeError

from django.core.management.base import BaseCommand

from bookings import demo
from experts.management.progress import ProgressBar

MOST_EXPERTS = 100_000


def number_of_experts(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_EXPERTS):
        raise ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_EXPERTS}")
    return int(text)


class Command(BaseCommand):
    help = "Fill an empty site with demo data: the same for everybody on the same day. Does nothing on a site in use."

    def add_arguments(self, parser):
        parser.add_argument("--experts", type=number_of_experts, default=60, metavar="N", help="60 if not given")

    def handle(self, *, experts: int, verbosity: int = 1, **options):
        began = time.monotonic()
        # Fewer are there in a few seconds.
        bar = ProgressBar(experts, options.get("stderr") or sys.stderr) if verbosity and experts >= 200 else None
        try:
            made = demo.plant(experts=experts, **({"note": bar.show} if bar else {}))
        except demo.NotEmpty:
            self.stdout.write("There are organisations already: no demo data added.")
            return
        if bar:
            bar.close()
        self.stdout.write(
            f"Demo data: {made.organizations} organisations, {made.categories} categories, {made.experts:,} experts,"
            f" {made.slots:,} slots, {made.bookings:,} bookings in {time.monotonic() - began:.1f} s."
        )
