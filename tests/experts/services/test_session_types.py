"""Session types and who offers them: seen first where times change, and no booking changes with them."""

from datetime import time
from decimal import Decimal

import pytest

from bookings.models import Booking
from experts import services
from experts.errors import InvalidSessionType, NotFound, TypePreviewNeeded
from experts.example_types import EXAMPLE_SETS
from experts.models import Audience, OfferedType, SessionTerms, SessionType, WeeklyHours
from experts.scheduling.type_fit import fit_into_hours
from tests.cast import day_ahead, make_booking, make_expert, make_organization, make_session_type
from tests.experts.services.test_hours import row

pytestmark = pytest.mark.django_db


@pytest.fixture
def expert():
    """With slots of 20 minutes in a row, from 9:00 to 11:00."""
    expert = make_expert(session_minutes=20)
    starts = [(day_ahead(), time(9 + n // 3, n % 3 * 20)) for n in range(6)]
    services.add_slots(expert=expert, starts=starts)
    return expert


def agreed(call, **values):
    """Look at what it means, and agree."""
    try:
        return call(**values)
    except TypePreviewNeeded as preview:
        return call(**values, seen=preview.key)


def plan(call, **values):
    with pytest.raises(TypePreviewNeeded) as raised:
        call(**values)
    return raised.value.plan


def a_type(organization, **values) -> SessionType:
    """As a form fills it in, not saved yet."""
    return SessionType(organization=organization, **{"name": "First visit", "minutes": 40} | values)


def session_in(slots, kind: SessionType, offer: OfferedType) -> Booking:
    start, *more = slots
    terms = offer.terms
    return make_booking(
        start,
        session_type=kind,
        more_slots=[slot.pk for slot in more],
        session_ends_at=start.starts_at + terms.length,
        agreed=terms.as_json(),
    )


class TestWhatItMeans:
    def test_offering_the_first_type_is_seen_first(self, expert):
        kind = make_session_type(expert.organization, minutes=40)
        offer = OfferedType(expert=expert, session_type=kind)
        seen = plan(services.save_session_type, session_type=kind, offered=[offer])
        [change] = seen.changes
        assert (change.expert, change.starts_before, change.starts_after) == (expert, 6, 5)
        assert seen.begin == [expert]
        assert not OfferedType.objects.exists()
        agreed(services.save_session_type, session_type=kind, offered=[offer])
        assert OfferedType.objects.get().expert == expert

    def test_other_minutes_are_counted_for_each_expert_and_what_is_booked_stays(self, expert):
        kind = make_session_type(expert.organization, expert, minutes=40)
        slots = list(expert.slots.order_by("starts_at"))
        booking = session_in(slots[:2], kind, kind.offers.get())
        before = Booking.objects.values().get()
        kind.minutes, kind.buffer_after = 50, 10
        seen = plan(services.save_session_type, session_type=kind, fields=["minutes", "buffer_after"])
        [change] = seen.changes
        assert (change.starts_before, change.starts_after, seen.booked) == (3, 2, 1)
        agreed(services.save_session_type, session_type=kind, fields=["minutes", "buffer_after"])
        assert SessionType.objects.get().minutes == 50
        assert Booking.objects.values().get() == before
        assert booking.terms.minutes == 40

    def test_own_minutes_count_for_their_expert_alone(self, expert):
        other = make_expert(organization=expert.organization)
        kind = make_session_type(expert.organization, expert, other, minutes=40)
        own = OfferedType(expert=expert, session_type=kind, minutes=20)
        seen = plan(services.save_offers, expert_id=expert.pk, offered=[own])
        assert [(change.expert, change.starts_before, change.starts_after) for change in seen.changes] == [
            (expert, 5, 6)
        ]
        agreed(services.save_offers, expert_id=expert.pk, offered=[own])
        kind.minutes = 60
        assert [c.expert for c in plan(services.save_session_type, session_type=kind, fields=["minutes"]).changes] == [
            other
        ]

    def test_a_price_needs_no_look_and_a_retired_type_does(self, expert):
        kind = make_session_type(expert.organization, expert)
        kind.price_amount = Decimal(60)
        services.save_session_type(session_type=kind, fields=["price_amount"])
        kind.is_active = False
        seen = plan(services.save_session_type, session_type=kind, fields=["is_active"])
        assert (seen.end, seen.changes[0].after) == ([expert], None)

    def test_what_was_agreed_to_is_not_what_it_means_now(self, expert):
        kind = make_session_type(expert.organization, expert, minutes=40)
        kind.minutes = 60
        with pytest.raises(TypePreviewNeeded) as preview:
            services.save_session_type(session_type=kind, fields=["minutes"])
        other = make_expert(organization=expert.organization)
        OfferedType.objects.create(expert=other, session_type=kind)
        with pytest.raises(TypePreviewNeeded):
            services.save_session_type(session_type=kind, fields=["minutes"], seen=preview.value.key)

    def test_slots_that_are_for_other_types_are_no_starts(self, expert):
        kind = make_session_type(expert.organization, expert, minutes=20)
        other = make_session_type(expert.organization)
        services.set_types(slot_id=expert.slots.first().pk, for_types=[other.pk])
        kind.minutes = 40
        [change] = plan(services.save_session_type, session_type=kind, fields=["minutes"]).changes
        assert (change.starts_before, change.starts_after) == (5, 4)

    def test_from_one_expert_to_two_and_back(self, expert):
        """Alone 5 and 2 starts, at 5 times; together at the 2 that both have."""
        other = make_expert(organization=expert.organization, session_minutes=20)
        services.add_slots(expert=other, starts=[(day_ahead(), time(10, minute)) for minute in (0, 20, 40)])
        kind = make_session_type(expert.organization, expert, other, minutes=40)
        kind.experts_needed = 2
        seen = plan(services.save_session_type, session_type=kind, fields=["experts_needed"])
        [both] = seen.together
        assert (both.needed_before, both.needed_after, both.experts) == (1, 2, 2)
        assert (both.starts_before, both.starts_after) == (5, 2)
        assert {change.starts_after for change in seen.changes} == {None}
        assert {each.pk for each in seen.end} == {expert.pk, other.pk}  # they offer nothing alone any more
        agreed(services.save_session_type, session_type=kind, fields=["experts_needed"])
        kind.experts_needed = 1
        seen = plan(services.save_session_type, session_type=kind, fields=["experts_needed"])
        assert (seen.together[0].starts_before, seen.together[0].starts_after) == (2, 5)
        assert {each.pk for each in seen.begin} == {expert.pk, other.pk}

    def test_of_two_own_minutes_mean_nothing_and_who_stops_takes_times_from_all(self, expert):
        other = make_expert(organization=expert.organization, session_minutes=20)
        services.add_slots(expert=other, starts=[(day_ahead(), time(9, 0))])
        kind = make_session_type(expert.organization, expert, other, minutes=20, experts_needed=2)
        own = OfferedType(expert=expert, session_type=kind, minutes=40)
        services.save_offers(expert_id=expert.pk, offered=[own])
        seen = plan(services.save_offers, expert_id=expert.pk, withdrawn=[kind.pk])
        [both] = seen.together
        assert (both.needed_after, both.experts, both.starts_before, both.starts_after) == (2, 1, 1, 0)
        assert not seen.end


class TestRefusals:
    @pytest.mark.parametrize(
        ("values", "field"),
        [({"minutes": 0}, "minutes"), ({"name": ""}, "name"), ({"minutes": 1000, "buffer_after": 1000}, "")],
    )
    def test_each_has_a_message(self, values, field):
        with pytest.raises(InvalidSessionType) as refusal:
            services.save_session_type(session_type=a_type(make_organization(), **values))
        assert refusal.value.field == field

    def test_experts_of_others_do_not_offer_it(self):
        kind, stranger = make_session_type(make_organization()), make_expert()
        with pytest.raises(InvalidSessionType, match="another organisation"):
            services.save_session_type(session_type=kind, offered=[OfferedType(expert=stranger, session_type=kind)])
        with pytest.raises(InvalidSessionType, match="another organisation"):
            services.save_offers(expert_id=stranger.pk, offered=[OfferedType(expert=stranger, session_type=kind)])

    def test_an_address_is_once_in_an_organisation(self):
        organization = make_organization()
        services.save_session_type(session_type=a_type(organization, slug="first"))
        with pytest.raises(InvalidSessionType) as refusal:
            services.save_session_type(session_type=a_type(organization, slug="first"))
        assert refusal.value.field == "slug"
        services.save_session_type(session_type=a_type(make_organization(), slug="first"))

    def test_what_was_booked_or_has_hours_is_not_deleted(self, expert):
        kind = make_session_type(expert.organization, expert, minutes=20)
        booking = session_in([expert.slots.first()], kind, kind.offers.get())
        with pytest.raises(InvalidSessionType, match="Retire it"):
            services.delete_session_type(session_type_id=kind.pk)
        Booking.objects.filter(pk=booking.pk).delete()
        hours = row(day_ahead(), expert=expert, for_types=[kind.pk])
        hours.save()
        with pytest.raises(InvalidSessionType, match="retire it"):
            services.delete_session_type(session_type_id=kind.pk)
        hours.delete()
        services.delete_session_type(session_type_id=kind.pk)
        assert not SessionType.objects.exists()


class TestAddresses:
    def test_it_is_made_of_the_name_and_free(self):
        organization = make_organization()
        slugs = [services.save_session_type(session_type=a_type(organization)).slug for _ in range(2)]
        assert slugs == ["first-visit", "first-visit-2"]

    def test_with_the_link_only_it_cannot_be_guessed(self):
        organization = make_organization()
        slugs = {
            services.save_session_type(session_type=a_type(organization, audience=Audience.LINK)).slug for _ in range(2)
        }
        assert len(slugs) == 2
        assert all(len(slug.removeprefix("first-visit-")) == 16 for slug in slugs)
        typed = a_type(organization, audience=Audience.LINK, slug="friends")
        assert services.save_session_type(session_type=typed).slug == "friends"


def test_types_move_up_and_down_within_their_organisation():
    organization = make_organization()
    rows = [services.save_session_type(session_type=a_type(organization, name=name)) for name in "ABC"]
    make_session_type(make_organization(), name="Z")

    def order():
        return "".join(SessionType.objects.filter(organization=organization).values_list("name", flat=True))

    assert order() == "ABC"
    for moved, places, then in [(2, -1, "ACB"), (2, -1, "CAB"), (2, -1, "CAB"), (2, 1, "ACB"), (1, 5, "ACB")]:
        services.move_session_type(session_type_id=rows[moved].pk, places=places)
        assert order() == then
    for moved, onto, then in [(1, 0, "BAC"), (1, 2, "ACB"), (1, 0, "BAC"), (0, 0, "BAC")]:
        services.move_session_type(session_type_id=rows[moved].pk, onto=rows[onto].pk)
        assert order() == then
    foreign = SessionType.objects.exclude(organization=organization).get()
    with pytest.raises(NotFound):
        services.move_session_type(session_type_id=rows[0].pk, onto=foreign.pk)
    assert order() == "BAC"


@pytest.mark.parametrize("example", EXAMPLE_SETS, ids=lambda example: example.slug)
def test_an_organisation_starts_from_an_example_once(example):
    organization = make_organization()
    made = services.add_example_types(organization=organization, example=example)
    assert [kind.name for kind in SessionType.objects.all()] == [str(each.name) for each in example.types] != []
    assert made == list(SessionType.objects.all())
    with pytest.raises(InvalidSessionType):
        services.add_example_types(organization=organization, example=example)


@pytest.mark.parametrize(
    ("slot_minutes", "pause", "terms", "slots", "lost", "never"),
    [
        (20, 0, (40, 0, 0), 2, 0, False),
        (60, 0, (60, 0, 10), 2, 50, False),
        (60, 0, (40, 0, 0), 1, 20, False),
        (20, 0, (40, 10, 0), 3, 10, False),
        (20, 5, (40, 0, 0), 0, 0, True),
        (20, 5, (20, 0, 0), 1, 0, False),
        (60, 0, (240, 0, 0), 0, 0, True),
    ],
)
def test_how_a_type_fits_into_hours(slot_minutes, pause, terms, slots, lost, never):
    hours = WeeklyHours(
        weekday=0, start=time(9), end=time(12), slot_minutes=slot_minutes, buffer_minutes=pause, capacity=1
    )
    minutes, before, after = terms
    fit = fit_into_hours([hours], 1, SessionTerms("Visit", minutes, buffer_before=before, buffer_after=after))
    assert (fit.slots, fit.lost, fit.never) == (slots, lost, never)


def test_hours_of_other_types_do_not_fit(expert):
    hours = WeeklyHours(weekday=0, start=time(9), end=time(12), slot_minutes=20, capacity=1, for_types=[2])
    assert fit_into_hours([hours], 1, SessionTerms("Visit", 20)).never
    assert not fit_into_hours([hours], 2, SessionTerms("Visit", 20)).never
    assert fit_into_hours([], 1, SessionTerms("Visit", 20)) is None
