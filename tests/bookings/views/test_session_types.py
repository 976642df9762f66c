"""Session types as visitors see them: what for is chosen first, then a start at which the whole session fits."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client

from bookings import services
from bookings.models import Booking, Status
from experts.models import Audience, SessionType
from experts.models.expert import Venue
from tests.cast import book, day_ahead, details, make_expert, make_row_of_slots, make_type
from tests.kept import body_of

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def expert(db):
    return make_expert()


@pytest.fixture
def slots(expert):
    return make_row_of_slots(expert)


@pytest.fixture
def visit(expert):
    return make_type(expert, name="First visit", slug="first-visit", price_words="€60")


@pytest.fixture
def follow_up(expert):
    return make_type(expert, name="Follow-up", slug="follow-up", minutes=20, price_words="€35")


def page(client, expert, **query):
    return client.get(f"/experts/{expert.slug}/", query)


def starts(response):
    return [f"{t.slot.starts_at:%H:%M}" for part in response.context["parts"] for t in part.tiles]


def shown(response):
    """The tiles as people read them."""
    tiles = re.findall(r'<time datetime="[^"]+">(.*?)</time>', body_of(response), re.DOTALL)
    return [" ".join(re.sub("<[^>]+>", "", tile).split()) for tile in tiles]


class TestChoosing:
    def test_what_for_is_asked_before_there_are_times(self, client, expert, slots, visit, follow_up):
        response = page(client, expert)
        body = body_of(response)
        assert response.status_code == 200
        assert [(card.name, card.facts) for card in response.context["choice"].cards] == [
            ("First visit", "40 min · €60"),
            ("Follow-up", "20 min · €35"),
        ]
        assert "hx-ws:connect" not in body
        assert "tile-grid" not in body

    def test_the_chosen_type_has_its_starts_as_ranges(self, client, expert, slots, visit, follow_up):
        response = page(client, expert, type="first-visit")
        assert shown(response)[:2] == ["09:00 – 09:40", "09:20 – 10:00"]
        assert len(starts(response)) == 8  # none at 11:40, where the hours end too soon
        assert response.context["choice"].chosen.name == "First visit"

    def test_with_one_type_there_is_nothing_to_choose(self, client, expert, slots, visit):
        response = page(client, expert)
        assert len(starts(response)) == 8
        assert 'id="types"' not in body_of(response)
        assert "40 min · €60" in body_of(response)

    def test_a_type_with_a_link_of_its_own_is_found_by_that_alone(self, client, expert, slots, visit):
        visit.audience = Audience.LINK
        visit.save()
        make_type(expert, name="Follow-up", slug="follow-up", minutes=20)
        assert "First visit" not in body_of(page(client, expert))
        assert "First visit" in body_of(page(client, expert, type="first-visit"))

    @pytest.mark.parametrize("spoil", [{"is_active": False}, {"slug": "other"}])
    def test_what_is_not_offered_any_more_leads_to_the_choice(self, client, expert, slots, visit, follow_up, spoil):
        make_type(expert, name="Third", slug="third")
        SessionType.objects.filter(pk=visit.pk).update(**spoil)
        response = page(client, expert, type="first-visit")
        body = response.content.decode()
        assert response.status_code == 404
        assert "does not offer this any more" in body
        assert 'value="follow-up"' in body
        assert "tile-grid" not in body

    def test_every_address_of_the_page_keeps_the_type(self, client, expert, slots, visit, follow_up):
        for query in ({}, {"month": f"{day_ahead():%Y-%m}"}):
            body = body_of(page(client, expert, type="follow-up", **query))
            day = body[body.index('<section id="day"') : body.index("</section>", body.index("grid-form"))]
            addresses = re.findall(r'(?:href|formaction|hx-get|hx-ws:connect)="(/[^"]+)"', day)
            addresses = [it for it in addresses if not it.startswith("/static/")]
            without = [it for it in addresses if "type=follow-up" not in it and it != f"/experts/{expert.slug}/"]
            assert len(addresses) > 10
            assert not without

    def test_frames_keep_it_too(self, client, expert, slots, visit, follow_up):
        body = body_of(client.get(f"/embed/expert/{expert.slug}/", {"type": "follow-up", "tz": "Asia/Tokyo"}))
        assert f'href="/slots/{slots["10:00"].pk}/book/?type=follow-up"' in body
        assert '<input type="hidden" name="tz" value="Asia/Tokyo">' in body

    def test_the_type_s_place_decides_whose_clock_leads(self, client, expert, slots, visit, follow_up):
        SessionType.objects.filter(pk=visit.pk).update(venue=Venue.VIDEO)
        client.cookies["zone"] = "Asia/Tokyo"
        assert page(client, expert, type="first-visit").context["clock_line"].of == "visitor"
        assert page(client, expert, type="follow-up").context["clock_line"].of == "place"

    def test_its_own_policy_is_told(self, client, expert, slots, visit, follow_up):
        SessionType.objects.filter(pk=visit.pk).update(cancel_until=timedelta(days=3), requires_approval=True)
        body = body_of(page(client, expert, type="first-visit"))
        assert "approves each booking by hand" in body
        assert "until 3 days before" in body


class TestKept:
    """Pages are kept until something of them changes."""

    def test_a_changed_type_or_offer_is_seen_at_once(self, client, expert, slots, visit, follow_up):
        page(client, expert, type="first-visit")
        visit.offers.update(minutes=60)
        assert shown(page(client, expert, type="first-visit"))[0] == "09:00 – 10:00"
        SessionType.objects.filter(pk=visit.pk).update(name="Hello")
        assert "Hello" in body_of(page(client, expert, type="first-visit"))
        visit.offers.all().delete()
        assert page(client, expert, type="first-visit").status_code == 404

    def test_a_booking_takes_away_the_starts_that_it_makes_impossible(self, client, expert, slots, visit, follow_up):
        assert "09:40" in starts(page(client, expert, type="first-visit"))
        book(slots["10:00"], session_type=follow_up.pk)
        assert starts(page(client, expert, type="first-visit")) == [
            "09:00", "09:20", "10:20", "10:40", "11:00", "11:20",
        ]  # fmt: skip

    def test_the_number_of_queries_is_constant(
        self, client, expert, slots, visit, follow_up, django_assert_num_queries
    ):
        day = day_ahead().isoformat()
        with django_assert_num_queries(5):  # two of its version, expert, types, slots
            page(client, expert, type="first-visit", day=day)
        with django_assert_num_queries(2):
            page(client, expert, type="first-visit", day=day)
        with django_assert_num_queries(4):  # without a choice no times: the first free day, version, expert, types
            page(client, expert)
        book(slots["10:00"], session_type=follow_up.pk)
        with django_assert_num_queries(6):  # and the bookings that begin in what is taken
            page(client, expert, type="first-visit", day=day)


def url(slot, step="book", kind="first-visit"):
    return f"/slots/{slot.pk}/{step}/?type={kind}"


class TestBooking:
    """Plain pages and forms."""

    def test_from_tile_to_done(self, client, expert, slots, visit, follow_up):
        tile = body_of(page(client, expert, type="first-visit"))
        assert f'formaction="{url(slots["10:00"], "hold")}"' in tile
        held = client.post(url(slots["10:00"], "hold"))
        opened = client.get(held["Location"])
        for words in ("First visit", "10:00 to 10:40", "€60", "40 minutes"):
            assert words in body_of(opened)
        assert Booking.objects.get().slot_ids == [slots["10:00"].pk, slots["10:20"].pk]
        step = re.search(r'<form class="booking-main" method="post" action="([^"]+)"', body_of(opened))[1]
        review = client.post(step, details(step="review"))
        assert "First visit" in body_of(review)
        sent = client.post(step, details(step="confirm"))
        done = client.get(sent["Location"])
        assert "10:00 to 10:40" in body_of(done)
        booking = Booking.objects.get()
        assert (booking.status, booking.session_type, booking.terms.price) == (Status.CONFIRMED, visit, "€60")

    def test_the_bar_of_a_hold_knows_the_type(self, client, expert, slots, visit, follow_up):
        client.post(url(slots["10:00"], "hold"))
        body = body_of(page(client, expert, type="follow-up"))
        assert "First visit · " in body
        assert f'href="{url(slots["10:00"])}"' in body
        released = client.post(url(slots["10:00"], "release"))
        assert "type=first-visit" in released["Location"]

    def test_a_hold_is_marked_on_its_start_and_on_no_other_type(self, client, expert, slots, visit, follow_up):
        client.post(url(slots["10:00"], "hold"))
        mark = f'id="slot-{slots["10:00"].pk}-mark" data-mark="held"'
        own = page(client, expert, type="first-visit")
        assert mark in body_of(own)
        assert mark not in body_of(page(client, expert, type="follow-up"))
        assert "10:00" in starts_of(own)

    def test_what_is_one_s_own_is_shown_where_others_are_not_taken_as_a_whole(
        self, client, expert, slots, visit, follow_up
    ):
        book(slots["09:40"], session_type=follow_up.pk)  # so that 09:40 to 10:20 is taken as a whole
        client.post(url(slots["10:00"], "hold"))
        assert f'id="slot-{slots["10:00"].pk}-mark" data-mark="held"' in body_of(
            page(client, expert, type="first-visit")
        )

    def test_a_lost_start_leads_to_the_nearest_starts_of_the_type(self, client, expert, slots, visit, follow_up):
        services.hold_slot(slot_id=slots["10:20"].pk, visitor="b" * 32, session_type=visit.pk)
        book(slots["10:20"], session_type=follow_up.pk, visitor="b" * 32)
        lost = client.post(url(slots["10:00"]), details(step="confirm"))
        assert lost.status_code == 409
        assert [(it.time, it.ends) for it in lost.context["alternatives"]] == [
            ("09:40", "10:20"), ("09:20", "10:00"), ("10:40", "11:20"),
        ]  # fmt: skip
        assert all("type=first-visit" in it.url for it in lost.context["alternatives"])

    def test_nothing_is_held_before_it_is_known_what_for(self, client, expert, slots, visit):
        for step in ("hold", "book"):
            answer = client.post(f"/slots/{slots['10:00'].pk}/{step}/", details(step="confirm"))
            assert answer.status_code == 303
            assert answer["Location"].startswith(f"/experts/{expert.slug}/")
        dialog = client.post(f"/slots/{slots['10:00'].pk}/hold/", headers=PARTIAL)
        assert dialog["HX-Redirect"].startswith(f"/experts/{expert.slug}/")
        assert not Booking.objects.exists()

    @pytest.mark.parametrize("odd", ["\0", "first-visit~\0", "first-visit~", "~", "x" * 9000, "😀", "' OR 1=1"])
    def test_what_is_no_type_leads_to_the_choice(self, client, expert, slots, visit, odd):
        for step in ("hold", "book", "waitlist"):
            address = f"/slots/{slots['10:00'].pk}/{step}/?{urlencode({'type': odd})}"
            assert client.post(address, details(step="confirm")).status_code == 303, step
        assert page(client, expert, type=odd).status_code == 404
        whom = f"/o/{expert.organization.slug}/book/first-visit/"
        assert client.get(whom, {"with": odd}).status_code == 404
        assert client.post(f"{whom}hold/?{urlencode({'with': odd, 'at': '2030-01-01T10:00Z'})}").status_code == 404
        assert not Booking.objects.exists()

    def test_the_type_of_another_organisation_is_none(self, client, expert, slots, visit):
        stranger = make_expert()
        make_type(stranger, name="Elsewhere", slug="elsewhere")
        for step in ("hold", "book"):
            answer = client.post(f"/slots/{slots['10:00'].pk}/{step}/?type=elsewhere", details(), follow=True)
            assert answer.status_code == 404
            assert "Elsewhere" not in answer.text
        house = f"/o/{expert.organization.slug}/book"
        assert client.get(f"{house}/elsewhere/").status_code == 404
        assert client.get(f"{house}/first-visit/", {"with": stranger.slug}).status_code == 404
        assert not Booking.objects.exists()

    def test_a_retired_type_leads_to_the_choice(self, client, expert, slots, visit):
        SessionType.objects.update(is_active=False)
        answer = client.post(url(slots["10:00"], "hold"), follow=True)
        assert answer.status_code == 404
        assert "does not offer this any more" in answer.content.decode()

    def test_what_changed_since_it_was_looked_at_is_looked_at_again(self, client, expert, slots, visit):
        client.post(url(slots["10:00"], "hold"))
        review = client.post(url(slots["10:00"]), details(step="review"))
        looked_at = {"terms": re.search(r'name="terms" value="([^"]+)"', body_of(review))[1]}
        SessionType.objects.update(colour="plum", buffer_after=20)  # nothing that the visitor agrees to
        assert client.post(url(slots["10:00"]), details(step="review")).status_code == 200
        SessionType.objects.update(minutes=60, price_words="€90")
        again = client.post(url(slots["10:00"]), details(step="confirm") | looked_at)
        assert again.status_code == 409
        for words in ("has changed meanwhile", "10:00 to 11:00", "€90", "Lena Fischer"):
            assert words in again.text, words
        assert Booking.objects.get().status == Status.HELD
        looked_at = {"terms": re.search(r'name="terms" value="([^"]+)"', again.text)[1]}
        for _ in range(2):
            sent = client.post(url(slots["10:00"]), details(step="confirm") | looked_at)
            assert "10:00 to 11:00" in body_of(client.get(sent["Location"]))
            SessionType.objects.update(price_words="€120")  # a form that is sent again gets its first answer
        booking = Booking.objects.get()
        assert (booking.status, booking.price) == (Status.CONFIRMED, "€90")

    def test_a_start_at_which_it_does_not_fit_is_refused(self, client, expert, slots, visit):
        answer = client.post(url(slots["11:40"], "hold"))
        assert answer.status_code == 409
        assert not Booking.objects.exists()

    def test_done_is_shown_when_the_type_has_gone(self, client, expert, slots, visit):
        sent = client.post(url(slots["10:00"]), details(step="confirm"))
        visit.offers.all().delete()
        assert "10:00 to 10:40" in body_of(client.get(sent["Location"]))

    def test_a_stranger_who_comes_later_sees_it_full(self, client, expert, slots, visit):
        client.post(url(slots["10:00"]), details(step="confirm"))
        other = Client()
        assert 'data-state="full"' in body_of(page(other, expert))
        assert other.post(url(slots["10:00"], "hold")).status_code == 409


def starts_of(response):
    return [text.split(" ")[0] for text in shown(response)]


class TestMoving:
    def test_the_starts_are_those_of_what_was_agreed(self, client, expert, slots, visit):
        client.post(url(slots["10:00"]), details(step="confirm"))
        booking = Booking.objects.get()
        SessionType.objects.update(minutes=60, is_active=False)
        address = f"/bookings/{booking.reference}/reschedule/"
        opened = client.get(address)
        assert starts_of(opened) == ["09:00", "09:20", "09:40", "10:00", "10:20", "10:40", "11:00", "11:20"]
        assert shown(opened)[4] == "10:20 – 11:00"  # over itself
        client.post(address, {"slot": slots["10:20"].pk, "sequence": booking.sequence})
        booking.refresh_from_db()
        assert booking.slot_ids == [slots["10:20"].pk, slots["10:40"].pk]
