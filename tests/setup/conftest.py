import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bookingsite.devserver import paths, processes

CLONED = ("bookings", "bookingsite", "experts", "templates", "static", "manage.py")
CLONED += ("Makefile", "requirements.txt", "requirements-dev.txt")


@pytest.fixture
def new_checkout(tmp_path):
    """A folder that stands for a clone of the project, closed to others like /root."""
    yield from _checkout(tmp_path)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """One that several tests use in turn, because PostgreSQL's first start takes longer than all others."""
    yield from _checkout(tmp_path_factory.mktemp("shared"))


def _checkout(parent: Path):
    folder = parent / "clone"
    folder.mkdir(mode=0o700)
    yield folder
    forget(folder)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A real copy of the project, in which `make run` and manage.py can be called.

    With the bytecode that is there: the processes of a first start would each compile everything.
    """
    folder = tmp_path_factory.mktemp("home", numbered=True) / "expertbook"
    folder.mkdir(mode=0o700)
    for name in CLONED:
        source, target = paths.BASE_DIR / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("node_modules"))
        else:
            shutil.copy(source, target)
    yield folder
    forget(folder)


def forget(checkout: Path) -> None:
    """Remove what lies outside of the checkout: root's data, and the sockets of a deep folder."""
    where = paths.place(checkout)
    shutil.rmtree(where.sockets, ignore_errors=True)
    shutil.rmtree(where.folder.parent, ignore_errors=True)


class Owner:
    """Another process that runs the servers of a checkout, to be killed. `start` is the code of a context manager."""

    def __init__(
        self, checkout: Path, start: str = "running(place(checkout), environ={}, durable=False)", before: str = "pass"
    ):
        code = f"""
import pathlib, sys
from bookingsite.devserver import processes
from bookingsite.devserver.servers import *
checkout = pathlib.Path({str(checkout)!r})
{before}
with {start}:
    print("ready", flush=True)
    sys.stdin.read()
"""
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=paths.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=processes.die_with_parent(signal.SIGTERM),  # noqa: PLW1509 (it makes one system call)
        )
        assert self.process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        """kill -9"""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def owner():
    """Start an Owner, ended with the test."""
    owners = []

    def start(*args, **kwargs):
        owners.append(Owner(*args, **kwargs))
        return owners[-1]

    yield start
    for each in owners:
        each.end()


@pytest.fixture
def plain_environ():
    """The environment of a newcomer: no setting is set."""
    known = ("PATH", "HOME", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in known if name in os.environ}
