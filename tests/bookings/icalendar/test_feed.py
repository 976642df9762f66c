"""Calendar feeds: read by a parser that is not the library that wrote them, and never by the wrong people."""

import io
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import vobject
from dateutil.tz import UTC as DATEUTIL_UTC
from dateutil.tz import tzical
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings import services
from bookings.icalendar import feed as calendar_feed
from bookings.icalendar.vtimezone import vtimezone
from bookings.models import Booking, CalendarFeed, Status
from bookingsite.logs import TokenlessFormatter
from experts.models import Membership, Organization, Role
from experts.timezones import zone_names
from tests.cast import book, day_ahead, make_booking, make_expert, make_organization, make_slot, move_slot
from tests.staff import admin_url, errors_of, logged_in, make_member, make_user, run_action

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget_zones(monkeypatch):
    """vobject keeps the first zone of a name that it ever reads."""
    monkeypatch.setattr(vobject.icalendar, "__tzidMap", {"UTC": DATEUTIL_UTC})


@pytest.fixture
def expert():
    return make_expert(name="Priya Raman", timezone="Europe/Berlin", venue_note="Unit 4, Main St; Lift B")


@pytest.fixture
def owner(expert):
    return make_member(expert.organization, password=None)


@pytest.fixture
def make_url(expert, owner):
    def make(**values):
        values = {"organization": expert.organization, "expert": expert, "created_by": owner} | values
        return calendar_feed.feed_url(services.create_feed(**values)[1]).removeprefix("http://localhost:8000")

    return make


def read(client, url) -> list:
    """The events, as vobject reads them: the zones come from the file, and from nowhere else."""
    response = client.get(url)
    assert response.status_code == 200, response
    calendar = vobject.readOne(response.content.decode())
    return calendar.contents.get("vevent", [])


class TestWhatItSays:
    def test_a_booking(self, client, expert, make_url):
        booking = make_booking(
            make_slot(expert, title="First visit", capacity=3),
            name="Lena Fischer",
            email="lena@example.com",
            phone="0151 77331",
            notes="Wobbly knee",
            seats=2,
        )
        url = make_url()
        [event] = read(client, url)
        assert event.summary.value == "First visit: Lena Fischer (2 seats)"
        assert event.uid.value == f"{booking.reference}@expertbook"
        assert (event.status.value, event.sequence.value, event.location.value) == (
            "CONFIRMED",
            "0",
            "Unit 4, Main St; Lift B",
        )
        assert (event.dtstart.value, event.dtend.value) == (booking.slot.starts_at, booking.slot.ends_at)
        assert booking.reference in event.description.value
        text = client.get(url).content.decode().replace("\r\n ", "")
        assert not {word for word in ("lena@example.com", "77331", "Wobbly") if word in text}

    def test_it_moves_and_goes_as_the_booking_does(self, client, expert, make_url):
        booking, url = book(make_slot(expert)), make_url()
        [before] = read(client, url)
        services.reschedule(booking_id=booking.pk, slot_id=make_slot(expert, at="15:00").pk, by_customer=True)
        [after] = read(client, url)
        assert after.uid.value == before.uid.value
        assert (before.sequence.value, after.sequence.value) == ("0", "1")
        assert after.dtstart.value > before.dtstart.value
        services.cancel(booking_id=booking.pk, by_customer=True)
        assert read(client, url) == []

    @pytest.mark.parametrize(
        ("status", "told"),
        [
            (Status.HELD, None),
            (Status.PENDING, "TENTATIVE"),
            (Status.CONFIRMED, "CONFIRMED"),
            (Status.COMPLETED, "CONFIRMED"),
            (Status.NO_SHOW, "CONFIRMED"),
            (Status.REJECTED, None),
            (Status.CANCELLED, None),
            (Status.EXPIRED, None),
        ],
    )
    def test_how_it_stands(self, client, expert, make_url, status, told):
        make_booking(make_slot(expert), status=status)
        assert [event.status.value for event in read(client, make_url())] == ([told] if told else [])

    def test_an_experts_feed_has_nobody_elses_bookings(self, client, expert, make_url):
        colleague = make_expert(name="Amara Okafor", organization=expert.organization, category=expert.category)
        make_booking(make_slot(expert), name="Lena")
        make_booking(make_slot(colleague), name="Omar")
        make_booking(make_slot(), name="Stranger")
        assert [event.summary.value for event in read(client, make_url())] == ["Lena"]
        of_all = {event.summary.value for event in read(client, make_url(expert=None))}
        assert of_all == {"Lena with Priya Raman", "Omar with Amara Okafor"}

    def test_thirty_days_back_and_the_nearest_if_there_are_too_many(self, client, expert, make_url, monkeypatch):
        today = timezone.now().date()
        for days in (-31, -29, -3, -2, 2, 3, 4):
            make_booking(make_slot(expert, day=today + timedelta(days=days)), name=f"day {days}")
        url = make_url()
        shown = [f"day {days}" for days in (-29, -3, -2, 2, 3, 4)]
        assert [event.summary.value for event in read(client, url)] == shown
        monkeypatch.setattr(calendar_feed, "MOST_BACK", 1)
        monkeypatch.setattr(calendar_feed, "MOST_AHEAD", 2)
        assert [event.summary.value for event in read(client, url)] == ["day -2", "day 2", "day 3"]

    def test_a_constant_number_of_queries(self, client, expert, make_url):
        url = make_url(expert=None)
        make_booking(make_slot(expert))
        counts = []
        for _ in range(2):
            with CaptureQueriesContext(connection) as captured:
                client.get(url)
            counts.append(len(captured))
            for n in range(3):
                other = make_expert(organization=expert.organization, category=expert.category)
                make_booking(make_slot(other, at=f"{12 + n}:00"))
        assert counts[1] <= counts[0] <= 6

    def test_lines_are_as_the_standard_wants_them(self, client, expert, make_url):
        make_booking(make_slot(expert), name="Ä" * 100 + "\nSTATUS:CANCELLED")
        response = client.get(make_url())
        assert response["Content-Type"] == "text/calendar; charset=utf-8"
        assert response.content.count(b"\n") == response.content.count(b"\r\n")
        assert max(map(len, response.content.split(b"\r\n"))) <= 75
        assert b"\r\nSTATUS:CANCELLED" not in response.content


