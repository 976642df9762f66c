"""Finding an expert: search, filters, order, paging; all in the address."""

import re
from datetime import timedelta
from html import unescape

import pytest

from experts import discovery, ordering
from experts.models import Category, Expert, Organization
from experts.search import fold
from experts.templatetags import expertbook
from tests.cast import day_ahead, make_booking, make_category, make_expert, make_organization, make_slot
from tests.kept import body_of

pytestmark = pytest.mark.django_db


def names(client, path="/experts/", **query):
    """The experts listed, in order."""
    listed = re.findall(r'class="stretched" href="[^"]*">([^<]*)</a>', body_of(client.get(path, query)))
    return [unescape(name) for name in listed]


class TestSearch:
    @pytest.fixture(autouse=True)
    def experts(self):
        health, legal = make_category(name="Health", slug="health"), make_category(name="Legal", slug="legal")
        north = make_organization(name="Northgate Clinic", slug="northgate")
        fair = make_organization(name="Fairwater Law", slug="fairwater")
        make_expert(name="İbrahim Yılmaz", headline="Immigration lawyer", category=legal, organization=fair)
        make_expert(name="Dr Tomás Herrera", headline="Dermatologist", category=health, organization=north)
        make_expert(name="Mei-Ling Chen", headline="Pediatric “nurse”", category=health, organization=north)
        make_expert(name="Lukas Größe", headline="Notary", category=legal, organization=fair)

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

    def test_how_many_match_on_other_days(self, client):
        body = body_of(client.get("/", {"when": "today", "search": "exp"}))
        assert "18+ experts match on other days" in body

    def test_chips_count_as_far(self, client):
        assert body_of(client.get("/")).count('<span class="num">18+</span>') == 2  # all, and the only category


class TestCards:
    def test_next_time_in_the_experts_zone_until_the_visitors_is_known(self, client):
        expert = make_expert(timezone="Asia/Kathmandu", venue="video")
        make_slot(expert, day=day_ahead(3), at="09:00")
        assert re.search(r"Next: <strong[^>]*>[^<]* 09:00<", body_of(client.get("/")))
        client.cookies["zone"] = "UTC"
        assert re.search(r"Next: <strong[^>]*>[^<]* 03:15<", body_of(client.get("/")))

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
    asked = 5 if query else 4  # categories, organisations, list, what its cards show; how many match
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
