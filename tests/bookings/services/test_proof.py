"""Bookings of people unknown who have to open a link first: holds with a name, that count once it was opened."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings import services
from bookings.access.proven import mark_proven
from bookings.errors import NotAllowed, SlotTaken
from bookings.models import Booking, MailKind, Proof, ProofReason, Source, Status, WebhookDelivery
from bookings.services import cleanup
from experts.models.organization import ProofPolicy
from tests.cast import fresh, join_line, make_booking, make_expert, make_organization, make_slot, make_webhook
from tests.mail import waiting

pytestmark = pytest.mark.django_db
LENA, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def slot():
    return make_slot(make_expert(organization=make_organization(proof=ProofPolicy.ALWAYS)))


def ask(slot, **values):
    person = {"name": "Lena Fischer", "email": "lena@example.com", "visitor": LENA}
    return services.book(slot_id=slot.pk, **person | values).booking


def run_out(booking):
    Booking.objects.filter(pk=booking.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


class TestAsked:
    def test_somebody_unknown_gets_the_seat_for_15_minutes_and_one_mail(self, slot):
        booking = ask(slot)
        assert (booking.status, booking.awaits_proof, booking.proof_reason) == ("HELD", True, ProofReason.POLICY)
        assert timedelta(minutes=14) < booking.expires_at - timezone.now() <= timedelta(minutes=15)
        assert (fresh(slot).seats_held, fresh(slot).seats_booked) == (1, 0)
        assert waiting() == [(booking.pk, MailKind.PROVE, 0)]
        with pytest.raises(SlotTaken):
            ask(slot, visitor=OTHER)

    def test_never_longer_than_the_slot_can_be_booked(self, slot):
        slot = make_slot(slot.expert, starts_at=timezone.now() + timedelta(minutes=65))
        assert ask(slot).expires_at == slot.starts_at - timedelta(hours=1)

    def test_ones_hold_becomes_it(self, slot):
        hold = services.hold_slot(slot_id=slot.pk, visitor=LENA)
        booking = ask(slot)
        assert booking.pk == hold.pk
        assert fresh(slot).seats_held == 1

    @pytest.mark.parametrize(
        "proven", [{"visitor": LENA, "email": "x@example.com"}, {"visitor": OTHER, "email": "Lena@example.com"}]
    )
    def test_a_browser_or_an_address_that_has_proven_itself_is_not_asked(self, slot, proven):
        mark_proven(**proven)
        assert ask(slot).status == Status.CONFIRMED

    def test_staff_are_not_asked(self, slot):
        assert ask(slot, source=Source.STAFF).status == Status.CONFIRMED

    @pytest.mark.parametrize("policy", [ProofPolicy.NEVER, ProofPolicy.WHEN_UNUSUAL])
    def test_otherwise_nobody_is_asked(self, slot, policy):
        type(slot.expert.organization).objects.update(proof=policy)
        assert ask(slot).status == Status.CONFIRMED

    def test_asking_again_with_another_address_prolongs_nothing(self, slot):
        first = ask(slot, email="lean@example.com")
        Booking.objects.update(expires_at=timezone.now() + timedelta(minutes=3))
        second = ask(slot)
        assert second.pk == first.pk
        assert second.expires_at - timezone.now() < timedelta(minutes=3)
        assert waiting() == [(first.pk, MailKind.PROVE, 0)] * 2

    def test_looking_at_other_times_keeps_it(self, slot):
        booking = ask(slot)
        services.hold_slot(slot_id=make_slot(slot.expert, at="12:00").pk, visitor=LENA)
        booking.refresh_from_db()
        assert (booking.status, booking.slot_id) == ("HELD", slot.pk)

    def test_nobody_decides_about_it(self, slot):
        booking = ask(slot)
        for decide in (services.approve, services.reject, services.complete):
            with pytest.raises(NotAllowed):
                decide(booking_id=booking.pk)


class TestUnusual:
    """Many holds and bookings of one network, or with one expert: tests/abuse/test_blocking.py."""

    @pytest.fixture
    def slot(self, settings):
        settings.RATE_LIMITS = True
        return make_slot()

    @pytest.mark.parametrize("domain", ["mailinator.com", "MAILINATOR.com", "a.b.mailinator.com"])
    def test_a_disposable_address(self, slot, domain):
        booking = ask(slot, email=f"lena@{domain}")
        assert (booking.status, booking.proof_reason) == ("HELD", ProofReason.DOMAIN)

    @pytest.mark.parametrize("domain", ["example.com", "mailinator.com.example.org", "notmailinator.example", "com"])
    def test_any_other(self, slot, domain):
        assert ask(slot, email=f"lena@{domain}.museum").status == Status.CONFIRMED

    def test_a_form_filled_in_faster_than_a_person_can(self, slot):
        assert ask(slot, is_quick=True).proof_reason == ProofReason.QUICK

    def test_who_is_known_may_be_quick(self, slot):
        mark_proven(visitor=LENA, email="lena@example.com")
        assert ask(slot, is_quick=True, email="lena@mailinator.com").status == Status.CONFIRMED

    def test_where_nobody_is_asked_nothing_is_unusual(self, slot):
        type(slot.expert.organization).objects.update(proof=ProofPolicy.NEVER)
        assert ask(slot, is_quick=True, email="lena@mailinator.com").status == Status.CONFIRMED


class TestOpened:
    def test_it_counts_with_all_that_follows(self, slot):
        make_webhook(slot.expert.organization)
        booking = ask(slot)
        assert not WebhookDelivery.objects.exists()
        booked = services.book_by_link(booking_id=booking.pk)
        assert (booked.status, booked.awaits_proof, booked.expires_at) == ("CONFIRMED", False, None)
        assert (fresh(slot).seats_held, fresh(slot).seats_booked) == (0, 1)
        assert waiting()[1:] == [(booking.pk, MailKind.CONFIRMED, 0)]
        created = {delivery.type for delivery in WebhookDelivery.objects.all()}
        assert {"booking.created", "booking.confirmed"} <= created

    def test_where_the_policy_asks_for_approval_it_is_a_request(self, slot):
        type(slot.expert.organization).objects.update(requires_approval=True)
        booked = services.book_by_link(booking_id=ask(slot).pk)
        assert booked.status == Status.PENDING
        assert booked.expires_at > timezone.now() + timedelta(hours=23)

    def test_twice_is_once(self, slot):
        booking = ask(slot)
        for _ in range(2):
            assert services.book_by_link(booking_id=booking.pk).status == Status.CONFIRMED
        assert len(waiting()) == 2

    @pytest.mark.parametrize("worker_was_there", [True, False])
    def test_what_ran_out_takes_the_seat_if_it_is_free(self, slot, worker_was_there):
        booking = ask(slot)
        run_out(booking)
        if worker_was_there:
            assert services.expire(booking_id=booking.pk)
        assert services.book_by_link(booking_id=booking.pk).status == Status.CONFIRMED
        assert fresh(slot).seats_booked == 1

    def test_what_ran_out_and_is_taken_is_refused_and_nothing_changes(self, slot):
        booking = ask(slot)
        run_out(booking)
        mark_proven(visitor=OTHER, email="omar@example.com")
        ask(slot, visitor=OTHER, email="omar@example.com")
        with pytest.raises(SlotTaken):
            services.book_by_link(booking_id=booking.pk)
        booking.refresh_from_db()
        assert (booking.status, booking.awaits_proof) == ("EXPIRED", True)
        assert fresh(slot).seats_booked == 1

    def test_what_ran_out_waits_behind_the_waitlist(self, slot):
        booking = ask(slot)
        entry = join_line(slot, name="Omar", email="omar@example.com")
        run_out(booking)
        with pytest.raises(SlotTaken):
            services.book_by_link(booking_id=booking.pk)
        services.expire(booking_id=booking.pk)
        entry.refresh_from_db()
        assert entry.has_running_offer


class TestNotOpened:
    def test_it_ends_as_a_hold_does_and_nobody_is_told(self, slot):
        booking = ask(slot)
        run_out(booking)
        services.expire(booking_id=booking.pk)
        assert (fresh(slot).seats_held, fresh(slot).seats_booked) == (0, 0)
        assert [kind for _pk, kind, _sequence in waiting()] == [MailKind.PROVE]

    def test_it_is_nobodys_booking(self, slot):
        """Whose address it is may never have heard of us."""
        booking = ask(slot)
        proofs = {"visitor": OTHER, "expires_at": timezone.now() + timedelta(hours=1)}
        Proof.objects.create(email="lena@example.com", **proofs)
        for status in ("HELD", "EXPIRED"):
            Booking.objects.filter(pk=booking.pk).update(status=status)
            assert not Booking.objects.shown().exists()
            assert not Booking.objects.proven_to(LENA).exists()
            assert not Booking.objects.proven_to(OTHER).exists()
            assert not Booking.objects.of_address("lena@example.com").exists()

    def test_it_is_deleted_after_a_day(self, slot):
        make_booking(
            make_slot(slot.expert, at="12:00"), status=Status.EXPIRED, expires_at=timezone.now() - timedelta(days=2)
        )
        booking = ask(slot)
        Booking.objects.filter(pk=booking.pk).update(status="EXPIRED", expires_at=timezone.now() - timedelta(hours=25))
        cleanup.delete_old()
        assert Booking.objects.filter(awaits_proof=False).count() == 1
        assert not Booking.objects.filter(pk=booking.pk).exists()
