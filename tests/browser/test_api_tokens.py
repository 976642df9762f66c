"""An owner makes a token in the admin, and a program uses it."""

from playwright.sync_api import expect

from tests.api.caller import Caller
from tests.browser.test_admin import open_admin
from tests.cast import make_organization
from tests.staff import make_superuser


def test_made_copied_and_revoked(page, live_site):
    make_superuser(email="maya@example.com")
    make_organization(name="Northgate Clinic")
    open_admin(page)
    page.get_by_role("link", name="API tokens").click()
    page.goto("/admin/bookings/apitoken/add/")
    page.locator(".select2-selection").first.click()
    page.get_by_role("option", name="Northgate Clinic").click()
    page.get_by_label("Name").fill("Website")
    page.get_by_role("button", name="Save", exact=True).click()
    secret = page.get_by_text("ebs_").text_content()
    assert Caller(secret).get("/admin/bookings").status_code == 200
    page.get_by_role("link", name="I have copied it").click()
    row = page.get_by_role("row").filter(has_text="Website")
    expect(row).to_contain_text("In use")
    expect(row).not_to_contain_text("Never")
    row.get_by_role("link", name="Website").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("1 token revoked.")).to_be_visible()
    assert Caller(secret).get("/admin/bookings").status_code == 401
