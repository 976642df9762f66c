"""What stands in a name or a title, and what would be a link in a mail."""

import pytest
from django.core.exceptions import ValidationError

from experts.validators import validate_no_web_address

NAMES = (
    "Dr.Weiss", "Dr.Li", "Dr. No", "St. John", "J.R.R. Tolkien", "j.r.r. tolkien", "Müller.Schmidt", "Anna.Li",
    "O’Brien", "Mag.Dr.phil. Weiss", "Dr.med.dent. A. Io", "Prof.Dr.Ing. Köhler", "Dr.Weiss/Dr.Meier", "Ph.D. Ma",
    "M.Sc. Co",
    "王.小明", "Lena Fischer, Praxis am Markt 3.Stock", "First visit (30 min)", "Yoga 18.30 Uhr", "c/o Weiss", "No.1",
)  # fmt: skip
ADDRESSES = (
    "Your account is locked, verify at https://evil.example/login", "http://1.2.3.4", "ftp://x", "see www.evil.de",
    "WWW2.Evil.De", "bit.ly/3x", "Evil.Ly/3x", "evil.com", "EVIL.COM", "Lena evil.com now", "evil.co.uk", "evil.ru",
    "sub.evil.shop/now", "evil.com:8080", "evil。com", "evil．com", "ev\u200bil\u200b.com", "lena@evil.com", "évil.com",
    "xn--80ak6aa92e.com", "пример.рф", "evil.schmidt?q", "evil.com.",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_passes(name):
    validate_no_web_address(name)


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_mail_programs_make_a_link_does_not(address):
    with pytest.raises(ValidationError, match="web addresses"):
        validate_no_web_address(address)
