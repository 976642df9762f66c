import json
import sys

from django.core.management.base import BaseCommand

from bookingsite.doctor.examine import CHECKS, examine
from bookingsite.doctor.findings import Level

MARKS = {Level.WELL: "ok   ", Level.NOTE: "note ", Level.WRONG: "WRONG"}


class Command(BaseCommand):
    help = "Look at everything that the site stands on. Ends with 1 if anything is wrong, and says what to do about it."
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("--fix", action="store_true", help="mend what can be mended safely")
        parser.add_argument("--json", action="store_true", help="one object, for programs")
        parser.add_argument(
            "--only", action="append", default=[], choices=[check.name for check in CHECKS], help="look at this alone"
        )

    def handle(self, *, fix: bool, only: list[str], **options):
        found = []
        for name, finding in examine(fix=fix, only=frozenset(only)):
            found.append({"check": name, "level": finding.level.value, "text": finding.text, "do": finding.do})
            if not options["json"]:
                self.stdout.write(f"{MARKS[finding.level]}  {name:<12}  {finding.text}")
                if finding.do:
                    self.stdout.write(f"{'':21}-> {finding.do}")
        bad = sum(it["level"] == Level.WRONG.value for it in found)
        if options["json"]:
            self.stdout.write(json.dumps({"is_well": not bad, "findings": found}, indent=1))
        else:
            self.stdout.write("All is well." if not bad else f"{bad} things are wrong.")
        if bad:
            sys.exit(1)
