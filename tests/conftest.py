"""What every test stands on: a real PostgreSQL and Valkey, settings of their own, and on demand our own daphne process.

The servers are started once for the session, by the process that people start (not by xdist's workers), and shared by
all workers. Each worker has a database of its own (tests/database.py) and a prefix of its own for its keys in Valkey.
DATABASE_URL and REDIS_URL are honoured when they are set; the database's role must be a superuser.
"""

import contextlib
import os
import secrets
import tempfile

import hypothesis
import pytest
import redis

from bookingsite import startup
from bookingsite.devserver import servers
from tests import database
from tests.live import LiveSite

# Nothing else that is set on the machine, or written in .env, reaches the tests.
ENVIRONMENT = {
    "ENV_FILE": os.devnull,
    "DEBUG": "off",
    "HTTPS": "off",
    "SECRET_KEY": "a-secret-that-only-the-tests-use-0123456789-abcdefghijklm",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
    "CSRF_TRUSTED_ORIGINS": "",
    "TRUSTED_PROXIES": "",
    "API_CORS_ORIGINS": "",
    "SITE_URL": "http://localhost:8000",
    "RATE_LIMITS": "off",
    "SIGN_UP": "on",
    "DATABASE_POOL": "0",
    "EMAIL_URL": "memory:",
    "DEFAULT_FROM_EMAIL": "ExpertBook <bookings@localhost>",
}

# The same examples in each run: a test that fails once in a while tells nothing about the change at hand. To look for
# more, raise max_examples and take this away.
hypothesis.settings.register_profile("repeatable", derandomize=True, database=None)
hypothesis.settings.load_profile("repeatable")

owned = contextlib.ExitStack()  # what lives until the end of the session, in the process that started it
live_sites = pytest.StashKey[list]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Set the environment before anything reads the settings. pytest-django sets Django up after this.

    For the same reason DJANGO_SETTINGS_MODULE is set here and not in pyproject.toml: from there the settings would be
    read before this file is.
    """
    if not hasattr(config, "workerinput"):  # xdist's workers inherit all this
        try:
            embedded = owned.enter_context(servers.running_for_tests(environ=os.environ))
        except startup.CannotStartError as error:
            raise pytest.UsageError(str(error)) from error
        static = owned.enter_context(tempfile.TemporaryDirectory(prefix="expertbook-static-"))
        run = {"STATIC_ROOT": static, "TEST_RUN": f"expertbook-test-{secrets.token_hex(4)}"}
        os.environ.update(ENVIRONMENT | embedded.urls | run)
        owned.callback(database.drop_all)
    os.environ["REDIS_KEY_PREFIX"] = f"{os.environ['TEST_RUN']}-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}."
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

    from django.conf import settings

    # pytest-django leaves Django alone until its settings have been read.
    assert os.environ["REDIS_KEY_PREFIX"] == settings.REDIS_KEY_PREFIX, "the settings were read before they were made"
    # A worker that inherited this would read its settings before it gets here.
    del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_sessionstart(session):
    """Collect the static files once, as in production: a template that names a missing file fails."""
    if not hasattr(session.config, "workerinput"):
        from django.core.management import call_command

        call_command("collectstatic", interactive=False, verbosity=0)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    owned.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show what the live sites said during a test that failed."""
    report = yield
    if report.failed:
        for site, start in item.stash.get(live_sites, []):
            report.sections.append((f"live site {site}", site.log.read_text()[start:]))
    return report


@pytest.fixture(scope="session")
def valkey():
    """A client of the Valkey that the tests use. Its keys start with REDIS_KEY_PREFIX."""
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        yield client


@pytest.fixture(autouse=True)
def _forget(valkey):
    """Remove what a test leaves in Valkey."""
    yield
    if keys := list(valkey.scan_iter(f"{os.environ['REDIS_KEY_PREFIX']}*", count=1000)):
        valkey.delete(*keys)


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker):
    """Have a database of our own making instead of pytest-django's, and empty it in our own way."""
    from django.db import connections
    from django.test import TransactionTestCase

    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda self: database.empty())
        database.create(os.environ.get("PYTEST_XDIST_WORKER", "alone"))
        with django_db_blocker.block():
            yield
        connections.close_all()


@pytest.fixture(scope="session")
def worker_database(django_db_setup) -> str:
    """The name of this worker's test database."""
    from django.db import connection

    return connection.settings_dict["NAME"]


@pytest.fixture(scope="session")
def _session_site(worker_database, tmp_path_factory):
    site = LiveSite(tmp_path_factory.mktemp("live") / "site.log", worker_database)
    yield site
    site.stop()


@pytest.fixture
def live_site(transactional_db, _session_site, request) -> LiveSite:
    """Our own daphne on this worker's database and keys; `live_site.url` is its address. One for the whole session."""
    _session_site.ensure_running()
    _show_log(request, _session_site)
    return _session_site


@pytest.fixture
def start_site(transactional_db, worker_database, tmp_path, request):
    """Start one more site for this test, with settings of its own: `start_site(RATE_LIMITS="on")`."""
    sites = []

    def start(**environ: str) -> LiveSite:
        site = LiveSite(tmp_path / f"site{len(sites)}.log", worker_database, **environ)
        sites.append(site)
        _show_log(request, site)
        return site

    yield start
    for site in sites:
        site.stop()


def _show_log(request, site: LiveSite) -> None:
    request.node.stash.setdefault(live_sites, []).append((site, len(site.log.read_text())))
