"""Finding an expert: search, filters, order, paging; all in the address."""

import re
from datetime import date, datetime, time, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest

from experts import discovery, formatting, ordering
from experts.models import Category, Expert, Organization
from experts.search import fold
from experts.templatetags import expertbook
from tests.cast import day_ahead, make_booking, make_category, make_expert, make_organization, make_slot
from tests.database import lasting_rows
from tests.kept import body_of

pytestmark = pytest.mark.django_db


def names(client, path="/experts/", **query):
    """The experts listed, in order."""
    listed = re.findall(r'class="stretched" href="[^"]*">([^<]*)</a>', body_of(client.get(path, query)))
    return [unescape(name) for name in listed]


def times_of(client, **query):
    """The next times on the first card."""
    return re.findall(r'class="next-time[ "][^>]*>([^<]*)<', body_of(client.get("/", query)).partition("</article>")[0])


class TestSearch:
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def experts(cls, django_db_setup, django_db_blocker):
        with lasting_rows(django_db_blocker):
            health, legal = make_category(name="Health", slug="health"), make_category(name="Legal", slug="legal")
            north = make_organization(name="Northgate Clinic", slug="northgate")
            fair = make_organization(name="Fairwater Law", slug="fairwater")
            make_expert(name="İbrahim Yılmaz", headline="Immigration lawyer", category=legal, organization=fair)
            make_expert(name="Dr Tomás Herrera", headline="Dermatologist", category=health, organization=north)
            make_expert(name="Mei-Ling Chen", headline="Pediatric “nurse”", category=health, organization=north)
            make_expert(name="Lukas Größe", headline="Notary", category=legal, organization=fair)
            yield

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("ibrahim", ["İbrahim Yılmaz"]),
            ("YILMAZ", ["İbrahim Yılmaz"]),
            ("yılmaz", ["İbrahim Yılmaz"]),
            ("tomas", ["Dr Tomás Herrera"]),
            ("Tómas", ["Dr Tomás Herrera"]),
            ("grosse", ["Lukas Größe"]),
            ("größe", ["Lukas Größe"]),
            ("derma", ["Dr Tomás Herrera"]),
            ("ling", ["Mei-Ling Chen"]),
            ("mei-ling", ["Mei-Ling Chen"]),
            ("chen nurse", ["Mei-Ling Chen"]),
            ("nurse chen north", ["Mei-Ling Chen"]),
            ("fairw", ["Lukas Größe", "İbrahim Yılmaz"]),
            ("legal", ["Lukas Größe", "İbrahim Yılmaz"]),
            ("erma", []),
            ("chen notary", []),
            ("!!!", []),
            ("'; DROP TABLE experts_expert; --", []),
            ("tomas & !x | (", []),
            ("x" * 5000, []),
            ("a b c d e f g h i j k l", []),
            ("\x00", ["Dr Tomás Herrera", "Lukas Größe", "Mei-Ling Chen", "İbrahim Yılmaz"]),
            ("  ", ["Dr Tomás Herrera", "Lukas Größe", "Mei-Ling Chen", "İbrahim Yılmaz"]),
        ],
    )
    def test_words_begin_what_is_stored(self, client, text, found):
        assert sorted(names(client, search=text)) == sorted(found)

    def test_filters_combine(self, client):
        assert sorted(names(client, category="health")) == ["Dr Tomás Herrera", "Mei-Ling Chen"]
        assert names(client, category="health", search="mei") == ["Mei-Ling Chen"]
        assert names(client, category="legal", organization="northgate") == []
        assert len(names(client, organization="fairwater")) == 2

    def test_what_is_unknown_is_left_out(self, client):
        everybody = names(client)
        assert len(everybody) == 4
        for query in ({"category": "magic"}, {"organization": "nobody"}, {"when": "yesterday"}, {"sort": "price"}):
            assert names(client, **query) == everybody

    def test_a_renamed_organisation_is_found_under_its_new_name(self, client):
        organization = Organization.objects.get(slug="northgate")
        organization.name = "Südtor Klinik"
        organization.save()
        category = Category.objects.get(slug="health")
        category.name = "Medicine"
        category.save()
        assert names(client, search="northgate") == []
        assert len(names(client, search="sudtor medic")) == 2

    def test_what_keeps_its_name_rewrites_no_words(self):
        """An organisation may have thousands of experts, and is saved whenever its policy changes."""
        Expert.objects.update(search_text="as it was")
        organization, category = Organization.objects.get(slug="northgate"), Category.objects.get(slug="health")
        organization.max_party, category.position = 4, 7
        organization.save()
        category.save()
        assert set(Expert.objects.values_list("search_text", flat=True)) == {"as it was"}


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Dr İnci-Müller", "dr inci muller"),
        ("  Straße\t9 ", "strasse 9"),
        ("Łódź Øre", "lodz ore"),
        ("ﬁancé", "fiance"),
        ("李小龙", "李小龙"),
        ("a'b\\c:*", "a b c"),
    ],
)
def test_fold(text, folded):
    assert fold(text) == folded


