from datetime import UTC, datetime, time, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import demo
from bookings.demo import hours, planting
from bookings.demo.profiles import profiles, written
from bookings.models import Booking, Source, Status, TurnedAway
from experts import services
from experts.errors import PreviewNeeded
from experts.models import Category, Expert, Membership, Organization, Role, Slot
from experts.timezones import instant_of
from tests.mail import waiting
from tests.staff import PASSWORD, make_user

# Both sides of the Atlantic change to summer time within the five weeks around it, on different days.
NOW = datetime(2026, 3, 10, 9, 42, tzinfo=UTC)
pytestmark = pytest.mark.slow
MODELS = (Organization, Category, Expert, Slot, Booking)


def seed_demo(*arguments) -> str:
    out = StringIO()
    call_command("seed_demo", *arguments, stdout=out)
    return out.getvalue()


def rows(**options) -> list[list[tuple]]:
    """All that one planting writes, ids left out; then it is undone."""
    with transaction.atomic():
        demo.plant(**options)
        written_rows = []
        for model in MODELS:
            keys = {"id", "more_slots", "for_types"}  # those of other rows, too
            names = [f.name for f in model._meta.concrete_fields if not f.is_relation and f.name not in keys]
            if model is not Booking:
                names = [name for name in names if name != "created_at"]  # the database's own clock
            parent = {Slot: ["expert__slug"], Booking: ["slot__expert__slug", "slot__starts_at"]}.get(model, [])
            written_rows.append(sorted(model.objects.order_by().values_list(*parent, *names), key=repr))
        transaction.set_rollback(True)
    return written_rows


