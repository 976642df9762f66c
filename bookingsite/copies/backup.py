"""Make a backup: the database as it was at one moment, and the pictures that it names, in one file."""

import hashlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from bookingsite.copies import postgres
from bookingsite.copies.archive import Writer
from experts.models import Backup
from experts.services import record_backup

NAME = re.compile(r"expertbook-\d{8}T\d{6}Z\.(?:tar|sealed)")
# A copy decides for itself whether it sends (experts/sending.py).
NOT_COPIED = "experts_sendingheld"


def make_backup(folder: Path, *, keep: int = 0) -> Backup:
    """Write a backup into the folder, and note that it is there. Returns its row.

    Encrypted where BACKUP_KEY is set. With ``keep`` only so many of the newest backups are left in the folder, once
    the new one is whole. Raises ProgramError and OSError; nothing half-made is left then.
    """
    began, now = time.monotonic(), timezone.now()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"expertbook-{now:%Y%m%dT%H%M%SZ}.{'sealed' if settings.BACKUP_KEY else 'tar'}"
    unfinished = path.with_name(f"{path.name}.unfinished")
    applied = MigrationRecorder.Migration.objects
    about = {
        "format": 1,
        "made_at": now.isoformat(),
        "site": settings.SITE_URL,
        "postgresql": postgres.server_version(),
        "migrations": sorted(f"{app}.{name}" for app, name in applied.values_list("app", "name")),
        "secret_key": fingerprint(settings.SECRET_KEY),
    }
    try:
        with open(unfinished, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            archive = Writer(file, settings.BACKUP_KEY, about)
            # Before and after: what the database names at the moment of the dump was there before, or has come since.
            taken = set(_add_pictures(archive, set()))
            _add_dump(archive)
            taken |= set(_add_pictures(archive, taken))
            archive.finish()
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    row = record_backup(
        file=str(path.absolute()),
        size=path.stat().st_size,
        seconds=round(time.monotonic() - began),
        pictures=len(taken),
        is_encrypted=bool(settings.BACKUP_KEY),
    )
    if keep:
        for old in sorted((it for it in folder.iterdir() if NAME.fullmatch(it.name)), reverse=True)[keep:]:
            old.unlink()
    return row


def fingerprint(key: str) -> str:
    """Return what tells one SECRET_KEY from another, and nothing of it."""
    return hashlib.sha256(b"expertbook, which key: " + key.encode()).hexdigest()[:16]


def stored_pictures() -> Iterator[str]:
    """Yield the names of all photos and logos that are stored."""
    for room in ("experts", "logos"):
        try:
            owners, _files = default_storage.listdir(room)
        except FileNotFoundError:
            continue
        for owner in owners:
            for name in default_storage.listdir(f"{room}/{owner}")[1]:
                yield f"{room}/{owner}/{name}"


def _add_pictures(archive: Writer, taken: set[str]) -> Iterator[str]:
    for name in stored_pictures():
        if name in taken:
            continue
        try:
            with default_storage.open(name) as file:
                content = file.read()
        except FileNotFoundError:  # replaced at this moment
            continue
        archive.add_picture(name, content)
        yield name


def _add_dump(archive: Writer) -> None:
    arguments = ["--format=custom", "--no-owner", "--no-privileges", f"--exclude-table-data=public.{NOT_COPIED}"]
    with postgres.start("pg_dump", *arguments, stdout=subprocess.PIPE) as process:
        archive.add_dump(process.stdout)  # type: ignore[arg-type]  # it is piped
        said = process.stderr.read() if process.stderr else b""
    postgres.must_have_succeeded("pg_dump", process.returncode, said)
