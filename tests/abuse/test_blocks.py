"""Staff block an address, a domain or a network for a while: nobody gets round it, and nobody else is touched."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings import services
from bookings.access.links import keeping_token
from bookings.errors import Blocked, InvalidDetails
from bookings.models import Block, Booking, Source, Status, WaitlistEntry
from bookings.services.cleanup import delete_old
from experts.models import Organization
from tests.cast import details, fresh, make_booking, make_expert, make_slot

pytestmark = pytest.mark.django_db
HOME = "192.0.2.77"


def make_block(slot, kind: str, value: str, **values) -> Block:
    until = timezone.now() + timedelta(days=1)
    wanted = Block(organization=slot.expert.organization, kind=kind, value=value, **{"until": until} | values)
    return services.block(wanted=wanted)


def book(slot, email="ann@example.com", address=HOME, **values):
    return services.book(slot_id=slot.pk, name="Ann", email=email, client_address=address, **values)


@pytest.mark.parametrize(
    ("kind", "value", "email", "address"),
    [
        ("network", "192.0.2.0/24", "ann@example.com", "192.0.2.200"),
        ("network", "192.0.2.5", "ann@example.com", "192.0.2.200"),
        ("network", "2001:db8:1::/48", "ann@example.com", "2001:db8:1:7::/64"),
        ("domain", "spam.example", "ann@spam.example", HOME),
        ("domain", "@Spam.Example", "ann@mail.SPAM.example", HOME),
        ("address", "Ann@example.com", "ANN+7@Example.com", HOME),
        ("address", "ann.a@gmail.com", "an.na@googlemail.com", HOME),
    ],
)
def test_who_is_blocked_neither_books_nor_holds_nor_waits(client, kind, value, email, address):
    slot, full = make_slot(capacity=2), make_slot()
    make_booking(full)
    other = make_slot(full.expert, at="15:00")
    book(slot, email, address)  # the control: nothing but the block stops them
    for one in (slot, full):
        make_block(one, kind, value)
    with pytest.raises(Blocked):
        book(slot, email, address)
    with pytest.raises(Blocked):
        services.join_waitlist(slot_id=full.pk, name="Ann", email=email, client_address=address, visitor="v" * 32)
    if kind == "network":
        with pytest.raises(Blocked):
            services.hold_slot(slot_id=slot.pk, visitor="v" * 32, client_address=address)
    assert book(slot, "omar@elsewhere.example", "198.51.100.1").booking.pk
    assert book(other, "ann@notspam.example", "2001:db8:2:7::/64").booking.pk
    assert not WaitlistEntry.objects.exists()


def test_a_block_is_one_organisations_and_ends_by_itself_or_at_once():
    slot, elsewhere = make_slot(capacity=3), make_slot()
    made = make_block(slot, "network", "192.0.2.0/24")
    book(elsewhere)
    with pytest.raises(Blocked):
        book(slot)
    Block.objects.filter(pk=made.pk).update(until=timezone.now())
    book(slot)
    later = make_block(slot, "address", "ann@example.com")
    with pytest.raises(Blocked):
        book(slot)
    assert services.end_block(block_id=later.pk)
    assert not services.end_block(block_id=later.pk)
    book(slot)


def test_staff_book_whom_they_block():
    slot = make_slot()
    make_block(slot, "address", "ann@example.com")
    assert book(slot, source=Source.STAFF).booking.pk


def test_what_waits_for_its_proof_or_for_a_seat_stays_waiting(client):
    """A link that was mailed before the block, and a place in line."""
    slot = make_slot()
    waiting = make_booking(slot, status=Status.HELD, email="ann@example.com", awaits_proof=True, proof_reason="domain")
    made = make_block(slot, "address", "ann@example.com")
    answer = client.post(f"/bookings/link/{keeping_token(waiting)}/")
    assert (answer.status_code, "Please get in touch" in answer.content.decode()) == (403, True)
    full = make_slot(slot.expert, at="16:00")
    taken = make_booking(full)
    ann, omar = (
        WaitlistEntry.objects.create(slot=full, name=name, email=f"{name}@example.com") for name in ("ann", "omar")
    )
    services.cancel(booking_id=taken.pk, by_customer=True)
    ann.refresh_from_db(), omar.refresh_from_db()
    assert (ann.status, omar.status) == ("WAITING", "OFFERED")
    services.end_block(block_id=made.pk)
    assert client.post(f"/bookings/link/{keeping_token(waiting)}/").status_code == 303
    waiting.refresh_from_db()
    assert waiting.status == Status.CONFIRMED


def test_pages_frames_and_programs_say_calmly_whom_to_ask(client):
    expert = make_expert(max_party=1)
    slot = make_slot(expert, capacity=3)
    Organization.objects.filter(pk=expert.organization_id).update(
        contact_email="desk@northgate.example", name="Northgate"
    )
    services.hold_slot(slot_id=slot.pk, visitor="o" * 32)
    make_block(slot, "network", "127.0.0.0/24")
    make_block(slot, "address", "lena@example.com")
    text = "We cannot take this booking online. Please get in touch with Northgate: desk@northgate.example"
    partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
    url = f"/slots/{slot.pk}/book/"
    for asked in (
        client.post(f"/slots/{slot.pk}/hold/"),
        client.post(f"/slots/{slot.pk}/hold/", headers=partial),
        client.post(url, details(step="review")),
        client.post(url, details(step="confirm")),
        Client(REMOTE_ADDR="198.51.100.9").post(url, details(step="confirm")),  # from elsewhere, by the address
    ):
        assert asked.status_code == 403
        assert text in asked.content.decode()
        assert "block" not in re.sub(r"<[^>]+>", " ", asked.content.decode()).lower()
    answer = client.post(
        f"/api/v1/slots/{slot.pk}/book", {"name": "Ann", "email": "ann@x.example"}, content_type="application/json"
    )
    assert (answer.status_code, answer.json()) == (403, {"code": "not_online", "detail": text})
    assert not Booking.objects.shown().exists()
    assert fresh(slot).seats_held == 1


def test_who_waits_is_told_the_same(client):
    slot = make_slot()
    make_booking(slot)
    make_block(slot, "domain", "example.com")
    response = client.post(f"/slots/{slot.pk}/waitlist/", details(step="join"))
    assert response.status_code == 403
    assert "Please get in touch with" in response.content.decode()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("network", "10.0.0.0/8"),
        ("network", "2001::/16"),
        ("network", "nonsense"),
        ("domain", "com space"),
        ("domain", ""),
        ("address", "example.com"),
        ("nothing", "x"),
    ],
)
def test_what_is_no_source_or_half_the_world_is_refused(kind, value):
    slot = make_slot()
    with pytest.raises(InvalidDetails):
        make_block(slot, kind, value)
    with pytest.raises(InvalidDetails):
        make_block(slot, "address", "ann@example.com", until=timezone.now())


def test_an_organisation_saved_from_an_old_copy_keeps_its_blocks():
    slot = make_slot()
    old = Organization.objects.get(pk=slot.expert.organization_id)
    make_block(slot, "address", "ann@example.com")
    old.name = "Renamed"
    old.save()
    with pytest.raises(Blocked):
        book(slot)
    Block.objects.all().delete()
    assert Organization.objects.get(pk=old.pk).blocked_until is None
    book(slot)


def test_a_block_is_forgotten_some_months_after_its_end():
    slot = make_slot()
    old, recent = (make_block(slot, "address", f"{name}@example.com") for name in ("old", "recent"))
    Block.objects.filter(pk=old.pk).update(until=timezone.now() - timedelta(days=91))
    assert delete_old()["blocks"] == 1
    assert list(Block.objects.all()) == [recent]
