"""Get programs that no wheel carries: through apt, when we are root."""

import os
import shutil
import subprocess

SECONDS = 600


def is_there() -> bool:
    """Whether packages can be installed."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(*packages: str) -> bool:
    """Install Debian's packages, without what they only recommend. False when that fails."""
    run(["apt-get", "update", "-qq"])
    options = ["-y", "-qq", "--no-install-recommends"]
    return run(["apt-get", "install", *options, *packages], DEBIAN_FRONTEND="noninteractive")


def run(command: list[str], *, seconds: float = SECONDS, **environ: str) -> bool:
    """Run a program without its output; False when there is none, or it fails or takes too long."""
    try:
        done = subprocess.run(
            command,
            env=os.environ | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
