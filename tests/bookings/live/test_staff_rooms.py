"""Pages of staff are told what kind of thing has changed in their organisation, and nobody else is told anything."""

import json
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from bookings.live.consumers import NO_VISITOR, NOT_FOUND, TOO_MANY_SOCKETS
from bookings.live.hub import MOST_SOCKETS_PER_VISITOR
from bookings.live.staff_rooms import MERGE_SECONDS
from bookings.models import Booking, Status
from bookings.selectors import staff_version
from bookings.selectors.staff_version import StaffAccess, StaffKey, read_staff_versions, still_admitted
from experts.models import Membership, Role, StaffSession, TwoFactor
from tests.bookings.live.sockets import VISITOR, closing_code, in_loop, socket
from tests.bookings.live.test_hub import until_heard
from tests.cast import book, day_ahead, make_booking, make_expert, make_organization, make_session_type, make_slot
from tests.staff import logged_in, make_member, make_superuser, make_user

pytestmark = pytest.mark.django_db(transaction=True)


class Clinic:
    """A slot of an organisation, and somebody at its desk."""

    def __init__(self, **slot):
        self.slot = make_slot(capacity=9, **slot)
        self.expert = self.slot.expert
        self.organization = self.expert.organization
        self.member = make_member(self.organization, Role.SCHEDULER)
        self.desk = logged_in(self.member)

    def path(self, day=None):
        return f"/ws/staff/{self.organization.slug}/?day={day or self.slot.date}"


async def keys(page):
    """What the page is told next."""
    found = json.loads(await page.receive_from(timeout=10))
    assert set(found) == {"staff", "fresh"}
    assert found["fresh"]
    return found["staff"]


@pytest.fixture
def told_only(settings):
    """What is told here was told by a message: there are no comparisons."""
    settings.LIVE_CHECK_SECONDS = 86400


@pytest.mark.usefixtures("told_only")
class TestTold:
    @in_loop
    async def test_a_booking_changes_the_day_and_a_request_the_requests_too(self):
        clinic = await sync_to_async(Clinic)()
        async with socket(clinic.path(), staff=clinic.desk) as page:
            first = await keys(page)
            await until_heard()
            await sync_to_async(book)(clinic.slot)
            second = await keys(page)
            assert second["day"] != first["day"]
            assert second["requests"] == first["requests"]
            await sync_to_async(make_booking)(clinic.slot, status=Status.PENDING)
            await sync_to_async(book)(clinic.slot)
            third = await keys(page)
            assert third["day"] != second["day"]
            assert third["requests"] != second["requests"]
            assert len({first["any"], second["any"], third["any"]}) == 3

    @in_loop
    async def test_changes_of_one_moment_are_one_message_and_the_last_is_never_lost(self):
        clinic = await sync_to_async(Clinic)()
        async with socket(clinic.path(), staff=clinic.desk) as page:
            await keys(page)
            await until_heard()
            for _ in range(8):
                await sync_to_async(book)(clinic.slot)
            now = await sync_to_async(shown)(clinic)
            told = 1
            while (await keys(page))["day"] != now.day:
                told += 1
            assert told <= 3
            assert await page.receive_nothing(timeout=2 * MERGE_SECONDS)

    @in_loop
    async def test_another_organisation_is_no_concern_of_theirs(self):
        clinic, other = await sync_to_async(Clinic)(), await sync_to_async(Clinic)()
        async with socket(clinic.path(), staff=clinic.desk) as page:
            await keys(page)
            await until_heard()
            await sync_to_async(book)(other.slot)
            assert await page.receive_nothing(timeout=2 * MERGE_SECONDS)


@in_loop
async def test_what_no_message_told_is_found_by_comparing(settings):
    """Raw SQL, and a message that was lost: a name that was corrected does not even touch the slot."""
    settings.LIVE_CHECK_SECONDS = 0.2
    clinic = await sync_to_async(Clinic)()
    booking = await sync_to_async(book)(clinic.slot)
    async with socket(clinic.path(), staff=clinic.desk) as page:
        first = await keys(page)
        await sync_to_async(Booking.objects.filter(pk=booking.pk).update)(name="Lena F.")
        second = await keys(page)
        assert second["day"] != first["day"]


@in_loop
async def test_who_comes_late_is_told_what_there_is(settings):
    settings.LIVE_CHECK_SECONDS = 86400
    clinic = await sync_to_async(Clinic)()
    async with socket(clinic.path(), staff=clinic.desk) as page:
        first = await keys(page)
        async with socket(clinic.path(), staff=clinic.desk) as other:
            assert await keys(other) == first


