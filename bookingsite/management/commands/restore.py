from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from bookingsite.copies.archive import BrokenArchiveError
from bookingsite.copies.postgres import ProgramError
from bookingsite.copies.restore import NotEmptyError, check, restore
from experts.services import hold_sending, let_send


class Command(BaseCommand):
    help = (
        "Fill an empty database and the pictures from a backup. Mails and webhooks are held until --send lets them go."
    )
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("file", nargs="?", type=Path, help="that `manage.py backup` has written")
        parser.add_argument("--check", action="store_true", help="only read it, to its end, and say what it is")
        parser.add_argument("--jobs", type=int, default=1, metavar="NUMBER", help="tables that are filled at once")
        parser.add_argument("--send", action="store_true", help="of a restored database: let mails and webhooks go")
        parser.add_argument("--hold", action="store_true", help="let nothing be sent, of a copy made in another way")

    def handle(self, *, file, check: bool, jobs: int, send: bool, hold: bool, **options):
        if [file is not None, send, hold].count(True) != 1:
            raise CommandError("Give a file, or --send, or --hold.")
        if send:
            was_held = let_send()
            self.stdout.write("What waited is being sent." if was_held else "Nothing was held.")
        elif hold:
            hold_sending(why="An operator lets nothing be sent.")
            self.stdout.write("No mail and no webhook leaves until `manage.py restore --send`.")
        else:
            self._restore(file, only_check=check, jobs=jobs)

    def _restore(self, file: Path, *, only_check: bool, jobs: int) -> None:
        try:
            found = check(file) if only_check else restore(file, jobs=jobs)
        except (BrokenArchiveError, NotEmptyError, ProgramError) as error:
            raise CommandError(str(error)) from error
        about = found.about
        self.stdout.write(
            f"{file} is whole: of {about.get('site')}, {about.get('made_at')},"
            f" PostgreSQL {about.get('postgresql')}, {found.pictures} pictures."
        )
        if found.has_another_key:
            self.stdout.write(
                "SECRET_KEY is another one than when it was made: links in mails that were sent will not work, and"
                " nobody stays logged in. Set the one that belongs to it, here or in SECRET_KEY_FALLBACKS."
            )
        if not only_check:
            self.stdout.write(
                "Restored. Run `manage.py migrate` and `manage.py doctor`. No mail and no webhook leaves until"
                " `manage.py restore --send`."
            )
