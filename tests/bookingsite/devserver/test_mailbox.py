"""/dev/mailbox/ shows what was sent, in development and nowhere else."""

import os
import re

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection

from tests.bookingsite.devserver import urls
from tests.cast import make_booking, make_slot
from tests.mail import send_mail

pytestmark = pytest.mark.django_db
FILES = "django.core.mail.backends.filebased.EmailBackend"


@pytest.fixture
def mailbox(settings, tmp_path):
    settings.DEBUG = True
    settings.ROOT_URLCONF = urls.__name__
    settings.EMAIL_BACKEND = FILES
    settings.EMAIL_FILE_PATH = str(tmp_path)
    return tmp_path


def send(
    subject,
    html="<html><head></head><body><p>Hi <a href='/x/'>there</a></p></body></html>",
    body="Hi http://a.example/x/",
):
    mail = EmailMultiAlternatives(subject, body, to=["lena@example.com"])
    if html:
        mail.attach_alternative(html, "text/html")
    return mail


def test_lists_newest_first_and_shows_one(client, mailbox):
    seen, kept = set(), []
    for number in range(3):
        kept.append(send(f"Mail {number} ü"))  # a file is named by the second and by the object that writes it
        kept[-1].send()
        [new] = set(mailbox.glob("*.log")) - seen
        seen.add(new)
        os.utime(new, (number, number))  # the clock of a file system ticks too slowly to tell three mails apart
    body = client.get("/dev/mailbox/").content.decode()
    subjects = re.findall(r"Mail \d ü", body)
    assert subjects == ["Mail 2 ü", "Mail 1 ü", "Mail 0 ü"]
    assert "lena@example.com" in body
    first = re.search(r'href="(/dev/mailbox/[^"]+/)"', body)[1]
    mail = client.get(first).content.decode()
    assert "Mail 2 ü" in mail
    assert '<a href="http://a.example/x/"' in mail
    assert f'src="{first}html/"' in mail


def test_several_mails_in_one_file(client, mailbox):
    get_connection().send_messages([send("One"), send("Two")])
    body = client.get("/dev/mailbox/").content.decode()
    assert body.index("Two") < body.index("One")
    assert len(set(re.findall(r"/dev/mailbox/[^\"/]+/", body))) == 2


def test_the_html_may_style_itself_and_nothing_else(client, mailbox):
    booking = make_booking(make_slot())
    send_mail(booking, booking.status.lower(), 0)
    first = re.search(r'href="(/dev/mailbox/[^"]+/)"', client.get("/dev/mailbox/").content.decode())[1]
    response = client.get(f"{first}html/")
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'unsafe-inline'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert '<base target="_top">' in response.content.decode()
    assert "unsafe-inline" not in client.get(first)["Content-Security-Policy"]


def test_a_mail_without_html(client, mailbox):
    send("Plain", html="", body="<script>alert(1)</script>").send()
    first = re.search(r'href="(/dev/mailbox/[^"]+/)"', client.get("/dev/mailbox/").content.decode())[1]
    body = client.get(first).content.decode()
    assert "<iframe" not in body
    assert "<script>alert" not in body
    assert client.get(f"{first}html/").status_code == 404


def test_without_mails_or_files(client, mailbox, settings):
    assert "No emails yet" in client.get("/dev/mailbox/").content.decode()
    settings.EMAIL_FILE_PATH = None
    assert "EMAIL_URL" in client.get("/dev/mailbox/").content.decode()


@pytest.mark.parametrize("key", ["x", "..%2f..%2fetc%2fpasswd", "%00"])
def test_only_mails_can_be_read(client, mailbox, key):
    (mailbox / "notes.txt").write_text("private")
    send("One").send()
    assert client.get(f"/dev/mailbox/{key}/").status_code == 404
    assert client.get(f"/dev/mailbox/{key}/html/").status_code == 404


def test_the_page_after_a_look_up_leads_there(client, mailbox):
    sent = client.post("/bookings/", {"email": "a@example.com"})["Location"]
    assert "/dev/mailbox/" in client.get(sent).content.decode()


def test_without_debug_there_is_none(client):
    assert client.get("/dev/mailbox/").status_code == 404
    sent = client.post("/bookings/", {"email": "a@example.com"})["Location"]
    assert "/dev/mailbox/" not in client.get(sent).content.decode()
