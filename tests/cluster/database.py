"""A primary with two streaming replicas, one of which has every commit before it is acknowledged."""

from collections.abc import Callable
from pathlib import Path

from bookingsite.devserver import processes
from tests.private_postgres import PrivatePostgres

NAMES = ("replica1", "replica2")


class ReplicatedDatabase:
    """``primary`` and ``replicas``. ``fill`` puts something into the primary before it is copied."""

    def __init__(self, folder: Path, fill: Callable[[PrivatePostgres], None]):
        self.primary = PrivatePostgres(_made(folder / "primary"), durable=True)
        fill(self.primary)
        # Copied with the rest. They count only once the configuration is read again.
        self.primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ({', '.join(NAMES)})'")
        self.replicas = [
            PrivatePostgres.following(self.primary, _made(folder / name), name=name, durable=True) for name in NAMES
        ]
        self._wait_for_followers(2)
        self.primary.execute("SELECT pg_reload_conf()")

    def fail_over(self) -> PrivatePostgres:
        """Make the replica the primary that has most, once the primary is dead; the other one follows it."""
        received = "SELECT pg_last_wal_receive_lsn() - '0/0'"
        self.replicas.sort(key=lambda replica: replica.execute(received), reverse=True)
        self.primary, *self.replicas = self.replicas
        self.primary.execute("SELECT pg_promote()")
        [(old,)] = self.replicas[0].execute("SHOW primary_conninfo")
        follow = " ".join(
            f"host={self.primary.where.sockets}" if part.startswith("host=") else part for part in old.split()
        )
        self.replicas[0].execute(f"ALTER SYSTEM SET primary_conninfo = '{follow.replace(chr(39), chr(39) * 2)}'")
        self.replicas[0].execute("SELECT pg_reload_conf()")
        return self.primary

    def wait_until_synchronous(self) -> None:
        """Wait until every commit is on two servers again."""
        self._wait_for_followers(len(self.replicas))

    def _wait_for_followers(self, count: int) -> None:
        streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        assert processes.wait_until(lambda: self.primary.execute(streaming)[0][0] >= count, seconds=30)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
