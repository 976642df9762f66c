"""Who is the second of two experts sees, reads and hears what the first does, and colleagues do not."""

import pytest
from django.urls import reverse
from django.utils import timezone

from bookings import services
from bookings.mail.recipients import recipients
from bookings.mail.rules import MailKind
from bookings.models import Booking
from bookings.permissions import may_read_notes
from bookings.selectors.staff_day import read_day
from bookings.selectors.staff_experts import experts_to_choose
from experts.models import Membership, Role, SessionType
from experts.permissions import reach_of
from tests.api.caller import Caller, make_token
from tests.cast import day_ahead, make_expert, make_organization, make_row_of_slots, make_session_type
from tests.staff import admin_url, errors_of, logged_in, make_member, make_superuser

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return make_organization(requires_approval=True, hides_notes=True)


@pytest.fixture
def experts(organization):
    """Two who hold the session, and a colleague; each with an account of the role "expert"."""
    names = ("Amara Okafor", "Priya Raman", "Zoe Weiss")
    made = []
    for name in names:
        user = make_member(organization, Role.EXPERT, email=f"{name.split()[0].lower()}@example.com")
        expert = make_expert(organization=organization, name=name, user=user)
        make_row_of_slots(expert, end="11:00")
        made.append(expert)
    return made


@pytest.fixture
def booking(organization, experts):
    kind = make_session_type(organization, *experts, name="Couple’s hour", experts_needed=2)
    start = experts[0].slots.order_by("starts_at").first().starts_at
    answer = services.book_anyone(
        session_type=kind.pk,
        starts_at=start,
        experts=[expert.pk for expert in experts[:2]],
        name="Lena Fischer",
        email="lena@example.com",
        notes="Left knee",
    )
    return Booking.objects.with_slot().get(pk=answer.booking.pk)


def second_of(booking) -> tuple:
    """The second, and the colleague who has nothing to do with it."""
    of_it = {expert.pk for expert in booking.experts}
    colleague = next(e for e in booking.slot.expert.organization.experts.all() if e.pk not in of_it)
    return booking.second_expert, colleague


def test_the_second_finds_opens_and_changes_it_and_a_colleague_does_not(booking):
    second, colleague = second_of(booking)
    url = admin_url(Booking, "change", booking.pk)
    mine, theirs = logged_in(second.user), logged_in(colleague.user)
    assert list(mine.get(admin_url(Booking)).context["cl"].result_list) == [booking]
    assert list(theirs.get(admin_url(Booking)).context["cl"].result_list) == []
    page = mine.get(url)
    assert "Left knee" in page.text
    assert [decision.name for decision in page.context["decisions"]] == ["approve", "reject", "cancel"]
    assert mine.post(reverse("admin:bookings_booking_decide", args=[booking.pk, "approve"])).status_code == 302
    booking.refresh_from_db()
    assert booking.status == "CONFIRMED"
    assert theirs.get(url).status_code == 302
    assert theirs.get(reverse("admin:bookings_booking_decide", args=[booking.pk, "cancel"])).status_code == 302


def test_lists_of_one_expert_have_what_is_with_two(booking, organization):
    second, colleague = second_of(booking)
    owner = logged_in(make_member(organization))
    for expert, found in ((booking.slot.expert, [booking]), (second, [booking]), (colleague, [])):
        listed = owner.get(admin_url(Booking), {"slot__expert__id__exact": expert.pk}).context["cl"].result_list
        assert list(listed) == found
        answer = Caller(make_token(organization)).get("/admin/bookings", {"expert": expert.slug}).json()
        assert [row["reference"] for row in answer["items"]] == [row.reference for row in found]


def test_the_day_shows_it_to_both(booking, organization):
    second, colleague = second_of(booking)
    for expert, sees in ((booking.slot.expert, True), (second, True), (colleague, False)):
        mine, now = reach_of(expert.user), timezone.now()
        columns = experts_to_choose(mine, organization, day_ahead())
        assert columns == [expert]
        day = read_day(organization=organization, experts=columns, day=day_ahead(), now=now, reach=mine)
        shown = [entry.booking for column in day.columns for entry in column.entries if entry.booking is not None]
        assert shown == ([booking] if sees else [])
        assert day.waiting.count == (1 if sees else 0)


def test_both_and_the_desk_are_mailed_once_each(booking, organization):
    second, _colleague = second_of(booking)
    desk = make_member(organization, Role.SCHEDULER)
    told = recipients(booking, MailKind.STAFF_REQUEST)
    assert sorted(told) == sorted([booking.slot.expert.user.email, second.user.email, desk.email])
    Membership.objects.all().delete()
    organization.contact_email = "desk@example.com"
    organization.save()
    fresh = Booking.objects.for_mails().get(pk=booking.pk)
    assert recipients(fresh, MailKind.STAFF_REQUEST) == ["desk@example.com"]


def test_the_second_reads_notes_that_schedulers_do_not(booking, organization):
    second, colleague = second_of(booking)
    scheduler = make_member(organization, Role.SCHEDULER)
    assert may_read_notes(reach_of(second.user), booking)
    assert not may_read_notes(reach_of(scheduler), booking)
    assert not may_read_notes(reach_of(colleague.user), booking)


def test_a_list_takes_as_many_queries_for_the_second(booking, django_assert_max_num_queries):
    second, _colleague = second_of(booking)
    client = logged_in(second.user)
    client.get(admin_url(Booking))
    with django_assert_max_num_queries(20):
        client.get(admin_url(Booking))


# The type's form


def type_form(organization, **values) -> dict:
    form = {"organization": organization.pk, "name": "Couple’s hour", "minutes": 40, "experts_needed": 2}
    form |= {"buffer_before": 0, "buffer_after": 0, "audience": "everybody", "requires_approval": "unknown"}
    return form | {"is_active": "on", "offered_by": ""} | values


def test_staff_say_that_a_type_needs_two(organization, experts):
    staff = logged_in(make_member(organization))
    assert "Two together" in staff.get(admin_url(SessionType, "add")).text
    answer = staff.post(admin_url(SessionType, "add"), type_form(organization))
    kind = SessionType.objects.get()
    assert (answer.status_code, kind.experts_needed) == (302, 2)
    assert "40 min, two experts together" in staff.get(admin_url(SessionType)).text
    assert (
        staff.get(admin_url(SessionType, "add"), {"copy": kind.pk}).context["adminform"].form["experts_needed"].value()
        == 2
    )


def test_a_type_needs_one_or_two(organization):
    staff = logged_in(make_member(organization))
    answer = staff.post(admin_url(SessionType, "add"), type_form(organization, experts_needed=3))
    assert "experts_needed" in errors_of(answer)


def test_programs_say_that_a_type_needs_two(organization):
    staff = Caller(make_token(organization))
    answer = staff.post("/admin/session-types", {"name": "Team", "minutes": 40, "experts_needed": 2})
    assert (answer.status_code, answer.json()["experts_needed"]) == (201, 2)
    assert staff.post("/admin/session-types", {"name": "Team", "minutes": 40, "experts_needed": 3}).status_code == 422
    [row] = staff.get("/admin/session-types").json()["items"]
    assert row["experts_needed"] == 2


def test_superusers_see_it_all(booking):
    assert list(logged_in(make_superuser()).get(admin_url(Booking)).context["cl"].result_list) == [booking]
