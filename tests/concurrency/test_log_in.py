"""Many tries at the same moment are no way round the limits, and no way to use a code twice."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from bookingsite.accounts.forms import use_code
from experts import services
from tests.log_in import add_app, code_of
from tests.staff import make_superuser

pytestmark = pytest.mark.django_db(transaction=True)
CROWD = 12


def at_once(act) -> list:
    """What each of a crowd of threads gets, which all begin at the same moment."""
    ready = threading.Barrier(CROWD)

    def one(_number):
        try:
            ready.wait()
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(one, range(CROWD)))


def test_no_more_tries_than_the_limit_are_let_through_at_once():
    tries = at_once(lambda: services.count_try(name="maya@example.com", address="192.0.2.1"))
    assert sum(tried is not None for tried in tries) <= 8
    assert services.count_try(name="noor@example.com", address="192.0.2.1"), "control"


def test_a_code_that_comes_many_times_at_once_logs_one_browser_in():
    maya, code = make_superuser(), None
    add_app(maya)
    code = code_of()
    used = at_once(lambda: use_code(maya, code))
    assert sum(authenticator is not None for authenticator in used) == 1
