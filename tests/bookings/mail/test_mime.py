"""Mails are written byte by byte as Django and Python's library write them."""

import re
import smtplib
from datetime import UTC, datetime
from email.mime.text import MIMEText

import pytest
from django.core.mail import BadHeaderError, EmailMultiAlternatives
from django.core.mail.message import sanitize_address

from bookings.mail import mime
from bookings.mail.building import Mail
from bookings.mail.examples import SHOWN, example_mail
from tests.cast import make_expert, make_organization


def as_library(mail: EmailMultiAlternatives) -> bytes:
    return mail.message().as_bytes(linesep="\r\n")


def plain(source: bytes) -> bytes:
    """Without what differs from one to the next: lines between parts by their number, and the second."""
    for number, boundary in enumerate(dict.fromkeys(re.findall(rb'boundary="([^"]+)"', source))):
        source = source.replace(boundary, b"=_%032d" % number)
    return re.sub(rb"Date: [^\r]+", b"Date: now", source)


def check(mail: EmailMultiAlternatives, *, is_quick: bool = True) -> None:
    assert plain(mime.as_bytes(mail)) == plain(as_library(mail))
    assert (mime._written(mail) is not None) == is_quick


def make_mail(**given) -> Mail:
    body = given.pop("text", "Hello Lena,\n\nsee you.\n")
    html = given.pop("html", "<p>Hello</p>\n")
    file = given.pop("file", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
    headers = {
        "Message-ID": "<eb-1234-5678.confirmed.0.0123456789ab@expertbook>",
        "Auto-Submitted": "auto-generated",
        "List-Unsubscribe": given.pop("link", "<https://expertbook.example/bookings/not-me/EB-1234.token/>"),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    defaults = {"subject": "You’re booked", "to": ["lena@example.com"], "reply_to": ["desk@example.com"]}
    mail = Mail(body=body, headers=headers, **defaults | given)
    mail.attach_alternative(html, "text/html")
    if file:
        mail.attach("booking.ics", file, "text/calendar; method=REQUEST")
    return mail


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"file": ""},
        {"text": "Grüße, 예약 📅\n", "html": "<p>Grüße</p>", "file": "SUMMARY:Grüße\r\n"},
        {"text": "with\rbreaks\r\nof all\n\nkinds"},
        {"text": "From me\n.\n..\n"},
        {"text": "x" * 998},
        {"reply_to": []},
        {"reply_to": ["Praxis Müller <desk@example.com>", "other@example.com"]},
        {"to": ["Lena Fischer <lena@example.com>"]},
        {"to": ["jörg@müller.example"]},
        {"to": [f"{'long' * 15}@{'longer' * 8}.example.com"]},
        {"from_email": "Praxis Grün <bookings@example.com>"},
        *({"subject": subject} for subject in ("Booked: Amara Okafor, Sun 29 Nov, 09:30 UTC", "Größe", "", "a=?b?=")),
        *({"subject": f"{'word ' * n}end"} for n in range(9, 40)),
        *({"subject": f"{'w' * n}"} for n in range(58, 110)),
        *({"subject": f"two  blanks {'wö ' * n}"} for n in range(0, 40, 5)),
        *({"link": f"<https://expertbook.example/{'a' * n}/>"} for n in range(20, 60)),
        {"link": f"<https://expertbook.example/{'a,b;' * 20}/>"},
    ],
)
def test_as_the_library_writes_them(given):
    check(make_mail(**given))


@pytest.mark.parametrize(
    "mail",
    [
        make_mail(text="x" * 999),
        make_mail(html="ö" * 600),
        make_mail(bcc=["other@example.com"]),
        make_mail(cc=["other@example.com"]),
        Mail("Hi", "only text", to=["lena@example.com"], headers={"Message-ID": "<one@tests>"}),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_it(mail):
    check(mail, is_quick=False)


def test_other_files_are_left_to_it():
    for content in (b"\x89PNG", MIMEText("x")):
        mail = make_mail()
        mail.attach(content) if isinstance(content, MIMEText) else mail.attach("logo.png", content, "image/png")
        assert mime._written(mail) is None


def test_nobody_adds_headers():
    for given in ({"subject": "Hi\nBcc: all@example.com"}, {"to": ["a@example.com\nBcc: all@example.com"]}):
        with pytest.raises(BadHeaderError):
            mime.as_bytes(make_mail(**given))


@pytest.mark.parametrize(
    "address",
    ["lena@example.com", "a.b+c@x.co", "jörg@müller.example", "Lena <lena@example.com>", "o'neill@example.com", "x@y"],
)
def test_addresses_of_the_envelope(address):
    assert mime.envelope_address(address) == smtplib.quoteaddr(sanitize_address(address, "utf-8"))


@pytest.mark.django_db
@pytest.mark.parametrize("kind", SHOWN)
def test_every_mail_to_bookers(kind):
    organization = make_expert(name="Zoë O’Neill", organization=make_organization(name="Grün & Söhne")).organization
    mail = example_mail(organization, kind, "lena@example.com", "<one@expertbook>", datetime(2027, 3, 8, tzinfo=UTC))
    check(mail)
