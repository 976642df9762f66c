"""Find nginx and PgBouncer, which no wheel carries, or get Debian's when we are root.

`python -m tests.cluster.programs` gets them and says where they are. Without them the tests of a cluster fail: they are
no extra.
"""

import os
import shutil
import sys
from pathlib import Path

from tests import apt

PACKAGES = {"nginx": "nginx-light", "pgbouncer": "pgbouncer"}
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"])


def find(name: str) -> Path:
    """The path of a program. Raises RuntimeError, with what to do, when there is none."""
    if path := shutil.which(name, path=_PATH):
        return Path(path)
    raise RuntimeError(f"There is no {name}. Install it (on Debian: apt-get install {PACKAGES[name]}).")


def get() -> list[Path]:
    """`find` all, after installing what is missing if we can."""
    missing = [name for name in PACKAGES if not shutil.which(name, path=_PATH)]
    if missing and apt.is_there():
        apt.install(*(PACKAGES[name] for name in missing))
        for name in missing:  # Debian starts what it installs, where systemd runs
            apt.run(["systemctl", "disable", "--now", name], seconds=30)
    return [find(name) for name in PACKAGES]


if __name__ == "__main__":
    try:
        print(*get(), sep="\n")  # noqa: T201
    except RuntimeError as error:
        sys.exit(str(error))
