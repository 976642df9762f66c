"""Ports that a server keeps while it is stopped and started."""

import contextlib
import random
import socket


def port_to_keep() -> int:
    """A free port on loopback that systems give to no outgoing connection: it is still free after a restart."""
    while True:
        port = random.randrange(20_000, 30_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
