"""The doctor says what is wrong and what to do, mends what it says it can, and its code says whether all is well."""

import json
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from bookings.models import OutboxMail
from bookingsite.doctor import surroundings
from bookingsite.doctor.examine import CHECKS, examine
from bookingsite.doctor.findings import Level
from experts import services
from experts.models import Backup, Expert, Slot, WeeklyHours
from tests.bookings.services.test_counters import behind_its_back
from tests.cast import book, make_expert, make_organization, make_slot

pytestmark = pytest.mark.django_db


def found(name: str, *, fix: bool = False, level: Level | None = Level.WRONG) -> list[str]:
    """What one check says, of a level."""
    return [it.text for _name, it in examine(fix=fix, only=frozenset({name})) if level is None or it.level == level]


def test_each_wrong_thing_comes_with_what_to_do(settings):
    make_slot()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    everything = list(examine(fix=False))
    assert {name for name, _finding in everything} == {check.name for check in CHECKS}
    assert all(it.do for _name, it in everything if it.level == Level.WRONG)
    texts = " ".join(it.text for _name, it in everything)
    assert "Could not be looked at" not in texts
    assert "The mail server 127.0.0.1:1 cannot be used (ConnectionRefusedError)." in texts
    assert "Nobody works: mail, expiry, housekeeping, webhooks." in texts


def test_clocks_that_differ_are_told(monkeypatch):
    assert found("clocks") == []
    later = time.time
    monkeypatch.setattr(surroundings.time, "time", lambda: later() + 90)
    texts = found("clocks")
    assert len(texts) == 2, "PostgreSQL's, and Valkey's"
    assert all("s behind this machine's" in text for text in texts)


