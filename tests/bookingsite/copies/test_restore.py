"""A backup is a whole site: restored, every table is as it was, and nobody hears anything from it until told."""

import io
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from PIL import Image
from psycopg import sql

from bookings.models import OutboxMail, Status
from bookings.models.webhook import EventType
from bookings.webhooks.events import booking_events, queue_webhooks
from bookingsite.copies import postgres
from bookingsite.copies.archive import Writer
from bookingsite.copies.backup import NAME, make_backup
from bookingsite.devserver import paths
from experts import services
from experts.models import Backup, SendingHeld
from experts.selectors import last_backup
from tests.cast import book, make_booking, make_expert, make_slot, make_webhook
from tests.database import address_of, an_empty_one
from tests.live import site_environ
from tests.receiver import Receiver
from tests.smtp import MailServer

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "a-key-of-the-tests-0123456789-abcdefghijklmnop"


@pytest.fixture
def copy(worker_database):
    """An empty database beside that of the tests."""
    with an_empty_one(f"{worker_database}-copy") as name:
        yield name


@pytest.fixture
def manage(copy, tmp_path):
    """Run a command of manage.py on the copy, which has a place for pictures of its own. Returns how it ended."""

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=paths.BASE_DIR,
            env=site_environ(copy) | {"MEDIA_ROOT": str(tmp_path / "media of the copy")} | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(autouse=True)
def _pictures_of_its_own(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def sealed_by_key(settings):
    settings.BACKUP_KEY = KEY


def everything(database: str) -> dict[str, object]:
    """What a database holds: rows and sequences by name, and how columns, constraints, indexes and triggers are.

    Constraints and indexes by name only, as PostgreSQL puts the same condition in other words after a restore.
    """
    with psycopg.connect(address_of(database), autocommit=True) as server:
        tables = [
            name
            for (name,) in server.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
            ).fetchall()
        ]
        rows: dict[str, object] = {
            name: server.execute(
                sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(name))
            ).fetchall()
            for name in tables
        }
        for kind, question in {
            "sequences": "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'",
            "columns": "SELECT table_name, column_name, data_type, column_default, is_nullable"
            " FROM information_schema.columns WHERE table_schema = 'public'",
            "constraints": "SELECT conrelid::regclass::text, conname, contype, convalidated, condeferrable"
            " FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
            "indexes": "SELECT indexrelid::regclass::text, indrelid::regclass::text, indisunique, indisvalid"
            " FROM pg_index JOIN pg_class ON pg_class.oid = indrelid"
            " WHERE relnamespace = 'public'::regnamespace",
            "triggers": "SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal",
            "functions": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'",
            "how it is kept": "SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace",
        }.items():
            rows[kind] = sorted(server.execute(question).fetchall(), key=repr)
    return rows


def a_busy_site():
    """One with a photo, bookings of all kinds, with a mail and a webhook on their way."""
    expert = make_expert()
    photo = io.BytesIO()
    Image.new("RGB", (300, 300), (20, 90, 160)).save(photo, "JPEG")
    photo.seek(0)
    services.set_photo(expert_id=expert.pk, file=photo)
    make_webhook(expert.organization, url="http://127.0.0.1:1/hook")
    booked = book(make_slot(expert, at="09:00"))
    for at, status in (("10:00", Status.CANCELLED), ("11:00", Status.NO_SHOW), ("12:00", Status.PENDING)):
        make_booking(make_slot(expert, at=at), status=status)
    queue_webhooks(booking_events(booked, EventType.BOOKING_CREATED))
    expert.refresh_from_db()
    return expert, booked


def test_a_restored_site_is_the_same_in_every_table(sealed_by_key, worker_database, manage, copy, tmp_path):
    expert, _booked = a_busy_site()
    before = everything(worker_database)
    made = make_backup(tmp_path / "backups")
    assert last_backup() == made
    assert (made.is_encrypted, made.pictures) == (True, 3)
    content = Path(made.file).read_bytes()
    assert made.size == len(content)
    assert Path(made.file).stat().st_mode & 0o777 == 0o600

    restored = manage("restore", made.file, BACKUP_KEY=KEY)
    assert restored.returncode == 0, restored.stderr
    after = everything(copy)
    assert after.pop("experts_sendingheld"), "nothing is sent from a copy"
    assert before.pop("experts_sendingheld") == []
    assert len(before) > 60
    assert {name for name in before if before[name] != after[name]} == set()
    assert before.keys() == after.keys()
    with default_storage.open(expert.photo.name) as file:
        assert (tmp_path / "media of the copy" / expert.photo.name).read_bytes() == file.read()
    assert manage("migrate", "--check").returncode == 0

    again = manage("restore", made.file, BACKUP_KEY=KEY)
    assert again.returncode == 1
    assert f"The database {copy} is not empty" in again.stderr
    assert everything(copy).keys() == after.keys() | {"experts_sendingheld"}


