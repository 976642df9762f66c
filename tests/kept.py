"""Look at pages that processes keep (experts/page_cache.py), and as one that keeps none yet would show them."""

import re
from collections import OrderedDict
from contextlib import contextmanager

from experts.page_cache import PAGES

TOKEN = re.compile(r'(?<=name="csrfmiddlewaretoken" value=")\w{64}|(?<="X-CSRFToken":")\w{64}')


def body_of(response) -> str:
    """The page without its token, which is another one each time."""
    assert response.status_code == 200
    return TOKEN.sub("token", response.content.decode())


@contextmanager
def nothing_kept():
    """As in a process that keeps no page yet."""
    kept = PAGES._pages, PAGES._bytes
    PAGES._pages, PAGES._bytes = OrderedDict(), 0
    try:
        yield
    finally:
        PAGES._pages, PAGES._bytes = kept
