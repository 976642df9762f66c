"""Somebody else's server that receives webhooks, on 127.0.0.1, and answers as a test wants it to."""

import json
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


class Receiver:
    """Keeps what it receives. ``answer(handler, done)`` answers each request; by default it says 204.

    ``done`` is an event that is set at the end: answers that hang wait for it.
    """

    def __init__(self, answer=None, *, tls: ssl.SSLContext | None = None):
        self.received: list[Received] = []
        self.done = threading.Event()
        self.arrival = threading.Semaphore(0)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                receiver.arrival.release()
                (answer or say(204))(self, receiver.done)

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request, client_address):
                """Who hangs up on us is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *error) -> None:
        self.done.set()
        self._server.shutdown()
        self._server.server_close()


# What a receiver may answer


def say(status: int, text: str = "", **headers: str):
    def answer(handler, done) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if status != 204:
            handler.send_header("Content-Length", str(len(text.encode())))
        handler.end_headers()
        handler.wfile.write(text.encode())

    return answer


def hang(handler, done) -> None:
    """Never answers."""
    done.wait(60)


def drip(head: bytes):
    """Sends ``head``, and then a byte now and then, without end."""

    def answer(handler, done) -> None:
        handler.wfile.write(head)
        while not done.wait(0.02):
            handler.wfile.write(b"x")

    return answer
