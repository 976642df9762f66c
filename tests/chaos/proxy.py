"""A proxy of the tests' own between processes: passes on, is late, turns newcomers away, swallows, or cuts."""

import asyncio
import contextlib
import ctypes
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
# What PostgreSQL says where it has no connection left (its protocol's ErrorResponse).
_FIELDS = b"SFATAL\x00VFATAL\x00C53300\x00Msorry, too many clients already\x00\x00"
TOO_MANY = b"E" + (len(_FIELDS) + 4).to_bytes(4, "big") + _FIELDS
# Linux: a filter of packets on a socket. What it drops is gone, and nobody says that it came.
_ATTACH_FILTER, _DETACH_FILTER = 26, 27
_DROP = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # BPF: return 0
_DROP_ALL = struct.pack("HL", 1, ctypes.addressof(_DROP))


class Proxy:
    """Listens on 127.0.0.1 and ``port``, and leads to a Unix socket (a path) or to a port of this machine.

    ``delay``: seconds by which each answer is late. ``most``: how many connections there may be; who comes then is told
    that there are too many, as PostgreSQL does.
    """

    def __init__(self, target: Path | int):
        self.target = target
        self.delay, self.most = 0.0, None
        self._is_dark, self._near = False, set[asyncio.StreamWriter]()  # near: of those who connect
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[ready], daemon=True)
        self._thread.start()
        ready.wait()

    def cut(self) -> int:
        """End all connections at once, whatever is on its way. Returns how many there were."""
        return asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    def swallow(self) -> None:
        """Let all packets of those who are connected, or would connect, vanish, as a network does whose cable is out:
        nothing is refused, and the kernel does not say either that anything has come. Linux only.
        """
        asyncio.run_coroutine_threadsafe(self._darken(True), self._loop).result(10)

    def let_through(self) -> None:
        """The cable is in again."""
        asyncio.run_coroutine_threadsafe(self._darken(False), self._loop).result(10)

    def stop(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._over = asyncio.Event()
        self._server = server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await self._over.wait()

    async def _cut(self) -> int:
        count = len(self._writers)
        for writer in list(self._writers):
            writer.transport.abort()
        return count

    async def _darken(self, is_dark: bool) -> None:
        self._is_dark = is_dark
        ends = [*self._server.sockets, *(writer.get_extra_info("socket") for writer in self._near)]
        for end in ends:
            option = (_ATTACH_FILTER, _DROP_ALL) if is_dark else (_DETACH_FILTER, 0)
            with contextlib.suppress(FileNotFoundError):  # it came meanwhile, and has none
                end.setsockopt(socket.SOL_SOCKET, *option)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if self.most is not None and len(self._writers) // 2 >= self.most:
                await reader.read(1)
                writer.write(TOO_MANY)
                await writer.drain()
                writer.close()
                return
            there, onward = await self._connect()
            self._writers |= {writer, onward}
            self._near.add(writer)
            try:
                ways = [self._pass(reader, onward, self._nothing), self._pass(there, writer, self._late)]
                tasks = [asyncio.ensure_future(way) for way in ways]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
            finally:
                self._writers -= {writer, onward}
                self._near.discard(writer)
                for end in (writer, onward):
                    end.close()
            return
        writer.transport.abort()

    async def _connect(self) -> _Streams:
        if isinstance(self.target, Path):
            return await asyncio.open_unix_connection(str(self.target))
        return await asyncio.open_connection("127.0.0.1", self.target)

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, wait: Callable[[], Awaitable[None]]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await wait()
                while self._is_dark:
                    await asyncio.sleep(0.05)
                target.write(data)
                await target.drain()

    async def _late(self) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)

    async def _nothing(self) -> None:
        """Questions are not late: a round trip is late once."""
