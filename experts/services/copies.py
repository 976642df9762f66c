"""Write down what is known of copies of the database."""

from experts.locking import slot_transaction
from experts.models import Backup, SendingHeld


def record_backup(*, file: str, size: int, seconds: int, pictures: int, is_encrypted: bool) -> Backup:
    """Write down that a backup is finished. ``size`` in bytes, ``seconds`` that it took. Keeps the last 500."""
    backup = Backup.objects.create(file=file, size=size, seconds=seconds, pictures=pictures, is_encrypted=is_encrypted)
    backup.refresh_from_db()
    old = list(Backup.objects.values_list("pk", flat=True)[500:1000])
    Backup.objects.filter(pk__in=old).delete()
    return backup


def hold_sending(*, why: str) -> None:
    """Let nothing be sent to anybody from now on: no mail, no webhook. What is due waits."""
    with slot_transaction():
        SendingHeld.objects.get_or_create(pk=1, defaults={"why": why[:200]})


def let_send() -> bool:
    """Let what waits be sent, and all that follows. Returns whether it was held."""
    with slot_transaction():
        return bool(SendingHeld.objects.all().delete()[0])
