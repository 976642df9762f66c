"""`make cluster-test` in short: a site of many processes loses two of them and its primary, and no booking."""

import pytest

from bench.data import seed_product
from experts.models import Slot
from tests.cluster.cluster import running
from tests.cluster.ledger import Ledger
from tests.database import address_of

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def test_what_stops_costs_nobody_a_booking(worker_database, tmp_path):
    seed_product(4_000)
    slots = list(Slot.objects.order_by("pk").values_list("pk", "expert__slug", "date"))
    with running(tmp_path, workers=1, fill=lambda primary: primary.fill(address_of(worker_database))) as cluster:
        (first, second), (one, other) = cluster.web, cluster.live
        assert cluster.seconds_until_seen(booked_at=first, seen_at=other, slot=slots.pop()) < 10
        assert cluster.seconds_until_seen(booked_at=second, seen_at=one, slot=slots.pop()) < 10
        ledger = Ledger(cluster.nginx.port, [pk for pk, _slug, _date in slots], people=2)
        ledger.start()
        ledger.wait_for(5)
        first.kill()
        one.kill()
        ledger.wait_for(5)
        cluster.wait_until_replicas_are_read()
        cluster.database.primary.kill()
        primary = cluster.fail_over()
        ledger.wait_for(5)
        assert cluster.seconds_until_seen(booked_at=second, seen_at=other, slot=slots[-1]) < 10
        ledger.stop()
        assert ledger.missing(primary.url) == [], cluster.complaints()
        assert set(ledger.looks) == {200}, cluster.complaints()
