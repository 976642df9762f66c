"""`make chaos` in short: each fault once, under load, and nothing is lost, there twice or untrue afterwards."""

import os
import subprocess
import sys

import pytest

from bookingsite.devserver.paths import BASE_DIR
from tests.database import address_of

pytestmark = pytest.mark.processes


def test_no_fault_breaks_a_promise(worker_database):
    """In a process of its own: it starts and ends processes, and has Django on a database of its own."""
    # Not in the folder of the test: the path of a socket may have a hundred characters.
    environ = os.environ | {"CHAOS_TABLES": address_of(worker_database)}
    command = [sys.executable, "-m", "tests.chaos", "--short"]
    done = subprocess.run(command, cwd=BASE_DIR, env=environ, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 faults in" in done.stdout
