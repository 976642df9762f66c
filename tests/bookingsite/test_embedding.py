"""Who may frame what: the pages under /embed/ the organisation's own sites, everything else nobody."""

import re

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import URLResolver, get_resolver
from django.utils.html import escape

from experts.models import Organization
from tests.cast import make_expert, make_organization, make_slot
from tests.staff import admin_url, errors_of, logged_in, make_member

pytestmark = pytest.mark.django_db

CLINIC = "https://www.clinic.example"


@pytest.fixture
def expert():
    organization = make_organization(slug="northgate", embed_origins=[CLINIC, "https://clinic.example:8443"])
    return make_expert(name="Amara Okafor", slug="amara", organization=organization)


def frame_ancestors(response) -> str:
    parts = [part.strip() for part in response["Content-Security-Policy"].split(";")]
    [ancestors] = [part for part in parts if part.startswith("frame-ancestors")]
    return ancestors


def refuses(response) -> bool:
    return frame_ancestors(response) == "frame-ancestors 'none'" and response["X-Frame-Options"] == "DENY"


class TestFraming:
    @pytest.mark.parametrize("url", ["/embed/expert/amara/", "/embed/northgate/"])
    def test_by_the_sites_that_the_organisation_lists(self, client, expert, url):
        response = client.get(url)
        assert response.status_code == 200
        assert frame_ancestors(response) == f"frame-ancestors {CLINIC} https://clinic.example:8443"
        assert "X-Frame-Options" not in response

    @pytest.mark.parametrize("url", ["/embed/expert/amara/", "/embed/northgate/"])
    def test_by_nobody_when_it_lists_none(self, client, expert, url):
        Organization.objects.update(embed_origins=[])
        response = client.get(url)
        assert response.status_code == 200
        assert refuses(response)

    def test_another_organisations_list_does_not_count(self, client, expert):
        other = make_expert(slug="other")
        assert refuses(client.get(f"/embed/expert/{other.slug}/"))

    def test_of_every_other_page_is_refused(self, client, expert):
        slot = make_slot(expert)
        values = {"slug": "amara", "slot_id": slot.pk, "reference": "EB-AAAA-AAAA", "token": "x", "key": "x"}
        visited = 0
        for pattern in _patterns(get_resolver().url_patterns):
            if pattern.startswith(("embed/", "admin/", "feeds/")):
                continue
            url = "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda part: str(values.get(part[1], 1)), pattern)
            assert refuses(client.get(url)), url
            visited += 1
        assert visited > 15
        staff = logged_in(make_member(expert.organization, password=None))
        assert refuses(staff.get("/admin/"))
        assert refuses(client.get("/embed/expert/nobody/"))
        assert refuses(client.get("/embed/nowhere/"))


def _patterns(entries, prefix=""):
    for entry in entries:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _patterns(entry.url_patterns, route)
        else:
            yield route


