"""After the rules of a zone have changed, clocks of slots stay, instants move, and whoever has booked is told."""

import os
import struct
import subprocess
import sys
import zoneinfo
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import Booking, OutboxMail, Status, WebhookDelivery
from bookings.services.zone_updates import update_time_zones
from bookingsite.devserver import paths
from experts.locking import vouch_for_clocks
from experts.models import Slot
from tests.cast import (
    book,
    day_ahead,
    fresh,
    make_booking,
    make_expert,
    make_row_of_slots,
    make_slot,
    make_type,
    make_webhook,
)
from tests.live import site_environ
from tests.mail import send_mails

pytestmark = pytest.mark.django_db
ZONE = "Asia/Kathmandu"  # whose clocks never change
HOUR = timedelta(hours=1)


def fixed_zone(hours: float) -> bytes:
    """A compiled zone (TZif) whose clocks are ahead of UTC by so many hours, always."""
    seconds, name = int(hours * 3600), b"NEW\0"
    head = b"TZif2" + b"\0" * 15 + struct.pack(">6I", 0, 0, 0, 0, 1, len(name))
    body = struct.pack(">iBB", seconds, 0, 0) + name
    rest = abs(seconds) // 60
    rule = f"<NEW>{'-' if seconds >= 0 else '+'}{rest // 60}:{rest % 60:02}"
    return head + body + head + body + b"\n" + rule.encode() + b"\n"


@pytest.fixture
def rules(tmp_path, monkeypatch):
    """Change the rules of ZONE for this process: `rules(5.75 + 1)`."""
    folder = tmp_path / "zones"
    (folder / "Asia").mkdir(parents=True)
    before = zoneinfo.TZPATH

    def change(hours: float) -> None:
        (folder / ZONE).write_bytes(fixed_zone(hours))
        zoneinfo.reset_tzpath([str(folder), *before])
        ZoneInfo.clear_cache()

    yield change
    zoneinfo.reset_tzpath(before)
    ZoneInfo.clear_cache()


def shown(slot: Slot) -> datetime:
    slot = Slot.objects.get(pk=slot.pk)
    return slot.starts_at.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None)


def run(**options) -> tuple[int, list[Booking], list[str]]:
    found = list(update_time_zones(**{"writes": True} | options))
    return (
        sum(each.slots for each in found),
        [booking for each in found for booking in each.bookings],
        [move.obstacle for each in found for move in each.left],
    )


@pytest.mark.parametrize("by", [1, -1])
def test_each_week_of_slots_is_read_once(rules, by):
    expert = make_expert(timezone=ZONE)
    make_slot(expert)
    make_slot(expert, day=day_ahead(20))
    rules(5.75 + by)
    with CaptureQueriesContext(connection) as queries:
        assert run(writes=False) == (2, [], [])
    of_slots = '"experts_slot"."starts_at" ASC, "experts_slot"."id" ASC'
    assert sum(of_slots in query["sql"] for query in queries) == 3, "weeks"


