"""`make run` as a person sees it, in a copy of the project of its own."""

import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import psycopg
import pytest

from bookingsite.devserver import paths, processes, servers
from tests import database
from tests.live import site_environ

DATABASE_OUT_OF_REACH = "postgresql://user:a-password@127.0.0.1:1/db"


def dev(clone: Path, environ: dict, *, command=("-m", "bookingsite.devserver.run")) -> subprocess.CompletedProcess:
    """Call a command that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, *command], cwd=clone, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def assert_one_line(done: subprocess.CompletedProcess, expected: str) -> None:
    assert done.returncode > 0
    assert re.fullmatch(rf"ExpertBook cannot start: .*{re.escape(expected)}.*\n", done.stderr), done.stderr
    assert "Traceback" not in done.stdout
    assert "a-password" not in done.stdout + done.stderr


class Running:
    """A `make run` that goes on until it is stopped."""

    def __init__(self, clone: Path, environ: dict, port: str = ""):
        self.log = clone.parent / "output.txt"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bookingsite.devserver.run"],
                cwd=clone,
                env=environ,
                stdout=output,
                stderr=output,
                preexec_fn=processes.die_with_parent(signal.SIGTERM),  # noqa: PLW1509 (it makes one system call)
            )
        self.url = f"http://127.0.0.1:{port or environ['PORT']}/"
        ready = processes.wait_until(lambda: "Ctrl-C" in self.output or self.process.poll() is not None, seconds=90)
        assert ready, self.output
        assert self.process.poll() is None, self.output
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    @property
    def output(self) -> str:
        return self.log.read_text()

    def child(self, words: str) -> psutil.Process:
        return next(child for child in self.children if words in " ".join(child.cmdline()))

    def wait(self) -> int:
        """Wait for its end and for that of all that it started, and return its exit code."""
        code = self.process.wait(60)
        assert processes.wait_until(lambda: not any(map(is_alive, self.children)), seconds=30), self.children
        assert "Traceback" not in self.output
        return code


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@pytest.fixture
def environ(plain_environ):
    return plain_environ | {"PORT": free_port()}


@pytest.fixture
def write_dotenv(clone):
    """Write settings to the clone's .env, which is taken away after the test."""
    dotenv = clone / ".env"
    yield lambda settings: dotenv.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    dotenv.unlink(missing_ok=True)


# What the migrations of before the first release had made, and those of today do not.
MADE_BEFORE = "CREATE TABLE experts_expert (); CREATE TABLE auth_user (); CREATE TABLE django_migrations ()"


