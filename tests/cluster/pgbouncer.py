"""A PgBouncer of a test's own, in transaction mode as docs/examples/pgbouncer.ini says, before some PostgreSQL."""

import contextlib
import shutil
import signal
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import psycopg

from bookingsite.devserver import paths, processes, servers
from tests.cluster import programs
from tests.cluster.examples import adapted

PORT = 6432


class PgBouncer:
    """Passes everything on to the server at ``url``. ``url_of`` tells addresses that lead through it.

    ``sessions``: how many of PostgreSQL's all clients share, for each database. Listens on a Unix socket only.
    """

    def __init__(self, folder: Path, url: str, *, sessions: int = 20):
        self._where = paths.place(folder)
        self._sessions, self._running = sessions, contextlib.ExitStack()
        user = paths.server_user()
        paths.make_home(self._where, user)
        paths.make_folders(self._where, user)
        self._config = self._where.sockets / "pgbouncer.ini"
        self._write(self._where.sockets / "users.txt", f'"{paths.NAME}" ""\n')
        self._lead_to(url)
        self.start()

    def start(self) -> None:
        log = self._where.folder / "pgbouncer.log"
        command = [programs.find("pgbouncer"), self._config]
        options = {"log": log, "user": paths.server_user(), "stops": (signal.SIGINT, signal.SIGTERM)}
        self._process = servers.launch(self._running, command, **options)
        assert processes.wait_until(self._answers, seconds=20), log.read_text()

    def stop(self) -> None:
        self._running.close()

    def kill(self) -> None:
        self._process.kill()
        self.stop()

    def remove(self) -> None:
        self.stop()
        for folder in (self._where.sockets, self._where.folder.parent):
            shutil.rmtree(folder, ignore_errors=True)

    def url_of(self, database: str) -> str:
        return f"postgresql://{paths.NAME}@:{PORT}/{quote(database)}?host={quote(str(self._where.sockets), safe='')}"

    def move_to(self, url: str) -> None:
        """Lead to another server from now on; who is connected stays connected."""
        self._lead_to(url)
        self._process.send_signal(signal.SIGHUP)

    def ask(self, question: str) -> list[tuple]:
        """Ask or tell PgBouncer itself, such as SHOW POOLS."""
        with psycopg.connect(self.url_of("pgbouncer"), autocommit=True) as console:
            # Its console knows only the protocol's simple queries.
            cursor = psycopg.ClientCursor(console).execute(question)
            return cursor.fetchall() if cursor.description is not None else []

    def _lead_to(self, url: str) -> None:
        address = urlsplit(url)
        host = parse_qs(address.query).get("host", [address.hostname])[0]
        password = f" password={address.password}" if address.password else ""
        server = f"host={host} port={address.port or 5432} user={address.username}{password}"
        changes = {
            "expertbook = .*": f"* = {server}",
            "listen_addr = .*": f"unix_socket_dir = {self._where.sockets}",
            "listen_port = .*": f"listen_port = {PORT}",
            "auth_type = .*": "auth_type = trust",
            "auth_file = .*": f"auth_file = {self._where.sockets / 'users.txt'}",
            "admin_users = .*": f"admin_users = {paths.NAME}",
            "default_pool_size = .*": f"default_pool_size = {self._sessions}",
        }
        self._write(self._config, adapted("pgbouncer.ini", changes))

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o644)  # in a folder that only its user can enter

    def _answers(self) -> bool:
        try:
            return bool(self.ask("SHOW VERSION"))
        except psycopg.OperationalError:
            return False