class TestOrder:
    def test_soonest_first_and_those_without_a_time_last(self, client):
        make_expert(name="Nobody's day")
        later, sooner, full = (make_expert(name=name) for name in ("Later", "Sooner", "Full"))
        make_slot(later, day=day_ahead(5))
        make_slot(sooner, day=day_ahead(3))
        make_booking(make_slot(full, day=day_ahead(2)))
        assert names(client) == ["Sooner", "Later", "Nobody's day", "Full"]  # as they were added
        assert names(client, sort="name") == ["Full", "Later", "Nobody's day", "Sooner"]

    def test_when(self, client):
        client.cookies["zone"] = "Europe/London"
        tomorrow, week, later = (make_expert(name=name) for name in ("Tomorrow", "Week", "Later"))
        make_slot(tomorrow, day=tomorrow.today() + timedelta(days=1))
        make_slot(week, day=tomorrow.today() + timedelta(days=6))
        make_slot(later, day=tomorrow.today() + timedelta(days=7))
        assert names(client, when="today") == []
        assert names(client, when="tomorrow") == ["Tomorrow"]
        assert names(client, when="week") == ["Tomorrow", "Week"]
        assert "Three experts match on other days" in body_of(client.get("/experts/", {"when": "today"}))


def cities(client, path="/"):
    """Those that one can choose."""
    return re.findall(r"<option(?: selected)?>([^<]+)<", body_of(client.get(path)))


def zoned(day: date, at: str, zone: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(at), tzinfo=ZoneInfo(zone))


