"""The `live` process of production: serves pages' sockets (and, if it is asked, everything else).

    python -m bookingsite.live_server --host 127.0.0.1 --port 8001

uvicorn, with one thing added: a socket's scope has the connection itself, so that what many are told is written to each
as it is (bookings/live/sockets.py, docs/decisions/0026-the-server-of-sockets.md).
"""

import argparse
import gc
import os
import resource
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from bookings.live.sockets import TRANSPORT

WAITING = 4096  # connections that wait to be accepted: all pages come at once after a restart
# Of those, how many are taken in one turn of the loop. Who is taken is soon shown something; all 4,096 would go forward
# in step, each shown its day when all others are.
ACCEPTED = 32
LARGEST_MESSAGE = 4096  # bytes; pages have nothing to say
PING_SECONDS = 30  # to find pages that went without a word
PONG_SECONDS = 60  # a phone that slept, or a moment in which thousands are served, is no reason to close


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket whose scope has the connection."""

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):  # it was a proper request; the application starts with the loop's next turn
            self.scope["extensions"][TRANSPORT] = self.transport  # type: ignore[typeddict-item]  # our own extension
            del self.request  # all that is needed of it is in the scope


class SocketServer(uvicorn.Server):
    """uvicorn with a long queue of connections, of which few are taken at once: asyncio has one number for both."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for listener in server.sockets:
                with socket.fromfd(listener.fileno(), listener.family, listener.type) as same:
                    same.listen(WAITING)


def given_socket() -> int | None:
    """Return the socket on which systemd listens for this process (deploy/systemd/expertbook-live.socket), if it does.

    It goes on while one process follows another, so that nobody who dials meanwhile is turned away.
    """
    is_ours = os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1"
    return 3 if is_ours else None  # the first that is passed on, by sd_listen_fds(3)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bookingsite.live_server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--fd", type=int, default=given_socket(), help="listen on this open socket instead")
    options = parser.parse_args()
    gc.disable()  # until all is loaded (bookingsite/apps.py)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a connection is an open file; often 1,024 are allowed
    config = uvicorn.Config(
        "bookingsite.asgi:application",
        host=options.host,
        port=options.port,
        fd=options.fd,
        backlog=ACCEPTED,
        loop="asyncio",
        http="httptools",
        ws=SocketProtocol,
        ws_max_size=LARGEST_MESSAGE,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PONG_SECONDS,
        ws_per_message_deflate=False,  # a compressor for each of 5,000 takes more memory than all else
        lifespan="off",
        proxy_headers=False,  # the application reads them itself, from proxies that it trusts
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )
    SocketServer(config).run()


if __name__ == "__main__":
    main()
