"""Block an address, a domain or a network of an organisation for a while, and end that."""

import ipaddress

from django.core.exceptions import ValidationError
from django.core.validators import DomainNameValidator, validate_email
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.errors import InvalidDetails
from bookings.models import Block
from bookings.models.block import BlockKind
from bookings.models.recipient import normalised
from bookings.networks import PREFIX

MOST_BLOCKS = 500  # live ones of an organisation: whoever books there has all of them looked through
_SHORTEST_PREFIX = {4: 16, 6: 32}  # a larger network is a country or a provider


def block(*, wanted: Block) -> Block:
    """Keep a new block, its value written in the one way in which it is compared.

    Raises InvalidDetails: the value is none of its kind, the time is over, or there are too many blocks.
    """
    try:
        wanted.value = _READ[BlockKind(wanted.kind)](wanted.value.strip().lower())
        wanted.full_clean()
    except ValidationError as error:
        raise InvalidDetails(error.message_dict) from error
    except ValueError as error:
        raise InvalidDetails({"value": [str(error)]}) from error
    if wanted.until <= timezone.now():
        raise InvalidDetails({"until": [_("Choose a time that lies ahead.")]})
    if Block.objects.live().filter(organization=wanted.organization).count() >= MOST_BLOCKS:
        raise InvalidDetails(
            {"value": [_("There are %(count)d blocks already. End some first.") % {"count": MOST_BLOCKS}]}
        )
    wanted.save(force_insert=True)
    return wanted


def end_block(*, block_id: int) -> bool:
    """Let them book again from now on. False when it had ended."""
    return bool(Block.objects.live().filter(pk=block_id).update(until=Now()))


def _read_address(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError as error:
        raise ValueError(_("Enter an e-mail address, such as ann@example.com.")) from error
    return normalised(text)


def _read_domain(text: str) -> str:
    domain = text.rpartition("@")[2]
    try:
        DomainNameValidator()(domain)
    except ValidationError as error:
        raise ValueError(_("Enter what follows the @ of an address, such as example.com.")) from error
    return domain


def _read_network(text: str) -> str:
    """An address alone stands for its network, as bookings keep it."""
    try:
        found = ipaddress.ip_interface(text)
    except ValueError as error:
        raise ValueError(_("Enter a network such as 192.0.2.0/24 or 2001:db8:1:2::/64.")) from error
    usual = PREFIX[found.version]
    prefix = min(found.network.prefixlen, usual)
    if prefix < _SHORTEST_PREFIX[found.version]:
        raise ValueError(_("This network is too large: many people would be shut out."))
    return str(ipaddress.ip_network((found.ip, prefix), strict=False))


_READ = {BlockKind.ADDRESS: _read_address, BlockKind.DOMAIN: _read_domain, BlockKind.NETWORK: _read_network}
