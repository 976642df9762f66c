"""The conversation with the mail server is the same whether it takes several commands at once or not."""

import smtplib

import pytest
from django.core.mail import EmailMultiAlternatives

from bookings.mail.smtp import SmtpConnection
from tests.smtp import MailServer

pytestmark = pytest.mark.parametrize("pipelines", [True, False])


@pytest.fixture
def server(settings, pipelines):
    server = MailServer()
    server.pipelines = pipelines
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    yield server
    server.stop()


@pytest.fixture
def connection(server):
    connection = SmtpConnection()
    yield connection
    connection.close()


def make_mail(body="Hello\n\n.\n..two points\nBye", **options):
    headers = {"Message-ID": "<one@tests>"}
    mail = EmailMultiAlternatives("Hi", body, to=["lena@example.com"], headers=headers, **options)
    mail.attach_alternative(f"<p>{body}</p>", "text/html")
    return mail


def test_mails_arrive_as_they_are(server, connection):
    assert connection.send_messages([make_mail(), make_mail("Ümläute")]) == 2
    bodies = [mail.get_body(("plain",)).get_payload(decode=True).decode() for mail in server.taken]
    assert bodies == ["Hello\r\n\r\n.\r\n..two points\r\nBye", "Ümläute"]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("says", "error", "code"),
    [
        ({"MAIL": "550 Not you"}, smtplib.SMTPSenderRefused, 550),
        ({"MAIL": "550 Not you", "RCPT": "503 No sender", "DATA": "503 No sender"}, smtplib.SMTPSenderRefused, 550),
        ({"RCPT": "550 Nobody here"}, smtplib.SMTPRecipientsRefused, 550),
        ({"RCPT": "451 Later", "DATA": "554 No recipients"}, smtplib.SMTPRecipientsRefused, 451),
        ({"DATA": "452 Full"}, smtplib.SMTPDataError, 452),
    ],
)
def test_a_refused_mail_keeps_none_of_the_next(server, connection, says, error, code):
    connection.open()
    server.says = says
    with pytest.raises(error) as raised:
        connection.send_messages([make_mail()])
    told = raised.value
    assert code == (next(iter(told.recipients.values()))[0] if hasattr(told, "recipients") else told.smtp_code)
    server.says = {}
    assert connection.send_messages([make_mail()]) == 1
    assert [str(mail["To"]) for mail in server.taken if mail["To"]] == ["lena@example.com"]
    assert server.connections == 1


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_has_had_enough_says_so(server, connection, verb):
    connection.open()
    server.says = {verb: "421 Enough"}
    with pytest.raises(smtplib.SMTPException) as raised:
        connection.send_messages([make_mail()])
    told = raised.value
    codes = [reply[0] for reply in told.recipients.values()] if hasattr(told, "recipients") else [told.smtp_code]
    assert codes == [421]
    server.says = {}
    connection.close()
    assert connection.send_messages([make_mail()]) == 1