def test_the_life_of_a_site(clone, environ, plain_environ, write_dotenv):
    # Data of before the first release is set aside.
    where = paths.place(clone)
    with (
        servers.running(where, environ={}, durable=False),
        psycopg.connect(where.database_url(), autocommit=True) as connection,
    ):
        connection.execute(f"DROP SCHEMA public CASCADE; CREATE SCHEMA public; {MADE_BEFORE}")
    before = (where.data / "global" / "pg_control").stat().st_ino
    first = Running(clone, environ)
    [aside] = where.folder.glob("postgres-*")
    assert first.output.count("of before the first release") == 1
    assert f"It is now in {aside};" in first.output
    assert (aside / "global" / "pg_control").stat().st_ino == before

    assert "Loading the demo data" in first.output
    # The site looks and weighs as it will elsewhere: its own page of what is not there, and everything packed.
    assert urllib.request.urlopen(first.url).status == 200
    with pytest.raises(urllib.error.HTTPError, match="404") as missing:
        urllib.request.urlopen(f"{first.url}nowhere/")
    assert "We couldn’t find that page" in missing.value.read().decode()
    for path in ("", "static/css/app.css", "static/built/site.js", "static/icons.svg"):
        packed = urllib.request.Request(first.url + path, headers={"Accept-Encoding": "br"})
        headers = urllib.request.urlopen(packed).headers
        assert headers["Content-Encoding"] == "br"
        if path:
            packed.add_header("If-None-Match", headers["ETag"])
            with pytest.raises(urllib.error.HTTPError, match="304"):
                urllib.request.urlopen(packed)
    login = re.search(r"staff@example\.com / \S{16}\n", first.output)[0]
    for name in ("secret-key", "staff-password"):
        assert stat.S_IMODE((clone / ".data" / name).stat().st_mode) == 0o600

    # A second start in the same clone says where the first one runs, and leaves it alone.
    assert_one_line(dev(clone, environ), f"it already runs in this checkout: {first.url}")
    assert urllib.request.urlopen(first.url).status == 200

    # kill -9 leaves nothing running, and the next start works, with the same login. What is written in .env counts as
    # if it were set. A variable of the environment wins.
    first.process.kill()
    first.wait()
    port, secret = free_port(), "0123456789" * 6
    write_dotenv({"PORT": port, "SITE_URL": "https://dotenv.example", "SECRET_KEY": secret})
    second = Running(clone, plain_environ | {"SITE_URL": "https://environment.example"}, port)
    assert login in second.output
    assert "Loading" not in second.output
    assert urllib.request.urlopen(second.url).status == 200
    web = second.child("daphne").environ()
    assert (web["SITE_URL"], web["SECRET_KEY"]) == ("https://environment.example", secret)

    # When one process ends, the others do not stay behind.
    second.child("manage.py worker").kill()
    assert second.wait() == 1
    assert second.output.count("ExpertBook stops: the worker has ended (signal 9).\n") == 1

    # Ctrl-C is no failure.
    third = Running(clone, plain_environ, port)
    third.process.send_signal(signal.SIGINT)
    assert third.wait() == 0

    # Another one of the same day would have a place, too, and what is there was left alone.
    assert servers.set_data_aside(where) == aside.with_name(f"{aside.name}-2")
    assert (aside / "global" / "pg_control").stat().st_ino == before


def test_a_database_of_before_that_is_not_ours_is_left_alone(clone, environ):
    name = f"before-{secrets.token_hex(4)}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            with psycopg.connect(database.address_of(name), autocommit=True) as connection:
                connection.execute(MADE_BEFORE)
            addresses = {"DATABASE_URL": database.address_of(name), "REDIS_URL": os.environ["REDIS_URL"]}
            assert_one_line(dev(clone, environ | addresses), "was made by a version of before the first release")
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"PORT": "eighty"}, "PORT must be a number from 1 to 65535, not 'eighty'."),
        ({"PORT": "65536"}, "PORT must be a number"),
        ({"DEBUG": "perhaps"}, "DEBUG"),
        ({"DEBUG": "off", "SECRET_KEY": "short"}, "SECRET_KEY is too weak"),
        ({"DEBUG": "off", "SECRET_KEY_FALLBACKS": "short"}, "SECRET_KEY_FALLBACKS is too weak"),
        ({"DATABASE_POOL": "many"}, "DATABASE_POOL"),
        ({"EMAIL_URL": "pigeon://"}, "EMAIL_URL must look like"),
        ({"EMAIL_SERVICE": "pigeon"}, "EMAIL_SERVICE must be one that django-anymail knows"),
        ({"MAIL_EVENTS_SECRET": "guess:me"}, "MAIL_EVENTS_SECRET must look like name:secret"),
        ({"DATABASE_URL": "mysql://user:a-password@localhost/db"}, "DATABASE_URL must look like postgresql://"),
        ({"DATABASE_REPLICA_URL": "replica.example.org"}, "DATABASE_REPLICA_URL must look like postgresql://"),
        ({"DATABASE_URL": DATABASE_OUT_OF_REACH}, "Connection refused. Check DATABASE_URL."),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "Check REDIS_URL."),
        ({"REDIS_URL": "http://127.0.0.1"}, "REDIS_URL must start with"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8,the-proxy"}, "TRUSTED_PROXIES must be addresses or networks"),
        ({"API_CORS_ORIGINS": "www.example.org"}, "API_CORS_ORIGINS must look like"),
    ],
)
def test_one_line_says_what_is_wrong(clone, environ, setting, expected):
    # What a case is not about is running already, which is quicker than to start it.
    servers = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
    assert_one_line(dev(clone, environ | servers | setting), expected)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"PORT": "eighty"}, "PORT must be a number from 1 to 65535, not 'eighty'."),
        ({"DEBUG": "off", "SECRET_KEY": "short"}, "SECRET_KEY is too weak"),
        ({"DEBUG": "off", "SECRET_KEY_FALLBACKS": "short"}, "SECRET_KEY_FALLBACKS is too weak"),
        ({"DATABASE_URL": DATABASE_OUT_OF_REACH}, "Connection refused. Check DATABASE_URL."),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "Check REDIS_URL."),
    ],
)
def test_settings_in_dotenv_count(clone, plain_environ, write_dotenv, setting, expected):
    servers = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
    write_dotenv({"PORT": free_port()} | servers | setting)  # the usual one may be in use
    assert_one_line(dev(clone, plain_environ), expected)


