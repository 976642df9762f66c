"""What search engines, and other sites where somebody shares a page, are told of it."""

import json
import re
from datetime import datetime, timedelta
from html import unescape
from xml.etree import ElementTree

import pytest
from django.conf import settings

from bookingsite import sitemaps
from experts.models import Category, Expert
from tests.cast import (
    day_ahead,
    make_booking,
    make_category,
    make_expert,
    make_organization,
    make_row_of_slots,
    make_slot,
    make_type,
)

pytestmark = pytest.mark.django_db
SITE = "http://localhost:8000"
LOC = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


def head(client, path: str) -> dict[str, str]:
    """The head of a page: its title, its canonical address, and what its meta elements say by their names."""
    html = client.get(path).content.decode()
    found = dict(re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', html))
    found["title"] = re.search(r"<title>(.*?)</title>", html)[1]
    found["canonical"] = "".join(re.findall(r'<link rel="canonical" href="([^"]*)"', html))
    return {name: unescape(text) for name, text in found.items()}


def locations(client, path: str) -> list[str]:
    return [it.text for it in ElementTree.fromstring(b"".join(client.get(path))).iter(LOC)]


@pytest.fixture
def expert():
    house = make_organization(name="Hale & Partners", slug="hale")
    category = make_category(name="Health", slug="health")
    return make_expert(
        name='Amara "Ama" Okafor',
        slug="amara",
        headline="Physiotherapist",
        bio="Backs. " * 60,
        organization=house,
        category=category,
    )


class TestHead:
    def test_of_an_expert(self, client, expert):
        said = head(client, "/experts/amara/?day=2026-11-24&zone=expert")
        assert said["title"] == 'Amara "Ama" Okafor, Physiotherapist · ExpertBook'
        assert said["canonical"] == said["og:url"] == f"{SITE}/experts/amara/"
        assert said["description"] == said["og:description"]
        assert said["description"].startswith('Book a time with Amara "Ama" Okafor, Hale & Partners. Backs.')
        assert said["description"].endswith("…")
        assert len(said["description"]) <= 160
        assert "robots" not in said

    def test_lists_have_one_address_whatever_they_were_opened_by(self, client, expert):
        for number in range(12):
            make_expert(organization=expert.organization, category=expert.category, name=f"B {number:02}")
        for path, canonical, title in [
            ("/", "/", "Book time with an expert · ExpertBook"),
            ("/experts/?sort=name", "/", "Book time with an expert · ExpertBook"),
            (
                "/experts/?category=health",
                "/experts/?category=health",
                "Health · Book time with an expert · ExpertBook",
            ),
            ("/experts/?page=2&utm_source=x", "/experts/?page=2", "Book time with an expert, page 2 · ExpertBook"),
            ("/experts/?organization=hale", "/o/hale/", "Hale & Partners · ExpertBook"),
            ("/o/hale/?category=health", "/o/hale/?category=health", "Health · Hale & Partners · ExpertBook"),
        ]:
            said = head(client, path)
            assert (said["canonical"], said["title"]) == (SITE + canonical, title)
            assert 20 < len(said["description"]) <= 160

    def test_what_somebody_looks_for_is_not_shown_to_others(self, client, expert):
        for query in ("search=amara", "when=today", "language=en&organization=hale"):
            assert head(client, f"/experts/?{query}")["robots"] == "noindex"

    def test_only_pages_that_are_meant_to_be_found_say_so(self, client, expert):
        """Every other page is kept out by base.html, without a word of its own."""
        slot = make_slot(expert)
        for path in (f"/slots/{slot.pk}/book/", "/bookings/", "/nowhere/", "/embed/expert/amara/", "/account/login/"):
            said = head(client, path)
            assert (said["robots"], said["canonical"]) == ("noindex", ""), path
        assert "robots" not in head(client, "/start/")

    def test_the_address_of_a_page_of_ones_own_does_not_leave_the_site(self, client, expert):
        booking = make_booking(make_slot(expert))
        for path in ("/bookings/", f"/bookings/{booking.reference}/", f"/slots/{booking.slot_id}/book/"):
            assert client.get(path)["Referrer-Policy"] == "same-origin", path
        assert client.get("/bookings/link/x/")["Referrer-Policy"] == "strict-origin"  # not our logs either


class TestStructuredData:
    """JSON-LD, as schema.org has it."""

    def data(self, client, path="/experts/amara/"):
        html = client.get(path).content.decode()
        [text] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html)
        return json.loads(text)["@graph"], text

    def test_says_who_it_is_what_there_is_and_what_is_free_in_the_shown_week(self, client, expert):
        first = expert.today() + timedelta(days=7)  # weeks begin today
        free = make_slot(expert, day=first, at="10:00", capacity=4)
        few = make_slot(expert, day=first + timedelta(days=6), at="11:00", capacity=2)
        make_booking(few)
        make_booking(make_slot(expert, day=first, at="12:00"))  # full
        make_slot(expert, day=first, at="13:00", is_closed=True)
        make_slot(expert, day=first + timedelta(days=7))  # of another week
        (who, service), _text = self.data(client, f"/experts/amara/?day={first}")
        url = f"{SITE}/experts/amara/"
        assert (who["@type"], who["name"], who["jobTitle"]) == ("Person", expert.name, "Physiotherapist")
        assert (who["url"], who["worksFor"]["name"]) == (url, "Hale & Partners")
        assert (service["@type"], service["provider"], service["url"]) == ("Service", {"@id": who["@id"]}, url)
        assert [
            (datetime.fromisoformat(it["availabilityStarts"]), datetime.fromisoformat(it["availabilityEnds"]))
            for it in service["offers"]
        ] == [(free.starts_at, free.ends_at), (few.starts_at, few.ends_at)]
        assert [it["availability"].rpartition("/")[2] for it in service["offers"]] == ["InStock", "LimitedAvailability"]

    def test_of_a_session_type_the_price_and_an_address_of_its_own(self, client, expert):
        make_row_of_slots(expert)
        priced = make_type(expert, slug="priced", name="Priced", price_amount="60.5", price_currency="EUR")
        make_type(expert, slug="free", name="Free", price_words="Free")
        hidden = make_type(expert, slug="hidden-1", audience="link")
        (who, service), _text = self.data(client, "/experts/amara/?type=priced")
        url = f"{SITE}/experts/amara/?type=priced"
        assert head(client, "/experts/amara/?type=priced&day=2026-11-24")["canonical"] == service["url"] == url
        assert who["@id"] == service["provider"]["@id"] == f"{SITE}/experts/amara/#expert"
        assert {(it["price"], it["priceCurrency"]) for it in service["offers"]} == {("60.50", "EUR")}
        priced.offers.update(price_amount="45")
        (_who, service), _text = self.data(client, f"/experts/amara/?type=priced&day={day_ahead()}")
        assert {it["price"] for it in service["offers"]} == {"45.00"}
        (_who, service), _text = self.data(client, "/experts/amara/?type=free")
        assert service["offers"] and not any("price" in it for it in service["offers"])
        plain = f"{SITE}/experts/amara/"
        assert head(client, f"/experts/amara/?type={hidden.slug}")["canonical"] == plain, "its link is for few"

    def test_a_doctor_is_a_practice_and_says_where(self, client, expert):
        Category.objects.update(is_medical=True)
        Expert.objects.update(venue_note="12 Hill Street, London")
        (who, _service), _text = self.data(client)
        assert (who["@type"], who["address"]) == ("Physician", "12 Hill Street, London")
        assert who["parentOrganization"]["url"] == f"{SITE}/o/hale/"
        assert "jobTitle" not in who

    def test_no_text_of_a_person_ends_it(self, client, expert):
        nasty = "</script><script>alert(1)</script><!--&"
        Expert.objects.update(name=nasty, headline=nasty, bio=nasty)
        (who, _service), text = self.data(client)
        assert who["name"] == who["jobTitle"] == nasty
        assert not set("<>&") & set(text)
        assert "<script>alert" not in client.get("/experts/amara/").content.decode()

    def test_is_for_the_page_alone(self, client, expert):
        partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
        assert b"ld+json" not in client.get("/experts/amara/", headers=partial).content
        assert b"ld+json" not in client.get("/embed/expert/amara/").content