def test_the_sum_of_all_connections_is_compared_with_what_postgresql_lets_in(settings, monkeypatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    settings.DATABASE_POOL = 10
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_connections")
        most = int(cursor.fetchall()[0][0])
    assert found("connections", level=Level.WELL)[0].startswith(
        "4 web processes, live, worker and webhooks may open 86"
    )
    settings.DATABASE_POOL = most
    [finding] = [it for _name, it in examine(fix=False, only=frozenset({"connections"}))]
    assert finding.level == Level.WRONG
    pool = int(finding.do.split("DATABASE_POOL to ")[1].split()[0])
    settings.DATABASE_POOL = pool
    assert found("connections") == []
    settings.DATABASE_POOL = pool + 1
    assert found("connections") != []


def test_the_pool_is_that_of_the_site_and_not_of_commands(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("WEB_CONCURRENCY", "1")
    monkeypatch.setenv("POOL_OF_COMMANDS", "on")
    settings.DATABASE_POOL = 0
    words = "1 web processes, live, worker and webhooks may open"
    assert found("connections", level=Level.WELL)[0].startswith(f"{words} {4 * settings.USUAL_DATABASE_POOL + 16} ")
    (tmp_path / "settings").write_text("DATABASE_POOL=3\n")
    monkeypatch.setenv("ENV_FILE", str(tmp_path / "settings"))
    assert found("connections", level=Level.WELL)[0].startswith(f"{words} 28 ")


def test_hours_without_slots_are_told_and_made():
    expert = make_expert()
    WeeklyHours.objects.create(expert=expert, weekday=0, start="09:00", end="12:00", slot_minutes=30, capacity=1)
    assert "1 experts have hours on days for which no slots were made." in found("projections")
    assert found("projections", fix=True) == []
    assert found("projections") == []
    assert Slot.objects.filter(expert=expert).exists()


def test_a_migration_that_is_missing_and_one_from_the_future_are_told():
    assert found("migrations") == []
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE django_migrations SET name = '9999_future' WHERE (app, name) = ('experts', '0002_listed_in_order')"
        )
    missing, unknown = found("migrations")
    assert "1 migrations are not applied: experts.0002_listed_in_order" in missing
    assert "experts.9999_future" in unknown


def test_a_trigger_that_is_off_is_told():
    assert found("triggers") == []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE bookings_booking DISABLE TRIGGER USER")
    assert (
        "booking_keeps_slot_counters" in " ".join(found("triggers")) or "triggers are missing" in found("triggers")[0]
    )


def test_counters_and_projections_are_mended_and_then_all_is_well():
    slot = make_slot()
    book(slot)
    organization = make_organization()
    behind_its_back("UPDATE experts_slot SET seats_booked = 0")
    Expert.objects.update(search_text="nobody")
    behind_its_back("UPDATE experts_organization SET has_questions = true WHERE id = %s", organization.pk)
    for name, words in {
        "counters": ["1 slots say other than their bookings"],
        "projections": ["1 experts are found by other words", "1 organisations do not know whether they ask something"],
    }.items():
        assert [text.startswith(start) for text, start in zip(found(name), words, strict=True)] == [True] * len(words)
        assert found(name, fix=True) == []
        assert found(name) == []
    assert Slot.objects.get(pk=slot.pk).seats_booked == 1
    assert Expert.objects.matching("Amara").exists()
    organization.refresh_from_db()
    assert not organization.has_questions


def test_pictures_that_nothing_names_go_once_they_are_old_and_missing_ones_are_told(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    expert = make_expert()
    names = [f"experts/{expert.pk}/{'a' * 32}-{size}.webp" for size in (96, 192, 640)]
    Expert.objects.filter(pk=expert.pk).update(photo=names[2])
    lost = [f"experts/{expert.pk}/{letter * 32}-96.webp" for letter in "bc"]
    for name in (*names[:2], *lost):
        default_storage.save(name, ContentFile(b"x"))
    os.utime(Path(tmp_path, lost[0]), (0, 0))
    texts = found("orphans")
    assert f"1 pictures are missing: {names[2]}." in texts
    assert "1 pictures lie about that nothing names." in texts
    found("orphans", fix=True)
    assert [default_storage.exists(name) for name in lost] == [False, True], "what is young may be about to be named"
    assert default_storage.exists(names[0])


def test_a_hold_that_nobody_ended_and_a_mail_that_nobody_sent_are_told():
    booking = book(make_slot())
    OutboxMail.objects.update(due_at=timezone.now() - timedelta(hours=1))
    behind_its_back(
        "UPDATE bookings_booking SET status = 'PENDING', expires_at = now() - interval '1 hour' WHERE id = %s",
        booking.pk,
    )
    assert "1 wait in “outbox”, the first for 60 minutes." in found("workers")
    assert "1 holds and requests ran out more than ten minutes ago." in found("orphans")
    assert "Ended 1 holds and requests that had run out." in found("orphans", fix=True, level=Level.WELL)
    booking.refresh_from_db()
    assert (booking.status, found("orphans")) == ("EXPIRED", [])
    services.hold_sending(why="This is a copy.")
    assert found("mail") == ["This is a copy. No mail and no webhook leaves."]
    assert "outbox" not in " ".join(found("workers")), "what is held back on purpose is not late"


def test_an_old_backup_is_told():
    assert found("backups") == []
    services.record_backup(file="/b", size=1, seconds=1, pictures=0, is_encrypted=True)
    assert found("backups") == []
    Backup.objects.update(finished_at=timezone.now() - timedelta(hours=50))
    assert found("backups") == ["The last backup is 50 hours old."]


def test_the_code_and_the_json_say_whether_all_is_well(capsys):
    call_command("doctor", "--only", "counters", "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["is_well"]
    make_slot()
    behind_its_back("UPDATE experts_slot SET seats_booked = 1")
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--only", "counters", "--json")
    assert ended.value.code == 1
    said = json.loads(capsys.readouterr().out)
    assert not said["is_well"]
    assert said["findings"][0]["do"] == "Run `manage.py doctor --fix`."
    with pytest.raises(SystemExit):
        call_command("doctor", "--only", "counters")
    text = capsys.readouterr().out
    assert "WRONG" in text
    assert "-> Run `manage.py doctor --fix`." in text


def test_a_check_that_fails_is_a_finding_and_keeps_none_of_the_others(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    levels = {name: it for name, it in examine(fix=False, only=frozenset({"valkey", "migrations"}))}
    assert levels["valkey"].level == Level.WRONG
    assert levels["migrations"].level == Level.WELL