class TestFilters:
    """How, in which language, on which day and at which part of it one can be seen."""

    def test_how_and_language(self, client):
        for name, venue, languages in [("Ann", "in_person", "en"), ("Bo", "video", "en de"), ("Cy", "phone", "de fr")]:
            make_expert(name=name, venue=venue, languages=languages.split())
        assert names(client, venue="video") == ["Bo"]
        assert names(client, venue=["video", "phone", "pigeon"]) == ["Bo", "Cy"]
        assert names(client, language="de") == ["Bo", "Cy"]
        assert names(client, language="de", venue="phone", search="cy") == ["Cy"]
        assert names(client, language="xx", venue="pigeon") == ["Ann", "Bo", "Cy"]

    def test_city(self, client):
        """That of the expert, else of the organisation; told by its own list."""
        berlin = make_organization(slug="berlin", city="Berlin")
        make_expert(name="Ann", organization=berlin)
        make_expert(name="Bo", organization=berlin, city="München", venue="video")
        make_expert(name="Cy", organization=make_organization(city=""), city="Berlin")
        make_expert(name="Di", organization=berlin, city="Paris", is_active=False)
        assert cities(client) == ["Berlin", "München"]
        assert names(client, city="Berlin") == ["Ann", "Cy"]
        assert names(client, city="München") == ["Bo"]
        assert names(client, city="München", venue="video", sort="name") == ["Bo"]
        assert names(client, city="Paris") == ["Ann", "Bo", "Cy"]  # nobody is there
        assert cities(client, "/o/berlin/") == ["Berlin", "München"]
        assert names(client, "/o/berlin/", city="Berlin") == ["Ann"]
        assert cities(client, f"/o/{make_organization(city='Rome').slug}/") == []  # nothing to choose
        nobody = body_of(client.get("/", {"city": "Berlin", "venue": "video"}))
        assert "In any city (1)" in nobody
        chosen = body_of(client.get("/", {"city": "Berlin"}))
        assert "<option selected>Berlin</option>" in chosen
        assert "/experts/?city=Berlin&amp;venue=video" in chosen

    @pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
    def test_days_and_hours_are_those_of_the_clock_that_leads(self, client, zone):
        """In person that of the place, London here; by video and phone the visitor's, who is far away."""
        client.cookies["zone"] = zone
        day = day_ahead(3)
        noon_here, noon_there = zoned(day, "12:30", "Europe/London"), zoned(day, "12:30", zone)
        at_place, by_video = make_expert(name="Place"), make_expert(name="Video", venue="video")
        make_slot(at_place, starts_at=noon_here)
        make_slot(by_video, starts_at=noon_there)
        make_slot(make_expert(name="Neither", venue="video"), starts_at=zoned(day, "20:30", zone))
        found = {"Place", "Video"}
        assert set(names(client, when=f"{day}", part="afternoon")) == found
        assert set(names(client, when=f"{day}", part="afternoon", sort="name")) == found
        assert set(names(client, part=["morning", "afternoon"])) == found
        assert names(client, when=f"{day}", part="evening") == ["Neither"]
        assert names(client, when=f"{day + timedelta(days=1)}", part="afternoon") == []

    def test_the_card_tells_the_first_time_among_them(self, client):
        client.cookies["zone"] = "Europe/London"
        expert = make_expert()
        make_slot(expert, at="09:00")
        make_slot(expert, at="19:15")
        assert times_of(client)[0] == "09:00"
        assert times_of(client, part="evening") == ["19:15"]

    def test_what_is_chosen_is_shown_can_be_taken_back_and_is_carried_on(self, client):
        make_expert(category=make_category(slug="health", name="Health"), venue="video")
        chosen = {"venue": ["video", "phone"], "when": "today", "part": "evening", "search": "am"}
        body = body_of(client.get("/", chosen))
        links = [unescape(url) for url in re.findall(r'href="(/[^"]*)"', body)]
        assert "/experts/?search=am&venue=phone&when=today&part=evening" in links  # without video
        assert "/experts/?search=am&category=health&venue=phone&venue=video&when=today&part=evening" in links
        assert "/experts/?search=am" in links  # without all filters
        assert body.count('aria-current="true"') == 5  # all categories, a day, a part of it, two ways
        for field in ('name="venue" value="video"', 'name="when" value="today"', 'name="part" value="evening"'):
            assert f'<input type="hidden" {field} form="search">' in body

    def test_empty_fields_of_a_form_without_script_leave_no_trace_in_the_address(self, client):
        asked = {"search": "", "category": "", "when": ["today", ""], "language": "", "page": "2"}
        assert client.get("/experts/", asked).headers["Location"] == "/experts/?when=today&page=2"
        assert client.get("/o/north/", {"search": ""}).status_code == 404
        make_organization(slug="north")
        assert client.get("/o/north/", {"search": ""}).headers["Location"] == "/o/north/"

    @pytest.mark.parametrize("when", ["2026-13-01", "20261201", "1999-01-01", "9999-12-31", "tomorrow2", "2026-W10-1"])
    def test_what_is_no_day_is_left_out(self, client, when):
        make_expert(name="Ann")
        assert names(client, when=when) == ["Ann"]


class TestNobodyFound:
    """There is always a way on."""

    @pytest.fixture(autouse=True)
    def experts(self):
        legal, health = make_category(name="Legal", slug="legal"), make_category(name="Health", slug="health")
        make_expert(name="Ann", headline="Notary", category=legal, venue="video", languages=["en"])
        slot = make_slot(
            make_expert(name="Bo", headline="Dentist", category=health, languages=["de"]), day=day_ahead(2)
        )
        self.day = slot.date

    def ways(self, client, **query):
        body = body_of(client.get("/experts/", query))
        assert "Show everyone" in body
        found = re.search(r'<div class="actions">(.*?)</div>', body, re.DOTALL)[1]
        links = re.findall(r'href="([^"]*)">([^<]*)<', found)
        assert links[-1][0] == "/experts/"
        for url, _label in links:
            assert names(client, unescape(url)), "a way that leads to nobody"
        return [" ".join(unescape(label).split()) for _url, label in links[:-1]]

    def test_ways_on(self, client):
        day_after = f"{self.day + timedelta(days=1)}"
        assert self.ways(client, search="dentist", when=day_after) == ["On any day (1)"]
        assert self.ways(client, search="dentist", when=day_after, part="evening") == ["On any day, at any time (1)"]
        assert self.ways(client, search="dentist", venue="phone") == ["In person, by phone or video (1)"]
        assert self.ways(client, search="dentist", language="fr") == ["In any language (1)"]
        assert self.ways(client, search="dentist", category="legal") == ["In any category (1)", "Without “dentist” (1)"]
        assert self.ways(client, search="notary dentist") == [
            "Only “notary” (1)",
            "Only “dentist” (1)",
            "Without “notary dentist” (2)",
        ]
        assert self.ways(client, search="zzyzx") == ["Without “zzyzx” (2)"]
        assert self.ways(client, venue="phone", language="fr", category="legal", when="today") == []


