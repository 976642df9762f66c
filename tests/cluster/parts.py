"""The parts of a cluster on one machine: processes of the Procfile, and nginx. Each is stopped and started alone."""

import http.client
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench import stage
from bookingsite.devserver import processes
from bookingsite.devserver.paths import BASE_DIR
from tests.cluster import programs
from tests.cluster.examples import adapted
from tests.cluster.ports import port_to_keep


class Part:
    """A process on a port of its own, which it keeps over ``stop`` and ``start``. What it says is in ``log``."""

    def __init__(
        self, name: str, command: list[str], log: Path, *, port: int = 0, environ: Mapping[str, str] | None = None
    ):
        self.name, self.port, self.log = name, port, log
        self.command, self._environ = command, dict(environ or os.environ)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("a") as output:
            self.process = stage.start(
                self.command,
                cwd=BASE_DIR,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def stop(self) -> None:
        """As a service manager does for a new version."""
        if self.process:
            processes.stop(self.process, signal.SIGTERM)

    def kill(self) -> None:
        """kill -9, of what it has started, too."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # each part is a process group (bench/stage.py)
            self.process.wait(30)

    def wait(self) -> None:
        """Wait until it answers, if it has a port."""
        if self.port:
            assert self.process is not None
            stage.wait_for(self.port, "/healthz", self.process)


def procfile_part(line: str, name: str, logs: Path, environ: Mapping[str, str]) -> Part:
    """A process of the Procfile, named there ``line``."""
    port = port_to_keep() if line in ("web", "live") else 0
    command = stage.words(stage.procfile()[line], port, dict(environ))
    return Part(name, command, logs / f"{name}.log", port=port, environ=environ)


def nginx_part(logs: Path, web: list[Part], live: list[Part]) -> Part:
    """nginx as docs/examples/nginx.conf says, on a port of its own instead of 443."""
    port, folder = port_to_keep(), logs / "nginx"
    folder.mkdir()
    servers = {
        r"    server 10\.0\.0\.11:8000(.*)": f"server 127.0.0.1:{web[0].port} max_fails=1 fail_timeout=2s;",
        r"    server 10\.0\.0\.12:8000(.*)": f"server 127.0.0.1:{web[1].port} max_fails=1 fail_timeout=2s;",
        r"    server 10\.0\.0\.11:8001(.*)": f"server 127.0.0.1:{live[0].port} max_fails=1 fail_timeout=2s;",
        r"    server 10\.0\.0\.12:8001(.*)": f"server 127.0.0.1:{live[1].port} max_fails=1 fail_timeout=2s;",
        "    listen .*": f"listen 127.0.0.1:{port};",
        "    server_name .*": "server_name localhost;",
        "    ssl_certificate .*": "",
        "    ssl_certificate_key .*": "",
    }
    temporary = "\n".join(
        f"{kind}_temp_path {folder / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    process = f"daemon off; pid {folder / 'pid'}; error_log stderr; worker_processes 1;"
    site = f"access_log off;\n{temporary}\n{adapted('nginx.conf', servers)}"
    config.write_text(f"{process}\nevents {{ worker_connections 1024; }}\nhttp {{\n{site}\n}}\n")
    command = [str(programs.find("nginx")), "-p", str(folder), "-e", "stderr", "-c", str(config)]
    return Part("nginx", command, logs / "nginx.log", port=port)


def answers(port: int, path: str = "/healthz") -> bool:
    """Whether somebody listens there and says that all is well."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
