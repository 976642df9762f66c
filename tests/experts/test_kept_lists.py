"""A list of experts is rendered once and kept: it is always what a new process would show."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from bookingsite.devserver.processes import wait_until
from experts import views
from experts.crowds import FreshReads, SharedRead
from experts.models import Category, Expert, Organization, Slot
from tests.cast import book, day_ahead, make_booking, make_category, make_expert, make_organization, make_slot
from tests.kept import body_of, nothing_kept

pytestmark = pytest.mark.django_db
LISTS = {
    "all": ("/", {}),
    "a category": ("/experts/", {"category": "health", "sort": "name"}),
    "an organisation": ("/o/north/", {}),
    "a day": ("/", {"when": "week"}),
    "a frame": ("/embed/north/", {"theme": "dark"}),
}


@pytest.fixture
def slot():
    """The next slot of one of two experts, a group's."""
    organization = make_organization(slug="north", name="North", min_notice=timedelta(0))
    category = make_category(slug="health", name="Health")
    ada, adele = (make_expert(organization=organization, category=category, name=name) for name in ("Ada", "Adele"))
    make_slot(adele, day=day_ahead(3))
    make_slot(ada, day=day_ahead(2), at="15:00")
    return make_slot(ada, day=day_ahead(2), at="09:00", capacity=4)


def _rename(model, pk):
    thing = model.objects.get(pk=pk)
    thing.name = "Another name"
    thing.save()


CHANGES = {
    "few seats are left": lambda slot: make_booking(slot, seats=2),
    "the next slot is taken": lambda slot: make_booking(slot, seats=4),
    "a later slot of the day is closed": lambda slot: Slot.objects.filter(expert=slot.expert_id, time="15:00").update(
        is_closed=True
    ),
    "the expert is full": lambda slot: [
        make_booking(each, seats=each.capacity) for each in Slot.objects.filter(expert=slot.expert_id)
    ],
    "somebody is sooner": lambda slot: make_slot(Expert.objects.get(name="Adele"), day=day_ahead(1)),
    "somebody new": lambda slot: make_expert(
        organization=slot.expert.organization, category=slot.expert.category, name="Adam"
    ),
    "the expert is away": lambda slot: Expert.objects.filter(pk=slot.expert_id).update(is_active=False),
    "the expert's headline": lambda slot: Expert.objects.filter(pk=slot.expert_id).update(headline="Something else"),
    "the category": lambda slot: _rename(Category, slot.expert.category_id),
    "the organisation": lambda slot: _rename(Organization, slot.expert.organization_id),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize(
    "which", ["all", *(pytest.param(name, marks=pytest.mark.slow) for name in LISTS if name != "all")]
)
def test_after_any_change_it_is_what_a_new_process_shows(client, slot, rendered, which, change):
    path, query = LISTS[which]

    def look():
        return body_of(client.get(path, query))

    look()  # the browser has the site's cookies
    before, count = look(), len(rendered)
    assert look() == before
    assert len(rendered) == count, "it was not kept"
    change(slot)
    after = look()
    with nothing_kept():
        assert after == look()
    assert after != before


class ReadsOfBefore:
    """The control: whoever comes while something is read is given that, though it may be of before they came."""

    def __init__(self):
        self._reads = {}
        self._shared = SharedRead(lambda question: self._reads[question]())
        self.waiting = self._shared.waiting

    def get(self, question, read):
        self._reads.setdefault(question, read)
        return self._shared(question)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("reads", "waiting", "may_show"), [(FreshReads(), 1, False), (ReadsOfBefore(), 2, True)])
def test_a_look_that_begins_after_a_booking_shows_no_time_that_it_took(client, monkeypatch, reads, waiting, may_show):
    """Though at that moment the list is being read for somebody who came before; who sees the time then is refused."""
    slot = make_slot(make_expert(organization=make_organization(min_notice=timedelta(0))))
    make_slot(slot.expert, at="16:00")
    has_read, may_go_on, shown, read = threading.Event(), threading.Event(), {}, views.read_listing

    def read_slowly(*args):
        listing = read(*args)
        if not has_read.is_set():
            has_read.set()
            assert may_go_on.wait(timeout=30)
        return listing

    def look(who):
        try:
            shown[who] = f"#slot-{slot.pk}" in body_of(Client().get("/"))
        finally:
            connections.close_all()

    monkeypatch.setattr(views, "read_listing", read_slowly)
    monkeypatch.setattr(views, "_LISTINGS", reads)
    threads = [threading.Thread(target=look, args=(who,), daemon=True) for who in ("before", "after", "with it")]
    threads[0].start()
    assert has_read.wait(timeout=30)
    book(slot)
    for thread in threads[1:]:
        thread.start()
    assert wait_until(lambda: reads.waiting() == waiting, seconds=30)
    may_go_on.set()
    for thread in threads:
        thread.join(timeout=30)
    assert shown == {"before": True, "after": may_show, "with it": may_show}
    assert client.post(f"/slots/{slot.pk}/hold/").status_code == 409


def test_it_ends_when_the_day_does(client, slot, rendered, monkeypatch):
    """The database's clock goes on: what is free and what is next is asked of it for each request."""
    midnight = slot.starts_at.astimezone(slot.expert.zone).replace(hour=0) - timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: midnight - timedelta(microseconds=1))
    client.get("/")
    before, count = body_of(client.get("/")), len(rendered)
    assert "Tomorrow 09:00" not in before
    assert len(rendered) == count
    monkeypatch.setattr(timezone, "now", lambda: midnight)
    after = body_of(client.get("/"))
    assert len(rendered) == count + 1
    assert "Tomorrow 09:00" in after
    with nothing_kept():
        assert after == body_of(client.get("/"))


def test_a_search_is_answered_but_not_kept(client, slot, rendered):
    for _ in range(2):
        assert "Adele" in body_of(client.get("/", {"search": "ade"}))
    assert not rendered


def test_each_sees_times_of_ones_own_zone(client, slot):
    shown = set()
    for zone in ("Asia/Kathmandu", "Europe/Berlin", "Asia/Kathmandu"):
        client.cookies["zone"] = zone
        shown.add(body_of(client.get("/", {"sort": "name"})))
    assert len(shown) == 2
