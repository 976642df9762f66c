"""E-mails: each as text and as HTML, true at the moment they are sent, and safe with whatever people type."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bookings.mail.building import ACCENT_COLOURS
from bookings.models import Booking, LookupLink, LookupRequest, Status
from bookings.tasks import send_lookup_link
from experts.models import Organization
from experts.models.organization import Accent
from tests.cast import make_booking, make_expert, make_organization, make_slot
from tests.mail import send_mail

pytestmark = pytest.mark.django_db


def test_confirmation_names_the_time_in_the_bookers_zone(mailoutbox):
    organization = make_organization(name="Hale & Partners", contact_email="desk@example.com")
    expert = make_expert(name="Priya <Raman>", organization=organization, timezone="Europe/London", venue="phone")
    slot = make_slot(expert, starts_at=datetime(2027, 7, 1, 12, 30, tzinfo=UTC))
    booking = make_booking(slot, email="lena@example.com", timezone="Europe/Berlin")
    send_mail(booking, booking.status.lower(), 0)
    [mail] = mailoutbox
    assert mail.to == ["lena@example.com"]
    assert mail.reply_to == ["desk@example.com"]
    assert mail.subject == "You're booked: Priya <Raman>, Thu 1 Jul, 14:30 Berlin time"
    assert "Thursday 1 July 2027, 14:30 – 15:00, Berlin time (GMT+2). 13:30 in London." in mail.body
    assert booking.reference in mail.body
    assert "Hale & Partners" in mail.body


def test_html_links_to_a_session_that_is_an_address_of_the_web(mailoutbox):
    booking = make_booking(make_slot(make_expert(venue="video", venue_note="https://meet.example.org/x?a=1&b=2")))
    send_mail(booking, "confirmed", 0)
    assert 'href="https://meet.example.org/x?a=1&amp;b=2"' in html_of(mailoutbox[0])
    assert "Video call, https://meet.example.org/x?a=1&b=2" in mailoutbox[0].body


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.CONFIRMED, Status.PENDING}))
def test_nothing_is_sent_that_is_no_longer_true(status, mailoutbox):
    booking = make_booking(make_slot())
    Booking.objects.update(status=status, expires_at=booking.created_at)
    send_mail(booking, booking.status.lower(), 0)
    send_mail(booking.pk + 1, "confirmed", 0)
    assert mailoutbox == []


def test_a_name_cannot_add_headers(mailoutbox):
    booking = make_booking(make_slot(make_expert(name="Line\nBcc: x@example.com")))
    send_mail(booking, booking.status.lower(), 0)
    assert "\n" not in mailoutbox[0].subject


def html_of(mail) -> str:
    [(html, kind)] = mail.alternatives
    assert kind == "text/html"
    return html


def test_the_logo_stands_above_with_its_size_and_an_address_for_everywhere(mailoutbox, settings):
    settings.SITE_URL = "https://book.example.org/"
    organization = make_organization(name="Hale <&> Partners")
    slot = make_slot(make_expert(organization=organization))
    send_mail(make_booking(slot), "confirmed", 0)
    assert "<img" not in html_of(mailoutbox[0])
    Organization.objects.filter(pk=organization.pk).update(logo=f"logos/{organization.pk}/{'a' * 32}-288x96.png")
    send_mail(make_booking(make_slot(slot.expert, at="15:00")), "confirmed", 0)
    [picture] = re.findall(r"<img[^>]*>", html_of(mailoutbox[1]))
    assert f'src="https://book.example.org/media/logos/{organization.pk}/{"a" * 32}-288x96.png"' in picture
    assert 'width="144" height="48" alt="Logo of Hale &lt;&amp;&gt; Partners"' in picture


class TestTextAndHtml:
    @pytest.fixture
    def organization(self):
        return make_organization(
            name="Hale & Partners",
            accent="ocean",
            mail_footer="Bring <ID>\nUnit 4",
            contact_email="desk@example.com",
            cancel_until=timedelta(hours=1),
        )

    @pytest.fixture
    def slot(self, organization):
        expert = make_expert(
            name="Priya Raman",
            organization=organization,
            timezone="Europe/London",
            venue="video",
            venue_note="Lift B",
        )
        return make_slot(expert, starts_at=datetime(2027, 7, 1, 22, 30, tzinfo=UTC), title="Tax <review>")

    def sent(self, booking, mailoutbox):
        send_mail(booking, booking.status.lower(), 0)
        return mailoutbox[-1]

    def test_both_name_the_same_instant_in_the_bookers_zone(self, slot, mailoutbox):
        mail = self.sent(make_booking(slot, timezone="Europe/Berlin"), mailoutbox)
        for body in (mail.body, html_of(mail)):
            assert "Friday 2 July 2027" in body  # the day after, in Berlin
            assert "00:30 – 01:00" in body.replace("2027, ", "")
            assert "Berlin time (GMT+2). Thu 1 July, 23:30 in London." in body
            assert "22:30" not in body
        assert "Fri 2 Jul, 00:30 Berlin time" in mail.subject

    @pytest.mark.parametrize(
        ("zone", "shown"), [("", "23:30"), ("Asia/Kolkata", "04:00"), ("America/New_York", "18:30")]
    )
    def test_in_every_zone(self, slot, mailoutbox, zone, shown):
        mail = self.sent(make_booking(slot, timezone=zone), mailoutbox)
        assert all(f"{shown} – " in body for body in (mail.body, html_of(mail)))

    def test_names_are_escaped_in_html_and_kept_in_text(self, slot, mailoutbox):
        mail = self.sent(make_booking(slot, name="Lena <b>&</b> Co"), mailoutbox)
        assert "Hello Lena <b>&</b> Co," in mail.body
        assert "Tax <review>" in mail.body
        assert "Bring <ID>\nUnit 4" in mail.body
        html = html_of(mail)
        assert "Hello Lena &lt;b&gt;&amp;&lt;/b&gt; Co," in html
        assert "Tax &lt;review&gt;" in html
        assert "Bring &lt;ID&gt;<br>Unit 4" in html
        assert "Hale &amp; Partners" in html
        assert "<b>" not in html

    def test_both_have_the_link_that_opens_the_booking(self, slot, mailoutbox, client, settings):
        settings.SITE_URL = "https://book.example.org/"
        booking = make_booking(slot)
        mail = self.sent(booking, mailoutbox)
        links = {
            re.search(r"https://book\.example\.org(/bookings/link/[^/]+/)", body)[1]
            for body in (mail.body, html_of(mail))
        }
        [link] = links
        assert client.post(link)["Location"] == f"/bookings/{booking.reference}/"

    def test_the_html_has_the_organisations_accent_and_minds_the_dark(self, slot, mailoutbox):
        html = html_of(self.sent(make_booking(slot), mailoutbox))
        light, dark, _ = ACCENT_COLOURS["ocean"]
        assert f"background-color:{light}" in html
        assert dark in html.partition("prefers-color-scheme: dark")[2]
        assert 'name="color-scheme" content="light dark"' in html

    def test_it_loads_nothing_from_anywhere(self, slot, mailoutbox):
        """Neither a tracker nor a font: the only addresses are the links."""
        html = html_of(self.sent(make_booking(slot), mailoutbox))
        assert not re.search(r"<(img|link|script|iframe)|url\(|@import|src=", html)

    def test_a_request_says_that_it_is_one(self, slot, mailoutbox):
        mail = self.sent(make_booking(slot, status=Status.PENDING, timezone="Europe/Berlin"), mailoutbox)
        for body in (mail.body, html_of(mail).replace("&amp;", "&")):
            assert "Hale & Partners approves each booking by hand" in body
            assert "You hear from us by" in body
            assert "you are booked" not in body

    def test_no_program_answers_it(self, slot, mailoutbox):
        assert self.sent(make_booking(slot), mailoutbox).extra_headers["Auto-Submitted"] == "auto-generated"


def contrast(one: str, other: str) -> float:
    """Of two colours ``#rrggbb``, as WCAG 2 defines it."""

    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("accent", list(Accent))
