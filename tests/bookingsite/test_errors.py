"""No traceback reaches a person, whatever breaks."""

import re

import pytest
from django.db import OperationalError
from django.template.loader import render_to_string
from django.test import Client

from experts import views


def test_a_database_that_is_away_is_503_please_retry(client, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("the connection pool is exhausted, secret=hunter2")

    monkeypatch.setattr(views, "read_listing", away)
    response = client.get("/")
    assert response.status_code == 503
    assert response["Retry-After"]
    assert "hunter2" not in response.content.decode()


@pytest.mark.django_db
def test_a_bug_is_a_calm_500(monkeypatch):
    def bug(*args, **kwargs):
        raise RuntimeError("secret=hunter2")

    monkeypatch.setattr(views, "read_listing", bug)
    response = Client(raise_request_exception=False).get("/")
    assert response.status_code == 500
    assert "<h1" in response.content.decode()
    assert "hunter2" not in response.content.decode()


def test_the_500_page_needs_nothing():
    assert "<h1" in render_to_string("500.html")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/nowhere/", "/o/nobody/", "/experts/nobody/", "/api/v1/nowhere"])
def test_what_is_not_there_looks_the_same_on_a_laptop(client, settings, path):
    """Django's own page for developers lists all addresses there are."""
    there = client.get(path)
    settings.DEBUG = True
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "bookingsite.middleware.NotFoundMiddleware"]
    here = Client().get(path)
    assert here.status_code == there.status_code == 404
    assert words(here) == words(there)


def words(response) -> str:
    """The text of an answer: names of static files have no hash with DEBUG on."""
    return re.sub(r"<[^>]*>", "", response.content.decode())
