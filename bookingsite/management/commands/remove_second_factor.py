from django.core.management.base import BaseCommand, CommandError, CommandParser

from experts.models import User
from experts.services import end_sessions


class Command(BaseCommand):
    """For somebody who has lost phone, passkeys and recovery codes, once you know that it is them who asks."""

    help = "Remove somebody's authenticator app, passkeys and recovery codes, and log them out everywhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: str, **options: str) -> None:
        user = User.objects.filter(email=options["email"]).first()
        if user is None:
            raise CommandError("There is no account with this address.")
        removed, _each = user.authenticator_set.all().delete()
        end_sessions(user_id=user.pk)
        self.stdout.write(f"Removed {removed}. They log in with the password alone, and can set up new ones.")
