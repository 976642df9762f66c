"""Whatever is asked, in whatever way, is answered: never a 5xx, never a change by a request that was refused.

`make fuzz MINUTES=30` asks other things for as long as one likes, and prints how often there was which answer. Each
fault that it finds is printed once, with the request and the place in the code.
"""

import os
import random
import time

import pytest

from tests.bookingsite.isolation import make_world
from tests.fuzz.fuzzer import Fuzzer

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
MINUTES = float(os.environ.get("FUZZ_MINUTES") or 0)
SEED = int(os.environ.get("FUZZ_SEED") or 1)


@pytest.fixture
def fuzzer(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    fuzzer = Fuzzer(make_world(), SEED)
    yield fuzzer
    fuzzer.close()


def test_nothing_that_is_sent_breaks_anything(fuzzer):
    end = time.monotonic() + MINUTES * 60
    for _page in range(2):
        fuzzer.round()
    while time.monotonic() < end:
        fuzzer.dice = random.Random()
        fuzzer.round()
    print(fuzzer.found)  # noqa: T201
    assert not fuzzer.found.wrong, f"FUZZ_SEED={SEED}\n{fuzzer.found}"
    asked = sum(fuzzer.found.answers.values())
    assert asked > 200
    assert len({status for _kind, status in fuzzer.found.answers}) > 5
