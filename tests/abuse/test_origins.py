"""Staff see who keeps seats from others, and deal with all that comes from one source."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.admin import origins
from bookings.models import Block, Booking, OutboxMail, Status, WaitlistEntry, WebhookDelivery
from experts.models import Role
from tests.cast import (
    day_ahead,
    fresh,
    join_line,
    make_booking,
    make_expert,
    make_organization,
    make_slot,
    make_webhook,
)
from tests.staff import admin_url, logged_in, make_member, make_superuser, messages_of

pytestmark = pytest.mark.django_db
HELD_URL = "/admin/bookings/booking/held/"


@pytest.fixture
def attack():
    """Sixty seconds of somebody with one network: holds without a name, one unproven booking, bookings."""
    expert = make_expert(name="Amara Okafor")
    slots = [make_slot(expert, day=day_ahead(3), at=f"{hour:02}:00") for hour in range(8, 17)]
    rows = [
        make_booking(slot, status=Status.HELD, name="", email="", network="192.0.2.0", holder=f"{n:032}")
        for n, slot in enumerate(slots[:4])
    ]
    unproven = {"awaits_proof": True, "proof_reason": "network"}
    rows.append(make_booking(slots[4], status=Status.HELD, email="x@junk.example", network="192.0.2.0", **unproven))
    rows += [
        make_booking(slot, email=f"bot+{n}@junk.example", network="192.0.2.0") for n, slot in enumerate(slots[5:8])
    ]
    honest = make_booking(slots[8], email="lena@example.com", network="198.51.100.0")
    return expert, rows, honest


def origin_url(booking, kind):
    return reverse("admin:bookings_booking_origin", args=[booking.pk, kind])


def test_the_page_says_who_keeps_what_and_until_when(attack):
    expert, rows, _honest = attack
    page = logged_in(make_member(expert.organization)).get(HELD_URL)
    counted = {group["title"]: group["rows"] for group in page.context["origins"]}
    seen = {
        title: [(r["count"].value, r["count"].holds, r["count"].unproven, r["count"].booked) for r in rows]
        for title, rows in counted.items()
    }
    assert seen == {
        "Experts": [("Amara Okafor", 4, 1, 4)],
        "Networks": [("192.0.2.0/24", 4, 1, 3)],
        "E-mail domains": [("junk.example", 0, 1, 3)],
        "E-mail addresses": [("x@junk.example", 0, 1, 0), ("bot@junk.example", 0, 0, 3)],
    }
    assert [row["booking"].pk for row in page.context["rows"]] == [row.pk for row in rows[:5]]
    assert page.content.decode().count("until") >= 5
    assert "lena@" not in page.content.decode(), "one booking is nothing to look at"


def test_more_rows_take_no_more_statements(attack):
    expert, rows, _honest = attack
    client = logged_in(make_member(expert.organization))
    counted = []
    for _few_then_many in range(2):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(HELD_URL).status_code == client.get(origin_url(rows[0], "network")).status_code == 200
        counted.append(len(captured))
        for hour in range(8, 17):
            slot = make_slot(make_expert(organization=expert.organization), at=f"{hour:02}:00")
            make_booking(slot, status=Status.HELD, name="", email="", network="192.0.2.0")
    assert counted[0] == counted[1]


def test_all_that_is_held_from_one_network_is_released_at_once(attack):
    expert, rows, _honest = attack
    client = logged_in(make_member(expert.organization, Role.SCHEDULER))
    url = origin_url(rows[0], "network")
    assert "Release 5 times" in client.get(url).content.decode()
    response = client.post(url, {"release": "yes"})
    assert messages_of(response) == ["5 holds released."]
    assert not Booking.objects.filter(status=Status.HELD).exists()
    assert fresh(rows[0].slot).state == "open"
    assert Booking.objects.filter(status=Status.CONFIRMED).count() == 4


def test_all_bookings_of_one_source_are_cancelled_as_one_by_one(attack, monkeypatch):
    """Mails, webhooks, the waitlist and the history are those of each cancellation; what came since is left alone."""
    monkeypatch.setattr(origins, "MOST_CANCELLED", 2)
    expert, rows, honest = attack
    make_webhook(expert.organization)
    waits = join_line(rows[5].slot, name="Real", email="real@example.com", visitor="r" * 32)
    client = logged_in(make_member(expert.organization))
    url = origin_url(rows[5], "domain") + "?cancel"
    page = client.get(url)
    assert "Cancel 3 bookings?" in page.content.decode()
    form = dict(page.context["hidden"]) | {"reason": "Not a real request"}
    later = make_booking(make_slot(expert, at="20:00"), email="late@junk.example")
    again = client.post(url, form)
    assert (again.status_code, "Cancel 1 booking?" in again.content.decode()) == (200, True)
    assert client.post(url, form).status_code == 302
    cancelled = Booking.objects.filter(status=Status.CANCELLED)
    assert [row.pk for row in cancelled.order_by("pk")] == [row.pk for row in rows[5:8]]
    assert {row.reason for row in cancelled} == {"Not a real request"}
    assert set(Booking.objects.filter(pk__in=[honest.pk, later.pk]).values_list("status", flat=True)) == {"CONFIRMED"}
    assert OutboxMail.objects.filter(booking__in=cancelled, kind="cancelled").count() == 3
    assert WebhookDelivery.objects.filter(type="booking.cancelled").count() == 3
    waits.refresh_from_db()
    assert waits.status == WaitlistEntry.Status.OFFERED
    assert cancelled[0].events.order_by("-pgh_id")[0].pgh_context.metadata["by"] == "staff"


def test_a_source_is_blocked_from_its_page(attack):
    expert, rows, _honest = attack
    client = logged_in(make_member(expert.organization))
    page = client.get(origin_url(rows[6], "address"))
    assert "bot@junk.example" in page.content.decode()
    add = client.get(page.context["block_url"])
    given = add.context["adminform"].form.initial
    assert (given["kind"], given["value"]) == ("address", "bot@junk.example")
    form = {"organization": expert.organization_id, "kind": "network", "value": "192.0.2.9", "lasts": "7", "note": ""}
    assert client.post(admin_url(Block, "add"), form).status_code == 302
    block = Block.objects.get()
    assert (block.value, block.created_by) == ("192.0.2.0/24", expert.organization.memberships.get().user)
    assert client.post(admin_url(Block, "add"), form | {"value": "0.0.0.0/0"}).status_code == 200
    client.post(admin_url(Block), {"action": "end", "_selected_action": [block.pk], "index": 0})
    assert not Block.objects.live().exists()


def test_experts_release_their_own_and_nobody_elses(attack):
    expert, _rows, _honest = attack
    own_user = make_member(expert.organization, Role.EXPERT)
    own = make_slot(make_expert(organization=expert.organization, user=own_user))
    mine = make_booking(own, status=Status.HELD, name="", email="", network="192.0.2.0")
    client = logged_in(own_user)
    assert [row["booking"].pk for row in client.get(HELD_URL).context["rows"]] == [mine.pk]
    client.post(origin_url(mine, "network"), {"release": "yes"})
    mine.refresh_from_db()
    assert mine.status == Status.EXPIRED
    assert Booking.objects.filter(status=Status.HELD).count() == 5
    assert client.get(admin_url(Block)).status_code == 403


def test_a_hold_is_ended_on_its_page_by_staff_and_superusers_and_by_nobody_elsewhere(attack):
    _expert, rows, _honest = attack
    hold, other = rows[0], rows[1]
    url = reverse("admin:bookings_booking_decide", args=[hold.pk, "release"])
    stranger = logged_in(make_member(make_organization()))
    for address in (url, origin_url(hold, "network")):
        assert stranger.post(address, {"release": "yes"}).status_code == 302
    hold.refresh_from_db()
    assert hold.status == Status.HELD
    assert stranger.get(HELD_URL).context["rows"] == []
    superuser = logged_in(make_superuser())
    assert superuser.get(url).status_code == 200
    assert superuser.post(url).status_code == 302
    hold.refresh_from_db()
    assert hold.status == Status.EXPIRED
    assert superuser.post(url).status_code == 302, "the second click of a double click"
    assert superuser.get(reverse("admin:bookings_booking_decide", args=[other.pk, "cancel"])).status_code == 302


def test_the_address_of_a_page_names_nobody(attack):
    expert, rows, _honest = attack
    client = logged_in(make_member(expert.organization))
    page = client.get(HELD_URL)
    urls = [row["url"] for group in page.context["origins"] for row in group["rows"]]
    urls.append(client.get(origin_url(rows[5], "address")).context["block_url"])
    assert not any("junk" in url or "192.0" in url for url in urls)
