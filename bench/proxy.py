"""Count what one process asks of PostgreSQL: a proxy on a socket of its own that reads the messages it passes on.

The wheel's PostgreSQL has no pg_stat_statements, and its counters know neither round trips nor who asked. A statement
is what is executed, by a simple query or by an execute message, apart from BEGIN, COMMIT and their like; a round trip
is a turn of the talk: the client says something after the server has spoken.
"""

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

TRANSACTION = re.compile(r"\s*(BEGIN|START|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b", re.IGNORECASE)
SSL_REQUEST, GSS_REQUEST = 80877103, 80877104  # in the place of a protocol version


@dataclass
class Talk:
    """What was asked since the last ``clear``: the SQL of each statement in turn, and the round trips."""

    asked: list[str] = field(default_factory=list)
    round_trips: int = 0

    @property
    def statements(self) -> list[str]:
        """What was asked, without what only begins and ends transactions."""
        return [sql for sql in self.asked if not TRANSACTION.match(sql)]

    def clear(self) -> None:
        self.asked, self.round_trips = [], 0


class Listener:
    """Follows one connection: finds statements in what the client sends, with their parameters put in their places."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self._rest = b""
        self._has_started = False
        self._client_speaks = False
        self._prepared: dict[bytes, tuple[str, list[int]]] = {}  # by name: the SQL and the types of its parameters
        self._portals: dict[bytes, str] = {}

    def server_spoke(self) -> None:
        self._client_speaks = False

    def client_spoke(self, data: bytes) -> None:
        if self._has_started and not self._client_speaks:
            self._client_speaks = True
            self.talk.round_trips += 1
        self._rest += data
        while message := self._next_message():
            self._read(*message)

    def _next_message(self) -> tuple[bytes, bytes] | None:
        header = 1 if self._has_started else 0  # only the first message has no type
        if len(self._rest) < header + 4:
            return None
        (length,) = struct.unpack_from("!I", self._rest, header)
        if len(self._rest) < header + length:
            return None
        kind, body = self._rest[:header], self._rest[header + 4 : header + length]
        self._rest = self._rest[header + length :]
        if not self._has_started:
            self._has_started = struct.unpack_from("!I", body)[0] not in (SSL_REQUEST, GSS_REQUEST)
        return kind, body

    def _read(self, kind: bytes, body: bytes) -> None:
        if kind == b"Q":
            self.talk.asked.extend(split(body.rstrip(b"\0").decode()))
        elif kind == b"P":
            name, sql, rest = body.split(b"\0", 2)
            (count,) = struct.unpack_from("!H", rest)
            self._prepared[name] = sql.decode(), list(struct.unpack_from(f"!{count}I", rest, 2))
        elif kind == b"B":
            portal, name, rest = body.split(b"\0", 2)
            self._portals[portal] = filled_in(*self._prepared[name], parameters(rest))
        elif kind == b"E":
            self.talk.asked.append(self._portals[body.split(b"\0", 1)[0]])


def split(sql: str) -> list[str]:
    """The statements of a simple query, which may hold several."""
    parts = re.findall(r"""(?:\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"[^"]*"|[^;'"])+?(?=;|$)""", sql)
    return [part.strip() for part in parts if part.strip()]


def parameters(body: bytes) -> list[tuple[bool, bytes | None]]:
    """The values in a bind message, after the two names: whether each is binary, and what it is (None: null)."""
    (count,) = struct.unpack_from("!H", body)
    formats = struct.unpack_from(f"!{count}H", body, 2)
    at = 2 + 2 * count
    (number,) = struct.unpack_from("!H", body, at)
    at += 2
    if count <= 1:
        formats = (formats or (0,)) * number  # one for all, or none: text
    found: list[tuple[bool, bytes | None]] = []
    for is_binary in formats[:number]:
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        found.append((bool(is_binary), None if length < 0 else body[at : at + length]))
        at += max(length, 0)
    return found


INTEGERS, REALS, TEXTS = {20, 21, 23, 26}, {700: "!f", 701: "!d"}, {0, 25, 114, 1042, 1043}  # type OIDs
BOOLEAN, INTERVAL = 16, 1186
# Microseconds since that instant, on the clock of UTC.
INSTANTS, BEGAN = {1114: "timestamp", 1184: "timestamptz"}, datetime(2000, 1, 1, tzinfo=UTC)

# Of these, PostgreSQL has to be told. psycopg takes the smallest integers that hold the values; others may need more.
ARRAYS = dict.fromkeys((1005, 1007, 1016), "bigint[]") | {
    1009: "text[]",
    1115: "timestamp[]",
    1182: "date[]",
    1185: "timestamptz[]",
}


def filled_in(sql: str, types: list[int], values: list[tuple[bool, bytes | None]]) -> str:
    """The statement with literals for its parameters. A binary value of a type unknown here becomes hex digits."""

    def literal(found: re.Match[str]) -> str:
        number = int(found[1]) - 1
        kind = types[number] if number < len(types) else 0
        is_binary, value = values[number]
        if value is None:
            return "NULL"
        if is_binary and kind in INTEGERS:
            return str(int.from_bytes(value, "big", signed=True))
        if is_binary and kind in REALS:
            return str(struct.unpack(REALS[kind], value)[0])
        if is_binary and kind == BOOLEAN:
            return str(value != b"\0").lower()
        if is_binary and kind == INTERVAL:
            microseconds, days, months = struct.unpack("!qii", value)
            return f"'{months} months {days} days {microseconds} microseconds'::interval"
        if is_binary and kind in INSTANTS:
            at = BEGAN + timedelta(microseconds=struct.unpack("!q", value)[0])
            return f"'{at.isoformat()}'::{INSTANTS[kind]}"
        if is_binary and kind not in TEXTS:
            return f"'\\x{value.hex()}'"
        text = "'" + value.decode().replace("'", "''") + "'"
        return f"{text}::{ARRAYS[kind]}" if kind in ARRAYS else text

    return re.sub(r"\$(\d+)", literal, sql)


@contextlib.contextmanager
def listening(folder: Path, upstream: Path) -> Iterator[Talk]:
    """Listen in ``folder``, as PostgreSQL does in ``upstream``, and pass everything on. Gives what is heard."""
    talk, lock = Talk(), threading.Lock()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / ".s.PGSQL.5432"))
    server.listen(64)

    def accept() -> None:
        with contextlib.suppress(OSError):  # closed: it is over
            while True:
                client, _ = server.accept()
                behind = socket.socket(socket.AF_UNIX)
                behind.connect(str(upstream / ".s.PGSQL.5432"))
                listener = Listener(talk)
                for source, target, from_client in ((client, behind, True), (behind, client, False)):
                    threading.Thread(target=pass_on, args=(source, target, listener, from_client), daemon=True).start()

    def pass_on(source: socket.socket, target: socket.socket, listener: Listener, from_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                with lock:
                    if from_client:
                        listener.client_spoke(data)
                    else:
                        listener.server_spoke()
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield talk
    finally:
        server.close()
