import pytest

from tests.cast import make_expert

pytestmark = pytest.mark.django_db


def test_theme_and_zone_are_kept(client):
    response = client.post("/preferences/", {"theme": "dark", "zone": "Asia/Kathmandu", "next": "/bookings/"})
    assert (response.status_code, response["Location"]) == (303, "/bookings/")
    page = client.get("/")
    assert page.context["preferences"].theme == "dark"
    assert page.context["preferences"].zone_city == "Kathmandu"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil", ""])
def test_it_leads_nowhere_else(client, target):
    assert client.post("/preferences/", {"theme": "dark", "next": target})["Location"] == "/"


def test_unknown_values_are_ignored(client):
    response = client.post("/preferences/", {"theme": "neon\r\nSet-Cookie: x=y", "zone": "Mars/Olympus"})
    assert not response.cookies
    client.cookies["theme"] = "neon"
    assert client.get("/").context["preferences"].theme == "auto"


def test_get_is_refused(client):
    assert client.get("/preferences/").status_code == 405


def test_pages_are_not_shared_between_people(client):
    make_expert()
    response = client.get("/")
    assert "private" in response["Cache-Control"]
    assert "Cookie" in response["Vary"]


def test_the_content_security_policy_is_strict(client):
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
