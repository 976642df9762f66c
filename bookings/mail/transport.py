"""Hand mails over to the mail server."""

import contextlib
import logging
import smtplib
from types import TracebackType
from typing import Any, Self

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends import smtp

from bookings.mail.log import MailNotSentError
from bookings.mail.smtp import SmtpConnection
from experts import sending
from experts.outages import SELDOM

logger = logging.getLogger(__name__)

CLOSING = 421  # the mail server ends the connection, and has not taken the mail (RFC 5321 3.8)


class Transport:
    """A connection to the mail server for any number of mails, until the end of its ``with`` block.

    Opened for the first mail, and again after a failure. Each step of the conversation is bounded by EMAIL_TIMEOUT.
    """

    def __init__(self, *, may_send: bool = False) -> None:
        """``may_send``: whoever found the mails has asked whether any may be sent (experts/sending.py)."""
        connection = get_connection()
        self._connection = SmtpConnection() if type(connection) is smtp.EmailBackend else connection
        self._has_carried = False  # a mail, over the connection that is open
        self._may_send = may_send

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def hand_over(self, mail: EmailMessage) -> None:
        """Give the mail to the mail server. Raises MailNotSentError, whatever went wrong, and while sending is held."""
        if not self._may_send:
            if sending.is_held():
                raise MailNotSentError("Sending is held", is_away=True, is_held=True)
            self._may_send = True
        had_carried = self._has_carried
        try:
            self._send(mail)
        except MailNotSentError as error:
            # Servers take so many mails of one connection and no more.
            if had_carried and error.code == CLOSING:
                self._send(mail)
            else:
                raise

    def _send(self, mail: EmailMessage) -> None:
        is_away = True
        try:
            self._connection.open()  # unless it is
            is_away = False
            self._connection.send_messages([mail])
        except Exception as error:
            self._close()
            failure = _without_words(error, is_away=is_away)
            if not failure.for_good:
                where = "The mail server cannot be reached" if is_away else "The mail server did not take a mail"
                logger.warning("%s, it is tried again: %s.", where, failure, extra=SELDOM)
            raise failure from None
        self._has_carried = True

    def _close(self) -> None:
        self._has_carried = False
        # Whatever it says, each mail that it has taken was answered before.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self._connection.close()


def _without_words(error: Exception, *, is_away: bool) -> MailNotSentError:
    """Return what may be logged of an error: not the server's words, which hold the address."""
    code: Any = getattr(error, "smtp_code", "")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        [(code, _words)] = error.recipients.values()
    # 5xx: there is no such mailbox. Trying again and again would make our mails look like spam.
    for_good = isinstance(error, smtplib.SMTPRecipientsRefused) and 500 <= code < 600
    # A mail service that refuses the address. By its name: the module brings a whole HTTP client along.
    for_good = for_good or type(error).__name__ == "AnymailRecipientsRefused"
    return MailNotSentError(f"{type(error).__name__} {code}".strip(), code=code, for_good=for_good, is_away=is_away)