@pytest.fixture(scope="class")
def site(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        yield demo.plant(now=NOW)
        transaction.set_rollback(True)


@pytest.fixture
def soon(db, monkeypatch):
    """A site for a week instead of a month, where that does not matter."""
    monkeypatch.setattr(planting, "DAYS_AHEAD", 7)


@pytest.mark.usefixtures("site")
class TestSite:
    """Sixty experts, planted once for the whole class."""

    def test_the_summary_counts_what_was_written(self, site):
        counted = [model.objects.count() for model in MODELS]
        assert counted == [site.organizations, site.categories, site.experts, site.slots, site.bookings]
        assert counted[:3] == [3, 8, 60]

    def test_every_status_is_there(self):
        assert set(Booking.objects.values_list("status", flat=True).distinct()) == set(Status)

    def test_people_wanted_times_that_were_gone(self):
        assert TurnedAway.objects.filter(slot__seats_booked__gte=F("slot__capacity")).count() > 20
        assert not TurnedAway.objects.filter(Q(created_at__gt=NOW) | Q(created_at__gt=F("slot__starts_at"))).exists()

    def test_the_organisations_differ(self):
        for name in ("timezone", "accent", "requires_approval", "min_notice", "horizon_days"):
            assert Organization.objects.values(name).distinct().count() >= 2, name
        assert not Organization.objects.exclude(contact_email__endswith=".example.com").exists()

    def test_counters_equal_the_rows_and_no_slot_is_overbooked(self):
        counted = {key: [0, 0, None] for key in Slot.objects.values_list("pk", flat=True)}
        for booking in Booking.objects.occupying():
            for key in booking.slot_ids:
                held, booked, expiry = counted[key]
                if booking.status == Status.HELD:
                    earliest = min(expiry or booking.expires_at, booking.expires_at)
                    counted[key] = [held + booking.seats, booked, earliest]
                else:
                    counted[key] = [held, booked + booking.seats, expiry]
        for slot in Slot.objects.all():
            assert [slot.seats_held, slot.seats_booked, slot.next_hold_expiry] == counted[slot.pk]
            assert slot.seats_held + slot.seats_booked <= slot.capacity

    def test_some_are_with_two_experts_who_both_offer_it(self):
        pairs = list(Booking.objects.exclude(second_expert=None).with_slot())
        assert len(pairs) >= 2
        for booking in pairs:
            assert booking.slot.starts_at > NOW
            assert booking.session_type.experts_needed == 2
            names = {booking.slot.expert_id, booking.second_expert_id}
            assert len(names) == 2
            assert booking.session_type.offers.filter(expert__in=names).count() == 2
            slots = Slot.objects.filter(pk__in=booking.slot_ids)
            assert set(slots.values_list("expert", flat=True)) == names

    def test_two_organisations_book_by_type_and_the_third_by_slot(self):
        of_types = Booking.objects.exclude(session_type=None)
        asking = set(of_types.values_list("slot__expert__organization__slug", flat=True))
        assert asking == {"northgate-clinic", "brightside-collective"}
        assert of_types.filter(slot__starts_at__gt=NOW).exclude(more_slots=[]).count() >= 20
        assert not Booking.objects.filter(slot__expert__offered_types__isnull=False, session_type=None).exists()
        for_types = dict(Slot.objects.exclude(for_types=[]).values_list("pk", "for_types"))
        assert for_types
        for booking in of_types:
            assert booking.session_type_id in for_types.get(booking.slot_id, [booking.session_type_id])

    def test_every_status_fits_the_time(self):
        ahead = Booking.objects.filter(slot__starts_at__gt=NOW)
        over = Booking.objects.alias(ends_at=Coalesce("session_ends_at", "slot__ends_at")).filter(ends_at__lte=NOW)
        assert set(over.values_list("status", flat=True)) <= set(Status) - {
            Status.HELD,
            Status.PENDING,
            Status.CONFIRMED,
        }
        assert not ahead.filter(status__in=[Status.COMPLETED, Status.NO_SHOW]).exists()
        pending = Booking.objects.filter(status=Status.PENDING)
        assert not pending.exclude(expires_at__gt=NOW, expires_at__lte=F("slot__starts_at")).exists()
        assert not Booking.objects.filter(status=Status.EXPIRED).exclude(expires_at__lte=NOW).exists()

    def test_nothing_was_booked_in_the_future_or_after_its_start(self):
        assert not Booking.objects.filter(Q(created_at__gt=NOW) | Q(created_at__gte=F("slot__starts_at"))).exists()

    def test_only_experts_who_approve_have_requests(self):
        answered = Booking.objects.filter(status__in=[Status.PENDING, Status.REJECTED]).with_slot()
        assert all(booking.slot.expert.policy("requires_approval") for booking in answered)

    def test_some_holds_run_and_some_were_left_behind(self):
        holds = Booking.objects.filter(status=Status.HELD)
        assert holds.filter(expires_at__gt=NOW).count() >= 5
        assert holds.filter(expires_at__lte=NOW).count() >= 5
        assert not holds.filter(holder="").exists()

    def test_nobody_books_more_seats_than_the_policy_gives(self):
        for expert in Expert.objects.select_related("organization"):
            most = (
                Booking.objects.filter(slot__expert=expert).order_by("-seats").values_list("seats", flat=True).first()
            )
            assert most <= expert.policy("max_party")

    def test_nobody_has_two_bookings_in_one_slot(self):
        named = Booking.objects.exclude(name="").values("slot", "name").annotate(times=Count("pk"))
        assert not named.filter(times__gt=1).exists()

    def test_the_showcase_is_busy_today_in_every_part_of_the_day(self):
        slots = Slot.objects.with_expert().filter(expert__slug="dr-amara-okafor", date=NOW.date())
        assert set(slots.values_list("capacity", flat=True)) == {5}
        for first, last in ((time(6), time(12)), (time(12), time(17)), (time(17), time(22))):
            assert slots.filter(time__gte=first, time__lt=last).count() >= 4
        assert {slot.state_at(NOW) for slot in slots} == {"past", "open", "few", "held", "full"}

    def test_one_expert_is_fully_booked_and_another_for_days(self):
        free = Slot.objects.bookable(NOW)
        assert Slot.objects.filter(expert__slug="sofia-marchetti", starts_at__gt=NOW).exists()
        assert not free.filter(expert__slug="sofia-marchetti").exists()
        first = free.filter(expert__slug="dr-tomas-herrera").order_by("starts_at").first()
        assert first.date >= NOW.date() + timedelta(days=6)

    def test_everybody_else_can_be_booked(self):
        without = Expert.objects.exclude(slots__in=Slot.objects.bookable(NOW))
        assert list(without.values_list("slug", flat=True)) == ["sofia-marchetti"]

    def test_slots_are_closed_full_few_and_of_many_sizes(self):
        states = {slot.state_at(NOW) for slot in Slot.objects.with_expert()}
        assert states == {"open", "few", "held", "full", "closed", "past"}
        assert {1, 5, 20} <= set(Slot.objects.values_list("capacity", flat=True))

    def test_slots_start_when_the_experts_clock_says_so(self):
        zones = set()
        for slot in Slot.objects.select_related("expert"):
            assert slot.starts_at == instant_of(slot.date, slot.time, slot.expert.zone)
            zones.add(slot.expert.timezone)
        assert len(zones) > 3
        assert Expert.objects.exclude(timezone=F("organization__timezone")).count() >= 5

    def test_what_is_written_would_pass_the_forms(self):
        for expert in Expert.objects.select_related("organization", "category"):
            expert.clean_fields(exclude=["organization", "category"])
            assert expert.search_text == expert.make_search_text()
        for booking in Booking.objects.exclude(status=Status.HELD).order_by("email", "name").distinct("email", "name"):
            booking.clean_fields(exclude=["slot"] if booking.email else ["slot", "email"])

    def test_people_are_made_up(self):
        people = Booking.objects.exclude(status=Status.HELD)
        assert not people.exclude(email__endswith="@example.com").exclude(email="", source=Source.STAFF).exists()
        assert people.values("email").distinct().count() > 500

    def test_nothing_is_queued(self):
        assert not ProcrastinateJob.objects.exists()
        assert waiting() == []

    def test_the_icons_are_in_the_sprite(self):
        sprite = (Path(settings.BASE_DIR) / "static" / "icons.svg").read_text()
        assert all(f'id="{icon}"' in sprite for icon in Category.objects.values_list("icon", flat=True))


def test_the_same_moment_gives_the_same_site(soon):
    assert rows(experts=8, now=NOW) == rows(experts=8, now=NOW)


def test_the_same_day_has_the_same_slots_and_the_same_people(soon):
    """By the evening sessions are over and other holds run, but nobody has swapped seats."""

    def people(now):
        with transaction.atomic():
            demo.plant(experts=8, now=now)
            seated = Booking.objects.occupying().exclude(status=Status.HELD)
            found = sorted(seated.values_list("slot__expert__slug", "slot__starts_at", "name", "seats", "reference"))
            slots = sorted(Slot.objects.values_list("expert__slug", "starts_at", "is_closed"))
            transaction.set_rollback(True)
        return slots, found

    assert people(NOW.replace(hour=0, minute=0)) == people(NOW.replace(hour=23, minute=59))


def test_the_showcase_has_a_full_day_on_a_sunday_too(db):
    sunday = NOW.replace(day=15)
    demo.plant(experts=1, now=sunday)
    assert Slot.objects.filter(date=sunday.date()).count() >= 12


def test_a_second_run_changes_nothing_and_says_so(soon):
    assert "5 experts" in seed_demo("--experts", "5")
    before = [list(model.objects.order_by("pk").values()) for model in MODELS]
    assert seed_demo() == "There are organisations already: no demo data added.\n"
    assert [list(model.objects.order_by("pk").values()) for model in MODELS] == before


def test_it_says_in_one_line_what_it_did(soon):
    said = seed_demo("--experts", "2")
    assert said.startswith("Demo data: 3 organisations, 8 categories, 2 experts, ")
    assert said.count("\n") == 1


def test_it_leaves_a_site_in_use_alone(db):
    Organization.objects.create(name="Ours", slug="ours")
    seed_demo()
    assert [model.objects.count() for model in MODELS] == [1, 0, 0, 0, 0]


def test_a_failure_leaves_nothing_behind(db, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("disk full")

    monkeypatch.setattr(planting, "_write", fail)
    with pytest.raises(RuntimeError):
        demo.plant(experts=2, now=NOW)
    assert not any(model.objects.exists() for model in MODELS)


@pytest.mark.parametrize("number", ["0", "-1", "many", "1.5", "100001", "9" * 40])
def test_it_refuses_an_odd_number_of_experts(number):
    with pytest.raises(CommandError, match="is not a number from 1 to 100000"):
        seed_demo(f"--experts={number}")


def test_sixty_people_have_something_of_their_own_to_say():
    assert len(written()) == 60
    assert len({profile.bio for profile in written()}) == 60
    assert len({profile.name for profile in written()}) == 60


def test_more_experts_are_made_up_with_addresses_of_their_own():
    many = profiles(3000, "seed")
    assert many == profiles(3000, "seed")
    assert len({profile.slug for profile in many}) == 3000
    assert max(len(profile.slug) for profile in many) <= 80
    assert "ibrahim-yilmaz" in {profile.slug for profile in many}


def test_made_up_experts_get_slots_and_bookings_too(soon):
    demo.plant(experts=70, now=NOW)
    assert not Expert.objects.filter(slots=None).exists()
    assert not Slot.objects.filter(capacity__lt=F("seats_held") + F("seats_booked")).exists()


def test_weekly_hours_become_starts():
    week = [NOW.date() + timedelta(days=offset) for offset in range(7)]  # from a Tuesday
    found = list(hours.starts("tue-wed 09:00-10:30 14:00-15:00; sat 09:00-09:45", week, minutes=45, pause=0))
    tuesday, wednesday, saturday = week[0], week[1], week[4]
    assert found == [
        *((day, at) for day in (tuesday, wednesday) for at in (time(9), time(9, 45), time(14))),
        (saturday, time(9)),
    ]


def test_a_pause_comes_between_sessions_but_not_after_the_last():
    found = hours.starts("tue 09:00-11:00", [NOW.date()], minutes=50, pause=20)
    assert [at for _, at in found] == [time(9), time(10, 10)]


def test_the_slots_are_those_of_the_weekly_hours(db):
    planting.plant(experts=3)
    for expert in Expert.objects.all():
        [plan] = services.apply_hours(expert_id=expert.pk, hours=[*expert.hours.all()], seen=key_of_growth(expert))
        assert not (plan.removed or plan.changed or plan.kept or plan.retired)
        assert {slot.date for slot, _ in plan.added} == {
            slot.date for slot, _ in plan.added if slot.date > expert.slots_until
        }


def key_of_growth(expert) -> str:
    """That of the days which came within the horizon since the demo's last."""
    try:
        services.apply_hours(expert_id=expert.pk, hours=[*expert.hours.all()])
    except PreviewNeeded as preview:
        return preview.key
    return ""


def test_one_in_each_role_can_log_in(soon, client):
    assert demo.add_members(password="maya knows the way") == [], "this is no demo site"
    demo.plant(experts=6)
    addresses = ["owner@example.com", "scheduler@example.com", "expert@example.com"]
    for _ in range(2):
        assert demo.add_members(password="maya knows the way") == addresses
    for role in Role:
        membership = Membership.objects.get(user__email=f"{role.value}@example.com")
        assert (membership.role, membership.organization.slug) == (role, "northgate-clinic")
        assert client.login(username=f"{role.value}@example.com", password="maya knows the way", request=HttpRequest())
    assert Expert.objects.filter(user__email="expert@example.com", organization__slug="northgate-clinic").exists()


def test_members_take_no_account_from_somebody_else(soon):
    demo.plant(experts=6)
    somebody = make_user(email="owner@example.com")
    demo.add_members(password="maya knows the way")
    assert not somebody.memberships.exists()
    assert somebody.check_password(PASSWORD)