class TestAdmitted:
    @in_loop
    async def test_nobody_but_members_and_superusers(self):
        clinic, other = await sync_to_async(Clinic)(), await sync_to_async(Clinic)()
        plain = await sync_to_async(lambda: logged_in(make_user()))()
        staff = await sync_to_async(lambda: logged_in(make_user(is_staff=True)))()
        root = await sync_to_async(lambda: logged_in(make_superuser()))()
        expert = await sync_to_async(lambda: logged_in(make_member(clinic.organization, Role.EXPERT)))()
        for visitor in ("", VISITOR):
            async with socket(clinic.path(), visitor=visitor) as page:
                assert await closing_code(page) == NO_VISITOR
        for stranger in (other.desk, plain, staff):
            async with socket(clinic.path(), staff=stranger) as page:
                assert await closing_code(page) == NOT_FOUND
        for path in (
            "/ws/staff/nobody/",
            clinic.path("nonsense"),
            clinic.path("9999-12-31"),
            clinic.path() + "&experts=3,x",
        ):
            async with socket(path, staff=root) as page:
                assert await closing_code(page) == NOT_FOUND
        for known in (clinic.desk, expert, root):
            async with socket(clinic.path(), staff=known) as page:
                assert await keys(page)
            async with socket(clinic.path().partition("?")[0], staff=known) as page:
                assert await keys(page)
        async with socket(clinic.path(), staff=clinic.desk, origin="https://evil.example") as page:
            assert not page.was_accepted

    @in_loop
    async def test_nobody_who_has_to_set_up_a_second_factor(self, settings):
        clinic = await sync_to_async(Clinic)()
        settings.TWO_FACTOR = TwoFactor.EVERYBODY
        async with socket(clinic.path(), staff=clinic.desk) as page:
            assert await closing_code(page) == NO_VISITOR

    @pytest.mark.parametrize(
        "lose",
        [
            lambda clinic: Membership.objects.filter(user=clinic.member).delete(),
            lambda clinic: StaffSession.objects.filter(user=clinic.member).delete(),
            lambda clinic: StaffSession.objects.filter(user=clinic.member).update(
                seen_at=timezone.now() - timedelta(days=1)
            ),
            lambda clinic: type(clinic.member).objects.filter(pk=clinic.member.pk).update(is_active=False),
        ],
        ids=["the role", "the session", "too long away", "the account"],
    )
    @in_loop
    async def test_a_socket_ends_with(self, settings, lose):
        settings.LIVE_CHECK_SECONDS = 0.2
        clinic = await sync_to_async(Clinic)()
        root = await sync_to_async(make_superuser)()
        async with (
            socket(clinic.path(), staff=clinic.desk) as page,
            socket(clinic.path(), staff=await sync_to_async(logged_in)(root)) as other,
        ):
            await keys(page)
            await keys(other)
            await sync_to_async(lose)(clinic)
            assert await closing_code(page) == NOT_FOUND
            await sync_to_async(book)(clinic.slot)
            assert await keys(other)

    @in_loop
    async def test_one_person_has_twenty_sockets_and_no_more(self, settings):
        settings.RATE_LIMITS = True
        clinic = await sync_to_async(Clinic)()
        sockets = [
            socket(clinic.path(clinic.slot.date + timedelta(days=n)), staff=clinic.desk)
            for n in range(MOST_SOCKETS_PER_VISITOR)
        ]
        for one in sockets:
            await keys(await one.__aenter__())
        async with socket(clinic.path(), staff=clinic.desk) as page:
            assert await closing_code(page) == TOO_MANY_SOCKETS
        for one in sockets:
            await one.__aexit__(None, None, None)


def shown(clinic):
    key = StaffKey(clinic.organization.pk, clinic.slot.date)
    return read_staff_versions([key])[key]


def test_any_number_of_rooms_is_read_by_as_many_queries(django_assert_num_queries):
    clinics = [Clinic() for _ in range(3)]
    listening = {
        StaffAccess(StaffSession.objects.get(user=clinic.member).pk, clinic.organization.pk) for clinic in clinics
    }
    keys = [StaffKey(clinic.organization.pk, day) for clinic in clinics for day in (None, clinic.slot.date)]
    with django_assert_num_queries(2):
        assert set(read_staff_versions(keys)) == set(keys)
    with django_assert_num_queries(2):
        assert still_admitted(listening) == listening
    with django_assert_num_queries(0):
        assert (read_staff_versions([]), still_admitted(set())) == ({}, set())


def test_a_key_is_of_its_own_day_and_organisation():
    clinic, other = Clinic(), Clinic()
    far = make_slot(clinic.expert, day=day_ahead(20))
    before = shown(clinic)
    book(far)
    book(other.slot)
    assert shown(clinic) == before
    book(clinic.slot)
    assert shown(clinic).day != before.day


def test_an_organisation_without_experts_has_keys():
    key = StaffKey(make_organization().pk, None)
    make_expert()
    assert set(read_staff_versions([key])[key].keys) == {"day", "requests"}


@pytest.fixture
def of_two(monkeypatch):
    """A clinic of three, where no more than two would be listened to without being named."""
    monkeypatch.setattr(staff_version, "MOST_LISTENED_TO", 2)
    clinic = Clinic()
    others = [make_slot(make_expert(organization=clinic.organization), day=clinic.slot.date) for _ in range(2)]
    return clinic, others


def test_in_a_large_organisation_a_day_is_of_those_who_are_named(of_two):
    clinic, (other, third) = of_two
    stranger = make_slot(day=clinic.slot.date)
    key = StaffKey(clinic.organization.pk, clinic.slot.date, (clinic.expert.pk, other.expert_id, stranger.expert_id))

    def told():
        keys = [key, key._replace(experts=())]
        found = read_staff_versions(keys)
        assert {it.experts for it in found.values()} == {
            frozenset([clinic.expert.pk, other.expert_id, third.expert_id])
        }
        return [found[it].day for it in keys]

    [of_them, of_nobody] = told()
    for elsewhere in (third, stranger):
        book(elsewhere)
        assert told() == [of_them, of_nobody]
    for theirs in (clinic.slot, other):
        book(theirs)
        now, same = told()
        assert (now != of_them, same) == (True, of_nobody)
        of_them = now


def test_in_a_large_organisation_a_session_of_two_is_of_the_second_too(of_two):
    clinic, (other, _third) = of_two
    kind = make_session_type(clinic.organization, clinic.expert, other.expert, experts_needed=2, minutes=other.minutes)
    booking = book(other, session_type=kind.pk, second_expert=clinic.expert.pk)
    key = StaffKey(clinic.organization.pk, clinic.slot.date, (clinic.expert.pk,))
    before = read_staff_versions([key])[key].day
    Booking.objects.filter(pk=booking.pk).update(name="Lena F.")
    assert read_staff_versions([key])[key].day != before
