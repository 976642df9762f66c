"""The bare peer of live pages: says to everybody who is connected what one of them says. Port: the first argument."""

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve

connected: set[ServerConnection] = set()


async def say(connection: ServerConnection) -> None:
    connected.add(connection)
    try:
        await connection.send("<p>welcome</p>")
        async for message in connection:
            broadcast(connected, message)
    finally:
        connected.discard(connection)


async def main() -> None:
    async with serve(say, "127.0.0.1", int(sys.argv[1]), compression=None, backlog=4096) as server:
        await server.serve_forever()


asyncio.run(main())