class TestThePage:
    def test_sets_no_cookie(self, client, expert):
        make_slot(expert)
        for url in ("/embed/expert/amara/", "/embed/northgate/", "/embed/expert/amara/?tz=Europe/Paris"):
            assert not client.get(url).cookies

    def test_a_time_leads_to_the_page_where_it_is_booked_and_nothing_is_held_before(self, expert):
        slot = make_slot(expert)
        body = Client().get("/embed/expert/amara/").content.decode()
        assert f'href="/slots/{slot.pk}/book/" target="_blank"' in body
        assert "<form" not in body
        assert "/hold/" not in body

    def test_its_addresses_stay_in_the_frame_and_keep_the_zone(self, client, expert):
        slot = make_slot(expert, at="10:00")
        page = client.get(f"/embed/expert/amara/?tz=Asia/Kolkata&list=1&day={slot.date}")
        body = page.content.decode()
        assert "/embed/northgate/?tz=Asia%2FKolkata" in body
        assert f'href="/embed/expert/amara/?day={slot.date}&amp;list=1&amp;tz=Asia%2FKolkata"' in body
        assert 'href="/experts/' not in body
        assert page.context["clock_line"].other_city == "Kolkata"

    def test_it_carries_the_theme(self, client, expert):
        for url in ("/embed/northgate/?theme=dark", "/embed/expert/amara/?theme=dark&list=1"):
            body = client.get(url).content.decode()
            assert 'data-theme="expertbook-dark"' in body
            assert "theme=dark" in body.partition("</head>")[2]

    def test_a_list_stays_in_the_frame_too(self, client, expert):
        body = client.get("/embed/northgate/?tz=Asia/Kolkata&search=amara").content.decode()
        assert "/embed/expert/amara/?tz=Asia%2FKolkata&amp;list=1" in body
        assert "/embed/northgate/?search=amara&amp;tz=Asia%2FKolkata" in body
        assert 'href="/experts/' not in body
        assert '<input type="hidden" name="tz" value="Asia/Kolkata">' in body

    @pytest.mark.parametrize(
        "query", ["?tz=Mars/Olympus", "?tz=%00", "?day=2026-99-99", "?list=<script>", "?theme=<script>", "?day="]
    )
    def test_nonsense_in_its_address(self, client, expert, query):
        response = client.get(f"/embed/expert/amara/{query}")
        assert response.status_code in (200, 404)
        assert "<script>" not in response.content.decode().partition("</head>")[2]

    def test_of_what_is_closed_there_is_none(self, client, expert):
        Organization.objects.update(is_active=False)
        for url in ("/embed/expert/amara/", "/embed/northgate/"):
            assert client.get(url).status_code == 404


class TestTheList:
    def save(self, expert, text):
        member = make_member(expert.organization, password=None)
        request = RequestFactory().get("/")
        request.user = member
        page = admin.site.get_model_admin(Organization)
        form = page.get_form(request, expert.organization, change=True)(instance=expert.organization)
        values = {name: form[name].value() for name in form.fields}
        values = {name: value for name, value in values.items() if value not in (None, False)}
        url = admin_url(Organization, "change", expert.organization_id)
        return logged_in(member).post(url, values | {"embed_origins": text})

    @pytest.mark.parametrize(
        ("text", "stored"),
        [
            ("https://a.example", ["https://a.example"]),
            (" HTTPS://A.Example/ \r\nhttps://b.example:8443", ["https://a.example", "https://b.example:8443"]),
            ("https://a.example:443\nhttps://a.example", ["https://a.example"]),
            ("http://localhost:3000", ["http://localhost:3000"]),
            ("https://xn--mller-kva.example", ["https://xn--mller-kva.example"]),
            ("", []),
        ],
    )
    def test_what_people_write(self, expert, text, stored):
        response = self.save(expert, text)
        assert response.status_code == 302, errors_of(response)
        assert Organization.objects.get().embed_origins == stored

    @pytest.mark.parametrize(
        "text",
        [
            "http://a.example",
            "https://a.example/path",
            "https://*.example",
            "*",
            "a.example",
            "https://a.example:99999",
            "https://user@a.example",
            "https://a.example?x",
            "javascript:alert(1)",
            "https://a.example'none'",
            "https://müller.example",
            "data:",
            "https://",
            "https://" + "a" * 300,
            "\n".join(f"https://s{n}.example" for n in range(21)),
        ],
    )
    def test_what_is_no_origin_is_said_at_the_field(self, expert, text):
        before = expert.organization.embed_origins
        assert list(errors_of(self.save(expert, text))) == ["embed_origins"]
        assert Organization.objects.get().embed_origins == before

    def test_the_admin_has_the_line_for_the_page(self, expert):
        owner = logged_in(make_member(expert.organization, password=None))
        body = owner.get(admin_url(Organization, "change", expert.organization_id)).content.decode()
        line = '<script src="http://localhost:8000/static/js/embed.js" data-organization="northgate" async></script>'
        assert escape(f'<div style="min-height: 48rem">{line}</div>') in body

    def test_several_in_one_line_cannot_add_a_directive(self, expert):
        errors = errors_of(self.save(expert, "https://a.example; script-src *"))
        assert "embed_origins" in errors
