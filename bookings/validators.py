"""Check what people type: texts in any script, without characters that nobody can see; addresses of webhooks."""

import re
import unicodedata
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from experts.validators import validate_no_web_address

_UNICAST = IPv6Network("2000::/3")  # all that is assigned to the public network (RFC 4291, 2.5.4)
_NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address, as seen from a network without IPv4 (RFC 6052)
# Called global by Python 3.11, or leading to another address: relays of 6to4, 6to4, Teredo, documentation.
_NOT_PUBLIC: list[IPv4Network | IPv6Network] = [
    IPv4Network("192.0.0.0/24"),  # of protocols; two addresses in it count as global
    IPv4Network("168.63.129.16/32"),  # from within Azure, a service of the machine's own
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2002::/16"),
    IPv6Network("2001::/32"),
    IPv6Network("3fff::/20"),
]
# Overrides and isolates of text direction: they make a text read differently from what it says.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def validate_printable(text: str) -> None:
    """Refuse control characters (NUL too) and direction overrides; line breaks and tabs are fine."""
    if any((unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\r\t") or c in _DIRECTION for c in text):
        raise ValidationError(gettext_lazy("Remove the invisible control characters."), code="control")


def validate_plain_text(text: str) -> None:
    """As ``validate_printable``, and on one line."""
    validate_printable(text)
    if any(c in "\n\r\t\u2028\u2029" for c in text):
        raise ValidationError(gettext_lazy("Write this on one line."), code="line_break")


# Of whoever books, waits or founds something: their names stand in mails to others.
NAME_VALIDATORS = [validate_plain_text, validate_no_web_address]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public network: not private, loopback, link-local, multicast, reserved …"""
    ip = ip_address(address)
    if ip.version == 6:
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = IPv4Address(int(ip) & 0xFFFFFFFF)
    if any(ip in network for network in _NOT_PUBLIC if network.version == ip.version):
        return False
    if ip.version == 6 and ip not in _UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def split_url(url: str) -> SplitResult:
    """The parts of an endpoint's address. Raises ValidationError, with words for people, unless it can be used.

    What its name leads to is checked when something is sent, each time.
    """
    schemes = ("https", "http") if settings.WEBHOOKS_ALLOW_PRIVATE else ("https",)
    try:
        parts = urlsplit(url)
        _port = parts.port  # raises for one that is no number
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError as error:  # UnicodeError is one, too
        raise ValidationError(_("Enter a valid address.")) from error
    if parts.scheme not in schemes:
        raise ValidationError(_("The address must start with %(scheme)s://") % {"scheme": schemes[0]})
    # Line breaks would be dropped without a word by urlsplit.
    if not host or re.search(r"[\x00-\x20\x7f]", url) or not (parts.path + parts.query).isascii():
        raise ValidationError(_("Enter a valid address."))
    if parts.username is not None or parts.password is not None:
        raise ValidationError(_("Leave out user name and password: the signature shows who is calling."))
    if parts.fragment:
        raise ValidationError(_("Leave out what follows the #."))
    return parts


def validate_webhook_url(url: str) -> None:
    """Also refuses what can be seen to be no public address, so that nobody waits for a delivery to learn it."""
    host = split_url(url).hostname or ""
    if settings.WEBHOOKS_ALLOW_PRIVATE:
        return
    try:
        refused = not is_public(host)
    except ValueError:  # a name
        refused = host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    if refused:
        raise ValidationError(_("This address cannot be reached from the internet."))
