"""Slips in the domain of an address: asked about once, corrected by one press, never refused."""

import pytest

from bookings.mail_slips import suggest_address
from bookings.models import Booking, WaitlistEntry
from tests.bookings.test_phones import PARTIAL
from tests.cast import book, details, make_slot


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lena@gmial.com", "lena@gmail.com"),
        ("lena@gmai.com", "lena@gmail.com"),
        ("lena@gmaill.com", "lena@gmail.com"),
        ("lena@hotmial.con", "lena@hotmail.com"),
        ("Lena.F@GMAIL.CMO", "Lena.F@gmail.com"),
        ("lena@yahoo.co", "lena@yahoo.com"),
        ("lena@hale-partners.con", "lena@hale-partners.com"),
    ],
)
def test_what_is_odd(typed, meant):
    assert suggest_address(typed) == meant
    assert suggest_address(meant) == ""


@pytest.mark.parametrize(
    "domain",
    [
        "gmail.com",
        "GMAIL.com",
        "ymail.com",
        "mail.com",
        "gmx.com",
        "web.de",
        "yahoo.es",
        "tree.fr",
        "hale.co",
        "a.hale.cm",
    ],
)
def test_what_exists_is_left_alone(domain):
    assert suggest_address(f"lena@{domain}") == ""


@pytest.mark.django_db
@pytest.mark.usefixtures("steps_compared")
class TestTheQuestion:
    def send(self, client, slot, **values):
        return client.post(f"/slots/{slot.pk}/book/", details(**values), headers=PARTIAL)

    def test_is_asked_once_and_going_on_keeps_the_address(self, client):
        slot = make_slot()
        asked = self.send(client, slot, step="review", email="lena@gmial.com")
        body = asked.content.decode()
        assert (asked.status_code, asked.context["form"].suggestion) == (200, "lena@gmail.com")
        assert 'name="meant" value="lena@gmail.com"' in body
        assert body.index('name="step" value="review"') < body.index('name="meant"'), "what Enter presses"
        values = {"email": "lena@gmial.com", "asked": asked.context["form"]["asked"].value()}
        review = self.send(client, slot, step="review", **values)
        assert "Check and confirm" in review.content.decode()
        values["asked"] = review.context["form"]["asked"].value()
        edited = self.send(client, slot, step="edit", **values)
        values["asked"] = edited.context["form"]["asked"].value()
        assert "Check and confirm" in self.send(client, slot, step="review", **values).content.decode()
        assert (
            "Did you mean"
            in self.send(client, slot, step="review", **values | {"email": "x@gmial.com"}).content.decode()
        )
        self.send(client, slot, step="confirm", **values)
        assert Booking.objects.get(status="CONFIRMED").email == "lena@gmial.com"

    def test_one_press_corrects_it_and_goes_on(self, client):
        slot = make_slot()
        review = self.send(client, slot, step="", email="lena@gmial.com", meant="lena@gmail.com")
        assert "Check and confirm" in review.content.decode()
        assert review.context["form"]["email"].value() == "lena@gmail.com"

    def test_on_the_waitlist_too_and_never_in_the_api(self, client):
        slot = make_slot()
        book(slot)
        join = {"step": "join", "email": "noor@outlok.com"}
        asked = client.post(f"/slots/{slot.pk}/waitlist/", details(**join), headers=PARTIAL)
        assert "Did you mean noor@outlook.com?" in asked.content.decode()
        assert not WaitlistEntry.objects.exists()
        client.post(f"/slots/{slot.pk}/waitlist/", details(**join | {"step": "", "meant": "noor@outlook.com"}))
        assert WaitlistEntry.objects.get().email == "noor@outlook.com"
        wanted = {"name": "Lena", "email": "lena@gmial.com"}
        answer = client.post(f"/api/v1/slots/{make_slot().pk}/book", wanted, content_type="application/json")
        assert answer.status_code == 201
