from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bookingsite.copies.backup import make_backup
from bookingsite.copies.postgres import ProgramError


class Command(BaseCommand):
    help = "Write the database and all pictures into one file, encrypted if BACKUP_KEY is set. Prints where it is."
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("folder", nargs="?", type=Path, help="where to; BACKUP_DIR if not given")
        parser.add_argument("--keep", type=int, default=0, metavar="NUMBER", help="leave so many backups there")

    def handle(self, *, folder, keep, **options):
        try:
            made = make_backup(folder or settings.BACKUP_DIR, keep=keep)
        except ProgramError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The backup could not be written: {error.strerror or error}.") from error
        how = "encrypted" if made.is_encrypted else "not encrypted, as BACKUP_KEY is not set"
        self.stdout.write(f"{made.file}: {made.size:,} bytes, {how}; {made.pictures} pictures; {made.seconds} s.")
        self.stdout.write("Keep a copy on another machine, and the settings (SECRET_KEY, BACKUP_KEY) somewhere else.")
