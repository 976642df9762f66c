"""A mail server of our own, as small as can be, that takes mails, turns them away or hangs in the middle of one."""

import socketserver
import sys
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage


class MailServer:
    """Listens on 127.0.0.1. ``mode``: ``takes`` mails, ``refuses`` all connections, or ``hangs`` at the end of a mail.

    ``taken`` holds the mails that it has said yes to, ``unanswered`` those at which it hung. It also hangs once it has
    taken ``most`` mails, and ends each of its ``connections`` after ``most_in_one``. A mail takes it ``delay`` seconds.
    It ``says`` what it is told to instead of yes, by the first word of a command. If it ``pipelines``, it says so.
    """

    def __init__(self, mode: str = "takes"):
        self.mode = mode
        self.most: int | None = None
        self.most_in_one: int | None = None
        self.delay = 0.0
        self.pipelines = False
        self.says: dict[str, str] = {}
        self.connections = 0
        self.taken: list[EmailMessage] = []
        self.unanswered: list[EmailMessage] = []
        self._over = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.mails = self
        self.port = self._server.server_address[1]
        self.url = f"smtp://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def take(self, source: bytes) -> bool:
        """Whether to say yes to a mail. Does not return while it hangs."""
        mail = message_from_bytes(source, policy=policy.default)
        if self.mode == "hangs" or (self.most is not None and len(self.taken) >= self.most):
            self.unanswered.append(mail)
            self._over.wait()
            return False
        if self.delay:
            self._over.wait(self.delay)
        self.taken.append(mail)
        return True

    def stop(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    mails: MailServer

    def handle_error(self, request, client_address):
        """A client that was killed says no goodbye."""
        if not isinstance(sys.exception(), ConnectionResetError):
            super().handle_error(request, client_address)


class _Conversation(socketserver.StreamRequestHandler):
    """One client, by RFC 5321."""

    def handle(self):
        mails, taken = self.server.mails, 0
        mails.connections += 1
        if mails.mode == "refuses":
            self._say("421 Come back later")
            return
        self._say("220 tests")
        while line := self.rfile.readline():
            if reply := mails.says.get(line[:4].strip().upper().decode()):
                self._say(reply)
                if reply.startswith("421"):
                    return
                continue
            match line[:4].strip().upper():
                case b"EHLO" if mails.pipelines:
                    self._say("250-tests")
                    self._say("250-SIZE 35882577")
                    self._say("250 PIPELINING")
                case b"DATA":
                    self._say("354 Go on")
                    lines = iter(self.rfile.readline, b".\r\n")
                    source = b"".join(line[1:] if line.startswith(b"..") else line for line in lines)
                    if not mails.take(source):
                        return
                    taken += 1
                    self._say("250 Taken")
                case b"MAIL" if taken == mails.most_in_one:
                    self._say("421 Enough")
                    return
                case b"QUIT":
                    self._say("221 Bye")
                    return
                case _:
                    self._say("250 OK")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
