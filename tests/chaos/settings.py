"""The settings of the processes of a chaos run: dead workers are found soon, and a job can kill its worker."""

from tests.settings import *  # noqa: F403

PROCRASTINATE_IMPORT_PATHS = [*PROCRASTINATE_IMPORT_PATHS, "tests.chaos.poison"]  # noqa: F405
PROCRASTINATE_WORKER_DEFAULTS = PROCRASTINATE_WORKER_DEFAULTS | {  # noqa: F405
    "update_heartbeat_interval": 1.0,
    "stalled_worker_timeout": 4.0,
}
