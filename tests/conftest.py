"""What every test stands on: a real PostgreSQL and Valkey, settings of their own, and on demand our own daphne process.

The servers are started once for the session, by the process that people start (not by xdist's workers), and shared by
all workers. Each worker has a database of its own (tests/database.py) and a prefix of its own for its keys in Valkey.
DATABASE_URL and REDIS_URL are honoured when they are set; the database's role must be a superuser.
"""

import contextlib
import gc
import os
import secrets
import sys
import tempfile

import hypothesis
import pytest
import redis
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from bookingsite import startup
from bookingsite.devserver import servers
from tests import database
from tests.live import LiveSite

gc.disable()  # until all is loaded (bookingsite/apps.py)

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
    "TWO_FACTOR": "nobody",
    "SESSION_IDLE_MINUTES": "60",
    "SESSION_MAX_HOURS": "12",
    "DATABASE_POOL": "0",
    "DATABASE_REPLICA_URL": "",
    "EMAIL_URL": "memory:",
    "DEFAULT_FROM_EMAIL": "ExpertBook <bookings@localhost>",
    # Whoever keeps Python from writing bytecode would have each of some hundred processes compile everything again.
    "PYTHONDONTWRITEBYTECODE": "",
}
sys.dont_write_bytecode = False

# `make test` tries the same examples in each run: a test that fails once in a while tells nothing about the change at
# hand. `make test-random` looks for more.
# No deadline for an example: how long one takes tells of the machine.
hypothesis.settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("random", derandomize=False, database=None, print_blob=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

# What takes longest comes first, so that no worker is left with it while the others have nothing to do.
FIRST = ("tests/api/test_schema.py", "tests/cluster", "tests/setup", "tests/concurrency", "tests/browser")
# Whoever asks for one of these starts a site, a worker or a server, and waits for it.
STARTS = {"live_site", "site_with", "start_site", "worker_database"}

owned = contextlib.ExitStack()  # what lives until the end of the session, in the process that started it
live_sites = pytest.StashKey[list]()


def pytest_collection_finish(session):
    """Look for garbage in nothing that was loaded until here, either (bookingsite/apps.py)."""
    gc.freeze()


def _with_room(run):
    """Call it where the frames of whatever it calls have room.

    Python keeps frames in chunks of 16 KB, and gives a chunk back as soon as it is empty: code that happens to call
    over the edge of one asks the kernel for memory with every call, some hundred times in a test. Below a frame that is
    said to need half a megabyte they are in one chunk of a whole one. Memory that nobody writes to costs nothing.
    """
    return run()


_with_room.__code__ = _with_room.__code__.replace(co_stacksize=70_000)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Run the test as pytest does."""
    runner = item.config.pluginmanager.get_plugin("runner")
    return _with_room(lambda: runner.pytest_runtest_protocol(item, nextitem))


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config):
    """For `-n auto` two workers more than there are processors: some tests wait for a clock, a browser or a process.

    `-n logical` is one for each processor: quicker for tests that do not wait.
    """
    return min(os.cpu_count() or 1, 7) + 2 * (config.option.numprocesses == "auto")


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
        media = owned.enter_context(tempfile.TemporaryDirectory(prefix="expertbook-media-"))
        run = {"STATIC_ROOT": static, "MEDIA_ROOT": media, "TEST_RUN": f"expertbook-test-{secrets.token_hex(4)}"}
        os.environ.update(ENVIRONMENT | embedded.urls | run)
        owned.callback(database.drop_all)
    os.environ["REDIS_KEY_PREFIX"] = f"{os.environ['TEST_RUN']}-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}."
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

    from django.conf import settings

    # pytest-django leaves Django alone until its settings have been read.
    assert os.environ["REDIS_KEY_PREFIX"] == settings.REDIS_KEY_PREFIX, "the settings were read before they were made"
    # Django's test client makes the middleware anew for each client, and this one would list all static files.
    settings.WHITENOISE_AUTOREFRESH = True
    # A worker that inherited this would read its settings before it gets here.
    del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_collection_modifyitems(config, items):
    """Put what takes long first, and mark what `make test-quick` leaves out."""

    def rank(item) -> int:
        path = item.path.relative_to(config.rootpath)
        return next((n for n, first in enumerate(FIRST) if path.is_relative_to(first)), len(FIRST))

    for item in items:
        if item.path.is_relative_to(config.rootpath / "tests/setup") or STARTS & set(item.fixturenames):
            item.add_marker("processes")
        if item.path.is_relative_to(config.rootpath / "tests/concurrency"):
            item.add_marker("slow")
    items.sort(key=rank)


def pytest_sessionstart(session):
    """Collect the static files once, as in production: a template that names a missing file fails.

    And keep hypothesis from reading the source of each module that is loaded, in each process, to try the constants
    that are written there: which examples a test tries would depend on what else has been imported.
    """
    if hypothesis.settings.get_current_profile_name() == "repeatable":
        providers._get_local_constants = Constants
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
    """Remove what a test leaves in Valkey, and what this process has noted of parts that were broken on purpose."""
    from experts import outages

    yield
    outages._seen.clear()
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


@pytest.fixture
def rendered(monkeypatch) -> list:
    """The keys of the pages that are kept from now on (experts/page_cache.py), each as often as it was rendered."""
    from experts.page_cache import PageCache

    keys, keep = [], PageCache._keep
    monkeypatch.setattr(PageCache, "_keep", lambda self, key, page: (keys.append(key), keep(self, key, page)))
    return keys


@pytest.fixture(scope="session")
def _shared_sites(worker_database):
    sites: dict[tuple, LiveSite] = {}
    yield sites
    for site in sites.values():
        site.stop()


@pytest.fixture
def site_with(transactional_db, worker_database, _shared_sites, tmp_path_factory, request):
    """A site of ours on this worker's database and keys, with settings: `site_with(LIVE_CHECK_SECONDS="86400")`.

    `server` is one of those in tests/live.py. Whoever asks for the same gets the same process, for the whole session: a
    test leaves it running.
    """

    def find(server: str = "daphne", **environ: str) -> LiveSite:
        key = (server, *sorted(environ.items()))
        if key in _shared_sites:
            _shared_sites[key].ensure_running()
        else:
            log = tmp_path_factory.mktemp("live") / "site.log"
            _shared_sites[key] = LiveSite(log, worker_database, server, **environ)
        _show_log(request, _shared_sites[key])
        return _shared_sites[key]

    return find


@pytest.fixture
def live_site(site_with) -> LiveSite:
    """Our own daphne with the usual settings; `live_site.url` is its address."""
    return site_with()


@pytest.fixture
def start_site(transactional_db, worker_database, tmp_path, request):
    """Start a site for this test alone, which may end it: `start_site(RATE_LIMITS="on")`."""
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
