"""What lies around the data: settings, clocks, connections, disks, the mail server, Valkey, time zone data, backups."""

import os
import shutil
import smtplib
import time
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import redis
from django.conf import settings
from django.core import checks
from django.core.files.storage import default_storage
from django.core.mail import get_connection
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.utils import timezone
from dotenv import dotenv_values

from bookings.selectors import operations
from bookings.services.zone_updates import update_time_zones
from bookingsite import health
from bookingsite.doctor.findings import Finding, note, well, wrong
from experts import sending
from experts.models import Expert, SendingHeld
from experts.outages import cause_of
from experts.selectors import last_backup
from experts.timezones import offset_at
from experts.valkey import connection_pool

OLDEST_POSTGRESQL = 14
CLOCKS_DIFFER = 2.0  # seconds
LEAST_FREE, LEAST_SHARE = 1 << 30, 0.05  # bytes, and of the disk
OWN_TO_A_WORKER = 8  # connections beside the pool
BY_HAND = 5  # connections that backups, `psql` and commands like this one want


def of_settings(_fix: bool) -> Iterator[Finding]:
    found = [it for it in checks.run_checks(include_deployment_checks=not settings.DEBUG) if not it.is_silenced()]
    for it in found:
        yield wrong(f"{it.id}: {it.msg}", it.hint or "See `manage.py check --deploy`.")
    if settings.DEBUG:
        yield note("DEBUG is on: this is a laptop.", "Never on a machine that others reach.")
    elif settings.HTTPS and not settings.SITE_URL.startswith("https://"):
        yield wrong(f"SITE_URL is {settings.SITE_URL}: links in mails do not begin with https.", "Set SITE_URL.")
    if not found:
        yield well(f"Settings pass `manage.py check{'' if settings.DEBUG else ' --deploy'}`.")


def of_clocks(_fix: bool) -> Iterator[Finding]:
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        [(theirs,)] = cursor.fetchall()
    yield _clock("PostgreSQL", float(theirs), before, time.time())
    try:
        before = time.time()
        seconds, micros = _valkey().time()
    except redis.RedisError:
        return  # `valkey` says so
    yield _clock("Valkey", seconds + micros / 1e6, before, time.time())


def _clock(name: str, theirs: float, before: float, after: float) -> Finding:
    apart = theirs - (before + after) / 2
    if abs(apart) - (after - before) / 2 > CLOCKS_DIFFER:
        text = f"The clock of {name} is {abs(apart):.1f} s {'ahead of' if apart > 0 else 'behind'} this machine's."
        return wrong(text, "Set both by NTP (`timedatectl set-ntp true`): holds and links end by these clocks.")
    return well(f"The clock of {name} agrees with this machine's to {max(abs(apart), 0.001):.3f} s.")


def of_postgresql(_fix: bool) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_version'),"
            " pg_encoding_to_char(encoding), (SELECT count(*) FROM pg_extension WHERE extname = 'plpgsql'),"
            " (SELECT count(*) FROM pg_ts_config WHERE cfgname = 'simple'), pg_is_in_recovery()"
            " FROM pg_database WHERE datname = current_database()"
        )
        [(major, said, encoding, plpgsql, simple, is_replica)] = cursor.fetchall()
    if major < OLDEST_POSTGRESQL:
        yield wrong(f"PostgreSQL {said} is too old.", f"Use PostgreSQL {OLDEST_POSTGRESQL} or newer.")
    if encoding != "UTF8":
        yield wrong(f"The database is in {encoding}.", "Make one with ENCODING 'UTF8', and restore a backup into it.")
    if not plpgsql:
        yield wrong("The extension plpgsql is missing: triggers need it.", "As a superuser: CREATE EXTENSION plpgsql.")
    if not simple:
        yield wrong("The text search configuration “simple” is missing.", "Restore it from template0.")
    if is_replica:
        yield wrong("DATABASE_URL leads to a replica.", "Name the primary, or promote this one.")
    yield well(f"PostgreSQL {said}, {encoding}; no extension is needed but plpgsql.")


