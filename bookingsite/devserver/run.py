"""`make run`: the whole site on a laptop, from embedded servers to demo data, until Ctrl-C.

Starts PostgreSQL and Valkey unless DATABASE_URL and REDIS_URL name others, migrates, loads the demo data into an empty
database, makes a staff account, and then watches over one web process and the workers. Whatever ends this process, also
kill -9 (on Linux), ends what it has started.
"""

import contextlib
import functools
import gc
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from bookingsite import startup
from bookingsite.devserver import paths, processes, servers
from bookingsite.environment import read_environment

DATA_DIR = paths.BASE_DIR / ".data"
STAFF = "staff@example.com"
# As in the Procfile. Webhooks have a worker of their own, as receivers may hang: nothing else waits for them.
WORKERS = {
    "the worker": ["--queues", "mail,expiry,housekeeping"],
    "the worker for webhooks": ["--queues", "webhooks", "--concurrency", "20"],
}


def main() -> None:
    gc.disable()  # until all is loaded (bookingsite/apps.py)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    if "MAKELEVEL" in os.environ:  # a child of make: kill -9 of make ends the site, too
        processes.set_death_signal(signal.SIGTERM)
    with startup.one_line_errors():
        _run()


def _end(number, frame) -> None:
    """Leave every `with` block in turn: that stops the processes. A second Ctrl-C must not interrupt this."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    _say("Stopping.")
    sys.exit(0)


def _run() -> None:
    env = read_environment()
    port = _port(env.str("PORT", ""))
    url = f"http://127.0.0.1:{port}/"
    where = paths.place()
    given = {name: env.str(name, "") for name in where.urls}
    defaults = {"DEBUG": "on", "SECRET_KEY": "", "SITE_URL": url.rstrip("/")} | where.urls
    os.environ.update({name: env.str(name, "") or value for name, value in defaults.items()})
    if not os.environ["SECRET_KEY"]:
        os.environ["SECRET_KEY"] = paths.kept_secret(DATA_DIR / "secret-key")
    _read_settings()
    with contextlib.ExitStack() as stack:
        start = functools.partial(servers.running, where, environ=given, note=f"{url} (process {os.getpid()})")
        embedded = stack.enter_context(start())
        _check_port(port)
        if _is_of_before():
            if "PostgreSQL" not in embedded.processes:
                raise startup.CannotStartError(
                    "the database was made by a version of before the first release. Name an empty one in DATABASE_URL."
                )
            stack.close()
            aside = servers.set_data_aside(where)
            _say(f"The data was made by a version of before the first release. It is now in {aside}; this is new data.")
            embedded = stack.enter_context(start())
        staff = _prepare()
        with contextlib.ExitStack() as children:
            web = ["-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "-v", "0", "bookingsite.asgi:application"]
            # Stopped in the opposite order: no more requests, then no more jobs, then the servers.
            workers = {
                name: _start(children, ["manage.py", "worker", *arguments]) for name, arguments in WORKERS.items()
            }
            parts = embedded.processes | workers | {"the web process": _start(children, web)}
            if processes.wait_until(lambda: _ended(parts) or _listens(port), seconds=60) and not _ended(parts):
                data = where.folder if embedded.processes else "in the servers that DATABASE_URL and REDIS_URL name"
                _say(f"\nExpertBook is ready.\n\n  Site   {url}\n  Staff  {url}admin/  {staff}")
                _say(f"  Mail   {url}dev/mailbox/\n  Data   {data}\n")
                _say("Stop it with Ctrl-C.")
            while not (ended := _ended(parts)):
                time.sleep(0.2)
            sys.exit(f"ExpertBook stops: {ended}.")


def _port(text: str) -> int:
    text = text or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise startup.CannotStartError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)


def _check_port(port: int) -> None:
    """Raise unless the port is free. A web process whose supervisor was just killed gets a moment to let go of it."""
    reason = ""

    def is_free() -> bool:
        nonlocal reason
        try:
            with socket.socket() as server:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web process does
                server.bind(("127.0.0.1", port))
        except OSError as error:
            reason = error.strerror
            return False
        return True

    if not processes.wait_until(is_free, seconds=2):
        raise startup.CannotStartError(f"port {port} cannot be used ({reason}). Choose another: make run PORT=8001")


def _read_settings() -> None:
    """Raise ImproperlyConfigured for a bad setting, before anything is started."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "bookingsite.settings"
    from django.conf import settings

    # This process forks and needs one connection: no pool, hence no threads.
    options = settings.DATABASES["default"]["OPTIONS"]
    options.pop("pool", None)
    options["connect_timeout"] = 5


def _is_of_before() -> bool:
    """Whether the database was made by migrations of before the first release: accounts were Django's own then."""
    import django

    django.setup()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('experts_expert') IS NOT NULL AND to_regclass('experts_user') IS NULL")
        (answer,) = cursor.fetchone()
    connection.close()
    return answer


def _prepare() -> str:
    """Bring the database up to date. Returns the staff login, as a text for people."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection, transaction

    from experts.models import Expert

    _check_redis(settings.REDIS_URL)
    _say("Preparing the database ...")
    call_command("migrate", interactive=False, verbosity=0)
    if not Expert.objects.exists():
        _say("Loading the demo data ...")
        with transaction.atomic():  # whole or not at all: half of it would never be completed
            call_command("seed_demo", verbosity=0)
    staff = _staff_login(DATA_DIR / "staff-password")
    connection.close()
    return staff


def _check_redis(url: str) -> None:
    import redis

    from experts.valkey import connection_pool

    try:
        with redis.Redis(connection_pool=connection_pool(url, socket_connect_timeout=5, socket_timeout=5)) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise startup.CannotStartError(f"Valkey cannot be used: {error}. Check REDIS_URL.") from error


def _staff_login(password_file: Path) -> str:
    """Make the staff account at the first start. Its password is kept so that later starts can print it, too."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    user = users.filter(email=STAFF).first()
    if not user:
        users.create_superuser(STAFF, paths.kept_secret(password_file, length=16))
    elif not password_file.exists() or not user.check_password(password_file.read_text()):
        return f"{STAFF}, with the password that was set for it (manage.py changepassword {STAFF})"
    return f"{STAFF} / {password_file.read_text()}{_members(password_file.read_text())}"


def _members(password: str) -> str:
    """What members of an organisation see is seen by logging in as one of them, as long as there is a demo site."""
    from django.conf import settings

    from bookings import demo

    names = demo.add_members(password=password) if settings.DEBUG else []
    return f"\n         {', '.join(names)}: the same password, in one organisation" if names else ""


def _start(children: contextlib.ExitStack, arguments: list[str]) -> subprocess.Popen:
    """Start a Python process that is stopped when `children` ends, and not by Ctrl-C itself: the order matters."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=paths.BASE_DIR,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        # After kill -9 the database ends as well: a worker that was asked politely would wait for it.
        preexec_fn=processes.die_with_parent(signal.SIGKILL),  # noqa: PLW1509 (it makes one system call)
    )
    children.callback(processes.stop, process, signal.SIGTERM)
    return process


def _ended(parts: dict[str, subprocess.Popen]) -> str:
    """Which of the processes has ended and how, or an empty text."""
    for name, process in parts.items():
        if (code := process.poll()) is not None:
            return f"{name} has ended " + (f"(exit code {code})" if code >= 0 else f"(signal {-code})")
    return ""


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