class TestPaging:
    @pytest.fixture(autouse=True)
    def experts(self):
        organization, category = make_organization(), make_category()
        for n in range(20):
            make_expert(name=f"Expert {n:02}", organization=organization, category=category)

    @pytest.mark.parametrize(
        ("page", "number"),
        [
            ("1", 1),
            ("3", 3),
            ("", 1),
            ("0", 3),
            ("-1", 3),
            ("99", 3),
            ("9" * 40, 3),
            ("two", 1),
            ("1.5", 1),
            ("\x00", 1),
        ],
    )
    def test_any_page_number_leads_to_a_page(self, client, page, number):
        body = body_of(client.get("/experts/", {"page": page, "sort": "name"}))
        assert re.findall(r'aria-current="page"><span class="sr-only">Page </span>(\d+)<', body) == [str(number)]

    def test_pages_follow_each_other(self, client):
        listed = [name for page in (1, 2, 3) for name in names(client, page=page, sort="name")]
        assert listed == [f"Expert {n:02}" for n in range(20)]


class TestMany:
    """More experts than a list leads to."""

    @pytest.fixture(autouse=True)
    def experts(self, monkeypatch):
        for module in (ordering, discovery, expertbook):
            monkeypatch.setattr(module, "MOST_LISTED", 18)
        organization, category = make_organization(slug="north"), make_category(slug="health", name="Health")
        for n in range(30):
            expert = make_expert(name=f"Expert {n:02}", organization=organization, category=category)
            make_slot(expert, day=day_ahead(1), at="14:00")

    @pytest.mark.parametrize("path", ["/experts/", "/o/north/"])
    @pytest.mark.parametrize(
        "query", [{}, {"sort": "name"}, {"category": "health"}, {"search": "exp"}, {"when": "week"}]
    )
    def test_the_first_are_listed_and_the_others_told_of(self, client, path, query):
        listed = [name for page in (1, 2) for name in names(client, path, page=page, **query)]
        assert listed == [f"Expert {n:02}" for n in range(18)]
        first, last = (body_of(client.get(path, {"page": page, **query})) for page in (1, 99))
        assert "18+ experts" in first
        assert "10–18 of 18+" in last
        assert "There are more" in last
        assert "There are more" not in first

    def test_how_many_are_free_on_a_day_is_counted_a_few_pages_ahead(self, client, monkeypatch):
        monkeypatch.setattr(discovery, "AHEAD", 2)
        assert "11+ experts" in body_of(client.get("/", {"when": "week"}))
        assert "18+ experts" in body_of(client.get("/", {"when": "week", "page": 2}))

    def test_of_those_who_are_free_on_a_day_fewer_are_listed(self, client, monkeypatch):
        monkeypatch.setattr(discovery, "MOST_LISTED_THEN", 12)
        for query in ({"when": "week"}, {"when": "week", "sort": "name"}):
            last = body_of(client.get("/experts/", {"page": 99, **query}))
            assert "10–12 of 12+" in last
            assert "There are more" in last

    def test_how_many_match_on_other_days(self, client):
        body = body_of(client.get("/", {"when": "today", "search": "exp"}))
        assert "18+ experts match on other days" in body

    def test_chips_count_as_far(self, client):
        assert body_of(client.get("/")).count('<span class="num">18+</span>') == 2  # all, and the only category