class TestClockChanges:
    """Each night on which a clock changes, against the tz database: what the file says is the instant of the slot."""

    NIGHTS = [
        ("Europe/Berlin", "2026-03-28", "2026-10-24"),
        ("America/New_York", "2027-03-13", "2026-10-31"),
        ("Australia/Lord_Howe", "2026-10-03", "2027-04-03"),
        ("Asia/Kathmandu", "2026-03-28", "2026-10-24"),
    ]

    @pytest.mark.parametrize("night", [0, 1])
    @pytest.mark.parametrize(("name", "spring", "autumn"), NIGHTS)
    def test_every_half_hour_of_a_night(self, name, spring, autumn, night):
        zone = ZoneInfo(name)
        organization = make_organization()
        # A slot keeps its instant when its expert moves to another zone, also one that the clock there shows twice. The
        # second is another expert's: an expert has one slot at a time of the clock.
        experts = [make_expert(organization=organization, timezone="UTC") for _ in range(2)]
        start = datetime.combine(date.fromisoformat((spring, autumn)[night]), datetime.min.time(), zone)
        start = start.astimezone(UTC) + timedelta(hours=22)
        wanted = {}
        for n in range(16):
            starts_at = start + timedelta(minutes=30 * n)
            slot = make_slot(experts[starts_at.astimezone(zone).fold], starts_at=starts_at, minutes=30)
            booking = make_booking(slot)
            wanted[f"{booking.reference}@expertbook"] = (slot.starts_at, slot.ends_at)
        for expert in experts:
            expert.timezone = name
            expert.save()
            # In the order in which no slot is put where one is that is still to move.
            clocks_go_forward = start.astimezone(zone).utcoffset() > timedelta(0)
            for slot in expert.slots.order_by("-starts_at" if clocks_go_forward else "starts_at"):
                move_slot(slot, slot.starts_at)
        feed = CalendarFeed(organization=organization)
        calendar = vobject.readOne(calendar_feed.calendar(feed, start).decode())
        told = {}
        for event in calendar.vevent_list:
            begin, end = event.dtstart.value, event.dtend.value
            assert type(begin.tzinfo).__module__.startswith("dateutil"), "the zone is read from the file"
            told[event.uid.value] = (begin.astimezone(UTC), end.astimezone(UTC))
        assert told == wanted
        in_the_zone = [e for e in calendar.vevent_list if "X-VOBJ-ORIGINAL-TZID" in e.dtstart.params]
        assert len(in_the_zone) >= 12, "only an hour that comes twice is told in UTC"

    def test_the_zones_of_the_world_at_each_of_their_changes(self):
        first, end = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2027, 12, 31, tzinfo=UTC)
        # One zone for each different set of changes.
        kinds = {}
        for name in sorted(zone_names() - {"UTC"}):
            zone = ZoneInfo(name)
            days = ((first + timedelta(days=n)).astimezone(zone).utcoffset() for n in range((end - first).days))
            kinds.setdefault(tuple(days), zone)
        assert len(kinds) > 50
        for zone in kinds.values():
            read_back = tzical(io.StringIO(vtimezone(zone, 2026, 2027).to_ical().decode())).get()
            at = first
            while at < end:
                local = at.astimezone(zone)
                naive = local.replace(tzinfo=read_back)
                assert local.fold or naive.utcoffset() == local.utcoffset(), (zone.key, local)
                at += timedelta(hours=31)

    def test_an_onset_is_told_on_the_clock_before_it(self):
        text = vtimezone(ZoneInfo("Europe/Berlin"), 2026, 2026).to_ical().decode()
        assert "BEGIN:DAYLIGHT\r\nDTSTART:20260329T020000\r\n" in text
        assert "BEGIN:STANDARD\r\nDTSTART:20261025T030000\r\n" in text