@pytest.mark.parametrize("by", [1, -1, 0.25])
def test_clocks_stay_and_instants_move(rules, by, mailoutbox):
    expert = make_expert(timezone=ZONE)
    make_webhook(expert.organization)
    slots = list(make_row_of_slots(expert, start="09:00", end="12:00", minutes=30).values())
    far = make_slot(expert, day=day_ahead(20))
    elsewhere = make_slot(make_expert(organization=expert.organization, timezone="Europe/London"))
    booked, cancelled = book(slots[0]), make_booking(slots[1], status=Status.CANCELLED)
    OutboxMail.objects.all().delete()
    WebhookDelivery.objects.all().delete()
    rules(5.75 + by)
    assert run(writes=False) == (7, [booked], [])
    assert fresh(slots[0]).starts_at == slots[0].starts_at, "nothing is written before somebody says so"

    assert run() == (7, [booked], [])
    for slot in [*slots, far]:
        after = fresh(slot)
        assert after.starts_at == slot.starts_at - by * HOUR
        assert after.ends_at - after.starts_at == slot.ends_at - slot.starts_at
        assert (after.date, after.time) == (slot.date, slot.time)
        assert shown(slot) == datetime.combine(slot.date, slot.time)
    assert fresh(elsewhere).starts_at == elsewhere.starts_at
    assert [tuple(row) for row in OutboxMail.objects.values_list("booking_id", "kind")] == [(booked.pk, "rescheduled")]
    delivery = WebhookDelivery.objects.get()
    assert delivery.type == "booking.rescheduled"
    assert "previous_slot" not in str(delivery.payload), "it is the same slot, and its old instants are gone"
    booked.refresh_from_db()
    assert booked.sequence == 1
    assert "Clocks in Kathmandu" in booked.reason
    cancelled.refresh_from_db()
    assert cancelled.sequence == 0
    assert run() == (0, [], []), "and a second time nothing moves"

    send_mails()
    [mail] = mailoutbox
    [entry] = [part.get_payload(decode=True) if hasattr(part, "get_payload") else part[1] for part in mail.attachments]
    instant = fresh(slots[0]).starts_at.astimezone(UTC)
    entry = entry.decode() if isinstance(entry, bytes) else entry
    assert f"DTSTART:{instant:%Y%m%dT%H%M%SZ}" in entry
    assert "SEQUENCE:1" in entry
    assert "Before:" not in mail.body, "its clock shows what it has shown"


def test_sessions_of_several_slots_move_as_one(rules):
    expert = make_expert(timezone=ZONE)
    slots = list(make_row_of_slots(expert, start="09:00", end="11:00", minutes=20).values())
    booking = book(slots[0], session_type=make_type(expert, minutes=40).pk)
    assert booking.more_slots == [slots[1].pk]
    ends = booking.session_ends_at
    rules(4.75)
    assert run(tells=False)[2] == []
    booking.refresh_from_db()
    assert booking.session_ends_at == ends + HOUR
    assert not OutboxMail.objects.filter(kind="rescheduled").exists()


def test_what_cannot_move_stays_and_is_told(rules):
    """Two slots touch, of which one was made by other rules: there is no room for both."""
    expert = make_expert(timezone=ZONE)
    slot = make_slot(expert, at="10:00", minutes=60)
    rules(4.75)  # its clock shows 09:00 now
    vouch_for_clocks(ZONE)
    in_the_way = make_slot(expert, at="10:30", minutes=30)
    moved, bookings, left = run()
    assert (moved, bookings, left) == (0, [], ["taken"])
    assert fresh(slot).starts_at == slot.starts_at
    in_the_way.delete()
    assert run() == (1, [], [])


def test_the_command_says_what_would_move_and_whom_to_call(rules, capsys):
    expert = make_expert(timezone=ZONE)
    slot = make_slot(expert)
    booking = make_booking(slot, email="", source="staff")
    rules(6.75)
    call_command("update_time_zones")
    said = capsys.readouterr().out
    assert "1 slots would move, in Asia/Kathmandu (1); 1 bookings in them." in said
    assert "has no e-mail: call them" in said
    assert booking.reference in said
    assert "Nothing was written." in said
    call_command("update_time_zones", "--apply")
    assert "1 slots moved" in capsys.readouterr().out
    assert fresh(slot).starts_at == slot.starts_at - HOUR


@pytest.mark.django_db(transaction=True)
def test_it_reads_the_data_that_the_machine_has(worker_database, tmp_path):
    """As an operator runs it, with newer data in PYTHONTZPATH."""
    slot = make_slot(make_expert(timezone=ZONE))
    (tmp_path / "Asia").mkdir()
    (tmp_path / ZONE).write_bytes(fixed_zone(6))
    done = subprocess.run(
        [sys.executable, "manage.py", "update_time_zones", "--apply"],
        cwd=paths.BASE_DIR,
        env=site_environ(worker_database) | {"PYTHONTZPATH": f"{tmp_path}{os.pathsep}/usr/share/zoneinfo"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1 slots moved" in done.stdout
    assert fresh(slot).starts_at == slot.starts_at - timedelta(minutes=15)