class TestCards:
    def test_next_time_in_the_experts_zone_until_the_visitors_is_known(self, client):
        expert = make_expert(timezone="Asia/Kathmandu", venue="video")
        make_slot(expert, day=day_ahead(3), at="09:00")
        assert times_of(client)[0] == "09:00"
        client.cookies["zone"] = "UTC"
        assert times_of(client) == ["03:15"]

    def test_the_next_times_of_the_next_day_lead_to_them(self, client):
        expert = make_expert(name="Amara", slug="amara")
        first = make_slot(expert, day=day_ahead(3), at="09:00")
        later = [make_slot(expert, day=day_ahead(3), at=at) for at in ("10:00", "11:00", "12:00", "13:00")]
        make_slot(expert, day=day_ahead(4), at="08:00")
        body = body_of(client.get("/"))
        assert times_of(client) == ["09:00", "10:00", "11:00"]
        assert "2 more that day" in body
        assert f'href="/experts/amara/?day={first.date}#slot-{first.pk}"' in body
        assert f"09:00, {formatting.day_name(first.date, expert.today())}, with Amara" in body
        for slot in later:
            make_booking(slot)
        assert times_of(client) == ["09:00"]  # another day is another heading
        assert "more that day" not in body_of(client.get("/"))

    def test_group_with_few_seats_left(self, client):
        slot = make_slot(capacity=5)
        make_booking(slot, seats=3)
        body = body_of(client.get("/"))
        assert '<p class="note-text is-few"><span class="pips"' in body
        assert body.count('class="pip is-free"') == 2
        assert "2 of 5 left</p>" in body

    def test_inactive_experts_and_organisations_are_not_shown(self, client):
        make_expert(is_active=False)
        make_expert(organization=make_organization(is_active=False))
        assert names(client) == []

    def test_names_are_shown_as_text(self, client):
        make_expert(name="<script>alert(1)</script>")
        assert "<script>alert(1)" not in client.get("/").content.decode()


class TestOrganizationPage:
    def test_only_its_experts_in_its_accent(self, client):
        organization = make_organization(slug="north", accent="plum")
        make_expert(name="Mine", organization=organization)
        make_expert(name="Other")
        assert names(client, "/o/north/") == ["Mine"]
        assert 'data-accent="plum"' in body_of(client.get("/o/north/"))

    def test_unknown_or_inactive_is_a_friendly_404(self, client):
        make_organization(slug="gone", is_active=False)
        for slug in ("gone", "never-was"):
            response = client.get(f"/o/{slug}/")
            assert response.status_code == 404
            assert "<h1" in response.content.decode()


@pytest.mark.parametrize("experts", [1, 3])
@pytest.mark.parametrize("query", [{}, {"search": "am", "category": "health", "when": "week"}])
def test_the_number_of_queries_is_constant(client, django_assert_num_queries, experts, query):
    category = make_category(slug="health", name="Health")
    for _ in range(experts):
        expert = make_expert(category=category)
        make_slot(expert, at="09:00")
        make_slot(expert, at="10:00", capacity=5)
        make_slot(expert, at="11:00")
    # Categories, organisations, cities, list, what its cards show; how many match, and in which zones somebody is.
    asked = 7 if query else 5
    with django_assert_num_queries(asked + 2):  # experts and slots for the cards
        assert len(names(client, **query)) == experts
    with django_assert_num_queries(asked + 2 if "search" in query else asked):  # what is no search is kept
        assert len(names(client, **query)) == experts


def test_htmx_gets_the_results_only(client):
    make_expert(name="Amara Okafor")
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
    fragment = client.get("/experts/", headers=headers)
    page = client.get("/experts/", headers={"HX-Request": "true", "HX-Request-Type": "full"})
    assert "Amara Okafor" in fragment.content.decode()
    assert "<html" not in fragment.content.decode()
    assert "<html" in page.content.decode()
    assert "HX-Request-Type" in page["Vary"]


def test_every_link_on_the_page_keeps_the_filters(client):
    make_expert(category=make_category(slug="health", name="Health"))
    body = client.get("/experts/", {"search": "am", "sort": "name"}).content.decode()
    [chip] = [a for a in re.findall(r'href="([^"]*)"', body) if "category=health" in a]
    assert "search=am" in chip
    assert "sort=name" in chip
