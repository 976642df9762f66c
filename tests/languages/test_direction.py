"""Pages and mails say in which direction their language is read."""

import pytest
from django.test import Client, override_settings

from bookingsite.accounts.tasks import send_password_link
from tests.staff import make_superuser

pytestmark = pytest.mark.django_db
PAGES = ("/bookings/", "/account/login/", "/nowhere/", "/bookings/link/x/")
DIRECTIONS = {"en": "ltr", "ar": "rtl", "he": "rtl", "fa": "rtl", "ur": "rtl"}


@pytest.mark.parametrize("language", DIRECTIONS)
def test_pages_and_mails_name_the_direction_of_their_language(mailoutbox, language):
    with override_settings(LANGUAGE_CODE=language, LANGUAGES=[(language, language)]):
        pages = [Client().get(address).content.decode() for address in PAGES]
        send_password_link(user_id=make_superuser().pk, asked_at="1")
    for html in [*pages, mailoutbox[0].alternatives[0][0]]:
        assert f'<html lang="{language}" dir="{DIRECTIONS[language]}"' in html
