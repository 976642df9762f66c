"""Make a site of a backup again: in an empty database, in which nothing is sent until somebody lets it."""

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from bookingsite.copies import postgres
from bookingsite.copies.archive import Part, parts
from bookingsite.copies.backup import fingerprint


class NotEmptyError(Exception):
    """There is something in the database already."""


@dataclass
class Found:
    """What a backup holds, and for whom."""

    about: dict[str, Any] = field(default_factory=dict)
    pictures: int = 0
    has_another_key: bool = False


def check(path: Path) -> Found:
    """Read a backup to its end and say what is in it, without writing anything. Raises BrokenArchiveError."""
    found = Found()
    for part in parts(path, settings.BACKUP_KEY):
        _note(part, found)
    return found


def restore(path: Path, *, jobs: int = 1) -> Found:
    """Fill the site's empty database and its storage of pictures with what a backup holds.

    Nothing is sent from the restored database: that is written before any of its rows is there. Raises NotEmptyError,
    BrokenArchiveError with nothing written, and ProgramError; then drop the database, and begin again.
    """
    check(path)
    _must_be_empty()
    found = Found()
    with tempfile.NamedTemporaryFile(prefix="expertbook-restore-") as dump:  # readable by nobody else
        for part in parts(path, settings.BACKUP_KEY):
            _note(part, found)
            if part.kind == "piece":
                dump.write(part.content)
            elif part.kind == "picture" and not default_storage.exists(part.name):
                default_storage.save(part.name, ContentFile(part.content))
        dump.flush()
        options = ["--exit-on-error", "--no-owner", "--no-privileges"]
        at_once = [f"--jobs={jobs}"] if jobs > 1 else ["--single-transaction"]
        postgres.run("pg_restore", *options, "--section=pre-data", dump.name)
        _hold(found)
        postgres.run("pg_restore", *options, *at_once, "--section=data", dump.name)
        postgres.run("pg_restore", *options, *at_once, "--section=post-data", dump.name)
    with postgres.connect() as database:
        database.execute("ANALYZE")
    return found


def _note(part: Part, found: Found) -> None:
    if part.kind == "about":
        found.about = json.loads(part.content)
        found.has_another_key = found.about.get("secret_key") not in {
            fingerprint(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        }
    found.pictures += part.kind == "picture"


def _must_be_empty() -> None:
    with postgres.connect() as database:
        found = database.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p', 'v', 'S')"
        ).fetchone()
        name = database.info.dbname
    if found and found[0]:
        raise NotEmptyError(
            f"The database {name} is not empty. Restore into a new one: createdb, and let DATABASE_URL name it."
        )


def _hold(found: Found) -> None:
    """Before its rows: a worker that runs already finds the gate shut, and then what it could send."""
    why = f"This is a copy, restored from a backup of {found.about.get('made_at', 'an unknown time')}."
    with postgres.connect() as database:
        database.execute("INSERT INTO experts_sendingheld (id, why) VALUES (1, %s)", [why])
