import pytest

from tests.cast import make_expert

pytestmark = pytest.mark.django_db


def test_theme_and_zone_are_kept(client):
    response = client.post("/preferences/", {"theme": "dark", "zone": "Asia/Kathmandu", "next": "/bookings/"})
    assert (response.status_code, response["Location"]) == (303, "/bookings/")
    page = client.get("/").content.decode()
    assert 'data-theme="expertbook-dark"' in page
    assert "<span data-zone-city>Kathmandu</span>" in page


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil", ""])
def test_it_leads_nowhere_else(client, target):
    assert client.post("/preferences/", {"theme": "dark", "next": target})["Location"] == "/"


def test_unknown_values_are_ignored(client):
    response = client.post("/preferences/", {"theme": "neon\r\nSet-Cookie: x=y", "zone": "Mars/Olympus"})
    assert not response.cookies
    client.cookies["theme"] = "neon"
    assert "data-theme" not in client.get("/").content.decode()


def test_the_zones_are_on_a_page_of_their_own(client):
    client.cookies["zone"] = "Asia/Kathmandu"
    page = client.get("/preferences/", {"next": "/bookings/"})
    assert page.context["next"] == "/bookings/"
    assert '<option value="Asia/Kathmandu" selected>' in page.content.decode()
    assert "Pacific/Auckland" in page.content.decode()
    assert "Pacific/Auckland" not in client.get("/").content.decode()


def test_the_menu_gets_the_form_alone(client):
    fragment = client.get("/preferences/", headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    assert "<form" in fragment.content.decode()
    assert "<html" not in fragment.content.decode()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_page_links_to_nowhere_else(client, target):
    assert client.get("/preferences/", {"next": target}).context["next"] == "/"


def test_pages_are_not_shared_between_people(client):
    make_expert()
    response = client.get("/")
    assert "private" in response["Cache-Control"]
    assert "Cookie" in response["Vary"]


@pytest.mark.parametrize("path", ["/", "/nothing-here/", "/api/v1/nothing-here"])
def test_features_of_the_browser_that_no_page_needs_are_off(client, path):
    policy = client.get(path)["Permissions-Policy"].split(", ")
    assert {"camera=()", "geolocation=()", "microphone=()", "payment=()"} <= set(policy)


def test_the_content_security_policy_is_strict(client):
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/admin/login/"])
def test_each_process_writes_the_policy_in_the_same_order(client, path):
    parts = client.get(path, follow=True)["Content-Security-Policy"].split("; ")
    assert len(parts) >= 5
    assert parts == sorted(parts)
