"""The page of all who offer a type, and holding a time there."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.models import Booking
from experts.models import Organization
from tests.bookings.services.test_anyone import House
from tests.cast import book, day_ahead, details, make_expert, make_organization, make_row_of_slots, make_slot, make_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return House(experts=3)


def url(house, more="", embed=False):
    root = "embed" if embed else "o"
    return f"/{root}/{house.type.organization.slug}/book/{house.type.slug}/{more}"


def hold_url(house, html, clock="09:00"):
    """The address of the tile, as the page has it."""
    at = house.at(clock).strftime("%Y-%m-%dT%H%%3A%M%%3A%SZ")
    found = re.search(rf'formaction="([^"]*/hold/[^"]*at={at})"', html)
    return found[1].replace("&amp;", "&") if found else None


def shown(client, house, more=""):
    response = client.get(url(house, more))
    assert response.status_code == 200
    return response.content.decode()


def test_times_of_all_with_who_is_free(client, house):
    book(house.slots[0]["09:00"], session_type=house.type.pk)
    book(house.slots[1]["09:00"], session_type=house.type.pk)
    html = shown(client, house)
    assert house.experts[2].name in html
    nine = html[html.index('id="start-') :]
    assert "3 free" in nine and "09:00" in nine
    assert len(re.findall(r'class="person"[^>]*aria-current', html)) == 1, "anyone is chosen"
    for slots in house.slots:
        book(slots["10:40"])
    assert hold_url(house, shown(client, house), "10:20") is None, "nobody can any more"


def test_what_is_taken_with_everybody_is_not_in_the_way(client, house):
    for slots in house.slots:
        book(slots["09:00"], session_type=house.type.pk)
    starts = f'id="start-{int(house.at("09:00").timestamp())}"'
    assert starts not in shown(client, house)
    for slots in house.slots:
        for slot in slots.values():
            slot.refresh_from_db()
            if not slot.seats_booked:
                book(slot)
    day = next(iter(house.slots[0].values())).date.isoformat()
    assert "All times of this day are taken" in shown(client, house, f"?day={day}")


def test_where_two_weeks_have_nothing_it_leads_to_the_first_free_day(client, house):
    for slots in house.slots:
        for slot in slots.values():
            book(slot)
    assert "Next free time" not in shown(client, house)
    later = make_row_of_slots(house.experts[0], day=day_ahead(20))
    book(later["09:00"], session_type=house.type.pk)
    html = shown(client, house)
    assert re.search(rf'id="next-free" href="([^"]*\?day={day_ahead(20)})"', html)
    assert "See everybody" not in html
    assert "Next free time" not in shown(client, house, f"?with={house.experts[1].slug}")
    day = shown(client, house, f"?day={day_ahead(20)}")
    assert hold_url(house, day) is None
    assert re.search(r'formaction="[^"]*/hold/', day)


def test_a_person_narrows_the_times(client, house):
    book(house.slots[0]["09:00"], session_type=house.type.pk)
    one, other = house.experts[0], house.experts[1]
    assert hold_url(house, shown(client, house, f"?with={one.slug}")) is None
    assert f"with={other.slug}" in hold_url(house, shown(client, house, f"?with={other.slug}"))


def test_a_time_is_held_with_somebody_and_the_next_step_names_them(client, house):
    response = client.post(hold_url(house, shown(client, house)))
    held = Booking.objects.get()
    assert response.status_code == 303
    assert response["Location"] == f"/slots/{held.slot_id}/book/?type={house.type.slug}"
    assert held.slot.expert.name in client.get(response["Location"]).content.decode()


def test_it_says_when_nobody_is_free_any_more(client, house):
    address = hold_url(house, shown(client, house))
    for slots in house.slots:
        book(slots["09:00"], session_type=house.type.pk)
    answer = client.post(address)
    assert answer.status_code == 409
    assert "Nothing is held" in answer.content.decode()
    part = client.post(address, headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    assert part.status_code == 409 and "modal-title" in part.content.decode()
    assert not Booking.objects.filter(status="HELD").exists()


@pytest.mark.parametrize("more", ["?with=nobody", "?day=soon", "?day=1999-01-01", "?with=a&with=b"])
def test_what_there_is_not(client, house, more):
    assert client.get(url(house, more)).status_code == 404


@pytest.mark.parametrize("change", ["type", "organization", "nobody"])
def test_what_is_not_offered(client, house, change):
    address = url(house)
    if change == "type":
        type(house.type).objects.update(is_active=False)
    elif change == "organization":
        Organization.objects.update(is_active=False)
    else:
        house.type.offers.all().delete()
    assert client.get(address).status_code == 404
    assert client.post(f"{address}hold/?at=2027-01-01T10:00:00Z").status_code == 404


def test_holding_nonsense(client, house):
    for at in ("", "now", "2027-01-01T10:00:00", "2027-01-01T10:00:00Z"):
        assert client.post(url(house, f"hold/?at={at}")).status_code == 404
    assert client.get(url(house, "hold/")).status_code == 303
    assert not Booking.objects.exists()


def test_as_many_queries_for_many_experts_as_for_two(client, house):
    def queries(of):
        client.get(url(of))
        with CaptureQueriesContext(connection) as found:
            client.get(url(of))
        return len(found)

    assert queries(house) == queries(House(experts=6)) <= 12


def test_in_a_frame_a_time_opens_the_page(client, house):
    Organization.objects.update(embed_origins=["https://www.example.com"])
    response = client.get(url(house, embed=True))
    html = response.content.decode()
    assert "https://www.example.com" in response["Content-Security-Policy"]
    assert "/hold/" not in html and f'href="{url(house)}?day=' in html
    assert not response.cookies


def test_two_together(client):
    house = House(experts=3, experts_needed=2, minutes=20)
    html = shown(client, house)
    assert "two experts together" in html
    response = client.post(hold_url(house, html))
    held = Booking.objects.get()
    assert len(held.experts) == 2
    assert response["Location"].endswith(f"?type={house.type.slug}~{held.experts[1].slug}")
    step = client.get(response["Location"])
    html = step.content.decode()
    assert all(expert.name in html for expert in held.experts)
    key = re.search(r'name="key" value="([^"]+)"', html)[1]
    confirmed = client.post(response["Location"], details(key=key, step="confirm"))
    assert confirmed.status_code in (200, 302, 303)
    held.refresh_from_db()
    assert (held.status, len(held.experts)) == ("CONFIRMED", 2)


class TestTheOrganisation:
    def test_its_page_leads_to_its_types(self, client, house):
        html = client.get(f"/o/{house.type.organization.slug}/").content.decode()
        assert f'href="{url(house)}"' in html
        type(house.type).objects.update(audience="link")
        assert url(house) not in client.get(f"/o/{house.type.organization.slug}/").content.decode()
        assert client.get(url(house)).status_code == 200, "whoever has the link"

    def test_without_types_it_is_as_before(self, client):
        expert = make_expert()
        assert "What is it for?" not in client.get(f"/o/{expert.organization.slug}/").content.decode()

    def test_a_type_of_two_that_one_offers_is_not_shown(self, client):
        make_type(make_expert(organization=(organization := make_organization())), experts_needed=2)
        assert "What is it for?" not in client.get(f"/o/{organization.slug}/").content.decode()


def test_a_month_of_starts(client, house):
    day = house.slots[0]["09:00"].date
    html = shown(client, house)
    assert 'id="show-month"' in html and f"month={day:%Y-%m}" in html
    month = shown(client, house, f"?month={day:%Y-%m}&with={house.experts[1].slug}")
    assert 'class="month"' in month and f'id="day-{day}"' in month
    assert hold_url(house, month), "with the times of its first day that is free"
    link = re.search(rf'id="day-{day}" href="([^"]+)"', month)[1].replace("&amp;", "&")
    assert f"with={house.experts[1].slug}" in link and f"month={day:%Y-%m}" in link
    assert client.get(link).status_code == 200
    for wrong in ("?month=2027-13", "?month=nonsense", "?month=2199-01", f"?month=2027-01&day={day}"):
        assert client.get(url(house, wrong)).status_code == 404, wrong


def test_what_is_over_is_folded(client, house):
    begun = timezone.now() - timedelta(minutes=1)
    for expert in house.experts:
        make_slot(expert, starts_at=begun, minutes=20)
        make_slot(expert, starts_at=begun + timedelta(minutes=20), minutes=20)
    html = shown(client, house, f"?day={begun.astimezone(house.experts[0].zone).date()}")
    [folded] = re.findall(r'<details class="earlier".*?</details>', html, re.S)
    assert "1 earlier time" in folded
    assert f'id="start-{int(begun.timestamp())}"' in folded
    assert "formaction" not in folded


def test_who_finds_all_taken_waits_for_one_of_them(client, house):
    for slots in house.slots:
        book(slots["09:00"], session_type=house.type.pk)
    html = shown(client, house)
    links = re.findall(r'href="(/slots/\d+/waitlist/\?type=[^"]+)"', html)
    assert len(links) == 3
    assert f"Wait for {house.experts[1].name}" in html
    assert client.get(links[0]).status_code == 200
    only = shown(client, house, f"?with={house.experts[1].slug}&day={house.slots[0]['09:00'].date}")
    assert len(re.findall(r'href="/slots/\d+/waitlist/', only)) == 1
    pair = House(experts=2, experts_needed=2, minutes=20)
    book(pair.slots[0]["09:00"])
    assert "/waitlist/" not in shown(client, pair), "nobody waits for two"


def test_a_hold_is_shown_below_the_times(client, house):
    html = shown(client, house)
    client.post(hold_url(house, html))
    bar = shown(client, house)
    assert 'id="hold-bar"' in bar
    assert 'id="hold-bar"' not in type(client)().get(url(house)).content.decode()
    assert 'id="hold-bar"' in shown(client, house, f"?month={house.slots[0]['09:00'].date:%Y-%m}")


def test_the_line_about_the_clock_is_a_sentence(client, house):
    client.cookies["zone"] = "Asia/Tokyo"
    html = shown(client, house)
    assert clock_line(html).endswith(".")
    del client.cookies["zone"]
    assert clock_line(shown(client, house)).endswith(".")


def clock_line(html: str) -> str:
    [line] = re.findall(r'class="clock-line">(.*?)</p>', html, re.S)
    return re.sub(r"<[^>]+>", "", line).strip()
