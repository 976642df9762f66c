"""Network addresses cut to what a household, an office or a provider shares."""

import ipaddress

PREFIX = {4: 24, 6: 64}  # by the version of the protocol
_WIDE_PREFIX = {4: 24, 6: 48}


def network_of(address: str) -> str | None:
    """Return the first address of the network that a client's address is in: an IPv4 /24, an IPv6 /64.

    ``address`` is as ``access.visitor.client_address`` returns it. None where it is none ("unknown", "").
    """
    try:
        parsed = ipaddress.ip_interface(address).ip
    except ValueError:
        return None
    return str(ipaddress.ip_network((parsed, PREFIX[parsed.version]), strict=False).network_address)


def wide_network_of(network: str) -> tuple[str, str]:
    """Return the first and the last address of what a provider gives to one customer: an IPv4 /24, an IPv6 /48.

    ``network`` is as ``network_of`` returns it.
    """
    address = ipaddress.ip_address(network)
    wide = ipaddress.ip_network((address, _WIDE_PREFIX[address.version]), strict=False)
    return str(wide.network_address), str(wide.broadcast_address)