def test_buttons_can_be_read_in_every_accent(accent):
    light, dark, on_dark = ACCENT_COLOURS[accent]
    assert contrast("#ffffff", light) >= 4.5
    assert contrast(on_dark, dark) >= 4.5


def test_the_look_up_mail_says_until_when_in_the_readers_zone(mailoutbox):
    make_booking(make_slot(), email="lena@example.com")
    request = LookupRequest.objects.create(visitor="v" * 32, email="lena@example.com", timezone="Asia/Kolkata")
    send_lookup_link(request_id=request.pk)
    [mail] = mailoutbox
    until = LookupLink.objects.get().expires_at.astimezone(ZoneInfo("Asia/Kolkata"))
    for body in (mail.body, html_of(mail)):
        assert f"until {until:%H:%M}, Kolkata time (GMT+5:30)" in body
        assert "works once" in body
    assert "Amara" not in mail.body + html_of(mail), "the mail itself tells nothing about the bookings"


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.REJECTED, Status.EXPIRED])
def test_no_mail_calls_a_seat_free_that_nobody_can_have(status, mailoutbox):
    """Who is away has closed the slot; and by the time that a mail is read, somebody else may have the seat."""
    slot = make_slot(make_expert(organization=make_organization(contact_email="desk@example.com")), is_closed=True)
    booking = make_booking(slot, status=status, expires_at=slot.starts_at)
    send_mail(booking, status.lower(), 0)
    if status == Status.EXPIRED:
        send_mail(booking, "staff_expired", 0)
    assert mailoutbox
    for mail in mailoutbox:
        for body in (mail.body, html_of(mail)):
            assert "free" not in body.lower() and "seat" not in body.lower()
