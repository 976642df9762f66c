"""Answers are packed as the client likes, and what a browser has already is not sent again."""

import gzip
import re

import brotli
import pytest
from backports import zstd
from django.test import Client
from django.utils import timezone

from tests.cast import make_booking, make_slot
from tests.kept import body_of

pytestmark = pytest.mark.django_db
UNPACK = {"zstd": zstd.decompress, "br": brotli.decompress, "gzip": gzip.decompress}


@pytest.fixture
def pages():
    slot = make_slot()
    return ["/", f"/experts/{slot.expert.slug}/", f"/api/v1/slots?expert={slot.expert.slug}", "/bookings/"]


@pytest.mark.parametrize("coding", UNPACK)
def test_an_answer_is_packed_as_the_client_likes(client, pages, coding):
    for page in pages:
        client.get(page)  # has the site's cookies from here on
        plain = client.get(page)
        packed = client.get(page, headers={"Accept-Encoding": coding})
        assert packed["Content-Encoding"] == coding
        assert len(packed.content) < len(plain.content)
        assert int(packed["Content-Length"]) == len(packed.content)
        assert "accept-encoding" in packed["Vary"].lower()
        packed.content = UNPACK[coding](packed.content)
        assert body_of(packed) == body_of(plain)


def test_the_best_that_a_client_can_take_is_chosen(client, pages):
    for accepted, coding in {
        "gzip, deflate, br, zstd": "zstd",
        "gzip, deflate, br": "br",
        "gzip;q=1.0, br;q=0.5": "gzip",
        "deflate": None,
        "": None,
    }.items():
        answer = client.get(pages[0], headers={"Accept-Encoding": accepted})
        assert answer.get("Content-Encoding") == coding


def test_no_two_packed_pages_have_a_token_in_common_that_their_length_could_tell(client, pages):
    """A packed length tells whether a guess is in the page: the token is another one each time, and noise is added."""
    tokens, noises = set(), set()
    for _ in range(8):
        answer = client.get(pages[1], headers={"Accept-Encoding": "gzip"})
        tokens |= set(re.findall(r'value="(\w{64})"', gzip.decompress(answer.content).decode()))
        noises.add(answer["X-Noise"])
    assert len(tokens) >= 8
    assert len(noises) > 1


class TestWhatDidNotChange:
    @pytest.fixture
    def slot(self):
        return make_slot(capacity=3)

    @pytest.fixture(params=["/", "/experts/{}/"])
    def page(self, request, slot):
        return request.param.format(slot.expert.slug)

    @pytest.fixture(autouse=True)
    def _a_clock_that_stands_still(self, monkeypatch):
        now = timezone.now()  # the header shows it
        monkeypatch.setattr(timezone, "now", lambda: now)

    def again(self, client, page, answer, **headers):
        return client.get(page, headers={"If-None-Match": answer["ETag"]} | headers)

    def test_is_not_sent_again(self, client, page):
        client.get(page)
        first = client.get(page)
        second = self.again(client, page, first)
        assert (second.status_code, second.content) == (304, b"")
        assert {name: second[name] for name in ("ETag", "Vary", "Cache-Control")} == {
            name: first[name] for name in ("ETag", "Vary", "Cache-Control")
        }
        assert self.again(client, page, first, **{"Accept-Encoding": "br"}).status_code == 304

    def test_keeps_the_policies_that_the_browser_has_with_it(self, client, slot):
        """What a 304 says takes the place of what was said before: a page that may be framed would not be any more."""
        page = f"/embed/{slot.expert.organization.slug}/"
        first = client.get(page)
        assert "frame-ancestors" in first["Content-Security-Policy"]
        second = self.again(client, page, first)
        assert second.status_code == 304
        assert not {"Content-Security-Policy", "X-Frame-Options", "Permissions-Policy"} & set(second.headers)

    def test_is_sent_after_a_change(self, client, page, slot):
        client.get(page)
        first = client.get(page)
        make_booking(slot, seats=2)
        assert self.again(client, page, first).status_code == 200

    def test_is_sent_where_it_looks_different(self, client, page):
        client.get(page)
        first = client.get(page)
        client.cookies["theme"] = "dark"
        assert self.again(client, page, first).status_code == 200
        assert (
            self.again(client, page, first, **{"HX-Request": "true", "HX-Request-Type": "partial"}).status_code == 200
        )

    def test_is_sent_to_a_browser_that_lost_its_cookie_as_its_forms_would_be_refused(self, client, page):
        client.get(page)
        first = client.get(page)
        del client.cookies["csrftoken"]
        assert self.again(client, page, first).status_code == 200

    def test_forms_of_a_page_that_was_not_sent_again_still_work(self, slot):
        client = Client(enforce_csrf_checks=True)
        page = f"/experts/{slot.expert.slug}/"
        client.get(page)
        first = client.get(page)
        token = re.search(r'value="(\w{64})"', first.content.decode())[1]
        assert self.again(client, page, first).status_code == 304
        held = client.post(f"/slots/{slot.pk}/hold/", {"csrfmiddlewaretoken": token})
        assert held.status_code in (200, 302, 303)
        assert slot.bookings.count() == 1

    def test_has_no_tag_where_it_shows_what_is_the_viewers_own(self, client, slot):
        page = f"/experts/{slot.expert.slug}/"
        client.get(page)
        client.post(f"/slots/{slot.pk}/hold/")
        assert "ETag" not in client.get(page)
        assert "ETag" in Client().get(page)
