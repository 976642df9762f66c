"""Talk to a mail server as Django does, in two rounds for each mail instead of four."""

import smtplib
from typing import Any

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from bookings.mail.mime import as_bytes, envelope_address

_READY, _TAKEN, _CLOSING = 354, {250, 251}, 421


class SmtpConnection(EmailBackend):
    """Django's connection; a mail of ours is written by ``bookings.mail.mime``.

    A server that says PIPELINING (RFC 2920), as nearly all do, hears sender, recipients and the wish to send in one
    message. Errors are those that ``smtplib.SMTP.sendmail`` raises.
    """

    def _send(self, email_message: EmailMessage) -> bool:
        if not isinstance(email_message, EmailMultiAlternatives) or not email_message.recipients():
            return bool(super()._send(email_message))  # type: ignore[misc]  # Django's, which the stubs omit
        data = as_bytes(email_message)
        sender, recipients = str(email_message.from_email), email_message.recipients()
        server: Any = self.connection
        server.ehlo_or_helo_if_needed()
        if server.has_extn("pipelining"):
            _send_at_once(server, sender, recipients, data)
        else:
            server.sendmail(envelope_address(sender), [envelope_address(each) for each in recipients], data)
        return True


def _send_at_once(server: smtplib.SMTP, sender: str, recipients: list[str], data: bytes) -> None:
    """As ``server.sendmail``, with one round for what comes before the data."""
    size = f" size={len(data)}" if server.has_extn("size") else ""
    commands = [f"mail FROM:{envelope_address(sender)}{size}"]
    commands += [f"rcpt TO:{envelope_address(recipient)}" for recipient in recipients]
    try:
        server.send("".join(f"{command}\r\n" for command in [*commands, "data"]))
        code, words = server.getreply()
    except smtplib.SMTPServerDisconnected:
        # Of a server that has had enough of this connection, the words may be lost with it. It has heard of no mail.
        raise smtplib.SMTPSenderRefused(_CLOSING, b"", sender) from None
    if code == _CLOSING:
        server.close()
        raise smtplib.SMTPSenderRefused(code, words, sender)
    refused = {}
    for recipient in recipients:
        reply = server.getreply()
        if reply[0] not in _TAKEN:
            refused[recipient] = reply
        if reply[0] == _CLOSING:
            server.close()
            raise smtplib.SMTPRecipientsRefused(refused)
    ready = server.getreply()
    if code != 250 or len(refused) == len(recipients):
        if ready[0] == _READY:  # it takes data for nobody: there are none
            server.send(b".\r\n")
            server.getreply()
        _leave(server, ready[0])
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, words, sender)
        raise smtplib.SMTPRecipientsRefused(refused)
    if ready[0] != _READY:
        _leave(server, ready[0])
        raise smtplib.SMTPDataError(*ready)
    server.send(_quoted(data) + b".\r\n")
    taken = server.getreply()
    if taken[0] != 250:
        _leave(server, taken[0])
        raise smtplib.SMTPDataError(*taken)


def _leave(server: smtplib.SMTP, code: int) -> None:
    """Be ready for another mail, unless the server ends the conversation."""
    if code == _CLOSING:
        server.close()
    else:
        server.rset()


def _quoted(data: bytes) -> bytes:
    """Lines that begin with a point begin with two; the last one ends."""
    data = b"." + data if data.startswith(b".") else data
    data = data.replace(b"\n.", b"\n..")
    return data if data.endswith(b"\r\n") else data + b"\r\n"