def of_connections(_fix: bool) -> Iterator[Finding]:
    web = int(os.environ.get("WEB_CONCURRENCY") or 2)
    threads = int(os.environ.get("WEB_THREADS") or 64)
    each = _pool() or threads
    wanted = (web + 3) * each + 2 * OWN_TO_A_WORKER
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
            " - coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::int,"
            " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
        )
        [(allowed, open_now)] = cursor.fetchall()
    words = f"{web} web processes, live, worker and webhooks may open {wanted} connections"
    if wanted + BY_HAND > allowed:
        fits = max(1, (allowed - BY_HAND - 2 * OWN_TO_A_WORKER) // (web + 3))
        yield wrong(
            f"{words}; PostgreSQL lets in {allowed}, and {BY_HAND} are for what is run by hand.",
            f"Set DATABASE_POOL to {fits} or less, or raise max_connections to {wanted + BY_HAND + 3} or more.",
        )
    else:
        yield well(f"{words} of {allowed}; {open_now} are open now.")


def _pool() -> int:
    """Return DATABASE_POOL as the processes of the site have it: manage.py takes another for commands."""
    if "POOL_OF_COMMANDS" not in os.environ:
        return settings.DATABASE_POOL
    values = dotenv_values(os.environ.get("ENV_FILE", settings.BASE_DIR / ".env"))
    return int(values.get("DATABASE_POOL") or settings.USUAL_DATABASE_POOL)


def of_migrations(_fix: bool) -> Iterator[Finding]:
    missing, unknown = health.missing_migrations(), health.unknown_migrations()
    if missing:
        yield wrong(f"{len(missing)} migrations are not applied: {', '.join(missing[:3])}.", "Run `manage.py migrate`.")
    if unknown:
        yield wrong(
            f"The database is newer than this code: it has {', '.join(unknown[:3])}.", "Start the newer version."
        )
    if not missing and not unknown:
        yield well("All migrations are applied.")


def of_disks(_fix: bool) -> Iterator[Finding]:
    if settings.MEDIA_S3_URL:
        try:
            default_storage.listdir("logos")
        except OSError as error:
            yield wrong(
                f"Pictures cannot be read or stored. {error}.", "Check MEDIA_S3_URL, and the rights of its key."
            )
        else:
            yield well("The bucket of pictures answers.")
    places = {} if settings.MEDIA_S3_URL else {"pictures": settings.MEDIA_ROOT}
    places |= {"backups": settings.BACKUP_DIR, "temporary files": "/tmp"}
    for name, place in places.items():
        folder = Path(place)
        while not folder.exists():
            folder = folder.parent
        disk = shutil.disk_usage(folder)
        words = f"{disk.free / (1 << 30):.1f} GB free for {name} ({folder})"
        if disk.free < max(LEAST_FREE, LEAST_SHARE * disk.total):
            yield wrong(f"Only {words}.", "Make room, or move it to a larger disk.")
        else:
            yield well(f"{words}.")
        if name == "pictures" and folder == Path(place) and not os.access(folder, os.W_OK):
            yield wrong(f"{folder} cannot be written.", "Let it belong to the user who runs the site.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        [(size,)] = cursor.fetchall()
    yield from _of_its_disks(f"The database has {size / (1 << 20):,.0f} MB.")


def _of_its_disks(size: str) -> Iterator[Finding]:
    """Try to write a megabyte where the database has its tables: how full a disk is, only its own machine knows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT spcname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " JOIN pg_database ON datname = current_database() JOIN pg_tablespace"
            " ON pg_tablespace.oid = coalesce(nullif(reltablespace, 0), dattablespace)"
            " WHERE nspname = 'public' AND relkind = 'r' ORDER BY spcname"
        )
        names = [name for (name,) in cursor.fetchall()]
    full = []
    for name in names:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    f"CREATE TEMP TABLE room TABLESPACE {connection.ops.quote_name(name)} AS"
                    " SELECT repeat('x', 1000) FROM generate_series(1, 1000)"
                )
                cursor.execute("DROP TABLE room")
        except ProgrammingError:
            continue  # tables were put there by somebody who has more rights
        except OperationalError as error:
            full.append(f"“{name}”: {cause_of(error)}")
    if full:
        yield wrong(
            f"Nothing can be written to the tablespace {', '.join(full)}.",
            "Make room on PostgreSQL's disk (`df -h`): old logs, backups. It goes on by itself.",
        )
    else:
        yield well(f"{size} A megabyte more can be written.")


def of_mail(_fix: bool) -> Iterator[Finding]:
    if held := SendingHeld.objects.first():
        yield wrong(
            f"{held.why} No mail and no webhook leaves.", "If people are to be written to: `manage.py restore --send`."
        )
    backend = settings.EMAIL_BACKEND.rsplit(".", 2)[-2]
    if backend != "smtp":
        words = f"Mails go to “{backend}”."
        yield (
            well(words)
            if backend.startswith("anymail") or settings.EMAIL_SERVICE
            else note(f"{words} Nobody gets one.", "Set EMAIL_URL or EMAIL_SERVICE.")
        )
        return
    where = f"The mail server {settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    server = get_connection(timeout=5)
    try:
        server.open()
        server.close()
    except (OSError, smtplib.SMTPException) as error:
        yield wrong(f"{where} cannot be used ({type(error).__name__}).", "Check EMAIL_URL. Mails wait until it can.")
    else:
        yield well(f"{where} lets us in.")


def of_valkey(_fix: bool) -> Iterator[Finding]:
    try:
        client = _valkey()
        began = time.monotonic()
        client.ping()
        took = time.monotonic() - began
        memory, server = client.info("memory"), client.info("server")
    except redis.RedisError as error:
        yield wrong(
            f"Valkey does not answer ({type(error).__name__}): booking goes on, pages change late.", "Check REDIS_URL."
        )
        return
    name = "Valkey" if "valkey_version" in server else "Redis"
    if memory.get("maxmemory") and memory["used_memory"] > 0.9 * memory["maxmemory"]:
        yield wrong(f"{name} has used 90% of its memory.", "Raise maxmemory.")
    yield well(f"{name} {server.get('valkey_version') or server.get('redis_version')} answers in {took * 1000:.1f} ms.")


def of_workers(_fix: bool) -> Iterator[Finding]:
    signs = operations.worker_signs()
    alive = sum(not sign.is_silent for sign in signs)
    if idle := operations.queues_without_worker(signs):
        yield wrong(f"Nobody works: {', '.join(idle)}.", "Start `worker` and `webhooks` (Procfile).")
    else:
        yield well(f"{alive} workers give signs of life.")
    held = sending.is_held()
    for queue in operations.queues_waiting():
        if health.is_late(queue) and not (held and queue.name == "outbox"):
            yield wrong(
                f"{queue.waiting} wait in “{queue.name}”, the first for {queue.age / 60:.0f} minutes.",
                "Is a worker of it running, and does it reach the mail server and receivers of webhooks?",
            )
    if failed := operations.count_failed_jobs():
        yield note(f"{failed} jobs have failed for good.", "Look at them in the admin; they are deleted after 30 days.")


def of_time_zones(_fix: bool) -> Iterator[Finding]:
    names = list(Expert.objects.order_by("timezone").values_list("timezone", flat=True).distinct())
    unknown = [name for name in names if not _is_known(name)]
    if unknown:
        yield wrong(f"This machine has no data about {', '.join(unknown[:5])}.", "Install tzdata.")
    known = [name for name in names if name not in unknown]
    moved = sum(found.slots + len(found.left) for found in update_time_zones(writes=False)) if not unknown else 0
    if moved:
        yield wrong(
            f"{moved} slots are not at the instants that their clocks mean by the present rules.",
            "Run `manage.py update_time_zones` (docs/operations.md).",
        )
    if differs := [name for name in known if _differs_in_postgresql(name)]:
        yield note(
            f"PostgreSQL has other rules for {', '.join(differs[:5])}.", "Update its machine's tzdata, or PostgreSQL."
        )
    yield well(f"Time zone data: {tz_version()}; {len(known)} zones in use.")


def tz_version() -> str:
    """Return where rules of time zones are read from, and of which version they are."""
    for folder in zoneinfo.TZPATH:
        if Path(folder, "UTC").exists():
            for name in ("tzdata.zi", "+VERSION"):
                if (file := Path(folder, name)).exists():
                    with file.open() as lines:
                        return f"{lines.readline().removeprefix('# version').strip()} in {folder}"
            return f"in {folder}"
    return f"the package tzdata, {version('tzdata')}"


def _is_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return False
    return True


def _differs_in_postgresql(name: str) -> bool:
    """Whether some day of the next two years has another offset there."""
    zone, first = ZoneInfo(name), datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_timezone_names WHERE name = %s", [name])
        if not cursor.fetchall()[0][0]:
            return True
        cursor.execute(
            "SELECT extract(epoch FROM ((at AT TIME ZONE %s) - (at AT TIME ZONE 'UTC')))::int"
            " FROM generate_series(%s, %s + interval '730 days', interval '1 day') AS at",
            [name, first, first],
        )
        theirs = [seconds for (seconds,) in cursor.fetchall()]
    days = (first + timedelta(days=number) for number in range(len(theirs)))
    return any(int(offset_at(zone, day).total_seconds()) != seconds for day, seconds in zip(days, theirs, strict=True))


def of_backups(_fix: bool) -> Iterator[Finding]:
    last = last_backup()
    if last is None:
        yield note("There is no backup that this database knows of.", "Run `manage.py backup` each night.")
    elif timezone.now() - last.finished_at > health.BACKUP_EVERY:
        hours = int((timezone.now() - last.finished_at).total_seconds() // 3600)
        yield wrong(f"The last backup is {hours} hours old.", "Is expertbook-backup.timer running? `manage.py backup`")
    else:
        how = "encrypted" if last.is_encrypted else "not encrypted"
        yield well(f"The last backup, {last.size / (1 << 20):,.1f} MB, {how}: {last.file}")


def _valkey() -> redis.Redis:
    return redis.Redis(connection_pool=connection_pool(settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3))