def test_commands_blame_the_address_that_dotenv_names(clone, plain_environ, write_dotenv):
    write_dotenv({"DEBUG": "on", "DATABASE_URL": DATABASE_OUT_OF_REACH})
    assert_one_line(dev(clone, plain_environ, command=("manage.py", "migrate")), "Check DATABASE_URL.")


def test_one_line_says_that_the_login_of_the_database_is_wrong(clone, environ):
    address = site_environ("expertbook")["DATABASE_URL"].replace("//expertbook@", "//stranger:a-password@")
    servers = {"DATABASE_URL": address, "REDIS_URL": os.environ["REDIS_URL"]}
    assert_one_line(dev(clone, environ | servers), "Check DATABASE_URL.")


def test_one_line_says_that_the_port_is_in_use(clone, environ):
    servers = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = dev(clone, environ | servers | {"PORT": port})
    assert_one_line(done, f"port {port} cannot be used (Address already in use)")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({}, "SECRET_KEY is missing"),
        ({"SECRET_KEY": "x" * 60}, "SECRET_KEY is too weak"),
        ({"SECRET_KEY": "0123456789" * 6}, "DATABASE_URL is missing"),
        ({"SECRET_KEY": "0123456789" * 6, "DATABASE_URL": DATABASE_OUT_OF_REACH}, "REDIS_URL is missing"),
        ({"DEBUG": "on"}, "Start `make run`, or set DATABASE_URL."),
        ({"DEBUG": "on", "DATABASE_URL": DATABASE_OUT_OF_REACH}, "Check DATABASE_URL."),
    ],
)
def test_commands_say_it_in_one_line(clone, plain_environ, setting, expected):
    assert_one_line(dev(clone, plain_environ | setting, command=("manage.py", "migrate")), expected)


@pytest.mark.parametrize("module", ["asgi", "wsgi"])
def test_servers_say_it_in_one_line(clone, plain_environ, module):
    done = dev(clone, plain_environ | {"SECRET_KEY": "short"}, command=("-c", f"import bookingsite.{module}"))
    assert_one_line(done, "SECRET_KEY is too weak")


def test_make_says_that_there_is_no_python(clone, plain_environ, tmp_path):
    names = ("python3.13", "python3.12", "python3.11", "python3")
    for name in names:
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")  # too old, or without venv
        (tmp_path / name).chmod(0o755)
    make = shutil.which("make")
    done = subprocess.run(
        [make, "run", f"PYTHONS={' '.join(names)}"],  # without those of the system
        cwd=clone,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode > 0
    assert "ExpertBook needs Python 3.11 or newer with venv; there is none on the PATH.\n" in done.stderr
    assert done.stdout == ""
    assert not (clone / ".venv").exists()