class TestItsAddress:
    def test_kept_by_nobody_on_the_way(self, client, make_url):
        response = client.get(make_url())
        assert set(response["Cache-Control"].split(", ")) == {"private", "no-cache"}
        assert (response["Referrer-Policy"], response["X-Robots-Tag"]) == ("no-referrer", "noindex")
        assert not response.cookies

    def test_answers_304_until_something_changes(self, client, expert, make_url):
        booking, url = make_booking(make_slot(expert)), make_url()
        etag = client.get(url)["ETag"]
        again = client.get(url, headers={"If-None-Match": etag})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
        Booking.objects.filter(pk=booking.pk).update(name="Somebody Else")
        changed = client.get(url, headers={"If-None-Match": etag})
        assert changed.status_code == 200
        assert changed["ETag"] != etag

    def test_an_unknown_one_is_not_found_and_a_revoked_one_is_gone(self, client, expert, make_url):
        make_booking(make_slot(expert), name="Lena")
        url = make_url()
        assert client.get("/feeds/nonsense.ics").status_code == 404
        assert services.revoke_feed(feed_id=CalendarFeed.objects.get().pk)
        response = client.get(url)
        assert (response.status_code, response.content) == (410, b"")

    def test_is_not_in_the_database(self, make_url):
        token = make_url().removeprefix("/feeds/").removesuffix(".ics")
        with connection.cursor() as cursor:
            cursor.execute("SELECT row_to_json(f)::text FROM bookings_calendarfeed f")
            assert token not in str(cursor.fetchall())
            cursor.execute("SELECT row_to_json(f)::text FROM bookings_calendarfeedevent f")
            rows = str(cursor.fetchall())
        assert token not in rows
        assert CalendarFeed.objects.get().token_hash not in rows

    def test_is_not_in_the_log(self, client, caplog):
        client.get("/feeds/a-token-that-opens-something.ics")
        logged = "\n".join(TokenlessFormatter().format(record) for record in caplog.records)
        assert "/feeds/…" in logged
        assert "opens-something" not in logged

    def test_reading_is_all_one_can_do(self, client, make_url):
        assert client.post(make_url()).status_code == 405
        assert client.head(make_url()).status_code == 200

    def test_its_use_is_kept_once_an_hour(self, client, make_url):
        url = make_url()
        client.get(url)
        first = CalendarFeed.objects.get().last_used_at
        assert abs(first - timezone.now()) < timedelta(minutes=1)
        client.get(url)
        assert CalendarFeed.objects.get().last_used_at == first
        CalendarFeed.objects.update(last_used_at=first - timedelta(minutes=61))
        client.get(url)
        assert CalendarFeed.objects.get().last_used_at >= first