def test_nobody_hears_from_a_copy_until_an_operator_says_so(worker_database, manage, copy, tmp_path):
    a_busy_site()
    assert OutboxMail.objects.count() == 1
    made = make_backup(tmp_path / "backups")
    server = MailServer()
    with Receiver() as receiver:
        hook = ["UPDATE bookings_webhookendpoint SET url = %s", [receiver.url]]
        assert manage("restore", made.file).returncode == 0
        with psycopg.connect(address_of(copy), autocommit=True) as database:
            database.execute(*hook)
            database.execute("UPDATE bookings_outboxmail SET due_at = now()")
        around = {"EMAIL_URL": server.url, "WEBHOOKS_ALLOW_PRIVATE": "on"}
        waits = "SELECT count(*) FROM bookings_outboxmail"

        def work():
            done = manage("worker", "--one-shot", **around)
            assert done.returncode == 0, done.stderr

        work()
        with psycopg.connect(address_of(copy), autocommit=True) as database:
            [(waiting,)] = database.execute(waits).fetchall()
            assert waiting == 1
            assert (server.connections, receiver.received) == (0, [])
            due = "SELECT DISTINCT status, attempts FROM bookings_webhookdelivery"
            assert database.execute(due).fetchall() == [("waiting", 0)], "put off, and not counted"
            # As when five minutes have gone by.
            database.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'")
        let = manage("restore", "--send")
        assert "What waited is being sent." in let.stdout
        work()
        with psycopg.connect(address_of(copy), autocommit=True) as database:
            assert database.execute(waits).fetchall() == [(0,)]
        assert len(server.taken) == 1
        assert len(receiver.received) >= 1
    server.stop()
    assert "Nothing was held." in manage("restore", "--send").stdout


@pytest.mark.parametrize("what", ["no key", "another key", "cut", "no backup", "no end"])
def test_what_cannot_be_read_whole_changes_nothing(settings, sealed_by_key, what, tmp_path, copy):
    file = tmp_path / "a backup"
    if what == "no end":
        settings.BACKUP_KEY = ""
        with file.open("wb") as out:
            Writer(out, "", {})._tar.close()
    elif what == "no backup":
        file.write_bytes(b"PGDMP and so on")
    else:
        with file.open("wb") as out:
            writer = Writer(out, KEY, {})
            writer.add_picture("experts/1/abc-96.webp", b"x" * 3_000_000)
            writer.finish()
        if what == "cut":
            os.truncate(file, file.stat().st_size - 40)
        settings.BACKUP_KEY = {"no key": "", "another key": KEY[::-1]}.get(what, KEY)
    words = {"no key": "Set BACKUP_KEY", "no backup": "is no backup", "no end": "is not whole"}
    with pytest.raises(CommandError, match=words.get(what, "another BACKUP_KEY, or is not as it was written")):
        call_command("restore", file, "--check")


def test_pictures_with_other_names_than_ours_are_left_where_they_are(tmp_path, settings, copy, manage):
    file = tmp_path / "a backup"
    with file.open("wb") as out:
        writer = Writer(out, "", {})
        writer.add_picture("../../etc/passwd", b"x")
        writer.add_picture("experts/1/../../../x.webp", b"x")
        writer.finish()
    with pytest.raises(CommandError, match="is not whole"):
        call_command("restore", file, "--check")


def test_only_the_newest_are_kept_and_nothing_else_is_touched(tmp_path):
    (tmp_path / "expertbook-20200101T000000Z.tar").write_text("old")
    (tmp_path / "expertbook-20200102T000000Z.sealed").write_text("old")
    (tmp_path / "mine.tar").write_text("somebody else's")
    make_backup(tmp_path, keep=2)
    left = {path.name for path in tmp_path.iterdir()}
    assert "mine.tar" in left
    assert sorted(name for name in left if NAME.fullmatch(name))[0] == "expertbook-20200102T000000Z.sealed"
    assert len(left) == 3


def test_a_backup_that_fails_leaves_nothing_and_is_not_noted(tmp_path, settings):
    settings.BACKUP_DATABASE_URL = "postgresql://nobody@127.0.0.1:1/none"
    with pytest.raises((psycopg.OperationalError, postgres.ProgramError)):
        make_backup(tmp_path)
    settings.BACKUP_DATABASE_URL = ""
    assert list(tmp_path.iterdir()) == []
    assert not Backup.objects.exists()


def test_a_program_of_another_version_is_not_good_enough(tmp_path, settings):
    other = tmp_path / "pg_dump"
    other.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.2'\n")
    other.chmod(0o755)
    settings.POSTGRES_PROGRAMS = str(tmp_path)
    with pytest.raises(postgres.ProgramError, match=r"pg_dump of PostgreSQL 99.*9\.6\.2.*postgresql-client-99"):
        postgres.find_program("pg_dump", 99)
    assert postgres.find_program("pg_dump", postgres.server_version()) != other


def test_the_gate_is_shut_once_and_opened_once():
    services.hold_sending(why="one")
    services.hold_sending(why="two")
    assert SendingHeld.objects.get().why == "one"
    assert services.let_send()
    assert not services.let_send()