def test_robots(client):
    text = client.get("/robots.txt").content.decode()
    assert text.startswith("User-agent: *\n")
    assert f"\nSitemap: {SITE}/sitemap.xml\n" in text
    for path in ("/bookings/", "/admin/", "/slots/", "/embed/", "/account/"):
        assert f"\nDisallow: {path}\n" in text
    assert not re.search(r"Disallow: /(experts|o)?/?\n", text)


class TestSitemap:
    def test_lists_whoever_can_be_found(self, client, expert):
        gone = make_expert(slug="gone", is_active=False, organization=expert.organization)
        asleep = make_expert(slug="asleep", organization=make_organization(slug="asleep-house", is_active=False))
        listed = [
            url for file in locations(client, "/sitemap.xml") for url in locations(client, file.removeprefix(SITE))
        ]
        assert listed == [f"{SITE}/o/hale/", f"{SITE}/experts/amara/"]
        assert all(client.get(url.removeprefix(SITE)).status_code == 200 for url in listed)
        for other in (gone, asleep):
            assert client.get(f"/experts/{other.slug}/").status_code == 404

    def test_has_files_of_so_many_pages_each_read_some_at_a_time(self, client, expert, monkeypatch):
        monkeypatch.setattr(sitemaps, "MOST_PAGES", 5)
        monkeypatch.setattr(sitemaps, "AT_ONCE", 2)
        slugs = ["amara", *(make_expert(organization=expert.organization, slug=f"b{n}").slug for n in range(11))]
        files = [file.removeprefix(SITE) for file in locations(client, "/sitemap.xml")]
        assert files == ["/sitemap-organizations-1.xml", *(f"/sitemap-experts-{n}.xml" for n in (1, 2, 3))]
        found = [locations(client, file) for file in files[1:]]
        assert [len(urls) for urls in found] == [5, 5, 2]
        assert [url for urls in found for url in urls] == [f"{SITE}/experts/{slug}/" for slug in slugs]

    @pytest.mark.parametrize("name", ["experts-0", "experts-2", "experts-99999999999999999999", "people-1"])
    def test_has_no_other_files(self, client, expert, name):
        assert client.get(f"/sitemap-{name}.xml").status_code == 404


def test_the_manifest_names_icons_of_the_sizes_it_says():
    folder = settings.BASE_DIR / "static" / "app"
    manifest = json.loads((folder / "manifest.webmanifest").read_text())
    for icon in manifest["icons"]:
        content = (folder / icon["src"].removeprefix("/static/app/")).read_bytes()
        width, height = (int.from_bytes(content[at : at + 4]) for at in (16, 20))  # of the header of a PNG
        assert icon["sizes"] == f"{width}x{height}"
