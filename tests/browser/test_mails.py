"""Staff look for an e-mail and have it sent again, in a real browser."""

from playwright.sync_api import expect

from bookings.models import Notification
from tests.cast import book, make_slot
from tests.mail import send_mail
from tests.staff import PASSWORD, make_superuser


def test_staff_go_from_a_booking_to_its_mail_and_have_it_sent_again(page, live_site):
    make_superuser(email="maya@example.com")
    booking = book(make_slot())
    send_mail(booking, "confirmed", 0)
    page.goto("/admin/")
    page.get_by_label("E-mail address").fill("maya@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("link", name="Bookings", exact=True).click()
    page.get_by_role("link", name=booking.reference).click()
    page.get_by_role("link", name="E-mails", exact=True).last.click()  # the first is the menu's
    row = page.get_by_role("row").filter(has_text=booking.reference)
    expect(row).to_contain_text("Confirmed")
    expect(row).to_contain_text("Sent")
    row.get_by_role("link").first.click()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("The e-mail will be sent again in a moment.")).to_be_visible()
    expect(page.get_by_text("To be sent again", exact=True)).to_be_visible()
    assert Notification.objects.get().status == "queued"
