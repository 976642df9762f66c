"""Where settings come from: variables of the environment, and for those that are not set the lines of .env."""

import os
from pathlib import Path

from environs import Env

BASE_DIR = Path(__file__).resolve().parent.parent


def read_environment() -> Env:
    """Read ENV_FILE, or .env beside manage.py if there is one. Ask the answer, not ``os.environ``, which it leaves."""
    env = Env()
    env.read_env(os.environ.get("ENV_FILE", BASE_DIR / ".env"), recurse=False)
    return env
