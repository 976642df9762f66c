"""Kept pages: how long, how many, and one rendering for a crowd."""

import threading
from datetime import timedelta

import pytest
from django.test import RequestFactory
from django.utils import timezone

from bookingsite.devserver.processes import wait_until
from experts.page_cache import Page, PageCache, hole, render_shared
from tests.concurrency.contention import run_together

NOW = timezone.now()


def made(html, version=1, lasts=timedelta(hours=1)):
    return Page.of(html, version, NOW, NOW + lasts)


def test_holes_are_filled_and_what_is_not_marked_safe_is_escaped():
    page = made(f"<p>{hole('name')}, {hole('name')}{hole('path')}</p>")
    request = RequestFactory().get("/a", {"b": "1", "c": "'"})
    assert page.filled(request, {"name": "<b>é"}) == "<p>&lt;b&gt;é, &lt;b&gt;é/a?b=1&amp;c=%27</p>".encode()


def test_it_is_true_from_since_until_before_until_and_for_one_version():
    page = made("x", lasts=timedelta(minutes=1))
    assert page.is_true(1, NOW)
    assert not page.is_true(2, NOW)
    assert not page.is_true(1, NOW - timedelta(microseconds=1))
    assert page.is_true(1, page.until - timedelta(microseconds=1))
    assert not page.is_true(1, page.until)


def test_no_more_is_kept_than_was_said_and_what_was_used_last_stays():
    cache = PageCache(most_bytes=2500)
    for key in "abc":
        cache.get(key, 1, lambda: made("x" * 1000))
        cache.get("a", 1, lambda: made("x" * 1000))
    assert list(cache._pages) == ["c", "a"]
    assert cache._bytes == 2000
    cache.get("a", 2, lambda: made("x" * 10, version=2))
    assert cache._bytes == 1010
    assert cache.get("huge", 1, lambda: made("x" * 5000)).size == 5000
    assert not cache._pages
    assert cache._bytes == 0


def test_a_crowd_renders_a_page_once():
    cache, asked, came = PageCache(most_bytes=10_000), [], threading.Semaphore(0)
    find = cache._find

    def find_and_tell(*args):
        found = find(*args)
        came.release()
        return found

    def make():
        for _ in range(8 + 1):  # all eight have looked and found nothing; this one has looked twice
            assert came.acquire(timeout=10)
        asked.append(1)
        # True from now on, which is later than the moment at which the others came.
        return Page.of("x", 1, timezone.now(), NOW + timedelta(hours=1))

    cache._find = find_and_tell
    pages = run_together(lambda _number: cache.get("key", 1, make), count=8)
    assert len(asked) == 1
    assert all(page is pages[0] for page in pages)
    assert pages[0].parts == (b"x",)


def test_nobody_waits_long_for_somebody_who_renders(monkeypatch):
    monkeypatch.setattr("experts.page_cache.MOST_SECONDS", 0.01)
    cache, over = PageCache(most_bytes=10_000), threading.Event()

    def slowly():
        assert over.wait(10)
        return made("slow")

    def work(number):
        if number == 0:
            return cache.get("key", 1, slowly)
        assert wait_until(lambda: "key" in cache._rendering, seconds=10)
        try:
            return cache.get("key", 1, lambda: made("quick"))
        finally:
            over.set()

    assert [page.parts for page in run_together(work, count=2)] == [(b"slow",), (b"quick",)]


def test_no_template_can_reach_the_viewer(monkeypatch):
    given = []
    monkeypatch.setattr("experts.page_cache.render_to_string", lambda _name, _context, request: given.append(request))
    render_shared("x.html", {}, None)
    assert not given[0].COOKIES
    assert not given[0].META
    assert not hasattr(given[0], "user")


def test_the_next_one_tries_again_after_an_error():
    cache = PageCache(most_bytes=10_000)
    with pytest.raises(ZeroDivisionError):
        cache.get("key", 1, lambda: 1 // 0)
    assert cache.get("key", 1, lambda: made("x")).size == 1


def test_a_developer_sees_a_change_to_a_template_at_once(settings):
    settings.DEBUG = True
    cache = PageCache(most_bytes=10_000)
    cache.get("key", 1, lambda: made("old"))
    assert cache.get("key", 1, lambda: made("new")).parts == (b"new",)
