import sys

from django.core.management.base import BaseCommand

from experts import services
from experts.management.progress import ProgressBar
from experts.models import Expert
from experts.selectors import behind_horizon


class Command(BaseCommand):
    help = (
        "Make the slots of weekly hours up to each expert's horizon, as the worker does each hour. It can be stopped at"
        " any time, and begun again."
    )

    def handle(self, **options):
        # Not self.stderr, which ends each piece of a line.
        bar = ProgressBar(behind_horizon(Expert.objects.active()).count(), options.get("stderr") or sys.stderr)
        try:
            done = services.extend_horizons(note=bar.show)
        finally:
            bar.close()
        self.stdout.write(f"{done.slots:,} slots for {done.experts:,} experts; {done.failed:,} failed (see the log).")