class TestItEndsWithTheRightOfWhoeverMadeIt:
    @pytest.fixture(autouse=True)
    def booking(self, expert):
        return make_booking(make_slot(expert), name="Lena")

    def test_a_member_who_leaves(self, client, owner, make_url):
        url = make_url()
        assert len(read(client, url)) == 1
        Membership.objects.filter(user=owner).delete()
        assert client.get(url).status_code == 410

    def test_an_account_that_is_closed(self, client, owner, make_url):
        url = make_url()
        owner.is_active = False
        owner.save()
        assert client.get(url).status_code == 410

    def test_an_organisation_that_is_closed(self, client, expert, make_url):
        url = make_url()
        Organization.objects.filter(pk=expert.organization_id).update(is_active=False)
        assert client.get(url).status_code == 410

    def test_an_owner_who_becomes_an_expert_keeps_the_own_calendar_only(self, client, expert, owner, make_url):
        of_all, own = make_url(expert=None), make_url()
        Membership.objects.filter(user=owner).update(role=Role.EXPERT)
        assert [client.get(url).status_code for url in (of_all, own)] == [410, 410]
        expert.user = owner
        expert.save()
        assert [client.get(url).status_code for url in (of_all, own)] == [410, 200]

    def test_an_expert_who_moves_to_another_organisation(self, client, expert, make_url):
        url = make_url()
        expert.organization = make_organization()
        expert.save()
        assert read(client, url) == []


class TestAdmin:
    def made(self, response) -> str:
        assert response.status_code == 200, response
        return response.context["url"].removeprefix("http://localhost:8000")

    def test_made_on_the_experts_page_and_shown_once(self, client, expert, owner):
        make_booking(make_slot(expert), name="Lena")
        staff = logged_in(owner)
        page = staff.get(admin_url(type(expert), "change", expert.pk))
        button = f"/admin/experts/expert/{expert.pk}/calendar_feed/"
        assert button in page.content.decode()
        form = staff.get(f"{button}", follow=True)
        assert form.context["adminform"].form.initial["expert"] == str(expert.pk)
        response = staff.post(admin_url(CalendarFeed, "add"), {"expert": expert.pk, "organization": ""})
        url = self.made(response)
        assert "no-store" in response["Cache-Control"]
        assert [event.summary.value for event in read(client, url)] == ["Lena"]
        feed = CalendarFeed.objects.get()
        assert (feed.created_by, feed.organization) == (owner, expert.organization)
        for again in (admin_url(CalendarFeed), admin_url(CalendarFeed, "change", feed.pk)):
            assert url not in staff.get(again).content.decode()

    def test_of_a_whole_organisation(self, client, expert, owner):
        staff = logged_in(owner)
        button = f"/admin/experts/organization/{expert.organization_id}/calendar_feed/"
        assert staff.get(button, follow=True).status_code == 200
        url = self.made(staff.post(admin_url(CalendarFeed, "add"), {"organization": expert.organization_id}))
        assert read(client, url) == []

    def test_revoked(self, client, owner, make_url):
        url = make_url()
        run_action(logged_in(owner), CalendarFeed, "revoke", CalendarFeed.objects.all())
        assert client.get(url).status_code == 410

    def test_an_expert_has_a_feed_of_the_own_calendar_and_of_no_other(self, client, expert):
        user = make_member(expert.organization, Role.EXPERT, password=None)
        own = make_expert(organization=expert.organization, category=expert.category, user=user)
        staff = logged_in(user)
        assert self.made(staff.post(admin_url(CalendarFeed, "add"), {"expert": own.pk}))
        for values in ({"expert": expert.pk}, {"organization": expert.organization_id}, {}):
            assert errors_of(staff.post(admin_url(CalendarFeed, "add"), values))
        assert CalendarFeed.objects.count() == 1

    def test_what_does_not_fit_together_is_said_at_the_field(self, expert, owner):
        stranger = make_expert()
        Membership.objects.create(user=owner, organization=stranger.organization, role=Role.OWNER)
        values = {"expert": expert.pk, "organization": stranger.organization_id}
        errors = errors_of(logged_in(owner).post(admin_url(CalendarFeed, "add"), values))
        assert errors == {"expert": ["This expert works for another organisation."]}

    def test_others_make_and_revoke_nothing(self, client, expert, make_url):
        url = make_url()
        stranger = make_member(make_organization(), password=None)
        for who in (Client(), logged_in(make_user(is_staff=True, password=None)), logged_in(stranger)):
            who.post(admin_url(CalendarFeed, "add"), {"expert": expert.pk})
            run_action(who, CalendarFeed, "revoke", CalendarFeed.objects.all())
        assert CalendarFeed.objects.get().revoked_at is None
        assert client.get(url).status_code == 200


def test_a_day_ahead_of_daylight_saving_is_no_other_day(client, expert, make_url):
    slot = make_slot(expert, day=day_ahead(200), at="00:15")
    make_booking(slot)
    [event] = read(client, make_url())
    assert event.dtstart.value.replace(tzinfo=None) == datetime.combine(slot.date, slot.time)
